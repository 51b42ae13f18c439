//! The list of events.

use super::Dashboard;
use super::error::PageError;
use super::fields::Fields;
use super::filters;
use super::json::Sight;
use super::moment;
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use crate::store::find::{EventQuery, Search};
use crate::store::{RunFilter, Store};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pawl_engine::Timestamp;
use pawl_engine::event::{Event, is_own};

/// Events of a page.
const ROWS: usize = 50;

/// Runs of one event that are counted.
const COUNTED: usize = 20;

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    shell: Shell,
    query: Fields,
    is_filtered: bool,
    is_paged: bool,
    bad_from: bool,
    bad_to: bool,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
    looked: Option<Timestamp>,
}

struct Row {
    id: String,
    name: String,
    at: Timestamp,
    source: String,
    sender_id: String,
    runs: String,
}

/// `GET /events`.
pub(super) async fn list(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let asked = &viewer.query;
    let (from, to) = (moment::parse(asked, "from"), moment::parse(asked, "to"));
    let (bad_from, bad_to) = (from.is_err(), to.is_err());
    let query = EventQuery {
        name: asked.get("event").map(str::to_owned),
        text: asked.get("q").and_then(Search::parse),
        from: from.unwrap_or_default(),
        until: to.unwrap_or_default(),
        cursor: asked.get("cursor").map(str::to_owned),
        limit: ROWS,
    };
    let found = dashboard.store.find_events(query).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for event in found.rows {
        rows.push(row(&*dashboard.store, event).await?);
    }
    let is_paged = asked.get("cursor").is_some();
    page(&EventsPage {
        shell: dashboard.shell(&viewer, Nav::Events),
        is_filtered: asked.any(&["event", "q", "from", "to"]),
        is_paged,
        bad_from,
        bad_to,
        rows,
        newest: is_paged.then(|| asked.with(&[("cursor", "")])),
        older: found.cursor.map(|cursor| asked.with(&[("cursor", &cursor)])),
        looked: found.looked_back_to,
        query: asked.clone(),
    })
}

async fn row(store: &dyn Store, event: Event) -> Result<Row, PageError> {
    let filter = RunFilter { event: Some(event.id.clone()), limit: COUNTED + 1, ..RunFilter::default() };
    let runs = match store.runs(filter).await?.len() {
        n if n > COUNTED => format!("{COUNTED}+"),
        n => n.to_string(),
    };
    Ok(Row {
        id: event.id.to_string(),
        name: event.name.to_string(),
        at: event.received_at,
        source: source(&event).to_owned(),
        sender_id: event.sender.map(|s| Sight::Masked.text(&s.id).text).unwrap_or_default(),
        runs,
    })
}

/// By which way an event came in, in words.
pub(super) fn source(event: &Event) -> &str {
    match event.sender.as_ref().map(|s| s.source) {
        Some("api" | "seed") => "Event API",
        Some("stripe") => "Stripe",
        Some("cron") => "Schedule",
        Some("pawl") => "This host",
        Some(other) => other,
        None if is_own(&event.name) => "This host",
        None => "Event API",
    }
}
