//! The machine's clock, asked in one place.

use std::time::{Duration, Instant, SystemTime};

/// How often something that is awaited is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// For measuring.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is asked")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is asked")]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Looks until there is something, or gives `None` when the time is over.
#[expect(clippy::disallowed_methods, reason = "another process has no condition to wait on")]
pub(crate) fn wait_for<T, E>(
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let begun = instant();
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if begun.elapsed() > limit {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}
