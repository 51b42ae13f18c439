//! What works for a run beside its function's own instance: instances that execute one
//! parallel step each, and requests that the host makes.

use super::handle::{Handle, Shelf};
use super::pass::Carried;
use super::session::Session;
use crate::runtime::{Ending, Input};
use pawl_engine::replay::{Attempt, Cursor, Fetch};
use pawl_engine::{Failure, Kind, Payload, StepKey};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Instances beside a run's own: a list of a thousand steps must not take every slot.
const FORKS: usize = 32;

/// How long a slot is waited for: the loop holds the free ones while it claims runs.
const SLOT_TIME: Duration = Duration::from_millis(20);

/// The workers of one run.
pub(super) struct Crew {
    pub(super) run: Arc<Carried>,
    pub(super) session: Arc<Mutex<Session>>,
    tasks: Lock<JoinSet<()>>,
    /// Steps whose instance did not get to them: those are for the function's own.
    lost: Lock<BTreeSet<StepKey>>,
}

impl Crew {
    pub(super) fn new(run: Arc<Carried>, session: Session) -> Arc<Self> {
        let session = Arc::new(Mutex::new(session));
        Arc::new(Self { run, session, tasks: Lock::default(), lost: Lock::default() })
    }

    /// Ends everything that is under way; nothing of it is written.
    pub(super) fn end(&self) {
        self.tasks().abort_all();
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> std::sync::MutexGuard<'_, BTreeSet<StepKey>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Executes the step in an instance of its own, if there is room for one.
    pub(super) async fn fork(self: &Arc<Self>, session: &mut Session, attempt: Attempt) -> bool {
        let forks = session.replay.under_way_of(Kind::Run);
        if self.lost().contains(&attempt.step) || forks >= FORKS {
            return false;
        }
        let slot = self.run.worker.slots.clone().acquire_owned();
        let Ok(Ok(slot)) = tokio::time::timeout(SLOT_TIME, slot).await else { return false };
        if self.run.is_limited && self.run.worker.store.widen(&self.run.claim, 1).await == 0 {
            return false;
        }
        session.replay.take_off(attempt.clone());
        let (crew, input) = (self.clone(), self.run.input(&session.replay));
        let step = attempt.step.clone();
        self.spawn(step, async move { crew.execute(attempt, input, slot).await });
        true
    }

    async fn execute(self: Arc<Self>, attempt: Attempt, input: Input, slot: OwnedSemaphorePermit) {
        let cursor = Shelf::new(self.run.way(Cursor::for_step(attempt.step.clone())));
        let steps = Box::new(Handle { crew: self.clone(), cursor: cursor.clone() });
        let ending = self.run.guest.pass(&input, steps).await;
        if self.run.is_limited {
            self.run.worker.store.narrow(&self.run.claim, 1).await;
            self.run.worker.wake.notify_one();
        }
        drop(slot);
        let mut cursor = cursor.take();
        let mut session = self.session.lock().await;
        // another try of the step may have begun since
        if session.replay.attempt(&attempt.step).is_some_and(|open| open.number == attempt.number) {
            let failure = match ending {
                Ending::Broke(failure) => Some(failure),
                Ending::Returned(_) => {
                    Some(Failure::new("AttemptLeft", "the function returned while a step was executing"))
                }
                Ending::Left(_) => None,
            };
            match failure.filter(|_| cursor.executing().is_some()) {
                // what could not be recorded is done again when the run is
                Some(failure) => drop(session.finish(&mut cursor, &attempt.step, Err(failure)).await),
                None => {
                    // it did not get there: that is for the function's own instance
                    session.replay.called_off(&attempt.step);
                    self.lost().insert(attempt.step);
                }
            }
        }
        drop(session);
        self.run.changed.notify_waiters();
    }

    /// Makes a step's request, if there is room for one more.
    pub(super) fn fetch(self: &Arc<Self>, session: &mut Session, attempt: Attempt, fetch: &Fetch) -> bool {
        let Ok(room) = self.run.worker.requests.clone().try_acquire_owned() else { return false };
        session.replay.take_off(attempt.clone());
        let (crew, fetch) = (self.clone(), fetch.clone());
        self.spawn(attempt.step.clone(), async move {
            let trace = crew.run.trace();
            let trace = trace.from(trace.attempt(&attempt.step, attempt.number));
            let result = crew.run.guest.fetch(&fetch, attempt.timeout, trace).await;
            drop(room);
            crew.settle(&attempt, result).await;
        });
        true
    }

    /// Records a request's end, when the function's own instance executes nothing.
    async fn settle(&self, attempt: &Attempt, result: Result<Payload, Failure>) {
        loop {
            let changed = self.run.changed.notified();
            tokio::pin!(changed);
            let mut session = self.session.lock().await;
            changed.as_mut().enable();
            if session.main_executes {
                drop(session);
                changed.await;
                continue;
            }
            let mut beside = Cursor::for_step(attempt.step.clone());
            // what could not be recorded is done again when the run is
            let _recorded = session.finish(&mut beside, &attempt.step, result).await;
            return;
        }
    }

    fn spawn(self: &Arc<Self>, step: StepKey, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        // what has ended is forgotten, so that the set holds what is under way
        while tasks.try_join_next().is_some() {}
        let crew = self.clone();
        tasks.spawn(async move {
            // a fault of ours must not leave the step under way for ever
            if AbortOnDropHandle::new(tokio::spawn(work)).await.is_err() {
                tracing::error!(run = %crew.run.claim.run, %step, "a parallel step broke");
                crew.session.lock().await.replay.called_off(&step);
                crew.lost().insert(step);
                crew.run.changed.notify_waiters();
            }
        });
    }
}
