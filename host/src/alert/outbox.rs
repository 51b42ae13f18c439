//! What is still to be sent: kept until its receiver has said that it has it. In order, one
//! at a time for each channel, and not too many of them.

use super::message::{Message, Notice};
use crate::clock;
use crate::config::alerts::{Channel, Shape, signing_key};
use crate::store::{Store, StoreError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use pawl_engine::alert::{MINUTE, Next, next};
use pawl_engine::{Span, Timestamp};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Where notifications wait.
const BUCKET: &str = "pawl:alerts:outbox";

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// After this time a notification is of no use any more.
const GIVEN_UP_AFTER: Span = Span::from_days(1);

/// Between two tries, at most.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// How long a channel rests when the store cannot be read.
const STORE_REST: Duration = Duration::from_secs(1);

/// Notifications that are summed up in one message at most.
const AT_ONCE: usize = 1_000;

/// Why a notification did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// The receiver says no.
    #[error("it answered {0}")]
    Status(u16),
    /// There was no answer.
    #[error("{0}")]
    NoAnswer(&'static str),
}

impl Undelivered {
    /// Whether the message itself is what the receiver does not like: it never will.
    fn is_for_good(&self) -> bool {
        matches!(self, Self::Status(400 | 413 | 422))
    }
}

/// What is still to be sent. Clones are the same.
#[derive(Clone)]
pub(super) struct Outbox {
    store: Arc<dyn Store>,
    channels: Arc<BTreeMap<String, (Channel, Notify)>>,
    client: Option<reqwest::Client>,
}

/// What a channel has been sent lately.
#[derive(Default)]
struct Sent {
    at: Vec<Timestamp>,
    /// Tries in a row that failed.
    fails: u32,
}

/// What a channel does next.
enum Then {
    /// Waits for something to send.
    Idle,
    /// Looks again after this time.
    Rest(Duration),
}

impl Outbox {
    pub(super) fn new(store: Arc<dyn Store>, channels: BTreeMap<String, Channel>) -> Self {
        let channels = channels.into_iter().map(|(name, c)| (name, (c, Notify::new()))).collect();
        // an answer is not followed to where somebody else says, and nobody between sees the URL
        let client = reqwest::Client::builder()
            .user_agent(concat!("pawl/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build();
        let told = |e: &reqwest::Error| tracing::error!(error = %e, "alerts cannot be sent");
        Self { store, channels: Arc::new(channels), client: client.inspect_err(told).ok() }
    }

    /// Keeps a notification for a channel; durable when it returns. Twice, it is kept once.
    pub(super) async fn put(&self, channel: &str, notice: &Notice) -> Result<(), StoreError> {
        let Some((_, wake)) = self.channels.get(channel) else { return Ok(()) };
        let key = format!("{}{:014}-{}", prefix(channel), notice.at.as_millis(), notice.id);
        let value = serde_json::to_vec(notice).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        self.store.kv_set(BUCKET, &key, Some(value)).await?;
        wake.notify_one();
        Ok(())
    }

    /// Sends until the end.
    pub(super) async fn run(self, end: CancellationToken) {
        if let Err(e) = self.forget_strangers().await {
            tracing::error!(error = %e, "the alerts' outbox cannot be read");
        }
        let mut all = tokio::task::JoinSet::new();
        for name in self.channels.keys() {
            let (this, name, end) = (self.clone(), name.clone(), end.clone());
            all.spawn(async move { this.serve(&name, &end).await });
        }
        while all.join_next().await.is_some() {}
    }

    async fn serve(&self, name: &str, end: &CancellationToken) {
        let Some((channel, wake)) = self.channels.get(name) else { return };
        let mut sent = Sent::default();
        while !end.is_cancelled() {
            let then = self.send_next(name, channel, &mut sent).await.unwrap_or_else(|e| {
                tracing::error!(error = %e, channel = name, "the alerts' outbox cannot be read");
                Then::Rest(STORE_REST)
            });
            tokio::select! {
                () = end.cancelled() => {}
                () = wake.notified(), if matches!(then, Then::Idle) => {}
                () = tokio::time::sleep(if let Then::Rest(rest) = then { rest } else { LONGEST_REST }) => {}
            }
        }
    }

    async fn send_next(&self, name: &str, channel: &Channel, sent: &mut Sent) -> Result<Then, StoreError> {
        let now = clock::now();
        let prefix = prefix(name);
        let mut keys = self.store.kv_keys(BUCKET, &prefix, AT_ONCE).await?;
        keys.retain(|key| key.starts_with(&prefix));
        sent.at.retain(|at| *at <= now && now - *at < MINUTE);
        match next(&sent.at, keys.len(), now) {
            Next::Nothing => return Ok(Then::Idle),
            Next::Wait(until) => return Ok(Then::Rest((until - now).to_std())),
            Next::One => keys.truncate(1),
            Next::Sum => {}
        }
        let mut notices = Vec::new();
        for key in &keys {
            let bytes = self.store.kv_get(BUCKET, key).await?.unwrap_or_default();
            match serde_json::from_slice::<Notice>(&bytes) {
                Ok(notice) if now - notice.at < GIVEN_UP_AFTER => notices.push(notice),
                _ => tracing::error!(channel = name, "an alert could not be sent for a day: it is given up"),
            }
        }
        let Some(message) = Message::of(&notices, now) else {
            self.forget(&keys).await?;
            return Ok(Then::Rest(Duration::ZERO));
        };
        sent.at.push(now);
        match self.post(channel, &message).await {
            Ok(()) => tracing::info!(channel = name, id = message.id, alerts = notices.len(), "alert sent"),
            Err(e) if e.is_for_good() => {
                tracing::error!(channel = name, id = message.id, error = %e, "a channel refuses an alert: it is given up");
            }
            Err(e) => {
                sent.fails += 1;
                let rest = Duration::from_secs(1 << sent.fails.min(9).saturating_sub(1)).min(LONGEST_REST);
                tracing::warn!(channel = name, id = message.id, error = %e, ?rest, "an alert did not arrive: it is sent again");
                return Ok(Then::Rest(rest));
            }
        }
        sent.fails = 0;
        self.forget(&keys).await?;
        Ok(Then::Rest(Duration::ZERO))
    }

    /// What waits for a channel that there is no more waits for nobody.
    async fn forget_strangers(&self) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let mut keys = self.store.kv_keys(BUCKET, &after, AT_ONCE).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after.clone_from(last);
            keys.retain(|key| !self.channels.contains_key(key.split('\n').next().unwrap_or_default()));
            self.forget(&keys).await?;
        }
    }

    async fn forget(&self, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            self.store.kv_set(BUCKET, key, None).await?;
        }
        Ok(())
    }

    /// Sends a channel something at once.
    pub(super) async fn test(&self, channel: &str, url: Option<String>) -> Option<Result<(), Undelivered>> {
        let (channel, _) = self.channels.get(channel)?;
        let now = clock::now();
        let message = Message::of(&[Notice::test(now, url)], now)?;
        Some(self.post(channel, &message).await)
    }

    /// One request. Its URL is in no error.
    async fn post(&self, channel: &Channel, message: &Message) -> Result<(), Undelivered> {
        let Some(client) = &self.client else { return Err(Undelivered::NoAnswer("there is no client")) };
        let request = client.post(channel.url.expose()).header("content-type", "application/json");
        let request = match channel.kind {
            Shape::Slack => request.body(message.slack()),
            Shape::Webhook => {
                let (body, at) = (message.webhook(), clock::now().as_millis() / 1_000);
                let mut request = request.header("webhook-id", &message.id).header("webhook-timestamp", at);
                if let Some(key) = channel.secret.as_ref().and_then(signing_key) {
                    let signature = sign(&key, &format!("{}.{at}.{body}", message.id));
                    request = request.header("webhook-signature", signature);
                }
                request.body(body)
            }
        };
        let answer = request.send().await.map_err(|e| match e {
            e if e.is_timeout() => Undelivered::NoAnswer("it did not answer within 10 s"),
            e if e.is_connect() => Undelivered::NoAnswer("nothing can be reached at its URL"),
            _ => Undelivered::NoAnswer("the connection broke"),
        })?;
        // what it says beside its status is not read
        if answer.status().is_success() { Ok(()) } else { Err(Undelivered::Status(answer.status().as_u16())) }
    }
}

/// What the keys of a channel begin with.
fn prefix(channel: &str) -> String {
    format!("{channel}\n")
}

/// A signature of Standard Webhooks' first version.
fn sign(key: &[u8], signed: &str) -> String {
    // a key of any length will do
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(signed.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
