//! Who watches for an event, and what runs are told.

use super::StoreError;
use super::tx::{Effects, Kind, Place, Tx, URGENT, Watching, extras};
use pawl_engine::event::Event;
use pawl_engine::expr::{Expr, Scope, at};
use pawl_engine::flow::{Rival, Watch};
use pawl_engine::trigger::patterns;
use pawl_engine::{EventId, Failure, Mail, RunId, StepKey, Timestamp};
use std::collections::HashMap;

/// The watches that an event fulfils, in the order of their making. Those that are over
/// go when they are met.
pub(super) fn fulfilled(tx: &mut impl Tx, event: &Event) -> Result<Vec<Watching>, StoreError> {
    let mut found = Vec::new();
    let mut value = None;
    for name in patterns(&event.name).iter().filter(|name| tx.may_be_watched(name)) {
        for path in tx.watched_paths(name)? {
            let text = match path.as_str() {
                "" => String::new(),
                path => at(value.get_or_insert_with(|| event.to_value()), path),
            };
            found.extend(tx.watchings(name, &path, &text)?);
        }
    }
    taken(tx, found, event)
}

/// The first step that waits for an event of exactly this name by an equation that holds.
pub(super) fn first_waiting(tx: &mut impl Tx, event: &Event) -> Result<Option<Watching>, StoreError> {
    let (mut found, value) = (Vec::new(), event.to_value());
    for path in tx.watched_paths(&event.name)?.iter().filter(|path| !path.is_empty()) {
        found.extend(tx.watchings(&event.name, path, &at(&value, path))?);
    }
    found.retain(|watching| watching.step.is_some());
    Ok(taken(tx, found, event)?.into_iter().next())
}

/// Those of the watches that the event fulfils.
fn taken(tx: &mut impl Tx, found: Vec<Watching>, event: &Event) -> Result<Vec<Watching>, StoreError> {
    let mut taken = Vec::new();
    let mut filters = Filters::default();
    for watching in found {
        if watching.until <= event.received_at {
            tx.drop_watch(watching.id)?;
        } else if filters.take(tx, &watching, event)? {
            taken.push(watching);
        }
    }
    taken.sort_by_key(|watching| watching.id);
    Ok(taken)
}

/// Filters as they are parsed: many runs of one function watch with the same.
#[derive(Default)]
struct Filters {
    parsed: HashMap<String, Option<Expr>>,
}

impl Filters {
    fn take(&mut self, tx: &impl Tx, watching: &Watching, new: &Event) -> Result<bool, StoreError> {
        let Some(text) = &watching.filter else { return Ok(true) };
        if !self.parsed.contains_key(text) {
            let parsed = Expr::parse(text, Scope::Pair);
            if let Err(e) = &parsed {
                tracing::error!(run = %watching.run, error = %e, "a filter cannot be read: it takes no event");
            }
            self.parsed.insert(text.clone(), parsed.ok());
        }
        let Some(Some(filter)) = self.parsed.get(text) else { return Ok(false) };
        let Some(run) = tx.run(&watching.run)? else { return Ok(false) };
        let Some(own) = tx.event(&run.event)? else { return Ok(false) };
        Ok(Watch::takes(Some(filter), &own, new))
    }
}

/// The step waits from now on: unless it has to be the only one, and another one was before.
pub(super) fn wait(
    tx: &mut impl Tx,
    fx: &mut Effects,
    run: &RunId,
    (step, watch): (&StepKey, &Watch),
    now: Timestamp,
) -> Result<(), StoreError> {
    if let (Some(rival), Some((path, value))) = (watch.rival, &watch.index) {
        for other in tx.watchings(&watch.name, path, value)? {
            // one that has a filter as well waits for an event by a value
            let (Some(its_step), None) = (&other.step, &other.filter) else { continue };
            // those whose time is over only have not been met since
            let is_over = other.until <= now;
            if rival == Rival::Fail && !is_over {
                let why = format!("step `{its_step}` of run {} waits for this already", other.run);
                let failure = Some(Failure::new("WaitConflict", why).for_good());
                return post(tx, fx, run, &Mail::Lost { step: step.clone(), failure }, now);
            }
            tx.drop_watch(other.id)?;
            if !is_over {
                let lost = Mail::Lost { step: its_step.clone(), failure: None };
                post(tx, fx, &other.run, &lost, now)?;
            }
        }
    }
    tx.put_watch(run, Some(step), watch)
}

/// The step waits no more, since its time was over when the run had read so many messages. Refused
/// when it was told meanwhile: who told it may have been answered that it was.
pub(super) fn give_up(tx: &mut impl Tx, run: &RunId, step: &StepKey, read: usize) -> Result<(), StoreError> {
    let is_for_it = |mail: &Mail| matches!(mail, Mail::Event { step: to, .. } if to == step);
    if tx.mail(run)?.iter().skip(read).any(is_for_it) {
        return Err(StoreError::Conflict);
    }
    tx.drop_watches(run, Some(step))
}

/// Tells a run of the event that it watched for. It is told once.
pub(super) fn tell(
    tx: &mut impl Tx,
    fx: &mut Effects,
    watching: Watching,
    event: &Event,
) -> Result<(), StoreError> {
    tx.drop_watch(watching.id)?;
    let mail = match watching.step {
        Some(step) => Mail::Event { step, event: event.to_payload() },
        None => Mail::Cancel { reason: cancelled_by(&event.name, &event.id) },
    };
    post(tx, fx, &watching.run, &mail, event.received_at)
}

fn cancelled_by(name: &str, id: &EventId) -> String {
    format!("cancelled by event {name} {id}")
}

/// Tells a run, and wakes it: it becomes due in its lane, and a run that is to end comes
/// before all others. One that is over or unknown is told nothing.
pub(super) fn post(
    tx: &mut impl Tx,
    fx: &mut Effects,
    to: &RunId,
    mail: &Mail,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(run) = tx.run(to)?.filter(|run| !run.is_over) else { return Ok(()) };
    tx.put_mail(to, mail)?;
    if run.extras & extras::MAIL == 0 {
        tx.add_extras(to, extras::MAIL)?;
    }
    if matches!(mail, Mail::Cancel { .. }) {
        if run.extras & extras::HOLDS != 0 {
            // it takes no further events
            tx.drop_holds(to, Some(Kind::Gather))?;
        }
        urge(tx, fx, to, now)?;
        fx.revoked.push(to.clone());
        return Ok(());
    }
    fx.told.push(to.clone());
    // one without a place was stopped by hand: it is told when it goes on
    let Some(place) = tx.place(to)? else { return Ok(()) };
    let now = now.as_millis();
    if place.ready_at > now {
        let place = Place { place: now, ready_at: now, ..place };
        tx.move_to(to, &place)?;
        fx.places.push(place);
    }
    Ok(())
}

/// Moves a run before all others; one that has no place gets one.
pub(super) fn urge(
    tx: &mut impl Tx,
    fx: &mut Effects,
    run: &RunId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let now = now.as_millis();
    let place = Place { lane: URGENT.into(), place: now, ready_at: now };
    if !tx.move_to(run, &place)? {
        tx.enqueue(run, &place)?;
    }
    fx.places.push(place);
    Ok(())
}
