//! Where runs are kept: a handful of whole operations, each one transaction.
//!
//! A store never looks into an [`Entry`] and never computes a status: it appends
//! what it is given and writes the [`Index`] as told. What it does decide is
//! who may write a run's journal (a [`Claim`]), whether an event is new, and what the
//! terms of a run ([`Terms`]) come to among all the others.
//!
//! Every store passes the suite in `conformance`. This module must not know of Wasm, HTTP or
//! the catalog.

mod admit;
mod apply;
pub mod claims;
#[cfg(test)]
mod conformance;
mod counts;
pub mod find;
mod lanes;
mod listen;
pub mod memory;
pub mod records;
pub mod sqlite;
mod state;
mod tx;

use crate::pulse::Pulse;
use async_trait::async_trait;
use find::{EventQuery, Page, RunQuery};
use pawl_engine::event::Event;
use pawl_engine::flow::{Rules, Terms, Watch};
use pawl_engine::index::{Index, Status};
use pawl_engine::{
    DeploymentId, Entry, EventId, FunctionId, Line, Mail, Manifest, RunId, StepKey, Timestamp,
};
use records::Records;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// An event to accept, with the runs that it starts.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The event.
    pub event: Event,
    /// Its runs, already pinned to deployments. Their terms decide which of them there are.
    pub runs: Vec<NewRun>,
    /// Whether it is worth keeping.
    pub keep: Keep,
}

/// Whether an event is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// In any case.
    Always,
    /// When it starts a run, or a run watches for it: what the host itself tells of every
    /// run would else fill the disk.
    IfHeard,
    /// When a step waits for an event of exactly this name by an equation: the first such step
    /// is told, and nobody else.
    ForOne,
}

/// A run to begin.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Of which function.
    pub function: FunctionId,
    /// On which bytes it runs to its end.
    pub deployment: DeploymentId,
    /// When it was made, or may start: its place in the queue.
    pub created_at: Timestamp,
    /// What it is held to.
    pub terms: Terms,
    /// Who invoked it and waits for its end.
    pub parent: Option<Parent>,
    /// What is known of it before it starts: the outcomes that a rerun keeps.
    pub journal: Vec<Entry>,
}

/// The step of another run that waits for this run's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// Its step.
    pub step: StepKey,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored, and so are its runs.
    New(EventId),
    /// Its sender's id is known: nothing was stored; this is the first one.
    Duplicate(EventId),
    /// It is stored, and a step of this run was told ([`Keep::ForOne`]).
    Taken(RunId),
    /// Nobody would have heard of it ([`Keep::IfHeard`], [`Keep::ForOne`]): nothing was stored.
    Unheard,
}

/// A run that an event did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Of which function.
    pub function: FunctionId,
    /// Why.
    pub why: Why,
    /// The run because of which: the one that the event joined (debounce, batch), or the
    /// one that is not over (singleton).
    pub run: Option<RunId>,
    /// When.
    pub at: Timestamp,
}

/// Why an event made no run of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its rate limit, or idempotency.
    RateLimit,
    /// A newer event took its place in a debounced run.
    Debounced,
    /// It joined a batch.
    Batched,
    /// Another run is not over.
    Singleton,
}

impl Why {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Debounced => "debounced",
            Self::Batched => "batched",
            Self::Singleton => "singleton",
        }
    }
}

/// The right to write one run's journal, until it is released or somebody else
/// takes the run over.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which run.
    pub run: RunId,
    /// Grows with every claim of the run; a commit under an older one is refused.
    pub fence: u64,
    /// Cancelled when somebody else takes the run.
    pub revoked: CancellationToken,
    /// Told when the run has been told something ([`Store::unread`]).
    pub told: Arc<Notify>,
}

/// A claimed run with everything that is needed to go on with it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The right to write.
    pub claim: Claim,
    /// Of which function.
    pub function: FunctionId,
    /// On which bytes.
    pub deployment: DeploymentId,
    /// Its events: one, or those of its batch in their order.
    pub events: Vec<Event>,
    /// When the run was made.
    pub created_at: Timestamp,
    /// Its journal so far.
    pub journal: Vec<Entry>,
    /// Who waits for its end.
    pub parent: Option<Parent>,
    /// What it was told and has not read, oldest first.
    pub mail: Vec<Mail>,
}

/// Runs that are to end, and need no room for an instance, in one claim.
pub const URGENT_AT_ONCE: usize = 64;

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Runs whose time has come by now.
    pub now: Timestamp,
    /// At most so many; runs that are to end come beside them ([`URGENT_AT_ONCE`]).
    pub max: usize,
    /// How the rules of gates are now; a gate that is not among them holds as it was
    /// when the run was made.
    pub rules: Arc<Rules>,
}

/// What the store is to make true of a run, at once and for good, or refuse.
#[derive(Debug, Clone)]
pub struct Commit {
    /// How many entries the journal has. Refused when it has others.
    pub expect: u32,
    /// The entries that follow.
    pub entries: Vec<Entry>,
    /// What becomes of the claim.
    pub then: Then,
    /// What else becomes true with it.
    pub also: Also,
}

/// What becomes true with a commit beside the run's own entries.
#[derive(Debug, Clone, Default)]
pub struct Also {
    /// Events that are accepted, with their runs.
    pub accepts: Vec<Accept>,
    /// Events that steps of this run wait for from now on.
    pub watches: Vec<(StepKey, Watch)>,
    /// What other runs are told. To one that is over nothing is said.
    pub mail: Vec<(RunId, Mail)>,
    /// How many messages of this run's have been read: the oldest ones, which go.
    pub read: usize,
    /// When the run is to be cancelled if it is not over, and why.
    pub cancel_at: Option<(Timestamp, String)>,
    /// The run goes on on these bytes.
    pub deployment: Option<DeploymentId>,
    /// What the function has logged since the last commit.
    pub lines: Vec<Line>,
}

impl Also {
    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        self.accepts.is_empty()
            && self.watches.is_empty()
            && self.mail.is_empty()
            && self.read == 0
            && self.cancel_at.is_none()
            && self.deployment.is_none()
            && self.lines.is_empty()
    }
}

/// What becomes of a claim after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The claim holder goes on. The run's columns stay as they are: that a claimed
    /// run is running is known without them.
    Keep,
    /// The claim ends with the commit, and these are the run's columns from now on.
    Release(Index),
}

/// Why the store did not do as asked. Named by what the caller does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not now: try again later. Nothing was changed.
    #[error("the store cannot take this now: {0}")]
    Unavailable(String),
    /// Somebody else has the run: drop what you are doing.
    #[error("the run was taken over")]
    Fenced,
    /// The journal is not what was expected, or a wait that is given up in it was told meanwhile:
    /// load it again.
    #[error("the run's journal has moved, or what it waits for has come")]
    Conflict,
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// A cursor that no page gave.
    #[error("the cursor is none that a page gave")]
    BadCursor,
    /// What is stored cannot be read: an operator has to look.
    #[error("the store holds what this version cannot read: {0}")]
    Corrupt(String),
}

/// A deployment to keep.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// The digest of the bytes.
    pub id: DeploymentId,
    /// The bytes as they were given.
    pub bytes: Vec<u8>,
    /// Its functions.
    pub manifests: Vec<Manifest>,
    /// Where it came from: it replaces what came from there before.
    pub source: String,
    /// When.
    pub at: Timestamp,
}

/// A kept deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The digest of the bytes.
    pub id: DeploymentId,
    /// How many bytes.
    pub size: u64,
    /// Its functions.
    pub manifests: Vec<Manifest>,
    /// When it was first deployed.
    pub at: Timestamp,
}

/// What a source offers now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its deployment.
    pub deployment: DeploymentId,
    /// Since when.
    pub at: Timestamp,
}

/// Which runs to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only with this status.
    pub status: Option<Status>,
    /// Only of this function.
    pub function: Option<FunctionId>,
    /// Only of this event, be it one of a batch.
    pub event: Option<EventId>,
    /// Only older than this run.
    pub before: Option<RunId>,
    /// Only this run and newer ones.
    pub since: Option<RunId>,
    /// At most so many.
    pub limit: usize,
}

/// Which events to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only with this name.
    pub name: Option<String>,
    /// Only older than this event.
    pub before: Option<EventId>,
    /// At most so many.
    pub limit: usize,
}

/// A run as it is listed.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// Of which function.
    pub function: FunctionId,
    /// On which bytes.
    pub deployment: DeploymentId,
    /// Of which event; the first of its batch.
    pub event: EventId,
    /// All events of its batch when it has more than one, for one run; empty in a list.
    pub batch: Vec<EventId>,
    /// Who waits for its end.
    pub parent: Option<Parent>,
    /// That event's name.
    pub event_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its columns; `Running` for a run that is claimed.
    pub index: Index,
    /// All of its journal for one run, the last entry alone in a list.
    pub journal: Vec<Entry>,
}

impl RunRow {
    /// All its events, in their order, of a run that was read by itself.
    pub fn events(&self) -> Vec<EventId> {
        if self.batch.is_empty() { vec![self.event.clone()] } else { self.batch.clone() }
    }
}

/// A place to keep runs.
#[async_trait]
pub trait Store: Send + Sync {
    /// What it keeps beside, for people.
    fn records(&self) -> &dyn Records;

    /// Where this store tells what has become durable.
    fn pulse(&self) -> &Pulse;

    /// Writes that wait for their transaction now.
    fn waiting(&self) -> usize {
        0
    }

    /// Stores events and their runs: all of them, or none. An event whose sender id
    /// is known ([`pawl_engine::limits::SENDER_ID_KEPT`]) is a duplicate and stores
    /// nothing. The runs' terms hold, and runs that watch for an event are told of it. On
    /// success everything is durable.
    async fn accept(&self, accepts: Vec<Accept>) -> Result<Vec<Accepted>, StoreError>;

    /// `false`: no run watches for events of this name now. A hint that costs nothing: an
    /// event that nobody would hear of need not be made.
    fn may_hear(&self, name: &str) -> bool;

    /// Begins one more run of stored events, at least one. Its checks hold, too.
    async fn start(&self, events: &[EventId], run: NewRun) -> Result<(), StoreError>;

    /// Claims runs whose time has come and whose gates are open, in the order of their
    /// places within each lane; the functions take turns, and so do the lanes of one.
    /// Runs that have been cancelled come first.
    async fn claim(&self, ask: Ask) -> Result<Vec<Claimed>, StoreError>;

    /// Up to `wanted` more units of every gate that counts claims, for a claimed run that
    /// executes several steps at once: how many it got. They end with the claim.
    async fn widen(&self, claim: &Claim, wanted: u32) -> u32;
    /// Gives units back that [`Store::widen`] gave.
    async fn narrow(&self, claim: &Claim, units: u32);

    /// Claims this run whoever has it: the former claim is revoked and its commits
    /// are refused. `None`: the run is over.
    async fn seize(&self, run: &RunId) -> Result<Option<Claimed>, StoreError>;

    /// What a run has been told and has not read, oldest first. Whatever anybody asked for before
    /// is in it, also what was not durable then.
    async fn unread(&self, run: &RunId) -> Result<Vec<Mail>, StoreError>;

    /// Appends to a claimed run's journal. On success it is durable.
    async fn commit(&self, claim: &Claim, commit: Commit) -> Result<(), StoreError>;

    /// Gives a claim back; the run may be claimed again at once.
    async fn release(&self, claim: &Claim);

    /// The earliest time after `now` at which a run may want to be claimed, or is to be
    /// cancelled.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// No run of the function is claimed until it is resumed. `true`: that is new.
    async fn pause(&self, function: &FunctionId, at: Timestamp) -> Result<bool, StoreError>;
    /// Runs of the function are claimed again. `true`: they were not.
    async fn resume(&self, function: &FunctionId) -> Result<bool, StoreError>;
    /// The paused functions, and since when.
    async fn paused(&self) -> Result<Vec<(FunctionId, Timestamp)>, StoreError>;

    /// Keeps a deployment as what its source offers.
    async fn deploy(&self, deploy: Deploy) -> Result<(), StoreError>;
    /// The source offers nothing any more. Its runs go on.
    async fn withdraw(&self, source: &str) -> Result<(), StoreError>;
    /// All deployments, the newest first, and what each source offers.
    async fn deployments(&self) -> Result<(Vec<Deployment>, Vec<Source>), StoreError>;
    /// A deployment's bytes.
    async fn artifact(&self, id: &DeploymentId) -> Result<Vec<u8>, StoreError>;

    /// Runs, newest first, each with the last entry of its journal.
    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError>;
    /// A page of the runs that a person looks for, each with the last entry of its journal.
    async fn find_runs(&self, query: RunQuery) -> Result<Page<RunRow>, StoreError>;
    /// A page of the events that a person looks for.
    async fn find_events(&self, query: EventQuery) -> Result<Page<Event>, StoreError>;
    /// One run with its journal.
    async fn run(&self, id: &RunId) -> Result<RunRow, StoreError>;
    /// Events, newest first.
    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError>;
    /// One event, by its own id or by its sender's.
    async fn event(&self, id: &str) -> Result<Event, StoreError>;

    /// The runs that an event did not make, in the order of their functions.
    async fn skips(&self, event: &EventId) -> Result<Vec<Skip>, StoreError>;

    /// Whether a write would go through now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// A value of a key-value bucket.
    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets or (with `None`) deletes a value; durable on success.
    async fn kv_set(&self, bucket: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError>;
    /// Up to `limit` keys after `after`, in order.
    async fn kv_keys(&self, bucket: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError>;
}
