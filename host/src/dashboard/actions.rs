//! What an operator does to a run from its page.

use super::Dashboard;
use super::error::{PageError, refusal};
use super::shell::Tone;
use super::viewer::Posted;
use crate::mask;
use crate::operator::Refused;
use crate::store::RunRow;
use axum::extract::{Path, State};
use axum::response::Response;
use pawl_engine::{RunId, StepKey};

/// The way to the run's page, on which it is said what became of the wish.
fn answer(
    dashboard: &Dashboard,
    posted: &Posted,
    id: &str,
    done: Result<RunRow, Refused>,
    said: &str,
) -> Result<Response, PageError> {
    match done {
        Ok(run) => Ok(dashboard.tell(&posted.viewer, &format!("/runs/{}", run.id), Tone::Good, said)),
        Err(e) => Ok(dashboard.tell(&posted.viewer, &format!("/runs/{id}"), Tone::Bad, refusal(e)?)),
    }
}

/// `POST /ui/runs/{id}/cancel`.
pub(super) async fn cancel(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    dashboard.audit(&posted.viewer, "cancel", &id, "").await?;
    let done = dashboard.operator.cancel(&RunId::new(id.as_str()), "cancelled in the dashboard").await;
    answer(&dashboard, &posted, &id, done, "The run is cancelled.")
}

/// `POST /ui/runs/{id}/rerun`.
pub(super) async fn rerun(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let from = posted.fields.get("from");
    let shown = from.map(mask::text);
    let detail = shown.as_ref().map(|step| format!("from {step}")).unwrap_or_default();
    dashboard.audit(&posted.viewer, "rerun", &id, detail).await?;
    let done = dashboard.operator.rerun(&RunId::new(id.as_str()), from.map(StepKey::parse)).await;
    let said = match shown {
        None => format!("This is a new run of the same event as {id}."),
        Some(step) => format!("This is a new run from {step} on; what {id} did before is kept."),
    };
    answer(&dashboard, &posted, &id, done, &said)
}

/// `POST /ui/runs/{id}/pause`.
pub(super) async fn pause(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    dashboard.audit(&posted.viewer, "pause", &id, "").await?;
    let done = dashboard.operator.pause(&RunId::new(id.as_str())).await;
    answer(&dashboard, &posted, &id, done, "The run is paused until you resume it.")
}

/// `POST /ui/runs/{id}/resume`.
pub(super) async fn resume(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    dashboard.audit(&posted.viewer, "resume", &id, "").await?;
    let done = dashboard.operator.resume(&RunId::new(id.as_str())).await;
    answer(&dashboard, &posted, &id, done, "The run goes on.")
}

/// `POST /ui/runs/{id}/move`.
pub(super) async fn move_run(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    dashboard.audit(&posted.viewer, "move", &id, "to the newest deployment").await?;
    let done = dashboard.operator.move_run(&RunId::new(id.as_str()), None).await;
    answer(&dashboard, &posted, &id, done, "The run goes on on the newest deployment.")
}
