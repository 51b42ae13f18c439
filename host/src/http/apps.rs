//! What Inngest's SDKs ask of their server: to be registered, and for a run's state when it is
//! too large to be sent along.

use super::error::ApiError;
use super::id::Id;
use super::views::{data, time};
use super::{Http, auth, body};
use crate::apps::{AppState, Apps};
use crate::clock;
use crate::config::Mode;
use crate::dashboard::{AppLine, AppLines};
use crate::inngest::memo::{self, Memo};
use crate::inngest::{self, reply, sign};
use crate::secret::Secret;
use crate::store::{RunRow, StoreError};
use crate::telemetry::one_line;
use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pawl_engine::signal::Signal;
use pawl_engine::{Run, RunId, limits};
use serde_json::{Value, json};
use std::sync::Arc;

/// Bytes of a registration: a thousand functions with all their options.
const REGISTRATION_BYTES: usize = 4 << 20;

/// Bytes of the steps that an app reports in the middle of a call: as of an answer.
const REPORT_BYTES: usize = 8 << 20;

/// Bytes of a signal: an event's data, and its name.
const SIGNAL_BYTES: usize = limits::EVENT_BYTES + (64 << 10);

/// Who may ask as an app: who has a signing key, by its hash; in development, this machine.
pub(super) async fn app(State(http): State<Http>, request: Request, next: Next) -> Response {
    let allowed = match http.mode {
        Mode::Serve => hashed_key(request.headers(), &http.keys.signing()),
        // a page's browser names the page when it sends something, and not always when it reads
        Mode::Dev if request.method() == Method::POST => auth::own_site(request.headers()),
        Mode::Dev => auth::own_machine(&request),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(e) => e.into_response(),
    }
}

/// Whether `Authorization` holds the hash of one of the keys. What stands before the hash, the
/// name of an environment, is not looked at: one side may have its key without it.
fn hashed_key(headers: &HeaderMap, keys: &[Secret]) -> Result<(), ApiError> {
    let given = auth::bearer(headers).map(bare).unwrap_or_default();
    let is_it =
        |key: &&Secret| Secret::load(bare(&sign::hashed(key))).is_ok_and(|(hash, _)| hash.matches(given));
    // all are compared, whichever matches
    if keys.iter().filter(is_it).count() > 0 { Ok(()) } else { Err(ApiError::HashedKey) }
}

fn bare(text: &str) -> &str {
    text.trim().rsplit('-').next().unwrap_or_default()
}

/// `POST /fn/register`.
pub(super) async fn register(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = body::read(&headers, body, REGISTRATION_BYTES).await?;
    let expects = headers.get("x-inngest-expected-server-kind").and_then(|v| v.to_str().ok());
    let deployed = http.apps.register(&body, expects).await.map_err(|e| {
        let e = ApiError::App(e);
        tracing::warn!(code = e.code(), "an app is not registered: {}", one_line(&e.to_string()));
        e
    })?;
    let app = http.catalog.app_of(&deployed.id).await?;
    Ok(Json(json!({
        "ok": true,
        "modified": deployed.is_new,
        "sync_id": inngest::uuid(deployed.id.as_str()),
        "app_id": inngest::uuid(app.as_ref().map_or("", |app| &app.app)),
    }))
    .into_response())
}

/// `GET /v0/runs/{id}/batch`: the run's events.
pub(super) async fn batch(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let row = living(&http, id).await?;
    let mut events = Vec::new();
    for id in row.events() {
        events.push(memo::event(&http.store.event(id.as_str()).await?));
    }
    Ok(Json(events).into_response())
}

/// `POST /v1/checkpoint/{id}/async`: steps that an app has executed in the middle of a call.
/// Answered when they are durable; an app that is refused answers the call with them.
pub(super) async fn checkpoint(
    State(http): State<Http>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = body::read(&headers, body, REPORT_BYTES).await?;
    let (request, steps) = reply::checkpoint(&body, clock::now()).map_err(ApiError::InvalidBody)?;
    http.live.report(&id, request, steps).await.map_err(ApiError::NotLive)?;
    Ok(Json(json!({"ok": true})).into_response())
}

/// `POST /v1/signals`: tells the run that waits for this signal. Answered when that is durable.
pub(super) async fn signal(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = body::read(&headers, body, SIGNAL_BYTES).await?;
    let text = std::str::from_utf8(&body).map_err(|e| ApiError::InvalidBody(e.to_string()))?;
    let signal = Signal::parse(text).map_err(ApiError::InvalidBody)?;
    let run = http.intake.signal(&signal).await?.ok_or(ApiError::NoWaiter)?;
    tracing::info!(%run, signal = one_line(&signal.name), "signal accepted");
    Ok(data(json!({"run_id": run.as_str()})))
}

/// `GET /v0/runs/{id}/actions`: what is known of the run's steps, by their hashed ids.
pub(super) async fn actions(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let row = living(&http, id).await?;
    let run = Run::fold(row.created_at, &row.journal).map_err(|e| {
        tracing::error!(run = %row.id, error = %e, "a run's journal does not hold");
        ApiError::Corrupt
    })?;
    Ok(Json(Memo::of(&run).steps()).into_response())
}

/// A run that is not over: of others an app has nothing to ask.
async fn living(http: &Http, id: String) -> Result<RunRow, ApiError> {
    let row = http.store.run(&RunId::new(id)).await.map_err(|e| match e {
        StoreError::NotFound => ApiError::NoState,
        e => e.into(),
    })?;
    if row.index.status.is_final() { Err(ApiError::NoState) } else { Ok(row) }
}

/// The apps for the dashboard; of a URL only what may be on a screen.
pub(super) fn shown(apps: Apps) -> AppLines {
    let line = |app: AppState| {
        let url = app.shown_url();
        AppLine {
            name: app.name.unwrap_or_else(|| url.clone()),
            url,
            sdk: app.sdk,
            functions: app.functions,
            synced_at: app.synced_at,
            error: app.error,
        }
    };
    Arc::new(move || apps.list().into_iter().map(line).collect())
}

/// `GET /v1/apps`.
pub(super) async fn list(State(http): State<Http>) -> Response {
    let view = |app: AppState| {
        json!({
            "name": app.name,
            "url": app.shown_url(),
            "sdk": app.sdk,
            "framework": app.framework,
            "functions": app.functions,
            "listed": app.is_listed,
            "synced_at": app.synced_at.and_then(time),
            "error": app.error,
        })
    };
    data(http.apps.list().into_iter().map(view).collect::<Vec<Value>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header;

    fn bearer(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {token}").parse().expect("a value");
        headers.insert(header::AUTHORIZATION, value);
        headers
    }

    #[test]
    fn an_app_shows_the_hash_of_a_key_and_never_the_key() {
        let keys = ["signkey-prod-12345678", "0123456789abcdef0123456789abcdef"]
            .map(|key| Secret::load(key).expect("a key").0);
        for key in &keys {
            let hashed = sign::hashed(key);
            assert!(hashed_key(&bearer(&hashed), &keys).is_ok());
            assert!(hashed_key(&bearer(bare(&hashed)), &keys).is_ok(), "without its environment");
            assert!(hashed_key(&bearer(key.expose()), &keys).is_err(), "the key itself");
        }
        for odd in ["", "undefined", "signkey-prod-", "signkey-prod-0000"] {
            assert!(hashed_key(&bearer(odd), &keys).is_err(), "{odd}");
        }
        assert!(hashed_key(&HeaderMap::new(), &keys).is_err());
        assert!(hashed_key(&bearer(&sign::hashed(&keys[0])), &[]).is_err());
    }
}
