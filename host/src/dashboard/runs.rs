//! The list of runs.

use super::Dashboard;
use super::error::PageError;
use super::filters;
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use crate::store::RunRow;
use crate::store::find::{Page, RunQuery};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    shell: Shell,
    runs: Page<RunRow>,
}

/// `GET /runs`.
pub(super) async fn list(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let runs = dashboard.store.find_runs(RunQuery { limit: 50, ..RunQuery::default() }).await?;
    page(&RunsPage { shell: dashboard.shell(&viewer, Nav::Runs), runs })
}
