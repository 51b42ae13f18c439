//! Events and their runs come in: who is told of an event, and which of its runs there
//! are under their terms.

use super::listen::{first_waiting, fulfilled, post, tell};
use super::tx::{Alarm, Bell, Effects, Hold, Kind, Place, Tx, extras};
use super::{Accept, Accepted, Keep, NewRun, Skip, StoreError, Why};
use crate::pulse::Fact;
use pawl_engine::event::Event;
use pawl_engine::flow::{BATCH_BYTES, Check, Gather, SingletonMode};
use pawl_engine::{EventId, Failure, Mail, RunId, Span, Timestamp};

/// Stores an event and its runs, unless its sender's id is known.
pub(super) fn accept(tx: &mut impl Tx, fx: &mut Effects, accept: &Accept) -> Result<Accepted, StoreError> {
    let event = &accept.event;
    let first = match accept.keep {
        Keep::Always => tx.take_sender(event)?,
        Keep::IfHeard | Keep::ForOne => tx.known_sender(event)?,
    };
    if let Some(first) = first {
        let source = event.sender.as_ref().map(|sender| sender.source);
        fx.facts.push(Fact::Duplicate { event: first.clone(), source });
        return Ok(Accepted::Duplicate(first));
    }
    if accept.keep == Keep::ForOne {
        return for_one(tx, fx, event);
    }
    // before its runs begin, which do not watch for their own event
    let told = fulfilled(tx, event)?;
    let mut is_heard = accept.keep == Keep::Always || !told.is_empty();
    if !is_heard && accept.runs.is_empty() {
        return Ok(Accepted::Unheard);
    }
    let told_so_far = fx.facts.len();
    put(tx, fx, event)?;
    for watching in told {
        tell(tx, fx, watching, event)?;
    }
    for run in &accept.runs {
        is_heard |= begin(tx, fx, event, run)?;
    }
    if !is_heard {
        tx.drop_event(&event.id)?;
        fx.facts.truncate(told_so_far);
        return Ok(Accepted::Unheard);
    }
    if accept.keep == Keep::IfHeard {
        tx.take_sender(event)?;
    }
    Ok(Accepted::New(event.id.clone()))
}

fn put(tx: &mut impl Tx, fx: &mut Effects, event: &Event) -> Result<(), StoreError> {
    tx.put_event(event)?;
    fx.facts.push(Fact::Accepted {
        event: event.id.clone(),
        name: event.name.clone(),
        source: event.sender.as_ref().map(|sender| sender.source),
        at: event.received_at,
    });
    Ok(())
}

/// An event that is for one step alone.
fn for_one(tx: &mut impl Tx, fx: &mut Effects, event: &Event) -> Result<Accepted, StoreError> {
    let Some(waiting) = first_waiting(tx, event)? else { return Ok(Accepted::Unheard) };
    put(tx, fx, event)?;
    tx.take_sender(event)?;
    let run = waiting.run.clone();
    tell(tx, fx, waiting, event)?;
    Ok(Accepted::Taken(run))
}

/// Begins one more run of stored events. One that its checks refuse is a conflict.
pub(super) fn start(
    tx: &mut impl Tx,
    fx: &mut Effects,
    events: &[EventId],
    run: &NewRun,
) -> Result<(), StoreError> {
    let (Some(first), now) = (events.first(), run.created_at) else { return Err(StoreError::Conflict) };
    match check(tx, run, None, now)? {
        Ok(passed) => pass(tx, fx, passed, &run.id, now)?,
        Err(_) => return Err(StoreError::Conflict),
    }
    make(tx, fx, first, run, now)?;
    if events.len() > 1 {
        for (n, event) in (0..).zip(events) {
            tx.put_in_batch(&run.id, n, event)?;
        }
        tx.add_extras(&run.id, extras::BATCH)?;
    }
    Ok(())
}

/// Makes a run of an event, or lets the event join one. `false`: neither.
fn begin(tx: &mut impl Tx, fx: &mut Effects, event: &Event, run: &NewRun) -> Result<bool, StoreError> {
    let now = event.received_at;
    let gather = run.terms.gather.as_ref().filter(|_| is_free(run));
    let open = match gather {
        Some(gather) => open(tx, gather, now)?,
        None => None,
    };
    match check(tx, run, open.as_ref().map(|hold| &hold.run), now)? {
        Ok(passed) => {
            let holder = open.as_ref().map_or(&run.id, |hold| &hold.run);
            pass(tx, fx, passed, holder, now)?;
        }
        Err((why, other)) => {
            refuse(tx, fx, event, run, why, other)?;
            return Ok(false);
        }
    }
    match (gather, open) {
        (Some(Gather::Debounce { period, timeout, key }), Some(hold)) => {
            let latest = timeout.map(|timeout| hold.first_at + timeout);
            let due = latest.map_or(now + *period, |latest| latest.min(now + *period));
            replace(tx, fx, event, run, key, Hold { due_at: due, ..hold })?;
        }
        (Some(Gather::Batch { key, max, .. }), Some(hold)) => join(tx, fx, event, run, key, *max, hold)?,
        (Some(Gather::Debounce { key, period, timeout }), None) => {
            let period = timeout.map_or(*period, |timeout| timeout.min(*period));
            gather_from(tx, fx, event, run, key, Some(period))?;
        }
        (Some(Gather::Batch { key, max, timeout }), None) => {
            let is_full = *max <= 1 || event.data.as_str().len() > BATCH_BYTES;
            gather_from(tx, fx, event, run, key, Some(*timeout).filter(|_| !is_full))?;
        }
        (None, _) => make(tx, fx, &event.id, run, run.created_at)?,
    }
    Ok(true)
}

/// Whether a run may come together with other events: one that somebody waits for, or of
/// which something is known already, stands alone.
fn is_free(run: &NewRun) -> bool {
    run.parent.is_none() && run.journal.is_empty()
}

/// The run that takes further events of this key. It does until its time, unless it is
/// claimed or was before.
fn open(tx: &impl Tx, gather: &Gather, now: Timestamp) -> Result<Option<Hold>, StoreError> {
    let (Gather::Debounce { key, .. } | Gather::Batch { key, .. }) = gather;
    let Some(hold) = tx.hold(Kind::Gather, key)? else { return Ok(None) };
    let is_open = now < hold.due_at
        && !tx.is_held(&hold.run)
        && !tx.has_journal(&hold.run)?
        && tx.run(&hold.run)?.is_some_and(|run| !run.is_over);
    Ok(is_open.then_some(hold))
}

/// What becomes true when all checks are passed.
struct Passed {
    rates: Vec<(String, Timestamp)>,
    /// Keys to hold, and who is cancelled for each.
    singles: Vec<(String, Option<RunId>)>,
}

type Refused = (Why, Option<RunId>);

/// Looks at all of a run's checks and changes nothing: a rate is not used up by a run that
/// a later check refuses. `joined` is the run that the event would join.
fn check(
    tx: &impl Tx,
    run: &NewRun,
    joined: Option<&RunId>,
    now: Timestamp,
) -> Result<Result<Passed, Refused>, StoreError> {
    let mut passed = Passed { rates: Vec::new(), singles: Vec::new() };
    for check in &run.terms.checks {
        match check {
            Check::Rate { key, rate } => match rate.pass(tx.rate(key)?, now) {
                Ok(memory) => passed.rates.push((key.clone(), memory)),
                Err(_) => return Ok(Err((Why::RateLimit, None))),
            },
            Check::Single { key, mode } => {
                let holder = tx.hold(Kind::Single, key)?.map(|hold| hold.run);
                let is_live = |run: &RunId| tx.run(run).map(|run| run.is_some_and(|run| !run.is_over));
                match (holder, mode) {
                    (Some(holder), _) if Some(&holder) == joined => {}
                    (Some(holder), SingletonMode::Skip) if is_live(&holder)? => {
                        return Ok(Err((Why::Singleton, Some(holder))));
                    }
                    (holder, _) => passed.singles.push((key.clone(), holder)),
                }
            }
        }
    }
    Ok(Ok(passed))
}

fn pass(
    tx: &mut impl Tx,
    fx: &mut Effects,
    passed: Passed,
    holder: &RunId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (key, memory) in passed.rates {
        tx.set_rate(&key, memory, now)?;
    }
    for (key, former) in passed.singles {
        let hold = Hold { run: holder.clone(), first_at: now, due_at: now, count: 1, bytes: 0 };
        tx.put_hold(Kind::Single, &key, &hold)?;
        if let Some(former) = former {
            let reason = format!("run {holder} took its place: there is only one at a time");
            post(tx, fx, &former, &Mail::Cancel { reason }, now)?;
        }
    }
    Ok(())
}

/// There is no run. Who waits for its end hears of it.
fn refuse(
    tx: &mut impl Tx,
    fx: &mut Effects,
    event: &Event,
    run: &NewRun,
    why: Why,
    other: Option<RunId>,
) -> Result<(), StoreError> {
    let at = event.received_at;
    if let Some(parent) = &run.parent {
        let message = match why {
            Why::RateLimit => {
                format!("function {} has reached its rate limit: nothing was run", run.function)
            }
            _ => format!("function {} has a run that is not over: nothing was run", run.function),
        };
        let result = Err(Failure::new("InvokeSkipped", message).for_good());
        post(tx, fx, &parent.run, &Mail::Ended { step: parent.step.clone(), result }, at)?;
    }
    skip(tx, fx, &event.id, run, why, other, at)
}

fn skip(
    tx: &mut impl Tx,
    fx: &mut Effects,
    event: &EventId,
    run: &NewRun,
    why: Why,
    other: Option<RunId>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (function, of) = (run.function.clone(), event.clone());
    fx.facts.push(Fact::Skipped { function, event: of, why: why.as_str() });
    tx.put_skip(event, &Skip { function: run.function.clone(), why, run: other, at })
}

/// The lane of a run that has started, unless that is its function's open one.
fn own_lane(run: &NewRun) -> Option<String> {
    let lane = &run.terms.lane;
    (!lane.gates.is_empty() || lane.function != run.function).then(|| lane.to_json())
}

fn first_place(run: &NewRun, ready_at: Timestamp) -> Place {
    let ready_at = ready_at.as_millis();
    Place { lane: run.terms.fresh.to_json(), place: ready_at.saturating_sub(run.terms.ahead), ready_at }
}

/// Makes a run that may start at `ready_at`.
fn make(
    tx: &mut impl Tx,
    fx: &mut Effects,
    event: &EventId,
    run: &NewRun,
    ready_at: Timestamp,
) -> Result<(), StoreError> {
    let terms = &run.terms;
    let has = |there: bool, bit: u32| if there { bit } else { 0 };
    let waits = terms.start_within.filter(|_| run.journal.is_empty());
    let more = has(!terms.cancel_on.is_empty(), extras::WATCHES)
        | has(waits.is_some(), extras::ALARMS)
        | has(terms.checks.iter().any(|c| matches!(c, Check::Single { .. })), extras::HOLDS);
    tx.put_run(event, run, own_lane(run).as_deref(), more)?;
    let (function, event) = (run.function.clone(), event.clone());
    fx.facts.push(Fact::Made { run: run.id.clone(), function, event, at: run.created_at });
    for (seq, entry) in (0..).zip(&run.journal) {
        tx.append(&run.id, seq, entry)?;
    }
    let place = first_place(run, ready_at);
    tx.enqueue(&run.id, &place)?;
    fx.places.push(place);
    for watch in &terms.cancel_on {
        tx.put_watch(&run.id, None, watch)?;
    }
    waits.map_or(Ok(()), |span| expect_start(tx, fx, &run.id, ready_at, span))
}

fn expect_start(
    tx: &mut impl Tx,
    fx: &mut Effects,
    run: &RunId,
    ready_at: Timestamp,
    span: Span,
) -> Result<(), StoreError> {
    let at = ready_at + span;
    let reason = format!("not started within {}", words(span));
    fx.alarm(at);
    tx.put_alarm(&Alarm { run: run.clone(), bell: Bell::Start, at, reason })
}

fn words(span: Span) -> String {
    match span.as_millis() {
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

/// Makes a run that takes further events of its key for some time, if for any.
fn gather_from(
    tx: &mut impl Tx,
    fx: &mut Effects,
    event: &Event,
    run: &NewRun,
    key: &str,
    wait: Option<Span>,
) -> Result<(), StoreError> {
    let now = event.received_at;
    let ready_at = wait.map_or(now, |wait| now + wait);
    make(tx, fx, &event.id, run, ready_at.max(run.created_at))?;
    if wait.is_none() {
        return Ok(());
    }
    let bytes = event.data.as_str().len() as u64;
    let hold = Hold { run: run.id.clone(), first_at: now, due_at: ready_at, count: 1, bytes };
    tx.put_hold(Kind::Gather, key, &hold)?;
    tx.add_extras(&run.id, extras::HOLDS)
}

/// A debounced run waits on, with this event in place of the one it had.
fn replace(
    tx: &mut impl Tx,
    fx: &mut Effects,
    event: &Event,
    run: &NewRun,
    key: &str,
    hold: Hold,
) -> Result<(), StoreError> {
    let former = tx.run(&hold.run)?.ok_or(StoreError::NotFound)?;
    skip(tx, fx, &former.event, run, Why::Debounced, Some(hold.run.clone()), event.received_at)?;
    tx.redirect(&hold.run, &event.id, &run.deployment, own_lane(run).as_deref())?;
    if former.extras & extras::WATCHES != 0 {
        tx.drop_watches(&hold.run, None)?;
    }
    for watch in &run.terms.cancel_on {
        tx.put_watch(&hold.run, None, watch)?;
    }
    if former.extras & extras::ALARMS != 0 {
        tx.drop_alarm(&hold.run, Some(Bell::Start))?;
    }
    if let Some(span) = run.terms.start_within {
        expect_start(tx, fx, &hold.run, hold.due_at, span)?;
    }
    // watches and alarms are as the new terms have them, keys were put by the checks
    tx.add_extras(&hold.run, extras::WATCHES | extras::ALARMS | extras::HOLDS)?;
    set_due(tx, fx, run, &hold.run, hold.due_at)?;
    tx.put_hold(Kind::Gather, key, &Hold { count: hold.count.saturating_add(1), ..hold })
}

fn set_due(
    tx: &mut impl Tx,
    fx: &mut Effects,
    terms_of: &NewRun,
    run: &RunId,
    due: Timestamp,
) -> Result<(), StoreError> {
    let place = first_place(terms_of, due);
    tx.move_to(run, &place)?;
    fx.places.push(place);
    Ok(())
}

/// An event joins a batch, which starts when it is full.
fn join(
    tx: &mut impl Tx,
    fx: &mut Effects,
    event: &Event,
    run: &NewRun,
    key: &str,
    max: u32,
    hold: Hold,
) -> Result<(), StoreError> {
    let now = event.received_at;
    if hold.count == 1 {
        let first = tx.run(&hold.run)?.ok_or(StoreError::NotFound)?.event;
        tx.put_in_batch(&hold.run, 0, &first)?;
        tx.add_extras(&hold.run, extras::BATCH | extras::HOLDS)?;
    }
    tx.put_in_batch(&hold.run, hold.count, &event.id)?;
    skip(tx, fx, &event.id, run, Why::Batched, Some(hold.run.clone()), now)?;
    let hold = Hold { count: hold.count + 1, bytes: hold.bytes + event.data.as_str().len() as u64, ..hold };
    if hold.count < max && hold.bytes <= BATCH_BYTES as u64 {
        return tx.put_hold(Kind::Gather, key, &hold);
    }
    // full: it is due, in its own lane
    tx.drop_holds(&hold.run, Some(Kind::Gather))?;
    let Some(place) = tx.place(&hold.run)? else { return Ok(()) };
    let ahead = place.ready_at.saturating_sub(place.place);
    let now = now.as_millis();
    let place = Place { place: now.saturating_sub(ahead), ready_at: now, ..place };
    tx.move_to(&hold.run, &place)?;
    fx.places.push(place);
    Ok(())
}
