//! What happens, told once it is durable: counted, and passed on to whoever listens.
//!
//! Telling never waits and never fails. A listener that is too slow misses facts and
//! learns how many; what has to be exact is read from the store.

use crate::clock;
use pawl_engine::{EventId, FunctionId, Kind, RunId, Status, Timestamp};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// Facts that a slow listener may lag behind.
const BACKLOG: usize = 8_192;

/// Something that is true from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An event is stored.
    Accepted {
        /// which
        event: EventId,
        /// what happened
        name: Arc<str>,
        /// who its sender's id is from
        source: Option<&'static str>,
        /// when it was received
        at: Timestamp,
    },
    /// An event was known already.
    Duplicate {
        /// the first one
        event: EventId,
        /// who its sender's id is from
        source: Option<&'static str>,
    },
    /// Webhooks that came to the door are listed.
    Delivered {
        /// how many
        n: usize,
    },
    /// A run is made.
    Made {
        /// which
        run: RunId,
        /// of which function
        function: FunctionId,
        /// for which event
        event: EventId,
        /// when
        at: Timestamp,
    },
    /// An event made no run of a function.
    Skipped {
        /// which function
        function: FunctionId,
        /// which event
        event: EventId,
        /// `rate_limit`, `debounced`, `batched`, `singleton`
        why: &'static str,
    },
    /// Something of a run has changed.
    Moved {
        /// which
        run: RunId,
    },
    /// A try of a step ended.
    Tried {
        /// what kind of step
        op: Kind,
        /// how
        how: Tried,
    },
    /// A run is over.
    Ended {
        /// which
        run: RunId,
        /// of which function
        function: FunctionId,
        /// a final one
        status: Status,
        /// when its first instance was made, if one was
        started_at: Option<Timestamp>,
        /// when it ended
        at: Timestamp,
    },
}

/// How a try of a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tried {
    /// With an output.
    Completed,
    /// With a failure after which it is tried again.
    Retrying,
    /// With its last failure.
    Failed,
}

/// Who hears every fact, where it is told: quick, and without waiting for anything.
pub trait Ear: Send + Sync {
    /// A fact.
    fn hear(&self, fact: &Fact);
    /// So many writes became durable together, which took so long.
    fn committed(&self, writes: usize, took: Duration) {
        let _unheard = (writes, took);
    }
}

/// Where facts are told. Clones tell the same listeners.
#[derive(Clone)]
pub struct Pulse {
    facts: broadcast::Sender<Fact>,
    ears: Arc<OnceLock<Vec<Arc<dyn Ear>>>>,
}

/// A commit that is under way.
pub struct Committing<'a> {
    pulse: &'a Pulse,
    since: Instant,
}

impl Committing<'_> {
    /// It has made so many writes durable.
    pub fn is_done(self, writes: usize) {
        let took = clock::instant().saturating_duration_since(self.since);
        self.pulse.ears().for_each(|ear| ear.committed(writes, took));
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self { facts: broadcast::channel(BACKLOG).0, ears: Arc::default() }
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulse").finish_non_exhaustive()
    }
}

impl Pulse {
    /// From now on these hear everything. Once, before there is anything to hear.
    pub fn attach(&self, ears: Vec<Arc<dyn Ear>>) {
        let _attached_before = self.ears.set(ears);
    }

    fn ears(&self) -> impl Iterator<Item = &Arc<dyn Ear>> {
        self.ears.get().into_iter().flatten()
    }

    /// A commit begins.
    pub fn commits(&self) -> Committing<'_> {
        Committing { pulse: self, since: clock::instant() }
    }

    /// Tells a fact to whoever listens.
    pub fn tell(&self, fact: Fact) {
        self.ears().for_each(|ear| ear.hear(&fact));
        // an error says that nobody listens
        let _nobody = self.facts.send(fact);
    }

    /// Everything that is told from now on.
    pub fn listen(&self) -> broadcast::Receiver<Fact> {
        self.facts.subscribe()
    }
}
