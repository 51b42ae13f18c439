//! Whose turn it is: which of the due runs are claimed next, so that functions and the
//! lanes of one take turns, and a shut gate costs nothing while it is shut.
//!
//! In memory are the lanes that have due, unclaimed runs, and of each where in the queue
//! they begin and end; the runs themselves stay in the store. A lane is in exactly one
//! place: among the ready ones, at one gate that is shut for it (in that gate's own line,
//! from which one lane is let go whenever the gate has room), or aside because its
//! function is paused. A lane that is let go and cannot use it lets the next one go.
//!
//! All of it is lost with the process and found again in the queue.

use super::claims::Claims;
use super::records::GateState;
use super::tx::{Place, URGENT};
use super::{Ask, Claim, StoreError, URGENT_AT_ONCE};
use pawl_engine::flow::{Gate, GateRule, Lane, Rules};
use pawl_engine::{FunctionId, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

mod doors;
#[cfg(test)]
mod tests;

use doors::Doors;

/// Gates that are shown of one function: one by a key may have any number.
const GATES: usize = 100;

/// The clock may be set back so far (milliseconds) before everything is looked at again.
const SET_BACK: i64 = 1_000;

/// The stored queue, as far as claims need it.
pub(super) trait Queue {
    /// The lane and place of every run with `after < ready_at <= until`.
    fn due(&self, after: i64, until: i64, each: &mut dyn FnMut(&str, i64)) -> Result<(), StoreError>;
    /// The first runs of a lane behind a place and up to place `last`, of those that are
    /// ready.
    fn next(
        &self,
        lane: &str,
        behind: (i64, &str),
        last: i64,
        now: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RunId)>, StoreError>;
    /// The memory of a rate.
    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError>;
}

/// What one call of [`Lanes::claim`] works with, and what it gives.
pub(super) struct Round<'a, Q> {
    pub(super) queue: &'a Q,
    pub(super) claims: &'a mut Claims,
    pub(super) now: i64,
    /// The claimed runs.
    pub(super) claimed: Vec<Claim>,
    /// Memories of rates that have changed: to be stored before the claims are handed out.
    pub(super) rates: BTreeMap<String, Timestamp>,
}

impl<Q: Queue> Round<'_, Q> {
    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        self.rates.get(key).map_or_else(|| self.queue.rate(key), |memory| Ok(Some(*memory)))
    }
}

/// A lane with due runs.
struct Line {
    lane: Arc<Lane>,
    /// Everything up to this place is claimed, gone, or not ready.
    behind: (i64, String),
    /// No run that is ready stands beyond this place.
    last: i64,
}

/// The lanes of a function that wait for their turn.
#[derive(Default)]
struct Turn {
    lines: VecDeque<Arc<str>>,
    is_queued: bool,
}

/// How much a gate lets through now.
enum Room {
    Units(u32),
    /// Nothing, before a time if one is known.
    Shut(Option<i64>),
}

/// The lanes of one host.
pub(super) struct Lanes {
    /// Runs that are ready by then have been seen.
    horizon: i64,
    lines: HashMap<Arc<str>, Line>,
    turns: VecDeque<FunctionId>,
    ready: HashMap<FunctionId, Turn>,
    doors: Doors,
    /// Gates that may have room for somebody who waits there.
    loose: BTreeSet<String>,
    /// Paused functions, and their lanes that would be ready.
    paused: HashMap<FunctionId, Vec<Arc<str>>>,
    rules: Arc<Rules>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            horizon: i64::MIN,
            lines: HashMap::new(),
            turns: VecDeque::new(),
            ready: HashMap::new(),
            doors: Doors::default(),
            loose: BTreeSet::new(),
            paused: HashMap::new(),
            rules: Arc::default(),
        }
    }
}

/// The rule of a gate that holds now. A gate never becomes one of the other kind.
fn rule(gate: &Gate, function: &FunctionId, rules: &Rules) -> GateRule {
    match (gate.now(function, rules), gate.then) {
        (now @ GateRule::Limit(_), GateRule::Limit(_)) | (now @ GateRule::Rate(_), GateRule::Rate(_)) => now,
        (_, then) => then,
    }
}

fn room<Q: Queue>(id: &str, rule: GateRule, round: &Round<'_, Q>) -> Result<Room, StoreError> {
    Ok(match rule {
        GateRule::Limit(limit) => match limit.saturating_sub(round.claims.used(id)) {
            0 => Room::Shut(None),
            units => Room::Units(units),
        },
        GateRule::Rate(rate) => match rate.pass(round.rate(id)?, Timestamp::from_millis(round.now)) {
            Ok(_) => Room::Units(1),
            Err(at) => Room::Shut(Some(at.as_millis())),
        },
    })
}

impl Lanes {
    /// Claims runs that are ready. An error is one of the store; what is claimed by then is
    /// claimed.
    pub(super) fn claim<'a, Q: Queue>(
        &mut self,
        claims: &'a mut Claims,
        queue: &'a Q,
        ask: &Ask,
    ) -> (Round<'a, Q>, Result<(), StoreError>) {
        let now = ask.now.as_millis();
        if now.saturating_add(SET_BACK) < self.horizon {
            self.forget();
        }
        let now = now.max(self.horizon);
        let mut round = Round { queue, claims, now, claimed: Vec::new(), rates: BTreeMap::new() };
        if !Arc::ptr_eq(&self.rules, &ask.rules) {
            if self.rules != ask.rules {
                self.open_all_doors();
            }
            self.rules = ask.rules.clone();
        }
        let done = self.look(&mut round).and_then(|()| self.go_round(&mut round, ask.max));
        (round, done)
    }

    /// A run stands there: it is not overlooked, now or at its time.
    pub(super) fn see(&mut self, place: &Place) {
        if place.ready_at <= self.horizon {
            self.see_at(&place.lane, place.place);
        }
    }

    /// Claims of this lane have ended, or count for less.
    pub(super) fn has_left(&mut self, lane: &Lane) {
        let ids = lane.gates.iter().map(|gate| &gate.id).filter(|id| self.doors.has(id));
        self.loose.extend(ids.cloned());
    }

    /// The function's runs are not claimed until it is resumed.
    pub(super) fn pause(&mut self, function: &FunctionId) {
        self.paused.entry(function.clone()).or_default();
    }

    /// The function's runs are claimed again.
    pub(super) fn resume(&mut self, function: &FunctionId) {
        for text in self.paused.remove(function).unwrap_or_default() {
            self.make_ready(text);
        }
    }

    /// The earliest time after `now` at which a gate opens.
    pub(super) fn next_opening(&self, now: i64) -> Option<i64> {
        self.doors.next_opening(now)
    }

    /// The gates that runs of a function hold or wait at, by their ids; at most [`GATES`].
    pub(super) fn gates(&self, function: &FunctionId, claims: &Claims) -> Vec<GateState> {
        let held = claims.held().map(|(_, lane)| lane);
        let lanes = held.chain(self.lines.values().map(|line| &line.lane));
        let mut found = BTreeMap::new();
        for lane in lanes.filter(|lane| lane.function == *function) {
            for (gate, (id, rule)) in lane.gates.iter().zip(doors::of(lane, &self.rules)) {
                if found.len() >= GATES {
                    break;
                }
                found.entry(gate.id.clone()).or_insert_with(|| {
                    let limit = match rule {
                        GateRule::Limit(limit) => Some(limit),
                        GateRule::Rate(_) => None,
                    };
                    let waiting = self.doors.lanes_at(&(id, rule));
                    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
                    GateState { used: claims.used(&gate.id), id: gate.id.clone(), limit, waiting }
                });
            }
        }
        found.into_values().collect()
    }

    /// How many more units all gates of a lane have that count claims, up to `wanted`.
    pub(super) fn room(&self, lane: &Lane, claims: &Claims, wanted: u32) -> u32 {
        let rooms = lane.gates.iter().filter_map(|gate| match rule(gate, &lane.function, &self.rules) {
            GateRule::Limit(limit) => Some(limit.saturating_sub(claims.used(&gate.id))),
            GateRule::Rate(_) => None,
        });
        rooms.min().unwrap_or(wanted).min(wanted)
    }

    /// Nothing is known of the queue any more.
    pub(super) fn forget(&mut self) {
        let paused = std::mem::take(&mut self.paused);
        let rules = self.rules.clone();
        *self = Self { rules, ..Self::default() };
        self.paused.extend(paused.into_keys().map(|function| (function, Vec::new())));
    }

    fn open_all_doors(&mut self) {
        for text in self.doors.drain() {
            self.make_ready(text);
        }
    }

    /// What has become ready since the last time.
    fn look<Q: Queue>(&mut self, round: &mut Round<'_, Q>) -> Result<(), StoreError> {
        if round.now > self.horizon {
            let queue = round.queue;
            queue.due(self.horizon, round.now, &mut |lane, place| self.see_at(lane, place))?;
            self.horizon = round.now;
        }
        self.loose.extend(self.doors.opened(round.now));
        Ok(())
    }

    fn see_at(&mut self, text: &str, place: i64) {
        if let Some(line) = self.lines.get_mut(text) {
            if place <= line.behind.0 {
                // just before it: runs at this very place are looked at again
                line.behind = (place, String::new());
            }
            line.last = line.last.max(place);
            return;
        }
        let lane = match Lane::from_json(text) {
            Ok(lane) => Arc::new(lane),
            Err(e) => {
                tracing::error!(lane = text, error = %e, "a lane cannot be read: its runs are left");
                return;
            }
        };
        let text: Arc<str> = text.into();
        self.lines.insert(text.clone(), Line { lane, behind: (place, String::new()), last: place });
        if *text != *URGENT {
            self.make_ready(text);
        }
    }

    fn make_ready(&mut self, text: Arc<str>) {
        let Some(line) = self.lines.get(&text) else { return };
        let function = &line.lane.function;
        let turn = self.ready.entry(function.clone()).or_default();
        turn.lines.push_back(text);
        if !turn.is_queued {
            turn.is_queued = true;
            self.turns.push_back(function.clone());
        }
    }

    fn go_round<Q: Queue>(&mut self, round: &mut Round<'_, Q>, max: usize) -> Result<(), StoreError> {
        if let Some(lane) = self.lines.get(URGENT).map(|line| line.lane.clone())
            && !self.take(URGENT, &lane, URGENT_AT_ONCE, round)?
        {
            self.lines.remove(URGENT);
        }
        // those need no room for an instance
        let max = max + round.claimed.len();
        loop {
            self.let_go(round)?;
            let left = max.saturating_sub(round.claimed.len());
            if left == 0 {
                return Ok(());
            }
            let functions = self.turns.len();
            let Some(function) = self.turns.pop_front() else { return Ok(()) };
            let Some(turn) = self.ready.get_mut(&function) else { continue };
            turn.is_queued = false;
            // a fair part for each, so that one round is enough in the common case
            let part = left.div_ceil(functions).div_ceil(turn.lines.len().max(1));
            let done = match turn.lines.pop_front() {
                Some(text) => self
                    .try_lane(&text, part, round)
                    .map(|is_ready| (is_ready, text.clone()))
                    .map_err(|e| (e, text)),
                None => continue,
            };
            let turn = self.ready.entry(function.clone()).or_default();
            let failed = match done {
                Ok((is_ready, text)) => {
                    turn.lines.extend(is_ready.then_some(text));
                    None
                }
                Err((e, text)) => {
                    turn.lines.push_back(text);
                    Some(e)
                }
            };
            if turn.lines.is_empty() {
                self.ready.remove(&function);
            } else if !turn.is_queued {
                turn.is_queued = true;
                self.turns.push_back(function);
            }
            if let Some(e) = failed {
                return Err(e);
            }
        }
    }

    /// Claims runs of a lane whose gates are open. `true`: it is ready for more.
    fn try_lane<Q: Queue>(
        &mut self,
        text: &Arc<str>,
        part: usize,
        round: &mut Round<'_, Q>,
    ) -> Result<bool, StoreError> {
        let Some(lane) = self.lines.get(text).map(|line| line.lane.clone()) else { return Ok(false) };
        if let Some(aside) = self.paused.get_mut(&lane.function) {
            aside.push(text.clone());
            self.has_left(&lane);
            return Ok(false);
        }
        let mut part = part;
        for (n, gate) in lane.gates.iter().enumerate() {
            match room(&gate.id, rule(gate, &lane.function, &self.rules), round)? {
                Room::Units(units) => part = part.min(units as usize),
                Room::Shut(until) => {
                    self.doors.wait(text, &doors::of(&lane, &self.rules), n, until);
                    self.has_left(&lane);
                    return Ok(false);
                }
            }
        }
        let has_more = self.take(text, &lane, part, round)?;
        if !has_more {
            self.lines.remove(text);
        }
        self.has_left(&lane);
        Ok(has_more)
    }

    /// Claims up to `part` runs of a lane. `true`: it has more of them.
    fn take<Q: Queue>(
        &mut self,
        text: &str,
        lane: &Arc<Lane>,
        part: usize,
        round: &mut Round<'_, Q>,
    ) -> Result<bool, StoreError> {
        let Some(line) = self.lines.get_mut(text) else { return Ok(false) };
        let mut left = part;
        loop {
            // one more than wanted tells whether it is the end
            let behind = (line.behind.0, line.behind.1.as_str());
            let found = round.queue.next(text, behind, line.last, round.now, left + 1)?;
            let has_more = found.len() > left;
            for (place, run) in found.into_iter().take(left) {
                if !round.claims.is_held(&run) {
                    start(lane, &self.rules, round)?;
                    line.behind = (place, run.as_str().to_owned());
                    round.claimed.push(round.claims.take(&run, lane));
                    left -= 1;
                } else {
                    line.behind = (place, run.as_str().to_owned());
                }
            }
            if !has_more || left == 0 {
                return Ok(has_more);
            }
        }
    }

    /// Lets lanes go that wait at gates which may have room.
    fn let_go<Q: Queue>(&mut self, round: &Round<'_, Q>) -> Result<(), StoreError> {
        while let Some(id) = self.loose.pop_first() {
            for door in self.doors.keys(&id) {
                if let Err(e) = self.offer(&door, round) {
                    self.loose.insert(id);
                    return Err(e);
                }
            }
        }
        Ok(())
    }
}

/// One run of a lane starts: its rates remember that.
fn start<Q: Queue>(lane: &Lane, rules: &Rules, round: &mut Round<'_, Q>) -> Result<(), StoreError> {
    for gate in &lane.gates {
        if let GateRule::Rate(rate) = rule(gate, &lane.function, rules) {
            let now = Timestamp::from_millis(round.now);
            if let Ok(memory) = rate.pass(round.rate(&gate.id)?, now) {
                round.rates.insert(gate.id.clone(), memory);
            }
        }
    }
    Ok(())
}
