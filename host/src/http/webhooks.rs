//! Webhooks: read within bounds, verified, stored with the runs that they start,
//! and only then answered.

use super::error::ApiError;
use super::{Http, body};
use crate::clock;
use crate::ingress::stripe::Stripe;
use crate::ingress::{self, Provider, Rejected};
use crate::secret::Secret;
use crate::store::Accepted;
use crate::store::records::{Answered, Delivery};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use pawl_engine::{EventId, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /api/stripe/webhook`.
pub(super) async fn stripe(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    // the signature's age counts from here, not from the end of a slow body
    let received_at = clock::now();
    let answer = accept(&http, &Stripe, &http.stripe_secrets, &headers, body, received_at).await;
    let delivery = note("stripe", &answer, received_at);
    http.metrics.webhook(&delivery);
    http.door.note(delivery);
    match answer {
        Ok(taken) => Ok(Json(json!({
            "received": true,
            "id": taken.sender_id,
            "duplicate": taken.answered == Answered::Duplicate,
        }))),
        Err(e) => {
            tracing::warn!(provider = "stripe", code = e.code(), "webhook refused: {e}");
            Err(e)
        }
    }
}

/// A webhook whose event is stored.
struct Taken {
    answered: Answered,
    sender_id: Option<String>,
    event: EventId,
    name: Arc<str>,
}

/// The webhook as it is listed.
fn note(provider: &str, answer: &Result<Taken, ApiError>, at: Timestamp) -> Delivery {
    let provider = provider.to_owned();
    match answer {
        Ok(taken) => Delivery {
            n: 0,
            at,
            provider,
            answered: taken.answered,
            reason: None,
            detail: None,
            sender_id: taken.sender_id.clone(),
            event: Some(taken.event.clone()),
            event_name: Some(taken.name.to_string()),
        },
        Err(e) => Delivery {
            n: 0,
            at,
            provider,
            answered: Answered::Refused,
            reason: Some(e.code().to_owned()),
            detail: Some(e.to_string()),
            sender_id: None,
            event: None,
            event_name: None,
        },
    }
}

async fn accept(
    http: &Http,
    provider: &dyn Provider,
    secrets: &[Secret],
    headers: &HeaderMap,
    body: Body,
    received_at: Timestamp,
) -> Result<Taken, ApiError> {
    if secrets.is_empty() {
        return Err(ApiError::NotConfigured(provider.name()));
    }
    let body = body::read(headers, body, body::WEBHOOK_BYTES).await?;
    let mut event = provider.accept(headers, &body, secrets, received_at)?;
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
        Some(Accepted::Unheard) | None => {
            return Err(Rejected::InvalidEvent("it was not taken".into()).into());
        }
    };
    Ok(Taken { answered, sender_id, event, name })
}
