//! Which step a call is for, where a guest names it by its id alone: the n-th use of an id that
//! has been answered counts.

use super::StepCall;
use crate::StepKey;
use crate::id::BadStepId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which occurrences of an id have been answered in one pass.
#[derive(Debug, Default)]
pub struct Answered(BTreeMap<Arc<str>, BTreeSet<u32>>);

impl Answered {
    /// This step has an answer.
    pub fn mark(&mut self, key: &StepKey) {
        self.0.entry(key.name.clone()).or_default().insert(key.occurrence);
    }

    /// Gives the calls of one list their keys.
    pub fn keys<'a>(&'a self, calls: &'a [StepCall]) -> Keys<'a> {
        Keys { answered: self, is_list: calls.len() > 1, taken: BTreeSet::new() }
    }
}

/// Gives calls their keys: the lowest occurrences of their ids that have no answer yet.
#[derive(Debug)]
pub struct Keys<'a> {
    answered: &'a Answered,
    is_list: bool,
    taken: BTreeSet<(&'a str, u32)>,
}

impl<'a> Keys<'a> {
    /// The key of the list's next call.
    pub fn next_of(&mut self, id: &'a str) -> Result<StepKey, BadStepId> {
        let answered = self.answered.0.get(id);
        let is_free = |n: &u32| !answered.is_some_and(|a| a.contains(n)) && !self.taken.contains(&(id, *n));
        let occurrence = (0..).find(is_free).unwrap_or(u32::MAX);
        if self.is_list {
            self.taken.insert((id, occurrence));
        }
        StepKey::new(id, occurrence)
    }
}
