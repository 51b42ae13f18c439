//! What changes, told to pages that are open, as server-sent events.

use super::Dashboard;
use super::viewer::Viewer;
use axum::extract::State;
use axum::http::StatusCode;

/// `GET /live`.
pub(super) async fn listen(State(_dashboard): State<Dashboard>, _viewer: Viewer) -> StatusCode {
    StatusCode::NO_CONTENT
}
