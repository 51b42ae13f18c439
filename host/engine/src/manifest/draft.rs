//! A description as it comes from a guest, and what may be wrong with it.

use super::flow::flow;
use super::{Manifest, Trigger, Wishes};
use crate::cron::Schedule;
use crate::expr::{Expr, Scope};
use crate::flow::Flow;
use crate::{FunctionId, Span, limits};

/// A description as it comes from a guest. It mirrors the WIT's `config`.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// See [`Manifest::id`].
    pub id: String,
    /// See [`Manifest::name`].
    pub name: Option<String>,
    /// See [`Manifest::app`]; the function's own id when absent. The WIT's default, the
    /// component's first function, is for the caller to fill in.
    pub app: Option<String>,
    /// See [`Manifest::triggers`].
    pub triggers: Vec<DraftTrigger>,
    /// See [`Manifest::retries`].
    pub retries: Option<u32>,
    /// See [`Manifest::flow`].
    pub flow: Flow<String>,
    /// See [`Manifest::step_timeout`].
    pub step_timeout: Option<Span>,
    /// See [`Manifest::wishes`].
    pub wishes: Wishes,
}

/// A trigger as it comes from a guest.
#[derive(Debug, Clone)]
pub enum DraftTrigger {
    /// See [`Trigger::Event`].
    Event {
        /// a name or pattern
        name: String,
        /// an expression over `event`
        filter: Option<String>,
    },
    /// See [`Trigger::Cron`].
    Cron {
        /// see [`Schedule`]
        schedule: String,
        /// none at all, or a second to 5 minutes
        jitter: Option<Span>,
    },
}

/// What is wrong with a description: which function, which field, why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("function `{function}`, {field}: {why}")]
pub struct BadManifest {
    /// The function's id as it was given.
    pub function: String,
    /// The field, as the WIT names it: `flow.concurrency[1].key`.
    pub field: String,
    /// A sentence; for an expression with the place in it.
    pub why: String,
}

/// A field and what is wrong with it.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) why: String,
}

/// The limit of one attempt when nobody says otherwise (the seed's default).
pub const STEP_TIMEOUT: Span = Span::from_secs(300);

/// Tries after the first when nobody says otherwise.
pub const RETRIES: u32 = 3;

impl Draft {
    /// The manifest, or the first thing that is wrong.
    pub fn parse(self) -> Result<Manifest, BadManifest> {
        let function = self.id.clone();
        self.checked().map_err(|Wrong { field, why }| BadManifest { function, field, why })
    }

    fn checked(self) -> Result<Manifest, Wrong> {
        check_id("id", &self.id)?;
        let app = self.app.unwrap_or_else(|| self.id.clone());
        check_id("app", &app)?;
        let retries = self.retries.unwrap_or(RETRIES);
        if retries > limits::RETRIES {
            return Err(wrong("retries", format!("{retries} is more than {}", limits::RETRIES)));
        }
        if self.step_timeout == Some(Span::ZERO) {
            return Err(wrong("step-timeout", "no step can end in no time: leave it out or say more"));
        }
        Ok(Manifest {
            name: self.name.filter(|n| !n.trim().is_empty()).unwrap_or_else(|| self.id.clone()),
            id: FunctionId::new(self.id),
            app,
            triggers: triggers(self.triggers)?,
            retries,
            flow: flow(self.flow)?,
            step_timeout: self.step_timeout.unwrap_or(STEP_TIMEOUT),
            wishes: self.wishes,
        })
    }
}

pub(super) fn wrong(field: impl Into<String>, why: impl Into<String>) -> Wrong {
    Wrong { field: field.into(), why: why.into() }
}

fn check_id(field: &str, id: &str) -> Result<(), Wrong> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let limit = limits::FUNCTION_ID_CHARS;
    match id {
        "" => Err(wrong(field, "it is empty")),
        _ if id.len() > limit => {
            Err(wrong(field, format!("it has {} characters; the limit is {limit}", id.len())))
        }
        _ if !id.chars().all(lawful) => Err(wrong(field, "it may hold letters, digits, `-`, `_` and `.`")),
        _ => Ok(()),
    }
}

/// The name or pattern of an event that a function wishes to have.
pub(super) fn check_name(field: String, name: &str) -> Result<(), Wrong> {
    let chars = name.chars().count();
    let limit = limits::TRIGGER_NAME_CHARS;
    match chars {
        0 => Err(wrong(field, "the event has no name")),
        _ if chars > limit => Err(wrong(field, format!("it has {chars} characters; the limit is {limit}"))),
        _ if name.chars().any(char::is_control) => Err(wrong(field, "it has control characters")),
        _ => Ok(()),
    }
}

pub(super) fn expr(field: String, text: &str, scope: Scope) -> Result<Expr, Wrong> {
    Expr::parse(text, scope).map_err(|bad| wrong(field, bad.to_string()))
}

fn triggers(drafts: Vec<DraftTrigger>) -> Result<Vec<Trigger>, Wrong> {
    if drafts.len() > limits::TRIGGERS {
        return Err(wrong(
            "triggers",
            format!("{} triggers; the limit is {}", drafts.len(), limits::TRIGGERS),
        ));
    }
    let mut triggers = Vec::new();
    for (n, draft) in drafts.into_iter().enumerate() {
        let at = format!("triggers[{n}]");
        let trigger = match draft {
            DraftTrigger::Event { name, filter } => {
                check_name(format!("{at}.name"), &name)?;
                let filter = filter.map(|text| expr(format!("{at}.filter"), &text, Scope::Event));
                Trigger::Event { name, filter: filter.transpose()? }
            }
            DraftTrigger::Cron { schedule, jitter } => {
                let schedule = Schedule::parse(&schedule)
                    .map_err(|bad| wrong(format!("{at}.schedule"), bad.to_string()))?;
                let jitter = jitter.unwrap_or(Span::ZERO);
                if jitter != Span::ZERO && !(limits::JITTER.0..=limits::JITTER.1).contains(&jitter) {
                    return Err(wrong(format!("{at}.jitter"), "it takes a second to 5 minutes"));
                }
                Trigger::Cron { schedule, jitter }
            }
        };
        if triggers.contains(&trigger) {
            return Err(wrong(at, "the same trigger twice"));
        }
        triggers.push(trigger);
    }
    Ok(triggers)
}
