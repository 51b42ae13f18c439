//! Every way in which a request is refused, and the only place that knows their
//! HTTP statuses. An answer holds a sentence with the cure, a code for machines and
//! the status: `{"error":"…","code":"…","status":404}`.

use super::auth::WrongKey;
use crate::apps;
use crate::catalog::DeployError;
use crate::ingress::Rejected;
use crate::inngest::sign::BadSignature;
use crate::operator::Refused;
use crate::remote;
use crate::served::{self, Kind};
use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// How long a sender is asked to wait when the host cannot take its request now.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error(transparent)]
    Webhook(#[from] Rejected),
    #[error(
        "no secret is set for Stripe's webhooks: set STRIPE_WEBHOOK_SECRET to the endpoint's signing secret and restart"
    )]
    NotConfigured,
    #[error("no secret is set for this webhook: give its `[[webhook]]` in pawl.toml a `secret` and restart")]
    NoSecret,
    #[error("no webhook has this name: `[[webhook]]` in pawl.toml names the ones there are")]
    NoWebhook,
    #[error("the body has more than {0} bytes, which is the limit here")]
    TooLarge(usize),
    #[error("the body, or its next part, did not arrive within {0} seconds")]
    TooSlow(u64),
    #[error("the body broke off")]
    BrokenBody,
    #[error("{0}")]
    InvalidEvent(String),
    #[error("{0}")]
    InvalidQuery(String),
    #[error("the cursor is none that a page of this list gave: leave it out to begin with the newest")]
    InvalidCursor,
    #[error("the body: {0}")]
    InvalidBody(String),
    #[error("an id or a key in the path is not UTF-8")]
    InvalidPath,
    #[error("{0}; check INNGEST_EVENT_KEY on both sides")]
    EventKey(&'static str),
    #[error(
        "this needs `Authorization: Bearer <signing key>`, and {0}; check that INNGEST_SIGNING_KEY is the same on both sides"
    )]
    SigningKey(WrongKey),
    #[error(
        "metrics want `Authorization: Bearer <token>` with the signing key, or with PAWL_METRICS_TOKEN where that is set"
    )]
    MetricsToken,
    #[error("a request from another site or under another name than localhost is refused in `pawl dev`")]
    CrossSite,
    #[error("there is no {0} with this id: `pawl runs list` and `pawl events` show the ones there are")]
    NotFound(&'static str),
    #[error("nothing is served at this path; `pawl --help` and the README list what is")]
    NoPath,
    #[error("this path does not take this method")]
    Method,
    #[error("this path takes GET, PUT and POST, from an Inngest server")]
    AppMethod,
    #[error(
        "{0}: check that INNGEST_SIGNING_KEY is the same on both sides, without white space and of the right \
         app, and that the clocks agree; a PUT may come unsigned once `serve_origin` is set under [inngest]"
    )]
    AppSignature(#[from] BadSignature),
    #[error(
        "a sync that nobody has signed is under way, and there is one at a time: ask again in a moment, or sign the request"
    )]
    AppSyncing,
    #[error(
        "bodies that nobody has signed yet take all the room that there is for them: ask again in a moment"
    )]
    NoRoom,
    #[error("the body of a sync in band is {{\"url\": \"https://…\"}}, and nothing else")]
    AppSync,
    #[error("{0}")]
    AppCall(served::Refused),
    #[error("{0}")]
    Run(Refused),
    #[error("{0}")]
    Deploy(DeployError),
    #[error("{0}")]
    App(apps::Refused),
    #[error(
        "this needs `Authorization: Bearer <hashed signing key>`, as Inngest's SDKs send it: check that INNGEST_SIGNING_KEY is the same beside the app and here"
    )]
    HashedKey,
    #[error("{0}")]
    NotLive(remote::NotLive),
    #[error("no run waits for this signal now")]
    NoWaiter,
    #[error("runtime state is no longer available: there is no run with this id that is not over")]
    NoState,
    #[error("the host cannot do this now: {0}")]
    Unavailable(String),
    #[error("what is stored cannot be read; the host's log says more")]
    Corrupt,
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound => Self::NotFound("such thing"),
            StoreError::BadCursor => Self::InvalidCursor,
            StoreError::Unavailable(why) => {
                tracing::error!(why, "the store cannot take a request");
                Self::Unavailable("the store is busy, full or locked; nothing was changed".into())
            }
            StoreError::Corrupt(why) => {
                tracing::error!(why, "the store holds what cannot be read");
                Self::Corrupt
            }
            StoreError::Fenced | StoreError::Conflict => {
                Self::Unavailable("somebody else changed the same run at the same time".into())
            }
        }
    }
}

impl From<Refused> for ApiError {
    fn from(e: Refused) -> Self {
        match e {
            Refused::Store(e) => e.into(),
            e => Self::Run(e),
        }
    }
}

impl From<served::Refused> for ApiError {
    fn from(e: served::Refused) -> Self {
        Self::AppCall(e)
    }
}

/// The status of what a served function has come to.
pub(super) fn of_served(kind: Kind) -> StatusCode {
    match kind {
        Kind::Returned => StatusCode::OK,
        Kind::Steps | Kind::StepFailed { .. } => StatusCode::PARTIAL_CONTENT,
        Kind::Failed { again: false } => StatusCode::BAD_REQUEST,
        Kind::Failed { again: true } | Kind::Missing => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status of a sync that the server did not take.
pub(super) fn not_registered() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

impl From<DeployError> for ApiError {
    fn from(e: DeployError) -> Self {
        match e {
            DeployError::Store(e) => e.into(),
            e => Self::Deploy(e),
        }
    }
}

impl ApiError {
    /// The same, about a thing of this kind when it is about one that is not there.
    pub(super) fn about(what: &'static str) -> impl Fn(StoreError) -> Self {
        move |e| match e {
            StoreError::NotFound => Self::NotFound(what),
            e => e.into(),
        }
    }

    /// The reason in one word.
    pub(super) fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    /// What Inngest's own clients say to their server.
    fn message(&self) -> Option<String> {
        match self {
            Self::AppMethod => Some("Method not allowed".into()),
            Self::AppSignature(_) => Some("Unauthorized".into()),
            Self::AppSync | Self::AppSyncing | Self::NoRoom | Self::AppCall(_) => Some(self.to_string()),
            _ => None,
        }
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Webhook(r @ Rejected::Encoded) => (S::UNSUPPORTED_MEDIA_TYPE, r.code()),
            Self::Webhook(r @ Rejected::Mapping(_)) => (S::UNPROCESSABLE_ENTITY, r.code()),
            Self::Webhook(r) => (S::BAD_REQUEST, r.code()),
            Self::NotConfigured => (S::SERVICE_UNAVAILABLE, "not_configured"),
            Self::NoSecret => (S::SERVICE_UNAVAILABLE, "not_configured"),
            Self::NoWebhook => (S::NOT_FOUND, "no_such_webhook"),
            Self::TooLarge(_) => (S::PAYLOAD_TOO_LARGE, "too_large"),
            Self::TooSlow(_) => (S::REQUEST_TIMEOUT, "too_slow"),
            Self::BrokenBody => (S::BAD_REQUEST, "broken_body"),
            Self::InvalidEvent(_) => (S::BAD_REQUEST, "invalid_event"),
            Self::InvalidQuery(_) => (S::BAD_REQUEST, "invalid_query"),
            Self::InvalidCursor => (S::BAD_REQUEST, "invalid_cursor"),
            Self::InvalidBody(_) => (S::BAD_REQUEST, "invalid_body"),
            Self::InvalidPath => (S::BAD_REQUEST, "invalid_path"),
            Self::EventKey(_) => (S::UNAUTHORIZED, "event_key_unknown"),
            Self::SigningKey(_) => (S::UNAUTHORIZED, "invalid_signing_key"),
            Self::MetricsToken => (S::UNAUTHORIZED, "invalid_metrics_token"),
            Self::CrossSite => (S::FORBIDDEN, "cross_site"),
            Self::NotFound(_) => (S::NOT_FOUND, "not_found"),
            Self::NoPath => (S::NOT_FOUND, "no_such_path"),
            Self::Method | Self::AppMethod => (S::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::AppSignature(BadSignature::Missing) => (S::UNAUTHORIZED, "signature_missing"),
            Self::AppSignature(BadSignature::Stale) => (S::UNAUTHORIZED, "signature_stale"),
            Self::AppSignature(BadSignature::Mismatch) => (S::UNAUTHORIZED, "signature_mismatch"),
            Self::AppSync => (S::BAD_REQUEST, "invalid_request"),
            Self::AppSyncing => (S::TOO_MANY_REQUESTS, "sync_under_way"),
            Self::NoRoom => (S::SERVICE_UNAVAILABLE, "no_room"),
            Self::AppCall(served::Refused::Call(_)) => (S::BAD_REQUEST, "invalid_call"),
            Self::AppCall(served::Refused::Busy) => (S::SERVICE_UNAVAILABLE, "busy"),
            Self::AppCall(served::Refused::State(_)) => (S::SERVICE_UNAVAILABLE, "no_state"),
            Self::Run(Refused::NoFunction(_)) => (S::CONFLICT, "function_not_found"),
            Self::Run(Refused::NoStep(_)) => (S::NOT_FOUND, "no_such_step"),
            Self::Run(Refused::NoDeployment(_)) => (S::NOT_FOUND, "no_such_deployment"),
            Self::Run(Refused::Diverges(..)) => (S::CONFLICT, "diverges"),
            Self::Run(Refused::Already(_)) => (S::CONFLICT, "nothing_to_do"),
            Self::Run(Refused::Invalid(_)) => (S::BAD_REQUEST, "invalid_body"),
            Self::Run(Refused::Ended | Refused::Store(_)) => (S::CONFLICT, "run_ended"),
            Self::Deploy(e) | Self::App(apps::Refused::Deploy(e)) => match e {
                DeployError::Store(_) => (S::SERVICE_UNAVAILABLE, e.code()),
                e => (S::UNPROCESSABLE_ENTITY, e.code()),
            },
            Self::App(apps::Refused::Invalid(_)) => (S::BAD_REQUEST, "invalid_registration"),
            Self::App(apps::Refused::NotListed { .. }) => (S::FORBIDDEN, "app_not_listed"),
            Self::App(apps::Refused::OtherKind { .. }) => (S::BAD_REQUEST, "other_server_kind"),
            Self::HashedKey => (S::UNAUTHORIZED, "invalid_signing_key"),
            Self::NotLive(_) => (S::CONFLICT, "not_under_way"),
            Self::NoWaiter => (S::NOT_FOUND, "no_waiter"),
            Self::NoState => (S::GONE, "no_state"),
            Self::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Corrupt => (S::INTERNAL_SERVER_ERROR, "corrupt"),
        }
    }

    /// The answer in the event API's own shape, which its clients expect.
    pub(super) fn with_no_ids(self) -> Response {
        self.answer(true)
    }

    fn answer(self, has_ids: bool) -> Response {
        let (status, code) = self.status_and_code();
        let mut body = json!({"error": self.to_string(), "code": code, "status": status.as_u16()});
        if has_ids {
            body["ids"] = json!([]);
        }
        if let Some(message) = self.message() {
            body["message"] = message.into();
        }
        let mut answer = (status, Json(body)).into_response();
        let headers = answer.headers_mut();
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if matches!(self, Self::TooLarge(_) | Self::TooSlow(_) | Self::BrokenBody | Self::NoRoom) {
            // the rest of the body is not wanted
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.answer(false)
    }
}
