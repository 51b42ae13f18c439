//! Rows to types and back. A row that is not as it should be is corrupt, and says so.

use super::error;
use crate::store::{Deployment, Parent, RunRow, Skip, StoreError, Why};
use pawl_engine::event::{Event, SenderId};
use pawl_engine::index::{Index, Status};
use pawl_engine::trace::TraceParent;
use pawl_engine::{DeploymentId, Entry, EventId, FunctionId, Mail, Payload, RunId, StepKey, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The columns of [`event`], in its order.
pub(super) const EVENT: &str =
    "e.id, e.name, e.data, e.user, e.at, e.version, e.source, e.sender_id, e.received_at, e.trace";

/// The columns of [`run`], in its order.
pub(super) const RUN: &str = "r.id, r.function, r.deployment, r.event, e.name, r.created_at, r.status, \
     r.started_at, r.ended_at, (SELECT ready_at FROM queue WHERE run = r.id), r.parent_run, \
     r.parent_step, r.extras";

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn payload(text: String) -> Result<Payload, StoreError> {
    Payload::stored(text).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// The ways in that senders are known by. One that this version does not know (another
/// wrote it) is kept for as long as the process lives: there are few.
fn source(text: &str) -> &'static str {
    static OTHERS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    const KNOWN: [&str; 5] = ["stripe", "api", "seed", "cron", "pawl"];
    if let Some(known) = KNOWN.into_iter().find(|known| *known == text) {
        return known;
    }
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    others.get(text).copied().unwrap_or_else(|| {
        let kept: &'static str = Box::leak(text.into());
        others.insert(kept);
        kept
    })
}

/// The query of one event.
pub(super) fn event_by_id() -> String {
    format!("SELECT {EVENT} FROM events e WHERE e.id = ?1")
}

/// From a column with an event's id.
pub(super) fn event_id(row: &Row<'_>) -> Result<EventId, StoreError> {
    row.get::<_, String>(0).map(EventId::new).map_err(error)
}

/// From columns [`EVENT`].
pub(super) fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    let get = |n: usize| row.get::<_, Option<String>>(n).map_err(error);
    let sender = get(6)?.zip(get(7)?).map(|(s, id)| SenderId { source: source(&s), id });
    Ok(Event {
        id: EventId::new(row.get::<_, String>(0).map_err(error)?),
        name: row.get::<_, String>(1).map_err(error)?.into(),
        data: payload(row.get(2).map_err(error)?)?,
        user: get(3)?.map(payload).transpose()?,
        at: at(row.get(4).map_err(error)?),
        version: get(5)?,
        sender,
        received_at: at(row.get(8).map_err(error)?),
        // one that cannot be read is no reason to lose an event
        trace: get(9)?.and_then(|text| TraceParent::parse(&text)),
    })
}

/// From columns [`RUN`], with what else is stored of the run.
pub(super) fn run_and_extras(row: &Row<'_>) -> Result<(RunRow, u32), StoreError> {
    Ok((run(row)?, row.get(12).map_err(error)?))
}

/// From columns [`RUN`].
pub(super) fn run(row: &Row<'_>) -> Result<RunRow, StoreError> {
    let text = |n: usize| row.get::<_, String>(n).map_err(error);
    let time = |n: usize| row.get::<_, Option<i64>>(n).map(|t| t.map(at)).map_err(error);
    let status = text(6)?;
    let status = Status::parse(&status).ok_or_else(|| StoreError::Corrupt(format!("status {status}")))?;
    let index = Index { status, started_at: time(7)?, ended_at: time(8)?, wake_at: time(9)? };
    let optional = |n: usize| row.get::<_, Option<String>>(n).map_err(error);
    let parent = optional(10)?.zip(optional(11)?);
    Ok(RunRow {
        id: RunId::new(text(0)?),
        function: FunctionId::new(text(1)?),
        deployment: DeploymentId::new(text(2)?),
        event: EventId::new(text(3)?),
        batch: Vec::new(),
        parent: parent.map(|(run, step)| Parent { run: RunId::new(run), step: StepKey::parse(&step) }),
        event_name: text(4)?,
        created_at: at(row.get(5).map_err(error)?),
        index,
        journal: Vec::new(),
    })
}

/// From `id, length(bytes), manifests, at`.
pub(super) fn deployment(row: &Row<'_>) -> Result<Deployment, StoreError> {
    let manifests: String = row.get(2).map_err(error)?;
    Ok(Deployment {
        id: DeploymentId::new(row.get::<_, String>(0).map_err(error)?),
        size: row.get(1).map_err(error)?,
        manifests: serde_json::from_str(&manifests).map_err(|e| StoreError::Corrupt(e.to_string()))?,
        at: at(row.get(3).map_err(error)?),
    })
}

/// From `function, why, run, at`.
pub(super) fn skip(row: &Row<'_>) -> Result<Skip, StoreError> {
    let text = |n: usize| row.get::<_, String>(n).map_err(error);
    let all = [Why::RateLimit, Why::Debounced, Why::Batched, Why::Singleton];
    let why = text(1)?;
    Ok(Skip {
        function: FunctionId::new(text(0)?),
        why: all
            .into_iter()
            .find(|known| known.as_str() == why)
            .ok_or_else(|| StoreError::Corrupt(format!("reason {why}")))?,
        run: row.get::<_, Option<String>>(2).map_err(error)?.map(RunId::new),
        at: at(row.get(3).map_err(error)?),
    })
}

/// All rows of a query.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    of: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql).map_err(error)?;
    let mut rows = statement.query(params).map_err(error)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(error)? {
        found.push(of(row)?);
    }
    Ok(found)
}

/// The first row of a query, if there is one.
pub(super) fn first<T>(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    of: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = db.prepare_cached(sql).map_err(error)?;
    statement.query_row(params, |row| Ok(of(row))).optional().map_err(error)?.transpose()
}

/// A run's journal.
pub(super) fn journal(db: &Connection, run: &RunId) -> Result<Vec<Entry>, StoreError> {
    all(db, "SELECT entry FROM journal WHERE run = ?1 ORDER BY seq", [run.as_str()], entry)
}

/// The last entry of a run's journal.
pub(super) fn last_entry(db: &Connection, run: &RunId) -> Result<Option<Entry>, StoreError> {
    first(db, "SELECT entry FROM journal WHERE run = ?1 ORDER BY seq DESC LIMIT 1", [run.as_str()], entry)
}

/// What a run was told and has not read, oldest first.
pub(super) fn mail(db: &Connection, run: &RunId) -> Result<Vec<Mail>, StoreError> {
    all(db, "SELECT mail FROM mail WHERE run = ?1 ORDER BY n", [run.as_str()], |row| {
        let text = row.get_ref(0).and_then(|v| v.as_str().map_err(Into::into)).map_err(error)?;
        Mail::from_json(text).map_err(|e| StoreError::Corrupt(format!("mail: {e}")))
    })
}

/// The events of a run's batch, in their order.
pub(super) fn batch(db: &Connection, run: &RunId) -> Result<Vec<EventId>, StoreError> {
    all(db, "SELECT event FROM run_events WHERE run = ?1 ORDER BY n", [run.as_str()], event_id)
}

fn entry(row: &Row<'_>) -> Result<Entry, StoreError> {
    let text = row.get_ref(0).and_then(|v| v.as_str().map_err(Into::into)).map_err(error)?;
    Entry::from_json(text).map_err(|e| StoreError::Corrupt(format!("journal entry: {e}")))
}

/// Stores an event.
pub(super) fn insert_event(db: &Connection, event: &Event) -> Result<(), StoreError> {
    let sql = "INSERT INTO events (id, name, data, user, at, version, source, sender_id, received_at, \
               trace) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    db.prepare_cached(sql)
        .and_then(|mut s| {
            s.execute(params![
                event.id.as_str(),
                &*event.name,
                event.data.as_str(),
                event.user.as_ref().map(Payload::as_str),
                event.at.as_millis(),
                event.version,
                event.sender.as_ref().map(|s| s.source),
                event.sender.as_ref().map(|s| s.id.as_str()),
                event.received_at.as_millis(),
                event.trace.map(|trace| trace.to_string()),
            ])
        })
        .map(|_| ())
        .map_err(error)
}
