//! Who may ask: the signing key in production, the own machine in development.

use super::Http;
use super::error::ApiError;
use crate::config::Mode;
use crate::dashboard::Dashboard;
use crate::mask;
use crate::secret::Secret;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;

/// For everything that shows or steers runs.
pub(super) async fn operator(
    State((http, dashboard)): State<(Http, Dashboard)>,
    request: Request,
    next: Next,
) -> Response {
    // a login reads what it sees on its pages, and changes nothing but by their forms
    let is_read = http.mode == Mode::Serve && request.method() == Method::GET;
    if is_read
        && !bears(request.headers(), &http.signing_keys)
        && dashboard.has_login(request.headers()).await
    {
        return masked(next.run(request).await).await;
    }
    let allowed = match http.mode {
        Mode::Serve => signing_key(&http, request.headers()),
        Mode::Dev => own_machine(&request),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(e) => e.into_response(),
    }
}

/// The answer as a screen may show it; what is not JSON is none of ours.
async fn masked(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let Ok(json) = serde_json::from_slice(&body) else {
        return ApiError::Corrupt.into_response();
    };
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(mask::value(json).0.to_string()))
}

/// For pages in development; in production the dashboard has logins.
pub(super) async fn developer(request: Request, next: Next) -> Response {
    match own_machine(&request) {
        Ok(()) => next.run(request).await,
        Err(e) => e.into_response(),
    }
}

fn signing_key(http: &Http, headers: &HeaderMap) -> Result<(), ApiError> {
    if bears(headers, &http.signing_keys) { Ok(()) } else { Err(ApiError::SigningKey) }
}

/// Whether the request brings one of these keys.
pub(super) fn bears(headers: &HeaderMap, keys: &[Secret]) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let Some(given) = given.and_then(|v| v.strip_prefix("Bearer ")) else { return false };
    // all are compared, whichever matches
    keys.iter().filter(|key| key.matches(given.trim())).count() > 0
}

/// `pawl dev` asks for no keys, so that a web page which the developer visits must
/// not reach it: neither by a request across sites nor by a name of its own that
/// points here (DNS rebinding).
pub(super) fn own_machine(request: &Request) -> Result<(), ApiError> {
    let host = request.headers().get(header::HOST).and_then(|v| v.to_str().ok());
    if host.is_some_and(|name| !is_loopback(name)) {
        Err(ApiError::CrossSite)
    } else {
        own_site(request.headers())
    }
}

/// A program names no origin; a web page's browser names the page's.
pub(super) fn own_site(headers: &HeaderMap) -> Result<(), ApiError> {
    let origin = headers.get(header::ORIGIN).map(|v| v.to_str().unwrap_or_default());
    if origin.is_none_or(is_loopback) { Ok(()) } else { Err(ApiError::CrossSite) }
}

/// Whether a `Host` or an `Origin` names this machine.
fn is_loopback(name: &str) -> bool {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let host = match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machines_own_names_are_its_own() {
        for name in
            ["localhost", "localhost:3000", "127.0.0.1:1", "[::1]:3000", "[::1]", "http://localhost:3000"]
        {
            assert!(is_loopback(name), "{name}");
        }
        for name in ["evil.example", "127.0.0.1.evil.example:3000", "https://localhost.evil", "null", ""] {
            assert!(!is_loopback(name), "{name}");
        }
    }
}
