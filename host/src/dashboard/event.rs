//! One event, and the form from which one is sent.

use super::Dashboard;
use super::error::PageError;
use super::shell::{Nav, Shell, page};
use super::viewer::{Posted, Viewer};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "event.html")]
struct ThisPage {
    shell: Shell,
}

/// The page.
pub(super) async fn show(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&viewer, Nav::Events) })
}

/// The page.
pub(super) async fn compose(
    State(dashboard): State<Dashboard>,
    viewer: Viewer,
) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&viewer, Nav::Events) })
}

/// A wish.
pub(super) async fn send(State(dashboard): State<Dashboard>, posted: Posted) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&posted.viewer, Nav::Events) })
}

/// A wish.
pub(super) async fn resend(
    State(dashboard): State<Dashboard>,
    posted: Posted,
) -> Result<Response, PageError> {
    page(&ThisPage { shell: dashboard.shell(&posted.viewer, Nav::Events) })
}
