//! What an instance holds of its run: it asks, and is answered, sent to work, or left.
//!
//! The code of parallel steps runs in instances beside the function's own ([`Crew`]). That
//! one executes a step itself only while no other step of its list is under way: so what
//! settles first is answered first, now as in every replay.

use super::crew::Crew;
use super::lines::log;
use super::session::{Said, Session};
use crate::runtime::{KvCall, KvReply, Level, Open, Reply, Steps, Stop};
use async_trait::async_trait;
use pawl_engine::replay::{Attempt, Cursor, Op, StepCall};
use pawl_engine::run::Step;
use pawl_engine::{Failure, Kind, Payload, StepKey, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// An instance's side of its run.
pub(super) struct Handle {
    pub(super) crew: Arc<Crew>,
    /// How far this instance got; its keeper looks at it when the instance has ended.
    pub(super) cursor: Arc<Shelf>,
}

/// A cursor that lies here while its instance is executing the guest's own code.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Cursor>);

impl Shelf {
    pub(super) fn new(cursor: Cursor) -> Arc<Self> {
        Arc::new(Self(Mutex::new(cursor)))
    }

    /// Takes the cursor for as long as the instance waits for an answer.
    pub(super) fn take(&self) -> Cursor {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put(&self, cursor: Cursor) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cursor;
    }
}

/// What the function's own instance does next.
enum Do {
    Answer(Reply),
    /// Ask again: something may have changed.
    Again,
    /// Ask again when something has settled, or at this time.
    WaitFor(Timestamp),
}

impl Handle {
    /// A reply, a stop, or what to wait for before the question is asked again.
    async fn once(&self, session: &mut Session, cursor: &mut Cursor, calls: &[StepCall]) -> Result<Do, Stop> {
        match session.ask(cursor, calls).await? {
            Said::Recorded(place, result) => Ok(Do::Answer(Reply::Recorded(place, result))),
            Said::Refused(failure) => Ok(Do::Answer(Reply::Refused(failure))),
            Said::Work(mut work) if !cursor.is_main() => {
                let (place, attempt) = work.remove(0);
                Ok(self.execute(session, cursor, place, attempt, false))
            }
            // beside the function's own instance there is nothing to wait for
            Said::Wait(_) if !cursor.is_main() => Err(Stop::Parked),
            Said::Work(work) => self.begin(session, cursor, calls, work).await,
            Said::Wait(until) if session.replay.under_way() > 0 => {
                // a wait may have come to its end, or something has come in
                if session.is_told || until <= crate::clock::now() {
                    session.read_mail().await?;
                    return Ok(Do::Again);
                }
                if session.replay.under_way_of(Kind::Run) > 0 {
                    return Ok(Do::WaitFor(until));
                }
                // requests need no instance: whoever carries the run waits for them
                session.wakes_at = Some(until);
                session.left_at = session.replay.run().seq;
                session.replay.left(cursor);
                Err(Stop::Parked)
            }
            Said::Wait(until) => {
                session.park(cursor, until).await?;
                Err(Stop::Parked)
            }
        }
    }

    /// Begins what may begin.
    async fn begin(
        &self,
        session: &mut Session,
        cursor: &mut Cursor,
        calls: &[StepCall],
        work: Vec<(usize, Attempt)>,
    ) -> Result<Do, Stop> {
        let mut runs = Vec::new();
        let mut is_crowded = false;
        for (place, attempt) in work {
            match &calls[place].op {
                Op::Fetch(fetch) => {
                    is_crowded |= !self.crew.fetch(session, attempt, fetch);
                }
                _ => runs.push((place, attempt)),
            }
        }
        let Some((place, first)) = runs.first().cloned() else {
            if is_crowded && session.replay.under_way() == 0 {
                // whoever carries the run waits for room, without an instance
                session.is_crowded = true;
                session.replay.left(cursor);
                return Err(Stop::Parked);
            }
            // what found no room begins when something has settled
            let in_a_while = crate::clock::now() + pawl_engine::limits::SLEEP;
            return Ok(if is_crowded { Do::WaitFor(in_a_while) } else { Do::Again });
        };
        let others_run = session.replay.under_way_of(Kind::Run) > 0;
        if calls.len() == 1 || (runs.len() == 1 && !others_run) {
            return Ok(self.execute(session, cursor, place, first, calls.len() > 1));
        }
        let mut forked = 0;
        for (_, attempt) in runs {
            if !self.crew.fork(session, attempt).await {
                break;
            }
            forked += 1;
        }
        if forked > 0 || others_run {
            // what found no room begins when something has settled
            return Ok(Do::WaitFor(crate::clock::now() + pawl_engine::limits::SLEEP));
        }
        Ok(self.execute(session, cursor, place, first, true))
    }

    fn execute(
        &self,
        session: &mut Session,
        cursor: &mut Cursor,
        place: usize,
        attempt: Attempt,
        has_siblings: bool,
    ) -> Do {
        let open = Open {
            idempotency_key: format!("{}:{}", self.crew.run.claim.run, attempt.step),
            step: attempt.step.clone(),
            number: attempt.number,
            max: attempt.max,
            timeout: attempt.timeout,
        };
        session.main_executes |= cursor.is_main();
        session.replay.execute(cursor, attempt, has_siblings);
        Do::Answer(Reply::Execute(place, open))
    }
}

#[async_trait]
impl Steps for Handle {
    async fn ask(&mut self, calls: &[StepCall]) -> Result<Reply, Stop> {
        let mut is_told = false;
        loop {
            let changed = self.crew.run.changed.notified();
            tokio::pin!(changed);
            let told = self.crew.run.claim.told.clone();
            let next = {
                let mut session = self.crew.session.lock().await;
                // from here on nothing that settles is missed
                changed.as_mut().enable();
                session.is_told |= std::mem::take(&mut is_told);
                let mut cursor = self.cursor.take();
                let next = self.once(&mut session, &mut cursor, calls).await;
                self.cursor.put(cursor);
                next?
            };
            match next {
                Do::Answer(reply) => return Ok(reply),
                Do::Again => {}
                Do::WaitFor(until) => {
                    let left = (until - crate::clock::now()).to_std();
                    tokio::select! {
                        () = changed => {}
                        () = told.notified() => is_told = true,
                        () = tokio::time::sleep(left) => {}
                    }
                }
            }
        }
    }

    async fn finish(&mut self, result: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        let mut session = self.crew.session.lock().await;
        let mut cursor = self.cursor.take();
        let told = session.finish_own(&mut cursor, result).await;
        let is_main = cursor.is_main();
        self.cursor.put(cursor);
        // an instance beside the function's own has done its part
        if is_main { told } else { told.and(Err(Stop::Parked)) }
    }

    async fn executed(
        &mut self,
        call: &StepCall,
        started_at: Timestamp,
        result: Result<Payload, Failure>,
    ) -> Result<Result<Payload, Failure>, Stop> {
        let mut session = self.crew.session.lock().await;
        let mut cursor = self.cursor.take();
        let settled = session.executed(&mut cursor, call, started_at, result).await;
        self.cursor.put(cursor);
        settled
    }

    async fn known(&mut self) -> Vec<(StepKey, Step)> {
        self.crew.session.lock().await.replay.known()
    }

    fn target(&mut self) -> Option<StepKey> {
        let cursor = self.cursor.take();
        let target = cursor.target().cloned();
        self.cursor.put(cursor);
        target
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        let mut cursor = self.cursor.take();
        if cursor.logs_anew() {
            log(&self.crew, cursor.executing(), level, message, fields);
        }
        self.cursor.put(cursor);
    }

    async fn kv(&mut self, call: KvCall) -> Result<KvReply, String> {
        let run = &self.crew.run;
        crate::bucket::kv(&*run.worker.store, run.function.as_str(), call).await
    }
}
