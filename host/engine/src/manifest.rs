//! What a function says of itself, parsed: a [`Manifest`] is always valid.

use crate::{FunctionId, Span, limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A function's own description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its id, unique among the current deployments of a host.
    pub id: FunctionId,
    /// For people; the id when its author gave none.
    pub name: String,
    /// What starts it. None: it cannot be started by events.
    pub triggers: Vec<Trigger>,
    /// Tries after the first, for each step.
    pub retries: u32,
    /// How many of its runs may execute at once.
    pub concurrency: Option<u32>,
    /// One attempt's time limit, unless the step says otherwise.
    pub step_timeout: Span,
    /// What its steps wish for.
    pub wishes: Wishes,
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// An event of this name; `a/*` and `a/b.*` take every name that goes on from there.
    Event(String),
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

/// A description as it comes from a guest.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// See [`Manifest::id`].
    pub id: String,
    /// See [`Manifest::name`].
    pub name: Option<String>,
    /// See [`Manifest::triggers`].
    pub triggers: Vec<DraftTrigger>,
    /// See [`Manifest::retries`].
    pub retries: Option<u32>,
    /// See [`Manifest::concurrency`]: limit and key.
    pub concurrency: Vec<(u32, Option<String>)>,
    /// See [`Manifest::step_timeout`], in milliseconds.
    pub step_timeout: Option<u64>,
    /// See [`Manifest::wishes`].
    pub wishes: Wishes,
}

/// A trigger as it comes from a guest.
#[derive(Debug, Clone)]
pub enum DraftTrigger {
    /// An event's name, and an expression on it.
    Event(String, Option<String>),
    /// A schedule.
    Cron(String),
}

/// What is wrong with a description: which function, which field, why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("function `{function}`, {field}: {why}")]
pub struct BadManifest {
    /// The function's id as it was given.
    pub function: String,
    /// The field, as the WIT names it.
    pub field: &'static str,
    /// A sentence.
    pub why: String,
}

/// The limit of one attempt when nobody says otherwise (the seed's default).
pub const STEP_TIMEOUT: Span = Span::from_secs(300);

/// Tries after the first when nobody says otherwise.
pub const RETRIES: u32 = 3;

impl Draft {
    /// The manifest, or the first thing that is wrong.
    pub fn parse(self) -> Result<Manifest, BadManifest> {
        let bad = |field, why: String| BadManifest { function: self.id.clone(), field, why };
        check_id(&self.id).map_err(|why| bad("id", why))?;
        let retries = self.retries.unwrap_or(RETRIES);
        if retries > limits::RETRIES {
            return Err(bad("retries", format!("{retries} is more than {}", limits::RETRIES)));
        }
        if self.step_timeout == Some(0) {
            return Err(bad("step-timeout", "no step can end in no time: leave it out or say more".into()));
        }
        Ok(Manifest {
            id: FunctionId::new(self.id.as_str()),
            name: self.name.clone().filter(|n| !n.trim().is_empty()).unwrap_or_else(|| self.id.clone()),
            triggers: triggers(&self.triggers).map_err(|why| bad("triggers", why))?,
            retries,
            concurrency: concurrency(&self.concurrency).map_err(|why| bad("concurrency", why))?,
            step_timeout: self.step_timeout.map_or(STEP_TIMEOUT, Span::from_millis),
            wishes: self.wishes.clone(),
        })
    }
}

fn check_id(id: &str) -> Result<(), String> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match id {
        "" => Err("it is empty".into()),
        _ if id.len() > limits::FUNCTION_ID_CHARS => {
            Err(format!("it has {} characters; the limit is {}", id.len(), limits::FUNCTION_ID_CHARS))
        }
        _ if !id.chars().all(lawful) => Err("it may hold letters, digits, `-`, `_` and `.`".into()),
        _ => Ok(()),
    }
}

fn triggers(drafts: &[DraftTrigger]) -> Result<Vec<Trigger>, String> {
    if drafts.len() > limits::TRIGGERS {
        return Err(format!("{} triggers; the limit is {}", drafts.len(), limits::TRIGGERS));
    }
    let mut seen = BTreeSet::new();
    for draft in drafts {
        let trigger = match draft {
            DraftTrigger::Cron(cron) => {
                return Err(format!("cron schedules (`{cron}`) are not supported by this version"));
            }
            DraftTrigger::Event(_, Some(_)) => {
                return Err("filter expressions are not supported by this version".into());
            }
            DraftTrigger::Event(name, None) if name.is_empty() => return Err("an event has no name".into()),
            DraftTrigger::Event(name, None) => Trigger::Event(name.clone()),
        };
        if !seen.insert(trigger) {
            return Err("the same trigger twice".into());
        }
    }
    Ok(seen.into_iter().collect())
}

fn concurrency(drafts: &[(u32, Option<String>)]) -> Result<Option<u32>, String> {
    match drafts {
        [] => Ok(None),
        [(_, Some(_)), ..] => Err("keys are not supported by this version".into()),
        [(0, None)] => Err("a limit of 0 would let no run execute".into()),
        [(limit, None)] => Ok(Some(*limit)),
        _ => Err("several limits are not supported by this version".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            id: "charge".into(),
            triggers: vec![DraftTrigger::Event("shop/order.placed".into(), None)],
            ..Draft::default()
        }
    }

    #[test]
    fn what_is_left_out_takes_the_documented_defaults() {
        let m = draft().parse().expect("valid");
        assert_eq!((m.name.as_str(), m.retries, m.concurrency), ("charge", 3, None));
        assert_eq!(m.step_timeout, Span::from_secs(300));
    }

    #[test]
    fn each_wrong_field_is_named() {
        let field = |d: Draft| d.parse().expect_err("refused").field;
        assert_eq!(field(Draft { id: "a b".into(), ..draft() }), "id");
        assert_eq!(field(Draft { id: String::new(), ..draft() }), "id");
        assert_eq!(field(Draft { retries: Some(21), ..draft() }), "retries");
        assert_eq!(field(Draft { concurrency: vec![(0, None)], ..draft() }), "concurrency");
        assert_eq!(field(Draft { step_timeout: Some(0), ..draft() }), "step-timeout");
        let twice = vec![DraftTrigger::Event("a".into(), None), DraftTrigger::Event("a".into(), None)];
        assert_eq!(field(Draft { triggers: twice, ..draft() }), "triggers");
    }
}
