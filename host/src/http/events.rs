//! Events from programs: Inngest's event API, and the seed's test endpoint.

use super::error::ApiError;
use super::id::Id;
use super::{Http, auth, body};
use crate::config::Mode;
use crate::ingress::api::{self, Seed};
use crate::store::Accepted;
use crate::telemetry::one_line;
use crate::{clock, ingress};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use pawl_engine::{Span, Timestamp};
use serde_json::json;

/// How far a seed's time may be from ours, for its ids to be the events' own.
const SEED_TOLERANCE: Span = Span::from_secs(2);

/// What Inngest's clients send where none is set.
const NO_EVENT_KEY: &str = "NO_EVENT_KEY_SET";

/// `POST /e/{key}`: one event or an array.
pub(super) async fn accept(
    State(http): State<Http>,
    key: Result<Id, ApiError>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let key = match key {
        Ok(Id(key)) => key,
        Err(e) => return e.with_no_ids(),
    };
    if let (Mode::Dev, Err(e)) = (http.mode, auth::own_site(&headers)) {
        return e.with_no_ids();
    }
    if http.mode == Mode::Serve && !http.keys.event_key_matches(key.trim()) {
        return refused(ApiError::EventKey(wrong_key(&key)));
    }
    store(&http, &headers, body).await
}

/// `POST /api/inngest/test`, in development alone.
pub(super) async fn test(State(http): State<Http>, headers: HeaderMap, body: Body) -> Response {
    store(&http, &headers, body).await
}

/// Whether a function takes events of this name for verified webhooks.
fn is_verified_name(http: &Http, name: &str) -> bool {
    http.webhooks.iter().any(|w| w.function().is_some() && w.event_for_function() == name)
}

async fn store(http: &Http, headers: &HeaderMap, body: Body) -> Response {
    let stored = async {
        let body = body::read(headers, body, body::EVENTS_BYTES).await?;
        let mut events = api::parse(&body).map_err(|e| ApiError::InvalidEvent(e.to_string()))?;
        if let Some(forged) = events.iter().find(|event| is_verified_name(http, &event.name)) {
            let why = format!(
                "`{}` is the event of a verified webhook: it comes from its endpoint alone",
                forged.name
            );
            return Err(ApiError::InvalidEvent(why));
        }
        let trace = ingress::trace(headers);
        events.iter_mut().for_each(|event| event.trace = trace);
        let seed = headers.get(api::SEED).and_then(|v| v.to_str().ok()).and_then(Seed::parse);
        let wished = seed.map(|seed| (seed, seed.give(&mut events)));
        let accepted = match wished {
            Some((seed, ids)) if is_near(seed.at(), clock::now()) => {
                http.intake.accept_with(events, ids).await?
            }
            _ => http.intake.accept(events).await?,
        };
        let ids: Vec<_> = accepted
            .iter()
            .map(|a| match a {
                Accepted::New(id) | Accepted::Duplicate(id) => id.as_str(),
                // what comes from outside is always kept
                Accepted::Taken(_) | Accepted::Unheard => "",
            })
            .collect();
        let duplicates = accepted.iter().filter(|a| matches!(a, Accepted::Duplicate(_))).count();
        tracing::info!(events = ids.len(), duplicates, event = ids.first(), "events accepted");
        Ok(Json(json!({"ids": ids, "status": 200})).into_response())
    };
    stored.await.unwrap_or_else(refused)
}

/// What is wrong with a key that is not one of this host's.
fn wrong_key(key: &str) -> &'static str {
    match key.trim() {
        "" | NO_EVENT_KEY => "no event key came",
        key if key.contains(char::is_whitespace) => {
            "the event key has white space within: copy it again, whole"
        }
        key if key.starts_with("signkey-") => "a signing key came where an event key belongs",
        _ => "the event key is not one of this host's, or has ended",
    }
}

/// Whether ids of this time may be given now: ids sort as events came in, by our clock. The
/// events of another clock are known by their seed all the same, and get ids of ours.
fn is_near(at: Timestamp, now: Timestamp) -> bool {
    at.as_millis().abs_diff(now.as_millis()) <= SEED_TOLERANCE.as_millis()
}

fn refused(why: ApiError) -> Response {
    tracing::warn!(code = why.code(), "events refused: {}", one_line(&why.to_string()));
    why.with_no_ids()
}
