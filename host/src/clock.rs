//! The only place that asks the machine for the time.

use pawl_engine::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, as people and journals write it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Now, for measuring how long something takes.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn instant() -> Instant {
    Instant::now()
}
