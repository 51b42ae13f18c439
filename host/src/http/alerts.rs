//! `/v1/alerts`: the rules, what became of them, and a test of a channel.

use super::api::{limit, query};
use super::error::ApiError;
use super::views::{data, page, time};
use super::{Http, body};
use crate::alert::{RuleState, RuleView, Rules};
use crate::dashboard::{AlertRuleView, AlertRules};
use crate::store::find::Page;
use crate::store::records::AlertRecord;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    cursor: Option<u64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    channel: String,
}

/// `GET /v1/alerts`: every rule with its alerts.
pub(super) async fn rules(State(http): State<Http>) -> Response {
    data(http.alerts.view().into_iter().map(rule).collect::<Vec<_>>())
}

fn rule(rule: RuleView) -> Value {
    json!({
        "name": rule.name,
        "when": rule.when,
        "subject": rule.subject,
        "state": rule.state.as_str(),
        "since": rule.since.and_then(time),
        "value": rule.value,
        "limit": rule.limit,
        "to": rule.to,
    })
}

/// `GET /v1/alerts/history`: newest first.
pub(super) async fn history(
    State(http): State<Http>,
    asked: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let asked = query(asked)?;
    let limit = limit(asked.limit);
    let records = http.store.records().alert_records(asked.cursor, limit).await?;
    let cursor = records.last().filter(|_| records.len() == limit).map(|r| r.n.to_string());
    Ok(page(Page { rows: records, cursor, looked_back_to: None }, record))
}

fn record(record: AlertRecord) -> Value {
    json!({
        "at": time(record.at),
        "rule": record.rule,
        "subject": record.subject,
        "state": record.state.as_str(),
        "text": record.text,
    })
}

/// `POST /v1/alerts/test`: sends a channel something at once, and says whether it arrived.
pub(super) async fn test(
    State(http): State<Http>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = body::read(&headers, body, body::WISH_BYTES).await?;
    let Test { channel } = serde_json::from_slice(&body).map_err(|e| ApiError::InvalidBody(e.to_string()))?;
    let Some(sent) = http.alerts.test(&channel).await else {
        let channels = http.alerts.channels().join(", ");
        let why = format!("pawl.toml has no channel `{channel}`; it has: {channels}");
        return Err(ApiError::InvalidBody(why));
    };
    let error = sent.err().map(|e| e.to_string());
    Ok(data(json!({"channel": channel, "delivered": error.is_none(), "error": error})))
}

/// The rules as the dashboard shows them.
pub(super) fn shown(rules: Rules) -> AlertRules {
    let view = |rule: RuleView| AlertRuleView {
        raised_since: rule.since.filter(|_| rule.state == RuleState::Raised),
        name: rule.name,
        kind: rule.when.replace('_', " "),
        subject: rule.subject,
        limit: rule.limit,
        value: rule.value,
    };
    Arc::new(move || rules.view().into_iter().map(view).collect())
}
