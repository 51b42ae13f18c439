//! What a commit makes true, and what happens to runs when their time is up.

use super::admit::accept;
use super::listen::{give_up, post, urge, wait};
use super::tx::{Alarm, Bell, Effects, Place, RunNow, Tx, URGENT, extras};
use super::{Accepted, Commit, StoreError, Then};
use crate::pulse::{Fact, Tried};
use pawl_engine::event::{Event, SenderId};
use pawl_engine::flow::Lane;
use pawl_engine::index::Index;
use pawl_engine::{Entry, Kind, Mail, RunId, Span, StepKey, Timestamp};

/// The place of a run that does not go on by itself.
const NEVER: i64 = i64::MAX;

/// A claimed run of which nothing is recorded yet is looked at again after this time.
const STARTING: Span = Span::from_secs(10);

/// Whether a commit is one statement that concerns nobody else.
pub(super) fn is_one_entry(commit: &Commit) -> bool {
    let is_alone = commit.entries.len() == 1 && commit.then == Then::Keep && commit.also.is_empty();
    is_alone && waited(&commit.entries[0]).is_none()
}

/// Appends to the journal of the run that the caller holds, and all that goes with it.
pub(super) fn commit(
    tx: &mut impl Tx,
    fx: &mut Effects,
    run: &RunId,
    commit: &Commit,
) -> Result<(), StoreError> {
    for step in commit.entries.iter().filter_map(waited) {
        give_up(tx, run, step, commit.also.read)?;
    }
    for (seq, entry) in (commit.expect..).zip(&commit.entries) {
        // a taken place (the journal is longer than the caller believes) is a conflict
        tx.append(run, seq, entry)?;
    }
    fx.facts.push(Fact::Moved { run: run.clone() });
    fx.facts.extend(commit.entries.iter().filter_map(tried));
    if !commit.also.is_empty() {
        before(tx, fx, run, commit)?;
    }
    // a run that is over holds no keys when the events of its end are accepted
    let end = match commit.then {
        Then::Release(index) if index.status.is_final() => Some(index),
        _ => None,
    };
    if let Some(index) = &end {
        finish(tx, fx, run, index)?;
    }
    if !commit.also.is_empty() {
        after(tx, fx, run, commit, end.is_some())?;
    }
    match commit.then {
        Then::Release(index) if end.is_none() => park(tx, fx, run, &index, commit),
        Then::Keep if !commit.entries.is_empty() && !tx.is_settled(run) => settle(tx, fx, run),
        _ => Ok(()),
    }
}

/// The step that has waited in vain by this entry.
fn waited(entry: &Entry) -> Option<&StepKey> {
    match entry {
        Entry::StepCompleted { step, op: Kind::Wait, output, .. } if output.is_null() => Some(step),
        _ => None,
    }
}

/// The try that an entry is the end of.
fn tried(entry: &Entry) -> Option<Fact> {
    match entry {
        Entry::AttemptFailed { op, .. } => Some(Fact::Tried { op: *op, how: Tried::Retrying }),
        Entry::StepCompleted { op, .. } => Some(Fact::Tried { op: *op, how: Tried::Completed }),
        Entry::StepFailed { op, .. } => Some(Fact::Tried { op: *op, how: Tried::Failed }),
        Entry::Started { .. }
        | Entry::SleepStarted { .. }
        | Entry::SleepEnded { .. }
        | Entry::WaitStarted { .. }
        | Entry::InvokeStarted { .. }
        | Entry::FetchStarted { .. }
        | Entry::TryFailed { .. }
        | Entry::Parked { .. }
        | Entry::Paused { .. }
        | Entry::Resumed { .. }
        | Entry::Moved { .. }
        | Entry::Finished { .. } => None,
    }
}

/// When a commit happens: a store has no clock.
fn moment(tx: &impl Tx, run: &RunId, commit: &Commit) -> Result<Timestamp, StoreError> {
    let said = commit.entries.last().map(|entry| entry.at());
    match said.or_else(|| commit.also.accepts.first().map(|accept| accept.event.received_at)) {
        Some(at) => Ok(at),
        // it was claimed, so this has come
        None => Ok(Timestamp::from_millis(tx.place(run)?.map_or(0, |place| place.ready_at))),
    }
}

/// What concerns the run itself, before it ends.
fn before(tx: &mut impl Tx, fx: &mut Effects, run: &RunId, commit: &Commit) -> Result<(), StoreError> {
    let also = &commit.also;
    if also.read > 0 {
        tx.drop_mail(run, Some(also.read))?;
    }
    if !also.lines.is_empty() {
        tx.put_lines(run, &also.lines)?;
    }
    if let Some(deployment) = &also.deployment {
        tx.set_deployment(run, deployment)?;
    }
    if let Some((at, reason)) = &also.cancel_at {
        let alarm = Alarm { run: run.clone(), bell: Bell::Finish, at: *at, reason: reason.clone() };
        tx.put_alarm(&alarm)?;
        tx.add_extras(run, extras::ALARMS)?;
        fx.alarm(*at);
    }
    Ok(())
}

/// What concerns others, and the run as long as it is not over.
fn after(
    tx: &mut impl Tx,
    fx: &mut Effects,
    run: &RunId,
    commit: &Commit,
    is_over: bool,
) -> Result<(), StoreError> {
    let also = &commit.also;
    for accepted in &also.accepts {
        if let Accepted::Duplicate(first) = accept(tx, fx, accepted)? {
            // the step has given the new id away: it leads to the first event
            let sender = Some(SenderId { source: "pawl", id: accepted.event.id.to_string() });
            tx.take_sender(&Event { id: first, sender, ..accepted.event.clone() })?;
        }
    }
    // "from now on": the events above are not waited for
    if !also.watches.is_empty() && !is_over {
        let now = moment(tx, run, commit)?;
        for (step, watch) in &also.watches {
            wait(tx, fx, run, (step, watch), now)?;
        }
        tx.add_extras(run, extras::WATCHES)?;
    }
    if !also.mail.is_empty() {
        let now = moment(tx, run, commit)?;
        for (to, mail) in &also.mail {
            post(tx, fx, to, mail, now)?;
        }
    }
    Ok(())
}

/// The run is over: nothing of what surrounded it stays.
fn finish(tx: &mut impl Tx, fx: &mut Effects, run: &RunId, index: &Index) -> Result<(), StoreError> {
    let now = tx.set_index(run, index)?;
    tx.dequeue(run)?;
    if let Some(at) = index.ended_at {
        let (run, function) = (run.clone(), now.function.clone());
        fx.facts.push(Fact::Ended { run, function, status: index.status, started_at: index.started_at, at });
    }
    if now.extras & extras::WATCHES != 0 {
        tx.drop_watches(run, None)?;
    }
    if now.extras & extras::MAIL != 0 {
        tx.drop_mail(run, None)?;
    }
    if now.extras & extras::HOLDS != 0 {
        tx.drop_holds(run, None)?;
    }
    if now.extras & extras::ALARMS != 0 {
        tx.drop_alarm(run, None)?;
    }
    Ok(())
}

fn own_lane(run: &RunNow) -> String {
    run.lane.clone().unwrap_or_else(|| Lane::open(run.function.clone()).to_json())
}

/// The run leaves its instance and is not over. What it has not read wakes it at once.
fn park(
    tx: &mut impl Tx,
    fx: &mut Effects,
    run: &RunId,
    index: &Index,
    commit: &Commit,
) -> Result<(), StoreError> {
    let now = tx.set_index(run, index)?;
    let unread = if now.extras & extras::MAIL != 0 { tx.mail(run)? } else { Vec::new() };
    if unread.iter().any(|mail| matches!(mail, Mail::Cancel { .. })) {
        let moment = moment(tx, run, commit)?;
        return urge(tx, fx, run, moment);
    }
    let former = match index.started_at {
        // it has not started: its place and its gates are still its own
        None => tx.place(run)?.filter(|former| former.lane != URGENT),
        Some(_) => None,
    };
    let Some(wake_at) = index.wake_at else {
        return match former {
            Some(former) => tx.move_to(run, &Place { ready_at: NEVER, ..former }).map(|_| ()),
            None => tx.dequeue(run),
        };
    };
    let ready_at = match unread.is_empty() {
        true => wake_at,
        false => wake_at.min(moment(tx, run, commit)?),
    }
    .as_millis();
    let mut place = Place { lane: own_lane(&now), place: ready_at, ready_at };
    if let Some(former) = former {
        let is_due = commit.entries.is_empty() || former.ready_at == NEVER || !unread.is_empty();
        let ready_at = if is_due { ready_at } else { former.ready_at };
        let ahead = match former.ready_at {
            NEVER => 0,
            then => then.saturating_sub(former.place),
        };
        place = Place { place: ready_at.saturating_sub(ahead), ready_at, lane: former.lane };
    }
    if !tx.move_to(run, &place)? {
        tx.enqueue(run, &place)?;
    }
    fx.places.push(place);
    Ok(())
}

/// The run has a journal from now on: if its claim is lost, it has started all the same.
fn settle(tx: &mut impl Tx, fx: &mut Effects, run: &RunId) -> Result<(), StoreError> {
    fx.settled = Some(run.clone());
    let now = tx.run(run)?.ok_or(StoreError::NotFound)?;
    let Some(place) = tx.place(run)? else { return Ok(()) };
    let lane = own_lane(&now);
    if place.lane != lane && place.lane != URGENT {
        tx.move_to(run, &Place { lane, place: place.ready_at, ready_at: place.ready_at })?;
    }
    Ok(())
}

/// Cancels the runs whose time is up. `false`: there may be more of them.
pub(super) fn ring(tx: &mut impl Tx, fx: &mut Effects, now: Timestamp) -> Result<bool, StoreError> {
    let due = tx.due_alarms(now)?;
    for alarm in &due {
        tx.drop_alarm(&alarm.run, Some(alarm.bell))?;
        if alarm.bell == Bell::Start {
            if tx.has_journal(&alarm.run)? {
                continue;
            }
            if tx.is_held(&alarm.run) {
                // it is about to start; if its host dies before that is written, it has not
                let at = now + STARTING;
                tx.put_alarm(&Alarm { at, ..alarm.clone() })?;
                fx.alarm(at);
                continue;
            }
        }
        post(tx, fx, &alarm.run, &Mail::Cancel { reason: alarm.reason.clone() }, now)?;
    }
    Ok(due.is_empty())
}
