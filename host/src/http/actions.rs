//! `/v1`, what changes something: cancel, rerun, deploy.

use super::error::ApiError;
use super::id::Id;
use super::views::{self, RunView, data};
use super::{Http, body};
use crate::catalog::watch::COMPONENT_BYTES;
use crate::intake::Refused;
use crate::store::StoreError;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pawl_engine::RunId;
use serde_json::json;

fn about_run(e: Refused) -> ApiError {
    match e {
        Refused::Store(StoreError::NotFound) => ApiError::NotFound("run"),
        e => e.into(),
    }
}

/// `DELETE /v1/runs/{id}`: the run is cancelled, and what it is now.
pub(super) async fn cancel(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let run = http.intake.cancel(&RunId::new(id), "cancelled by an operator").await.map_err(about_run)?;
    tracing::info!(run = %run.id, function = %run.function, "run cancelled");
    Ok(data(RunView::whole(run)))
}

/// `POST /v1/runs/{id}/rerun`: another run of the same event.
pub(super) async fn rerun(State(http): State<Http>, Id(id): Id) -> Result<Response, ApiError> {
    let run = http.intake.rerun(&RunId::new(id.as_str())).await.map_err(about_run)?;
    tracing::info!(run = %run.id, of = id, function = %run.function, "rerun");
    Ok((StatusCode::CREATED, data(RunView::whole(run))).into_response())
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
    let functions: Vec<_> =
        deployed.functions.iter().filter_map(|f| snapshot.functions.get(f)).map(views::offer).collect();
    let view = json!({"deployment": deployed.id, "functions": functions});
    Ok((StatusCode::CREATED, data(view)).into_response())
}
