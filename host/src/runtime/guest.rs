//! One instance's state, and one pass of a run through it.

use super::component::Plugin;
use super::engine::TICK;
use super::wasi::Wasi;
use super::{Ending, Grant, Input, Limits, Steps, Stop};
use pawl_bindings::exports::pawl::workflow::functions as wit;
use pawl_bindings::pawl::workflow::types;
use pawl_engine::trace::{RunTrace, TraceParent};
use pawl_engine::{Failure, Payload, Retry, RunId, Span, StepKey, limits, retry};
use std::time::{Duration, Instant};
use wasmtime::component::ResourceTable;
use wasmtime::{
    Engine, PoolConcurrencyLimitError, ResourceLimiter, Store, Trap, UpdateDeadline, WasmBacktrace,
};

/// What the host knows of an instance.
pub(super) struct Guest {
    pub(super) table: ResourceTable,
    pub(super) steps: Box<dyn Steps>,
    pub(super) grant: Grant,
    pub(super) client: reqwest::Client,
    /// The step whose code is executing.
    pub(super) open: Option<OpenStep>,
    /// The guest's last error line: a panic's message comes this way.
    pub(super) last_error: Option<String>,
    /// Clock and randomness outside of steps.
    pub(super) own: Own,
    pub(super) wasi: Option<Box<Wasi>>,
    /// In which trace its run is.
    pub(super) trace: Option<RunTrace>,
    ticks: u32,
    limits: Limits,
}

/// A run's own clock and randomness: the same in every pass.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Unix time in milliseconds.
    pub(super) now: u64,
    /// What it would have waited for.
    pub(super) skipped: Duration,
    state: u64,
}

impl Own {
    pub(super) fn of(input: &Input) -> Self {
        Self { now: unsigned(input.now), skipped: Duration::ZERO, state: retry::seed(&[&input.run], 0) }
    }

    /// Of an instance without a run. Go's runtime does not believe in a clock at 0.
    pub(super) fn nobodys() -> Self {
        Self { now: 1, ..Self::default() }
    }

    /// The next number of the sequence: SplitMix64 (Steele, Lea, Flood: Fast Splittable
    /// Pseudorandom Number Generators).
    pub(super) fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A step whose code is executing.
pub(super) struct OpenStep {
    pub(super) step: StepKey,
    /// The guest's handle of the attempt.
    pub(super) handle: u32,
    pub(super) until: Instant,
    pub(super) timeout: Span,
    /// What its requests carry.
    pub(super) trace: Option<TraceParent>,
}

/// A limit that an instance met, or a rule that it broke.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Broke {
    #[error("step `{0}` took longer than its limit of {1:?}")]
    Timeout(StepKey, Duration),
    #[error(
        "the function used {0:?} of processor time without coming to an end: an endless loop? \
         (PAWL_STEP_CPU allows more)"
    )]
    Cpu(Duration),
    #[error("the code of step `{0}` ended without success or failure")]
    Dropped(StepKey),
    #[error("an attempt was finished that had ended before")]
    Over,
    #[error(
        "the function wanted {wanted} bytes of memory; its limit is {limit} (PAWL_MEMORY allows more, in MB)"
    )]
    Memory { wanted: usize, limit: usize },
}

impl Guest {
    pub(super) fn new(
        steps: Box<dyn Steps>,
        grant: Grant,
        client: reqwest::Client,
        limits: Limits,
        own: Own,
    ) -> Self {
        let table = ResourceTable::new();
        Self {
            table,
            steps,
            grant,
            client,
            open: None,
            last_error: None,
            own,
            wasi: None,
            trace: None,
            ticks: 0,
            limits,
        }
    }

    /// Inside a step the time, outside of one when the run was started; Unix time in
    /// milliseconds.
    pub(super) fn time(&self) -> u64 {
        if self.open.is_some() { unsigned(crate::clock::now()) } else { self.own.now }
    }

    /// Inside a step unpredictable, outside of one the next of the run's own.
    pub(super) fn draw(&mut self) -> u64 {
        if self.open.is_some() { rand::random() } else { self.own.random() }
    }

    /// Until when it waits who wants to wait for so long: at most until the step's limit.
    /// Outside of a step nobody waits, and the run's own time has passed.
    pub(super) fn wait_of(&mut self, duration: Duration) -> Option<Instant> {
        let Some(open) = &self.open else {
            self.own.skipped = self.own.skipped.saturating_add(duration);
            return None;
        };
        let wanted = crate::clock::instant().checked_add(duration);
        Some(wanted.map_or(open.until, |wanted| wanted.min(open.until)))
    }

    /// What it said before it broke: its last error line, or the sentence in its error output.
    pub(super) fn last_sentence(&mut self) -> Option<String> {
        let words = self.last_words();
        self.last_error.clone().or_else(|| words.as_deref().and_then(sentence_of))
    }

    /// The guest got on: its processor time begins anew.
    pub(super) fn heard_of(&mut self) {
        self.ticks = 0;
    }

    /// The open step's time is up, whatever its code makes of that.
    pub(super) fn check_deadline(&self) -> Result<(), Broke> {
        match &self.open {
            Some(open) if open.until <= crate::clock::instant() => {
                Err(Broke::Timeout(open.step.clone(), open.timeout.to_std()))
            }
            _ => Ok(()),
        }
    }

    /// Called every [`TICK`] in which the guest is busy.
    fn tick(&mut self) -> Result<UpdateDeadline, Broke> {
        self.check_deadline()?;
        self.ticks += 1;
        if self.ticks == 1 {
            // the tick came while it waited for an answer: it has hardly begun
            return Ok(UpdateDeadline::Continue(1));
        }
        if TICK * self.ticks > self.limits.cpu {
            return Err(Broke::Cpu(self.limits.cpu));
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, _: usize, wanted: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.limits.memory;
        if wanted > limit { Err(Broke::Memory { wanted, limit }.into()) } else { Ok(true) }
    }

    fn table_growing(&mut self, _: usize, wanted: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(wanted <= 50_000)
    }
}

/// A store with every limit in force.
pub(super) fn store(engine: &Engine, guest: Guest) -> Store<Guest> {
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| guest);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut cx| cx.data_mut().tick().map_err(Into::into));
    store
}

/// One pass of a run through a fresh instance.
pub(super) async fn pass(engine: &Engine, plugin: &Plugin, mut guest: Guest, input: &Input) -> Ending {
    let event = input.events.first().and_then(|event| event.trace);
    guest.trace = Some(RunTrace::of(&RunId::new(input.run.as_str()), event));
    let mut store = store(engine, guest);
    let result = match plugin.pre.instantiate_async(&mut store).await {
        Ok(instance) => {
            let functions = instance.pawl_workflow_functions();
            functions.call_handle(&mut store, &context(input)).await
        }
        // the room is for others just now: the run waits, and nothing has failed
        Err(e) if e.is::<PoolConcurrencyLimitError>() => {
            return Ending::Left(Stop::Unrecorded(format!("no room for an instance: {e}")));
        }
        Err(e) => Err(e),
    };
    let last_words = store.data_mut().last_words();
    match result {
        Ok(Ok(output)) => Ending::Returned(output_of(output)),
        Ok(Err(failure)) => Ending::Returned(Err(failure_of(failure))),
        Err(e) => broke(&e, store.data(), last_words),
    }
}

fn context(input: &Input) -> wit::Context {
    wit::Context {
        function_id: input.function.clone(),
        run_id: input.run.clone(),
        attempt: input.attempt,
        events: input.events.iter().map(event).collect(),
        now: unsigned(input.now),
    }
}

fn event(event: &pawl_engine::Event) -> wit::Event {
    wit::Event {
        id: event.sender.as_ref().map_or_else(|| event.id.to_string(), |s| s.id.clone()),
        name: event.name.to_string(),
        data: event.data.as_str().to_owned(),
        user: event.user.as_ref().map(|u| u.as_str().to_owned()),
        timestamp: unsigned(event.at),
        version: event.version.clone(),
    }
}

fn unsigned(at: pawl_engine::Timestamp) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(0)
}

/// A guest's output, or the failure that it is.
pub(super) fn output_of(text: String) -> Result<Payload, Failure> {
    Payload::parse(text, limits::OUTPUT_BYTES)
        .map_err(|e| Failure::new("InvalidOutput", format!("the output is {e}")).for_good())
}

/// A guest's failure in our terms.
pub(super) fn failure_of(failure: types::Failure) -> Failure {
    let types::Failure { name, message, stack, data, retry } = failure;
    let data = data.and_then(|d| Payload::parse(d, limits::FAILURE_TEXT_BYTES).ok());
    let retry = match retry {
        types::Retry::Default => Retry::ByPolicy,
        types::Retry::No => Retry::Never,
        types::Retry::After(ms) => Retry::After(Span::from_millis(ms)),
    };
    Failure { name, message, stack, data, retry }.bounded()
}

/// Our failure in the guest's terms.
pub(super) fn to_guest(failure: Failure) -> types::Failure {
    let Failure { name, message, stack, data, retry } = failure;
    let retry = match retry {
        Retry::ByPolicy => types::Retry::Default,
        Retry::Never => types::Retry::No,
        Retry::After(span) => types::Retry::After(span.as_millis()),
    };
    types::Failure { name, message, stack, data: data.map(Payload::into_string), retry }
}

/// Why an instance ended before its function did. What it wrote to its error output at last
/// tells more than its stack, in languages with a runtime of their own.
fn broke(error: &wasmtime::Error, guest: &Guest, last_words: Option<String>) -> Ending {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return Ending::Left(stop.clone());
    }
    let panic = guest.last_error.clone().or_else(|| last_words.as_deref().and_then(sentence_of));
    let exit = error.downcast_ref::<wasmtime_wasi::I32Exit>();
    let failure = match (error.downcast_ref::<Broke>(), error.downcast_ref::<Trap>()) {
        (Some(b @ Broke::Timeout(..)), _) => Failure::new("StepTimeout", b.to_string()),
        (Some(b @ Broke::Cpu(_)), _) => Failure::new("CpuLimit", b.to_string()),
        (Some(b @ Broke::Dropped(_)), _) => Failure::new("AttemptDropped", b.to_string()),
        (Some(b @ Broke::Over), _) => Failure::new("AttemptOver", b.to_string()),
        (Some(b @ Broke::Memory { .. }), _) => Failure::new("OutOfMemory", b.to_string()),
        (None, Some(Trap::StackOverflow)) => Failure::new("StackOverflow", "too much recursion"),
        (None, Some(Trap::MemoryOutOfBounds)) => Failure::new(
            "Trap",
            "out of bounds memory access; in compiled languages often a recursion without an end",
        ),
        (None, Some(Trap::UnreachableCodeReached)) if panic.is_some() => {
            Failure::new("Panic", panic.unwrap_or_default())
        }
        (None, Some(trap)) => Failure::new("Trap", trap.to_string()),
        (None, None) => match (exit, panic) {
            (Some(_), Some(panic)) => Failure::new("Panic", panic),
            (Some(exit), None) => Failure::new("Exit", format!("the function ended its process ({exit})")),
            (None, _) => Failure::new("Trap", error.root_cause().to_string()),
        },
    };
    let trace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
    Ending::Broke(match last_words.or(trace) {
        Some(stack) => failure.with_stack(stack),
        None => failure,
    })
}

/// The sentence of a crash: Go's first line says `panic: …`, Python's last one the error.
fn sentence_of(last_words: &str) -> Option<String> {
    let mut lines = last_words.lines().map(str::trim).filter(|line| !line.is_empty());
    let panic = lines.clone().find(|line| line.starts_with("panic: ") || line.starts_with("fatal error: "));
    panic.or_else(|| lines.next_back()).map(str::to_owned)
}
