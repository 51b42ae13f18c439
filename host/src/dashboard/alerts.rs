//! The rules of alerts, as they stand, and their history.

use super::Dashboard;
use super::error::PageError;
use super::filters;
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use crate::store::records::{AlertRecord, AlertState};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pawl_engine::{FunctionId, Timestamp};
use std::sync::Arc;

/// Turns of a page.
const ROWS: usize = 50;

/// A rule of alerts, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRuleView {
    /// Its name in `pawl.toml`.
    pub name: String,
    /// What it looks at, in words.
    pub kind: String,
    /// The function that it is about; empty: all of them.
    pub subject: String,
    /// When it is raised, in words.
    pub limit: String,
    /// Since when it is raised.
    pub raised_since: Option<Timestamp>,
    /// What is measured now, in words.
    pub value: String,
}

/// The rules, read when they are shown.
pub type AlertRules = Arc<dyn Fn() -> Vec<AlertRuleView> + Send + Sync>;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    shell: Shell,
    rules: Vec<AlertRuleView>,
    raised: usize,
    history: Vec<Turn>,
    is_paged: bool,
    newest: Option<String>,
    older: Option<String>,
    looked: Option<Timestamp>,
}

struct Turn {
    at: Timestamp,
    rule: String,
    is_raised: bool,
    text: String,
    subject: String,
    is_function: bool,
}

/// `GET /alerts`.
pub(super) async fn show(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let asked = &viewer.query;
    let before = asked.get("cursor").and_then(|n| n.parse().ok());
    let mut found = dashboard.store.records().alert_records(before, ROWS + 1).await?;
    let is_more = found.len() > ROWS;
    found.truncate(ROWS);
    let last = found.last().filter(|_| is_more).map(|record| record.n.to_string());
    let mut rules = (dashboard.alerts)();
    // what needs somebody comes first
    rules.sort_by_key(|rule| rule.raised_since.is_none());
    let snapshot = dashboard.catalog.snapshot();
    let turn = |record: AlertRecord| Turn {
        at: record.at,
        rule: record.rule,
        is_raised: record.state == AlertState::Raised,
        text: record.text,
        is_function: snapshot.functions.contains_key(&FunctionId::new(record.subject.as_str())),
        subject: record.subject,
    };
    page(&AlertsPage {
        shell: dashboard.shell(&viewer, Nav::Alerts),
        raised: rules.iter().filter(|rule| rule.raised_since.is_some()).count(),
        rules,
        history: found.into_iter().map(turn).collect(),
        is_paged: before.is_some(),
        newest: before.map(|_| asked.with(&[("cursor", "")])),
        older: last.map(|n| asked.with(&[("cursor", &n)])),
        looked: None,
    })
}
