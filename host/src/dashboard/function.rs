//! One function.

use super::Dashboard;
use super::error::PageError;
use super::shell::{Nav, Shell, page};
use super::viewer::{Posted, Viewer};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "function.html")]
struct ThisPage {
    shell: Shell,
}

/// The page.
pub(super) async fn show(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&viewer, Nav::Functions) })
}

/// A wish.
pub(super) async fn pause(State(dashboard): State<Dashboard>, posted: Posted) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&posted.viewer, Nav::Functions) })
}

/// A wish.
pub(super) async fn resume(
    State(dashboard): State<Dashboard>,
    posted: Posted,
) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&posted.viewer, Nav::Functions) })
}

/// A wish.
pub(super) async fn test(State(dashboard): State<Dashboard>, posted: Posted) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&posted.viewer, Nav::Functions) })
}
