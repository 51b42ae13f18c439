//! What happened, in the order in which it became true: the checks read this.

use pawl_engine::{Entry, Event, EventId, FunctionId, Outcome, RunId, Timestamp};
use std::collections::BTreeMap;

/// Something that became true in the store.
#[derive(Debug, Clone)]
pub(super) enum Fact {
    /// An event was stored, and made these runs.
    Accepted { event: Box<Event>, made: Vec<(RunId, FunctionId)> },
    /// A run was claimed: by whom asked at `now`, and whether it had not begun.
    Claimed { run: RunId, now: Timestamp, is_fresh: bool },
    /// A run's journal has grown.
    Written { run: RunId, entry: Entry },
    /// A function's runs are not claimed (`true`), or are again.
    Paused(FunctionId, bool),
    /// A step's code, or its request, begins.
    Begun { run: RunId },
    /// A host ended, with or without a word.
    Ended,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Trace {
    facts: Vec<(Timestamp, Fact)>,
    /// Of which transaction each is.
    transactions: Vec<usize>,
    transaction: usize,
    /// Journals as they were written.
    pub(super) journals: BTreeMap<RunId, Vec<Entry>>,
    /// The claim that counts.
    pub(super) fences: BTreeMap<RunId, u64>,
    /// Answers that guests got, by run.
    pub(super) answers: BTreeMap<RunId, Vec<(String, String)>>,
    /// The events that guests got, by run.
    pub(super) inputs: BTreeMap<RunId, Vec<EventId>>,
    /// How often a step's code was begun, or its request made.
    pub(super) begun: BTreeMap<(RunId, String), u32>,
    /// How many attempts execute now, by limit and key.
    pub(super) executing: BTreeMap<(usize, String), u32>,
    /// How many did at most.
    pub(super) most: u32,
    /// What should not have happened.
    pub(super) wrong: Vec<String>,
}

/// A run, as it was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) run: RunId,
    pub(super) function: FunctionId,
    /// Where in the trace.
    pub(super) place: usize,
    pub(super) event: Event,
}

impl Trace {
    /// It has happened.
    pub(super) fn add(&mut self, at: Timestamp, fact: Fact) {
        if let Fact::Written { run, entry } = &fact {
            self.journals.entry(run.clone()).or_default().push(entry.clone());
        }
        self.facts.push((at, fact));
        self.transactions.push(self.transaction);
    }

    /// What follows is of another transaction.
    pub(super) fn next_transaction(&mut self) {
        self.transaction += 1;
    }

    /// Whether both became true at once.
    pub(super) fn is_at_once(&self, one: usize, other: usize) -> bool {
        self.transactions[one] == self.transactions[other]
    }

    /// Everything, with its time.
    pub(super) fn facts(&self) -> &[(Timestamp, Fact)] {
        &self.facts
    }

    /// When the run ended, and how.
    pub(super) fn end_of(&self, run: &RunId) -> Option<(Timestamp, Outcome)> {
        match self.journals.get(run)?.last()? {
            Entry::Finished { at, outcome } => Some((*at, outcome.clone())),
            _ => None,
        }
    }

    /// Whether the run is stopped by hand, and since when.
    pub(super) fn stopped_at(&self, run: &RunId) -> Option<Timestamp> {
        match self.journals.get(run)?.last()? {
            Entry::Finished { at, .. } | Entry::Paused { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// All runs, in the order of their making.
    pub(super) fn made(&self) -> Vec<Made> {
        let mut all = Vec::new();
        for (place, (_, fact)) in self.facts.iter().enumerate() {
            if let Fact::Accepted { event, made } = fact {
                all.extend(made.iter().map(|(run, function)| Made {
                    run: run.clone(),
                    function: function.clone(),
                    place,
                    event: (**event).clone(),
                }));
            }
        }
        all
    }

    /// All events of this name, in the order of their acceptance, with their places.
    pub(super) fn events(&self, name: &str) -> Vec<(usize, Timestamp, Event)> {
        let all = self.facts.iter().enumerate();
        all.filter_map(|(place, (at, fact))| match fact {
            Fact::Accepted { event, .. } if &*event.name == name => Some((place, *at, (**event).clone())),
            _ => None,
        })
        .collect()
    }

    /// When an event came, by the id that others see.
    pub(super) fn came(&self, id: &str) -> Option<Timestamp> {
        self.facts.iter().find_map(|(at, fact)| match fact {
            Fact::Accepted { event, .. } => {
                let shown = event.sender.as_ref().map_or(event.id.as_str(), |sender| &sender.id);
                (shown == id).then_some(*at)
            }
            _ => None,
        })
    }

    /// Where in the trace the run ended.
    pub(super) fn end_place(&self, run: &RunId) -> Option<usize> {
        self.facts.iter().position(
            |(_, fact)| matches!(fact, Fact::Written { run: r, entry: Entry::Finished { .. } } if r == run),
        )
    }

    /// The claim with which the run began: its place and the time that was asked with.
    pub(super) fn beginning(&self, run: &RunId) -> Option<(usize, Timestamp)> {
        let mut claims = self.facts.iter().enumerate().filter_map(|(place, (_, fact))| match fact {
            Fact::Claimed { run: r, now, is_fresh: true } if r == run => Some((place, *now)),
            _ => None,
        });
        claims.next_back()
    }
}
