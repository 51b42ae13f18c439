//! When a failed try is followed by another one: the host's rules, without their jitter.

use crate::bindings::pawl::workflow::types::{Failure, Retry};

/// Tries after the first, when nothing is said.
pub(super) const RETRIES: u32 = 3;

/// Tries after the first that may be asked for.
pub(super) const MOST: u32 = 20;

/// Seconds after the n-th failed try; the last one repeats.
const TABLE: [u64; 10] = [15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200];

/// Bounds, in milliseconds, of what an error may ask for.
const RETRY_AFTER: (u64, u64) = (1_000, 86_400_000);

/// How many tries have failed before this one, and how many there are in all.
#[derive(Clone, Copy)]
pub(super) struct Tries {
    pub(super) failed: u32,
    pub(super) max: u32,
}

/// After how many milliseconds another try comes; `None`: there is none.
pub(super) fn next(tries: Tries, failure: &Failure) -> Option<u64> {
    if tries.failed + 1 >= tries.max {
        return None;
    }
    match failure.retry {
        Retry::No => None,
        Retry::After(millis) => Some(millis.clamp(RETRY_AFTER.0, RETRY_AFTER.1)),
        Retry::Default => {
            let row = TABLE.get(tries.failed as usize).unwrap_or(&TABLE[TABLE.len() - 1]);
            Some(row * 1_000)
        }
    }
}

/// The failure as it is raised in the function: another try would not help.
pub(super) fn for_good(failure: Failure) -> Failure {
    Failure { retry: Retry::No, ..failure }
}
