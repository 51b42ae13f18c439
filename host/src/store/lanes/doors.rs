//! Gates that are shut, and the lanes that wait at them.

use super::{Lanes, Queue, Room, Round, room, rule};
use crate::store::StoreError;
use pawl_engine::flow::{GateRule, Lane, Rules};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// A gate under one rule: functions that share a gate may see it differently.
pub(super) type Key = (String, GateRule);

/// The gates of a lane, under their rules.
pub(super) fn of(lane: &Lane, rules: &Rules) -> Vec<Key> {
    lane.gates.iter().map(|gate| (gate.id.clone(), rule(gate, &lane.function, rules))).collect()
}

/// Who waits.
#[derive(Clone, PartialEq)]
enum Waiter {
    /// A lane.
    Lane(Arc<str>),
    /// Whoever is first at another gate, which has room: all that wait there have to pass
    /// this one too. So they need not come over here, and back again the next time.
    At(Key),
}

/// A gate that was shut for those that wait at it.
#[derive(Default)]
struct Door {
    waiting: VecDeque<Waiter>,
    /// How many of them are lanes.
    lanes: usize,
    /// How many of the lanes have this gate as well.
    beside: HashMap<Key, usize>,
    opens: Option<i64>,
}

/// All the gates at which somebody waits.
#[derive(Default)]
pub(super) struct Doors {
    doors: BTreeMap<Key, Door>,
    openings: BTreeSet<(i64, Key)>,
}

impl Doors {
    /// Whether anybody waits at the gate.
    pub(super) fn has(&self, id: &str) -> bool {
        !self.doors.is_empty() && self.of(id).next().is_some()
    }

    fn of(&self, id: &str) -> impl Iterator<Item = &Key> {
        // the least of all rules
        let first = (id.to_owned(), GateRule::Limit(0));
        self.doors.range(first..).map(|(key, _)| key).take_while(move |key| key.0 == id)
    }

    /// The doors of a gate.
    pub(super) fn keys(&self, id: &str) -> Vec<Key> {
        self.of(id).cloned().collect()
    }

    /// A lane waits at its gate number `n`, which opens at a time if that is known.
    pub(super) fn wait(&mut self, text: &Arc<str>, gates: &[Key], n: usize, opens: Option<i64>) {
        let key = &gates[n];
        let door = self.doors.entry(key.clone()).or_default();
        door.waiting.push_back(Waiter::Lane(text.clone()));
        door.lanes += 1;
        for other in gates.iter().filter(|other| *other != key) {
            *door.beside.entry(other.clone()).or_default() += 1;
        }
        self.opens(key, opens);
    }

    fn opens(&mut self, key: &Key, at: Option<i64>) {
        let Some(door) = self.doors.get_mut(key) else { return };
        if door.opens == at {
            return;
        }
        if let Some(former) = door.opens {
            self.openings.remove(&(former, key.clone()));
        }
        door.opens = at;
        self.openings.extend(at.map(|at| (at, key.clone())));
    }

    /// The first of those who wait.
    fn first(&self, key: &Key) -> Option<Waiter> {
        self.doors.get(key).and_then(|door| door.waiting.front().cloned())
    }

    /// The first of those who wait does not any more.
    fn pop(&mut self, key: &Key, gates: &[Key]) {
        let Some(door) = self.doors.get_mut(key) else { return };
        if let Some(Waiter::Lane(_)) = door.waiting.pop_front() {
            door.lanes -= 1;
            for other in gates.iter().filter(|other| *other != key) {
                if let Some(n) = door.beside.get_mut(other) {
                    *n -= 1;
                    if *n == 0 {
                        door.beside.remove(other);
                    }
                }
            }
        }
        if door.waiting.is_empty() {
            self.opens(key, None);
            self.doors.remove(key);
        }
    }

    /// Whoever is first at `key` waits at `at`, too.
    fn redirect(&mut self, key: &Key, at: &Key) {
        let door = self.doors.entry(at.clone()).or_default();
        let waiter = Waiter::At(key.clone());
        // the last one is as far as anybody looks: a second one does no harm
        if door.waiting.back() != Some(&waiter) {
            door.waiting.push_back(waiter);
        }
    }

    /// How many lanes wait at the gate under this rule.
    pub(super) fn lanes_at(&self, key: &Key) -> usize {
        self.doors.get(key).map_or(0, |door| door.lanes)
    }

    /// Whether all that wait at `key` have to pass `other` as well.
    fn all_pass(&self, key: &Key, other: &Key) -> bool {
        let Some(door) = self.doors.get(key) else { return false };
        door.lanes > 0 && door.beside.get(other) == Some(&door.lanes)
    }

    /// The gates whose time has come.
    pub(super) fn opened(&mut self, now: i64) -> Vec<String> {
        let mut opened = Vec::new();
        while self.openings.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.openings.pop_first() else { break };
            if let Some(door) = self.doors.get_mut(&key) {
                door.opens = None;
            }
            opened.push(key.0);
        }
        opened
    }

    /// The earliest time after `now` at which one opens.
    pub(super) fn next_opening(&self, now: i64) -> Option<i64> {
        self.openings.iter().map(|(at, _)| *at).find(|at| *at > now)
    }

    /// All lanes that wait; nobody does afterwards.
    pub(super) fn drain(&mut self) -> Vec<Arc<str>> {
        self.openings.clear();
        let waiting = std::mem::take(&mut self.doors).into_values().flat_map(|door| door.waiting);
        waiting
            .filter_map(|waiter| match waiter {
                Waiter::Lane(text) => Some(text),
                Waiter::At(_) => None,
            })
            .collect()
    }
}

impl Lanes {
    /// Lets one lane go that waits at this gate, if there is room. `true`: one went.
    pub(super) fn offer<Q: Queue>(&mut self, key: &Key, round: &Round<'_, Q>) -> Result<bool, StoreError> {
        while let Some(first) = self.doors.first(key) {
            let text = match first {
                Waiter::At(other) => {
                    self.doors.pop(key, &[]);
                    let went = self.offer(&other, round).inspect_err(|_| self.doors.redirect(&other, key))?;
                    if went && self.doors.lanes_at(&other) > 0 {
                        self.doors.redirect(&other, key);
                    }
                    if went {
                        return Ok(true);
                    }
                    continue;
                }
                Waiter::Lane(text) => text,
            };
            if let Room::Shut(until) = room(&key.0, key.1, round)? {
                self.doors.opens(key, until);
                return Ok(false);
            }
            let Some(lane) = self.lines.get(&text).map(|line| line.lane.clone()) else {
                self.doors.pop(key, &[]);
                continue;
            };
            let gates = of(&lane, &self.rules);
            let Some((n, until)) = shut(&gates, round)? else {
                self.doors.pop(key, &gates);
                self.make_ready(text);
                return Ok(true);
            };
            // there is room, but not for this one: the next
            self.doors.pop(key, &gates);
            self.doors.wait(&text, &gates, n, until);
            if self.doors.all_pass(key, &gates[n]) {
                self.doors.redirect(key, &gates[n]);
                return Ok(false);
            }
        }
        Ok(false)
    }
}

/// The first gate that is shut, and until when.
fn shut<Q: Queue>(gates: &[Key], round: &Round<'_, Q>) -> Result<Option<(usize, Option<i64>)>, StoreError> {
    for (n, (id, rule)) in gates.iter().enumerate() {
        if let Room::Shut(until) = room(id, *rule, round)? {
            return Ok(Some((n, until)));
        }
    }
    Ok(None)
}
