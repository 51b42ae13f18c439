//! What a run's end means for others: the run that waits for it, and the events that the
//! host tells of it (<https://www.inngest.com/docs/reference/system-events>).

use super::{Intake, SCHEDULED};
use crate::store::{Accept, Also, Claimed, Commit, Keep, Parent, StoreError, Then};
use crate::{clock, ids};
use pawl_engine::event::SenderId;
use pawl_engine::manifest::Trigger;
use pawl_engine::replay::cancel;
use pawl_engine::trace::RunTrace;
use pawl_engine::trigger::matches;
use pawl_engine::{
    Entry, Event, Failure, FunctionId, Mail, NewEvent, Outcome, Payload, RunId, Timestamp, limits,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Events about functions begin so.
const ABOUT_FUNCTIONS: &str = "inngest/function.";

/// A run that ends.
pub struct Over<'a> {
    /// Which.
    pub run: &'a RunId,
    /// Of which function.
    pub function: &'a FunctionId,
    /// Its events, at least one.
    pub events: &'a [Event],
    /// Who waits for its end.
    pub parent: Option<&'a Parent>,
}

impl Intake {
    /// Whether an event of this name would start a run, or a run watches for it.
    fn is_heard(&self, name: &str) -> bool {
        let starts = |trigger: &Trigger| match trigger {
            Trigger::Event { name: pattern, .. } => matches(pattern, name),
            Trigger::Cron { .. } => false,
        };
        let snapshot = (self.functions)();
        self.store.may_hear(name)
            || snapshot.functions.values().any(|o| o.manifest.triggers.iter().any(starts))
    }

    /// What is told of a run's end: events, and mail to the run that waits for it.
    pub fn ending(
        &self,
        over: &Over<'_>,
        outcome: &Outcome,
        now: Timestamp,
    ) -> (Vec<Accept>, Vec<(RunId, Mail)>) {
        let mail = over.parent.map(|parent| {
            let result = match outcome {
                Outcome::Completed(output) => Ok(output.clone()),
                Outcome::Failed(failure) => Err(failure.clone().for_good()),
                Outcome::Cancelled(why) => {
                    Err(Failure::new("Cancelled", format!("the invoked run was cancelled: {why}")).for_good())
                }
            };
            (parent.run.clone(), Mail::Ended { step: parent.step.clone(), result })
        });
        let is_about_functions =
            over.events[0].name.starts_with(ABOUT_FUNCTIONS) && !over.events[0].name.ends_with(".invoked");
        // of a run that was started by such news nothing is told: it would never end
        let events =
            if is_about_functions { Vec::new() } else { news(over, outcome, |name| self.is_heard(name)) };
        let accept = |event: NewEvent| Accept {
            keep: Keep::IfHeard,
            ..self.plan(event.accept(ids::event(now), now), now)
        };
        (events.into_iter().map(accept).collect(), mail.into_iter().collect())
    }
}

#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    name: &'a str,
    data: &'a Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a Payload>,
    ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<&'a str>,
}

impl<'a> From<&'a Event> for Told<'a> {
    fn from(e: &'a Event) -> Self {
        Self {
            id: e.sender.as_ref().map_or(e.id.as_str(), |s| &s.id),
            name: &e.name,
            data: &e.data,
            user: e.user.as_ref(),
            ts: e.at.as_millis(),
            v: e.version.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct News<'a> {
    function_id: &'a str,
    run_id: &'a str,
    event: Told<'a>,
    events: Vec<Told<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Payload>,
    _inngest: Value,
}

/// The events that tell of a run's end, as far as somebody hears of them.
fn news(over: &Over<'_>, outcome: &Outcome, is_heard: impl Fn(&str) -> bool) -> Vec<NewEvent> {
    let (status, kind, error, result) = match outcome {
        Outcome::Completed(output) => ("Completed", None, None, Some(output)),
        Outcome::Failed(f) => ("Failed", Some("inngest/function.failed"), Some(error(f)), None),
        Outcome::Cancelled(why) => {
            let cancelled = Failure::new("Cancelled", why.clone());
            ("Cancelled", Some("inngest/function.cancelled"), Some(error(&cancelled)), None)
        }
    };
    let names = ["inngest/function.finished"].into_iter().chain(kind).filter(|name| is_heard(name));
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return Vec::new();
    }
    // all of a batch, where that is still an event
    let bytes: usize = over.events.iter().map(|e| e.data.as_str().len()).sum();
    let shown = if bytes > limits::EVENT_BYTES { &over.events[..1] } else { over.events };
    let news = News {
        function_id: over.function.as_str(),
        run_id: over.run.as_str(),
        event: (&over.events[0]).into(),
        events: shown.iter().map(Into::into).collect(),
        error,
        result,
        _inngest: json!({"status": status}),
    };
    let Ok(data) = serde_json::value::to_raw_value(&news).map(Payload::from) else { return Vec::new() };
    let trace = RunTrace::of(over.run, over.events[0].trace);
    let event = |name: &str, sender| NewEvent {
        name: name.into(),
        data: data.clone(),
        user: None,
        at: None,
        version: None,
        sender,
        trace: Some(trace.from(trace.root())),
    };
    // a run ends so once: its id is the event's
    let once = Some(SenderId { source: "pawl", id: over.run.to_string() });
    names.into_iter().map(|name| event(name, once.clone().filter(|_| Some(name) == kind))).collect()
}

/// As Inngest's SDKs write errors.
fn error(f: &Failure) -> Value {
    json!({"error": f.name, "name": f.name, "message": f.message, "stack": f.stack, "data": f.data})
}

/// The event of a schedule's tick.
pub(super) fn tick_event(
    function: &FunctionId,
    schedule: &str,
    tick: Timestamp,
    fire_at: Timestamp,
) -> NewEvent {
    let text = |at: Timestamp| {
        jiff::Timestamp::from_millisecond(at.as_millis()).map_or_else(|_| String::new(), |t| t.to_string())
    };
    let data = json!({"cron": schedule, "scheduledAt": text(tick), "fireAt": text(fire_at)});
    // the tick is known by its time: whoever gives it a second time gives nothing new
    let id = format!("{function}@{schedule}@{}", text(tick));
    NewEvent {
        name: SCHEDULED.into(),
        data: Payload::from_value(&data),
        user: None,
        at: Some(tick),
        version: None,
        sender: Some(SenderId { source: "cron", id }),
        trace: None,
    }
}

pub(super) async fn end_claimed(intake: &Intake, claimed: &Claimed, reason: &str) -> Result<(), StoreError> {
    let now = clock::now();
    let Some(ended) = cancel(claimed.created_at, &claimed.journal, reason, now) else {
        return Err(StoreError::Fenced);
    };
    let (mut accepts, mut mail) = (Vec::new(), Vec::new());
    if let Entry::Finished { outcome, .. } = &ended.entry {
        let (run, function) = (&claimed.claim.run, &claimed.function);
        let over = Over { run, function, events: &claimed.events, parent: claimed.parent.as_ref() };
        (accepts, mail) = intake.ending(&over, outcome, now);
    }
    let expect = u32::try_from(claimed.journal.len()).unwrap_or(u32::MAX);
    let also = Also { accepts, mail, read: claimed.mail.len(), ..Also::default() };
    let commit = Commit { expect, entries: vec![ended.entry], then: Then::Release(ended.index), also };
    intake.store.commit(&claimed.claim, commit).await?;
    intake.wake.notify_one();
    Ok(())
}
