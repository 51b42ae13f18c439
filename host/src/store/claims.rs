//! Who holds which run, for stores that have one host: in memory, because nobody
//! else can write, and because after a crash nobody holds anything.

use super::Claim;
use pawl_engine::{FunctionId, RunId};
use std::collections::HashMap;
use tokio_util::sync::CancellationToken;

/// The claims of one host.
#[derive(Debug, Default)]
pub struct Claims {
    fence: u64,
    held: HashMap<RunId, Held>,
    per_function: HashMap<FunctionId, u32>,
}

#[derive(Debug)]
struct Held {
    fence: u64,
    function: FunctionId,
    revoked: CancellationToken,
}

impl Claims {
    /// Claims the run; who held it before has lost it.
    pub fn take(&mut self, run: &RunId, function: &FunctionId) -> Claim {
        if let Some(former) = self.drop_held(run) {
            former.revoked.cancel();
        }
        self.fence += 1;
        let revoked = CancellationToken::new();
        let held = Held { fence: self.fence, function: function.clone(), revoked: revoked.clone() };
        self.held.insert(run.clone(), held);
        *self.per_function.entry(function.clone()).or_default() += 1;
        Claim { run: run.clone(), fence: self.fence, revoked }
    }

    /// Whether this claim still holds.
    pub fn holds(&self, claim: &Claim) -> bool {
        self.held.get(&claim.run).is_some_and(|h| h.fence == claim.fence)
    }

    /// Whether anybody has the run.
    pub fn is_held(&self, run: &RunId) -> bool {
        self.held.contains_key(run)
    }

    /// Ends this claim, if it still holds.
    pub fn end(&mut self, claim: &Claim) {
        if self.holds(claim) {
            self.drop_held(&claim.run);
        }
    }

    /// How many runs of the function are held.
    pub fn of(&self, function: &FunctionId) -> u32 {
        self.per_function.get(function).copied().unwrap_or(0)
    }

    /// All runs that are held.
    pub fn runs(&self) -> impl Iterator<Item = &RunId> {
        self.held.keys()
    }

    fn drop_held(&mut self, run: &RunId) -> Option<Held> {
        let held = self.held.remove(run)?;
        if let Some(n) = self.per_function.get_mut(&held.function) {
            *n -= 1;
            if *n == 0 {
                self.per_function.remove(&held.function);
            }
        }
        Some(held)
    }
}
