//! What others have to say to a run. A store keeps it and hands it over with the next
//! claim; the pass that reads it makes entries of it.

use crate::{Failure, Payload, StepKey};
use serde::{Deserialize, Serialize};

/// A message to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Mail {
    /// It is to end.
    Cancel {
        /// a sentence about why
        reason: String,
    },
    /// An event that a step waits for has come in.
    Event {
        /// the waiting step
        step: StepKey,
        /// the event as the function gets it
        event: Payload,
    },
    /// A run that a step has invoked is over.
    Ended {
        /// the step that invoked
        step: StepKey,
        /// what it gave
        result: Result<Payload, Failure>,
    },
    /// A wait that had to be the only one of its kind ([`crate::flow::Rival`]) has lost to
    /// another one.
    Lost {
        /// the waiting step
        step: StepKey,
        /// why it fails; none: it ends as at its timeout
        failure: Option<Failure>,
    },
}

impl Mail {
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
mod tests {
    use super::*;
    use crate::journal::samples::{key, text};
    use expect_test::expect;

    #[test]
    fn the_stored_form_of_mail_stays_as_it_is_and_reads_back() {
        let mail = [
            Mail::Cancel { reason: "by hand".into() },
            Mail::Event { step: key("paid"), event: text("{\"id\": 1}") },
            Mail::Ended { step: key("ask"), result: Ok(text("1.50")) },
            Mail::Ended { step: key("ask"), result: Err(Failure::new("E", "m")) },
            Mail::Lost { step: key("paid"), failure: None },
            Mail::Lost { step: key("paid"), failure: Some(Failure::new("E", "m")) },
        ];
        let lines: Vec<_> = mail.iter().map(Mail::to_json).collect();
        for (line, mail) in lines.iter().zip(&mail) {
            assert_eq!(Mail::from_json(line).expect("reads"), *mail);
        }
        expect![[r#"
            {"Cancel":{"reason":"by hand"}}
            {"Event":{"step":"paid","event":{"id": 1}}}
            {"Ended":{"step":"ask","result":{"Ok":1.50}}}
            {"Ended":{"step":"ask","result":{"Err":{"name":"E","message":"m"}}}}
            {"Lost":{"step":"paid","failure":null}}
            {"Lost":{"step":"paid","failure":{"name":"E","message":"m"}}}"#]]
        .assert_eq(&lines.join("\n"));
    }
}
