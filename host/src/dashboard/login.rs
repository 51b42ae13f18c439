//! Logging in with the signing key, and out again.

use super::Dashboard;
use super::error::PageError;
use super::fields::Fields;
use super::session::{self, COOKIE, LASTS};
use super::shell::{Nav, Shell, page};
use super::viewer::{Posted, fields, is_own_site, local};
use crate::clock;
use crate::config::Mode;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    shell: Shell,
    to: String,
    /// Why the last try failed.
    wrong: Option<&'static str>,
}

fn login_page(to: &str, wrong: Option<&'static str>) -> Result<Response, PageError> {
    page(&LoginPage { shell: Shell::bare(Nav::None), to: to.to_owned(), wrong })
}

/// `GET /login`.
pub(super) async fn form(State(dashboard): State<Dashboard>, uri: Uri) -> Result<Response, PageError> {
    let query = Fields::parse(uri.query().unwrap_or_default().as_bytes());
    let to = query.get("to").and_then(local).unwrap_or("/");
    match dashboard.mode {
        Mode::Dev => Ok(Redirect::to(to).into_response()),
        Mode::Serve => login_page(to, None),
    }
}

/// `POST /login`.
pub(super) async fn log_in(
    State(dashboard): State<Dashboard>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    if !is_own_site(&parts.headers) {
        return Err(PageError::Forged);
    }
    let now = clock::now();
    if !dashboard.memory.may_try(now) {
        return Err(PageError::TooMany);
    }
    let fields = fields(body).await?;
    let to = fields.get("to").and_then(local).unwrap_or("/");
    let Some(key) = session::matching(&dashboard.signing_keys, fields.text("key")) else {
        dashboard.memory.failed(now);
        dashboard.record("somebody", "login_refused", "", "not one of the signing keys".into()).await?;
        let mut answer = login_page(
            to,
            Some("This is not the signing key: it is what INNGEST_SIGNING_KEY is set to on the host."),
        )?;
        *answer.status_mut() = axum::http::StatusCode::UNAUTHORIZED;
        return Ok(answer);
    };
    let session = session::begin(&*dashboard.store, key, now).await?;
    let who = format!("login {}", &session.digest()[..8]);
    dashboard.record(&who, "login", "", String::new()).await?;
    let seconds = LASTS.as_millis() / 1_000;
    let mut answer = Redirect::to(to).into_response();
    set_cookie(&mut answer, &parts.headers, session.expose(), seconds);
    Ok(answer)
}

/// `POST /logout`.
pub(super) async fn log_out(
    State(dashboard): State<Dashboard>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, PageError> {
    if let Some(session) = &posted.viewer.session {
        session::end(&*dashboard.store, session).await?;
        dashboard.audit(&posted.viewer, "logout", "", "").await?;
    }
    let mut answer = Redirect::to("/login").into_response();
    set_cookie(&mut answer, &headers, "", 0);
    Ok(answer)
}

fn set_cookie(answer: &mut Response, asked: &HeaderMap, value: &str, seconds: u64) {
    let is_https = asked.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}
