//! What is kept for people, as rows.

use super::writes::execute;
use super::{Sqlite, error, prune, rows};
use crate::store::StoreError;
use crate::store::counts::{Counts, cut, grains};
use crate::store::records::*;
use crate::store::state::State;
use async_trait::async_trait;
use pawl_engine::flow::Lane;
use pawl_engine::index::Status;
use pawl_engine::stats::Bucket;
use pawl_engine::{EventId, FunctionId, Line, RunId, Span, Timestamp};
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

/// For how long depths hold: who asks often costs no more.
const DEPTHS_HOLD: Span = Span::from_secs(2);

/// A sum of a whole number of rows; SQLite has no unsigned ones.
fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// Adds a transaction's counts, inside of it.
pub(super) fn add_counts(db: &Connection, counts: &Counts) -> Result<(), StoreError> {
    let sql = "INSERT INTO run_counts (grain, at, function, status, took, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (grain, at, function, status, took) DO UPDATE SET n = n + excluded.n";
    for ((grain, at, function, status, took), n) in &counts.runs {
        execute(db, sql, params![grain, at, function.as_str(), status.as_str(), took.number(), signed(*n)])?;
    }
    let sql = "INSERT INTO event_counts (grain, at, name, n) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (grain, at, name) DO UPDATE SET n = n + excluded.n";
    for ((grain, at, name), n) in &counts.events {
        execute(db, sql, params![grain, at, &**name, signed(*n)])?;
    }
    Ok(())
}

/// The query of run counts: summed up where they are.
pub(super) fn run_counts_sql(by: By, of_one: bool) -> String {
    let function = if by == By::Function { "function" } else { "NULL" };
    let wanted = if of_one { "function = ?5" } else { "?5 IS NULL" };
    format!(
        "SELECT at - at % ?4, {function}, status, took, sum(n) FROM run_counts \
         WHERE grain = ?1 AND at >= ?2 AND at < ?3 AND {wanted} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
}

fn run_count(row: &Row<'_>) -> Result<RunCount, StoreError> {
    let word: String = row.get(2).map_err(error)?;
    let status = Status::parse(&word).ok_or_else(|| StoreError::Corrupt(format!("status {word}")))?;
    let read = || {
        Ok(RunCount {
            at: time(row.get(0)?),
            function: row.get::<_, Option<String>>(1)?.map(FunctionId::new),
            status,
            took: Bucket::new(row.get(3)?),
            n: count(row.get(4)?),
        })
    };
    read().map_err(error)
}

fn add_deliveries(db: &Connection, deliveries: &[Delivery]) -> Result<(), StoreError> {
    let sql = "INSERT INTO deliveries (at, provider, answered, reason, detail, sender_id, event, event_name) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut counts = BTreeMap::<_, i64>::new();
    for d in deliveries {
        let row = params![
            d.at.as_millis(),
            d.provider,
            d.answered.as_str(),
            d.reason,
            d.detail,
            d.sender_id,
            d.event.as_ref().map(|event| event.as_str()),
            d.event_name,
        ];
        execute(db, sql, row)?;
        for (grain, at) in grains(d.at) {
            *counts.entry((grain, at, &d.provider, d.answered)).or_default() += 1;
        }
    }
    let sql = "INSERT INTO delivery_counts (grain, at, provider, answered, n) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (grain, at, provider, answered) DO UPDATE SET n = n + excluded.n";
    for ((grain, at, provider, answered), n) in counts {
        execute(db, sql, params![grain, at, provider, answered.as_str(), n])?;
    }
    Ok(())
}

fn answered(word: &str) -> Result<Answered, StoreError> {
    Answered::parse(word).ok_or_else(|| StoreError::Corrupt(format!("answer {word}")))
}

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let answered = answered(&row.get::<_, String>(3).map_err(error)?)?;
    let read = || {
        Ok(Delivery {
            n: count(row.get(0)?),
            at: time(row.get(1)?),
            provider: row.get(2)?,
            answered,
            reason: row.get(4)?,
            detail: row.get(5)?,
            sender_id: row.get(6)?,
            event: row.get::<_, Option<String>>(7)?.map(EventId::new),
            event_name: row.get(8)?,
        })
    };
    read().map_err(error)
}

/// The query of webhooks: conditions are left out rather than made optional.
pub(super) fn deliveries_sql(filter: &DeliveryFilter) -> String {
    let one = |is_set: bool, wanted: &str, n: u8| match is_set {
        true => wanted.to_owned(),
        false => format!("?{n} IS NULL"),
    };
    format!(
        "SELECT n, at, provider, answered, reason, detail, sender_id, event, event_name FROM deliveries \
         WHERE {} AND {} AND {} ORDER BY n DESC LIMIT ?4",
        one(filter.answered.is_some(), "answered = ?1", 1),
        one(filter.provider.is_some(), "provider = ?2", 2),
        one(filter.before.is_some(), "n < ?3", 3),
    )
}

/// Where the runs of each lane stand; `:held` are those that a worker has.
pub(super) const STANDING: &str = "SELECT lane, sum(ready_at <= :now), \
     min(CASE WHEN ready_at <= :now AND run NOT IN (SELECT value FROM json_each(:held)) THEN ready_at END), \
     sum(ready_at > :now AND ready_at < 9223372036854775807) FROM queue GROUP BY lane";

fn depths(
    db: &Connection,
    now: Timestamp,
    held: &HashMap<RunId, FunctionId>,
) -> Result<Vec<Depth>, StoreError> {
    let mut found = BTreeMap::<FunctionId, Depth>::new();
    let of = |function: &FunctionId| Depth {
        function: function.clone(),
        ready: 0,
        oldest: None,
        running: 0,
        later: 0,
    };
    let ids: Vec<&str> = held.keys().map(RunId::as_str).collect();
    let ids = serde_json::to_string(&ids).unwrap_or_else(|_| "[]".into());
    let params = rusqlite::named_params! {":now": now.as_millis(), ":held": ids};
    let lanes = rows::all(db, STANDING, params, |row| {
        let read = || Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, row.get(3)?));
        read().map_err(error)
    })?;
    for (lane, ready, oldest, later) in lanes {
        // runs that are about to end stand in a lane of no function; they are there for a moment
        let Ok(Lane { function, .. }) = Lane::from_json(&lane) else { continue };
        let depth = found.entry(function.clone()).or_insert_with(|| of(&function));
        depth.ready += count(ready);
        depth.later += count(later);
        depth.oldest = depth.oldest.into_iter().chain(oldest.map(time)).min();
    }
    for function in held.values() {
        let depth = found.entry(function.clone()).or_insert_with(|| of(function));
        depth.running += 1;
        // it keeps its place in the queue for as long as it is held
        depth.ready = depth.ready.saturating_sub(1);
    }
    Ok(found.into_values().filter(|depth| depth.function.as_str() != "!").collect())
}

#[async_trait]
impl Records for Sqlite {
    async fn lines(
        &self,
        run: &RunId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<(u32, Line)>, StoreError> {
        let run = run.clone();
        let sql = "SELECT n, line FROM lines WHERE run = ?1 AND n > ?2 ORDER BY n LIMIT ?3";
        let after = after.map_or(-1, i64::from);
        self.readers
            .read(move |db| {
                rows::all(db, sql, params![run.as_str(), after, limit as i64], |row| {
                    let text: String = row.get(1).map_err(error)?;
                    let line = serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(e.to_string()))?;
                    Ok((row.get(0).map_err(error)?, line))
                })
            })
            .await
    }

    async fn run_counts(
        &self,
        period: Period,
        function: Option<&FunctionId>,
        by: By,
    ) -> Result<Vec<RunCount>, StoreError> {
        let function = function.cloned();
        let (grain, from, until, every) = cut(&period);
        let sql = run_counts_sql(by, function.is_some());
        self.readers
            .read(move |db| {
                let function = function.as_ref().map(|function| function.as_str());
                rows::all(db, &sql, params![grain, from, until, every, function], run_count)
            })
            .await
    }

    async fn event_counts(&self, period: Period) -> Result<Vec<EventCount>, StoreError> {
        let (grain, from, until, every) = cut(&period);
        let sql = "SELECT at - at % ?4, name, sum(n) FROM event_counts \
                   WHERE grain = ?1 AND at >= ?2 AND at < ?3 GROUP BY 1, 2 ORDER BY 1, 2";
        self.readers
            .read(move |db| {
                rows::all(db, sql, params![grain, from, until, every], |row| {
                    let read =
                        || Ok(EventCount { at: time(row.get(0)?), name: row.get(1)?, n: count(row.get(2)?) });
                    read().map_err(error)
                })
            })
            .await
    }

    async fn depths(&self, now: Timestamp) -> Result<Vec<Depth>, StoreError> {
        // held to the end: who comes meanwhile takes what this one finds
        let mut kept = self.depths.lock().await;
        if let Some((at, depths)) = &*kept
            && now - *at < DEPTHS_HOLD
            && *at <= now
        {
            return Ok(depths.clone());
        }
        let held = |_: &Connection, state: &mut State| Ok(state.held_by_function());
        let held = self.writer.between(held).await?;
        let found = self.readers.read(move |db| depths(db, now, &held)).await?;
        *kept = Some((now, found.clone()));
        Ok(found)
    }

    async fn keep_depths(&self, at: Timestamp, depths: Vec<Depth>) -> Result<(), StoreError> {
        let [(_, minute), _] = grains(at);
        let sql = "INSERT INTO backlog (at, function, ready, age) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (at, function) DO UPDATE \
                   SET ready = max(ready, excluded.ready), age = max(age, excluded.age)";
        let work = move |db: &Connection, _: &State| {
            depths.iter().filter(|depth| depth.ready > 0).try_for_each(|depth| {
                let age = depth.oldest.map_or(Span::ZERO, |oldest| at - oldest);
                let row =
                    params![minute, depth.function.as_str(), signed(depth.ready), signed(age.as_millis())];
                execute(db, sql, row).map(|_| ())
            })
        };
        self.writer.write(work, |_, _| ()).await
    }

    async fn backlog(
        &self,
        period: Period,
        function: Option<&FunctionId>,
    ) -> Result<Vec<BacklogPoint>, StoreError> {
        let (_, from, until, every) = cut(&period);
        let function = function.map(|function| function.as_str().to_owned());
        let sql = "SELECT at - at % ?3, function, max(ready), max(age) FROM backlog \
                   WHERE at >= ?1 AND at < ?2 AND (?4 IS NULL OR function = ?4) GROUP BY 1, 2 ORDER BY 1, 2";
        self.readers
            .read(move |db| {
                rows::all(db, sql, params![from, until, every, function], |row| {
                    let read = || {
                        Ok(BacklogPoint {
                            at: time(row.get(0)?),
                            function: FunctionId::new(row.get::<_, String>(1)?),
                            ready: count(row.get(2)?),
                            age: Span::from_millis(count(row.get(3)?)),
                        })
                    };
                    read().map_err(error)
                })
            })
            .await
    }

    async fn gates(&self, function: &FunctionId) -> Result<Vec<GateState>, StoreError> {
        let function = function.clone();
        self.writer.between(move |_, state| Ok(state.gates(&function))).await
    }

    async fn keep_deliveries(&self, deliveries: Vec<Delivery>) -> Result<(), StoreError> {
        self.writer.write(move |db, _| add_deliveries(db, &deliveries), |_, _| ()).await
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        let sql = deliveries_sql(&filter);
        self.readers
            .read(move |db| {
                let answered = filter.answered.map(Answered::as_str);
                let params =
                    params![answered, filter.provider, filter.before.map(signed), filter.limit as i64];
                rows::all(db, &sql, params, delivery)
            })
            .await
    }

    async fn delivery_counts(&self, period: Period) -> Result<Vec<DeliveryCount>, StoreError> {
        let (grain, from, until, every) = cut(&period);
        let sql = "SELECT at - at % ?4, provider, answered, sum(n) FROM delivery_counts \
                   WHERE grain = ?1 AND at >= ?2 AND at < ?3 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
        self.readers
            .read(move |db| {
                rows::all(db, sql, params![grain, from, until, every], |row| {
                    let answered = answered(&row.get::<_, String>(2).map_err(error)?)?;
                    let (at, n) = (time(row.get(0).map_err(error)?), count(row.get(3).map_err(error)?));
                    Ok(DeliveryCount { at, provider: row.get(1).map_err(error)?, answered, n })
                })
            })
            .await
    }

    async fn keep_audit(&self, audit: Audit) -> Result<(), StoreError> {
        let sql = "INSERT INTO audits (at, who, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
        let work = move |db: &Connection, _: &State| {
            let row = params![audit.at.as_millis(), audit.who, audit.action, audit.subject, audit.detail];
            execute(db, sql, row).map(|_| ())
        };
        self.writer.write_one(work, |_, _| ()).await
    }

    async fn audits(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audit>, StoreError> {
        let sql =
            "SELECT n, at, who, action, subject, detail FROM audits WHERE n < ?1 ORDER BY n DESC LIMIT ?2";
        let before = before.map_or(i64::MAX, signed);
        self.readers
            .read(move |db| {
                rows::all(db, sql, params![before, limit as i64], |row| {
                    let read = || {
                        Ok(Audit {
                            n: count(row.get(0)?),
                            at: time(row.get(1)?),
                            who: row.get(2)?,
                            action: row.get(3)?,
                            subject: row.get(4)?,
                            detail: row.get(5)?,
                        })
                    };
                    read().map_err(error)
                })
            })
            .await
    }

    async fn keep_alert(&self, record: AlertRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO alert_records (at, rule, subject, state, text) VALUES (?1, ?2, ?3, ?4, ?5)";
        let work = move |db: &Connection, _: &State| {
            let row = params![
                record.at.as_millis(),
                record.rule,
                record.subject,
                record.state.as_str(),
                record.text
            ];
            execute(db, sql, row).map(|_| ())
        };
        self.writer.write_one(work, |_, _| ()).await
    }

    async fn alert_records(&self, before: Option<u64>, limit: usize) -> Result<Vec<AlertRecord>, StoreError> {
        let sql = "SELECT n, at, rule, subject, state, text FROM alert_records WHERE n < ?1 ORDER BY n DESC LIMIT ?2";
        let before = before.map_or(i64::MAX, signed);
        self.readers
            .read(move |db| {
                rows::all(db, sql, params![before, limit as i64], |row| {
                    let word: String = row.get(4).map_err(error)?;
                    let state = AlertState::parse(&word)
                        .ok_or_else(|| StoreError::Corrupt(format!("state of an alert: {word}")))?;
                    let read = || {
                        Ok(AlertRecord {
                            n: count(row.get(0)?),
                            at: time(row.get(1)?),
                            rule: row.get(2)?,
                            subject: row.get(3)?,
                            state,
                            text: row.get(5)?,
                        })
                    };
                    read().map_err(error)
                })
            })
            .await
    }

    async fn prune(&self, keep: Retention, now: Timestamp) -> Result<Pruned, StoreError> {
        let progress = self.pruning.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let batch = move |db: &Connection, _: &State| prune::batch(db, progress, keep, now);
        let (progress, pruned) = self.writer.write(batch, |_, _| ()).await?;
        *self.pruning.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        if pruned.events > 0 {
            self.indexer.index().events_went();
        }
        Ok(pruned)
    }

    async fn size(&self) -> Result<Size, StoreError> {
        let files = self.files();
        self.readers.read(move |db| Ok(Size { used: prune::used(db)?, files })).await
    }
}
