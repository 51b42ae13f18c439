//! A store that sometimes does not do as asked, sometimes does and does not say so, and
//! takes its time. It tells the trace what became true.

use super::trace::{Fact, Trace};
use super::world::World;
use crate::clock;
use crate::pulse::Pulse;
use crate::store::find::{EventQuery, Page, RunQuery};
use crate::store::records::Records;
use crate::store::*;
use async_trait::async_trait;
use pawl_engine::{DeploymentId, Entry, Event, EventId, FunctionId, Mail, RunId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How often in a thousand calls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// It is refused.
    pub(super) fails: u64,
    /// It is done, and said to be refused.
    pub(super) lies: u64,
    /// It takes some time, before or after it is done.
    pub(super) delays: u64,
    /// It is done also when who asked has gone.
    pub(super) goes_on: u64,
    /// How many hosts die.
    pub(super) deaths: u64,
    /// Of those, how many in a thousand end in peace.
    pub(super) peaceful: u64,
}

/// One host's way to the store.
#[derive(Clone)]
pub(super) struct Faulty(pub(super) Arc<World>);

impl Faulty {
    /// Before a call.
    async fn enter(&self) -> Result<(), StoreError> {
        let world = &self.0;
        world.one_call().await;
        self.rest().await;
        if world.dice.happens(world.plan.faults.fails) {
            return Err(StoreError::Unavailable("simulated".into()));
        }
        Ok(())
    }

    async fn rest(&self) {
        let world = &self.0;
        if world.dice.happens(world.plan.faults.delays) {
            match world.dice.between(0, 3) {
                0 => tokio::task::yield_now().await,
                _ => tokio::time::sleep(Duration::from_millis(world.dice.between(1, 60))).await,
            }
        }
        world.still_lives().await;
    }

    /// After a call that took effect. An error: the caller is told that it did not.
    async fn leave(&self) -> Result<(), StoreError> {
        self.0.one_call().await;
        self.rest().await;
        if self.0.dice.happens(self.0.plan.faults.lies) {
            return Err(StoreError::Unavailable("simulated, and a lie".into()));
        }
        Ok(())
    }

    /// Does it, now and then whatever becomes of who asked.
    async fn perhaps_alone<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        match self.0.dice.happens(self.0.plan.faults.goes_on) {
            true => tokio::spawn(work).await.expect("it does not break"),
            false => work.await,
        }
    }

    async fn accepted(&self, accepts: &[Accept]) {
        for accept in accepts {
            let Ok(event) = self.0.memory.event(accept.event.id.as_str()).await else { continue };
            if event.id != accept.event.id {
                continue;
            }
            let mut made = Vec::new();
            for run in &accept.runs {
                if self.0.memory.run(&run.id).await.is_ok() {
                    made.push((run.id.clone(), run.function.clone()));
                }
            }
            self.0.tell(Fact::Accepted { event: Box::new(event), made });
        }
    }

    async fn commit_now(&self, claim: &Claim, commit: Commit) -> Result<(), StoreError> {
        let world = &self.0;
        let (entries, accepts) = (commit.entries.clone(), commit.also.accepts.clone());
        world.memory.commit(claim, commit).await?;
        world.trace(|trace| {
            trace.next_transaction();
            if trace.fences.get(&claim.run) != Some(&claim.fence) {
                trace.wrong.push(format!("{} was written under an old claim", claim.run));
            }
        });
        let is_end = matches!(entries.last(), Some(Entry::Finished { .. }));
        // a run that ends is over when the events of its end come in
        for entry in entries {
            world.tell(Fact::Written { run: claim.run.clone(), entry });
        }
        self.accepted(&accepts).await;
        if is_end {
            world.progress.notify_one();
        }
        Ok(())
    }

    fn claimed(&self, claimed: &Claimed, now: Timestamp, is_asked: bool) {
        let world = &self.0;
        let is_fresh = claimed.journal.is_empty();
        let run = claimed.claim.run.clone();
        let is_urgent = claimed.mail.iter().any(|mail| matches!(mail, Mail::Cancel { .. }));
        world.trace(|trace| {
            trace.fences.insert(run.clone(), claimed.claim.fence);
            let written = trace.journals.get(&run).map_or(&[][..], Vec::as_slice);
            if written != claimed.journal {
                trace.wrong.push(format!("{run}: its journal is not what was written"));
            }
        });
        if is_asked {
            if world.is_paused(&claimed.function) && !is_urgent {
                world.wrong(format!("{run} was claimed, and {} is paused", claimed.function));
            }
            world.tell(Fact::Claimed { run, now, is_fresh });
        }
    }
}

#[async_trait]
impl Store for Faulty {
    fn records(&self) -> &dyn Records {
        self.0.memory.records()
    }

    fn pulse(&self) -> &Pulse {
        self.0.memory.pulse()
    }

    async fn find_runs(&self, query: RunQuery) -> Result<Page<RunRow>, StoreError> {
        self.0.memory.find_runs(query).await
    }

    async fn find_events(&self, query: EventQuery) -> Result<Page<Event>, StoreError> {
        self.0.memory.find_events(query).await
    }

    async fn accept(&self, accepts: Vec<Accept>) -> Result<Vec<Accepted>, StoreError> {
        self.enter().await?;
        let this = self.clone();
        let done = self
            .perhaps_alone(async move {
                this.rest().await;
                let done = this.0.memory.accept(accepts.clone()).await;
                if done.is_ok() {
                    this.0.trace(Trace::next_transaction);
                    this.accepted(&accepts).await;
                }
                done
            })
            .await?;
        self.leave().await?;
        Ok(done)
    }

    async fn start(&self, events: &[EventId], run: NewRun) -> Result<(), StoreError> {
        self.0.memory.start(events, run).await
    }

    async fn claim(&self, ask: Ask) -> Result<Vec<Claimed>, StoreError> {
        self.enter().await?;
        let now = ask.now;
        let claimed = self.0.memory.claim(ask).await?;
        claimed.iter().for_each(|claimed| self.claimed(claimed, now, true));
        self.0.one_call().await;
        self.rest().await;
        Ok(claimed)
    }

    async fn widen(&self, claim: &Claim, wanted: u32) -> u32 {
        self.rest().await;
        self.0.memory.widen(claim, wanted).await
    }

    async fn narrow(&self, claim: &Claim, units: u32) {
        self.0.memory.narrow(claim, units).await;
    }

    async fn seize(&self, run: &RunId) -> Result<Option<Claimed>, StoreError> {
        self.enter().await?;
        let claimed = self.0.memory.seize(run).await?;
        claimed.iter().for_each(|claimed| self.claimed(claimed, clock::now(), false));
        self.rest().await;
        Ok(claimed)
    }

    async fn commit(&self, claim: &Claim, commit: Commit) -> Result<(), StoreError> {
        self.enter().await?;
        let (this, by) = (self.clone(), claim.clone());
        self.perhaps_alone(async move {
            this.rest().await;
            this.commit_now(&by, commit).await
        })
        .await?;
        self.leave().await
    }

    async fn release(&self, claim: &Claim) {
        self.rest().await;
        self.0.memory.release(claim).await;
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.enter().await?;
        self.0.memory.next_due(now).await
    }

    async fn pause(&self, function: &FunctionId, at: Timestamp) -> Result<bool, StoreError> {
        self.enter().await?;
        let done = self.0.memory.pause(function, at).await?;
        self.0.tell(Fact::Paused(function.clone(), true));
        self.leave().await?;
        Ok(done)
    }

    async fn resume(&self, function: &FunctionId) -> Result<bool, StoreError> {
        self.enter().await?;
        let done = self.0.memory.resume(function).await?;
        self.0.tell(Fact::Paused(function.clone(), false));
        self.leave().await?;
        Ok(done)
    }

    async fn run(&self, id: &RunId) -> Result<RunRow, StoreError> {
        self.enter().await?;
        self.0.memory.run(id).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        self.enter().await?;
        self.0.memory.runs(filter).await
    }

    async fn unread(&self, run: &RunId) -> Result<Vec<Mail>, StoreError> {
        self.enter().await?;
        self.0.memory.unread(run).await
    }

    fn may_hear(&self, name: &str) -> bool {
        self.0.memory.may_hear(name)
    }

    // what follows is no part of a run's life here

    async fn paused(&self) -> Result<Vec<(FunctionId, Timestamp)>, StoreError> {
        self.0.memory.paused().await
    }
    async fn deploy(&self, deploy: Deploy) -> Result<(), StoreError> {
        self.0.memory.deploy(deploy).await
    }
    async fn withdraw(&self, source: &str) -> Result<(), StoreError> {
        self.0.memory.withdraw(source).await
    }
    async fn deployments(&self) -> Result<(Vec<Deployment>, Vec<Source>), StoreError> {
        self.0.memory.deployments().await
    }
    async fn artifact(&self, id: &DeploymentId) -> Result<Vec<u8>, StoreError> {
        self.0.memory.artifact(id).await
    }
    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        self.0.memory.events(filter).await
    }
    async fn event(&self, id: &str) -> Result<Event, StoreError> {
        self.0.memory.event(id).await
    }
    async fn skips(&self, event: &EventId) -> Result<Vec<Skip>, StoreError> {
        self.0.memory.skips(event).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.memory.ready().await
    }
    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.memory.kv_get(bucket, key).await
    }
    async fn kv_set(&self, bucket: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.0.memory.kv_set(bucket, key, value).await
    }
    async fn kv_keys(&self, bucket: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        self.0.memory.kv_keys(bucket, after, limit).await
    }
}
