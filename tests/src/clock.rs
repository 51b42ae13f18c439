//! The only place that asks for the time, and the one way to wait: look, until what
//! is wanted is there or a deadline has passed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a test waits for what should come at once. Far longer than it takes, since
/// a busy machine is no fault of the host's.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(15);

/// Unix time in seconds, as Stripe signs it.
#[expect(clippy::disallowed_methods, reason = "this is the harness's one place")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A moment, to measure from.
#[expect(clippy::disallowed_methods, reason = "this is the harness's one place")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Looks until there is something, and panics with the last `Err` when `within` has passed.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let begun = instant();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(last) if begun.elapsed() > within => {
                panic!("waited {within:?} in vain for {what}; at last: {last}")
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
