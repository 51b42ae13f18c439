//! Who holds which run, and what the held ones count for at gates, for stores that have
//! one host: in memory, because nobody else can write, and because after a crash nobody
//! holds anything.

use super::Claim;
use pawl_engine::RunId;
use pawl_engine::flow::{GateRule, Lane};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The claims of one host.
#[derive(Debug, Default)]
pub struct Claims {
    fence: u64,
    held: HashMap<RunId, Held>,
    /// Units by gate: of gates with a limit alone.
    used: HashMap<String, u32>,
}

#[derive(Debug)]
struct Held {
    fence: u64,
    /// Where the run queued when it was claimed: its units are counted at these gates.
    lane: Arc<Lane>,
    /// One, and those that it was widened by.
    units: u32,
    /// Whether it stands where it belongs once it has a journal.
    is_settled: bool,
    revoked: CancellationToken,
    told: Arc<Notify>,
}

/// The ids of a lane's gates that count claims.
pub fn counting(lane: &Lane) -> impl Iterator<Item = &str> {
    lane.gates.iter().filter(|g| matches!(g.then, GateRule::Limit(_))).map(|g| g.id.as_str())
}

impl Claims {
    /// Claims the run, which queues in `lane`; who held it before has lost it.
    pub fn take(&mut self, run: &RunId, lane: &Arc<Lane>) -> Claim {
        self.revoke(run);
        self.fence += 1;
        let revoked = CancellationToken::new();
        for gate in counting(lane) {
            *self.used.entry(gate.to_owned()).or_default() += 1;
        }
        let held = Held {
            fence: self.fence,
            lane: lane.clone(),
            units: 1,
            is_settled: !lane.gates.iter().any(|g| matches!(g.then, GateRule::Rate(_))),
            revoked: revoked.clone(),
            told: Arc::default(),
        };
        let told = held.told.clone();
        self.held.insert(run.clone(), held);
        Claim { run: run.clone(), fence: self.fence, revoked, told }
    }

    /// Whether this claim still holds.
    pub fn holds(&self, claim: &Claim) -> bool {
        self.held.get(&claim.run).is_some_and(|h| h.fence == claim.fence)
    }

    /// Whether anybody has the run.
    pub fn is_held(&self, run: &RunId) -> bool {
        self.held.contains_key(run)
    }

    /// Ends this claim, if it still holds: the lane whose gates it leaves.
    pub fn end(&mut self, claim: &Claim) -> Option<Arc<Lane>> {
        if self.holds(claim) { self.drop_held(&claim.run).map(|held| held.lane) } else { None }
    }

    /// Ends the claim of the run, whosever it is, and tells its holder.
    pub fn revoke(&mut self, run: &RunId) -> Option<Arc<Lane>> {
        let held = self.drop_held(run)?;
        held.revoked.cancel();
        Some(held.lane)
    }

    /// The run has been told something: its holder hears of it.
    pub fn tell(&self, run: &RunId) {
        if let Some(held) = self.held.get(run) {
            held.told.notify_one();
        }
    }

    /// All runs that are held.
    pub fn runs(&self) -> impl Iterator<Item = &RunId> {
        self.held.keys()
    }

    /// All runs that are held, and the lanes in which they queued.
    pub fn held(&self) -> impl Iterator<Item = (&RunId, &Arc<Lane>)> {
        self.held.iter().map(|(run, held)| (run, &held.lane))
    }

    /// How many units of this gate are used.
    pub fn used(&self, gate: &str) -> u32 {
        self.used.get(gate).copied().unwrap_or(0)
    }

    /// The lane whose gates count this claim.
    pub fn lane(&self, claim: &Claim) -> Option<Arc<Lane>> {
        if self.holds(claim) { self.held.get(&claim.run).map(|h| h.lane.clone()) } else { None }
    }

    /// Counts a claim for more units, where it counts.
    pub fn widen(&mut self, claim: &Claim, units: u32) {
        if !self.holds(claim) {
            return;
        }
        let Some(held) = self.held.get_mut(&claim.run) else { return };
        held.units += units;
        for gate in counting(&held.lane) {
            *self.used.entry(gate.to_owned()).or_default() += units;
        }
    }

    /// Counts a claim for fewer units, of those that it was widened by: the lane whose
    /// gates they leave.
    pub fn narrow(&mut self, claim: &Claim, units: u32) -> Option<Arc<Lane>> {
        if !self.holds(claim) {
            return None;
        }
        let held = self.held.get_mut(&claim.run)?;
        let units = units.min(held.units - 1);
        held.units -= units;
        let lane = held.lane.clone();
        self.leave(&lane, units);
        Some(lane)
    }

    /// Whether the run stands where it belongs once it has a journal.
    pub fn is_settled(&self, run: &RunId) -> bool {
        self.held.get(run).is_none_or(|held| held.is_settled)
    }

    /// From now on it does.
    pub fn settle(&mut self, run: &RunId) {
        if let Some(held) = self.held.get_mut(run) {
            held.is_settled = true;
        }
    }

    fn drop_held(&mut self, run: &RunId) -> Option<Held> {
        let held = self.held.remove(run)?;
        self.leave(&held.lane, held.units);
        Some(held)
    }

    fn leave(&mut self, lane: &Lane, units: u32) {
        for gate in counting(lane) {
            if let Some(used) = self.used.get_mut(gate) {
                *used = used.saturating_sub(units);
                if *used == 0 {
                    self.used.remove(gate);
                }
            }
        }
    }
}
