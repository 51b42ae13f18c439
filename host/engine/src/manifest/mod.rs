//! What a function says of itself, parsed: a [`Manifest`] is always valid.

mod draft;
mod flow;
#[cfg(test)]
mod tests;

pub use draft::{BadManifest, Draft, DraftTrigger, RETRIES, STEP_TIMEOUT};

use crate::cron::Schedule;
use crate::expr::Expr;
use crate::flow::{Concurrency, Flow, Scope};
use crate::{FunctionId, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A function's own description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Manifest {
    /// Its id, unique among the current deployments of a host.
    pub id: FunctionId,
    /// For people; the id when its author gave none.
    pub name: String,
    /// Whose limits of scope [`Scope::App`] it shares.
    pub app: String,
    /// What starts it. None: it can only be invoked.
    pub triggers: Vec<Trigger>,
    /// Tries after the first, for each step.
    pub retries: u32,
    /// How many of its runs there are, and when.
    pub flow: Flow,
    /// One attempt's time limit, unless the step says otherwise.
    pub step_timeout: Span,
    /// What its steps wish for.
    pub wishes: Wishes,
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Trigger {
    /// An event. Stored as `{"event": "a/b", "filter": "…"}`.
    Event {
        /// its name; `a/*` and `a/b.*` take every name that goes on from there
        #[serde(rename = "event")]
        name: String,
        /// only events for which this holds
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<Expr>,
    },
    /// The time. Stored as `{"cron": "0 9 * * *", "jitter": 5000}`.
    Cron {
        /// when
        #[serde(rename = "cron")]
        schedule: Schedule,
        /// the start is delayed by up to this
        #[serde(default = "no_time", skip_serializing_if = "is_no_time")]
        jitter: Span,
    },
}

fn no_time() -> Span {
    Span::ZERO
}

fn is_no_time(span: &Span) -> bool {
    *span == Span::ZERO
}

/// Capabilities that a function asks its operator for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wishes {
    /// Outgoing hosts: `name`, `name:port`, `name:*`, or `{setting:NAME}`.
    pub hosts: BTreeSet<String>,
    /// Settings by name.
    pub settings: BTreeSet<String>,
    /// Secrets by name.
    pub secrets: BTreeSet<String>,
}

/// A manifest as a store may have it: this version's, or that of 0.1, which had no app
/// and one limit of concurrency instead of a flow.
#[derive(Deserialize)]
struct Stored {
    id: FunctionId,
    name: String,
    app: Option<String>,
    triggers: Vec<Trigger>,
    retries: u32,
    concurrency: Option<u32>,
    #[serde(default)]
    flow: Flow,
    step_timeout: Span,
    wishes: Wishes,
}

impl From<Stored> for Manifest {
    fn from(stored: Stored) -> Self {
        let Stored { id, name, app, triggers, retries, concurrency, mut flow, step_timeout, wishes } = stored;
        let one = concurrency.map(|limit| Concurrency { limit, key: None, scope: Scope::Function });
        flow.concurrency.extend(one);
        let app = app.unwrap_or_else(|| id.to_string());
        Self { id, name, app, triggers, retries, flow, step_timeout, wishes }
    }
}
