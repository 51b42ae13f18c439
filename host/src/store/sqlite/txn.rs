//! The writes of the rules on SQLite, one statement each, inside of the writer's
//! transaction.

use super::{error, rows, writes::execute};
use crate::store::lanes::Queue;
use crate::store::state::State;
use crate::store::tx::{Alarm, Bell, Hold, Kind, Place, RunNow, Tx, Watching};
use crate::store::{NewRun, Skip, StoreError};
use pawl_engine::event::Event;
use pawl_engine::expr::Expr;
use pawl_engine::flow::Watch;
use pawl_engine::index::{Index, Status};
use pawl_engine::{DeploymentId, Entry, EventId, FunctionId, Line, Mail, RunId, StepKey, Timestamp, limits};
use rusqlite::{Connection, Row, params};

/// Lines that are kept of a run, whatever the number of its claims.
const LINES_OF_RUN: i64 = 5 * limits::LINES as i64;

/// Alarms that ring in one transaction.
const ALARMS: usize = 500;

/// A transaction of the writer.
pub(super) struct Txn<'a> {
    pub(super) db: &'a Connection,
    pub(super) state: &'a State,
}

const RUN: &str = "SELECT function, event, lane, status, extras FROM runs WHERE id = ?1";

const SET_INDEX: &str = "UPDATE runs SET status = ?2, started_at = ?3, ended_at = ?4 WHERE id = ?1 \
     RETURNING function, event, lane, status, extras";

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// From the columns of [`RUN`].
fn run_now(row: &Row<'_>) -> Result<RunNow, StoreError> {
    let status: String = row.get(3).map_err(error)?;
    let status = Status::parse(&status).ok_or_else(|| StoreError::Corrupt(format!("status {status}")))?;
    Ok(RunNow {
        function: FunctionId::new(row.get::<_, String>(0).map_err(error)?),
        event: EventId::new(row.get::<_, String>(1).map_err(error)?),
        lane: row.get(2).map_err(error)?,
        is_over: status.is_final(),
        extras: row.get(4).map_err(error)?,
    })
}

/// From `lane, place, ready_at`.
pub(super) fn place(row: &Row<'_>) -> Result<Place, StoreError> {
    let read = || Ok(Place { lane: row.get(0)?, place: row.get(1)?, ready_at: row.get(2)? });
    read().map_err(error)
}

fn watching(row: &Row<'_>) -> Result<Watching, StoreError> {
    let read = || {
        Ok(Watching {
            id: row.get(0)?,
            run: RunId::new(row.get::<_, String>(1)?),
            step: row.get::<_, Option<String>>(2)?.map(|step| StepKey::parse(&step)),
            filter: row.get(3)?,
            until: at(row.get(4)?),
        })
    };
    read().map_err(error)
}

/// A run's place in the queue.
pub(super) const PLACE: &str = "SELECT lane, place, ready_at FROM queue WHERE run = ?1";

/// Gives a run another place.
pub(super) const MOVE: &str = "UPDATE queue SET lane = ?2, place = ?3, ready_at = ?4 WHERE run = ?1";

/// Paths by which a name is watched: a hop for each, not a walk.
pub(super) const PATHS: &str = "WITH RECURSIVE p (path) AS (SELECT min(path) FROM watches WHERE name = ?1 \
     UNION ALL SELECT (SELECT min(path) FROM watches WHERE name = ?1 AND path > p.path) FROM p \
     WHERE p.path IS NOT NULL) SELECT path FROM p WHERE path IS NOT NULL";

/// Who watches for a value.
pub(super) const WATCHINGS: &str = "SELECT id, run, step, filter, until FROM watches WHERE name = ?1 AND path = ?2 AND value = ?3 ORDER BY id";

/// Alarms whose time has come.
pub(super) const DUE_ALARMS: &str =
    "SELECT run, bell, at, reason FROM alarms WHERE at <= ?1 ORDER BY at, run, bell LIMIT ?2";

/// A few memories that tell nothing any more.
pub(super) const FORGET_RATES: &str =
    "DELETE FROM rates WHERE key IN (SELECT key FROM rates WHERE memory <= ?1 LIMIT 4)";

/// Runs that have become ready.
pub(super) const DUE: &str = "SELECT lane, place FROM queue WHERE ready_at > ?1 AND ready_at <= ?2";

/// The next runs of a lane.
pub(super) const NEXT: &str = "SELECT place, run FROM queue WHERE lane = ?1 AND (place, run) > (?2, ?3) \
     AND place <= ?4 AND ready_at <= ?5 ORDER BY place, run LIMIT ?6";

const RATE: &str = "SELECT memory FROM rates WHERE key = ?1";

impl Txn<'_> {
    fn do_it(&self, sql: &str, params: impl rusqlite::Params) -> Result<(), StoreError> {
        execute(self.db, sql, params).map(|_| ())
    }
}

impl Tx for Txn<'_> {
    fn is_held(&self, run: &RunId) -> bool {
        self.state.claims.is_held(run)
    }

    fn is_settled(&self, run: &RunId) -> bool {
        self.state.claims.is_settled(run)
    }

    fn may_be_watched(&self, name: &str) -> bool {
        self.state.may_be_watched(name)
    }

    fn known_sender(&self, event: &Event) -> Result<Option<EventId>, StoreError> {
        let Some(sender) = &event.sender else { return Ok(None) };
        let oldest = event.received_at.as_millis() - limits::SENDER_ID_KEPT.as_millis() as i64;
        let sql = "SELECT event FROM senders WHERE sender_id = ?1 AND source = ?2 AND received_at >= ?3";
        rows::first(self.db, sql, params![sender.id, sender.source, oldest], rows::event_id)
    }

    fn take_sender(&mut self, event: &Event) -> Result<Option<EventId>, StoreError> {
        let Some(sender) = &event.sender else { return Ok(None) };
        let oldest = event.received_at.as_millis() - limits::SENDER_ID_KEPT.as_millis() as i64;
        let sql = "INSERT INTO senders (sender_id, source, event, received_at) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (sender_id, source) DO UPDATE \
                   SET event = excluded.event, received_at = excluded.received_at WHERE received_at < ?5";
        let new = params![sender.id, sender.source, event.id.as_str(), event.received_at.as_millis(), oldest];
        if execute(self.db, sql, new)? > 0 {
            return Ok(None);
        }
        let sql = "SELECT event FROM senders WHERE sender_id = ?1 AND source = ?2";
        rows::first(self.db, sql, params![sender.id, sender.source], rows::event_id)
    }

    fn put_event(&mut self, event: &Event) -> Result<(), StoreError> {
        rows::insert_event(self.db, event)
    }

    fn drop_event(&mut self, event: &EventId) -> Result<(), StoreError> {
        self.do_it("DELETE FROM skips WHERE event = ?1", [event.as_str()])?;
        self.do_it("DELETE FROM events WHERE id = ?1", [event.as_str()])
    }

    fn event(&self, id: &EventId) -> Result<Option<Event>, StoreError> {
        rows::first(self.db, &rows::event_by_id(), [id.as_str()], rows::event)
    }

    fn put_skip(&mut self, event: &EventId, skip: &Skip) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO skips (event, function, why, run, at) VALUES (?1, ?2, ?3, ?4, ?5)";
        let run = skip.run.as_ref().map(|run| run.as_str());
        let why = skip.why.as_str();
        self.do_it(sql, params![event.as_str(), skip.function.as_str(), why, run, skip.at.as_millis()])
    }

    fn put_run(
        &mut self,
        event: &EventId,
        run: &NewRun,
        lane: Option<&str>,
        extras: u32,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO runs (id, event, function, deployment, status, created_at, lane, extras, \
                   parent_run, parent_step) VALUES (?1, ?2, ?3, ?4, 'Queued', ?5, ?6, ?7, ?8, ?9)";
        let row = params![
            run.id.as_str(),
            event.as_str(),
            run.function.as_str(),
            run.deployment.as_str(),
            run.created_at.as_millis(),
            lane,
            extras,
            run.parent.as_ref().map(|parent| parent.run.as_str()),
            run.parent.as_ref().map(|parent| parent.step.to_string()),
        ];
        self.do_it(sql, row)
    }

    fn run(&self, id: &RunId) -> Result<Option<RunNow>, StoreError> {
        rows::first(self.db, RUN, [id.as_str()], run_now)
    }

    fn add_extras(&mut self, run: &RunId, extras: u32) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET extras = extras | ?2 WHERE id = ?1";
        self.do_it(sql, params![run.as_str(), extras])
    }

    fn redirect(
        &mut self,
        run: &RunId,
        event: &EventId,
        deployment: &DeploymentId,
        lane: Option<&str>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET event = ?2, deployment = ?3, lane = ?4 WHERE id = ?1";
        self.do_it(sql, params![run.as_str(), event.as_str(), deployment.as_str(), lane])
    }

    fn put_in_batch(&mut self, run: &RunId, n: u32, event: &EventId) -> Result<(), StoreError> {
        let sql = "INSERT INTO run_events (run, n, event) VALUES (?1, ?2, ?3)";
        self.do_it(sql, params![run.as_str(), n, event.as_str()])
    }

    fn append(&mut self, run: &RunId, seq: u32, entry: &Entry) -> Result<(), StoreError> {
        let sql = "INSERT INTO journal (run, seq, entry) VALUES (?1, ?2, ?3)";
        self.do_it(sql, params![run.as_str(), seq, entry.to_json()])
    }

    fn put_lines(&mut self, run: &RunId, lines: &[Line]) -> Result<(), StoreError> {
        let sql = "SELECT coalesce(max(n), -1) FROM lines WHERE run = ?1";
        let last = rows::first(self.db, sql, [run.as_str()], |row| row.get(0).map_err(error))?;
        let free = last.unwrap_or(-1) + 1..LINES_OF_RUN;
        let sql = "INSERT INTO lines (run, n, line) VALUES (?1, ?2, ?3)";
        free.zip(lines).try_for_each(|(n, line)| {
            let text = serde_json::to_string(line).map_err(|e| StoreError::Corrupt(e.to_string()))?;
            self.do_it(sql, params![run.as_str(), n, text])
        })
    }

    fn has_journal(&self, run: &RunId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM journal WHERE run = ?1 LIMIT 1";
        Ok(rows::first(self.db, sql, [run.as_str()], |_| Ok(()))?.is_some())
    }

    fn set_index(&mut self, run: &RunId, index: &Index) -> Result<RunNow, StoreError> {
        let (started_at, ended_at) =
            (index.started_at.map(Timestamp::as_millis), index.ended_at.map(Timestamp::as_millis));
        let new = params![run.as_str(), index.status.as_str(), started_at, ended_at];
        rows::first(self.db, SET_INDEX, new, run_now)?.ok_or(StoreError::NotFound)
    }

    fn set_deployment(&mut self, run: &RunId, deployment: &DeploymentId) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET deployment = ?2 WHERE id = ?1";
        self.do_it(sql, params![run.as_str(), deployment.as_str()])
    }

    fn place(&self, run: &RunId) -> Result<Option<Place>, StoreError> {
        rows::first(self.db, PLACE, [run.as_str()], place)
    }

    fn enqueue(&mut self, run: &RunId, place: &Place) -> Result<(), StoreError> {
        let sql = "INSERT INTO queue (lane, place, run, ready_at) VALUES (?1, ?2, ?3, ?4)";
        self.do_it(sql, params![place.lane, place.place, run.as_str(), place.ready_at])
    }

    fn move_to(&mut self, run: &RunId, place: &Place) -> Result<bool, StoreError> {
        let new = params![run.as_str(), place.lane, place.place, place.ready_at];
        Ok(execute(self.db, MOVE, new)? > 0)
    }

    fn dequeue(&mut self, run: &RunId) -> Result<(), StoreError> {
        self.do_it("DELETE FROM queue WHERE run = ?1", [run.as_str()])
    }

    fn hold(&self, kind: Kind, key: &str) -> Result<Option<Hold>, StoreError> {
        let sql = "SELECT run, first_at, due_at, count, bytes FROM holds WHERE kind = ?1 AND key = ?2";
        rows::first(self.db, sql, params![kind.as_str(), key], |row| {
            let read = || {
                Ok(Hold {
                    run: RunId::new(row.get::<_, String>(0)?),
                    first_at: at(row.get(1)?),
                    due_at: at(row.get(2)?),
                    count: row.get(3)?,
                    bytes: row.get(4)?,
                })
            };
            read().map_err(error)
        })
    }

    fn put_hold(&mut self, kind: Kind, key: &str, hold: &Hold) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO holds (kind, key, run, first_at, due_at, count, bytes) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (first_at, due_at) = (hold.first_at.as_millis(), hold.due_at.as_millis());
        let row =
            params![kind.as_str(), key, hold.run.as_str(), first_at, due_at, hold.count, hold.bytes as i64];
        self.do_it(sql, row)
    }

    fn drop_holds(&mut self, run: &RunId, kind: Option<Kind>) -> Result<(), StoreError> {
        let sql = "DELETE FROM holds WHERE run = ?1 AND (?2 IS NULL OR kind = ?2)";
        self.do_it(sql, params![run.as_str(), kind.map(Kind::as_str)])
    }

    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        rows::first(self.db, RATE, [key], |row| row.get(0).map(at).map_err(error))
    }

    fn set_rate(&mut self, key: &str, memory: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        set_rate(self.db, key, memory, now)
    }

    fn put_watch(&mut self, run: &RunId, step: Option<&StepKey>, watch: &Watch) -> Result<(), StoreError> {
        self.state.is_watched(&watch.name);
        let sql = "INSERT INTO watches (name, path, value, run, step, filter, until) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (path, value) = watch.index.as_ref().map_or(("", ""), |(path, value)| (path, value));
        let filter = watch.filter.as_ref().map(Expr::source);
        let (step, until) = (step.map(StepKey::to_string), watch.until.as_millis());
        self.do_it(sql, params![&*watch.name, path, value, run.as_str(), step, filter, until])
    }

    fn watched_paths(&self, name: &str) -> Result<Vec<String>, StoreError> {
        rows::all(self.db, PATHS, [name], |row| row.get(0).map_err(error))
    }

    fn watchings(&self, name: &str, path: &str, value: &str) -> Result<Vec<Watching>, StoreError> {
        rows::all(self.db, WATCHINGS, [name, path, value], watching)
    }

    fn drop_watch(&mut self, id: i64) -> Result<(), StoreError> {
        self.do_it("DELETE FROM watches WHERE id = ?1", [id])
    }

    fn drop_watches(&mut self, run: &RunId, step: Option<&StepKey>) -> Result<(), StoreError> {
        let sql = "DELETE FROM watches WHERE run = ?1 AND (?2 IS NULL OR step = ?2)";
        self.do_it(sql, params![run.as_str(), step.map(StepKey::to_string)])
    }

    fn put_mail(&mut self, run: &RunId, mail: &Mail) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO mail (run, n, mail) SELECT ?1, 1 + coalesce(max(n), 0), ?2 FROM mail WHERE run = ?1";
        self.do_it(sql, params![run.as_str(), mail.to_json()])
    }

    fn mail(&self, run: &RunId) -> Result<Vec<Mail>, StoreError> {
        rows::mail(self.db, run)
    }

    fn drop_mail(&mut self, run: &RunId, n: Option<usize>) -> Result<(), StoreError> {
        let Some(n) = n else { return self.do_it("DELETE FROM mail WHERE run = ?1", [run.as_str()]) };
        let sql = "DELETE FROM mail WHERE run = ?1 \
                   AND n IN (SELECT n FROM mail WHERE run = ?1 ORDER BY n LIMIT ?2)";
        self.do_it(sql, params![run.as_str(), n as i64])
    }

    fn put_alarm(&mut self, alarm: &Alarm) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO alarms (run, bell, at, reason) VALUES (?1, ?2, ?3, ?4)";
        self.do_it(sql, params![alarm.run.as_str(), alarm.bell.as_str(), alarm.at.as_millis(), alarm.reason])
    }

    fn due_alarms(&self, now: Timestamp) -> Result<Vec<Alarm>, StoreError> {
        rows::all(self.db, DUE_ALARMS, params![now.as_millis(), ALARMS as i64], |row| {
            let read = || {
                let bell = if row.get_ref(1)?.as_str()? == "start" { Bell::Start } else { Bell::Finish };
                let run = RunId::new(row.get::<_, String>(0)?);
                Ok(Alarm { run, bell, at: at(row.get(2)?), reason: row.get(3)? })
            };
            read().map_err(error)
        })
    }

    fn drop_alarm(&mut self, run: &RunId, bell: Option<Bell>) -> Result<(), StoreError> {
        let sql = "DELETE FROM alarms WHERE run = ?1 AND (?2 IS NULL OR bell = ?2)";
        self.do_it(sql, params![run.as_str(), bell.map(Bell::as_str)])
    }
}

/// Sets the memory of a rate, and forgets a few that tell nothing any more.
pub(super) fn set_rate(
    db: &Connection,
    key: &str,
    memory: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    execute(db, FORGET_RATES, [now.as_millis()])?;
    let sql = "INSERT INTO rates (key, memory) VALUES (?1, ?2) \
               ON CONFLICT (key) DO UPDATE SET memory = max(memory, excluded.memory)";
    execute(db, sql, params![key, memory.as_millis()]).map(|_| ())
}

/// The queue between transactions.
pub(super) struct Durable<'a>(pub(super) &'a Connection);

impl Queue for Durable<'_> {
    fn due(&self, after: i64, until: i64, each: &mut dyn FnMut(&str, i64)) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(DUE).map_err(error)?;
        let mut rows = statement.query([after, until]).map_err(error)?;
        while let Some(row) = rows.next().map_err(error)? {
            let lane = row.get_ref(0).and_then(|v| v.as_str().map_err(Into::into)).map_err(error)?;
            each(lane, row.get(1).map_err(error)?);
        }
        Ok(())
    }

    fn next(
        &self,
        lane: &str,
        behind: (i64, &str),
        last: i64,
        now: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RunId)>, StoreError> {
        let params = params![lane, behind.0, behind.1, last, now, limit as i64];
        rows::all(self.0, NEXT, params, |row| {
            Ok((row.get(0).map_err(error)?, RunId::new(row.get::<_, String>(1).map_err(error)?)))
        })
    }

    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        rows::first(self.0, RATE, [key], |row| row.get(0).map(at).map_err(error))
    }
}
