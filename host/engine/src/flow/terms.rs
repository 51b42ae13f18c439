//! A run's terms: what a function's wishes come to for one event.

use super::{Lane, Rate};
use crate::event::Event;
use crate::expr::{Expr, Vars};
use crate::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a store has to hold a run to.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Where it queues until it is started.
    pub fresh: Lane,
    /// Where it queues afterwards.
    pub lane: Lane,
    /// How many milliseconds it stands ahead of others that were made at the same time
    /// (behind them, when negative). It does not start any earlier than it may.
    pub ahead: i64,
    /// Whether there is a run at all, in this order; the first check that fails decides.
    pub checks: Vec<Check>,
    /// Whether it waits for more events.
    pub gather: Option<Gather>,
    /// Events that cancel it.
    pub cancel_on: Vec<Watch>,
    /// Cancelled when it has not started this long after it could.
    pub start_within: Option<Span>,
}

/// A condition for there being a run. Keys are whole: they name the function as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Not more often than this.
    Rate {
        /// what is counted together
        key: String,
        /// how often
        rate: Rate,
    },
    /// Only one at a time.
    Single {
        /// of what there is one
        key: String,
        /// what becomes of the new one and of the old one
        mode: SingletonMode,
    },
}

/// What becomes of an event while another run of its key is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SingletonMode {
    /// It makes no run.
    Skip,
    /// It makes one, and the old one is cancelled.
    Cancel,
}

/// How events come together in one run. Keys are whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gather {
    /// The run starts so long after the last event, with that one.
    Debounce {
        /// events of one key come together
        key: String,
        /// after the last event
        period: Span,
        /// at most so long after the first
        timeout: Option<Span>,
    },
    /// The run starts with so many events, or so long after the first.
    Batch {
        /// events of one key come together
        key: String,
        /// at most so many
        max: u32,
        /// after the first
        timeout: Span,
    },
}

/// Bytes of all the events of one batch; Inngest's limit.
pub const BATCH_BYTES: usize = 10 << 20;

/// Events that a run waits for, or that cancel it.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// The event's name or pattern, as triggers have it.
    pub name: Arc<str>,
    /// Over `event`, the run's own, and `async`, the one that comes in.
    pub filter: Option<Expr>,
    /// An equation that the filter holds only with, so that waiting runs can be found by it:
    /// a path into the event that comes in (`data.order`), and the value there as JSON text.
    pub index: Option<(String, String)>,
    /// Until then.
    pub until: Timestamp,
    /// It has an equation and no filter, and has to be the only such one: what is done about
    /// another one.
    pub rival: Option<Rival>,
}

/// That a wait is for a value, and the only one for it. Others that a filter makes are none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    /// As [`Watch::index`] has it.
    pub index: (String, String),
    /// What becomes of two.
    pub rival: Rival,
}

/// What becomes of two waits of which there may be only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// The later one fails.
    Fail,
    /// The earlier one ends as at its timeout.
    Replace,
}

impl Watch {
    /// A watch of the run that `own` started.
    pub fn new(name: Arc<str>, filter: Option<Expr>, own: &Event, until: Timestamp) -> Self {
        let index = filter.as_ref().and_then(|filter| filter.equation(&own.to_value()));
        Self { name, filter, index, until, rival: None }
    }

    /// A watch of which there may be only one.
    pub fn only(name: Arc<str>, only: Only, until: Timestamp) -> Self {
        Self { name, filter: None, index: Some(only.index), until, rival: Some(only.rival) }
    }

    /// Whether `new` is such an event, for the run that `own` started. Its name and time
    /// are not looked at.
    pub fn takes(filter: Option<&Expr>, own: &Event, new: &Event) -> bool {
        let vars = |own: &Event, new: &Event| Vars::new(&own.to_value()).and(&new.to_value());
        filter.is_none_or(|filter| filter.holds(&vars(own, new)))
    }
}
