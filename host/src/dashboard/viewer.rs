//! Who looks at a page, and whether a form is theirs.

use super::Dashboard;
use super::error::PageError;
use super::fields::Fields;
use super::json::Sight;
use super::session::{self, Session};
use super::shell::{Flash, Nav, Shell, Tone};
use crate::clock;
use crate::config::Mode;
use crate::store::records::Audit;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use http_body_util::{BodyExt, Limited};
use std::time::Duration;

/// Bytes of a form: an event's data with all of its characters escaped.
pub(super) const FORM_BYTES: usize = 10 << 20;

/// How long a form may take to arrive.
const FORM_DEADLINE: Duration = Duration::from_secs(10);

/// The script asks for a page that it has already.
const REFRESH: &str = "x-pawl-refresh";

/// Who looks.
pub(super) struct Viewer {
    /// As the audit log names them.
    pub(super) who: String,
    /// What their page's URL says behind the `?`.
    pub(super) query: Fields,
    /// The login, when there is one.
    pub(super) session: Option<Session>,
    /// What forms of theirs carry.
    csrf: String,
    /// What they are known by while the host runs.
    pub(super) key: String,
    /// The page's path with its query.
    path: String,
    /// How the host was reached.
    origin: String,
    /// A page that is shown already is asked for again.
    is_refresh: bool,
}

impl FromRequestParts<Dashboard> for Viewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, dashboard: &Dashboard) -> Result<Self, PageError> {
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let (who, key, secret, session) = match dashboard.mode {
            Mode::Dev => ("dev".to_owned(), "dev".to_owned(), dashboard.memory.own.to_vec(), None),
            Mode::Serve if is_bearer(dashboard, &parts.headers) => {
                ("key".to_owned(), "key".to_owned(), dashboard.memory.own.to_vec(), None)
            }
            Mode::Serve => match login(dashboard, &parts.headers).await? {
                Some(session) => {
                    let digest = session.digest();
                    let who = format!("login {}", &digest[..8]);
                    (who, digest, session.expose().as_bytes().to_vec(), Some(session))
                }
                None if parts.method == Method::GET && parts.uri.path() != "/live" => {
                    return Err(PageError::LogIn(path));
                }
                None => return Err(PageError::NoLogin),
            },
        };
        let query = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let is_refresh = parts.headers.contains_key(REFRESH);
        let origin = origin(&parts.headers);
        Ok(Self { origin, who, query, session, csrf: session::token(&secret), key, path, is_refresh })
    }
}

fn is_bearer(dashboard: &Dashboard, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let given = given.and_then(|v| v.strip_prefix("Bearer "));
    given.is_some_and(|given| session::matching(&dashboard.keys.signing(), given).is_some())
}

impl Dashboard {
    /// Whether the request comes from a login. Where that cannot be read, it does not.
    pub async fn has_login(&self, headers: &HeaderMap) -> bool {
        matches!(login(self, headers).await, Ok(Some(_)))
    }
}

/// The login of the request's cookie, if it holds.
async fn login(dashboard: &Dashboard, headers: &HeaderMap) -> Result<Option<Session>, PageError> {
    let Some(session) = cookie(headers) else { return Ok(None) };
    let keys = dashboard.keys.signing();
    let holds = session::holds(&*dashboard.store, &keys, &session, clock::now()).await?;
    Ok(holds.then_some(session))
}

fn cookie(headers: &HeaderMap) -> Option<Session> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == session::COOKIE)
        .and_then(|(_, value)| Session::parse(value))
}

/// What stands before the paths of this host, as its viewer has it.
fn origin(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    format!("{scheme}://{}", text("host").unwrap_or("localhost:3000"))
}

/// A browser that names a page names one of ours: by the name under which it has reached
/// this host, or whoever stands before it.
pub(super) fn is_own_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or_default());
    let Some(origin) = text("origin") else { return true };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && [text("host"), text("x-forwarded-host")].contains(&host)
}

/// The fields of a form's body, which has at most so many bytes.
pub(super) async fn fields(body: Body, bytes: usize) -> Result<Fields, PageError> {
    let read = tokio::time::timeout(FORM_DEADLINE, Limited::new(body, bytes).collect());
    match read.await {
        Ok(Ok(body)) => Ok(Fields::parse(&body.to_bytes())),
        Ok(Err(_)) => Err(PageError::Invalid(format!("This form has at most {bytes} bytes."))),
        Err(_) => Err(PageError::Invalid("The form did not arrive in time: send it again.".into())),
    }
}

/// A form that is its viewer's own.
pub(super) struct Posted {
    /// Who sent it.
    pub(super) viewer: Viewer,
    /// What it says.
    pub(super) fields: Fields,
}

impl FromRequest<Dashboard> for Posted {
    type Rejection = PageError;

    async fn from_request(request: Request, dashboard: &Dashboard) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let viewer = Viewer::from_request_parts(&mut parts, dashboard).await?;
        let fields = fields(body, FORM_BYTES).await?;
        if is_own_site(&parts.headers) && session::is_token(&viewer.csrf, fields.text("csrf")) {
            Ok(Self { viewer, fields })
        } else {
            Err(PageError::Forged)
        }
    }
}

impl Posted {
    /// Where the form says that its viewer came from, if that is a page of ours.
    pub(super) fn back(&self, otherwise: &str) -> String {
        self.fields.get("back").and_then(local).map_or_else(|| otherwise.to_owned(), str::to_owned)
    }
}

/// A path on this host and nowhere else.
pub(super) fn local(path: &str) -> Option<&str> {
    let is_plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (is_plain && path.starts_with('/') && !path.starts_with("//")).then_some(path)
}

impl Dashboard {
    /// The frame of a page.
    pub(super) fn shell(&self, viewer: &Viewer, nav: Nav) -> Shell {
        let said = if viewer.is_refresh { None } else { self.memory.said(&viewer.key, clock::now()) };
        Shell {
            flash: said,
            csrf: viewer.csrf.clone(),
            path: viewer.path.clone(),
            origin: viewer.origin.clone(),
            may_log_out: viewer.session.is_some(),
            is_dev: self.mode == Mode::Dev,
            ..Shell::bare(nav)
        }
    }

    /// How this viewer sees the personal data of a subject: `run:ID`, `event:ID`.
    pub(super) fn sight(&self, viewer: &Viewer, subject: &str) -> Sight {
        match self.memory.revealed(&viewer.key, subject, clock::now()) {
            Some(_) => Sight::Open,
            None => Sight::Masked,
        }
    }

    /// From now on this viewer sees it, for a while, or does not any more.
    pub(super) fn set_sight(&self, viewer: &Viewer, subject: &str, sight: Sight) {
        match sight {
            Sight::Open => self.memory.reveal(&viewer.key, subject, clock::now()),
            Sight::Masked => self.memory.conceal(&viewer.key, subject),
        }
    }

    /// Puts on record what the viewer does; durable when it returns.
    pub(super) async fn audit(
        &self,
        viewer: &Viewer,
        action: &str,
        subject: &str,
        detail: impl Into<String>,
    ) -> Result<(), PageError> {
        self.record(&viewer.who, action, subject, detail.into()).await
    }

    /// The same for one who has no name yet.
    pub(super) async fn record(
        &self,
        who: &str,
        action: &str,
        subject: &str,
        detail: String,
    ) -> Result<(), PageError> {
        tracing::info!(who, action, subject, detail, "dashboard");
        let audit = Audit {
            n: 0,
            at: clock::now(),
            who: who.into(),
            action: action.into(),
            subject: subject.into(),
            detail,
        };
        Ok(self.store.records().keep_audit(audit).await?)
    }

    /// The way to a page, on which this is said.
    pub(super) fn tell(&self, viewer: &Viewer, to: &str, tone: Tone, text: impl Into<String>) -> Response {
        self.memory.say(&viewer.key, Flash::new(tone, text), clock::now());
        Redirect::to(to).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leaves_this_host() {
        for path in ["/", "/runs?status=Failed&q=a%20b", "/runs/01K#steps"] {
            assert_eq!(local(path), Some(path));
        }
        for path in ["", "runs", "//evil.example", "https://evil.example", "/\\evil.example", "/a b", "/a\nb"]
        {
            assert_eq!(local(path), None, "{path}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_not_ours() {
        let headers = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "pawl.example:3000".parse().expect("a header"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a header"));
            }
            headers
        };
        for (origin, is_own) in [
            (None, true),
            (Some("https://pawl.example:3000"), true),
            (Some("https://pawl.example"), false),
            (Some("https://evil.example"), false),
            (Some("null"), false),
        ] {
            assert_eq!(is_own_site(&headers(origin)), is_own, "{origin:?}");
        }
    }

    #[test]
    fn a_login_is_found_among_cookies() {
        let mut headers = HeaderMap::new();
        let value = "ab".repeat(32);
        headers.insert(header::COOKIE, format!("a=1; pawl_session={value}").parse().expect("a header"));
        assert_eq!(cookie(&headers).map(|s| s.expose().to_owned()), Some(value));
        headers.insert(header::COOKIE, "pawl_session=short".parse().expect("a header"));
        assert!(cookie(&headers).is_none());
    }
}
