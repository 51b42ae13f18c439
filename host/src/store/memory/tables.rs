//! The model's maps, and how a change to them is undone.

use crate::store::counts::Counts;
use crate::store::lanes::Queue;
use crate::store::records::{AlertRecord, Audit, BacklogPoint, Delivery};
use crate::store::state::State;
use crate::store::tx::{Alarm, Bell, Hold, Kind, Place, RunNow, Tx, Watching};
use crate::store::{Deployment, NewRun, Parent, Skip, Source, StoreError};
use pawl_engine::event::Event;
use pawl_engine::expr::Expr;
use pawl_engine::flow::Watch;
use pawl_engine::index::{Index, Status};
use pawl_engine::{DeploymentId, Entry, EventId, FunctionId, Line, Mail, RunId, StepKey, Timestamp, limits};
use std::collections::BTreeMap;

type Map<K, V> = BTreeMap<K, V>;

/// Everything that is stored.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) events: Map<EventId, Event>,
    pub(super) senders: Map<(String, &'static str), (EventId, Timestamp)>,
    pub(super) runs: Map<RunId, Row>,
    pub(super) journal: Map<(RunId, u32), Entry>,
    pub(super) batches: Map<(RunId, u32), EventId>,
    pub(super) queue: Map<RunId, Place>,
    pub(super) skips: Map<(EventId, FunctionId), Skip>,
    pub(super) holds: Map<(Kind, String), Hold>,
    pub(super) rates: Map<String, Timestamp>,
    pub(super) watches: Map<i64, (String, String, String, Watching)>,
    pub(super) mail: Map<(RunId, u32), Mail>,
    pub(super) alarms: Map<(RunId, Bell), Alarm>,
    pub(super) pauses: Map<FunctionId, Timestamp>,
    pub(super) deployments: Map<DeploymentId, (Deployment, Vec<u8>)>,
    pub(super) sources: Map<String, Source>,
    pub(super) kv: Map<(String, String), Vec<u8>>,
    pub(super) lines: Map<(RunId, u32), Line>,
    pub(super) counts: Counts,
    pub(super) backlog: Map<(Timestamp, FunctionId), BacklogPoint>,
    pub(super) deliveries: Map<u64, Delivery>,
    pub(super) audits: Map<u64, Audit>,
    pub(super) alert_records: Map<u64, AlertRecord>,
}

/// A run without its journal.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) function: FunctionId,
    pub(super) deployment: DeploymentId,
    pub(super) event: EventId,
    pub(super) parent: Option<Parent>,
    pub(super) created_at: Timestamp,
    pub(super) status: Status,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) lane: Option<String>,
    pub(super) extras: u32,
}

/// Puts one thing back.
type Undo = Box<dyn FnOnce(&mut Tables) + Send>;

/// A transaction of the model.
pub(super) struct Work<'a> {
    pub(super) tables: &'a mut Tables,
    pub(super) state: &'a State,
    undo: Vec<Undo>,
}

impl<'a> Work<'a> {
    /// Begins.
    pub(super) fn new(tables: &'a mut Tables, state: &'a State) -> Self {
        Self { tables, state, undo: Vec::new() }
    }

    /// Everything is as it was at the beginning.
    pub(super) fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            undo(self.tables);
        }
    }

    /// Sets one value of a map, or removes it.
    fn set<K, V>(&mut self, map: fn(&mut Tables) -> &mut Map<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        let exchange = move |tables: &mut Tables, key: K, value: Option<V>| match value {
            Some(value) => map(tables).insert(key, value),
            None => map(tables).remove(&key),
        };
        let former = exchange(self.tables, key.clone(), value);
        self.undo.push(Box::new(move |tables| {
            exchange(tables, key, former);
        }));
    }

    fn change(&mut self, run: &RunId, change: impl FnOnce(&mut Row)) -> Result<Row, StoreError> {
        let mut row = self.tables.runs.get(run).ok_or(StoreError::NotFound)?.clone();
        change(&mut row);
        self.set(|t| &mut t.runs, run.clone(), Some(row.clone()));
        Ok(row)
    }

    fn has_deployment(&self, id: &DeploymentId) -> Result<(), StoreError> {
        if self.tables.deployments.contains_key(id) { Ok(()) } else { Err(StoreError::Conflict) }
    }

    fn has_event(&self, id: &EventId) -> Result<(), StoreError> {
        if self.tables.events.contains_key(id) { Ok(()) } else { Err(StoreError::Conflict) }
    }
}

/// The keys of one run in a map by run and something else.
fn of_run<K: Ord + Clone, V>(map: &Map<(RunId, K), V>, run: &RunId) -> Vec<(RunId, K)> {
    map.keys().filter(|(of, _)| of == run).cloned().collect()
}

impl Row {
    fn now(&self) -> RunNow {
        RunNow {
            function: self.function.clone(),
            event: self.event.clone(),
            lane: self.lane.clone(),
            is_over: self.status.is_final(),
            extras: self.extras,
        }
    }
}

impl Tx for Work<'_> {
    fn is_held(&self, run: &RunId) -> bool {
        self.state.claims.is_held(run)
    }

    fn is_settled(&self, run: &RunId) -> bool {
        self.state.claims.is_settled(run)
    }

    fn may_be_watched(&self, _: &str) -> bool {
        true
    }

    fn known_sender(&self, event: &Event) -> Result<Option<EventId>, StoreError> {
        let Some(sender) = &event.sender else { return Ok(None) };
        let known = self.tables.senders.get(&(sender.id.clone(), sender.source));
        let is_kept = |at: Timestamp| event.received_at - at <= limits::SENDER_ID_KEPT;
        Ok(known.filter(|(_, at)| is_kept(*at)).map(|(first, _)| first.clone()))
    }

    fn take_sender(&mut self, event: &Event) -> Result<Option<EventId>, StoreError> {
        let first = self.known_sender(event)?;
        if let (None, Some(sender)) = (&first, &event.sender) {
            let new = (event.id.clone(), event.received_at);
            self.set(|t| &mut t.senders, (sender.id.clone(), sender.source), Some(new));
        }
        Ok(first)
    }

    fn put_event(&mut self, event: &Event) -> Result<(), StoreError> {
        if self.tables.events.contains_key(&event.id) {
            return Err(StoreError::Conflict);
        }
        self.set(|t| &mut t.events, event.id.clone(), Some(event.clone()));
        Ok(())
    }

    fn drop_event(&mut self, event: &EventId) -> Result<(), StoreError> {
        let skips: Vec<_> = self.tables.skips.keys().filter(|(of, _)| of == event).cloned().collect();
        skips.into_iter().for_each(|key| self.set(|t| &mut t.skips, key, None));
        self.set(|t| &mut t.events, event.clone(), None);
        Ok(())
    }

    fn event(&self, id: &EventId) -> Result<Option<Event>, StoreError> {
        Ok(self.tables.events.get(id).cloned())
    }

    fn put_skip(&mut self, event: &EventId, skip: &Skip) -> Result<(), StoreError> {
        self.set(|t| &mut t.skips, (event.clone(), skip.function.clone()), Some(skip.clone()));
        Ok(())
    }

    fn put_run(
        &mut self,
        event: &EventId,
        run: &NewRun,
        lane: Option<&str>,
        extras: u32,
    ) -> Result<(), StoreError> {
        self.has_event(event)?;
        self.has_deployment(&run.deployment)?;
        if self.tables.runs.contains_key(&run.id) {
            return Err(StoreError::Conflict);
        }
        let row = Row {
            function: run.function.clone(),
            deployment: run.deployment.clone(),
            event: event.clone(),
            parent: run.parent.clone(),
            created_at: run.created_at,
            status: Status::Queued,
            started_at: None,
            ended_at: None,
            lane: lane.map(Into::into),
            extras,
        };
        self.set(|t| &mut t.runs, run.id.clone(), Some(row));
        Ok(())
    }

    fn run(&self, id: &RunId) -> Result<Option<RunNow>, StoreError> {
        Ok(self.tables.runs.get(id).map(Row::now))
    }

    fn add_extras(&mut self, run: &RunId, extras: u32) -> Result<(), StoreError> {
        self.change(run, |row| row.extras |= extras).map(|_| ())
    }

    fn redirect(
        &mut self,
        run: &RunId,
        event: &EventId,
        deployment: &DeploymentId,
        lane: Option<&str>,
    ) -> Result<(), StoreError> {
        self.has_event(event)?;
        self.has_deployment(deployment)?;
        self.change(run, |row| {
            row.event = event.clone();
            row.deployment = deployment.clone();
            row.lane = lane.map(Into::into);
        })
        .map(|_| ())
    }

    fn put_in_batch(&mut self, run: &RunId, n: u32, event: &EventId) -> Result<(), StoreError> {
        self.has_event(event)?;
        self.set(|t| &mut t.batches, (run.clone(), n), Some(event.clone()));
        Ok(())
    }

    fn append(&mut self, run: &RunId, seq: u32, entry: &Entry) -> Result<(), StoreError> {
        let key = (run.clone(), seq);
        if self.tables.journal.contains_key(&key) {
            return Err(StoreError::Conflict);
        }
        self.set(|t| &mut t.journal, key, Some(entry.clone()));
        Ok(())
    }

    fn put_lines(&mut self, run: &RunId, lines: &[Line]) -> Result<(), StoreError> {
        for line in lines {
            let n = of_run(&self.tables.lines, run).last().map_or(0, |(_, n)| n + 1);
            self.set(|t| &mut t.lines, (run.clone(), n), Some(line.clone()));
        }
        Ok(())
    }

    fn has_journal(&self, run: &RunId) -> Result<bool, StoreError> {
        Ok(self.tables.journal.contains_key(&(run.clone(), 0)))
    }

    fn set_index(&mut self, run: &RunId, index: &Index) -> Result<RunNow, StoreError> {
        let row = self.change(run, |row| {
            row.status = index.status;
            row.started_at = index.started_at;
            row.ended_at = index.ended_at;
        })?;
        Ok(row.now())
    }

    fn set_deployment(&mut self, run: &RunId, deployment: &DeploymentId) -> Result<(), StoreError> {
        self.has_deployment(deployment)?;
        self.change(run, |row| row.deployment = deployment.clone()).map(|_| ())
    }

    fn place(&self, run: &RunId) -> Result<Option<Place>, StoreError> {
        Ok(self.tables.queue.get(run).cloned())
    }

    fn enqueue(&mut self, run: &RunId, place: &Place) -> Result<(), StoreError> {
        self.set(|t| &mut t.queue, run.clone(), Some(place.clone()));
        Ok(())
    }

    fn move_to(&mut self, run: &RunId, place: &Place) -> Result<bool, StoreError> {
        let is_there = self.tables.queue.contains_key(run);
        if is_there {
            self.enqueue(run, place)?;
        }
        Ok(is_there)
    }

    fn dequeue(&mut self, run: &RunId) -> Result<(), StoreError> {
        self.set(|t| &mut t.queue, run.clone(), None);
        Ok(())
    }

    fn hold(&self, kind: Kind, key: &str) -> Result<Option<Hold>, StoreError> {
        Ok(self.tables.holds.get(&(kind, key.to_owned())).cloned())
    }

    fn put_hold(&mut self, kind: Kind, key: &str, hold: &Hold) -> Result<(), StoreError> {
        self.set(|t| &mut t.holds, (kind, key.to_owned()), Some(hold.clone()));
        Ok(())
    }

    fn drop_holds(&mut self, run: &RunId, kind: Option<Kind>) -> Result<(), StoreError> {
        let is_meant = |(of, _): &(Kind, String)| kind.is_none_or(|kind| kind == *of);
        let held = self.tables.holds.iter().filter(|(key, hold)| hold.run == *run && is_meant(key));
        let held: Vec<_> = held.map(|(key, _)| key.clone()).collect();
        held.into_iter().for_each(|key| self.set(|t| &mut t.holds, key, None));
        Ok(())
    }

    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables.rates.get(key).copied())
    }

    fn set_rate(&mut self, key: &str, memory: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let former = self.tables.rates.get(key).copied().filter(|former| *former > now);
        let memory = former.map_or(memory, |former| former.max(memory));
        self.set(|t| &mut t.rates, key.to_owned(), Some(memory));
        Ok(())
    }

    fn put_watch(&mut self, run: &RunId, step: Option<&StepKey>, watch: &Watch) -> Result<(), StoreError> {
        let id = self.tables.watches.last_key_value().map_or(1, |(id, _)| id + 1);
        let (path, value) = watch.index.clone().unwrap_or_default();
        let filter = watch.filter.as_ref().map(|filter| Expr::source(filter).to_owned());
        let watching = Watching { id, run: run.clone(), step: step.cloned(), filter, until: watch.until };
        self.set(|t| &mut t.watches, id, Some((watch.name.to_string(), path, value, watching)));
        Ok(())
    }

    fn watched_paths(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let of = self.tables.watches.values().filter(|(of, ..)| of == name);
        let paths: std::collections::BTreeSet<_> = of.map(|(_, path, ..)| path.clone()).collect();
        Ok(paths.into_iter().collect())
    }

    fn watchings(&self, name: &str, path: &str, value: &str) -> Result<Vec<Watching>, StoreError> {
        let wanted = self.tables.watches.values().filter(|(n, p, v, _)| n == name && p == path && v == value);
        Ok(wanted.map(|(.., watching)| watching.clone()).collect())
    }

    fn drop_watch(&mut self, id: i64) -> Result<(), StoreError> {
        self.set(|t| &mut t.watches, id, None);
        Ok(())
    }

    fn drop_watches(&mut self, run: &RunId, step: Option<&StepKey>) -> Result<(), StoreError> {
        let of = self.tables.watches.values().filter(|(.., watching)| watching.run == *run);
        let of = of.filter(|(.., watching)| step.is_none_or(|step| watching.step.as_ref() == Some(step)));
        let ids: Vec<_> = of.map(|(.., watching)| watching.id).collect();
        ids.into_iter().try_for_each(|id| self.drop_watch(id))
    }

    fn put_mail(&mut self, run: &RunId, mail: &Mail) -> Result<(), StoreError> {
        let n = of_run(&self.tables.mail, run).last().map_or(1, |(_, n)| n + 1);
        self.set(|t| &mut t.mail, (run.clone(), n), Some(mail.clone()));
        Ok(())
    }

    fn mail(&self, run: &RunId) -> Result<Vec<Mail>, StoreError> {
        Ok(self.tables.mail.iter().filter(|((of, _), _)| of == run).map(|(_, mail)| mail.clone()).collect())
    }

    fn drop_mail(&mut self, run: &RunId, n: Option<usize>) -> Result<(), StoreError> {
        let gone = of_run(&self.tables.mail, run).into_iter().take(n.unwrap_or(usize::MAX));
        gone.for_each(|key| self.set(|t| &mut t.mail, key, None));
        Ok(())
    }

    fn put_alarm(&mut self, alarm: &Alarm) -> Result<(), StoreError> {
        self.set(|t| &mut t.alarms, (alarm.run.clone(), alarm.bell), Some(alarm.clone()));
        Ok(())
    }

    fn due_alarms(&self, now: Timestamp) -> Result<Vec<Alarm>, StoreError> {
        let mut due: Vec<_> = self.tables.alarms.values().filter(|alarm| alarm.at <= now).cloned().collect();
        due.sort_by(|a, b| (a.at, &a.run, a.bell.as_str()).cmp(&(b.at, &b.run, b.bell.as_str())));
        Ok(due)
    }

    fn drop_alarm(&mut self, run: &RunId, bell: Option<Bell>) -> Result<(), StoreError> {
        let gone = of_run(&self.tables.alarms, run).into_iter();
        let gone = gone.filter(|(_, of)| bell.is_none_or(|bell| bell == *of));
        gone.for_each(|key| self.set(|t| &mut t.alarms, key, None));
        Ok(())
    }
}

impl Queue for Tables {
    fn due(&self, after: i64, until: i64, each: &mut dyn FnMut(&str, i64)) -> Result<(), StoreError> {
        let mut due: Vec<_> =
            self.queue.values().filter(|p| p.ready_at > after && p.ready_at <= until).collect();
        // as an index on the time gives them
        due.sort_by(|a, b| (a.ready_at, &a.lane, a.place).cmp(&(b.ready_at, &b.lane, b.place)));
        due.into_iter().for_each(|place| each(&place.lane, place.place));
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
        let of = self.queue.iter().filter(|(_, p)| p.lane == lane && p.ready_at <= now && p.place <= last);
        let mut next: Vec<_> = of.map(|(run, p)| (p.place, run.clone())).collect();
        next.retain(|(place, run)| (*place, run.as_str()) > behind);
        next.sort();
        next.truncate(limit);
        Ok(next)
    }

    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.rates.get(key).copied())
    }
}
