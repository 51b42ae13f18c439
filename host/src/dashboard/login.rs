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
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use pawl_engine::Timestamp;

/// Bytes of the login's form: whoever sends it is a stranger yet.
const FORM_BYTES: usize = 16 << 10;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    shell: Shell,
    to: String,
    /// Why the last try failed.
    wrong: Option<String>,
}

fn login_page(to: &str, wrong: Option<String>) -> Result<Response, PageError> {
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
    let fields = fields(body, FORM_BYTES).await?;
    let now = clock::now();
    let to = fields.get("to").and_then(local).unwrap_or("/");
    let keys = dashboard.keys.signing();
    let Some(key) = session::matching(&keys, fields.text("key")) else {
        return refused(&dashboard, to, now).await;
    };
    let session = session::begin(&*dashboard.store, key, now).await?;
    let who = format!("login {}", &session.digest()[..8]);
    dashboard.record(&who, "login", "", String::new()).await?;
    let seconds = LASTS.as_millis() / 1_000;
    let mut answer = Redirect::to(to).into_response();
    set_cookie(&mut answer, &parts.headers, session.expose(), seconds);
    Ok(answer)
}

/// The form again, after a wrong key. Only so many of them in a minute are put on record: the
/// right key is never kept out by others' wrong ones.
async fn refused(dashboard: &Dashboard, to: &str, now: Timestamp) -> Result<Response, PageError> {
    let Err(wait) = dashboard.memory.failed(now) else {
        dashboard.record("somebody", "login_refused", "", "not one of the signing keys".into()).await?;
        let why = "This is not the signing key: it is what INNGEST_SIGNING_KEY is set to on the host, or one of `pawl keys`.";
        let page = login_page(to, Some(why.into()))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    let why = format!(
        "This is not the signing key, and too many wrong ones were tried: try again in {seconds} seconds."
    );
    let page = login_page(to, Some(why))?;
    let headers = [(header::RETRY_AFTER, seconds.to_string())];
    Ok((StatusCode::TOO_MANY_REQUESTS, headers, page).into_response())
}

/// `POST /logout`.
pub(super) async fn log_out(
    State(dashboard): State<Dashboard>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, PageError> {
    if let Some(session) = &posted.viewer.session {
        session::end(&*dashboard.store, session).await?;
        // an error says that no page is open
        let _nobody = dashboard.memory.logouts.send(posted.viewer.key.clone());
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
