//! When a failed attempt is tried again.

use crate::{Failure, Retry, Span, Timestamp, limits};

/// How often and how far apart a step or a function is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tries after the first.
    pub retries: u32,
    /// A fixed distance in place of the table: for development.
    pub interval: Option<Span>,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another try, not before this time.
    At(Timestamp),
    /// No more tries.
    GiveUp,
}

/// Seconds to wait after the n-th failed attempt (from 0); the last one repeats.
/// Inngest's table.
const TABLE: [u64; 10] = [15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200];

/// Up to this much is added, so that what failed together does not return together.
const JITTER: Span = Span::from_secs(30);

/// The policy's word on attempt number `attempt` (from 0), which failed at `now`.
/// `seed` chooses the jitter: the same seed, the same time.
pub fn after(policy: Policy, attempt: u32, failure: &Failure, now: Timestamp, seed: u64) -> Next {
    if attempt >= policy.retries {
        return Next::GiveUp;
    }
    match failure.retry {
        Retry::Never => Next::GiveUp,
        Retry::After(span) => Next::At(now + span.clamp(limits::RETRY_AFTER.0, limits::RETRY_AFTER.1)),
        Retry::ByPolicy => Next::At(now + policy.interval.unwrap_or_else(|| backoff(attempt, seed))),
    }
}

fn backoff(attempt: u32, seed: u64) -> Span {
    let row = TABLE.get(attempt as usize).copied().unwrap_or(TABLE[TABLE.len() - 1]);
    Span::from_millis(row * 1_000 + seed % JITTER.as_millis())
}

/// A seed from texts: FNV-1a, which spreads well enough for jitter and is the same
/// on every host.
pub fn seed(parts: &[&str], n: u32) -> u64 {
    let bytes = parts.iter().flat_map(|p| p.bytes().chain([0])).chain(n.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn wait(policy: Policy, attempt: u32, failure: &Failure, seed: u64) -> Option<u64> {
        match after(policy, attempt, failure, NOW, seed) {
            Next::At(t) => Some((t - NOW).as_millis()),
            Next::GiveUp => None,
        }
    }

    #[test]
    fn the_table_grows_from_15_seconds_to_2_hours_and_jitter_stays_under_30_seconds() {
        let policy = Policy { retries: 20, interval: None };
        let f = Failure::new("E", "");
        for (attempt, row) in [(0, 15), (1, 30), (2, 60), (8, 3_600), (9, 7_200), (15, 7_200)] {
            assert_eq!(wait(policy, attempt, &f, 0), Some(row * 1_000));
            for seed in [1, 29_999, 30_000, u64::MAX] {
                let got = wait(policy, attempt, &f, seed).expect("tries are left");
                assert!((row * 1_000..row * 1_000 + 30_000).contains(&got), "{got}");
            }
        }
    }

    #[test]
    fn retries_count_the_tries_after_the_first() {
        let policy = Policy { retries: 2, interval: Some(Span::from_millis(5)) };
        let f = Failure::new("E", "");
        assert_eq!(wait(policy, 0, &f, 0), Some(5));
        assert_eq!(wait(policy, 1, &f, 0), Some(5));
        assert_eq!(wait(policy, 2, &f, 0), None);
        assert_eq!(wait(policy, 0, &f.for_good(), 0), None);
    }

    #[test]
    fn retry_after_wins_over_the_table_within_its_bounds_and_adds_no_tries() {
        let policy = Policy { retries: 1, interval: None };
        let asks = |ms| Failure { retry: Retry::After(Span::from_millis(ms)), ..Failure::new("E", "") };
        assert_eq!(wait(policy, 0, &asks(90_000), 7), Some(90_000));
        assert_eq!(wait(policy, 0, &asks(1), 7), Some(1_000));
        assert_eq!(wait(policy, 0, &asks(u64::MAX), 7), Some(86_400_000));
        assert_eq!(wait(policy, 1, &asks(90_000), 7), None);
    }
}
