//! Webhooks: read within bounds, verified, stored with the runs that they start,
//! and only then answered.

use super::error::ApiError;
use super::id::Id;
use super::{Http, body};
use crate::clock;
use crate::dashboard::WebhookEndpoint;
use crate::ingress::endpoint::{Endpoint, Mapping};
use crate::ingress::stripe::Stripe;
use crate::ingress::{self, Provider, Rejected, Said};
use crate::store::Accepted;
use crate::store::records::{Answered, Delivery};
use crate::telemetry::one_line;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use pawl_engine::{EventId, NewEvent, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /api/stripe/webhook`.
pub(super) async fn stripe(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let missing = http.stripe_secrets.is_empty().then_some(ApiError::NotConfigured);
    let stripe = Stripe(http.stripe_secrets.clone());
    take(&http, &stripe, missing, &headers, body).await
}

/// `POST /api/webhooks/{name}`.
pub(super) async fn endpoint(
    State(http): State<Http>,
    Id(name): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    // a name that nobody configured is neither listed nor counted: anybody can make them up
    let found = http.webhooks.iter().find(|endpoint| *endpoint.name == *name);
    let endpoint = found.ok_or(ApiError::NoWebhook)?;
    let missing = endpoint.keys.is_empty().then_some(ApiError::NoSecret);
    take(&http, endpoint, missing, &headers, body).await
}

/// An endpoint, as the dashboard shows it.
pub(super) fn shown(endpoint: &Endpoint) -> WebhookEndpoint {
    let name = &endpoint.name;
    let becomes = match &endpoint.mapping {
        Mapping::AsItCame => format!("an event {name}/…, with the body as its data"),
        Mapping::Templates(_) => "an event by its templates".to_owned(),
        Mapping::Function(id) => format!("what the function {id} makes of webhook/{name}"),
    };
    WebhookEndpoint {
        name: name.to_string(),
        kind: endpoint.kind.clone(),
        becomes,
        is_open: !endpoint.keys.is_empty(),
    }
}

/// Takes a webhook, and notes how it was answered.
async fn take(
    http: &Http,
    provider: &dyn Provider,
    missing: Option<ApiError>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    // the signature's age counts from here, not from the end of a slow body
    let received_at = clock::now();
    let answer = match missing {
        Some(missing) => Err(missing),
        None => accept(http, provider, headers, body, received_at).await,
    };
    let delivery = note(provider.name(), &answer, received_at);
    http.metrics.webhook(&delivery);
    http.door.note(delivery);
    match answer {
        Ok(Taken::Stored(stored)) => Ok(Json(json!({
            "received": true,
            "id": stored.sender_id,
            "duplicate": stored.answered == Answered::Duplicate,
        }))),
        Ok(Taken::Ignored(_, answer)) => Ok(Json(answer)),
        Err(e) => {
            let why = one_line(&e.to_string());
            tracing::warn!(provider = provider.name(), code = e.code(), "webhook refused: {why}");
            Err(e)
        }
    }
}

/// A genuine webhook.
enum Taken {
    /// Its event is stored.
    Stored(Stored),
    /// There was nothing to keep, for this reason; what is answered.
    Ignored(&'static str, Value),
}

struct Stored {
    answered: Answered,
    sender_id: Option<String>,
    event: EventId,
    name: Arc<str>,
}

/// The webhook as it is listed.
fn note(provider: &str, answer: &Result<Taken, ApiError>, at: Timestamp) -> Delivery {
    let blank = Delivery {
        n: 0,
        at,
        provider: provider.to_owned(),
        answered: Answered::Refused,
        reason: None,
        detail: None,
        sender_id: None,
        event: None,
        event_name: None,
    };
    match answer {
        Ok(Taken::Stored(stored)) => Delivery {
            answered: stored.answered,
            sender_id: stored.sender_id.clone(),
            event: Some(stored.event.clone()),
            event_name: Some(stored.name.to_string()),
            ..blank
        },
        Ok(Taken::Ignored(why, _)) => {
            Delivery { answered: Answered::Ignored, reason: Some((*why).to_owned()), ..blank }
        }
        Err(e) => Delivery { reason: Some(e.code().to_owned()), detail: Some(e.to_string()), ..blank },
    }
}

async fn accept(
    http: &Http,
    provider: &dyn Provider,
    headers: &HeaderMap,
    body: Body,
    received_at: Timestamp,
) -> Result<Taken, ApiError> {
    let body = body::read(headers, body, body::WEBHOOK_BYTES).await?;
    let (why, answer) = match provider.accept(headers, &body, received_at)? {
        Said::Event(event) => return store(http, headers, event).await.map(Taken::Stored),
        Said::Ignored(why) => (why, json!({ "received": true, "ignored": why })),
        Said::Answer(why, answer) => (why, answer),
    };
    tracing::info!(provider = provider.name(), why, "webhook ignored");
    Ok(Taken::Ignored(why, answer))
}

async fn store(http: &Http, headers: &HeaderMap, mut event: NewEvent) -> Result<Stored, ApiError> {
    event.trace = ingress::trace(headers);
    let sender_id = event.sender.as_ref().map(|s| s.id.clone());
    let name = event.name.clone();
    let accepted = http.intake.accept(vec![event]).await?.pop();
    let (event, answered) = match accepted {
        Some(Accepted::New(event)) => {
            tracing::info!(%event, name = &*name, sender_id, "webhook accepted");
            (event, Answered::Accepted)
        }
        Some(Accepted::Duplicate(event)) => {
            tracing::info!(%event, name = &*name, sender_id, "webhook is a duplicate");
            (event, Answered::Duplicate)
        }
        // the store answers each event that it is given
        Some(Accepted::Taken(_) | Accepted::Unheard) | None => {
            return Err(Rejected::InvalidEvent("it was not taken".into()).into());
        }
    };
    Ok(Stored { answered, sender_id, event, name })
}
