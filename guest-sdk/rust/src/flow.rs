//! Triggers and flow control as constants, which the attribute writes, and in the host's
//! terms.

#![expect(missing_docs, reason = "see the attribute's documentation")]

use crate::bindings::exports::pawl::workflow::functions as wit;

pub use wit::{Scope, SingletonMode};

type Text = Option<&'static str>;

/// What starts a function.
#[derive(Debug, Clone, Copy)]
pub enum Trigger {
    Event { name: &'static str, filter: Text },
    Cron { schedule: &'static str, jitter: Option<u64> },
}

impl Trigger {
    pub(crate) fn describe(&self) -> wit::Trigger {
        match *self {
            Self::Event { name, filter } => {
                wit::Trigger::Event(wit::EventTrigger { name: name.to_owned(), filter: owned(filter) })
            }
            Self::Cron { schedule, jitter } => {
                wit::Trigger::Cron(wit::CronTrigger { schedule: schedule.to_owned(), jitter })
            }
        }
    }
}

/// See the attribute's `concurrency`.
#[derive(Debug, Clone, Copy)]
pub struct Concurrency {
    pub limit: u32,
    pub key: Text,
    pub scope: Scope,
}

/// See the attribute's `throttle`.
#[derive(Debug, Clone, Copy)]
pub struct Throttle {
    pub limit: u32,
    pub period: u64,
    pub burst: Option<u32>,
    pub key: Text,
}

/// See the attribute's `rate_limit`.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    pub limit: u32,
    pub period: u64,
    pub key: Text,
}

/// See the attribute's `debounce`.
#[derive(Debug, Clone, Copy)]
pub struct Debounce {
    pub period: u64,
    pub timeout: Option<u64>,
    pub key: Text,
}

/// See the attribute's `batch`.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    pub max_size: u32,
    pub timeout: u64,
    pub key: Text,
    pub filter: Text,
}

/// See the attribute's `cancel_on`.
#[derive(Debug, Clone, Copy)]
pub struct CancelOn {
    pub event: &'static str,
    pub filter: Text,
    pub timeout: Option<u64>,
}

/// See the attribute's `singleton`.
#[derive(Debug, Clone, Copy)]
pub struct Singleton {
    pub key: Text,
    pub mode: SingletonMode,
}

/// See the attribute's `start_timeout` and `finish_timeout`.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub start: Option<u64>,
    pub finish: Option<u64>,
}

/// How many runs there are, and when.
#[derive(Debug, Clone, Copy)]
pub struct Flow {
    pub concurrency: &'static [Concurrency],
    pub throttle: Option<Throttle>,
    pub rate_limit: Option<RateLimit>,
    pub debounce: Option<Debounce>,
    pub batch: Option<Batch>,
    pub priority: Text,
    pub idempotency: Text,
    pub cancel_on: &'static [CancelOn],
    pub singleton: Option<Singleton>,
    pub timeouts: Timeouts,
}

impl Flow {
    /// No limits at all.
    pub const NONE: Self = Self {
        concurrency: &[],
        throttle: None,
        rate_limit: None,
        debounce: None,
        batch: None,
        priority: None,
        idempotency: None,
        cancel_on: &[],
        singleton: None,
        timeouts: Timeouts { start: None, finish: None },
    };

    pub(crate) fn describe(&self) -> wit::Flow {
        let limit = |c: &Concurrency| wit::Concurrency { limit: c.limit, key: owned(c.key), scope: c.scope };
        let cancel = |c: &CancelOn| wit::CancelOn {
            event: c.event.to_owned(),
            filter: owned(c.filter),
            timeout: c.timeout,
        };
        wit::Flow {
            concurrency: self.concurrency.iter().map(limit).collect(),
            throttle: self.throttle.map(|t| wit::Throttle {
                limit: t.limit,
                period: t.period,
                burst: t.burst,
                key: owned(t.key),
            }),
            rate_limit: self.rate_limit.map(|r| wit::RateLimit {
                limit: r.limit,
                period: r.period,
                key: owned(r.key),
            }),
            debounce: self.debounce.map(|d| wit::Debounce {
                period: d.period,
                timeout: d.timeout,
                key: owned(d.key),
            }),
            batch: self.batch.map(|b| wit::Batch {
                max_size: b.max_size,
                timeout: b.timeout,
                key: owned(b.key),
                filter: owned(b.filter),
            }),
            priority: owned(self.priority),
            idempotency: owned(self.idempotency),
            cancel_on: self.cancel_on.iter().map(cancel).collect(),
            singleton: self.singleton.map(|s| wit::Singleton { key: owned(s.key), mode: s.mode }),
            timeouts: wit::Timeouts { start: self.timeouts.start, finish: self.timeouts.finish },
        }
    }
}

fn owned(text: Text) -> Option<String> {
    text.map(str::to_owned)
}
