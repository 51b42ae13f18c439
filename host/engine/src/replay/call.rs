//! What guests ask for, and what they are answered.

use crate::expr::Expr;
use crate::flow::Only;
use crate::id::BadStepId;
use crate::journal::Kind;
use crate::run::Illegal;
use crate::{EventId, Failure, FunctionId, NewEvent, Payload, RunId, Span, StepKey, Timestamp, limits};

/// A guest's wish for one step.
#[derive(Debug, Clone)]
pub struct StepCall {
    /// The step's id, as the guest gave it.
    pub id: String,
    /// What kind of step.
    pub op: Op,
}

/// A kind of step, with what it needs.
#[derive(Debug, Clone)]
pub enum Op {
    /// The guest's own code.
    Run(RunOptions),
    /// For so long.
    Sleep(Span),
    /// Until then.
    SleepUntil(Timestamp),
    /// Until an event comes in.
    Wait(WaitFor),
    /// Another function's run.
    Invoke(Invocation),
    /// Events to send.
    Send(Vec<NewEvent>),
    /// A request that the host makes.
    Fetch(Fetch),
}

/// How a step differs from its function's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunOptions {
    /// One attempt's limit.
    pub timeout: Option<Span>,
    /// Tries after the first.
    pub retries: Option<u32>,
}

/// An event to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitFor {
    /// Its name.
    pub event: String,
    /// CEL over `event` and `async`.
    pub filter: Option<String>,
    /// At most so long.
    pub timeout: Span,
    /// There may be only one such wait, and it takes what its value says, without a filter.
    pub only: Option<Only>,
}

/// A function to call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its id.
    pub function: FunctionId,
    /// The data of the event that it gets: a JSON object.
    pub data: Payload,
    /// The user of that event.
    pub user: Option<Payload>,
    /// At most so long.
    pub timeout: Option<Span>,
}

/// A request that the host makes for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// `GET`.
    pub method: String,
    /// Where.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body's text.
    pub body: Option<String>,
    /// How it is tried.
    pub options: RunOptions,
    /// It asks a model.
    pub infer: Option<Infer>,
}

/// A request to a model: what it answers is the step's output, and any status but 2xx is a
/// failed try.
#[derive(Clone, PartialEq, Eq)]
pub struct Infer {
    /// The model's key, put where a header has `{secret:…}` with [`Infer::SECRET`].
    pub key: String,
}

impl Infer {
    /// The key's name in headers.
    pub const SECRET: &str = "auth_key";
}

impl std::fmt::Debug for Infer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Infer([redacted])")
    }
}

impl Op {
    /// What kind of step this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Run(_) => Kind::Run,
            Self::Sleep(_) | Self::SleepUntil(_) => Kind::Sleep,
            Self::Wait(_) => Kind::Wait,
            Self::Invoke(_) => Kind::Invoke,
            Self::Send(_) => Kind::Send,
            Self::Fetch(_) => Kind::Fetch,
        }
    }
}

/// What a function's manifest and the host's settings say about its steps.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Tries after the first.
    pub retries: u32,
    /// A fixed distance between tries, for development.
    pub retry_interval: Option<Span>,
    /// One attempt's limit.
    pub step_timeout: Span,
    /// Which failures outside of steps the function's retries are about.
    pub counts: Counts,
}

/// Which failures of a function outside of its steps count against its retries, and are its
/// `attempt`. Neither goes on for ever: a run has a limit of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// All of the run. A try of the function is then one way from its start to its end, and
    /// its number the same in each pass: a function may decide by it.
    All,
    /// Those since a step has last settled. A try is then one call, as at Inngest.
    SinceProgress,
}

/// What has to be looked up, or made anew, for steps to begin.
pub trait World {
    /// An id for a run.
    fn run_id(&mut self, now: Timestamp) -> RunId;
    /// An id for an event.
    fn event_id(&mut self, now: Timestamp) -> EventId;
    /// Whether there is such a function.
    fn knows(&self, function: &FunctionId) -> bool;
}

/// One try of a step's code, or of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Of which step.
    pub step: StepKey,
    /// What kind of step.
    pub kind: Kind,
    /// From 0.
    pub number: u32,
    /// How many tries the step has in all.
    pub max: u32,
    /// The time limit of this attempt.
    pub timeout: Span,
    /// When it began.
    pub started_at: Timestamp,
}

/// What came of a question. Its entries and effects have to be durable before the guest is
/// answered.
#[derive(Debug)]
pub struct Asked {
    /// The answer.
    pub answer: Answer,
    /// What is recorded.
    pub entries: Vec<crate::Entry>,
    /// What becomes true with the entries.
    pub effects: Vec<Effect>,
}

/// An answer to a list of calls; `usize` is a place in that list.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The step is settled.
    Recorded(usize, Result<Payload, Failure>),
    /// Nothing is settled, and these tries may begin now: at least one. See
    /// [`super::Replay::execute`] and [`super::Replay::take_off`].
    Work(Vec<(usize, Attempt)>),
    /// Nothing is settled, and nothing may begin before this time, or before what is under
    /// way ends. See [`super::Replay::park`].
    Wait(Timestamp),
}

/// What has to become true together with a step's entries.
#[derive(Debug)]
pub enum Effect {
    /// The step is told of such an event.
    Watch {
        /// which
        step: StepKey,
        /// the event's name
        event: String,
        /// what has to hold
        filter: Option<Expr>,
        /// until then
        until: Timestamp,
        /// whether there may be only one such wait
        only: Option<Only>,
    },
    /// The other run is made.
    Invoke {
        /// the step that waits for its end
        step: StepKey,
        /// its id
        run: RunId,
        /// the id of its event
        event: EventId,
        /// what is called, with what
        call: Invocation,
    },
    /// Events are accepted.
    Send {
        /// the step that sends them
        step: StepKey,
        /// with their ids
        events: Vec<(EventId, NewEvent)>,
    },
}

/// How an attempt's end continues.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// The output is recorded.
    Completed,
    /// No tries are left: the failure to raise in the function.
    Failed(Failure),
    /// Another try will come.
    Again,
}

/// Why the guest's question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The journal has this step as another kind. The run stops for its operator.
    #[error(
        "step `{0}` is recorded as {1}, and the function now asks for {2}: its code comes to something else than before"
    )]
    OtherKind(StepKey, &'static str, &'static str),
    /// The function goes on without a step that it has come to before. The run stops for
    /// its operator.
    #[error("the function {1}, and has not come to step `{0}`, which its run has recorded")]
    Skipped(StepKey, String),
    /// The id cannot be a step's.
    #[error(transparent)]
    BadId(#[from] BadStepId),
    /// A step was asked for while the code of another is executing.
    #[error("step `{1}` was asked for inside of step `{0}`: steps do not nest")]
    Nested(StepKey, String),
    /// The run has as many steps as it may have.
    #[error("the run has more than {max} steps", max = limits::STEPS_PER_RUN)]
    TooManySteps,
    /// Nothing was asked for.
    #[error("an empty list of steps")]
    Nothing,
    /// A wait beyond the limit.
    #[error("step `{0}` would wait for more than 366 days, or to more than 366 days after the run's start")]
    TooLong(StepKey),
    /// What the step is about is wrong.
    #[error("step `{0}`: {1}")]
    Invalid(StepKey, String),
    /// An attempt ended that was not open.
    #[error("no attempt is open")]
    NoAttempt,
    /// A decision that the transition table does not know: a fault of this crate.
    #[error("the run's journal refused an entry: {0}")]
    Illegal(#[from] Illegal),
}

impl Refused {
    /// The refusal as the guest's failure.
    pub fn to_failure(&self) -> Failure {
        let name = match self {
            Self::OtherKind(..) | Self::Skipped(..) => "Diverged",
            Self::BadId(_) => "InvalidStepId",
            Self::Nested(..) => "NestedStep",
            Self::TooManySteps => "TooManySteps",
            Self::Nothing => "NoSteps",
            Self::TooLong(_) => "SleepTooLong",
            Self::Invalid(..) => "InvalidStep",
            Self::NoAttempt => "NoAttempt",
            Self::Illegal(_) => "IllegalEntry",
        };
        Failure::new(name, self.to_string()).for_good()
    }
}
