//! Where runs are kept: a handful of whole operations, each one transaction.
//!
//! A store never looks into an [`Entry`] and never computes a status: it appends
//! what it is given and writes the [`Index`] as told. What it does decide is
//! who may write a run's journal (a [`Claim`]), and whether an event is new.
//!
//! Every store passes the suite in `conformance`. This module must not know of Wasm, HTTP or
//! the catalog.

pub mod claims;
#[cfg(test)]
mod conformance;
pub mod memory;
pub mod sqlite;

use async_trait::async_trait;
use pawl_engine::event::Event;
use pawl_engine::index::{Index, Status};
use pawl_engine::{DeploymentId, Entry, EventId, FunctionId, Manifest, RunId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// An event to accept, with the runs that it starts.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The event.
    pub event: Event,
    /// Its runs, already pinned to deployments.
    pub runs: Vec<NewRun>,
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
    /// When it was made: its place in the queue.
    pub created_at: Timestamp,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored, and so are its runs.
    New(EventId),
    /// Its sender's id is known: nothing was stored; this is the first one.
    Duplicate(EventId),
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
    /// Its event.
    pub event: Event,
    /// When the run was made.
    pub created_at: Timestamp,
    /// Its journal so far.
    pub journal: Vec<Entry>,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Runs whose time has come by now.
    pub now: Timestamp,
    /// At most so many.
    pub max: usize,
    /// How many runs of a function may be claimed at once; absent: any number.
    pub limits: Arc<BTreeMap<FunctionId, u32>>,
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
    /// The journal is not what was expected: load it again.
    #[error("the run's journal has moved")]
    Conflict,
    /// There is no such thing.
    #[error("not found")]
    NotFound,
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
    /// Only of this event.
    pub event: Option<EventId>,
    /// Only older than this run.
    pub before: Option<RunId>,
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
    /// Of which event.
    pub event: EventId,
    /// That event's name.
    pub event_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its columns; `Running` for a run that is claimed.
    pub index: Index,
    /// All of its journal for one run, the last entry alone in a list.
    pub journal: Vec<Entry>,
}

/// A place to keep runs.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores events and their runs: all of them, or none. An event whose sender id
    /// is known ([`pawl_engine::limits::SENDER_ID_KEPT`]) is a duplicate and stores
    /// nothing. On success everything is durable.
    async fn accept(&self, accepts: Vec<Accept>) -> Result<Vec<Accepted>, StoreError>;

    /// Begins one more run of a stored event.
    async fn start(&self, event: &EventId, run: NewRun) -> Result<(), StoreError>;

    /// Claims runs whose time has come, in the order of their time within each
    /// function, the functions taking turns.
    async fn claim(&self, ask: Ask) -> Result<Vec<Claimed>, StoreError>;

    /// Claims this run whoever has it: the former claim is revoked and its commits
    /// are refused. `None`: the run is over.
    async fn seize(&self, run: &RunId) -> Result<Option<Claimed>, StoreError>;

    /// Appends to a claimed run's journal. On success it is durable.
    async fn commit(&self, claim: &Claim, commit: Commit) -> Result<(), StoreError>;

    /// Gives a claim back; the run may be claimed again at once.
    async fn release(&self, claim: &Claim);

    /// The earliest time after `now` at which a run wants to be claimed.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

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
    /// One run with its journal.
    async fn run(&self, id: &RunId) -> Result<RunRow, StoreError>;
    /// Events, newest first.
    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError>;
    /// One event, by its own id or by its sender's.
    async fn event(&self, id: &str) -> Result<Event, StoreError>;

    /// Whether a write would go through now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// A value of a key-value bucket.
    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets or (with `None`) deletes a value; durable on success.
    async fn kv_set(&self, bucket: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError>;
    /// Up to `limit` keys after `after`, in order.
    async fn kv_keys(&self, bucket: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError>;
}
