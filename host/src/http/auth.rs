//! Who may ask: the signing key in production, the own machine in development.

use super::Http;
use super::error::ApiError;
use crate::config::Mode;
use crate::dashboard::Dashboard;
use crate::inngest::sign;
use crate::keys::environment;
use crate::mask;
use crate::secret::Secret;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use std::fmt;

/// For everything that shows or steers runs.
pub(super) async fn operator(
    State((http, dashboard)): State<(Http, Dashboard)>,
    request: Request,
    next: Next,
) -> Response {
    // a login reads what it sees on its pages, and changes nothing but by their forms
    let is_read = http.mode == Mode::Serve && request.method() == Method::GET;
    if is_read
        && signing_key(&http, request.headers()).is_err()
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

/// The signing key as it is, or hashed as Inngest's clients send it.
fn signing_key(http: &Http, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(given) = bearer(headers) else { return Err(ApiError::SigningKey(WrongKey::Missing)) };
    let keys = http.keys.signing();
    // all are compared, whichever matches
    let is_known = |key: &&Secret| key.matches(given) | is_hash_of(key, given);
    if keys.iter().filter(is_known).count() > 0 {
        return Ok(());
    }
    Err(ApiError::SigningKey(WrongKey::of(given, &keys)))
}

fn is_hash_of(key: &Secret, given: &str) -> bool {
    Secret::load(&sign::hashed(key)).is_ok_and(|(hashed, _)| hashed.matches(given))
}

/// What is wrong with a key, as far as its sender may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WrongKey {
    /// There is none.
    Missing,
    /// Something stands within it that no key has.
    Space,
    /// It says that it is for another environment: the one that it names, and ours.
    Elsewhere(String, String),
    /// It is another one.
    Other,
}

impl WrongKey {
    /// Of a key that is none of these.
    pub(super) fn of(given: &str, keys: &[Secret]) -> Self {
        if given.is_empty() {
            return Self::Missing;
        }
        if given.contains(char::is_whitespace) {
            return Self::Space;
        }
        let mut ours = keys.iter().filter_map(|key| environment(key.expose()));
        match (environment(given), ours.clone().next()) {
            (Some(theirs), Some(own)) if theirs.len() <= 32 && ours.all(|own| own != theirs) => {
                Self::Elsewhere(theirs.to_owned(), own.to_owned())
            }
            _ => Self::Other,
        }
    }
}

impl fmt::Display for WrongKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("none came"),
            Self::Space => f.write_str("the one that came has white space within: copy it again, whole"),
            Self::Elsewhere(theirs, own) => {
                write!(
                    f,
                    "the one that came is `signkey-{theirs}-…`, and this host has `signkey-{own}-…`: it is for another environment"
                )
            }
            Self::Other => f.write_str("the one that came is none of this host's, or has ended"),
        }
    }
}

/// What stands behind `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok())?;
    given.strip_prefix("Bearer ").map(str::trim)
}

/// Whether the request brings one of these keys.
pub(super) fn bears(headers: &HeaderMap, keys: &[Secret]) -> bool {
    let Some(given) = bearer(headers) else { return false };
    // all are compared, whichever matches
    keys.iter().filter(|key| key.matches(given)).count() > 0
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
    use super::*;

    #[test]
    fn a_wrong_key_is_told_by_what_is_wrong_with_it() {
        let keys = [Secret::load("signkey-prod-12ab").expect("a key").0];
        let of = |given| WrongKey::of(given, &keys);
        assert_eq!(of("signkey-test-12ab"), WrongKey::Elsewhere("test".into(), "prod".into()));
        assert_eq!(of("signkey-prod-12ac"), WrongKey::Other);
        assert_eq!(of("12ab"), WrongKey::Other);
        assert_eq!(of("signkey-prod-12 ab"), WrongKey::Space);
        assert_eq!(of(""), WrongKey::Missing);
        let long = format!("signkey-{}-1", "x".repeat(33));
        assert_eq!(of(&long), WrongKey::Other, "what was sent is not repeated at length");
        assert_eq!(WrongKey::of("signkey-test-1", &[]), WrongKey::Other);
    }

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
