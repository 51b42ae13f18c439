//! What holds in every world, once everything is over.

use super::guests::{SENT, said};
use super::outside::Deed;
use super::trace::{Fact, Made, Trace};
use super::world::World;
use crate::store::Store;
use pawl_engine::flow::Flow;
use pawl_engine::{Entry, EventId, Kind, Outcome, Run, RunId, Span, StepKey, Timestamp};
use std::collections::BTreeMap;

/// What a run may wait for a slot, a step that executes, or another try.
const SOON: Span = Span::from_secs(60);

/// Everything that is no matter of one scenario.
pub(super) async fn all(world: &World) {
    let wrong = journals(world).await;
    wrong.into_iter().for_each(|wrong| world.wrong(wrong));
    let is_let_be = world.plan.deeds.iter().all(|(_, deed)| matches!(deed, Deed::Send(..)));
    let sure = !world.plan.faults.any() && is_let_be;
    let is_free = world.plan.functions.iter().all(|(draft, _)| draft.flow == Flow::default());
    let wrong = world.trace(|trace| {
        let mut wrong = deeds(trace, &world.plan.deeds);
        wrong.extend(executions(trace, sure));
        wrong.extend(sends(trace));
        if is_let_be && is_free && world.is_calm() {
            wrong.extend(idles(trace));
        }
        for made in trace.made() {
            wrong.extend(waits(trace, &made.run, &said(&made.event).1));
            wrong.extend(invokes(trace, &made.run));
        }
        wrong
    });
    wrong.into_iter().for_each(|wrong| world.wrong(wrong));
}

/// Journals are what was written, fold, and end.
async fn journals(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    for (run, status) in world.runs().await {
        let row = world.memory.run(&run).await.expect("it is listed");
        if !status.is_final() {
            wrong.push(format!(
                "{run} of {} is {status:?} at the end: {:?}",
                row.function,
                row.journal.last()
            ));
        }
        if world.trace(|trace| trace.journals.get(&run).cloned().unwrap_or_default()) != row.journal {
            wrong.push(format!("{run}: its journal is not what was written"));
        }
        if let Err(e) = Run::fold(row.created_at, &row.journal) {
            wrong.push(format!("{run}: its journal does not fold: {e}"));
        }
        if let Some(Entry::Finished { outcome: Outcome::Failed(failure), .. }) = row.journal.last()
            && !matches!(failure.name.as_str(), "Whim")
        {
            wrong.push(format!("{run} failed by {}: {}", failure.name, failure.message));
        }
    }
    wrong
}

/// What was sent was accepted once.
fn deeds(trace: &Trace, deeds: &[(u64, Deed)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (_, deed) in deeds {
        let Deed::Send(name, n, key) = deed else { continue };
        let is_it = |event: &pawl_engine::Event| said(event) == (*n, key.clone());
        let count = trace.events(name).iter().filter(|(.., event)| is_it(event)).count();
        if count != 1 {
            wrong.push(format!("event {name} {n} was accepted {count} times"));
        }
    }
    wrong
}

/// Code was executed as often as the journal says, or more often where something was lost.
fn executions(trace: &Trace, is_sure: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (run, journal) in &trace.journals {
        for entry in journal {
            let (Entry::StepCompleted { step, op, attempt, .. }
            | Entry::StepFailed { step, op, attempt, .. }) = entry
            else {
                continue;
            };
            if !matches!(op, Kind::Run | Kind::Fetch) {
                continue;
            }
            let begun = trace.begun.get(&(run.clone(), step.to_string())).copied().unwrap_or(0);
            let expected = attempt + 1;
            if begun < expected || is_sure && begun != expected {
                wrong.push(format!("{run}: {step} was begun {begun} times in {expected} tries"));
            }
        }
    }
    wrong
}

/// Each event that a step sends is accepted once, and only with its step.
fn sends(trace: &Trace) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut by_step: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
    for (.., event) in trace.events(SENT) {
        let from = event.data.to_value()["from"].as_str().unwrap_or_default().to_owned();
        if !from.is_empty() {
            by_step.entry(from).or_default().push(event.id.clone());
        }
    }
    for (run, journal) in &trace.journals {
        for entry in journal {
            let Entry::StepCompleted { step, op: Kind::Send, output, .. } = entry else { continue };
            let sent = by_step.remove(&format!("{run}/{step}")).unwrap_or_default();
            let sent: Vec<_> = sent.iter().map(EventId::as_str).collect();
            if output.to_value() != serde_json::json!(sent) {
                wrong.push(format!("{run}: {step} says that it sent {output:?}, and sent {sent:?}"));
            }
        }
    }
    wrong.extend(by_step.into_keys().map(|from| format!("{from} sent, and knows nothing of it")));
    wrong
}

/// Where nothing is in the way, a run goes on soon after it could: when its time has come,
/// when an event that it waits for has, or a run that it invoked is over.
fn idles(trace: &Trace) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_late = |from: Timestamp, to: Timestamp| (to - from) > SOON;
    for (run, journal) in &trace.journals {
        for pair in journal.windows(2) {
            if let Entry::Parked { until, .. } = &pair[0]
                && is_late(*until, pair[1].at())
            {
                wrong.push(format!("{run} was to go on at {until:?}, and did at {:?}", pair[1].at()));
            }
        }
        for entry in journal {
            let came = match entry {
                Entry::StepCompleted { op: Kind::Wait, output, .. } => {
                    output.to_value()["id"].as_str().and_then(|id| trace.came(id))
                }
                Entry::StepCompleted { op: Kind::Invoke, step, .. } => {
                    let child = journal.iter().find_map(|entry| match entry {
                        Entry::InvokeStarted { step: s, run, .. } if s == step => Some(run),
                        _ => None,
                    });
                    child.and_then(|child| trace.end_of(child)).map(|(at, _)| at)
                }
                _ => None,
            };
            if came.is_some_and(|came| is_late(came, entry.at())) {
                wrong.push(format!("{run} heard of what came at {came:?} only with {entry:?}"));
            }
        }
    }
    wrong
}

/// What the trace says of one step of a run: where it began and where it settled.
fn settled<'a>(trace: &'a Trace, run: &RunId, step: &StepKey) -> Option<(usize, &'a Entry)> {
    trace.facts().iter().enumerate().find_map(|(place, (_, fact))| match fact {
        Fact::Written { run: r, entry } if r == run => match entry {
            Entry::StepCompleted { step: s, .. } | Entry::StepFailed { step: s, .. } if s == step => {
                Some((place, entry))
            }
            _ => None,
        },
        _ => None,
    })
}

/// A wait gets the first event that it waits for after it began, or nothing at its timeout.
fn waits(trace: &Trace, run: &RunId, key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (began, (_, fact)) in trace.facts().iter().enumerate() {
        let Fact::Written { run: r, entry: Entry::WaitStarted { step, until, event: name, .. } } = fact
        else {
            continue;
        };
        if r != run {
            continue;
        }
        let Some((ended, Entry::StepCompleted { output, .. })) = settled(trace, run, step) else { continue };
        // of those that came in with the very commit that began the wait it is not told
        let mut matching = trace.events(name).into_iter().filter(|(place, _, event)| {
            *place > began
                && said(event).1 == key
                && event.received_at < *until
                && !trace.is_at_once(began, *place)
        });
        let first = matching.next();
        let got = output.to_value()["id"].as_str().map(ToOwned::to_owned);
        // an event shows its sender's id where it has one
        let id = |event: &pawl_engine::Event| {
            event.sender.as_ref().map_or_else(|| event.id.to_string(), |s| s.id.clone())
        };
        match (&first, &got) {
            (None, None) => {}
            // received in time, and stored too late
            (Some((_, at, _)), None) if at >= until => {}
            (Some((place, _, event)), Some(got)) if id(event) == *got && *place < ended => {}
            _ => wrong.push(format!(
                "{run}: {step} got {got:?} (at {ended}), and the first was {:?} (at {:?}, began {began})",
                first.as_ref().map(|(.., e)| id(e)),
                first.as_ref().map(|(place, ..)| place)
            )),
        }
    }
    wrong
}

/// An invoke gets the end of its run, or nothing in time.
fn invokes(trace: &Trace, run: &RunId) -> Vec<String> {
    let mut wrong = Vec::new();
    for entry in trace.journals.get(run).into_iter().flatten() {
        let Entry::InvokeStarted { step, until, run: child, .. } = entry else { continue };
        let Some((ended, entry)) = settled(trace, run, step) else { continue };
        let child_end = trace.end_place(child);
        let outcome = trace.end_of(child).map(|(_, outcome)| outcome);
        let is_right = match (entry, outcome) {
            (Entry::StepCompleted { output, .. }, Some(Outcome::Completed(gave))) => {
                child_end < Some(ended) && output.as_str() == gave.as_str()
            }
            (Entry::StepFailed { failure, at, .. }, outcome) => match failure.name.as_str() {
                "InvokeTimeout" => at >= until && child_end.is_none_or(|end| trace.facts()[end].0 >= *until),
                "InvokeSkipped" => outcome.is_none(),
                "Cancelled" => matches!(outcome, Some(Outcome::Cancelled(_))),
                name => matches!(outcome, Some(Outcome::Failed(f)) if f.name == name),
            },
            _ => false,
        };
        if !is_right {
            wrong.push(format!(
                "{run}: {step} of {child} ended so: {entry:?}, and the run is over at {child_end:?}"
            ));
        }
    }
    wrong
}

/// In no stretch of time more than a rate lets through; `at_once`, then one each `each_ms`.
pub(super) fn never_faster(times: &[Timestamp], at_once: u64, each_ms: u64) -> Option<String> {
    let mut times = times.to_vec();
    times.sort();
    for (first, from) in times.iter().enumerate() {
        for (last, to) in times.iter().enumerate().skip(first) {
            let (count, allowed) = ((last - first + 1) as u64, at_once + (*to - *from).as_millis() / each_ms);
            if count > allowed {
                return Some(format!("{count} from {from:?} to {to:?}, and {allowed} are allowed"));
            }
        }
    }
    None
}

/// Runs of a function, with their keys.
pub(super) fn of<'a>(trace: &Trace, function: &'a str) -> impl Iterator<Item = (Made, String)> + 'a {
    let made = trace.made();
    made.into_iter().filter(move |made| made.function.as_str() == function).map(|made| {
        let key = said(&made.event).1;
        (made, key)
    })
}
