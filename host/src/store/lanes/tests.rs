//! Turns and gates over a queue in memory: nothing that could be claimed is left, no gate
//! is passed by too many, and no lane is moved about for nothing.

use super::*;
use pawl_engine::Span;
use pawl_engine::flow::Rate;
use proptest::prelude::*;
use std::cell::Cell;

/// A queue that counts what is asked of it.
#[derive(Default)]
struct Fake {
    runs: BTreeMap<RunId, Place>,
    rates: BTreeMap<String, Timestamp>,
    asked: Cell<usize>,
}

impl Queue for Fake {
    fn due(&self, after: i64, until: i64, each: &mut dyn FnMut(&str, i64)) -> Result<(), StoreError> {
        let due = self.runs.values().filter(|p| p.ready_at > after && p.ready_at <= until);
        due.for_each(|place| each(&place.lane, place.place));
        Ok(())
    }

    fn next(
        &self,
        lane: &str,
        behind: (i64, &str),
        last: i64,
        now: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RunId)>, StoreError> {
        self.asked.set(self.asked.get() + 1);
        let of = self.runs.iter().filter(|(_, p)| p.lane == lane && p.ready_at <= now && p.place <= last);
        let mut next: Vec<_> = of.map(|(run, p)| (p.place, run.clone())).collect();
        next.retain(|(place, run)| (*place, run.as_str()) > behind);
        next.sort();
        next.truncate(limit);
        Ok(next)
    }

    fn rate(&self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        self.asked.set(self.asked.get() + 1);
        Ok(self.rates.get(key).copied())
    }
}

/// A host's memory with its queue.
#[derive(Default)]
struct World {
    queue: Fake,
    claims: Claims,
    lanes: Lanes,
    held: Vec<(Claim, Arc<Lane>)>,
    now: i64,
    n: usize,
}

fn limit(id: impl Into<String>, n: u32) -> Gate {
    let id = id.into();
    Gate { rule: id.clone(), id, then: GateRule::Limit(n) }
}

fn throttle(id: &str, limit: u32, ms: u64) -> Gate {
    let rate = Rate { limit, period: Span::from_millis(ms), at_once: 1 };
    Gate { id: id.into(), rule: id.into(), then: GateRule::Rate(rate) }
}

impl World {
    fn put(&mut self, function: &str, gates: Vec<Gate>, ready_at: i64, ahead: i64) {
        self.n += 1;
        let lane = Lane { function: FunctionId::new(function), gates }.to_json();
        let place = Place { lane, place: ready_at - ahead, ready_at };
        self.lanes.see(&place);
        self.queue.runs.insert(RunId::new(format!("r{:06}", self.n)), place);
    }

    fn claim(&mut self, max: usize) -> usize {
        let ask = Ask { now: Timestamp::from_millis(self.now), max, rules: Arc::default() };
        let (round, done) = self.lanes.claim(&mut self.claims, &self.queue, &ask);
        done.expect("claims");
        let (claimed, rates) = (round.claimed, round.rates);
        self.queue.rates.extend(rates);
        let n = claimed.len();
        for claim in claimed {
            let place = &self.queue.runs[&claim.run];
            self.held.push((claim, Arc::new(Lane::from_json(&place.lane).expect("a lane"))));
        }
        n
    }

    fn end(&mut self, n: usize) {
        let (claim, _) = self.held.remove(n);
        self.queue.runs.remove(&claim.run);
        if let Some(lane) = self.claims.end(&claim) {
            self.lanes.has_left(&lane);
        }
    }

    /// Runs that could be claimed, found by looking at all of them.
    fn claimable(&self) -> Vec<&RunId> {
        let is_open = |gate: &Gate| match gate.then {
            GateRule::Limit(n) => {
                let holds = |lane: &Lane| lane.gates.iter().any(|g| g.id == gate.id);
                self.held.iter().filter(|(_, lane)| holds(lane)).count() < n as usize
            }
            GateRule::Rate(rate) => {
                let memory = self.queue.rates.get(&gate.id).copied();
                rate.pass(memory, Timestamp::from_millis(self.now)).is_ok()
            }
        };
        let free = self.queue.runs.iter().filter(|(run, place)| {
            let lane = Lane::from_json(&place.lane).expect("a lane");
            place.ready_at <= self.now
                && !self.held.iter().any(|(claim, _)| claim.run == **run)
                && !self.lanes.paused.contains_key(&lane.function)
                && lane.gates.iter().all(is_open)
        });
        free.map(|(run, _)| run).collect()
    }

    fn check_limits(&self) {
        let mut used: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for gate in self.held.iter().flat_map(|(_, lane)| &lane.gates) {
            if let GateRule::Limit(n) = gate.then {
                used.entry(&gate.id).or_default().push(n);
            }
        }
        for (id, limits) in used {
            let widest = limits.iter().max().copied().unwrap_or(0);
            assert!(limits.len() <= widest as usize, "{id} is passed by {} of {widest}", limits.len());
            assert_eq!(self.claims.used(id) as usize, limits.len(), "{id}");
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Put { function: u8, gates: u8, key: u8, delay: u8, ahead: i8 },
    Claim { max: u8 },
    End { n: u8 },
    Release { n: u8 },
    Pause { function: u8, on: bool },
    Wait { ms: u8 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..4u8, 0..16u8, 0..3u8, 0..20u8, -20..20i8)
            .prop_map(|(function, gates, key, delay, ahead)| Act::Put { function, gates, key, delay, ahead }),
        4 => (1..5u8).prop_map(|max| Act::Claim { max }),
        4 => any::<u8>().prop_map(|n| Act::End { n }),
        1 => any::<u8>().prop_map(|n| Act::Release { n }),
        1 => (0..4u8, any::<bool>()).prop_map(|(function, on)| Act::Pause { function, on }),
        2 => (1..15u8).prop_map(|ms| Act::Wait { ms }),
    ]
}

impl World {
    fn act(&mut self, act: &Act) {
        match *act {
            Act::Put { function, gates, key, delay, ahead } => {
                // one gate for all, seen as wider by some functions; one by key, one by
                // function, and a throttle
                let all = [
                    limit("all", 2 + u32::from(function % 2)),
                    limit(format!("k{key}"), 1),
                    limit(format!("f{function}"), 2),
                    throttle("t", 1, 10),
                ];
                let chosen = (0..4).filter(|n| gates & (1 << n) != 0).map(|n| all[n].clone()).collect();
                let ready_at = self.now + i64::from(delay.saturating_sub(10));
                self.put(&format!("f{function}"), chosen, ready_at, ahead.into());
            }
            Act::Claim { max } => {
                self.claim(max.into());
            }
            Act::End { n } if !self.held.is_empty() => self.end(usize::from(n) % self.held.len()),
            Act::Release { n } if !self.held.is_empty() => {
                let (claim, _) = self.held.remove(usize::from(n) % self.held.len());
                if let Some(lane) = self.claims.end(&claim) {
                    self.lanes.has_left(&lane);
                }
                self.lanes.see(&self.queue.runs[&claim.run]);
            }
            Act::Pause { function, on } => {
                let function = FunctionId::new(format!("f{function}"));
                if on { self.lanes.pause(&function) } else { self.lanes.resume(&function) }
            }
            Act::Wait { ms } => self.now += i64::from(ms),
            Act::End { .. } | Act::Release { .. } => {}
        }
    }
}

proptest! {
    #[test]
    fn nothing_that_could_be_claimed_is_left(acts in prop::collection::vec(act(), 1..120)) {
        let mut world = World { now: 1_000, ..World::default() };
        for act in &acts {
            world.act(act);
            world.check_limits();
        }
        world.claim(999);
        world.check_limits();
        prop_assert!(world.claimable().is_empty(), "{:?}", world.claimable());
        // and everything comes in the end
        for function in 0..4 {
            world.lanes.resume(&FunctionId::new(format!("f{function}")));
        }
        for _ in 0..1_000 {
            if world.queue.runs.is_empty() {
                break;
            }
            world.now += 10;
            world.claim(999);
            prop_assert!(world.claimable().is_empty());
            while !world.held.is_empty() {
                world.end(0);
            }
        }
        prop_assert!(world.queue.runs.is_empty());
        world.claim(9);
        prop_assert!(world.lanes.lines.is_empty() && world.lanes.ready.is_empty());
    }
}

#[test]
fn many_lanes_that_share_two_shut_gates_are_not_moved_from_one_to_the_other() {
    let mut world = World { now: 1_000, ..World::default() };
    for key in 0..2_000 {
        let gates = vec![limit("all", 2), limit(format!("k{key}"), 1), throttle("t", 1, 10)];
        world.put("f", gates, 1_000, 0);
    }
    world.claim(9);
    world.now += 10;
    world.claim(9);
    assert_eq!(world.held.len(), 2);
    world.queue.asked.set(0);
    for _ in 0..100 {
        // the throttle is open and the limit shut
        world.now += 10;
        assert_eq!(world.claim(9), 0);
        world.end(0);
        assert_eq!(world.claim(9), 1);
        // the limit is open and the throttle shut
        world.end(0);
        assert_eq!(world.claim(9), 0);
        world.now += 10;
        assert_eq!(world.claim(9), 1);
    }
    let asked = world.queue.asked.get();
    assert!(asked < 100 * 40, "{asked} looks for 200 claims");
}
