//! The sandbox: a component's bytes in, one pass of a run out.
//!
//! What a guest asks of the world goes to a [`Steps`], which somebody else
//! implements: this module knows no storage and decides nothing about a run. It
//! does enforce: clock and randomness outside of steps are the run's own; no files; network
//! only inside of a step and only to granted hosts; limits on time and memory.

mod calls;
mod compile;
mod component;
mod describe;
mod engine;
mod fetch;
mod grant;
mod guest;
mod imports;
mod outbound;
mod snapshot;
mod wasi;

pub use component::{Inspection, LoadError, Plugin, Runtime, digest};
pub use engine::Limits;
pub use grant::{Grant, HostPattern};
pub use snapshot::{SnapshotError, snapshot};

use async_trait::async_trait;
pub use pawl_engine::Level;
use pawl_engine::replay::StepCall;
use pawl_engine::run::Step;
use pawl_engine::{Failure, Payload, Span, StepKey, Timestamp};

/// What a guest may ask for in the course of a run.
#[async_trait]
pub trait Steps: Send {
    /// The guest asks for steps. Comes back only when it may go on, and then
    /// everything that the answer rests on is durable.
    async fn ask(&mut self, calls: &[StepCall]) -> Result<Reply, Stop>;
    /// The open attempt ended. `Some`: the failure that the function has to hear of.
    async fn finish(&mut self, result: Result<Payload, Failure>) -> Result<Option<Failure>, Stop>;
    /// A step whose code was executed before it was asked for, as a function elsewhere does:
    /// how it settles. Its try began at `started_at`.
    async fn executed(
        &mut self,
        call: &StepCall,
        started_at: Timestamp,
        result: Result<Payload, Failure>,
    ) -> Result<Result<Payload, Failure>, Stop> {
        let _not_told = started_at;
        match self.ask(std::slice::from_ref(call)).await? {
            Reply::Recorded(_, recorded) => Ok(recorded),
            Reply::Refused(failure) => Ok(Err(failure)),
            Reply::Execute(..) => {
                let kept = result.clone();
                Ok(self.finish(result).await?.map_or(kept, Err))
            }
        }
    }
    /// What earlier passes have recorded: settled steps in the order in which they settled,
    /// then the others. For guests that replay by themselves.
    async fn known(&mut self) -> Vec<(StepKey, Step)> {
        Vec::new()
    }
    /// The one step that this pass is to execute, beside the function's own.
    fn target(&mut self) -> Option<StepKey> {
        None
    }
    /// A line for the run's log.
    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]);
    /// The function's own key-value bucket. An error is a sentence for the guest.
    async fn kv(&mut self, call: KvCall) -> Result<KvReply, String>;
}

/// An answer to the guest; `usize` is the place in what it asked for.
#[derive(Debug)]
pub enum Reply {
    /// The step is settled.
    Recorded(usize, Result<Payload, Failure>),
    /// The guest is to execute it.
    Execute(usize, Open),
    /// The question itself was wrong: the failure is for the first in the list.
    Refused(Failure),
}

/// An attempt that the guest is to execute.
#[derive(Debug, Clone)]
pub struct Open {
    /// Of which step.
    pub step: StepKey,
    /// From 0.
    pub number: u32,
    /// How many tries in all.
    pub max: u32,
    /// How long it may take.
    pub timeout: Span,
    /// The same for every try of the step.
    pub idempotency_key: String,
}

/// Why an instance is left in the middle. Travels through the guest as an error
/// that it cannot catch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the run leaves its instance")]
pub enum Stop {
    /// The run waits, or this instance has done its part; that is recorded.
    Parked,
    /// The function comes to other steps than its run has recorded.
    Diverged(Failure),
    /// Somebody else has the run, or it was cancelled.
    Fenced,
    /// What the run did could not be recorded: it has to be done again.
    Unrecorded(String),
    /// The run cannot go on at all.
    Failed(Failure),
}

/// How a pass ended.
#[derive(Debug)]
pub enum Ending {
    /// The function returned.
    Returned(Result<Payload, Failure>),
    /// The instance broke: a trap, a limit.
    Broke(Failure),
    /// It was left on purpose.
    Left(Stop),
}

/// What a pass is about.
#[derive(Debug)]
pub struct Input {
    /// Which of the plugin's functions.
    pub function: String,
    /// Of which run.
    pub run: String,
    /// How often the function failed outside of its steps.
    pub attempt: u32,
    /// Its events, at least one.
    pub events: std::sync::Arc<Vec<pawl_engine::Event>>,
    /// When the run was started.
    pub now: pawl_engine::Timestamp,
}

/// A guest's use of its bucket.
#[derive(Debug)]
pub enum KvCall {
    /// A value.
    Get(String),
    /// Sets, or with `None` deletes.
    Set(String, Option<Vec<u8>>),
    /// Keys after this one.
    Keys(String),
}

/// What a bucket answers.
#[derive(Debug)]
pub enum KvReply {
    /// To a get.
    Value(Option<Vec<u8>>),
    /// To a set.
    Done,
    /// To a listing: keys, and whether more follow.
    Keys(Vec<String>, bool),
}
