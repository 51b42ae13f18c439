//! Forgetting: small batches, the oldest first, each a part of the writer's next
//! transaction. What is not over is never forgotten, nor an event that a run has, nor the
//! newest event (its number must not be given again).

use super::writes::execute;
use super::{error, rows};
use crate::store::StoreError;
use crate::store::counts::{HOUR, MINUTE};
use crate::store::records::{Pruned, Retention};
use pawl_engine::index::Status;
use pawl_engine::{Span, Timestamp, limits};
use rusqlite::{Connection, params};

/// Rows that are looked at in one batch, and rows that may go before it ends.
const LOOKED_AT: i64 = 300;
const GONE: u64 = 1_000;

/// How long counts by the minute are kept, those by the hour and what people did, webhooks,
/// and the depths of queues.
const MINUTES_KEPT: Span = Span::from_days(2);
const HOURS_KEPT: Span = Span::from_days(400);
const DELIVERIES_KEPT: Span = Span::from_days(30);
const BACKLOG_KEPT: Span = Span::from_days(14);

/// Webhooks that are kept at most: whoever is refused may come a million times a day.
const DELIVERIES: i64 = 200_000;

/// Senders' ids are walked so often: there is no index of their times.
const SENDERS_EVERY: Span = Span::from_days(1);

/// How far one round has come. Lost with the process: it begins again.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    stage: Stage,
    /// The last run that was looked at.
    run: String,
    /// The last event that was looked at.
    event: i64,
    /// The last sender's id that was looked at.
    sender: (String, String),
    /// When all of them had been looked at.
    senders_done: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Runs,
    Events,
    Lines,
    Others,
    Senders,
}

/// Bytes in use: pages that are free will be used again.
pub(super) fn used(db: &Connection) -> Result<u64, StoreError> {
    let read = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(error);
    let pages = read("page_count")? - read("freelist_count")?;
    Ok(u64::try_from(pages * read("page_size")?).unwrap_or(0))
}

/// The time before which something has been kept long enough.
fn cutoff(now: Timestamp, kept: Option<Span>) -> i64 {
    let kept = kept.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
    kept.map_or(i64::MIN, |kept| now.as_millis().saturating_sub(kept))
}

/// One batch, inside of a transaction.
pub(super) fn batch(
    db: &Connection,
    mut progress: Progress,
    keep: Retention,
    now: Timestamp,
) -> Result<(Progress, Pruned), StoreError> {
    let mut pruned = Pruned::default();
    let next = match progress.stage {
        Stage::Runs => runs(db, &mut progress, &keep, now, &mut pruned)?.then_some(Stage::Events),
        Stage::Events => events(db, &mut progress, &keep, now, &mut pruned)?.then_some(Stage::Lines),
        Stage::Lines => lines(db, &keep, now, &mut pruned)?.then_some(Stage::Others),
        Stage::Others => others(db, now, &mut pruned)?.then_some(Stage::Senders),
        Stage::Senders => {
            pruned.is_done = senders(db, &mut progress, now, &mut pruned)?;
            pruned.is_done.then_some(Stage::Runs)
        }
    };
    progress.stage = next.unwrap_or(progress.stage);
    Ok((progress, pruned))
}

/// Ids are made in the order of time, so the oldest runs come first; those that are not over
/// are passed by. `true`: the end.
fn runs(
    db: &Connection,
    progress: &mut Progress,
    keep: &Retention,
    now: Timestamp,
    pruned: &mut Pruned,
) -> Result<bool, StoreError> {
    let is_tight = keep.bytes.map_or(Ok(false), |bytes| used(db).map(|used| used > bytes))?;
    let before = if is_tight { i64::MAX } else { cutoff(now, keep.runs) };
    let events_before = if is_tight { i64::MAX } else { cutoff(now, keep.events) };
    let sql = "SELECT id, event, status, created_at, ended_at FROM runs WHERE id > ?1 ORDER BY id LIMIT ?2";
    let found = rows::all(db, sql, params![progress.run, LOOKED_AT], |row| {
        let read = || {
            let (id, event, status) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((id, event, status, row.get::<_, i64>(3)?, row.get::<_, Option<i64>>(4)?))
        };
        read().map_err(error)
    })?;
    let is_end = found.len() < LOOKED_AT as usize || found.iter().all(|(.., made, _)| *made >= before);
    let mut gone = 0;
    for (id, event, status, _, ended_at) in found {
        let (id, event, status): (String, String, String) = (id, event, status);
        let is_over = Status::parse(&status).is_some_and(Status::is_final);
        if is_over && ended_at.is_some_and(|at| at < before) {
            gone += forget_run(db, &id)?;
            pruned.runs += 1;
            pruned.events += forget_event(db, &event, events_before)?;
        }
        progress.run = id;
        if gone >= GONE {
            return Ok(false);
        }
    }
    if is_end {
        progress.run.clear();
    }
    Ok(is_end)
}

/// How many rows went.
fn forget_run(db: &Connection, id: &str) -> Result<u64, StoreError> {
    let mut gone = 0;
    for sql in [
        "DELETE FROM journal WHERE run = ?1",
        "DELETE FROM lines WHERE run = ?1",
        "DELETE FROM run_events WHERE run = ?1",
        "DELETE FROM runs WHERE id = ?1",
    ] {
        gone += execute(db, sql, [id])? as u64;
    }
    Ok(gone)
}

/// The event goes if it is older than that and nobody has it any more.
fn forget_event(db: &Connection, id: &str, before: i64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM events WHERE id = ?1 AND received_at < ?2 \
               AND NOT EXISTS (SELECT 1 FROM runs WHERE event = ?1) \
               AND NOT EXISTS (SELECT 1 FROM run_events WHERE event = ?1) \
               AND n < (SELECT max(n) FROM events)";
    let gone = execute(db, sql, params![id, before])? as u64;
    if gone > 0 {
        execute(db, "DELETE FROM skips WHERE event = ?1", [id])?;
    }
    Ok(gone)
}

/// Events without runs, in the order of their coming. `true`: the end.
fn events(
    db: &Connection,
    progress: &mut Progress,
    keep: &Retention,
    now: Timestamp,
    pruned: &mut Pruned,
) -> Result<bool, StoreError> {
    let before = cutoff(now, keep.events);
    let sql = "SELECT n, id, received_at FROM events WHERE n > ?1 ORDER BY n LIMIT ?2";
    let found = rows::all(db, sql, params![progress.event, LOOKED_AT], |row| {
        let read = || Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?));
        read().map_err(error)
    })?;
    let is_end = found.len() < LOOKED_AT as usize || found.iter().all(|(.., at)| *at >= before);
    for (n, id, _) in found {
        pruned.events += forget_event(db, &id, before)?;
        progress.event = n;
    }
    if is_end {
        progress.event = 0;
    }
    Ok(is_end)
}

/// The oldest runs that have lines. `true`: the end.
fn lines(db: &Connection, keep: &Retention, now: Timestamp, pruned: &mut Pruned) -> Result<bool, StoreError> {
    let before = cutoff(now, keep.lines);
    let sql = "SELECT l.run, coalesce(r.created_at, 0) FROM lines l LEFT JOIN runs r ON r.id = l.run \
               ORDER BY l.run LIMIT 1";
    let mut gone = 0;
    while gone < GONE {
        let first = rows::first(db, sql, [], |row| {
            let read = || Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
            read().map_err(error)
        })?;
        let Some((run, _)) = first.filter(|(_, made)| *made < before) else { return Ok(true) };
        let lines = execute(db, "DELETE FROM lines WHERE run = ?1", [run])? as u64;
        gone += lines;
        pruned.lines += lines;
    }
    Ok(false)
}

/// What is kept for its own time. `true`: the end.
fn others(db: &Connection, now: Timestamp, pruned: &mut Pruned) -> Result<bool, StoreError> {
    let mut gone = 0;
    for (table, key) in [
        ("run_counts", "at, function, status, took"),
        ("event_counts", "at, name"),
        ("delivery_counts", "at, provider, answered"),
    ] {
        for (grain, kept) in [(MINUTE, MINUTES_KEPT), (HOUR, HOURS_KEPT)] {
            let sql = format!(
                "DELETE FROM {table} WHERE grain = ?1 AND (grain, {key}) IN \
                 (SELECT grain, {key} FROM {table} WHERE grain = ?1 AND at < ?2 ORDER BY at LIMIT ?3)"
            );
            gone += execute(db, &sql, params![grain, cutoff(now, Some(kept)), LOOKED_AT])?;
        }
    }
    let sql = "DELETE FROM backlog WHERE (at, function) IN \
               (SELECT at, function FROM backlog WHERE at < ?1 ORDER BY at LIMIT ?2)";
    gone += execute(db, sql, params![cutoff(now, Some(BACKLOG_KEPT)), LOOKED_AT])?;
    let sql = "DELETE FROM deliveries WHERE n IN (SELECT n FROM deliveries ORDER BY n LIMIT ?3) \
               AND (at < ?1 OR n <= (SELECT max(n) FROM deliveries) - ?2)";
    gone += execute(db, sql, params![cutoff(now, Some(DELIVERIES_KEPT)), DELIVERIES, LOOKED_AT])?;
    for table in ["audits", "alert_records"] {
        let sql =
            format!("DELETE FROM {table} WHERE n IN (SELECT n FROM {table} ORDER BY n LIMIT ?2) AND at < ?1");
        gone += execute(db, &sql, params![cutoff(now, Some(HOURS_KEPT)), LOOKED_AT])?;
    }
    pruned.others += gone as u64;
    Ok(gone == 0)
}

/// Ids of senders that are not kept any more, at most once a day. `true`: the end.
fn senders(
    db: &Connection,
    progress: &mut Progress,
    now: Timestamp,
    pruned: &mut Pruned,
) -> Result<bool, StoreError> {
    if progress.senders_done.is_some_and(|at| now - at < SENDERS_EVERY) {
        return Ok(true);
    }
    let sql = "SELECT sender_id, source, received_at FROM senders WHERE (sender_id, source) > (?1, ?2) \
               ORDER BY sender_id, source LIMIT ?3";
    let (id, source) = &progress.sender;
    let found = rows::all(db, sql, params![id, source, LOOKED_AT], |row| {
        let read = || Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?));
        read().map_err(error)
    })?;
    let is_end = found.len() < LOOKED_AT as usize;
    let before = cutoff(now, Some(Span::from_millis(limits::SENDER_ID_KEPT.as_millis())));
    for (id, source, at) in found {
        if at < before {
            let sql = "DELETE FROM senders WHERE sender_id = ?1 AND source = ?2";
            pruned.others += execute(db, sql, params![id, source])? as u64;
        }
        progress.sender = (id, source);
    }
    if is_end {
        (progress.sender, progress.senders_done) = (Default::default(), Some(now));
    }
    Ok(is_end)
}
