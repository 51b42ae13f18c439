//! Reading bodies: bounded in size and in time, never unpacked.

use super::error::ApiError;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
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
const SMALL_BYTES: usize = 64 << 10;

/// How many bodies of whoever may be anybody are held at once: 64 MiB of small ones and of
/// beginnings, and 80 MiB of calls of 5 MiB.
const SMALL: usize = 1_024;
const LARGE: usize = 16;

/// How long a body waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(5);

/// How long each further part of a large body may take, which is as large as a small one.
const PART_DEADLINE: Duration = Duration::from_secs(2);

/// Room for bodies whose senders are not known before they are read: it bounds the memory that
/// strangers can have a host hold. Clones are the same room.
#[derive(Clone)]
pub(super) struct Room {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// A place in a [`Room`], until it is dropped.
pub(super) struct Place {
    _held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Empty.
    pub(super) fn new() -> Self {
        Self { small: Arc::new(Semaphore::new(SMALL)), large: Arc::new(Semaphore::new(LARGE)) }
    }

    /// A request's body of at most `limit` bytes, and its place: to be held until its sender is
    /// known. What it announces costs nothing: it has a large place once more than a small body
    /// has come.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
    ) -> Result<(Bytes, Place), ApiError> {
        if body.is_end_stream() {
            return Ok((Bytes::new(), Place { _held: None }));
        }
        let body = unless_too_large(headers, body, limit).await?;
        let Some(small) = place(&self.small).await else {
            linger(headers, body).await;
            return Err(ApiError::NoRoom);
        };
        let mut coming = Coming { body, come: BytesMut::new(), limit };
        if coming.is_whole_at(SMALL_BYTES, DEADLINE).await? {
            return Ok((coming.come.freeze(), Place { _held: Some(small) }));
        }
        let Some(large) = place(&self.large).await else {
            drop((small, coming.come));
            discard(coming.body).await;
            return Err(ApiError::NoRoom);
        };
        drop(small);
        let rest = async {
            while !coming.is_whole_at(coming.come.len() + SMALL_BYTES, PART_DEADLINE).await? {}
            Ok(())
        };
        within(DEADLINE, rest).await?;
        Ok((coming.come.freeze(), Place { _held: Some(large) }))
    }
}

/// `None`: there was none for long.
async fn place(room: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    tokio::time::timeout(ROOM_WAIT, room.clone().acquire_owned()).await.ok()?.ok()
}

/// A body of which a part has come.
struct Coming {
    body: Body,
    come: BytesMut,
    limit: usize,
}

impl Coming {
    /// Reads until it is whole, or more than `bytes` have come; whether it is whole.
    async fn is_whole_at(&mut self, bytes: usize, deadline: Duration) -> Result<bool, ApiError> {
        let more = async {
            while self.come.len() <= bytes {
                let Some(frame) = self.body.frame().await else { return Ok(true) };
                let frame = frame.map_err(|_| ApiError::BrokenBody)?;
                let data = frame.into_data().unwrap_or_default();
                if data.len() > self.limit - self.come.len() {
                    return Err(ApiError::TooLarge(self.limit));
                }
                self.come.extend_from_slice(&data);
            }
            Ok(false)
        };
        within(deadline, more).await
    }
}

async fn within<T>(
    deadline: Duration,
    read: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    tokio::time::timeout(deadline, read).await.unwrap_or(Err(ApiError::TooSlow(deadline.as_secs())))
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
    let body = unless_too_large(headers, body, limit).await?;
    let read = async {
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(e) if e.is::<LengthLimitError>() => Err(ApiError::TooLarge(limit)),
            Err(_) => Err(ApiError::BrokenBody),
        }
    };
    within(deadline, read).await
}

/// The body, unless it announces more than `limit` bytes.
async fn unless_too_large(headers: &HeaderMap, body: Body, limit: usize) -> Result<Body, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_none_or(|n| n <= limit) {
        return Ok(body);
    }
    linger(headers, body).await;
    Err(ApiError::TooLarge(limit))
}

/// Reads on for a moment: a sender that is still writing when the connection closes
/// sees it broken, and not the answer. One that waits for `100 Continue` is not.
async fn linger(headers: &HeaderMap, body: Body) {
    if !headers.contains_key(header::EXPECT) {
        discard(body).await;
    }
}

async fn discard(mut body: Body) {
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
