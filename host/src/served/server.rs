//! The Inngest server, as an app asks it: to take its functions, its events, and for what a
//! run's steps have come to.

use crate::answer::{self, Unread};
use crate::config::Inngest;
use crate::inngest::{register, sign};
use crate::keys::Keys;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pawl_engine::{Failure, NewEvent, Payload, Timestamp};
use reqwest::{RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Bytes of a run's state; theirs has at most 32 MiB.
const STATE_BYTES: usize = 40 << 20;

/// Bytes of any other answer.
const ANSWER_BYTES: usize = 1 << 20;

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often events are sent before their step fails, and how long after the first time; it
/// doubles.
const SENDS: u32 = 5;
const SEND_AGAIN: Duration = Duration::from_millis(100);

/// The key for events when there is none, as Inngest's own clients have it.
const NO_EVENT_KEY: &str = "NO_EVENT_KEY_SET";

/// The server.
pub(super) struct Server {
    client: reqwest::Client,
    api: String,
    events: String,
    keys: Keys,
}

/// What a server says to a registration.
#[derive(Debug, Deserialize)]
struct Registered {
    #[serde(default)]
    modified: bool,
    error: Option<String>,
}

#[derive(Serialize)]
struct Sent<'a> {
    name: &'a str,
    data: &'a Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<&'a str>,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

impl Server {
    pub(super) fn new(settings: &Inngest, keys: Keys) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(register::SDK)
            // a key is for this server, and for no other that it may name
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { client, api: settings.api.clone(), events: settings.events.clone(), keys })
    }

    /// Registers the app; whether that has changed anything there. An error is a sentence.
    pub(super) async fn register(
        &self,
        body: &Value,
        deploy_id: Option<&str>,
        expected: Option<&str>,
    ) -> Result<bool, String> {
        let url = format!("{}/fn/register", self.api);
        let text = body.to_string();
        let (status, answer) = self
            .ask(ANSWER_BYTES, || {
                let mut request = self.client.post(&url).header("content-type", "application/json");
                if let Some(id) = deploy_id {
                    request = request.query(&[("deployId", id)]);
                }
                if let Some(kind) = expected {
                    request = request.header("x-inngest-expected-server-kind", kind);
                }
                request.header("x-inngest-sync-kind", "out_of_band").body(text.clone())
            })
            .await
            .map_err(|why| format!("the server at {} did not answer: {why}", self.api))?;
        let said = serde_json::from_slice::<Registered>(&answer).ok();
        if status.is_success() {
            return Ok(said.is_some_and(|said| said.modified));
        }
        let why = said.and_then(|said| said.error).unwrap_or_default();
        let why = crate::telemetry::one_line(&why.chars().take(500).collect::<String>());
        let cure = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                ": check that INNGEST_SIGNING_KEY is the same on both sides, without white space"
            }
            _ => "",
        };
        Err(format!("the server at {} answered {} {why}{cure}", self.api, status.as_u16()))
    }

    /// A run's events and what its steps have come to.
    pub(super) async fn state(&self, run: &str) -> Result<(Bytes, Bytes), String> {
        Ok((self.part_of(run, "batch").await?, self.part_of(run, "actions").await?))
    }

    async fn part_of(&self, run: &str, what: &str) -> Result<Bytes, String> {
        let url = format!("{}/v0/runs/{run}/{what}", self.api);
        match self.ask(STATE_BYTES, || self.client.get(&url)).await? {
            (status, body) if status.is_success() => Ok(body),
            (status, _) => Err(format!("{what} of the run: the server answered {}", status.as_u16())),
        }
    }

    /// Sends a step's events; their ids. However often this is done for the same `step`, the
    /// server gives the same ids.
    pub(super) async fn send(
        &self,
        step: &str,
        at: Timestamp,
        events: &[NewEvent],
    ) -> Result<Vec<String>, Failure> {
        let events: Vec<_> = events.iter().map(sent).collect();
        let broken = |e: serde_json::Error| Failure::new("InvalidEvent", e.to_string()).for_good();
        let body = Bytes::from(serde_json::to_vec(&events).map_err(broken)?);
        let key = self.keys.to_send_events().map_or(NO_EVENT_KEY, Secret::expose);
        let encoded: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let url = format!("{}/e/{}", self.events, encoded.replace('+', "%20"));
        let seed = &Sha256::digest(step.as_bytes())[..10];
        let seed = format!("{},{}", at.as_millis().max(0), STANDARD.encode(seed));
        let mut why = String::new();
        for again in 0..SENDS {
            if again > 0 {
                tokio::time::sleep(SEND_AGAIN * 2u32.pow(again - 1)).await;
            }
            let request = self
                .client
                .post(&url)
                .header("content-type", "application/json")
                .header("x-inngest-sdk", register::SDK)
                .header("x-inngest-event-id-seed", &seed)
                .body(body.clone());
            why = match exchange(request, ANSWER_BYTES).await {
                Ok((status, answer)) if status.is_success() => {
                    let ids = serde_json::from_slice::<Ids>(&answer).map_err(|e| {
                        Failure::new("EventsRefused", format!("the server's answer has no ids: {e}"))
                    })?;
                    return Ok(ids.ids);
                }
                Ok((status, answer))
                    if status.is_client_error()
                        && !matches!(
                            status,
                            StatusCode::TOO_MANY_REQUESTS
                                | StatusCode::REQUEST_TIMEOUT
                                | StatusCode::TOO_EARLY
                        ) =>
                {
                    return Err(refused(status, &answer));
                }
                Ok((status, _)) => format!("it answered {}", status.as_u16()),
                Err(e) => e,
            };
        }
        Err(Failure::new("EventsNotSent", format!("the server at {} took no events: {why}", self.events)))
    }

    /// With the newest key, and where that is refused with the next.
    async fn ask(
        &self,
        limit: usize,
        request: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<(StatusCode, Bytes), String> {
        let (keys, mut at) = (self.keys.signing(), 0);
        loop {
            let request = request().header("x-inngest-sdk", register::SDK);
            let request = request.header("x-inngest-framework", register::FRAMEWORK);
            let request = match keys.get(at) {
                Some(key) => request.bearer_auth(sign::hashed(key)),
                None => request,
            };
            let (status, body) = exchange(request, limit).await?;
            at += 1;
            let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            if !is_refused || at >= keys.len() {
                return Ok((status, body));
            }
        }
    }
}

fn refused(status: StatusCode, answer: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    let said = serde_json::from_slice::<Said>(answer).map(|said| said.error).unwrap_or_default();
    let message = format!("the server refused the events with {}: {said}", status.as_u16());
    let failure = Failure::new("EventsRefused", message);
    match status {
        // another key may come
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => failure,
        _ => failure.for_good(),
    }
    .bounded()
}

fn sent(event: &NewEvent) -> Sent<'_> {
    Sent {
        name: &event.name,
        data: &event.data,
        user: event.user.as_ref(),
        id: event.sender.as_ref().map(|sender| sender.id.as_str()),
        ts: event.at.map(Timestamp::as_millis),
        v: event.version.as_deref(),
    }
}

/// A status and a body of at most `limit` bytes; an error without the URL, which may hold a key.
async fn exchange(request: RequestBuilder, limit: usize) -> Result<(StatusCode, Bytes), String> {
    let said = |e: reqwest::Error| {
        let e = e.without_url();
        let cause = std::error::Error::source(&e).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{e}{cause}")
    };
    let answer = request.send().await.map_err(said)?;
    let status = answer.status();
    let body = answer::body(answer, limit).await.map_err(|unread| match unread {
        Unread::Broken(e) => said(e),
        Unread::TooLong => format!("its answer has more than {limit} bytes"),
    })?;
    Ok((status, body.into()))
}
