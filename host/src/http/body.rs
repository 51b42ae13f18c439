//! Reading bodies: bounded in size and in time, never unpacked.

use super::error::ApiError;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a webhook. Stripe publishes no maximum; seen are 3–7 KB.
pub(super) const WEBHOOK_BYTES: usize = 1 << 20;

/// Bytes of a request to the event API: a few of the largest events.
pub(super) const EVENTS_BYTES: usize = 10 << 20;

/// Bytes of an operator's wish.
pub(super) const WISH_BYTES: usize = 64 << 10;

/// How long a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a component may take to arrive: 64 MB at 1 MB/s.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(64);

/// How long, and how far, a body that is refused is still read.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 32 << 20;

/// Bytes of a small body, which has its own room: large ones cannot crowd it out.
const SMALL_BYTES: u64 = 64 << 10;

/// How many bodies of whoever may be anybody are held at once: 64 MiB of small ones, and 80 MiB
/// of calls of 5 MiB.
const SMALL: usize = 1_024;
const LARGE: usize = 16;

/// How long a body waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(5);

/// Room for bodies whose senders are not known before they are read: it bounds the memory that
/// strangers can have a host hold. Clones are the same room.
#[derive(Clone)]
pub(super) struct Room {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Room {
    /// Empty.
    pub(super) fn new() -> Self {
        Self { small: Arc::new(Semaphore::new(SMALL)), large: Arc::new(Semaphore::new(LARGE)) }
    }

    /// A place for this body, of which at most `limit` bytes are going to be read; to be held
    /// until its sender is known. `None`: it takes none.
    pub(super) async fn enter(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: u64,
    ) -> Result<(Option<OwnedSemaphorePermit>, Body), ApiError> {
        let room = match body.size_hint().upper() {
            Some(n) if n == 0 || n > limit => return Ok((None, body)),
            // one that does not say how large it is may be as large as it may
            n if n.unwrap_or(limit) <= SMALL_BYTES => &self.small,
            _ => &self.large,
        };
        match tokio::time::timeout(ROOM_WAIT, room.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok((Some(place), body)),
            Ok(Err(_)) | Err(_) => {
                linger(headers, body).await;
                Err(ApiError::NoRoom)
            }
        }
    }
}

/// A request's body of at most `limit` bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    read_within(headers, body, limit, DEADLINE).await
}

/// A component's bytes.
pub(super) async fn read_upload(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    read_within(headers, body, limit, UPLOAD_DEADLINE).await
}

async fn read_within(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    deadline: Duration,
) -> Result<Bytes, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|n| n > limit) {
        linger(headers, body).await;
        return Err(ApiError::TooLarge(limit));
    }
    let read = tokio::time::timeout(deadline, Limited::new(body, limit).collect());
    match read.await {
        Err(_) => Err(ApiError::TooSlow(deadline.as_secs())),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(ApiError::TooLarge(limit)),
        Ok(Err(_)) => Err(ApiError::BrokenBody),
    }
}

/// Reads on for a moment: a sender that is still writing when the connection closes
/// sees it broken, and not the answer. One that waits for `100 Continue` is not.
async fn linger(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let discard = async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    let _end = tokio::time::timeout(LINGER, discard).await;
}
