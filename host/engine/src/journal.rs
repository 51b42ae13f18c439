//! A run's truth: the closed list of facts that can be recorded of it.
//!
//! The serialised form of [`Entry`] is what stores keep, so it is a promise: names
//! and fields are never given another meaning, only added (see the golden test).

use crate::{DeploymentId, Failure, FunctionId, Payload, RunId, StepKey, Timestamp};
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
    /// A step waits for an event.
    WaitStarted {
        /// which
        step: StepKey,
        /// since when
        at: Timestamp,
        /// at most until then
        until: Timestamp,
        /// the event's name
        event: String,
        /// the expression that has to hold
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// A step has called another function, and waits for its end.
    InvokeStarted {
        /// which
        step: StepKey,
        /// since when
        at: Timestamp,
        /// at most until then
        until: Timestamp,
        /// which function
        function: FunctionId,
        /// the other run
        run: RunId,
    },
    /// A step wants the host to make a request.
    FetchStarted {
        /// which
        step: StepKey,
        /// since when
        at: Timestamp,
        /// how
        method: String,
        /// where
        url: String,
    },
    /// One try of a step failed and another will come.
    AttemptFailed {
        /// of which step
        step: StepKey,
        /// what kind of step
        #[serde(default, skip_serializing_if = "Kind::is_run")]
        op: Kind,
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
        /// what kind of step
        #[serde(default, skip_serializing_if = "Kind::is_run")]
        op: Kind,
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
        /// what kind of step
        #[serde(default, skip_serializing_if = "Kind::is_run")]
        op: Kind,
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
    /// The run stops until somebody resumes it.
    Paused {
        /// when
        at: Timestamp,
        /// what the run itself stopped for; none when somebody wished it
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Failure>,
    },
    /// The run goes on.
    Resumed {
        /// when
        at: Timestamp,
    },
    /// From here on the run goes on other bytes, which have come to the same so far.
    Moved {
        /// when
        at: Timestamp,
        /// the former ones
        from: DeploymentId,
        /// the new ones
        to: DeploymentId,
    },
    /// The run is over. Nothing follows.
    Finished {
        /// when
        at: Timestamp,
        /// how
        outcome: Outcome,
    },
}

/// What kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The guest's own code.
    #[default]
    Run,
    /// A time to come.
    Sleep,
    /// An event to come in.
    Wait,
    /// Another function's run.
    Invoke,
    /// Events that are sent.
    Send,
    /// A request that the host makes.
    Fetch,
}

impl Kind {
    fn is_run(&self) -> bool {
        *self == Self::Run
    }

    /// The word that people read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Sleep => "sleep",
            Self::Wait => "wait_for_event",
            Self::Invoke => "invoke",
            Self::Send => "send_event",
            Self::Fetch => "fetch",
        }
    }
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
            | Self::WaitStarted { at, .. }
            | Self::InvokeStarted { at, .. }
            | Self::FetchStarted { at, .. }
            | Self::AttemptFailed { at, .. }
            | Self::StepCompleted { at, .. }
            | Self::StepFailed { at, .. }
            | Self::TryFailed { at, .. }
            | Self::Parked { at, .. }
            | Self::Paused { at, .. }
            | Self::Resumed { at }
            | Self::Moved { at, .. }
            | Self::Finished { at, .. } => *at,
        }
    }

    /// The step that the fact is about.
    pub fn step(&self) -> Option<&StepKey> {
        match self {
            Self::SleepStarted { step, .. }
            | Self::SleepEnded { step, .. }
            | Self::WaitStarted { step, .. }
            | Self::InvokeStarted { step, .. }
            | Self::FetchStarted { step, .. }
            | Self::AttemptFailed { step, .. }
            | Self::StepCompleted { step, .. }
            | Self::StepFailed { step, .. } => Some(step),
            Self::Started { .. }
            | Self::TryFailed { .. }
            | Self::Parked { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::Moved { .. }
            | Self::Finished { .. } => None,
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
                op: Kind::Run,
                attempt: 0,
                started_at: at(3),
                at: at(4),
                failure: failure(),
                retry_at: at(15),
            },
            Entry::StepCompleted {
                step: step(),
                op: Kind::Run,
                attempt: 0,
                started_at: at(5),
                at: at(6),
                output: text("{ \"id\": 1.50 }"),
            },
            Entry::StepFailed {
                step: step(),
                op: Kind::Run,
                attempt: 0,
                started_at: at(7),
                at: at(8),
                failure: failure().for_good(),
            },
            Entry::TryFailed { number: 0, at: at(9), failure: failure(), retry_at: at(30) },
            Entry::WaitStarted {
                step: step(),
                at: at(2),
                until: at(60),
                event: "shop/paid".into(),
                filter: Some("event.data.id == async.data.id".into()),
            },
            Entry::StepCompleted {
                step: step(),
                op: Kind::Wait,
                attempt: 0,
                started_at: at(2),
                at: at(20),
                output: Payload::null(),
            },
            Entry::InvokeStarted {
                step: step(),
                at: at(2),
                until: at(60),
                function: FunctionId::new("label"),
                run: RunId::new("r2"),
            },
            Entry::FetchStarted { step: step(), at: at(2), method: "GET".into(), url: "http://a/".into() },
            Entry::Parked { at: at(10), until: at(60), lines: 3 },
            Entry::Paused { at: at(11), why: None },
            Entry::Resumed { at: at(12) },
            Entry::Moved { at: at(13), from: DeploymentId::new("d1"), to: DeploymentId::new("d2") },
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
            {"WaitStarted":{"step":"a","at":2,"until":60,"event":"shop/paid","filter":"event.data.id == async.data.id"}}
            {"StepCompleted":{"step":"a","op":"wait","attempt":0,"started_at":2,"at":20,"output":null}}
            {"InvokeStarted":{"step":"a","at":2,"until":60,"function":"label","run":"r2"}}
            {"FetchStarted":{"step":"a","at":2,"method":"GET","url":"http://a/"}}
            {"Parked":{"at":10,"until":60,"lines":3}}
            {"Paused":{"at":11}}
            {"Resumed":{"at":12}}
            {"Moved":{"at":13,"from":"d1","to":"d2"}}
            {"Finished":{"at":70,"outcome":{"Completed":null}}}
            {"Finished":{"at":70,"outcome":{"Failed":{"name":"CardDeclined","message":"insufficient funds"}}}}
            {"Finished":{"at":70,"outcome":{"Cancelled":"by hand"}}}"#]]
        .assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_step_of_another_kind_than_code_keeps_its_kind_in_its_ends() {
        let failed = |op| Entry::StepFailed {
            step: samples::key("a"),
            op,
            attempt: 0,
            started_at: samples::at(1),
            at: samples::at(1),
            failure: Failure::new("E", "m"),
        };
        let kinds = [Kind::Run, Kind::Sleep, Kind::Wait, Kind::Invoke, Kind::Send, Kind::Fetch];
        let words: Vec<_> = kinds.iter().map(|op| serde_json::to_string(op).expect("serialises")).collect();
        assert_eq!(words.join(" "), r#""run" "sleep" "wait" "invoke" "send" "fetch""#);
        for op in kinds {
            assert_eq!(Entry::from_json(&failed(op).to_json()).expect("reads"), failed(op));
        }
        assert!(!failed(Kind::Run).to_json().contains("op"), "as it was before there were others");
    }
}
