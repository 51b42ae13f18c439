//! One run: how it went on its axis of time, and everything that is known of it.

mod parts;

use super::Dashboard;
use super::curl;
use super::error::PageError;
use super::filters;
use super::json::{FailureView, Shown, Sight};
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use super::waterfall::{self, Scale, Waterfall};
use crate::clock;
use crate::store::{RunRow, StoreError};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use parts::{EventView, LineView, Note, StepDetail};
use pawl_engine::view;
use pawl_engine::{Event, Failure, Outcome, RunId, Span, Status, Timestamp};

/// Lines of a run that its page shows.
const LINES: usize = 1_000;

/// Events of a batch that the page shows.
const EVENTS: usize = 20;

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    shell: Shell,
    run: RunRow,
    subject: String,
    started_at: Option<Timestamp>,
    took: Option<Span>,
    /// How it failed, or why it waits.
    failure: Option<FailureView>,
    /// The step that called it.
    caller: Option<Shown>,
    /// Why it was cancelled.
    cancelled: Option<Shown>,
    output: Option<Shown>,
    fall: Waterfall,
    /// For each row of the waterfall.
    details: Vec<Option<StepDetail>>,
    notes: Vec<Note>,
    lines: Vec<LineView>,
    has_more_lines: bool,
    events: Vec<EventView>,
    other_events: usize,
    curl: Option<Shown>,
    /// New runs go on other bytes.
    is_outdated: bool,
    can_rerun: bool,
    is_masked: bool,
    is_open: bool,
    real_url: String,
    steps_url: String,
}

impl RunPage {
    fn is_final(&self) -> bool {
        self.run.index.status.is_final()
    }

    fn is_paused(&self) -> bool {
        self.run.index.status == Status::Paused
    }

    /// Something on it grows while one looks.
    fn grows(&self) -> bool {
        !self.is_final()
    }

    /// The rows with what is known of their steps.
    fn rows(&self) -> impl Iterator<Item = (&waterfall::Row, &Option<StepDetail>)> {
        self.fall.rows.iter().zip(&self.details)
    }
}

/// `GET /runs/{id}`.
pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    viewer: Viewer,
) -> Result<Response, PageError> {
    let id = RunId::new(id);
    let run = dashboard.store.run(&id).await.map_err(PageError::about("run"))?;
    let subject = format!("run:{id}");
    let sight = dashboard.sight(&viewer, &subject);
    let (lines, has_more_lines) = lines(&dashboard, &id, sight).await?;
    let events = events(&dashboard, &run).await?;
    let scale = match viewer.query.get("scale") {
        Some("real") => Some(Scale::Real),
        Some("steps") => Some(Scale::Steps),
        _ => None,
    };
    let mut fall = waterfall::of(&run, clock::now(), scale);
    fall.rows.iter_mut().for_each(|row| row.name = sight.text(&row.name).text);
    let shell = dashboard.shell(&viewer, Nav::Runs);
    let curl = events.first().and_then(curl::sendable).map(|body| {
        // what is not masked goes out as it came in
        let (seen, is_masked) = sight.seen(serde_json::from_str(&body).unwrap_or_default());
        let body = if is_masked { seen.to_string() } else { body };
        Shown { text: curl::command(shell.host(), &body), is_masked, is_cut: false }
    });
    let snapshot = dashboard.catalog.snapshot();
    let offer = snapshot.functions.get(&run.function);
    let mut this = RunPage {
        started_at: view::started_at(&run.journal).map(|at| at.max(run.created_at)),
        took: None,
        failure: failure(&run).map(|f| sight.failure(f)),
        caller: run.parent.as_ref().map(|parent| sight.text(&parent.step.to_string())),
        cancelled: None,
        output: None,
        details: fall.rows.iter().map(|row| parts::detail(row, &lines, failure(&run), sight)).collect(),
        notes: run.journal.iter().filter_map(|e| parts::note(e, sight)).collect(),
        lines: parts::outside(lines, &fall.rows),
        has_more_lines,
        other_events: run.events().len().saturating_sub(events.len()),
        events: events.iter().map(|e| EventView::new(e, sight)).collect(),
        curl,
        is_outdated: offer.is_some_and(|offer| offer.deployment != run.deployment),
        can_rerun: offer.is_some(),
        is_masked: false,
        is_open: sight == Sight::Open,
        real_url: viewer.query.with(&[("scale", "real")]),
        steps_url: viewer.query.with(&[("scale", "steps")]),
        shell,
        subject,
        fall,
        run,
    };
    match view::outcome(&this.run.journal) {
        Some(Outcome::Completed(output)) => this.output = Some(sight.json(output)),
        Some(Outcome::Cancelled(why)) => this.cancelled = Some(sight.text(why)),
        Some(Outcome::Failed(_)) | None => {}
    }
    this.took = this.started_at.map(|at| this.run.index.ended_at.unwrap_or_else(clock::now) - at);
    this.is_masked = has_masked(&this);
    page(&this)
}

/// How the run failed; of one that is not over, why it waits.
fn failure(run: &RunRow) -> Option<&Failure> {
    match view::outcome(&run.journal) {
        Some(Outcome::Failed(failure)) => Some(failure),
        Some(_) => None,
        None => view::last_failure(&run.journal),
    }
}

fn has_masked(page: &RunPage) -> bool {
    let shown = [&page.output, &page.cancelled, &page.curl, &page.caller];
    shown.into_iter().flatten().any(|s| s.is_masked)
        || page.failure.as_ref().is_some_and(FailureView::is_masked)
        || page.details.iter().flatten().any(StepDetail::is_masked)
        || page.notes.iter().any(|note| note.text.is_masked)
        || page.lines.iter().any(|line| line.is_masked)
        || page.events.iter().any(EventView::is_masked)
}

async fn lines(
    dashboard: &Dashboard,
    run: &RunId,
    sight: Sight,
) -> Result<(Vec<LineView>, bool), StoreError> {
    let mut lines = dashboard.store.records().lines(run, None, LINES + 1).await?;
    let has_more = lines.len() > LINES;
    lines.truncate(LINES);
    Ok((lines.into_iter().map(|(_, line)| LineView::new(line, sight)).collect(), has_more))
}

/// The run's events, as far as they are kept.
async fn events(dashboard: &Dashboard, run: &RunRow) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    for id in run.events().iter().take(EVENTS) {
        match dashboard.store.event(id.as_str()).await {
            Ok(event) => events.push(event),
            Err(StoreError::NotFound) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(events)
}
