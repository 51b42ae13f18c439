//! Alerts: what is measured against which limit, and what follows from it.
//!
//! An alert is raised when its condition holds and has held for a while, and resolved
//! when it has not held for a while; in between there is a band in which it stays as it
//! is. So a value that trembles around its limit tells nobody anything twice.

use crate::event::is_own;
use crate::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The share of its limit that a value has to fall to before an alert may be resolved.
pub const CALM: f64 = 0.8;

/// Notifications that one channel is sent within [`MINUTE`] at most.
pub const PER_MINUTE: usize = 30;

/// See [`PER_MINUTE`].
pub const MINUTE: Span = Span::from_secs(60);

/// What a rule looks at, and its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// So many runs failed within the window.
    Failed {
        /// how many, at least one
        at_least: u64,
    },
    /// The share of runs that failed, of those that completed or failed.
    ErrorRate {
        /// the share that is too much, 0 to 1
        above: f64,
        /// how many have to have ended for a share to say anything
        at_least: u64,
    },
    /// How long runs took: 95 of 100 took no longer.
    Slow {
        /// too long
        above: Span,
        /// how many have to have ended
        at_least: u64,
    },
    /// How many events came, or runs were made.
    Spike {
        /// too many
        above: Above,
        /// fewer are never too many
        at_least: u64,
    },
    /// No event came, or no run was made, for as long as the window.
    Silence,
    /// The oldest run that waits for its turn.
    Backlog {
        /// waits too long
        older_than: Span,
    },
}

impl When {
    /// Its name in `pawl.toml`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "failed",
            Self::ErrorRate { .. } => "error_rate",
            Self::Slow { .. } => "slow",
            Self::Spike { .. } => "spike",
            Self::Silence => "silence",
            Self::Backlog { .. } => "backlog",
        }
    }
}

/// Too many of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Above {
    /// More than so many times what was usual in the last day.
    Times(f64),
    /// More than so many.
    Count(u64),
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Functions, each by itself.
    Function(Pattern),
    /// Events of these names, all together.
    Event(Pattern),
}

impl Subject {
    /// Its pattern.
    pub fn pattern(&self) -> &Pattern {
        let (Self::Function(pattern) | Self::Event(pattern)) = self;
        pattern
    }
}

/// A text in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// From its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it takes this text. What the host itself says (`pawl/…`, `inngest/…`) is taken
    /// only by a pattern that begins so: an alert is no event to be alarmed at.
    pub fn matches(&self, text: &str) -> bool {
        if is_own(text) && !is_own(&self.0) {
            return false;
        }
        let mut parts = self.0.split('*');
        let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let mut parts: Vec<_> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// A rule, as `pawl.toml` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What people call it; no two have one name.
    pub name: String,
    /// Its condition.
    pub when: When,
    /// What it is about.
    pub subject: Subject,
    /// How far back it looks.
    pub within: Span,
    /// How long its condition has to hold before it is raised.
    pub hold_for: Span,
    /// How long its condition must not hold before it is resolved.
    pub resolve_after: Span,
    /// How often it is told again while it is raised.
    pub repeat: Span,
    /// The channels that are told.
    pub to: Vec<String>,
}

/// What was measured of one subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// Nothing can be said.
    Unknown,
    /// A value in the limit's own unit.
    Is {
        /// runs, a share, or milliseconds
        value: f64,
        /// what is too much
        limit: f64,
    },
}

/// How a reading stands to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Over,
    Near,
    Under,
    Unknown,
}

impl Reading {
    /// A limit that is itself too much is reached, one that is just not enough is passed.
    fn stand(self, when: &When) -> Stand {
        let Self::Is { value, limit } = self else { return Stand::Unknown };
        let is_over = match when {
            When::Failed { .. } | When::Silence => value >= limit,
            When::ErrorRate { .. } | When::Slow { .. } | When::Spike { .. } | When::Backlog { .. } => {
                value > limit
            }
        };
        match when {
            _ if is_over => Stand::Over,
            // a count of one has no band, and an event ends a silence
            When::Failed { .. } | When::Silence => Stand::Under,
            _ if value > limit * CALM => Stand::Near,
            _ => Stand::Under,
        }
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// Its condition does not hold.
    #[default]
    Ok,
    /// It holds, not yet for long enough.
    Pending {
        /// when it began to hold
        since: Timestamp,
    },
    /// It was raised.
    Raised {
        /// when
        since: Timestamp,
        /// when it was last told
        told: Timestamp,
        /// since when its condition does not hold
        calm: Option<Timestamp>,
    },
}

/// What people are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It is raised.
    Raised,
    /// It is still raised.
    Repeated,
    /// It is over.
    Resolved,
}

impl Turn {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
        }
    }
}

/// What becomes of an alert by a new reading, and what is to be told of it.
pub fn decide(rule: &Rule, phase: Phase, reading: Reading, now: Timestamp) -> (Phase, Option<Turn>) {
    let raised = Phase::Raised { since: now, told: now, calm: None };
    match (phase, reading.stand(&rule.when)) {
        (phase, Stand::Unknown) => (phase, None),
        (Phase::Ok, Stand::Over) if rule.hold_for == Span::ZERO => (raised, Some(Turn::Raised)),
        (Phase::Ok, Stand::Over) => (Phase::Pending { since: now }, None),
        (Phase::Pending { since }, Stand::Over) if now - since >= rule.hold_for => {
            (raised, Some(Turn::Raised))
        }
        (phase @ Phase::Pending { .. }, Stand::Over) => (phase, None),
        (Phase::Ok | Phase::Pending { .. }, Stand::Near | Stand::Under) => (Phase::Ok, None),
        (Phase::Raised { since, told, .. }, Stand::Over) if now - told >= rule.repeat => {
            (Phase::Raised { since, told: now, calm: None }, Some(Turn::Repeated))
        }
        (Phase::Raised { since, told, .. }, Stand::Over | Stand::Near) => {
            (Phase::Raised { since, told, calm: None }, None)
        }
        (Phase::Raised { since, told, calm }, Stand::Under) => {
            let calm = calm.unwrap_or(now);
            if now - calm >= rule.resolve_after {
                return (Phase::Ok, Some(Turn::Resolved));
            }
            (Phase::Raised { since, told, calm: Some(calm) }, None)
        }
    }
}

/// What a channel may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is nothing to send.
    Nothing,
    /// The oldest that waits.
    One,
    /// All that wait, in one.
    Sum,
    /// Nothing before this time.
    Wait(Timestamp),
}

/// What a channel may be sent now, when so many wait and these times were sent to it, oldest
/// first: the last place in a minute is for the sum of all others.
pub fn next(sent: &[Timestamp], waiting: usize, now: Timestamp) -> Next {
    // times of a clock that was set back since say nothing
    let recent = |at: &&Timestamp| **at <= now && now - **at < MINUTE;
    let taken = sent.iter().filter(recent).count();
    match waiting {
        0 => Next::Nothing,
        _ if taken >= PER_MINUTE => {
            let oldest = sent.iter().find(recent).copied().unwrap_or(now);
            Next::Wait(oldest + MINUTE)
        }
        1 => Next::One,
        _ if taken + 1 == PER_MINUTE => Next::Sum,
        _ => Next::One,
    }
}

#[cfg(test)]
mod tests;
