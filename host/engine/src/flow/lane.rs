//! Lanes: queues of runs that share all of their gates, so that a full gate holds up
//! its own runs and nobody else's.

use super::Rate;
use crate::FunctionId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a run queues: its function, and what it has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lane {
    /// Whose runs queue here. Functions take turns, and so do the lanes of one.
    #[serde(rename = "f")]
    pub function: FunctionId,
    /// All of these have to be open.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
}

/// Something that a run has to pass to be claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gate {
    /// What is counted: runs whose gates have the same id share it.
    pub id: String,
    /// Under which name the function's newest deployment has this gate's rule; see [`Rules`].
    pub rule: String,
    /// The rule as it was when the run was made.
    pub then: GateRule,
}

/// What a gate lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GateRule {
    /// So many claimed runs at once.
    Limit(u32),
    /// So many starts in a period.
    Rate(Rate),
}

/// The rules of gates as they hold now, by function and the gate's `rule`: a changed limit
/// holds for runs that were queued before it as well.
pub type Rules = BTreeMap<FunctionId, BTreeMap<String, GateRule>>;

impl Lane {
    /// Without any gates.
    pub fn open(function: FunctionId) -> Self {
        Self { function, gates: Vec::new() }
    }

    /// As a store keeps it: equal texts are equal lanes.
    pub fn to_json(&self) -> String {
        // strings and numbers: nothing that could fail
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From a store.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl Gate {
    /// The rule that holds now.
    pub fn now(&self, function: &FunctionId, rules: &Rules) -> GateRule {
        rules.get(function).and_then(|rules| rules.get(&self.rule)).copied().unwrap_or(self.then)
    }
}
