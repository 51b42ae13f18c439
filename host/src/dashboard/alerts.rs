//! The rules of alerts, as they stand, and their history.

use super::Dashboard;
use super::error::PageError;
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "alerts.html")]
struct ThisPage {
    shell: Shell,
}

/// The page.
pub(super) async fn show(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&viewer, Nav::Alerts) })
}

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
    pub raised_since: Option<pawl_engine::Timestamp>,
    /// What is measured now, in words.
    pub value: String,
}

/// The rules, read when they are shown.
pub type AlertRules = std::sync::Arc<dyn Fn() -> Vec<AlertRuleView> + Send + Sync>;
