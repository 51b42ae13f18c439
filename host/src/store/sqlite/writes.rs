//! What the writer does inside of a transaction, one function a verb.

use super::state::State;
use super::{error, rows};
use crate::store::{Accept, Accepted, Claim, Commit, Deploy, NewRun, StoreError, Then};
use pawl_engine::event::Event;
use pawl_engine::index::Index;
use pawl_engine::{EventId, FunctionId, RunId, limits};
use rusqlite::{Connection, params};

fn execute(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<usize, StoreError> {
    db.prepare_cached(sql).and_then(|mut s| s.execute(params)).map_err(error)
}

/// Stores an event and its runs, unless its sender's id is known.
pub(super) fn accept(db: &Connection, accept: &Accept) -> Result<Accepted, StoreError> {
    if let Some(first) = known(db, &accept.event)? {
        return Ok(Accepted::Duplicate(first));
    }
    rows::insert_event(db, &accept.event)?;
    accept.runs.iter().try_for_each(|run| start(db, &accept.event.id, run))?;
    Ok(Accepted::New(accept.event.id.clone()))
}

/// Takes the sender's id for this event; the first event when it is taken. The
/// insert itself decides, so that two at once cannot both be new.
fn known(db: &Connection, event: &Event) -> Result<Option<EventId>, StoreError> {
    let Some(sender) = &event.sender else { return Ok(None) };
    let oldest = event.received_at.as_millis() - limits::SENDER_ID_KEPT.as_millis() as i64;
    let sql = "INSERT INTO senders (sender_id, source, event, received_at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (sender_id, source) DO UPDATE \
               SET event = excluded.event, received_at = excluded.received_at WHERE received_at < ?5";
    let new = params![sender.id, sender.source, event.id.as_str(), event.received_at.as_millis(), oldest];
    if execute(db, sql, new)? > 0 {
        return Ok(None);
    }
    let sql = "SELECT event FROM senders WHERE sender_id = ?1 AND source = ?2";
    rows::first(db, sql, params![sender.id, sender.source], |row| {
        row.get::<_, String>(0).map(EventId::new).map_err(error)
    })
}

/// Stores a run and its place in the queue.
pub(super) fn start(db: &Connection, event: &EventId, run: &NewRun) -> Result<(), StoreError> {
    let sql = "INSERT INTO runs (id, event, function, deployment, status, created_at) \
               VALUES (?1, ?2, ?3, ?4, 'Queued', ?5)";
    let created_at = run.created_at.as_millis();
    let row =
        params![run.id.as_str(), event.as_str(), run.function.as_str(), run.deployment.as_str(), created_at];
    execute(db, sql, row)?;
    enqueue(db, &run.function, created_at, &run.id)
}

fn enqueue(db: &Connection, function: &FunctionId, ready_at: i64, run: &RunId) -> Result<(), StoreError> {
    let sql = "INSERT INTO queue (function, ready_at, run) VALUES (?1, ?2, ?3)";
    execute(db, sql, params![function.as_str(), ready_at, run.as_str()]).map(|_| ())
}

/// Appends to a journal, for who holds the run. Gives the run's new place in the
/// queue when it has one.
pub(super) fn commit(
    db: &Connection,
    state: &State,
    claim: &Claim,
    commit: &Commit,
) -> Result<Option<(FunctionId, i64)>, StoreError> {
    if !state.claims.holds(claim) {
        return Err(StoreError::Fenced);
    }
    let sql = "INSERT INTO journal (run, seq, entry) VALUES (?1, ?2, ?3)";
    for (seq, entry) in (commit.expect..).zip(&commit.entries) {
        // a taken place (the journal is longer than the caller believes) is a Conflict
        execute(db, sql, params![claim.run.as_str(), seq, entry.to_json()])?;
    }
    match commit.then {
        Then::Release(index) => write_index(db, &claim.run, index),
        Then::Keep => Ok(None),
    }
}

fn write_index(db: &Connection, run: &RunId, index: Index) -> Result<Option<(FunctionId, i64)>, StoreError> {
    let sql = "UPDATE runs SET status = ?2, started_at = ?3, ended_at = ?4 WHERE id = ?1";
    let (started_at, ended_at) =
        (index.started_at.map(|t| t.as_millis()), index.ended_at.map(|t| t.as_millis()));
    execute(db, sql, params![run.as_str(), index.status.as_str(), started_at, ended_at])?;
    let sql = "DELETE FROM queue WHERE run = ?1 RETURNING function";
    let function = rows::first(db, sql, [run.as_str()], |row| {
        row.get::<_, String>(0).map(FunctionId::new).map_err(error)
    })?;
    match (function, index.wake_at) {
        (Some(function), Some(wake_at)) => {
            enqueue(db, &function, wake_at.as_millis(), run)?;
            Ok(Some((function, wake_at.as_millis())))
        }
        (None, Some(_)) => Err(StoreError::Corrupt(format!("run {run} has no place in the queue"))),
        (_, None) => Ok(None),
    }
}

/// The functions that have runs in the queue: a hop for each, not a walk.
pub(super) const QUEUED_FUNCTIONS: &str = "WITH RECURSIVE f (id) AS (SELECT min(function) FROM queue \
     UNION ALL SELECT (SELECT min(function) FROM queue WHERE function > f.id) FROM f WHERE f.id IS NOT NULL) \
     SELECT id FROM f WHERE id IS NOT NULL";

/// A function's next runs behind a place in its queue.
pub(super) const QUEUED_RUNS: &str = "SELECT ready_at, run FROM queue \
     WHERE function = ?1 AND (ready_at, run) > (?2, ?3) AND ready_at <= ?4 ORDER BY ready_at, run LIMIT ?5";

/// A function's next time.
pub(super) const NEXT_DUE: &str = "SELECT min(ready_at) FROM queue WHERE function = ?1 AND ready_at > ?2";

pub(super) fn queued_functions(db: &Connection) -> Result<Vec<FunctionId>, StoreError> {
    rows::all(db, QUEUED_FUNCTIONS, [], |row| row.get::<_, String>(0).map(FunctionId::new).map_err(error))
}

/// Claims up to `max` runs of one function.
pub(super) fn claim_of(
    db: &Connection,
    state: &mut State,
    function: &FunctionId,
    now: i64,
    max: usize,
) -> Result<Vec<Claim>, StoreError> {
    let mut claimed = Vec::new();
    while claimed.len() < max {
        let (after, run) = state.cursor(function);
        let wanted = (max - claimed.len()) as i64;
        let params = params![function.as_str(), after, run, now, wanted];
        let found = rows::all(db, QUEUED_RUNS, params, |row| {
            Ok((row.get::<_, i64>(0).map_err(error)?, row.get::<_, String>(1).map_err(error)?))
        })?;
        if found.is_empty() {
            break;
        }
        for (ready_at, run) in found {
            let run = RunId::new(run);
            if !state.claims.is_held(&run) {
                claimed.push(state.claims.take(&run, function));
            }
            state.advance(function, ready_at, &run);
        }
    }
    Ok(claimed)
}

/// Keeps a deployment and makes it what its source offers.
pub(super) fn deploy(db: &Connection, deploy: &Deploy) -> Result<(), StoreError> {
    let manifests =
        serde_json::to_string(&deploy.manifests).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let at = deploy.at.as_millis();
    let sql = "INSERT INTO deployments (id, bytes, manifests, at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (id) DO NOTHING";
    execute(db, sql, params![deploy.id.as_str(), deploy.bytes, manifests, at])?;
    let sql = "INSERT INTO sources (name, deployment, at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (name) DO UPDATE SET deployment = excluded.deployment, at = excluded.at";
    execute(db, sql, params![deploy.source, deploy.id.as_str(), at]).map(|_| ())
}

/// Forgets what a source offers.
pub(super) fn withdraw(db: &Connection, source: &str) -> Result<(), StoreError> {
    execute(db, "DELETE FROM sources WHERE name = ?1", [source]).map(|_| ())
}

/// Sets or deletes a value.
pub(super) fn kv_set(
    db: &Connection,
    bucket: &str,
    key: &str,
    value: Option<&[u8]>,
) -> Result<(), StoreError> {
    let done = match value {
        Some(value) => execute(
            db,
            "INSERT INTO kv (bucket, key, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value",
            params![bucket, key, value],
        ),
        None => execute(db, "DELETE FROM kv WHERE bucket = ?1 AND key = ?2", params![bucket, key]),
    };
    done.map(|_| ())
}
