//! `/v1`, what changes something: cancel, rerun, deploy.

use super::error::ApiError;
use super::id::Id;
use super::views::{self, RunView, data};
use super::{Http, body};
use crate::catalog::Snapshot;
use crate::catalog::watch::COMPONENT_BYTES;
use crate::operator::{Done, Refused, Which};
use crate::store::StoreError;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pawl_engine::{DeploymentId, FunctionId, RunId, Status, StepKey, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

fn about_run(e: Refused) -> ApiError {
    match e {
        Refused::Store(StoreError::NotFound) => ApiError::NotFound("run"),
        e => e.into(),
    }
}

/// A small JSON body; none says nothing.
async fn wish<T: DeserializeOwned + Default>(headers: &HeaderMap, body: Body) -> Result<T, ApiError> {
    let body = body::read(headers, body, body::WISH_BYTES).await?;
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::InvalidBody("a JSON object is wanted".into()));
    }
    serde_json::from_slice(&body).map_err(|e| ApiError::InvalidBody(e.to_string()))
}

/// `DELETE /v1/runs/{id}`: the run is cancelled, and what it is now.
pub(super) async fn cancel(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let run = http.operator.cancel(&RunId::new(id), "cancelled by an operator").await.map_err(about_run)?;
    tracing::info!(run = %run.id, function = %run.function, "run cancelled");
    Ok(data(RunView::whole(run)))
}

/// `POST /v1/runs/{id}/pause`: the run stops until it is resumed.
pub(super) async fn pause(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let run = http.operator.pause(&RunId::new(id)).await.map_err(about_run)?;
    tracing::info!(run = %run.id, function = %run.function, "run paused");
    Ok(data(RunView::whole(run)))
}

/// `POST /v1/runs/{id}/resume`: a paused run goes on.
pub(super) async fn resume(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let run = http.operator.resume(&RunId::new(id)).await.map_err(about_run)?;
    tracing::info!(run = %run.id, function = %run.function, "run resumed");
    Ok(data(RunView::whole(run)))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rerun {
    /// The step from which on it runs anew; what had settled before is kept.
    from_step: Option<String>,
}

/// `POST /v1/runs/{id}/rerun`: another run of the same event.
pub(super) async fn rerun(
    State(http): State<Http>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Rerun { from_step } = wish(&headers, body).await?;
    let from = from_step.as_deref().map(StepKey::parse);
    let run = http.operator.rerun(&RunId::new(id.as_str()), from).await.map_err(about_run)?;
    tracing::info!(run = %run.id, of = id, from_step, function = %run.function, "rerun");
    Ok((StatusCode::CREATED, data(RunView::whole(run))).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Move {
    /// Where to; the function's newest deployment when it is left out.
    deployment: Option<String>,
}

/// `POST /v1/runs/{id}/move`: the run goes on on another deployment.
pub(super) async fn move_run(
    State(http): State<Http>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Move { deployment } = wish(&headers, body).await?;
    let to = deployment.map(DeploymentId::new);
    let run = http.operator.move_run(&RunId::new(id), to).await.map_err(about_run)?;
    tracing::info!(run = %run.id, function = %run.function, deployment = %run.deployment, "run moved");
    Ok(data(RunView::whole(run)))
}

/// `POST /v1/functions/{id}/pause`: no run of it is begun or taken up again.
pub(super) async fn pause_function(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let changed = http.operator.pause_function(&FunctionId::new(id.as_str())).await?;
    tracing::info!(function = id, "function paused");
    Ok(data(json!({"function_id": id, "paused": true, "changed": changed})))
}

/// `POST /v1/functions/{id}/resume`: its runs go on.
pub(super) async fn resume_function(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let changed = http.operator.resume_function(&FunctionId::new(id.as_str())).await?;
    tracing::info!(function = id, "function resumed");
    Ok(data(json!({"function_id": id, "paused": false, "changed": changed})))
}

/// Which runs; Inngest's words (<https://www.inngest.com/docs/reference/rest-api>).
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Many {
    function_id: Option<String>,
    started_after: Option<String>,
    started_before: Option<String>,
    #[serde(rename = "if")]
    filter: Option<String>,
    status: Option<String>,
    /// Inngest's: the app, whose id may stand before the function's.
    app_id: Option<String>,
    /// Inngest's, in what it answers.
    #[serde(rename = "kind")]
    _kind: Option<String>,
}

impl Many {
    fn which(self, functions: &Snapshot, statuses: &[Status]) -> Result<Which, ApiError> {
        let invalid = |why: String| ApiError::InvalidBody(why);
        let time = |name: &str, text: Option<String>| {
            let parsed = text.map(|text| text.parse::<jiff::Timestamp>().map_err(|e| (text, e)));
            parsed.transpose().map_err(|(text, e)| invalid(format!("{name} `{text}`: {e}")))
        };
        let at = |t: jiff::Timestamp| Timestamp::from_millis(t.as_millisecond());
        let function =
            self.function_id.ok_or_else(|| invalid("`function_id` says of which function".into()))?;
        let function = full_id(functions, self.app_id.as_deref(), function);
        let statuses = match self.status {
            None => statuses.to_vec(),
            Some(word) => match Status::parse(&word) {
                Some(status) if status.is_final() == statuses[0].is_final() => vec![status],
                _ => return Err(invalid(format!("status `{word}` is none that this can be done to"))),
            },
        };
        Ok(Which {
            function,
            statuses,
            after: time("started_after", self.started_after)?.map(at),
            before: time("started_before", self.started_before)?.map(at),
            filter: self.filter,
        })
    }
}

/// A function's id; an app's own functions are also known by what stands behind the app's id.
fn full_id(functions: &Snapshot, app: Option<&str>, function: String) -> FunctionId {
    let of_app = app.map(|app| FunctionId::new(format!("{app}-{function}")));
    let own = FunctionId::new(function);
    let is_known = |id: &FunctionId| functions.functions.contains_key(id);
    of_app.filter(|of_app| !is_known(&own) && is_known(of_app)).unwrap_or(own)
}

fn many(done: Done, verb: &str) -> Response {
    let missed: Vec<_> = done.missed.iter().map(|(run, why)| json!({"run_id": run, "error": why})).collect();
    data(json!({verb: done.runs.len(), "runs": done.runs, "missed": missed, "more": done.more}))
}

/// `POST /v1/cancellations`: all runs of a function that are not over, by time and expression.
pub(super) async fn cancel_many(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let asked: Many = wish(&headers, body).await?;
    let which = asked.which(
        &http.catalog.snapshot(),
        &[Status::Queued, Status::Running, Status::Sleeping, Status::Paused],
    )?;
    let done = http.operator.cancel_many(which.clone()).await?;
    tracing::info!(function = %which.function, runs = done.runs.len(), "runs cancelled");
    Ok(many(done, "cancelled"))
}

/// `POST /v1/replays`: reruns of a function's failed runs, by time and expression.
pub(super) async fn replay_many(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let asked: Many = wish(&headers, body).await?;
    let which = asked.which(&http.catalog.snapshot(), &[Status::Failed])?;
    let done = http.operator.rerun_many(which.clone()).await?;
    tracing::info!(function = %which.function, runs = done.runs.len(), "runs replayed");
    Ok((StatusCode::CREATED, many(done, "started")).into_response())
}

/// `PUT /v1/deployments`: the body is a `.wasm`. Its functions take new runs when
/// this is answered.
pub(super) async fn deploy(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let limit = usize::try_from(COMPONENT_BYTES).unwrap_or(usize::MAX);
    let bytes = body::read_upload(&headers, body, limit).await?;
    let deployed = http.catalog.clone().upload(bytes.to_vec()).await?;
    let snapshot = http.catalog.snapshot();
    let functions: Vec<_> = deployed
        .functions
        .iter()
        .filter_map(|f| snapshot.functions.get(f))
        .map(|offer| views::offer(offer, None))
        .collect();
    let view = json!({"deployment": deployed.id, "functions": functions});
    Ok((StatusCode::CREATED, data(view)).into_response())
}
