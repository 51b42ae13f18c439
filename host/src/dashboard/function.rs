//! One function: how it does, what it may, and what can be done with it.

use super::Dashboard;
use super::chart::{Chart, Series, Unit};
use super::describe::{self, TriggerView, Words};
use super::error::{PageError, refusal};
use super::filters;
use super::form::EventForm;
use super::json::Sight;
use super::period::{PeriodLink, Range, Tallies, Tally, links};
use super::shell::{Nav, Shell, Tone, page};
use super::viewer::{Posted, Viewer};
use crate::catalog::Snapshot;
use crate::clock;
use crate::mask;
use crate::store::RunRow;
use crate::store::find::{EventQuery, RunQuery};
use crate::store::records::{By, Depth, GateState};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pawl_engine::{DeploymentId, FunctionId, Manifest, Outcome, Status, Timestamp, view};

/// Failed runs that are shown.
const FAILED: usize = 5;

/// Deployments that are shown.
const DEPLOYMENTS: usize = 5;

#[derive(Template)]
#[template(path = "function.html")]
struct FunctionPage {
    shell: Shell,
    id: String,
    name: String,
    /// New runs of it are made.
    is_offered: bool,
    paused: Option<Timestamp>,
    pause: String,
    resume: String,
    periods: Vec<PeriodLink>,
    success: String,
    success_hint: String,
    p95: String,
    took_hint: String,
    made: String,
    made_hint: String,
    ready: String,
    queue_hint: String,
    ended: Chart,
    took: Chart,
    backlog: Chart,
    failed: Vec<FailedRun>,
    depth: Depth,
    gates: Vec<Gate>,
    test: Option<EventForm>,
    triggers: Vec<TriggerView>,
    options: Vec<Words>,
    granted: Vec<String>,
    unset: Vec<String>,
    refused: Vec<String>,
    deployments: Vec<DeploymentView>,
    older: usize,
}

struct FailedRun {
    id: String,
    at: Timestamp,
    error: String,
    message: String,
}

struct Gate {
    kind: &'static str,
    of: String,
    used: String,
    waiting: u32,
}

struct DeploymentView {
    id: DeploymentId,
    at: Timestamp,
    size: u64,
    source: Option<String>,
    is_current: bool,
}

/// `GET /functions/{id}`.
pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    viewer: Viewer,
) -> Result<Response, PageError> {
    let id = FunctionId::new(id);
    let manifest = manifest(&dashboard.catalog.snapshot(), &id)?;
    let form = match describe::test_event(&manifest) {
        Some(name) => Some(prefilled(&dashboard, test_form(&id, name)).await?),
        None => None,
    };
    page(&render(&dashboard, &viewer, &manifest, form).await?)
}

/// `POST /ui/functions/{id}/pause`.
pub(super) async fn pause(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let function = FunctionId::new(id.as_str());
    dashboard.audit(&posted.viewer, "pause", &id, "the function").await?;
    let (tone, said) = match dashboard.operator.pause_function(&function).await {
        Ok(_) => (Tone::Good, "The function is paused until you resume it.".to_owned()),
        Err(e) => (Tone::Bad, refusal(e)?),
    };
    Ok(dashboard.tell(&posted.viewer, &path(&function), tone, said))
}

/// `POST /ui/functions/{id}/resume`.
pub(super) async fn resume(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let function = FunctionId::new(id.as_str());
    dashboard.audit(&posted.viewer, "resume", &id, "the function").await?;
    let (tone, said) = match dashboard.operator.resume_function(&function).await {
        Ok(_) => (Tone::Good, "The function goes on.".to_owned()),
        Err(e) => (Tone::Bad, refusal(e)?),
    };
    Ok(dashboard.tell(&posted.viewer, &path(&function), tone, said))
}

/// `POST /ui/functions/{id}/test`.
pub(super) async fn test(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let id = FunctionId::new(id);
    let manifest = manifest(&dashboard.catalog.snapshot(), &id)?;
    match test_form(&id, String::new()).typed(&posted.fields).parse() {
        Ok(event) => super::event::accept(&dashboard, &posted.viewer, event, format!("a test of {id}")).await,
        Err(form) => {
            let again = render(&dashboard, &posted.viewer, &manifest, Some(*form)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&again)?).into_response())
        }
    }
}

/// A function's page.
fn path(id: &FunctionId) -> String {
    format!("/functions/{id}")
}

fn test_form(id: &FunctionId, name: String) -> EventForm {
    EventForm::new(format!("/ui/functions/{id}/test"), "Send test event", name)
}

/// With the data of the latest event of the name, unless something of it is not for all eyes.
async fn prefilled(dashboard: &Dashboard, form: EventForm) -> Result<EventForm, PageError> {
    let query = EventQuery { name: Some(form.name.clone()), limit: 1, ..EventQuery::default() };
    let found = dashboard.store.find_events(query).await?;
    let shown = found.rows.first().map(|event| (event, Sight::Masked.json(&event.data)));
    Ok(match shown {
        Some((event, shown)) if !shown.is_masked && !shown.is_cut => {
            EventForm { data: shown.to_edit(&event.data), is_prefilled: true, ..form }
        }
        _ => form,
    })
}

/// What the function says of itself: now, or in the last deployment that had it.
fn manifest(snapshot: &Snapshot, id: &FunctionId) -> Result<Manifest, PageError> {
    let offered = snapshot.functions.get(id).map(|offer| &offer.manifest);
    let former = || snapshot.deployments.iter().flat_map(|d| &d.manifests).find(|m| m.id == *id);
    offered.or_else(former).cloned().ok_or(PageError::NotFound("function"))
}

async fn render(
    dashboard: &Dashboard,
    viewer: &Viewer,
    manifest: &Manifest,
    test: Option<EventForm>,
) -> Result<FunctionPage, PageError> {
    let (now, id) = (clock::now(), &manifest.id);
    let range = Range::parse(viewer.query.get("period"));
    let axis = range.axis(now);
    let records = dashboard.store.records();
    let counts = records.run_counts(axis.period(), Some(id), By::All).await?;
    let (tally, tallies) = (Tally::of(&counts), Tallies::of(&axis, &counts));
    let backlog = records.backlog(axis.period(), Some(id)).await?;
    let depth = records.depths(now).await?.into_iter().find(|d| d.function == *id);
    let nothing = || Depth { function: id.clone(), ready: 0, oldest: None, running: 0, later: 0 };
    let depth = depth.unwrap_or_else(nothing);
    let gates = records.gates(id).await?.into_iter().map(gate).collect();
    let paused = dashboard.store.paused().await?.into_iter().find(|(paused, _)| paused == id);
    let failed = RunQuery {
        status: Some(Status::Failed),
        function: Some(id.clone()),
        limit: FAILED,
        ..RunQuery::default()
    };
    let failed = dashboard.store.find_runs(failed).await?.rows.into_iter().map(failed_run).collect();
    let snapshot = dashboard.catalog.snapshot();
    let (deployments, older) = deployments(&snapshot, id);
    let grant = dashboard.catalog.grant(manifest);
    let offer = snapshot.functions.get(id);
    let waiting = axis.highest(backlog.iter().map(|p| (p.at, p.ready)));
    Ok(FunctionPage {
        shell: dashboard.shell(viewer, Nav::Functions),
        id: id.to_string(),
        name: manifest.name.clone(),
        is_offered: offer.is_some(),
        paused: paused.map(|(_, since)| since),
        pause: format!("/ui/functions/{id}/pause"),
        resume: format!("/ui/functions/{id}/resume"),
        periods: links(&viewer.query, range),
        success: tally.success_words(),
        success_hint: tally.success_hint(),
        p95: tally.took_words(0.95),
        took_hint: tally.took_hint(),
        made: filters::thousands(tally.made),
        made_hint: format!("{} ended", filters::thousands(tally.ended())),
        ready: filters::thousands(depth.ready),
        queue_hint: queue_hint(&depth, now),
        ended: Chart::bars("Runs that ended", &axis, tallies.ended()),
        took: Chart::lines("Duration", &axis, Unit::Time, tallies.took()),
        backlog: Chart::lines(
            "Runs that waited for their turn",
            &axis,
            Unit::Count,
            vec![Series::line("At most", &waiting)],
        ),
        failed,
        depth,
        gates,
        test: test.filter(|_| offer.is_some()),
        triggers: manifest.triggers.iter().map(|t| TriggerView::of(t, now)).collect(),
        options: describe::options(manifest),
        granted: grant.names(),
        unset: grant.unset,
        refused: offer.map(|o| o.refused.clone()).unwrap_or_default(),
        deployments,
        older,
    })
}

fn queue_hint(depth: &Depth, now: Timestamp) -> String {
    let running = format!("{} running", filters::thousands(depth.running));
    match depth.oldest {
        Some(since) => format!("{running} · the oldest waits {}", filters::lasting(now - since)),
        None => running,
    }
}

fn gate(state: GateState) -> Gate {
    let (kind, of) = describe::gate(&state.id);
    let used = match state.limit {
        Some(limit) => format!("{} of {limit}", state.used),
        None => state.used.to_string(),
    };
    // a key's value is of an event
    let mut names = of.split(|c: char| !c.is_alphanumeric() && c != '_');
    let of = match of.split_once(" = ") {
        Some((key, _)) if names.any(mask::is_private) => format!("{key} = {}", mask::MASKED),
        _ => mask::text(&of).into_owned(),
    };
    Gate { kind, of, used, waiting: state.waiting }
}

fn failed_run(run: RunRow) -> FailedRun {
    let (error, message) = match view::outcome(&run.journal) {
        Some(Outcome::Failed(failure)) => {
            (mask::text(&failure.name).into_owned(), Sight::Masked.text(&failure.message).text)
        }
        _ => ("Failed".to_owned(), String::new()),
    };
    FailedRun { id: run.id.to_string(), at: run.index.ended_at.unwrap_or(run.created_at), error, message }
}

/// The newest deployments that have the function, and how many more there are.
fn deployments(snapshot: &Snapshot, id: &FunctionId) -> (Vec<DeploymentView>, usize) {
    let current = snapshot.functions.get(id).map(|offer| &offer.deployment);
    let of = snapshot.deployments.iter().filter(|d| d.manifests.iter().any(|m| m.id == *id));
    let views = of.map(|d| DeploymentView {
        id: d.id.clone(),
        at: d.at,
        size: d.size,
        source: snapshot.sources.iter().find(|s| s.deployment == d.id).map(|s| s.name.clone()),
        is_current: current == Some(&d.id),
    });
    let mut views: Vec<_> = views.collect();
    // going back to older bytes makes them current again
    views.sort_by_key(|d| !d.is_current);
    let older = views.len().saturating_sub(DEPLOYMENTS);
    views.truncate(DEPLOYMENTS);
    (views, older)
}
