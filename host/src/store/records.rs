//! What a store keeps beside events and runs, for people: counts by the minute and the
//! hour, what came to the door, who did what, alerts, lines of functions. And how all of
//! it is forgotten in time.

use super::StoreError;
use async_trait::async_trait;
use pawl_engine::index::Status;
use pawl_engine::stats::Bucket;
use pawl_engine::{EventId, FunctionId, Line, RunId, Span, Timestamp};

/// A time, cut into pieces of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// From this time on.
    pub from: Timestamp,
    /// To before this one.
    pub until: Timestamp,
    /// How long a piece is; pieces begin at multiples of it since 1970. Minutes are kept for two days, hours for
    /// as long as runs: a piece of less than an hour is counted from minutes.
    pub every: Span,
}

/// For what runs are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// All of them together.
    All,
    /// Each function by itself.
    Function,
}

/// How many runs there were of one kind in one piece of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCount {
    /// When the piece begins.
    pub at: Timestamp,
    /// Of which function, when they are counted by it.
    pub function: Option<FunctionId>,
    /// `Queued`: runs that were made. A final one: runs that ended so. No other.
    pub status: Status,
    /// From their start to their end.
    pub took: Bucket,
    /// How many.
    pub n: u64,
}

/// How many events of a name were stored in one piece of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCount {
    /// When the piece begins.
    pub at: Timestamp,
    /// The events' name.
    pub name: String,
    /// How many.
    pub n: u64,
}

/// Where a function's runs stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Which function.
    pub function: FunctionId,
    /// Runs whose time has come, and that wait for their turn.
    pub ready: u64,
    /// Since when the one waits that waits longest.
    pub oldest: Option<Timestamp>,
    /// Runs that a worker has.
    pub running: u64,
    /// Runs whose time is to come.
    pub later: u64,
}

/// How deep a function's queue was at its deepest in one piece of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogPoint {
    /// When the piece begins.
    pub at: Timestamp,
    /// Which function.
    pub function: FunctionId,
    /// Runs that waited for their turn, at most.
    pub ready: u64,
    /// How long the oldest of them had waited, at most.
    pub age: Span,
}

/// A limit that runs pass when they are claimed, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateState {
    /// Its id: `<function>` or with the value of its key behind it.
    pub id: String,
    /// How many it lets through at once; `None`: it is one of a rate.
    pub limit: Option<u32>,
    /// How many are through.
    pub used: u32,
    /// Lanes that wait before it.
    pub waiting: u32,
}

/// How a webhook was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answered {
    /// Its event is stored.
    Accepted,
    /// Its event was known.
    Duplicate,
    /// It was genuine, and there was nothing to keep.
    Ignored,
    /// It was refused.
    Refused,
}

impl Answered {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Duplicate, Self::Ignored, Self::Refused];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        }
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == word)
    }
}

/// A webhook that came to the door. Kept for people: the last moments before a crash may miss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// In the order of their coming; 0 for one that is not stored yet.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// From whom: `stripe`.
    pub provider: String,
    /// What became of it.
    pub answered: Answered,
    /// Why it was refused or ignored: a machine-readable code.
    pub reason: Option<String>,
    /// The same in a sentence.
    pub detail: Option<String>,
    /// The id that its sender gave.
    pub sender_id: Option<String>,
    /// Its event, or the first one of its id.
    pub event: Option<EventId>,
    /// That event's name.
    pub event_name: Option<String>,
}

/// Which webhooks to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only so answered.
    pub answered: Option<Answered>,
    /// Only from this provider.
    pub provider: Option<String>,
    /// Only older than this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// How many webhooks came in one piece of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCount {
    /// When the piece begins.
    pub at: Timestamp,
    /// From whom.
    pub provider: String,
    /// What became of them.
    pub answered: Answered,
    /// How many.
    pub n: u64,
}

/// Something that a person did or wanted to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// In their order; 0 for one that is not stored yet.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// Who: a login's name or `key 1`, never a secret.
    pub who: String,
    /// What: `login`, `login_refused`, `reveal`, `cancel`, `rerun`, `pause`, `send`, …
    pub action: String,
    /// Of what: the id of a run, an event, a function. Empty: of nothing in particular.
    pub subject: String,
    /// More of it, in a few words.
    pub detail: String,
}

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// Its condition has come true.
    Raised,
    /// It is not true any more.
    Resolved,
}

impl AlertState {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
        }
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Raised, Self::Resolved].into_iter().find(|s| s.as_str() == word)
    }
}

/// A turn in an alert's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRecord {
    /// In their order; 0 for one that is not stored yet.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// The rule's name.
    pub rule: String,
    /// The function that it is about; empty: all of them.
    pub subject: String,
    /// What became of it.
    pub state: AlertState,
    /// A sentence: what is measured, and what the limit is.
    pub text: String,
}

/// For how long, and how much, is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Runs that are over, counted from their end. `None`: for ever.
    pub runs: Option<Span>,
    /// Events of which there are no runs, counted from their receipt. `None`: for ever.
    pub events: Option<Span>,
    /// Lines of functions, counted from the making of their run. `None`: as long as the run.
    pub lines: Option<Span>,
    /// Bytes that the database may use: beyond it the oldest finished runs go. `None`: any.
    pub bytes: Option<u64>,
}

/// What one small batch of forgetting came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs with their journals and lines.
    pub runs: u64,
    /// Events.
    pub events: u64,
    /// Lines of runs that stay.
    pub lines: u64,
    /// Rows of counts, webhooks and the rest.
    pub others: u64,
    /// Whether there is nothing more to forget now.
    pub is_done: bool,
}

/// How large the store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes that are in use.
    pub used: u64,
    /// Bytes of its files.
    pub files: u64,
}

/// What is kept for people.
#[async_trait]
pub trait Records: Send + Sync {
    /// A run's lines in their order, each with its number, behind number `after`.
    async fn lines(
        &self,
        run: &RunId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<(u32, Line)>, StoreError>;

    /// Runs that were made and that ended, in the order of time.
    async fn run_counts(
        &self,
        period: Period,
        function: Option<&FunctionId>,
        by: By,
    ) -> Result<Vec<RunCount>, StoreError>;
    /// Events that were stored, in the order of time.
    async fn event_counts(&self, period: Period) -> Result<Vec<EventCount>, StoreError>;

    /// Where the runs of each function stand; only functions that have any that is not over.
    async fn depths(&self, now: Timestamp) -> Result<Vec<Depth>, StoreError>;
    /// Keeps this moment's depths, one a minute at most.
    async fn keep_depths(&self, at: Timestamp, depths: Vec<Depth>) -> Result<(), StoreError>;
    /// How deep the queues were, in the order of time.
    async fn backlog(
        &self,
        period: Period,
        function: Option<&FunctionId>,
    ) -> Result<Vec<BacklogPoint>, StoreError>;
    /// The limits that runs of a function have come to: those that are used or waited for,
    /// by their ids.
    async fn gates(&self, function: &FunctionId) -> Result<Vec<GateState>, StoreError>;

    /// Keeps what came to the door.
    async fn keep_deliveries(&self, deliveries: Vec<Delivery>) -> Result<(), StoreError>;
    /// What came to the door, newest first.
    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, StoreError>;
    /// How much came to the door, in the order of time.
    async fn delivery_counts(&self, period: Period) -> Result<Vec<DeliveryCount>, StoreError>;

    /// Keeps what somebody did; durable when it returns.
    async fn keep_audit(&self, audit: Audit) -> Result<(), StoreError>;
    /// What was done, newest first, before number `before`.
    async fn audits(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audit>, StoreError>;

    /// Keeps a turn of an alert; durable when it returns.
    async fn keep_alert(&self, record: AlertRecord) -> Result<(), StoreError>;
    /// Turns of alerts, newest first, before number `before`.
    async fn alert_records(&self, before: Option<u64>, limit: usize) -> Result<Vec<AlertRecord>, StoreError>;

    /// Forgets one small batch of what is older than that, the oldest first.
    async fn prune(&self, keep: Retention, now: Timestamp) -> Result<Pruned, StoreError>;
    /// How large it is.
    async fn size(&self) -> Result<Size, StoreError>;
}
