//! What the dashboard remembers while the host runs, and may forget: what is said to a
//! viewer on the next page, what was revealed to whom, how often a login has failed.

use super::shell::Flash;
use pawl_engine::{Span, Timestamp};
use rand::RngCore;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// How long personal data is shown after it was asked for.
pub(super) const REVEALED: Span = Span::from_secs(300);

/// How long a sentence waits for its page.
const FLASH: Span = Span::from_secs(60);

/// Failed logins in this time that are answered one by one.
const FAILURES: usize = 10;
const MINUTE: Span = Span::from_secs(60);

/// Entries of each kind: nobody can make it grow for ever.
const ENTRIES: usize = 1_000;

/// Logouts that an open page may lag behind.
const LOGOUTS: usize = 64;

/// See the module.
pub(super) struct Memory {
    /// What tokens of viewers without a session are made from: this process's own.
    pub(super) own: [u8; 32],
    /// Where it is told that a viewer has logged out.
    pub(super) logouts: broadcast::Sender<String>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    flashes: HashMap<String, (Flash, Timestamp)>,
    revealed: HashMap<(String, String), Timestamp>,
    failures: Vec<Timestamp>,
}

impl Default for Memory {
    fn default() -> Self {
        let mut own = [0; 32];
        rand::rng().fill_bytes(&mut own);
        Self { own, logouts: broadcast::channel(LOGOUTS).0, inner: Mutex::default() }
    }
}

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says this on the viewer's next page.
    pub(super) fn say(&self, viewer: &str, flash: Flash, now: Timestamp) {
        let mut inner = self.inner();
        inner.flashes.retain(|_, (_, until)| now < *until);
        if inner.flashes.len() < ENTRIES {
            inner.flashes.insert(viewer.to_owned(), (flash, now + FLASH));
        }
    }

    /// What is to be said to the viewer, once.
    pub(super) fn said(&self, viewer: &str, now: Timestamp) -> Option<Flash> {
        let (flash, until) = self.inner().flashes.remove(viewer)?;
        (now < until).then_some(flash)
    }

    /// Personal data of this subject is shown to this viewer for a while.
    pub(super) fn reveal(&self, viewer: &str, subject: &str, now: Timestamp) {
        let mut inner = self.inner();
        inner.revealed.retain(|_, until| now < *until);
        if inner.revealed.len() < ENTRIES {
            inner.revealed.insert((viewer.to_owned(), subject.to_owned()), now + REVEALED);
        }
    }

    /// It is masked again.
    pub(super) fn conceal(&self, viewer: &str, subject: &str) {
        self.inner().revealed.remove(&(viewer.to_owned(), subject.to_owned()));
    }

    /// Until when it is shown.
    pub(super) fn revealed(&self, viewer: &str, subject: &str, now: Timestamp) -> Option<Timestamp> {
        let inner = self.inner();
        inner.revealed.get(&(viewer.to_owned(), subject.to_owned())).copied().filter(|until| now < *until)
    }

    /// A login has failed. After too many: how long to wait for the next try.
    pub(super) fn failed(&self, now: Timestamp) -> Result<(), Span> {
        let mut inner = self.inner();
        inner.failures.retain(|at| now - *at < MINUTE);
        match inner.failures.first() {
            Some(first) if inner.failures.len() >= FAILURES => Err((*first + MINUTE) - now),
            _ => {
                inner.failures.push(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::shell::Tone;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    #[test]
    fn what_was_revealed_is_so_for_its_viewer_its_subject_and_a_while() {
        let memory = Memory::default();
        memory.reveal("ann", "run:1", at(0));
        assert!(memory.revealed("ann", "run:1", at(299)).is_some());
        assert!(memory.revealed("ann", "run:2", at(1)).is_none());
        assert!(memory.revealed("bob", "run:1", at(1)).is_none());
        assert!(memory.revealed("ann", "run:1", at(300)).is_none());
        memory.conceal("ann", "run:1");
        assert!(memory.revealed("ann", "run:1", at(1)).is_none());
    }

    #[test]
    fn a_sentence_is_said_once() {
        let memory = Memory::default();
        memory.say("ann", Flash::new(Tone::Good, "done"), at(0));
        assert!(memory.said("bob", at(1)).is_none());
        assert!(memory.said("ann", at(1)).is_some() && memory.said("ann", at(1)).is_none());
    }

    #[test]
    fn the_eleventh_wrong_key_within_a_minute_is_told_to_wait() {
        let memory = Memory::default();
        for _ in 0..FAILURES {
            assert_eq!(memory.failed(at(5)), Ok(()));
        }
        assert_eq!(memory.failed(at(64)), Err(Span::from_secs(1)));
        assert_eq!(memory.failed(at(65)), Ok(()));
    }
}
