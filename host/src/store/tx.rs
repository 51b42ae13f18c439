//! What a store can do inside of one transaction: small reads and writes. The rules
//! (`admit`, `apply`, `listen`) are written once over them, for every store.

use super::{NewRun, Skip, StoreError};
use crate::pulse::Fact;
use pawl_engine::event::Event;
use pawl_engine::flow::Watch;
use pawl_engine::index::Index;
use pawl_engine::{DeploymentId, Entry, EventId, FunctionId, Line, Mail, RunId, StepKey, Timestamp};

/// What else is stored of a run, as bits: nothing is looked for that is not there.
pub(super) mod extras {
    /// Events that it watches for.
    pub(in crate::store) const WATCHES: u32 = 1;
    /// What it has been told and has not read.
    pub(in crate::store) const MAIL: u32 = 2;
    /// Keys that it holds.
    pub(in crate::store) const HOLDS: u32 = 4;
    /// Times at which it is cancelled.
    pub(in crate::store) const ALARMS: u32 = 8;
    /// Events beside its first.
    pub(in crate::store) const BATCH: u32 = 16;
}

/// The lane of runs that are to end: without gates, never paused, before all others. No
/// function can have this id.
pub(super) const URGENT: &str = r#"{"f":"!"}"#;

/// A run's place in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The lane, as [`pawl_engine::flow::Lane::to_json`] has it.
    pub(super) lane: String,
    /// Its place among the others of the lane, in milliseconds.
    pub(super) place: i64,
    /// Not claimed before.
    pub(super) ready_at: i64,
}

/// A run as the rules need it.
#[derive(Debug, Clone)]
pub(super) struct RunNow {
    /// Its function.
    pub(super) function: FunctionId,
    /// Its event, the first of its batch.
    pub(super) event: EventId,
    /// Its lane once it has a journal, unless that is the function's open one.
    pub(super) lane: Option<String>,
    /// Whether it is over.
    pub(super) is_over: bool,
    /// What else is stored of it.
    pub(super) extras: u32,
}

/// For what a run holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It is the only one.
    Single,
    /// It takes further events.
    Gather,
}

impl Kind {
    /// As it is stored.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Gather => "gather",
        }
    }
}

/// A run that holds a key.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    /// The run.
    pub(super) run: RunId,
    /// When its first event came.
    pub(super) first_at: Timestamp,
    /// Until when it takes further events.
    pub(super) due_at: Timestamp,
    /// How many it has.
    pub(super) count: u32,
    /// Bytes of their data.
    pub(super) bytes: u64,
}

/// Something that a run watches for.
#[derive(Debug, Clone)]
pub(super) struct Watching {
    /// In the order of their making.
    pub(super) id: i64,
    /// The run.
    pub(super) run: RunId,
    /// The step that waits; none: the run is cancelled.
    pub(super) step: Option<StepKey>,
    /// An expression over both events.
    pub(super) filter: Option<String>,
    /// Until then.
    pub(super) until: Timestamp,
}

/// Which of a run's times an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bell {
    /// It should have started by then.
    Start,
    /// It should be over by then.
    Finish,
}

impl Bell {
    /// As it is stored.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Finish => "finish",
        }
    }
}

/// When a run is to be cancelled.
#[derive(Debug, Clone)]
pub(super) struct Alarm {
    /// The run.
    pub(super) run: RunId,
    /// For what.
    pub(super) bell: Bell,
    /// When.
    pub(super) at: Timestamp,
    /// What it is told.
    pub(super) reason: String,
}

/// What has to change in a store's memory when a transaction is durable.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Places of runs that may be claimed at their time.
    pub(super) places: Vec<Place>,
    /// Whose claims end, and whose holders are told.
    pub(super) revoked: Vec<RunId>,
    /// Who has been told something.
    pub(super) told: Vec<RunId>,
    /// Who stands where it belongs now.
    pub(super) settled: Option<RunId>,
    /// The earliest alarm among the new ones.
    pub(super) alarm: Option<Timestamp>,
    /// What is true from then on, in its order.
    pub(super) facts: Vec<Fact>,
}

impl Effects {
    /// There is a new alarm.
    pub(super) fn alarm(&mut self, at: Timestamp) {
        self.alarm = Some(self.alarm.map_or(at, |earliest| earliest.min(at)));
    }
}

/// Reads and writes of one transaction. Each is undone with it.
pub(super) trait Tx {
    /// Whether the run is claimed.
    fn is_held(&self, run: &RunId) -> bool;
    /// Whether the claimed run stands where it belongs once it has a journal.
    fn is_settled(&self, run: &RunId) -> bool;
    /// `false`: nobody watches for events of this name or pattern.
    fn may_be_watched(&self, name: &str) -> bool;

    /// The first event of this sender's id, while that is kept.
    fn known_sender(&self, event: &Event) -> Result<Option<EventId>, StoreError>;
    /// Takes the sender's id for this event, or gives the first one. This decides, so that
    /// two at once cannot both be new.
    fn take_sender(&mut self, event: &Event) -> Result<Option<EventId>, StoreError>;
    /// Stores an event.
    fn put_event(&mut self, event: &Event) -> Result<(), StoreError>;
    /// The event is not stored after all, nor what it did not start.
    fn drop_event(&mut self, event: &EventId) -> Result<(), StoreError>;
    /// A stored event.
    fn event(&self, id: &EventId) -> Result<Option<Event>, StoreError>;
    /// Stores a run that an event did not make.
    fn put_skip(&mut self, event: &EventId, skip: &Skip) -> Result<(), StoreError>;

    /// Stores a run; refused when its event or its deployment is not stored.
    fn put_run(
        &mut self,
        event: &EventId,
        run: &NewRun,
        lane: Option<&str>,
        extras: u32,
    ) -> Result<(), StoreError>;
    /// A run.
    fn run(&self, id: &RunId) -> Result<Option<RunNow>, StoreError>;
    /// More is stored of the run.
    fn add_extras(&mut self, run: &RunId, extras: u32) -> Result<(), StoreError>;
    /// The run is of this event, on these bytes, in this lane.
    fn redirect(
        &mut self,
        run: &RunId,
        event: &EventId,
        deployment: &DeploymentId,
        lane: Option<&str>,
    ) -> Result<(), StoreError>;
    /// The event number `n` of a batch.
    fn put_in_batch(&mut self, run: &RunId, n: u32, event: &EventId) -> Result<(), StoreError>;
    /// Appends to a journal; a taken number is a conflict.
    fn append(&mut self, run: &RunId, seq: u32, entry: &Entry) -> Result<(), StoreError>;
    /// Keeps lines of a run's function behind those that are kept.
    fn put_lines(&mut self, run: &RunId, lines: &[Line]) -> Result<(), StoreError>;
    /// Whether anything is recorded of the run.
    fn has_journal(&self, run: &RunId) -> Result<bool, StoreError>;
    /// Writes a run's columns, and gives the run.
    fn set_index(&mut self, run: &RunId, index: &Index) -> Result<RunNow, StoreError>;
    /// The run goes on on these bytes.
    fn set_deployment(&mut self, run: &RunId, deployment: &DeploymentId) -> Result<(), StoreError>;

    /// A run's place in the queue.
    fn place(&self, run: &RunId) -> Result<Option<Place>, StoreError>;
    /// Gives a run its first place.
    fn enqueue(&mut self, run: &RunId, place: &Place) -> Result<(), StoreError>;
    /// Gives a run another place. `false`: it has none.
    fn move_to(&mut self, run: &RunId, place: &Place) -> Result<bool, StoreError>;
    /// Takes a run's place away.
    fn dequeue(&mut self, run: &RunId) -> Result<(), StoreError>;

    /// Who holds a key.
    fn hold(&self, kind: Kind, key: &str) -> Result<Option<Hold>, StoreError>;
    /// The key is held from now on.
    fn put_hold(&mut self, kind: Kind, key: &str, hold: &Hold) -> Result<(), StoreError>;
    /// A run holds no keys of this kind any more; of no kind, when there is none.
    fn drop_holds(&mut self, run: &RunId, kind: Option<Kind>) -> Result<(), StoreError>;

    /// The memory of a rate.
    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError>;
    /// Sets it, never back; a few that tell nothing any more at `now` are forgotten.
    fn set_rate(&mut self, key: &str, memory: Timestamp, now: Timestamp) -> Result<(), StoreError>;

    /// The run watches from now on.
    fn put_watch(&mut self, run: &RunId, step: Option<&StepKey>, watch: &Watch) -> Result<(), StoreError>;
    /// The paths of equations by which events of this name or pattern are watched for; the
    /// empty one for those without an equation.
    fn watched_paths(&self, name: &str) -> Result<Vec<String>, StoreError>;
    /// Who watches for events of this name or pattern with this value at this path.
    fn watchings(&self, name: &str, path: &str, value: &str) -> Result<Vec<Watching>, StoreError>;
    /// Nobody watches so any more.
    fn drop_watch(&mut self, id: i64) -> Result<(), StoreError>;
    /// The run's step watches for nothing any more; with `None` the whole run.
    fn drop_watches(&mut self, run: &RunId, step: Option<&StepKey>) -> Result<(), StoreError>;

    /// Tells a run.
    fn put_mail(&mut self, run: &RunId, mail: &Mail) -> Result<(), StoreError>;
    /// What a run was told and has not read, oldest first.
    fn mail(&self, run: &RunId) -> Result<Vec<Mail>, StoreError>;
    /// The oldest `n` messages go; with `None` all.
    fn drop_mail(&mut self, run: &RunId, n: Option<usize>) -> Result<(), StoreError>;

    /// Sets or moves an alarm.
    fn put_alarm(&mut self, alarm: &Alarm) -> Result<(), StoreError>;
    /// The first alarms whose time has come.
    fn due_alarms(&self, now: Timestamp) -> Result<Vec<Alarm>, StoreError>;
    /// The alarm goes; with `None` all of the run.
    fn drop_alarm(&mut self, run: &RunId, bell: Option<Bell>) -> Result<(), StoreError>;
}
