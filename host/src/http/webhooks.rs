//! Webhooks: read within bounds, verified, stored with the runs that they start,
//! and only then answered.

use super::error::ApiError;
use super::{Http, body};
use crate::clock;
use crate::ingress::stripe::Stripe;
use crate::ingress::{Provider, Rejected};
use crate::secret::Secret;
use crate::store::Accepted;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

/// `POST /api/stripe/webhook`.
pub(super) async fn stripe(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let answer = accept(&http, &Stripe, &http.stripe_secrets, &headers, body).await;
    if let Err(e) = &answer {
        tracing::warn!(provider = "stripe", "webhook refused: {e}");
    }
    answer
}

async fn accept(
    http: &Http,
    provider: &dyn Provider,
    secrets: &[Secret],
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    // the signature's age counts from here, not from the end of a slow body
    let received_at = clock::now();
    if secrets.is_empty() {
        return Err(ApiError::NotConfigured(provider.name()));
    }
    let body = body::read(headers, body, body::WEBHOOK_BYTES).await?;
    let event = provider.accept(headers, &body, secrets, received_at)?;
    let id = event.sender.as_ref().map(|s| s.id.clone());
    let name = event.name.clone();
    let accepted = http.intake.accept(vec![event]).await?;
    let is_duplicate = match accepted.first() {
        Some(Accepted::New(event)) => {
            tracing::info!(%event, name = &*name, sender_id = id, "webhook accepted");
            false
        }
        Some(Accepted::Duplicate(event)) => {
            tracing::info!(%event, name = &*name, sender_id = id, "webhook is a duplicate");
            true
        }
        // the store answers each event that it is given
        Some(Accepted::Unheard) | None => {
            return Err(Rejected::InvalidEvent("it was not taken".into()).into());
        }
    };
    Ok(Json(json!({"received": true, "id": id, "duplicate": is_duplicate})))
}
