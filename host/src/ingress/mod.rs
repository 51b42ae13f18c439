//! Webhook providers: who sends, how that is proved, what it is called here.
//!
//! Pure: bytes in, an event out. A new provider is a file beside [`stripe`] and a route
//! in `http`.

pub mod api;
pub mod stripe;

use crate::secret::Secret;
use http::HeaderMap;
use pawl_engine::trace::TraceParent;
use pawl_engine::{NewEvent, Timestamp};

/// Somebody who sends webhooks.
pub trait Provider: Send + Sync {
    /// The name in paths, settings and events.
    fn name(&self) -> &'static str;
    /// Verifies a request that was received at `now`, and makes an event of it.
    /// Nothing is parsed before the signature holds.
    fn accept(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<NewEvent, Rejected>;
}

/// The trace that a request is part of, by its one `traceparent` header. `tracestate` is left.
pub fn trace(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all("traceparent").iter();
    let first = all.next().filter(|_| all.next().is_none())?;
    TraceParent::parse(first.to_str().ok()?)
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
    #[error("the signature's time is more than 5 minutes away from this host's clock")]
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
        }
    }
}
