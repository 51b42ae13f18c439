//! The store as a model: plain maps behind a lock. For trials and as the measure
//! that the real stores are held against; nothing outlives the process.

mod find;
mod records;
mod tables;

use super::counts::Counts;
use super::state::State;
use super::tx::{Effects, Tx, extras};
use super::*;
use super::{admit, apply};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tables::{Tables, Work};

/// A store that forgets.
pub struct Memory {
    // never held across an await: nothing inside waits
    inner: Mutex<Inner>,
    pulse: Pulse,
}

struct Inner {
    tables: Tables,
    state: State,
}

impl Default for Memory {
    fn default() -> Self {
        let pulse = Pulse::default();
        let state = State::new([], None, super::state::Watched::default(), pulse.clone());
        Self { inner: Mutex::new(Inner { tables: Tables::default(), state }), pulse }
    }
}

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Memory {
    /// As after a crash: what is stored is there, and nothing else.
    pub(crate) fn restart(&self) {
        let mut inner = self.inner();
        let paused: Vec<_> = inner.tables.pauses.keys().cloned().collect();
        let alarm = inner.tables.alarms.values().map(|alarm| alarm.at).min();
        inner.state = State::new(paused, alarm, super::state::Watched::default(), self.pulse.clone());
    }
}

impl Inner {
    /// All of `work`, or nothing.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Work<'_>, &mut Effects) -> Result<T, StoreError>,
    ) -> Result<(T, Effects), StoreError> {
        let mut fx = Effects::default();
        let mut tx = Work::new(&mut self.tables, &self.state);
        let done = work(&mut tx, &mut fx);
        if done.is_err() {
            tx.roll_back();
        } else {
            let mut counts = Counts::default();
            counts.add_all(&fx.facts);
            self.tables.counts.merge(counts);
        }
        done.map(|done| (done, fx))
    }

    fn row(&self, id: &RunId) -> Result<RunRow, StoreError> {
        let run = self.tables.runs.get(id).ok_or(StoreError::NotFound)?;
        let event = self.tables.events.get(&run.event).ok_or(StoreError::NotFound)?;
        let mut index = Index {
            status: run.status,
            wake_at: self.tables.queue.get(id).map(|place| Timestamp::from_millis(place.ready_at)),
            started_at: run.started_at,
            ended_at: run.ended_at,
        };
        if self.state.claims.is_held(id) && !run.status.is_final() {
            index.status = Status::Running;
            index.wake_at = None;
        }
        let of = (id.clone(), 0)..=(id.clone(), u32::MAX);
        Ok(RunRow {
            id: id.clone(),
            function: run.function.clone(),
            deployment: run.deployment.clone(),
            event: run.event.clone(),
            batch: self.tables.batches.range(of.clone()).map(|(_, event)| event.clone()).collect(),
            parent: run.parent.clone(),
            event_name: event.name.to_string(),
            created_at: run.created_at,
            index,
            journal: self.tables.journal.range(of).map(|(_, entry)| entry.clone()).collect(),
        })
    }

    fn load(&mut self, claim: Claim) -> Result<Claimed, StoreError> {
        let run = self.row(&claim.run)?;
        let one = |id: &EventId| self.tables.events.get(id).cloned().ok_or(StoreError::NotFound);
        let events = match run.batch.is_empty() {
            true => vec![one(&run.event)?],
            false => run.batch.iter().map(one).collect::<Result<_, _>>()?,
        };
        let is_told = self.tables.runs.get(&claim.run).is_some_and(|row| row.extras & extras::MAIL != 0);
        let mail = match is_told {
            true => Work::new(&mut self.tables, &self.state).mail(&claim.run)?,
            false => Vec::new(),
        };
        Ok(Claimed {
            function: run.function,
            deployment: run.deployment,
            events,
            created_at: run.created_at,
            journal: run.journal,
            parent: run.parent,
            mail,
            claim,
        })
    }

    fn claim(&mut self, ask: &Ask) -> Result<Vec<Claim>, StoreError> {
        while self.state.is_alarm_due(ask.now) {
            let (is_done, mut fx) = self.write(|tx, fx| apply::ring(tx, fx, ask.now))?;
            self.state.absorb(&mut fx);
            if is_done {
                self.state.set_alarm(self.tables.alarms.values().map(|alarm| alarm.at).min());
            }
        }
        let mut kept = Vec::new();
        let claimed = self.state.claim(&self.tables, ask, |rates| {
            kept.extend(rates.iter().map(|(key, memory)| (key.clone(), *memory)));
            Ok(())
        })?;
        self.tables.rates.extend(kept);
        Ok(claimed)
    }
}

#[async_trait]
impl Store for Memory {
    fn records(&self) -> &dyn Records {
        self
    }

    fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    async fn find_runs(&self, query: RunQuery) -> Result<Page<RunRow>, StoreError> {
        self.inner().find_runs(&query)
    }

    async fn find_events(&self, query: EventQuery) -> Result<Page<Event>, StoreError> {
        self.inner().find_events(&query)
    }

    async fn accept(&self, accepts: Vec<Accept>) -> Result<Vec<Accepted>, StoreError> {
        let mut inner = self.inner();
        let (accepted, mut fx) = inner.write(|tx, fx| {
            accepts.iter().map(|a| admit::accept(tx, fx, a)).collect::<Result<Vec<_>, _>>()
        })?;
        inner.state.absorb(&mut fx);
        Ok(accepted)
    }

    async fn start(&self, events: &[EventId], run: NewRun) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let ((), mut fx) = inner.write(|tx, fx| admit::start(tx, fx, events, &run))?;
        inner.state.absorb(&mut fx);
        Ok(())
    }

    async fn claim(&self, ask: Ask) -> Result<Vec<Claimed>, StoreError> {
        let mut inner = self.inner();
        let claims = inner.claim(&ask)?;
        claims.into_iter().map(|claim| inner.load(claim)).collect()
    }

    async fn widen(&self, claim: &Claim, wanted: u32) -> u32 {
        self.inner().state.widen(claim, wanted)
    }

    async fn narrow(&self, claim: &Claim, units: u32) {
        self.inner().state.narrow(claim, units);
    }

    async fn seize(&self, run: &RunId) -> Result<Option<Claimed>, StoreError> {
        let mut inner = self.inner();
        let row = inner.tables.runs.get(run).ok_or(StoreError::NotFound)?;
        if row.status.is_final() {
            return Ok(None);
        }
        let (function, place) = (row.function.clone(), inner.tables.queue.get(run).cloned());
        let claim = inner.state.seize(run, &function, place.as_ref());
        inner.load(claim).map(Some)
    }

    async fn commit(&self, claim: &Claim, commit: Commit) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if !inner.state.claims.holds(claim) {
            return Err(StoreError::Fenced);
        }
        let ((), mut fx) = inner.write(|tx, fx| apply::commit(tx, fx, &claim.run, &commit))?;
        if matches!(commit.then, Then::Release(_)) {
            inner.state.end(claim);
        }
        inner.state.absorb(&mut fx);
        Ok(())
    }

    async fn release(&self, claim: &Claim) {
        let mut inner = self.inner();
        inner.state.end(claim);
        if let Some(place) = inner.tables.queue.get(&claim.run).cloned() {
            inner.state.see(&place);
        }
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let inner = self.inner();
        let ready = inner.tables.queue.values().map(|place| Timestamp::from_millis(place.ready_at));
        let alarms = inner.tables.alarms.values().map(|alarm| alarm.at);
        let opening = inner.state.next_opening(now).map(Timestamp::from_millis);
        Ok(ready.chain(alarms).chain(opening).filter(|at| *at > now).min())
    }

    async fn pause(&self, function: &FunctionId, at: Timestamp) -> Result<bool, StoreError> {
        let mut inner = self.inner();
        inner.state.pause(function);
        let is_new = !inner.tables.pauses.contains_key(function);
        inner.tables.pauses.entry(function.clone()).or_insert(at);
        Ok(is_new)
    }

    async fn resume(&self, function: &FunctionId) -> Result<bool, StoreError> {
        let mut inner = self.inner();
        inner.state.resume(function);
        Ok(inner.tables.pauses.remove(function).is_some())
    }

    async fn paused(&self) -> Result<Vec<(FunctionId, Timestamp)>, StoreError> {
        Ok(self.inner().tables.pauses.iter().map(|(function, at)| (function.clone(), *at)).collect())
    }

    async fn deploy(&self, deploy: Deploy) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let Deploy { id, bytes, manifests, source, at } = deploy;
        let kept = Deployment { id: id.clone(), size: bytes.len() as u64, manifests, at };
        inner.tables.deployments.entry(id.clone()).or_insert((kept, bytes));
        inner.tables.sources.insert(source.clone(), Source { name: source, deployment: id, at });
        Ok(())
    }

    async fn withdraw(&self, source: &str) -> Result<(), StoreError> {
        self.inner().tables.sources.remove(source);
        Ok(())
    }

    async fn deployments(&self) -> Result<(Vec<Deployment>, Vec<Source>), StoreError> {
        let inner = self.inner();
        let mut deployments: Vec<_> = inner.tables.deployments.values().map(|(d, _)| d.clone()).collect();
        deployments.sort_by(|a, b| b.at.cmp(&a.at).then(a.id.cmp(&b.id)));
        let mut sources: Vec<_> = inner.tables.sources.values().cloned().collect();
        sources.sort_by(|a, b| a.at.cmp(&b.at).then(a.name.cmp(&b.name)));
        Ok((deployments, sources))
    }

    async fn artifact(&self, id: &DeploymentId) -> Result<Vec<u8>, StoreError> {
        let inner = self.inner();
        inner.tables.deployments.get(id).map(|(_, bytes)| bytes.clone()).ok_or(StoreError::NotFound)
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        let inner = self.inner();
        let wanted = |run: &RunRow| {
            filter.status.is_none_or(|s| s == run.index.status)
                && filter.function.as_ref().is_none_or(|f| *f == run.function)
                && filter.event.as_ref().is_none_or(|e| *e == run.event || run.batch.contains(e))
                && filter.before.as_ref().is_none_or(|b| run.id < *b)
                && filter.since.as_ref().is_none_or(|s| run.id >= *s)
        };
        let all = inner.tables.runs.keys().rev().map(|id| inner.row(id));
        let mut found = all.collect::<Result<Vec<_>, _>>()?;
        found.retain(wanted);
        found.truncate(filter.limit);
        for run in &mut found {
            run.batch.clear();
            run.journal = run.journal.pop().into_iter().collect();
        }
        Ok(found)
    }

    async fn run(&self, id: &RunId) -> Result<RunRow, StoreError> {
        self.inner().row(id)
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        let inner = self.inner();
        let wanted = |e: &&Event| {
            filter.name.as_ref().is_none_or(|n| **n == *e.name)
                && filter.before.as_ref().is_none_or(|b| e.id < *b)
        };
        Ok(inner.tables.events.values().rev().filter(wanted).take(filter.limit).cloned().collect())
    }

    async fn event(&self, id: &str) -> Result<Event, StoreError> {
        let inner = self.inner();
        let by_sender = || {
            let of = inner.tables.senders.iter().filter(|((sender, _), _)| sender == id);
            of.max_by_key(|(_, (_, at))| *at).and_then(|(_, (event, _))| inner.tables.events.get(event))
        };
        let found = inner.tables.events.get(&EventId::new(id)).or_else(by_sender);
        found.cloned().ok_or(StoreError::NotFound)
    }

    fn may_hear(&self, _: &str) -> bool {
        true
    }

    async fn unread(&self, run: &RunId) -> Result<Vec<Mail>, StoreError> {
        Ok(self.inner().tables.mail.iter().filter(|((of, _), _)| of == run).map(|(_, m)| m.clone()).collect())
    }

    async fn skips(&self, event: &EventId) -> Result<Vec<Skip>, StoreError> {
        let inner = self.inner();
        let of = inner.tables.skips.iter().filter(|((of, _), _)| of == event);
        Ok(of.map(|(_, skip)| skip.clone()).collect())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner().tables.kv.get(&(bucket.to_owned(), key.to_owned())).cloned())
    }

    async fn kv_set(&self, bucket: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let key = (bucket.to_owned(), key.to_owned());
        let mut inner = self.inner();
        match value {
            Some(value) => inner.tables.kv.insert(key, value),
            None => inner.tables.kv.remove(&key),
        };
        Ok(())
    }

    async fn kv_keys(&self, bucket: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let inner = self.inner();
        let keys = inner.tables.kv.keys().filter(|(b, key)| b == bucket && key.as_str() > after);
        Ok(keys.map(|(_, key)| key.clone()).take(limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[tokio::test]
    async fn the_model_passes_the_suite() {
        conformance::check_all(async || Box::new(Memory::default()) as Box<dyn Store>).await;
    }
}
