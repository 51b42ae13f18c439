//! What the writer knows beside the database: claims, and how far into the queue
//! they reach. Lost with the process, which is right: so are the claims.

use crate::store::claims::Claims;
use pawl_engine::{FunctionId, RunId};
use std::collections::HashMap;

/// The writer's memory.
#[derive(Default)]
pub(super) struct State {
    /// Who holds which run.
    pub(super) claims: Claims,
    /// For each function a place in its queue up to which every run is claimed, so
    /// that a claim need not walk past the claimed ones again.
    cursors: HashMap<FunctionId, (i64, String)>,
    /// Whose turn it was last.
    pub(super) turn: Option<String>,
}

impl State {
    /// Where to look for the function's next run: behind this place.
    pub(super) fn cursor(&self, function: &FunctionId) -> (i64, String) {
        self.cursors.get(function).cloned().unwrap_or((i64::MIN, String::new()))
    }

    /// Everything up to this place is claimed.
    pub(super) fn advance(&mut self, function: &FunctionId, ready_at: i64, run: &RunId) {
        self.cursors.insert(function.clone(), (ready_at, run.as_str().to_owned()));
    }

    /// Nothing is known of the queues any more.
    pub(super) fn back_to_the_beginning(&mut self) {
        self.cursors.clear();
    }

    /// An unclaimed run stands at this place: the cursor must not be beyond it.
    pub(super) fn back_to(&mut self, function: &FunctionId, ready_at: i64, run: &RunId) {
        if self.cursor(function) >= (ready_at, run.as_str().to_owned()) {
            // just before it: runs at this very place are looked at again
            self.cursors.insert(function.clone(), (ready_at, String::new()));
        }
    }
}
