//! So many in a period: the generic cell rate algorithm, which Inngest uses for throttles
//! and rate limits. Its whole memory is one moment.

use crate::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A rate: evenly `limit` in a `period`, and `burst` more at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rate {
    /// So many.
    pub limit: u32,
    /// In this time.
    pub period: Span,
    /// How many may come at once.
    pub at_once: u32,
}

impl Rate {
    /// One that comes at `now`, after those that `memory` tells of: the memory with it, or
    /// when it may come at the earliest.
    pub fn pass(self, memory: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Timestamp> {
        let each = Span::from_millis((self.period.as_millis() / u64::from(self.limit.max(1))).max(1));
        let allowed = Span::from_millis(each.as_millis().saturating_mul(u64::from(self.at_once.max(1) - 1)));
        let expected = memory.unwrap_or(now).max(now);
        if expected - now > allowed {
            return Err(Timestamp::from_millis(expected.as_millis() - allowed.as_millis() as i64));
        }
        Ok(expected + each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(rate: Rate, times: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut memory = None;
        let mut passed = Vec::new();
        for t in times {
            if let Ok(next) = rate.pass(memory, Timestamp::from_millis(t)) {
                memory = Some(next);
                passed.push(t);
            }
        }
        passed
    }

    #[test]
    fn so_many_at_once_and_then_one_after_the_other() {
        let rate = Rate { limit: 2, period: Span::from_secs(4), at_once: 2 };
        assert_eq!(passed(rate, (0..=80).map(|n| n * 100)), [0, 100, 2_000, 4_000, 6_000, 8_000]);
        let rate = Rate { limit: 1, period: Span::from_days(1), at_once: 1 };
        assert_eq!(passed(rate, [0, 1, 86_399_999, 86_400_000]), [0, 86_400_000]);
    }

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        let rate = Rate { limit: 2, period: Span::from_secs(4), at_once: 1 };
        let memory = rate.pass(None, Timestamp::from_millis(0)).expect("the first");
        let at = rate.pass(Some(memory), Timestamp::from_millis(500)).expect_err("too early");
        assert_eq!(at, Timestamp::from_millis(2_000));
        assert!(rate.pass(Some(memory), at).is_ok());
    }
}
