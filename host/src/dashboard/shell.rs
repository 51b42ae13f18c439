//! The frame that all pages share, and the headers under which they are sent.

use super::assets;
use super::error::PageError;
use askama::Template;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

/// What is current in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nav {
    /// Nothing of it.
    None,
    /// Runs.
    Runs,
    /// Functions.
    Functions,
    /// Events.
    Events,
    /// Webhooks.
    Webhooks,
    /// Charts.
    Metrics,
    /// Alerts.
    Alerts,
    /// Who did what.
    Audit,
}

impl Nav {
    /// All places, in their order.
    pub(super) const ALL: [Self; 7] =
        [Self::Runs, Self::Functions, Self::Events, Self::Webhooks, Self::Metrics, Self::Alerts, Self::Audit];

    /// Its name, its path, its icon and the key that leads there behind `g`.
    fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::None => ("", "/", "", ""),
            Self::Runs => ("Runs", "/runs", "runs", "r"),
            Self::Functions => ("Functions", "/functions", "functions", "f"),
            Self::Events => ("Events", "/events", "events", "e"),
            Self::Webhooks => ("Webhooks", "/webhooks", "webhooks", "w"),
            Self::Metrics => ("Metrics", "/charts", "metrics", "m"),
            Self::Alerts => ("Alerts", "/alerts", "alerts", "a"),
            Self::Audit => ("Audit", "/audit", "audit", "u"),
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        self.parts().0
    }

    /// Its path.
    pub(super) fn path(self) -> &'static str {
        self.parts().1
    }

    /// Its icon.
    pub(super) fn icon(self) -> &'static str {
        self.parts().2
    }

    /// Its key.
    pub(super) fn key(self) -> &'static str {
        self.parts().3
    }
}

/// What a sentence says of how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It is done.
    Good,
    /// It is not.
    Bad,
}

/// A sentence on top of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flash {
    tone: Tone,
    /// The sentence.
    pub(super) text: String,
}

impl Flash {
    /// A sentence.
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }

    /// Whether it is about something that was not done.
    pub(super) fn is_bad(&self) -> bool {
        self.tone == Tone::Bad
    }
}

/// The frame of a page: each template has it as `shell`.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    /// Where in the navigation the page is.
    pub(super) nav: Nav,
    /// What its forms carry.
    pub(super) csrf: String,
    /// Its path with its query.
    pub(super) path: String,
    /// How the viewer has reached this host: `http://localhost:3000`.
    pub(super) origin: String,
    /// What is said first.
    pub(super) flash: Option<Flash>,
    /// There is a login to leave.
    pub(super) may_log_out: bool,
    /// In development.
    pub(super) is_dev: bool,
    /// What a browser's copies are held against.
    pub(super) version: &'static str,
}

impl Shell {
    /// For a page of nobody's.
    pub(super) fn bare(nav: Nav) -> Self {
        Self {
            nav,
            csrf: String::new(),
            path: String::new(),
            origin: String::new(),
            flash: None,
            may_log_out: false,
            is_dev: false,
            version: assets::version(),
        }
    }

    /// See `origin`.
    pub(super) fn host(&self) -> &str {
        &self.origin
    }

    /// All places.
    pub(super) fn places(&self) -> [Nav; 7] {
        Nav::ALL
    }
}

/// The page.
pub(super) fn page(template: &impl Template) -> Result<Response, PageError> {
    Ok(Html(template.render()?).into_response())
}

/// Nothing but what this host serves is loaded, run or sent to, whatever a page may contain.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The headers of every page.
pub(super) async fn guard(mut answer: Response) -> Response {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // with "no-referrer" browsers would not say either that a form is of this site
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    answer.headers_mut().extend(fixed);
    answer
}
