//! `/v1`, the reads.

use super::Http;
use super::error::ApiError;
use super::id::Id;
use super::views::{self, EventView, RunView, data, page};
use crate::clock;
use crate::store::{EventFilter, RunFilter};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use pawl_engine::{EventId, FunctionId, RunId, Status};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Rows of a page when nobody says otherwise, and at most.
const ROWS: usize = 50;
const MOST_ROWS: usize = 1_000;

/// Runs of one event that are shown with their steps.
const EVENT_RUNS: usize = 100;

/// How long a yes to `/readyz` holds.
const READY_HOLDS: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunQuery {
    status: Option<String>,
    function_id: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    name: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(q)| q).map_err(|e| ApiError::InvalidQuery(e.body_text()))
}

pub(super) fn limit(limit: Option<usize>) -> usize {
    limit.unwrap_or(ROWS).clamp(1, MOST_ROWS)
}

/// `GET /v1/events`.
pub(super) async fn events(
    State(http): State<Http>,
    asked: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let asked = query(asked)?;
    let limit = limit(asked.limit);
    let filter = EventFilter { name: asked.name, before: asked.cursor.map(EventId::new), limit };
    let events = http.store.events(filter).await?;
    let cursor = events.last().filter(|_| events.len() == limit).map(|e| e.id.to_string());
    Ok(page(events.into_iter().map(EventView::from).collect(), cursor))
}

/// `GET /v1/events/{id}`, by our id or by its sender's.
pub(super) async fn event(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let event = http.store.event(&id).await.map_err(ApiError::about("event"))?;
    let skipped = http.store.skips(&event.id).await?;
    let mut view = EventView::from(event);
    view.skipped = skipped.iter().map(views::skip).collect();
    Ok(data(view))
}

/// `GET /v1/events/{id}/runs`.
pub(super) async fn event_runs(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let event = http.store.event(&id).await.map_err(ApiError::about("event"))?;
    let filter = RunFilter { event: Some(event.id), limit: EVENT_RUNS, ..RunFilter::default() };
    let mut runs = Vec::new();
    for run in http.store.runs(filter).await? {
        runs.push(RunView::whole(http.store.run(&run.id).await?));
    }
    Ok(data(runs))
}

/// `GET /v1/runs`.
pub(super) async fn runs(
    State(http): State<Http>,
    asked: Result<Query<RunQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let asked = query(asked)?;
    let status = asked.status.map(|word| {
        let known = Status::ALL.map(Status::as_str).join(", ");
        let unknown = || ApiError::InvalidQuery(format!("status `{word}` is none of {known}"));
        Status::parse(&word).ok_or_else(unknown)
    });
    let limit = limit(asked.limit);
    let filter = RunFilter {
        status: status.transpose()?,
        function: asked.function_id.map(FunctionId::new),
        before: asked.cursor.map(RunId::new),
        limit,
        ..RunFilter::default()
    };
    let runs = http.store.runs(filter).await?;
    let cursor = runs.last().filter(|_| runs.len() == limit).map(|r| r.id.to_string());
    Ok(page(runs.into_iter().map(RunView::listed).collect(), cursor))
}

/// `GET /v1/runs/{id}`.
pub(super) async fn run(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let run = http.store.run(&RunId::new(id)).await.map_err(ApiError::about("run"))?;
    Ok(data(RunView::whole(run)))
}

/// `GET /v1/functions`.
pub(super) async fn functions(State(http): State<Http>) -> Result<Response, ApiError> {
    let snapshot = http.catalog.snapshot();
    let paused = http.store.paused().await?;
    let since = |id: &FunctionId| paused.iter().find(|(function, _)| function == id).map(|(_, at)| *at);
    let offers = snapshot.functions.values().map(|offer| views::offer(offer, since(&offer.manifest.id)));
    Ok(data(offers.collect::<Vec<_>>()))
}

/// `GET /v1/deployments`, with what could not be deployed.
pub(super) async fn deployments(State(http): State<Http>) -> Response {
    let snapshot = http.catalog.snapshot();
    let deployments: Vec<_> = snapshot.deployments.iter().map(|d| views::deployment(d, &snapshot)).collect();
    let problems: Vec<_> = snapshot.problems.iter().map(|(s, p)| views::problem(s, p)).collect();
    let has_stripe = !http.stripe_secrets.is_empty();
    Json(json!({"data": deployments, "metadata": {"problems": problems, "stripe": has_stripe}}))
        .into_response()
}

/// `GET /readyz`: whether an event could be stored now. A yes is a write to the disk,
/// and holds for a second: who asks often costs no more.
pub(super) async fn ready(State(http): State<Http>) -> Result<&'static str, ApiError> {
    let mut last = http.last_ready.lock().await;
    if last.is_none_or(|at| at.elapsed() > READY_HOLDS) {
        http.store.ready().await?;
        *last = Some(clock::instant());
    }
    Ok("ready\n")
}
