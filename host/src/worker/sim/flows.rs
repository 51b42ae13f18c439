//! What holds for functions with a flow: each check goes through what happened, and knows by
//! itself what the store should have made of it.

use super::checks::{never_faster, of};
use super::guests::said;
use super::trace::{Fact, Trace};
use super::world::World;
use pawl_engine::flow::SingletonMode;
use pawl_engine::{Entry, Event, EventId, FunctionId, Manifest, Outcome, RunId, Timestamp};
use std::collections::BTreeMap;

fn manifest(world: &World) -> &Manifest {
    world.manifest(&FunctionId::new("f"))
}

fn report(world: &World, wrong: Vec<String>) {
    wrong.into_iter().for_each(|wrong| world.wrong(wrong));
}

/// An event that may make a run of `f`: its place, its key, and the run.
type Start = (usize, String, Event, Option<RunId>);

/// All of them.
fn starts(trace: &Trace, is_keyed: bool) -> Vec<Start> {
    (0..trace.facts().len()).filter_map(|place| start_at(trace, is_keyed, place)).collect()
}

/// The one at this place of the trace.
fn start_at(trace: &Trace, is_keyed: bool, place: usize) -> Option<Start> {
    match &trace.facts()[place].1 {
        Fact::Accepted { event, made } if &*event.name == "sim/a" => {
            let key = if is_keyed { said(event).1 } else { String::new() };
            Some((place, key, (**event).clone(), made.first().map(|(run, _)| run.clone())))
        }
        _ => None,
    }
}

/// Starts keep to their throttle, by key.
pub(super) fn throttle(world: &World) {
    let throttle = manifest(world).flow.throttle.clone().expect("it has one");
    let each = throttle.period.as_millis() / u64::from(throttle.limit);
    let at_once = u64::from(throttle.limit + throttle.burst);
    let wrong: Vec<_> = world.trace(|trace| {
        let mut starts: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (made, key) in of(trace, "f") {
            let key = if throttle.key.is_some() { key } else { String::new() };
            starts.entry(key).or_default().extend(trace.beginning(&made.run).map(|(_, now)| now));
        }
        starts.values().filter_map(|times| never_faster(times, at_once, each)).collect()
    });
    report(world, wrong);
}

/// Exactly the runs are made that a bucket which leaks evenly lets through.
pub(super) fn rate_limit(world: &World) {
    let flow = &manifest(world).flow;
    let (is_keyed, each, more) = match &flow.rate_limit {
        Some(limit) => {
            let each = limit.period.as_millis() / u64::from(limit.limit);
            (limit.key.is_some(), each as i64, i64::from(limit.limit / 10))
        }
        None => (true, 86_400_000, 0),
    };
    let wrong = world.trace(|trace| {
        let mut filled: BTreeMap<String, i64> = BTreeMap::new();
        let mut wrong = Vec::new();
        for (_, key, event, made) in starts(trace, is_keyed) {
            let (now, until) = (event.received_at.as_millis(), filled.entry(key).or_default());
            let is_let_through = (*until).max(now) - now <= each * more;
            if is_let_through {
                *until = (*until).max(now) + each;
            }
            if is_let_through != made.is_some() {
                wrong.push(format!("rate: event {} made {made:?}", event.id));
            }
        }
        wrong
    });
    report(world, wrong);
}

/// A run that takes further events.
struct Open {
    run: RunId,
    first: Timestamp,
    due: Timestamp,
    events: Vec<EventId>,
}

/// Goes through what happened; `due` says until when a run with these events waits; it does not
/// when it is full. Gives all the runs with the events that came together, and when they were due.
fn gathered(
    trace: &Trace,
    is_keyed: bool,
    due: impl Fn(&Open, Timestamp) -> Option<Timestamp>,
) -> (Vec<Open>, Vec<String>) {
    let (mut open, mut closed, mut wrong) = (BTreeMap::<String, Open>::new(), Vec::new(), Vec::new());
    for (place, (_, fact)) in trace.facts().iter().enumerate() {
        if let Fact::Claimed { run, .. } = fact {
            let key = open.iter().find(|(_, open)| open.run == *run).map(|(key, _)| key.clone());
            closed.extend(key.and_then(|key| open.remove(&key)));
        }
        let Some((_, key, event, made)) = start_at(trace, is_keyed, place) else { continue };
        let now = event.received_at;
        let mut joined = match open.remove(&key) {
            Some(joined) if now < joined.due => joined,
            former => {
                closed.extend(former);
                let Some(run) = made.clone() else {
                    wrong.push(format!("event {} made no run, and could join none", event.id));
                    continue;
                };
                Open { run, first: now, due: now, events: Vec::new() }
            }
        };
        if !joined.events.is_empty() && made.is_some() {
            wrong.push(format!("event {} made a run of its own", event.id));
        }
        joined.events.push(event.id.clone());
        match due(&joined, now) {
            Some(due) => {
                joined.due = due;
                open.insert(key, joined);
            }
            None => {
                joined.due = now;
                closed.push(joined);
            }
        }
    }
    closed.extend(open.into_values());
    (closed, wrong)
}

/// The runs began no earlier than they were due, and at once where nothing was in the way.
fn began(world: &World, trace: &Trace, runs: &[Open]) -> Vec<String> {
    let is_prompt = world.is_calm() && world.plan.slots > runs.len() as u64;
    let late = |open: &&Open| {
        let began = trace.beginning(&open.run).map(|(_, now)| now);
        began.is_none_or(|began| began < open.due || is_prompt && began > open.due)
    };
    let late = runs.iter().filter(late);
    late.map(|open| {
        format!("{} was due at {:?} and began {:?}", open.run, open.due, trace.beginning(&open.run))
    })
    .collect()
}

/// One run for events that follow each other, with the last one of them.
pub(super) fn debounce(world: &World) {
    let debounce = manifest(world).flow.debounce.clone().expect("it has one");
    let wrong = world.trace(|trace| {
        let (runs, mut wrong) = gathered(trace, debounce.key.is_some(), |open, now| {
            let latest = debounce.timeout.map(|timeout| open.first + timeout);
            Some(latest.map_or(now + debounce.period, |latest| latest.min(now + debounce.period)))
        });
        for open in &runs {
            let got = trace.inputs.get(&open.run);
            if got.map(Vec::as_slice) != Some(&open.events[open.events.len() - 1..]) {
                wrong.push(format!("{} has {got:?} of {:?}", open.run, open.events));
            }
        }
        wrong.extend(began(world, trace, &runs));
        wrong
    });
    report(world, wrong);
}

/// Every event is in one batch, in its order.
pub(super) fn batch(world: &World) {
    let batch = manifest(world).flow.batch.clone().expect("it has one");
    let wrong = world.trace(|trace| {
        let (runs, mut wrong) = gathered(trace, batch.key.is_some(), |open, _| {
            let is_full = open.events.len() >= batch.max_size as usize;
            (!is_full).then_some(open.first + batch.timeout)
        });
        for open in &runs {
            let got = trace.inputs.get(&open.run);
            if got != Some(&open.events) {
                wrong.push(format!("{} has {got:?}, and not {:?}", open.run, open.events));
            }
        }
        wrong.extend(began(world, trace, &runs));
        wrong
    });
    report(world, wrong);
}

/// Whether a run is over at this place.
fn is_over(trace: &Trace, run: &RunId, place: usize) -> bool {
    trace.end_place(run).is_some_and(|end| end < place)
}

/// A second run is not made, or takes the place of the first.
pub(super) fn singleton(world: &World) {
    let singleton = manifest(world).flow.singleton.clone().expect("it is one");
    let wrong = world.trace(|trace| {
        let (mut holders, mut wrong) = (BTreeMap::<String, RunId>::new(), Vec::new());
        for (place, key, event, made) in starts(trace, singleton.key.is_some()) {
            let holder = holders.get(&key).filter(|run| !is_over(trace, run, place));
            match (holder, &made, singleton.mode) {
                (Some(_), None, SingletonMode::Skip) | (None, Some(_), _) => {}
                (Some(holder), Some(_), SingletonMode::Cancel) => {
                    wrong.extend(ends_cancelled(trace, holder, place));
                }
                _ => wrong.push(format!("event {} made {made:?} beside {holder:?}", event.id)),
            }
            holders.extend(made.map(|made| (key, made)));
        }
        wrong
    });
    report(world, wrong);
}

/// From there on nothing of the run begins, and it ends as cancelled.
fn ends_cancelled(trace: &Trace, run: &RunId, place: usize) -> Option<String> {
    let at = trace.facts()[place].0;
    let mut after = trace.facts()[place..].iter();
    if after.any(|(t, fact)| matches!(fact, Fact::Begun { run: r } if r == run && *t > at)) {
        return Some(format!("{run} was cancelled at {at:?}, and begins a step afterwards"));
    }
    let written = trace.facts()[place..].iter().filter_map(|(_, fact)| match fact {
        Fact::Written { run: r, entry } if r == run => Some(entry),
        _ => None,
    });
    match written.collect::<Vec<_>>()[..] {
        [Entry::Finished { outcome: Outcome::Cancelled(_), .. }] => None,
        ref other => Some(format!("{run} was cancelled at {at:?}, and wrote {other:?}")),
    }
}

/// Runs are cancelled by their events and times, and by nothing else.
pub(super) fn cancels(world: &World) {
    let flow = manifest(world).flow.clone();
    let is_calm = world.is_calm();
    let wrong = world.trace(|trace| {
        let (mut wrong, mut by_event) = (Vec::new(), Vec::new());
        for (place, _, event) in trace.events("sim/cancel") {
            for (made, key) in of(trace, "f") {
                let watch = flow.cancel_on.first();
                let until = watch.and_then(|w| w.timeout).map(|timeout| made.event.received_at + timeout);
                let is_meant = watch.is_some()
                    && key == said(&event).1
                    && made.place < place
                    && !is_over(trace, &made.run, place)
                    && until.is_none_or(|until| event.received_at < until)
                    && !by_event.contains(&made.run);
                if is_meant && !is_doomed(trace, &made.run, place) {
                    wrong.extend(ends_cancelled(trace, &made.run, place));
                    by_event.push(made.run.clone());
                }
            }
        }
        for (made, _) in of(trace, "f") {
            let began = trace.journals.get(&made.run).into_iter().flatten().find_map(|entry| match entry {
                Entry::Started { at } => Some(*at),
                _ => None,
            });
            let Some((ended, outcome)) = trace.end_of(&made.run) else { continue };
            let why = match outcome {
                Outcome::Cancelled(why) => why,
                _ => String::new(),
            };
            let start_by = flow.timeouts.start.map(|span| made.event.received_at + span);
            let finish_by = flow.timeouts.finish.and_then(|span| began.map(|at| at + span));
            let is_right = match &why {
                why if why.starts_with("cancelled by event") => by_event.contains(&made.run),
                why if why.starts_with("not started") => began.is_none() && Some(ended) >= start_by,
                why if why.starts_with("not finished") => finish_by.is_some_and(|by| ended >= by),
                why => why.is_empty(),
            };
            let is_late = start_by.is_some_and(|by| began.is_some_and(|began| began > by))
                || finish_by.is_some_and(|by| ended > by);
            if !is_right || is_calm && is_late {
                wrong
                    .push(format!("{} began {began:?}, ended {ended:?}: `{why}`, late: {is_late}", made.run));
            }
        }
        wrong
    });
    report(world, wrong);
}

/// Whether something else had cancelled the run before: a time, of which the trace shows only
/// the end.
fn is_doomed(trace: &Trace, run: &RunId, place: usize) -> bool {
    trace.end_of(run).is_some_and(|(_, outcome)| match outcome {
        Outcome::Cancelled(why) => why.starts_with("not ") && !is_over(trace, run, place),
        _ => false,
    })
}
