//! New ids: ULIDs that grow also within one millisecond, so that ids sort as things
//! happened.

use pawl_engine::{EventId, RunId, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use ulid::{Generator, Ulid};

static LAST: Mutex<Option<Generator>> = Mutex::new(None);

fn next(now: Timestamp) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let generator = last.get_or_insert_with(Generator::new);
    // 2^80 ids in one millisecond overflow; a fresh one is as good then
    generator.generate_from_datetime(at).unwrap_or_else(|_| Ulid::from_datetime(at)).to_string()
}

/// For an event that is accepted at `now`.
pub fn event(now: Timestamp) -> EventId {
    EventId::new(next(now))
}

/// For a run that is made at `now`.
pub fn run(now: Timestamp) -> RunId {
    RunId::new(next(now))
}

/// The first id that a run of this time could have: what was made earlier is before it.
pub fn first_at(at: Timestamp) -> RunId {
    let ms = u64::try_from(at.as_millis()).unwrap_or(0);
    RunId::new(Ulid::from_parts(ms, 0).to_string())
}
