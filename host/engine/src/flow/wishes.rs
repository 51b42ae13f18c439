//! What a function says of its flow.
//!
//! The types are generic over how an expression is kept: [`Expr`] in a manifest, which is
//! valid; `String` in what a guest has said (see [`crate::manifest::Draft`]).

use super::SingletonMode;
use crate::Span;
use crate::expr::Expr;
use serde::{Deserialize, Serialize};

/// All the options, as the WIT has them. The default has none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "E: Deserialize<'de>"))]
pub struct Flow<E = Expr> {
    /// How many runs execute at once; all of the limits hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub concurrency: Vec<Concurrency<E>>,
    /// How many runs start in a period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle<E>>,
    /// How many runs are made in a period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit<E>>,
    /// One run for events that follow each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debounce: Option<Debounce<E>>,
    /// One run for several events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch<E>>,
    /// Seconds ahead in the queue; see [`crate::limits::PRIORITY`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<E>,
    /// Events with a value that was seen within [`crate::limits::IDEMPOTENCY`] make no run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<E>,
    /// Events that cancel its runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cancel_on: Vec<CancelOn<E>>,
    /// One run at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub singleton: Option<Singleton<E>>,
    /// When a run is cancelled by itself.
    pub timeouts: Timeouts,
}

impl<E> Default for Flow<E> {
    fn default() -> Self {
        Self {
            concurrency: Vec::new(),
            throttle: None,
            rate_limit: None,
            debounce: None,
            batch: None,
            priority: None,
            idempotency: None,
            cancel_on: Vec::new(),
            singleton: None,
            timeouts: Timeouts::default(),
        }
    }
}

impl Flow {
    /// Whether nothing of it concerns how a run is made.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// For whom a limit of concurrency counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// For the function alone.
    #[default]
    Function,
    /// For all functions of the app that name the same key.
    App,
    /// For all functions of the host that name the same key.
    Account,
}

impl Scope {
    /// As the WIT names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::App => "app",
            Self::Account => "account",
        }
    }
}

/// See [`Flow::concurrency`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency<E = Expr> {
    /// At least 1.
    pub limit: u32,
    /// Each of its values has the limit of its own.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub key: Option<E>,
    /// For whom it counts.
    #[serde(default)]
    pub scope: Scope,
}

/// See [`Flow::throttle`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle<E = Expr> {
    /// At least 1.
    pub limit: u32,
    /// A second to 7 days.
    pub period: Span,
    /// So many more may start at once.
    #[serde(default)]
    pub burst: u32,
    /// Each of its values has the limit of its own.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub key: Option<E>,
}

/// See [`Flow::rate_limit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit<E = Expr> {
    /// At least 1.
    pub limit: u32,
    /// A second to 24 hours.
    pub period: Span,
    /// Each of its values has the limit of its own.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub key: Option<E>,
}

/// See [`Flow::debounce`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debounce<E = Expr> {
    /// A second to 7 days after the last event.
    pub period: Span,
    /// At most so long after the first event, and no less than the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Events with the same value come together.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub key: Option<E>,
}

/// See [`Flow::batch`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch<E = Expr> {
    /// 2 to 100 events.
    pub max_size: u32,
    /// A second to a minute after the first event.
    pub timeout: Span,
    /// Events with the same value come together.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub key: Option<E>,
    /// An event for which it does not hold has a run of its own.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub filter: Option<E>,
}

/// See [`Flow::cancel_on`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOn<E = Expr> {
    /// The event's name or pattern.
    pub event: String,
    /// Over `event` and `async`.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub filter: Option<E>,
    /// So long after the run's own event; [`crate::limits::WAIT`] when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

/// See [`Flow::singleton`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Singleton<E = Expr> {
    /// One for each value; where it is `false` there is no limit.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub key: Option<E>,
    /// What becomes of a second one.
    pub mode: SingletonMode,
}

/// See [`Flow::timeouts`]. More than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeouts {
    /// Not started so long after it could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Span>,
    /// Not ended so long after its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<Span>,
}

/// `Option`'s own default, which serde takes as a reason to want `E: Default`.
fn none<E>() -> Option<E> {
    None
}
