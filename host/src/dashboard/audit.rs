//! Who did what.

use super::Dashboard;
use super::error::PageError;
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "audit.html")]
struct ThisPage {
    shell: Shell,
}

/// The page.
pub(super) async fn list(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&viewer, Nav::Audit) })
}
