//! `/v1/runs/{id}/logs`: what a function has logged.

use super::Http;
use super::api::{limit, query};
use super::error::ApiError;
use super::id::Id;
use super::views::{page, time};
use crate::store::find::Page;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use pawl_engine::{Line, RunId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    after: Option<u32>,
    limit: Option<usize>,
}

/// `GET /v1/runs/{id}/logs`: lines in their order; `metadata.cursor` is the next page's `after`.
pub(super) async fn lines(
    State(http): State<Http>,
    Id(id): Id,
    asked: Result<Query<LogsQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let asked = query(asked)?;
    let (run, limit) = (RunId::new(id), limit(asked.limit));
    let lines = http.store.records().lines(&run, asked.after, limit).await?;
    if lines.is_empty() {
        http.store.run(&run).await.map_err(ApiError::about("run"))?;
    }
    let cursor = lines.last().filter(|_| lines.len() == limit).map(|(n, _)| n.to_string());
    Ok(page(Page { rows: lines, cursor, looked_back_to: None }, line))
}

fn line((n, line): (u32, Line)) -> Value {
    let fields: Map<_, _> = line.fields.into_iter().map(|(key, value)| (key, json!(value))).collect();
    json!({
        "n": n,
        "at": time(line.at),
        "level": line.level.as_str(),
        "step": line.step,
        "message": line.message,
        "fields": fields,
    })
}
