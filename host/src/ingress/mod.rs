//! Webhook providers: who sends, how that is proved, what it is called here.
//!
//! Pure: bytes in, an event out. [`stripe`] is known by heart; all others are an
//! [`endpoint`] each, which `pawl.toml` describes.

pub mod api;
pub mod endpoint;
pub mod mapping;
pub mod presets;
pub mod scheme;
pub mod stripe;

use http::{HeaderMap, header};
use pawl_engine::trace::TraceParent;
use pawl_engine::{NewEvent, Timestamp};

/// Somebody who sends webhooks.
pub trait Provider: Send + Sync {
    /// The name in paths, settings and events.
    fn name(&self) -> &str;
    /// Verifies a request that was received at `now`, and says what it comes to.
    /// Nothing is parsed before the signature holds.
    fn accept(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Said, Rejected>;
}

/// What a verified request comes to.
#[derive(Debug, Clone)]
pub enum Said {
    /// An event, to be stored.
    Event(NewEvent),
    /// Nothing to keep, for this reason in one word.
    Ignored(&'static str),
    /// Nothing to keep either, and an answer that its sender waits for.
    Answer(&'static str, serde_json::Value),
}

/// Refuses what is compressed: it would have to be unpacked before it is verified.
fn plain(headers: &HeaderMap) -> Result<(), Rejected> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    match encoding.is_some_and(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Err(Rejected::Encoded),
        false => Ok(()),
    }
}

/// The trace that a request is part of, by its one `traceparent` header. `tracestate` is left.
pub fn trace(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all("traceparent").iter();
    let first = all.next().filter(|_| all.next().is_none())?;
    TraceParent::parse(first.to_str().ok()?)
}

/// What is wrong with a body, without all of what stands in it.
fn shortened(e: &serde_json::Error) -> String {
    e.to_string().chars().take(200).collect()
}

/// Why a webhook is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is no usable signature header.
    #[error("the signature header is missing or malformed")]
    SignatureMissing,
    /// No secret makes any of its signatures.
    #[error("no signature matches: is this endpoint's signing secret configured?")]
    SignatureMismatch,
    /// It was signed too long ago, or in the future.
    #[error(
        "the signature's time is too far away from this host's clock: 5 minutes, unless `tolerance` says otherwise"
    )]
    TimestampOutOfTolerance,
    /// The body is compressed, and is not unpacked before it is verified.
    #[error("a Content-Encoding is not accepted: send the body as it was signed")]
    Encoded,
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    InvalidJson(String),
    /// The body is JSON of the wrong shape.
    #[error("the body is not an event: {0}")]
    InvalidEvent(String),
    /// The endpoint's templates make no event of it.
    #[error(
        "the endpoint's templates make no event of this webhook: {0}; change `[webhook.event]` in pawl.toml"
    )]
    Mapping(String),
}

impl Rejected {
    /// The reason in one word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SignatureMissing => "signature_missing",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TimestampOutOfTolerance => "timestamp_out_of_tolerance",
            Self::Encoded => "content_encoding",
            Self::InvalidJson(_) => "invalid_json",
            Self::InvalidEvent(_) => "invalid_event",
            Self::Mapping(_) => "mapping_failed",
        }
    }
}
