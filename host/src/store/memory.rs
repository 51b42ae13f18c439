//! The store as a model: plain maps behind a lock. For trials and as the measure
//! that the real stores are held against; nothing outlives the process.

use super::claims::Claims;
use super::*;
use pawl_engine::event::SenderId;
use pawl_engine::limits;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store that forgets.
#[derive(Default)]
pub struct Memory {
    // never held across an await: nothing inside waits
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    events: BTreeMap<EventId, Event>,
    senders: BTreeMap<(String, &'static str), (EventId, Timestamp)>,
    runs: BTreeMap<RunId, RunRow>,
    claims: Claims,
    turn: Option<FunctionId>,
    deployments: BTreeMap<DeploymentId, (Deployment, Vec<u8>)>,
    sources: BTreeMap<String, Source>,
    kv: BTreeMap<(String, String), Vec<u8>>,
}

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn known(&self, sender: &SenderId, now: Timestamp) -> Option<EventId> {
        let (event, at) = self.senders.get(&(sender.id.clone(), sender.source))?;
        (now - *at <= limits::SENDER_ID_KEPT).then(|| event.clone())
    }

    fn accept(&mut self, accept: Accept) -> Result<Accepted, StoreError> {
        let Accept { event, runs } = accept;
        if let Some(sender) = &event.sender {
            if let Some(first) = self.known(sender, event.received_at) {
                return Ok(Accepted::Duplicate(first));
            }
            let key = (sender.id.clone(), sender.source);
            self.senders.insert(key, (event.id.clone(), event.received_at));
        }
        self.events.insert(event.id.clone(), event.clone());
        runs.into_iter().try_for_each(|run| self.start(&event.id, run))?;
        Ok(Accepted::New(event.id))
    }

    fn start(&mut self, event: &EventId, run: NewRun) -> Result<(), StoreError> {
        let event_name = self.events.get(event).ok_or(StoreError::Conflict)?.name.to_string();
        if !self.deployments.contains_key(&run.deployment) || self.runs.contains_key(&run.id) {
            return Err(StoreError::Conflict);
        }
        let at = run.created_at;
        let index = Index { status: Status::Queued, wake_at: Some(at), started_at: None, ended_at: None };
        let row = RunRow {
            id: run.id.clone(),
            function: run.function,
            deployment: run.deployment,
            event: event.clone(),
            event_name,
            created_at: at,
            index,
            journal: Vec::new(),
        };
        self.runs.insert(run.id, row);
        Ok(())
    }

    fn load(&mut self, id: &RunId) -> Result<Claimed, StoreError> {
        let run = self.runs.get(id).ok_or(StoreError::NotFound)?.clone();
        let event = self.events.get(&run.event).ok_or(StoreError::NotFound)?.clone();
        Ok(Claimed {
            claim: self.claims.take(id, &run.function),
            function: run.function,
            deployment: run.deployment,
            event,
            created_at: run.created_at,
            journal: run.journal,
        })
    }

    /// The next run of the function that comes after `turn` and has one to give.
    fn next_claim(&mut self, ask: &Ask) -> Option<RunId> {
        let mut first: BTreeMap<&FunctionId, (Timestamp, &RunId)> = BTreeMap::new();
        for run in self.runs.values() {
            let Some(at) = run.index.wake_at.filter(|at| *at <= ask.now) else { continue };
            let full = ask.limits.get(&run.function).is_some_and(|l| self.claims.of(&run.function) >= *l);
            if full || self.claims.is_held(&run.id) {
                continue;
            }
            let best = first.entry(&run.function).or_insert((at, &run.id));
            *best = (*best).min((at, &run.id));
        }
        let after = first.iter().find(|(f, _)| self.turn.as_ref().is_none_or(|t| **f > t));
        let (function, (_, run)) = after.or_else(|| first.iter().next())?;
        let (function, run) = ((*function).clone(), (*run).clone());
        self.turn = Some(function);
        Some(run)
    }

    fn shown(&self, run: &RunRow) -> RunRow {
        let mut run = run.clone();
        if self.claims.is_held(&run.id) && !run.index.status.is_final() {
            run.index.status = Status::Running;
            run.index.wake_at = None;
        }
        run
    }
}

#[async_trait]
impl Store for Memory {
    async fn accept(&self, accepts: Vec<Accept>) -> Result<Vec<Accepted>, StoreError> {
        let mut inner = self.inner();
        let is_known = |run: &NewRun| inner.deployments.contains_key(&run.deployment);
        if !accepts.iter().flat_map(|a| &a.runs).all(is_known) {
            return Err(StoreError::Conflict);
        }
        accepts.into_iter().map(|a| inner.accept(a)).collect()
    }

    async fn start(&self, event: &EventId, run: NewRun) -> Result<(), StoreError> {
        self.inner().start(event, run)
    }

    async fn claim(&self, ask: Ask) -> Result<Vec<Claimed>, StoreError> {
        let mut inner = self.inner();
        let mut claimed = Vec::new();
        while claimed.len() < ask.max {
            let Some(run) = inner.next_claim(&ask) else { break };
            claimed.push(inner.load(&run)?);
        }
        Ok(claimed)
    }

    async fn seize(&self, run: &RunId) -> Result<Option<Claimed>, StoreError> {
        let mut inner = self.inner();
        let is_over = inner.runs.get(run).ok_or(StoreError::NotFound)?.index.status.is_final();
        if is_over { Ok(None) } else { inner.load(run).map(Some) }
    }

    async fn commit(&self, claim: &Claim, commit: Commit) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if !inner.claims.holds(claim) {
            return Err(StoreError::Fenced);
        }
        let run = inner.runs.get_mut(&claim.run).ok_or(StoreError::NotFound)?;
        if run.journal.len() != commit.expect as usize && !commit.entries.is_empty() {
            return Err(StoreError::Conflict);
        }
        run.journal.extend(commit.entries);
        if let Then::Release(index) = commit.then {
            run.index = index;
            inner.claims.end(claim);
        }
        Ok(())
    }

    async fn release(&self, claim: &Claim) {
        self.inner().claims.end(claim);
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let inner = self.inner();
        Ok(inner.runs.values().filter_map(|r| r.index.wake_at).filter(|at| *at > now).min())
    }

    async fn deploy(&self, deploy: Deploy) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let Deploy { id, bytes, manifests, source, at } = deploy;
        let kept = Deployment { id: id.clone(), size: bytes.len() as u64, manifests, at };
        inner.deployments.entry(id.clone()).or_insert((kept, bytes));
        inner.sources.insert(source.clone(), Source { name: source, deployment: id, at });
        Ok(())
    }

    async fn withdraw(&self, source: &str) -> Result<(), StoreError> {
        self.inner().sources.remove(source);
        Ok(())
    }

    async fn deployments(&self) -> Result<(Vec<Deployment>, Vec<Source>), StoreError> {
        let inner = self.inner();
        let mut deployments: Vec<_> = inner.deployments.values().map(|(d, _)| d.clone()).collect();
        deployments.sort_by(|a, b| b.at.cmp(&a.at).then(a.id.cmp(&b.id)));
        let mut sources: Vec<_> = inner.sources.values().cloned().collect();
        sources.sort_by(|a, b| a.at.cmp(&b.at).then(a.name.cmp(&b.name)));
        Ok((deployments, sources))
    }

    async fn artifact(&self, id: &DeploymentId) -> Result<Vec<u8>, StoreError> {
        self.inner().deployments.get(id).map(|(_, bytes)| bytes.clone()).ok_or(StoreError::NotFound)
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        let inner = self.inner();
        let wanted = |run: &RunRow| {
            filter.status.is_none_or(|s| s == run.index.status)
                && filter.function.as_ref().is_none_or(|f| *f == run.function)
                && filter.event.as_ref().is_none_or(|e| *e == run.event)
                && filter.before.as_ref().is_none_or(|b| run.id < *b)
        };
        let mut found: Vec<_> = inner.runs.values().rev().map(|r| inner.shown(r)).filter(wanted).collect();
        found.truncate(filter.limit);
        for run in &mut found {
            run.journal = run.journal.pop().into_iter().collect();
        }
        Ok(found)
    }

    async fn run(&self, id: &RunId) -> Result<RunRow, StoreError> {
        let inner = self.inner();
        inner.runs.get(id).map(|run| inner.shown(run)).ok_or(StoreError::NotFound)
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        let inner = self.inner();
        let wanted = |e: &&Event| {
            filter.name.as_ref().is_none_or(|n| **n == *e.name)
                && filter.before.as_ref().is_none_or(|b| e.id < *b)
        };
        Ok(inner.events.values().rev().filter(wanted).take(filter.limit).cloned().collect())
    }

    async fn event(&self, id: &str) -> Result<Event, StoreError> {
        let inner = self.inner();
        let by_sender = || {
            let of = inner.senders.iter().filter(|((sender, _), _)| sender == id);
            of.max_by_key(|(_, (_, at))| *at).and_then(|(_, (event, _))| inner.events.get(event))
        };
        inner.events.get(&EventId::new(id)).or_else(by_sender).cloned().ok_or(StoreError::NotFound)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner().kv.get(&(bucket.to_owned(), key.to_owned())).cloned())
    }

    async fn kv_set(&self, bucket: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let key = (bucket.to_owned(), key.to_owned());
        let mut inner = self.inner();
        match value {
            Some(value) => inner.kv.insert(key, value),
            None => inner.kv.remove(&key),
        };
        Ok(())
    }

    async fn kv_keys(&self, bucket: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let inner = self.inner();
        let keys = inner.kv.keys().filter(|(b, key)| b == bucket && key.as_str() > after);
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
