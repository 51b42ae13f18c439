//! Forgetting: small batches, the oldest first, each a part of the writer's next
//! transaction. What is not over is never forgotten, nor an event that a run has, nor the
//! newest event (its number must not be given again).

use super::writes::execute;
use super::{error, rows};
use crate::store::StoreError;
use crate::store::counts::{HOUR, MINUTE};
use crate::store::find::first_id;
use crate::store::records::{Answered, Pruned, Retention};
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

/// Webhooks that are kept at most, of each answer by itself: whoever is refused may come a
/// million times a day, and must not push the others out.
const DELIVERIES: [(Answered, i64); 4] = [
    (Answered::Accepted, 200_000),
    (Answered::Duplicate, 50_000),
    (Answered::Ignored, 20_000),
    (Answered::Refused, 20_000),
];

/// What is younger than this is not forgotten for want of room.
const FLOOR: Span = Span::from_days(1);

/// How often it is said at most that there is no room.
const SAID_FOR: Span = Span::from_secs(3_600);

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
    /// The last run whose lines were looked at.
    lines: String,
    /// When it was last said that there is no room.
    said_at: Option<Timestamp>,
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
        Stage::Lines => lines(db, &mut progress, &keep, now, &mut pruned)?.then_some(Stage::Others),
        Stage::Others => others(db, now, &mut pruned)?.then_some(Stage::Senders),
        Stage::Senders => {
            pruned.is_done = senders(db, &mut progress, now, &mut pruned)?;
            if pruned.is_done && is_tight(db, &keep)? && progress.said_at.is_none_or(|at| now - at > SAID_FOR)
            {
                progress.said_at = Some(now);
                tracing::warn!(
                    "the database is larger than retention.size, and what is left is of today or not over: give it more room, or keep less"
                );
            }
            pruned.is_done.then_some(Stage::Runs)
        }
    };
    progress.stage = next.unwrap_or(progress.stage);
    Ok((progress, pruned))
}

/// Whether more is used than may be.
fn is_tight(db: &Connection, keep: &Retention) -> Result<bool, StoreError> {
    keep.bytes.map_or(Ok(false), |bytes| used(db).map(|used| used > bytes))
}

/// The time before which runs or events go: earlier than they are kept for when there is
/// no room, though never what is of today.
fn before(db: &Connection, keep: &Retention, kept: Option<Span>, now: Timestamp) -> Result<i64, StoreError> {
    let by_age = cutoff(now, kept);
    Ok(if is_tight(db, keep)? { by_age.max(cutoff(now, Some(FLOOR))) } else { by_age })
}

/// Whether what follows this id was made after that time. Ids are made in the order of
/// time, also those of runs that are to start much later.
fn is_behind(id: &str, before: i64) -> bool {
    before == i64::MIN || *id > *first_id(Timestamp::from_millis(before))
}

/// The oldest runs come first; those that are not over are passed by. `true`: the end.
fn runs(
    db: &Connection,
    progress: &mut Progress,
    keep: &Retention,
    now: Timestamp,
    pruned: &mut Pruned,
) -> Result<bool, StoreError> {
    let runs_before = before(db, keep, keep.runs, now)?;
    let events_before = before(db, keep, keep.events, now)?;
    let sql = "SELECT id, event, status, ended_at FROM runs WHERE id > ?1 ORDER BY id LIMIT ?2";
    let found = rows::all(db, sql, params![progress.run, LOOKED_AT], |row| {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<i64>>(3)?));
        read().map_err(error)
    })?;
    let is_last = found.len() < LOOKED_AT as usize;
    let mut gone = 0;
    for (id, event, status, ended_at) in found {
        let (id, event, status): (String, String, String) = (id, event, status);
        let is_over = Status::parse(&status).is_some_and(Status::is_final);
        if is_over && ended_at.is_some_and(|at| at < runs_before) {
            gone += forget_run(db, &id)?;
            pruned.runs += 1;
            let events = forget_event(db, &event, events_before)?;
            (pruned.events, gone) = (pruned.events + events.min(1), gone + events);
        }
        progress.run = id;
        if gone >= GONE {
            return Ok(false);
        }
    }
    let is_end = is_last || is_behind(&progress.run, runs_before);
    if is_end {
        progress.run.clear();
    }
    Ok(is_end)
}

/// What went: rows, and pages of what was too large for a row.
fn forget_run(db: &Connection, id: &str) -> Result<u64, StoreError> {
    let mut gone = pages(db, "SELECT sum(octet_length(entry)) FROM journal WHERE run = ?1", id)?;
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

/// Pages of so many bytes.
fn pages(db: &Connection, sql: &str, id: &str) -> Result<u64, StoreError> {
    let bytes = rows::first(db, sql, [id], |row| row.get::<_, Option<i64>>(0).map_err(error))?;
    Ok(u64::try_from(bytes.flatten().unwrap_or(0)).unwrap_or(0) / 4_096)
}

/// The event goes if it is older than that and nobody has it any more: what went.
fn forget_event(db: &Connection, id: &str, before: i64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM events WHERE id = ?1 AND received_at < ?2 \
               AND NOT EXISTS (SELECT 1 FROM runs WHERE event = ?1) \
               AND NOT EXISTS (SELECT 1 FROM run_events WHERE event = ?1) \
               AND n < (SELECT max(n) FROM events)";
    let size = pages(db, "SELECT octet_length(data) FROM events WHERE id = ?1", id)?;
    if execute(db, sql, params![id, before])? == 0 {
        return Ok(0);
    }
    execute(db, "DELETE FROM skips WHERE event = ?1", [id]).map(|skips| 1 + skips as u64 + size)
}

/// Events without runs, in the order of their coming. `true`: the end.
fn events(
    db: &Connection,
    progress: &mut Progress,
    keep: &Retention,
    now: Timestamp,
    pruned: &mut Pruned,
) -> Result<bool, StoreError> {
    let before = before(db, keep, keep.events, now)?;
    let sql = "SELECT n, id, received_at FROM events WHERE n > ?1 ORDER BY n LIMIT ?2";
    let found = rows::all(db, sql, params![progress.event, LOOKED_AT], |row| {
        let read = || Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?));
        read().map_err(error)
    })?;
    let is_end = found.len() < LOOKED_AT as usize || found.iter().all(|(.., at)| *at >= before);
    let mut gone = 0;
    for (n, id, _) in found {
        let event = forget_event(db, &id, before)?;
        (pruned.events, gone) = (pruned.events + event.min(1), gone + event);
        progress.event = n;
        if gone >= GONE {
            return Ok(false);
        }
    }
    if is_end {
        progress.event = 0;
    }
    Ok(is_end)
}

/// Runs that have lines, the oldest first. Those of a run that is not over stay: it goes on
/// behind them. `true`: the end.
fn lines(
    db: &Connection,
    progress: &mut Progress,
    keep: &Retention,
    now: Timestamp,
    pruned: &mut Pruned,
) -> Result<bool, StoreError> {
    let before = cutoff(now, keep.lines);
    let sql = "SELECT l.run, r.id IS NULL OR r.ended_at < ?2 FROM lines l LEFT JOIN runs r ON r.id = l.run \
               WHERE l.run > ?1 ORDER BY l.run LIMIT 1";
    let (mut gone, mut is_end) = (0, false);
    for _ in 0..LOOKED_AT {
        let next = rows::first(db, sql, params![progress.lines, before], |row| {
            let read = || Ok((row.get::<_, String>(0)?, row.get::<_, Option<bool>>(1)?.unwrap_or(false)));
            read().map_err(error)
        })?;
        let Some((run, is_old)) = next.filter(|(run, is_old)| *is_old || !is_behind(run, before)) else {
            progress.lines.clear();
            is_end = true;
            break;
        };
        if is_old {
            gone += execute(db, "DELETE FROM lines WHERE run = ?1", [&run])? as u64;
        }
        progress.lines = run;
        if gone >= GONE {
            break;
        }
    }
    pruned.lines += gone;
    Ok(is_end)
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
    let sql = "DELETE FROM deliveries WHERE n IN (SELECT n FROM deliveries ORDER BY n LIMIT ?2) AND at < ?1";
    gone += execute(db, sql, params![cutoff(now, Some(DELIVERIES_KEPT)), LOOKED_AT])?;
    for (answered, most) in DELIVERIES {
        let sql = "DELETE FROM deliveries WHERE n IN (SELECT n FROM deliveries WHERE answered = ?1 AND n <= \
                   (SELECT n FROM deliveries WHERE answered = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?2) \
                   ORDER BY n LIMIT ?3)";
        gone += execute(db, sql, params![answered.as_str(), most, LOOKED_AT])?;
    }
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
            let sql = "DELETE FROM senders WHERE sender_id = ?1 AND source = ?2 \
                       AND NOT EXISTS (SELECT 1 FROM events WHERE id = senders.event)";
            pruned.others += execute(db, sql, params![id, source])? as u64;
        }
        progress.sender = (id, source);
    }
    if is_end {
        (progress.sender, progress.senders_done) = (Default::default(), Some(now));
    }
    Ok(is_end)
}
