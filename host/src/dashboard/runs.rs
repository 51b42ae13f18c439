//! The list of runs, newest first, with filters that its URL holds.

use super::choice::Choice;
use super::error::PageError;
use super::fields::Fields;
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use super::{Dashboard, filters, moment};
use crate::clock;
use crate::store::RunRow;
use crate::store::find::{RunQuery, Search};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pawl_engine::{FunctionId, Span, Status, Timestamp};

/// Runs of a page.
const ROWS: usize = 50;

/// What can be filtered by.
const FILTERS: [&str; 6] = ["status", "function", "event", "q", "from", "to"];

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    shell: Shell,
    query: Fields,
    statuses: Vec<Choice>,
    functions: Vec<Choice>,
    bad_from: bool,
    bad_to: bool,
    is_filtered: bool,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
    looked: Option<Timestamp>,
    /// There is something that could be run.
    has_functions: bool,
}

struct Row {
    run: RunRow,
    took: Option<Span>,
}

impl Row {
    fn new(run: RunRow, now: Timestamp) -> Self {
        let started = run.index.started_at.map(|at| at.max(run.created_at));
        Self { took: started.map(|at| run.index.ended_at.unwrap_or(now) - at), run }
    }
}

/// `GET /runs`.
pub(super) async fn list(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let asked = &viewer.query;
    let (from, until) = (moment::parse(asked, "from"), moment::parse(asked, "to"));
    let (bad_from, bad_to) = (from.is_err(), until.is_err());
    let query = RunQuery {
        status: asked.get("status").and_then(Status::parse),
        function: asked.get("function").map(FunctionId::new),
        event_name: asked.get("event").map(str::to_owned),
        text: asked.get("q").and_then(Search::parse),
        from: from.unwrap_or_default(),
        until: until.unwrap_or_default(),
        cursor: asked.get("cursor").map(str::to_owned),
        limit: ROWS,
    };
    let found = dashboard.store.find_runs(query).await?;
    let snapshot = dashboard.catalog.snapshot();
    // one that is not offered any more stays chosen
    let mut ids: Vec<_> = snapshot.functions.keys().map(|id| id.as_str().to_owned()).collect();
    if let Some(chosen) = asked.get("function").filter(|id| !ids.iter().any(|known| known == id)) {
        ids.push(chosen.to_owned());
    }
    let now = clock::now();
    page(&RunsPage {
        shell: dashboard.shell(&viewer, Nav::Runs),
        statuses: Choice::all(Status::ALL.map(|s| (s.as_str(), s.as_str())), asked.get("status")),
        functions: Choice::all(ids.iter().map(|id| (id.as_str(), id.as_str())), asked.get("function")),
        bad_from,
        bad_to,
        is_filtered: asked.any(&FILTERS),
        newest: asked.get("cursor").map(|_| format!("/runs{}", asked.with(&[("cursor", "")]))),
        older: found.cursor.map(|c| format!("/runs{}", asked.with(&[("cursor", &c)]))),
        looked: found.looked_back_to,
        rows: found.rows.into_iter().map(|run| Row::new(run, now)).collect(),
        has_functions: !snapshot.functions.is_empty(),
        query: asked.clone(),
    })
}
