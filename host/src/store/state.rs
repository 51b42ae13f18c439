//! What a store with one host knows beside its data: claims, whose turn it is, when the
//! next alarm rings. Lost with the process, which is right: so are the claims.

use super::claims::Claims;
use super::counts::Counts;
use super::lanes::{Lanes, Queue};
use super::records::GateState;
use super::tx::{Effects, Place};
use super::{Ask, Claim, StoreError};
use crate::pulse::{Fact, Pulse};
use pawl_engine::flow::Lane;
use pawl_engine::trigger::patterns;
use pawl_engine::{FunctionId, RunId, Timestamp};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

/// Names and patterns that are remembered as watched; with more of them every event is
/// looked up.
const WATCHED: usize = 10_000;

/// A store's memory.
#[derive(Default)]
pub(super) struct State {
    /// Who holds which run.
    pub(super) claims: Claims,
    lanes: Lanes,
    /// The earliest alarm, or an earlier time.
    alarm: Option<Timestamp>,
    /// Names and patterns for which somebody may watch. It only grows, also in a
    /// transaction that is undone: a name too many costs a look, one too few an event.
    watched: Watched,
    /// Of the transaction under way.
    counts: RefCell<Counts>,
    pulse: Pulse,
}

impl State {
    /// As the stored data has it.
    pub(super) fn new(
        paused: impl IntoIterator<Item = FunctionId>,
        alarm: Option<Timestamp>,
        watched: Watched,
        pulse: Pulse,
    ) -> Self {
        let mut state = Self { alarm, watched, pulse, ..Self::default() };
        paused.into_iter().for_each(|function| state.lanes.pause(&function));
        state
    }

    /// What somebody may watch for.
    pub(super) fn watched(&self) -> Watched {
        self.watched.clone()
    }

    /// Facts that become true with the transaction under way are counted in it.
    pub(super) fn count(&self, facts: &[Fact]) {
        self.counts.borrow_mut().add_all(facts);
    }

    /// What was counted since the last time.
    pub(super) fn take_counts(&self) -> Counts {
        self.counts.take()
    }

    /// A transaction is durable.
    pub(super) fn absorb(&mut self, effects: &mut Effects) {
        for run in &effects.revoked {
            if let Some(lane) = self.claims.revoke(run) {
                self.lanes.has_left(&lane);
            }
        }
        effects.told.iter().for_each(|run| self.claims.tell(run));
        if let Some(run) = &effects.settled {
            self.claims.settle(run);
        }
        effects.places.iter().for_each(|place| self.lanes.see(place));
        self.alarm = self.alarm.into_iter().chain(effects.alarm).min();
        effects.facts.drain(..).for_each(|fact| self.pulse.tell(fact));
    }

    /// A claim ends.
    pub(super) fn end(&mut self, claim: &Claim) {
        if let Some(lane) = self.claims.end(claim) {
            self.lanes.has_left(&lane);
        }
    }

    /// A run that is not claimed stands there.
    pub(super) fn see(&mut self, place: &Place) {
        self.lanes.see(place);
    }

    /// Nothing is known of the queue any more.
    pub(super) fn forget_queue(&mut self) {
        self.lanes.forget();
    }

    /// Claims the run, whoever has it; it counts at the gates of the lane in which it stands.
    pub(super) fn seize(&mut self, run: &RunId, function: &FunctionId, place: Option<&Place>) -> Claim {
        if let Some(former) = self.claims.revoke(run) {
            self.lanes.has_left(&former);
        }
        let lane = place.and_then(|place| Lane::from_json(&place.lane).ok());
        let lane = lane.unwrap_or_else(|| Lane::open(function.clone()));
        self.claims.take(run, &Arc::new(lane))
    }

    /// Claims runs that are ready; `keep` makes the memories of rates durable before
    /// anybody hears of the claims.
    pub(super) fn claim(
        &mut self,
        queue: &impl Queue,
        ask: &Ask,
        keep: impl FnOnce(&BTreeMap<String, Timestamp>) -> Result<(), StoreError>,
    ) -> Result<Vec<Claim>, StoreError> {
        let (round, done) = self.lanes.claim(&mut self.claims, queue, ask);
        let (claimed, rates) = (round.claimed, round.rates);
        if !rates.is_empty()
            && let Err(e) = keep(&rates)
        {
            claimed.iter().for_each(|claim| self.end(claim));
            // their places are behind where their lanes begin now
            self.forget_queue();
            return Err(e);
        }
        match done {
            Err(e) if claimed.is_empty() => Err(e),
            // what is claimed is claimed: hand it out
            _ => Ok(claimed),
        }
    }

    /// Up to `wanted` more units for a claim.
    pub(super) fn widen(&mut self, claim: &Claim, wanted: u32) -> u32 {
        let Some(lane) = self.claims.lane(claim) else { return 0 };
        let units = self.lanes.room(&lane, &self.claims, wanted);
        self.claims.widen(claim, units);
        units
    }

    /// A claim counts for fewer units.
    pub(super) fn narrow(&mut self, claim: &Claim, units: u32) {
        if let Some(lane) = self.claims.narrow(claim, units) {
            self.lanes.has_left(&lane);
        }
    }

    /// The function's runs are not claimed.
    pub(super) fn pause(&mut self, function: &FunctionId) {
        self.lanes.pause(function);
    }

    /// The function's runs are claimed again.
    pub(super) fn resume(&mut self, function: &FunctionId) {
        self.lanes.resume(function);
    }

    /// All runs that are held, and their functions.
    pub(super) fn held_by_function(&self) -> HashMap<RunId, FunctionId> {
        self.claims.held().map(|(run, lane)| (run.clone(), lane.function.clone())).collect()
    }

    /// The gates that runs of the function hold or wait at.
    pub(super) fn gates(&self, function: &FunctionId) -> Vec<GateState> {
        self.lanes.gates(function, &self.claims)
    }

    /// The earliest time after `now` at which a gate opens.
    pub(super) fn next_opening(&self, now: Timestamp) -> Option<i64> {
        self.lanes.next_opening(now.as_millis())
    }

    /// Whether an alarm may have to ring.
    pub(super) fn is_alarm_due(&self, now: Timestamp) -> bool {
        self.alarm.is_some_and(|at| at <= now)
    }

    /// Whether there may be alarms.
    pub(super) fn has_alarms(&self) -> bool {
        self.alarm.is_some()
    }

    /// This is the earliest alarm.
    pub(super) fn set_alarm(&mut self, alarm: Option<Timestamp>) {
        self.alarm = alarm;
    }

    /// `false`: nobody watches for this name or pattern.
    pub(super) fn may_be_watched(&self, name: &str) -> bool {
        self.watched.may_have(name)
    }

    /// Somebody may watch for this name or pattern.
    pub(super) fn is_watched(&self, name: &str) {
        self.watched.add(name);
    }
}

/// Names and patterns for which somebody may watch; shared with those who only ask.
#[derive(Clone, Default)]
pub(super) struct Watched(Arc<RwLock<HashSet<String>>>);

impl Watched {
    /// These ones.
    pub(super) fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(RwLock::new(names.into_iter().collect())))
    }

    /// `false`: nobody watches for this name or pattern.
    pub(super) fn may_have(&self, name: &str) -> bool {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.len() > WATCHED || names.contains(name)
    }

    /// `false`: nobody watches for events of this name, by itself or by a pattern.
    pub(super) fn may_hear(&self, name: &str) -> bool {
        patterns(name).iter().any(|pattern| self.may_have(pattern))
    }

    fn add(&self, name: &str) {
        if !self.may_have(name) {
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        }
    }
}
