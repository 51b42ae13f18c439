//! The only place that asks the machine for the time.

use pawl_engine::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, as people and journals write it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    #[cfg(test)]
    if let Some(now) = simulated::now() {
        return now;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Now, for measuring how long something takes.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn instant() -> Instant {
    #[cfg(test)]
    if simulated::now().is_some() {
        return tokio::time::Instant::now().into_std();
    }
    Instant::now()
}

/// Time that passes as a test wants it: tokio's paused clock, on this thread alone.
#[cfg(test)]
pub(crate) mod simulated {
    use pawl_engine::{Span, Timestamp};
    use std::cell::Cell;
    use tokio::time::Instant;

    thread_local! {
        static BEGINNING: Cell<Option<(Timestamp, Instant)>> = const { Cell::new(None) };
    }

    /// From now on, and until it is dropped, the thread's time goes on from `at` with the
    /// clock of the runtime in which this is called.
    pub(crate) fn from(at: Timestamp) -> Ends {
        BEGINNING.set(Some((at, Instant::now())));
        Ends
    }

    /// The end of simulated time.
    pub(crate) struct Ends;

    impl Drop for Ends {
        fn drop(&mut self) {
            BEGINNING.set(None);
        }
    }

    /// The simulated time, if there is any.
    pub(super) fn now() -> Option<Timestamp> {
        BEGINNING.get().map(|(at, since)| at + Span::from(since.elapsed()))
    }
}
