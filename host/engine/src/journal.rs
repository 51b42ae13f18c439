//! A run's truth: the closed list of facts that can be recorded of it.
//!
//! The serialised form of [`Entry`] is what stores keep, so it is a promise: names
//! and fields are never given another meaning, only added (see the golden test).

use crate::{Failure, Payload, StepKey, Timestamp};
use serde::{Deserialize, Serialize};

/// One recorded fact of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// An instance was made for the run for the first time.
    Started {
        /// when
        at: Timestamp,
    },
    /// A sleep began.
    SleepStarted {
        /// which
        step: StepKey,
        /// when it began
        at: Timestamp,
        /// when it ends
        until: Timestamp,
    },
    /// The function was told that a sleep is over.
    SleepEnded {
        /// which
        step: StepKey,
        /// when it was told
        at: Timestamp,
    },
    /// One try of a step failed and another will come.
    AttemptFailed {
        /// of which step
        step: StepKey,
        /// which try, from 0
        attempt: u32,
        /// when it began
        started_at: Timestamp,
        /// when it failed
        at: Timestamp,
        /// how
        failure: Failure,
        /// when the next may begin
        retry_at: Timestamp,
    },
    /// A step is done: its output answers every later replay.
    StepCompleted {
        /// which
        step: StepKey,
        /// by which try, from 0
        attempt: u32,
        /// when that try began
        started_at: Timestamp,
        /// when it ended
        at: Timestamp,
        /// what it gave
        output: Payload,
    },
    /// A step has no tries left: this failure answers every later replay.
    StepFailed {
        /// which
        step: StepKey,
        /// the last try, from 0
        attempt: u32,
        /// when that try began
        started_at: Timestamp,
        /// when it failed
        at: Timestamp,
        /// how
        failure: Failure,
    },
    /// The function failed outside of its steps and will be tried again.
    TryFailed {
        /// which try, from 0
        number: u32,
        /// when
        at: Timestamp,
        /// how
        failure: Failure,
        /// when the next may begin
        retry_at: Timestamp,
    },
    /// The run left its instance.
    Parked {
        /// when
        at: Timestamp,
        /// when it wants to go on
        until: Timestamp,
        /// how many lines its function has logged outside of steps: those that the next
        /// pass repeats
        #[serde(default, skip_serializing_if = "is_zero")]
        lines: u32,
    },
    /// The run is over. Nothing follows.
    Finished {
        /// when
        at: Timestamp,
        /// how
        outcome: Outcome,
    },
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// With the function's output.
    Completed(Payload),
    /// With the failure that nothing could mend.
    Failed(Failure),
    /// By somebody's wish, with a sentence about it.
    Cancelled(String),
}

impl Entry {
    /// When the fact was recorded.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Started { at }
            | Self::SleepStarted { at, .. }
            | Self::SleepEnded { at, .. }
            | Self::AttemptFailed { at, .. }
            | Self::StepCompleted { at, .. }
            | Self::StepFailed { at, .. }
            | Self::TryFailed { at, .. }
            | Self::Parked { at, .. }
            | Self::Finished { at, .. } => *at,
        }
    }

    /// As a store keeps it.
    pub fn to_json(&self) -> String {
        // every field is a string, a number or JSON text: nothing that could fail
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From a store.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub(crate) fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    pub(crate) fn key(name: &str) -> StepKey {
        StepKey::new(name, 0).expect("a step id")
    }

    pub(crate) fn text(json: &str) -> Payload {
        Payload::parse(json.into(), 1_000).expect("JSON")
    }

    /// One of each entry, for step `a` at its first try.
    pub(crate) fn one_of_each() -> Vec<Entry> {
        let step = || key("a");
        let failure = || Failure::new("CardDeclined", "insufficient funds");
        vec![
            Entry::Started { at: at(1) },
            Entry::SleepStarted { step: step(), at: at(2), until: at(60) },
            Entry::SleepEnded { step: step(), at: at(61) },
            Entry::AttemptFailed {
                step: step(),
                attempt: 0,
                started_at: at(3),
                at: at(4),
                failure: failure(),
                retry_at: at(15),
            },
            Entry::StepCompleted {
                step: step(),
                attempt: 0,
                started_at: at(5),
                at: at(6),
                output: text("{ \"id\": 1.50 }"),
            },
            Entry::StepFailed {
                step: step(),
                attempt: 0,
                started_at: at(7),
                at: at(8),
                failure: failure().for_good(),
            },
            Entry::TryFailed { number: 0, at: at(9), failure: failure(), retry_at: at(30) },
            Entry::Parked { at: at(10), until: at(60), lines: 3 },
            Entry::Finished { at: at(70), outcome: Outcome::Completed(text("null")) },
            Entry::Finished { at: at(70), outcome: Outcome::Failed(failure()) },
            Entry::Finished { at: at(70), outcome: Outcome::Cancelled("by hand".into()) },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_stored_form_of_every_entry_stays_as_it_is_and_reads_back() {
        let lines: Vec<String> = samples::one_of_each().iter().map(Entry::to_json).collect();
        for (line, entry) in lines.iter().zip(samples::one_of_each()) {
            assert_eq!(Entry::from_json(line).expect("reads"), entry);
        }
        expect![[r#"
            {"Started":{"at":1}}
            {"SleepStarted":{"step":"a","at":2,"until":60}}
            {"SleepEnded":{"step":"a","at":61}}
            {"AttemptFailed":{"step":"a","attempt":0,"started_at":3,"at":4,"failure":{"name":"CardDeclined","message":"insufficient funds"},"retry_at":15}}
            {"StepCompleted":{"step":"a","attempt":0,"started_at":5,"at":6,"output":{ "id": 1.50 }}}
            {"StepFailed":{"step":"a","attempt":0,"started_at":7,"at":8,"failure":{"name":"CardDeclined","message":"insufficient funds","retry":"Never"}}}
            {"TryFailed":{"number":0,"at":9,"failure":{"name":"CardDeclined","message":"insufficient funds"},"retry_at":30}}
            {"Parked":{"at":10,"until":60,"lines":3}}
            {"Finished":{"at":70,"outcome":{"Completed":null}}}
            {"Finished":{"at":70,"outcome":{"Failed":{"name":"CardDeclined","message":"insufficient funds"}}}}
            {"Finished":{"at":70,"outcome":{"Cancelled":"by hand"}}}"#]]
        .assert_eq(&lines.join("\n"));
    }
}
