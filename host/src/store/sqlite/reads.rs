//! Queries of people: connections of their own, so that they never wait for the
//! writer nor make it wait.

use super::{error, rows};
use crate::pulse::Pulse;
use crate::store::state::{State, Watched};
use crate::store::tx::extras;
use crate::store::{Claim, Claimed, Deployment, EventFilter, RunFilter, RunRow, Skip, Source, StoreError};
use pawl_engine::event::Event;
use pawl_engine::index::Status;
use pawl_engine::{DeploymentId, EventId, FunctionId, RunId, Timestamp};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// Queries at once: a page and what refreshes beside it.
const CONNECTIONS: usize = 4;

/// A few read-only connections.
#[derive(Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens them.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let open = |_| {
            super::connect(path)
                .and_then(|db| db.pragma_update(None, "query_only", true).map(|()| db).map_err(error))
        };
        let idle = (0..CONNECTIONS).map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), permits: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Does `work` on one of them, on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = |what: &str| StoreError::Unavailable(format!("the readers have ended: {what}"));
        let permit = self.permits.clone().acquire_owned().await.map_err(|e| gone(&e.to_string()))?;
        let idle = self.idle.clone();
        let task = tokio::task::spawn_blocking(move || {
            let db = idle.lock().ok().and_then(|mut v| v.pop()).ok_or_else(|| gone("no connection"))?;
            let found = work(&db);
            if let Ok(mut idle) = idle.lock() {
                idle.push(db);
            }
            drop(permit);
            found
        });
        task.await.map_err(|e| gone(&e.to_string()))?
    }
}

/// Runs by filter, newest first; `held` are the runs that are claimed.
pub(super) fn runs(db: &Connection, filter: &RunFilter, held: &[RunId]) -> Result<Vec<RunRow>, StoreError> {
    let held: Vec<&str> = held.iter().map(RunId::as_str).collect();
    let held = serde_json::to_string(&held).unwrap_or_else(|_| "[]".into());
    let sql = runs_sql(filter);
    let found = rows::all(
        db,
        &sql,
        rusqlite::named_params! {
            ":function": filter.function.as_ref().map(|f| f.as_str()),
            ":event": filter.event.as_ref().map(|e| e.as_str()),
            ":before": filter.before.as_ref().map(|r| r.as_str()),
            ":since": filter.since.as_ref().map(|r| r.as_str()),
            ":held": held,
            ":limit": filter.limit as i64,
        },
        rows::run,
    )?;
    found.into_iter().map(|run| with_last_entry(db, run)).collect()
}

/// The runs that have an event, as their first one or another one of their batch.
const OF_EVENT: &str = "r.id IN (SELECT id FROM runs WHERE event = :event \
     UNION SELECT run FROM run_events WHERE event = :event)";

/// The query of a filter. Conditions are left out rather than made optional, so that
/// each filter gets the index that is made for it.
pub(super) fn runs_sql(filter: &RunFilter) -> String {
    let mut wanted = vec!["(:held IS NOT NULL)"];
    let status;
    match filter.status {
        // a run is running while it is claimed, which the database does not know
        Some(Status::Running) => {
            wanted.push("(r.id IN (SELECT value FROM json_each(:held)))");
        }
        Some(other) => {
            // in the words of the partial index
            let indexed = if other == Status::Completed { "" } else { " AND r.status <> 'Completed'" };
            status = format!("r.status = '{}'{indexed}", other.as_str());
            wanted.extend([status.as_str(), "r.id NOT IN (SELECT value FROM json_each(:held))"]);
        }
        None => {}
    }
    wanted.push(if filter.function.is_some() { "r.function = :function" } else { "(:function IS NULL)" });
    wanted.push(if filter.event.is_some() { OF_EVENT } else { "(:event IS NULL)" });
    wanted.push(if filter.before.is_some() { "r.id < :before" } else { "(:before IS NULL)" });
    wanted.push(if filter.since.is_some() { "r.id >= :since" } else { "(:since IS NULL)" });
    format!(
        "SELECT {} FROM runs r JOIN events e ON e.id = r.event WHERE {} ORDER BY r.id DESC LIMIT :limit",
        rows::RUN,
        wanted.join(" AND ")
    )
}

fn with_last_entry(db: &Connection, mut run: RunRow) -> Result<RunRow, StoreError> {
    run.journal = rows::last_entry(db, &run.id)?.into_iter().collect();
    Ok(run)
}

/// One run with its journal.
pub(super) fn run(db: &Connection, id: &RunId) -> Result<RunRow, StoreError> {
    // one transaction: the columns and the journal belong together
    let db = db.unchecked_transaction().map_err(error)?;
    whole(&db, id).map(|(run, _)| run)
}

fn whole(db: &Connection, id: &RunId) -> Result<(RunRow, u32), StoreError> {
    let (mut run, more) = columns(db, id)?;
    run.journal = rows::journal(db, id)?;
    if more & extras::BATCH != 0 {
        run.batch = rows::batch(db, id)?;
    }
    Ok((run, more))
}

/// One run without its journal, and what else is stored of it.
pub(super) fn columns(db: &Connection, id: &RunId) -> Result<(RunRow, u32), StoreError> {
    let sql = format!("SELECT {} FROM runs r JOIN events e ON e.id = r.event WHERE r.id = ?1", rows::RUN);
    rows::first(db, &sql, [id.as_str()], rows::run_and_extras)?.ok_or(StoreError::NotFound)
}

/// All that belongs to a claimed run. Only its claim holder changes any of it, and what
/// others tell it meanwhile comes behind what is read here.
pub(super) fn claimed(db: &Connection, claim: Claim) -> Result<Claimed, StoreError> {
    let db = db.unchecked_transaction().map_err(error)?;
    let (run, more) = whole(&db, &claim.run)?;
    let one = |id: &EventId| {
        let found = rows::first(&db, &rows::event_by_id(), [id.as_str()], rows::event)?;
        found.ok_or(StoreError::NotFound)
    };
    let events = match run.batch.is_empty() {
        true => vec![one(&run.event)?],
        false => run.batch.iter().map(one).collect::<Result<_, _>>()?,
    };
    let mail = if more & extras::MAIL != 0 { rows::mail(&db, &claim.run)? } else { Vec::new() };
    Ok(Claimed {
        claim,
        function: run.function,
        deployment: run.deployment,
        events,
        created_at: run.created_at,
        journal: run.journal,
        parent: run.parent,
        mail,
    })
}

/// The runs that an event did not make.
pub(super) fn skips(db: &Connection, event: &EventId) -> Result<Vec<Skip>, StoreError> {
    let sql = "SELECT function, why, run, at FROM skips WHERE event = ?1 ORDER BY function";
    rows::all(db, sql, [event.as_str()], rows::skip)
}

/// The paused functions.
pub(super) fn paused(db: &Connection) -> Result<Vec<(FunctionId, Timestamp)>, StoreError> {
    rows::all(db, "SELECT function, at FROM function_pauses ORDER BY function", [], |row| {
        let function = FunctionId::new(row.get::<_, String>(0).map_err(error)?);
        Ok((function, Timestamp::from_millis(row.get(1).map_err(error)?)))
    })
}

/// The names and patterns that are watched for: a hop for each, not a walk.
pub(super) const WATCHED: &str = "WITH RECURSIVE n (name) AS (SELECT min(name) FROM watches \
     UNION ALL SELECT (SELECT min(name) FROM watches WHERE name > n.name) FROM n WHERE n.name IS NOT NULL) \
     SELECT name FROM n WHERE name IS NOT NULL";

/// What the writer has to know when it starts.
pub(super) fn state(db: &Connection, pulse: Pulse) -> Result<State, StoreError> {
    let paused = paused(db)?.into_iter().map(|(function, _)| function);
    let watched = rows::all(db, WATCHED, [], |row| row.get(0).map_err(error))?;
    Ok(State::new(paused, first_alarm(db)?, Watched::of(watched), pulse))
}

/// The earliest alarm.
pub(super) fn first_alarm(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    next_time(db, NEXT_ALARM, i64::MIN)
}

/// A run's next time after `now`.
pub(super) const NEXT_READY: &str = "SELECT min(ready_at) FROM queue WHERE ready_at > ?1";

/// An alarm's next time after `now`.
pub(super) const NEXT_ALARM: &str = "SELECT min(at) FROM alarms WHERE at > ?1";

fn next_time(db: &Connection, sql: &str, now: i64) -> Result<Option<Timestamp>, StoreError> {
    let found = rows::first(db, sql, [now], |row| row.get::<_, Option<i64>>(0).map_err(error))?;
    Ok(found.flatten().map(Timestamp::from_millis))
}

/// The next time at which a run is ready, a gate opens or an alarm rings.
pub(super) fn next_due(
    db: &Connection,
    state: &State,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let ready = next_time(db, NEXT_READY, now.as_millis())?;
    let alarm = if state.has_alarms() { next_time(db, NEXT_ALARM, now.as_millis())? } else { None };
    let opening = state.next_opening(now).map(Timestamp::from_millis);
    Ok([ready, alarm, opening].into_iter().flatten().min())
}

/// Events by filter, newest first.
pub(super) fn events(db: &Connection, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
    let name = if filter.name.is_some() { "e.name = ?1" } else { "?1 IS NULL" };
    let before = if filter.before.is_some() { "e.id < ?2" } else { "?2 IS NULL" };
    let sql =
        format!("SELECT {} FROM events e WHERE {name} AND {before} ORDER BY e.id DESC LIMIT ?3", rows::EVENT);
    let before = filter.before.as_ref().map(|e| e.as_str());
    rows::all(db, &sql, params![filter.name, before, filter.limit as i64], rows::event)
}

/// One event, by its own id or by its sender's.
pub(super) fn event(db: &Connection, id: &str) -> Result<Event, StoreError> {
    if let Some(event) = rows::first(db, &rows::event_by_id(), [id], rows::event)? {
        return Ok(event);
    }
    let sql = format!(
        "SELECT {} FROM senders s JOIN events e ON e.id = s.event WHERE s.sender_id = ?1 \
         ORDER BY s.received_at DESC LIMIT 1",
        rows::EVENT
    );
    rows::first(db, &sql, [id], rows::event)?.ok_or(StoreError::NotFound)
}

/// All deployments and sources.
pub(super) fn deployments(db: &Connection) -> Result<(Vec<Deployment>, Vec<Source>), StoreError> {
    let db = db.unchecked_transaction().map_err(error)?;
    let sql = "SELECT id, length(bytes), manifests, at FROM deployments ORDER BY at DESC, id";
    let deployments = rows::all(&db, sql, [], rows::deployment)?;
    let sources = rows::all(&db, "SELECT name, deployment, at FROM sources ORDER BY at, name", [], |row| {
        let read = || -> rusqlite::Result<Source> {
            Ok(Source {
                name: row.get(0)?,
                deployment: DeploymentId::new(row.get::<_, String>(1)?),
                at: Timestamp::from_millis(row.get(2)?),
            })
        };
        read().map_err(error)
    })?;
    Ok((deployments, sources))
}

/// A deployment's bytes.
pub(super) fn artifact(db: &Connection, id: &DeploymentId) -> Result<Vec<u8>, StoreError> {
    let sql = "SELECT bytes FROM deployments WHERE id = ?1";
    rows::first(db, sql, [id.as_str()], |row| row.get(0).map_err(error))?.ok_or(StoreError::NotFound)
}

/// A value.
pub(super) fn kv_get(db: &Connection, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT value FROM kv WHERE bucket = ?1 AND key = ?2";
    rows::first(db, sql, params![bucket, key], |row| row.get(0).map_err(error))
}

/// Keys in order.
pub(super) fn kv_keys(
    db: &Connection,
    bucket: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT key FROM kv WHERE bucket = ?1 AND key > ?2 ORDER BY key LIMIT ?3";
    rows::all(db, sql, params![bucket, after, limit as i64], |row| row.get(0).map_err(error))
}
