//! `/v1`, the reads.

use super::Http;
use super::error::ApiError;
use super::id::Id;
use super::views::{self, EventView, RunView, data, page};
use crate::clock;
use crate::store::RunFilter;
use crate::store::find::{self, Search};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use pawl_engine::{FunctionId, RunId, Status, Timestamp};
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
    /// The name of its event.
    event: Option<String>,
    q: Option<String>,
    from: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    name: Option<String>,
    q: Option<String>,
    #[serde(alias = "received_after")]
    from: Option<String>,
    #[serde(alias = "received_before")]
    until: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(q)| q).map_err(|e| ApiError::InvalidQuery(e.body_text()))
}

pub(super) fn limit(limit: Option<usize>) -> usize {
    limit.unwrap_or(ROWS).clamp(1, MOST_ROWS)
}

/// A time in RFC 3339 or in Unix milliseconds.
fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let parse = |text: &str| {
        let ms = text.parse::<i64>().ok();
        ms.or_else(|| text.parse::<jiff::Timestamp>().ok().map(|t| t.as_millisecond()))
    };
    let odd = |text: &str| {
        ApiError::InvalidQuery(format!(
            "{name} `{text}` is no time: RFC 3339 as 2026-01-31T12:00:00Z, or Unix milliseconds"
        ))
    };
    text.map(|text| parse(text).map(Timestamp::from_millis).ok_or_else(|| odd(text))).transpose()
}

fn search(text: Option<String>) -> Option<Search> {
    text.as_deref().and_then(Search::parse)
}

/// `GET /v1/events`.
pub(super) async fn events(
    State(http): State<Http>,
    asked: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let asked = query(asked)?;
    let found = find::EventQuery {
        name: asked.name,
        from: time("from", asked.from.as_deref())?,
        until: time("until", asked.until.as_deref())?,
        text: search(asked.q),
        cursor: asked.cursor,
        limit: limit(asked.limit),
    };
    Ok(page(http.store.find_events(found).await?, EventView::from))
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
    let found = find::RunQuery {
        status: status.transpose()?,
        function: asked.function_id.map(FunctionId::new),
        event_name: asked.event,
        from: time("from", asked.from.as_deref())?,
        until: time("until", asked.until.as_deref())?,
        text: search(asked.q),
        cursor: asked.cursor,
        limit: limit(asked.limit),
    };
    Ok(page(http.store.find_runs(found).await?, RunView::listed))
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
