//! Events in: matched against the functions there are, stored with their runs, and
//! only then acknowledged. Also what the host itself tells of runs, and calls of functions
//! by functions.

mod over;

pub use over::Over;

use crate::catalog::{Offer, Snapshot};
use crate::store::{Accept, Accepted, Claimed, Keep, NewRun, Parent, Store, StoreError};
use crate::{clock, ids};
use pawl_engine::event::SenderId;
use pawl_engine::expr::Vars;
use pawl_engine::flow::{Rules, Terms};
use pawl_engine::replay::Invocation;
use pawl_engine::signal::Signal;
use pawl_engine::trace::TraceParent;
use pawl_engine::{Event, EventId, FunctionId, NewEvent, Payload, RunId, Span, Timestamp, trigger};
use std::cell::OnceCell;
use std::sync::Arc;
use tokio::sync::Notify;

/// The event that an invoked function gets.
const INVOKED: &str = "inngest/function.invoked";

/// The event that a schedule gives.
const SCHEDULED: &str = "inngest/scheduled.timer";

/// The functions at this moment.
pub type Functions = Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync>;

/// The way in.
#[derive(Clone)]
pub struct Intake {
    store: Arc<dyn Store>,
    functions: Functions,
    /// Tells the worker that there is something to do.
    wake: Arc<Notify>,
}

/// An event as expressions see it: made when the first of them wants to.
struct Seen<'a> {
    event: &'a Event,
    vars: OnceCell<Vars>,
}

impl Seen<'_> {
    fn vars(&self) -> &Vars {
        self.vars.get_or_init(|| Vars::new(&self.event.to_value()))
    }
}

/// A run of the function for this event.
pub fn new_run(offer: &Offer, terms: Terms, created_at: Timestamp, now: Timestamp) -> NewRun {
    NewRun {
        id: ids::run(now),
        function: offer.manifest.id.clone(),
        deployment: offer.deployment.clone(),
        created_at,
        terms,
        parent: None,
        journal: Vec::new(),
    }
}

/// The terms of a run of this function for this event.
pub fn terms(offer: &Offer, event: &Event) -> Terms {
    terms_of(offer, &Seen { event, vars: OnceCell::new() })
}

fn terms_of(offer: &Offer, seen: &Seen<'_>) -> Terms {
    if offer.manifest.flow.is_default() {
        return Terms::plain(offer.manifest.id.clone());
    }
    Terms::of(&offer.manifest, seen.event, seen.vars())
}

/// Does the work to its end, also when who asked for it has gone: what begins with a
/// commit must not stop between that and what follows from it.
pub async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.map_err(|e| StoreError::Unavailable(format!("the work broke: {e}")))
}

impl Intake {
    /// A way into this store, to these functions.
    pub fn new(store: Arc<dyn Store>, functions: Functions, wake: Arc<Notify>) -> Self {
        Self { store, functions, wake }
    }

    /// Accepts events, all or none; durable when it returns.
    pub async fn accept(&self, events: Vec<NewEvent>) -> Result<Vec<Accepted>, StoreError> {
        let this = self.clone();
        to_the_end(async move {
            let now = clock::now();
            this.accept_as(events.into_iter().map(|e| (ids::event(now), e)), now).await
        })
        .await?
    }

    /// The same with ids that their sender wishes. One that another event has already is not
    /// given again: all of them get ids of ours, then.
    pub async fn accept_with(
        &self,
        events: Vec<NewEvent>,
        wished: Vec<EventId>,
    ) -> Result<Vec<Accepted>, StoreError> {
        let this = self.clone();
        to_the_end(async move {
            let now = clock::now();
            match this.accept_as(wished.into_iter().zip(events.iter().cloned()), now).await {
                Err(StoreError::Conflict) => {
                    this.accept_as(events.into_iter().map(|e| (ids::event(now), e)), now).await
                }
                done => done,
            }
        })
        .await?
    }

    async fn accept_as(
        &self,
        events: impl Iterator<Item = (EventId, NewEvent)>,
        now: Timestamp,
    ) -> Result<Vec<Accepted>, StoreError> {
        let accepts = events.map(|(id, e)| self.plan(e.accept(id, now), now)).collect();
        let accepted = self.store.accept(accepts).await?;
        self.wake.notify_one();
        Ok(accepted)
    }

    /// The event with the runs that it starts, on the newest deployment of each function.
    pub fn plan(&self, event: Event, now: Timestamp) -> Accept {
        let snapshot = (self.functions)();
        let seen = Seen { event: &event, vars: OnceCell::new() };
        let started =
            snapshot.functions.values().filter(|o| trigger::starts(&o.manifest, &event.name, || seen.vars()));
        // an event of the future starts its runs then
        let at = now.max(event.at);
        let runs = started.map(|offer| new_run(offer, terms_of(offer, &seen), at, now)).collect();
        Accept { event, runs, keep: Keep::Always }
    }

    /// Tells functions something that the host itself has to say, once for each `id`. What nobody
    /// hears is not kept.
    pub async fn tell(&self, name: &str, data: Payload, id: String) -> Result<(), StoreError> {
        let now = clock::now();
        let sender = Some(SenderId { source: "pawl", id });
        let new =
            NewEvent { name: name.into(), data, user: None, at: None, version: None, sender, trace: None };
        let accept = Accept { keep: Keep::IfHeard, ..self.plan(new.accept(ids::event(now), now), now) };
        self.store.accept(vec![accept]).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Tells the step that waits for this signal: its run. `None`: no step waits for it, and
    /// nothing is stored.
    pub async fn signal(&self, signal: &Signal) -> Result<Option<RunId>, StoreError> {
        let (this, new) = (self.clone(), signal.to_event());
        to_the_end(async move {
            let now = clock::now();
            let event = new.accept(ids::event(now), now);
            let accept = Accept { event, runs: Vec::new(), keep: Keep::ForOne };
            let accepted = this.store.accept(vec![accept]).await?.pop();
            this.wake.notify_one();
            Ok(match accepted {
                Some(Accepted::Taken(run)) => Some(run),
                Some(Accepted::New(_) | Accepted::Duplicate(_) | Accepted::Unheard) | None => None,
            })
        })
        .await?
    }

    /// Accepts a schedule's tick for one function. Once: a tick that is known is nothing new.
    pub async fn tick(
        &self,
        function: &FunctionId,
        schedule: &str,
        tick: Timestamp,
        delay: Span,
    ) -> Result<(), StoreError> {
        let now = clock::now();
        let snapshot = (self.functions)();
        let Some(offer) = snapshot.functions.get(function) else { return Ok(()) };
        let event = over::tick_event(function, schedule, tick, tick + delay).accept(ids::event(now), now);
        let run = new_run(offer, terms(offer, &event), now.max(tick + delay), now);
        self.store.accept(vec![Accept { event, runs: vec![run], keep: Keep::Always }]).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// The run that a step of another one invokes, in its trace. `None`: the function has gone since.
    pub fn invocation(
        &self,
        event: EventId,
        run: RunId,
        call: Invocation,
        parent: Parent,
        trace: TraceParent,
        now: Timestamp,
    ) -> Option<Accept> {
        let snapshot = (self.functions)();
        let offer = snapshot.functions.get(&call.function)?;
        let sender = Some(SenderId { source: "pawl", id: format!("{}:{}", parent.run, parent.step) });
        let new = NewEvent {
            name: INVOKED.into(),
            data: call.data,
            user: call.user,
            at: None,
            version: None,
            sender,
            trace: Some(trace),
        };
        let event = new.accept(event, now);
        let run = NewRun {
            id: run,
            parent: Some(parent),
            ..new_run(offer, terms(offer, &event).again(), now, now)
        };
        Some(Accept { event, runs: vec![run], keep: Keep::Always })
    }

    /// Whether there is such a function.
    pub fn knows(&self, function: &FunctionId) -> bool {
        (self.functions)().functions.contains_key(function)
    }

    /// The gates' rules as they are now.
    pub fn rules(&self) -> Arc<Rules> {
        (self.functions)().rules.clone()
    }

    /// Tells the worker that there is something to do.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Cancels a run that the caller has claimed.
    pub async fn end_claimed(&self, claimed: &Claimed, reason: &str) -> Result<(), StoreError> {
        over::end_claimed(self, claimed, reason).await
    }
}
