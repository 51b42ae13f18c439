//! How a page is refused: a sentence with the cure, on a page.

use super::shell::{Nav, Shell};
use crate::operator::Refused;
use crate::store::StoreError;
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

/// Why there is no such page.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// Whoever asks has to log in, and then comes back to this path.
    #[error("log in first")]
    LogIn(String),
    /// Nobody is logged in, and what asks is no page.
    #[error("this needs a login: open the dashboard and log in with the signing key")]
    NoLogin,
    /// The form is not of a page that this host gave to this login.
    #[error("this form is out of date or from another site: go back, reload the page and try again")]
    Forged,
    /// There is no such thing.
    #[error("There is no {0} with this id. It may be older than what is kept.")]
    NotFound(&'static str),
    /// A field of the URL or of the form is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// The store does not answer.
    #[error("The host cannot read this now: the store is busy, full or locked. Nothing was changed.")]
    Unavailable,
    /// The store holds what cannot be read.
    #[error("What is stored cannot be read; the host's log says more.")]
    Corrupt,
}

impl From<StoreError> for PageError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound => Self::NotFound("such thing"),
            StoreError::Corrupt(why) => {
                tracing::error!(why, "the store holds what cannot be read");
                Self::Corrupt
            }
            StoreError::Unavailable(why) => {
                tracing::error!(why, "the store cannot make a page");
                Self::Unavailable
            }
            StoreError::Fenced | StoreError::Conflict => Self::Unavailable,
            StoreError::BadCursor => {
                Self::Invalid("This list cannot go on from here: begin at its newest page again.".into())
            }
        }
    }
}

impl From<askama::Error> for PageError {
    fn from(e: askama::Error) -> Self {
        tracing::error!(error = %e, "a page could not be rendered");
        Self::Corrupt
    }
}

impl PageError {
    /// What "not found" is about.
    pub(super) fn about(what: &'static str) -> impl Fn(StoreError) -> Self {
        move |e| match e {
            StoreError::NotFound => Self::NotFound(what),
            e => e.into(),
        }
    }
}

/// What an operator's wish was refused for, unless it is the store's fault.
pub(super) fn refusal(e: Refused) -> Result<String, PageError> {
    match e {
        Refused::Store(StoreError::Fenced | StoreError::Conflict) => {
            Ok("Somebody else changed the same run at the same time: look at it, and try again.".into())
        }
        Refused::Store(e) => Err(PageError::about("run")(e)),
        e => {
            let text = e.to_string();
            let mut chars = text.chars();
            let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
            Ok(format!("{first}{}.", chars.as_str()))
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    status: u16,
    text: String,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::LogIn(to) => {
                let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
                return Redirect::to(&format!("/login?to={to}")).into_response();
            }
            Self::NoLogin => StatusCode::UNAUTHORIZED,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Corrupt => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let page =
            ErrorPage { shell: Shell::bare(Nav::None), status: status.as_u16(), text: self.to_string() };
        let text = page.render().unwrap_or_else(|_| self.to_string());
        let mut answer = (status, Html(text)).into_response();
        if matches!(self, Self::Unavailable) {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        answer
    }
}
