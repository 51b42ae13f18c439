//! Durations by the count: buckets that grow by a quarter each, so that a quantile read
//! from their counts is within some ten percent of the true one.

use crate::Span;

/// A bucket's number. Bucket 0 is "less than a millisecond"; bucket `n` begins at
/// `1.25^(n-1)` ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

/// How much wider each bucket is than the one before.
const GROWTH: f64 = 1.25;

impl Bucket {
    /// The last one: from about 24 days on.
    pub const LAST: Self = Self(97);

    /// The bucket of a duration.
    pub fn of(took: Span) -> Self {
        match took.as_millis() {
            0 => Self(0),
            // both fit: a logarithm of a u64 is below 200
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "bounded by LAST"
            )]
            ms => Self((((ms as f64).ln() / GROWTH.ln() + 1e-9).floor() as u8).saturating_add(1))
                .min(Self::LAST),
        }
    }

    /// By its number; one that is too large is the last.
    pub fn new(n: u8) -> Self {
        Self(n).min(Self::LAST)
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Where it begins and ends, in milliseconds.
    pub fn bounds(self) -> (f64, f64) {
        match self.0 {
            0 => (0.0, 1.0),
            n => (GROWTH.powi(i32::from(n) - 1), GROWTH.powi(i32::from(n))),
        }
    }
}

/// The duration that the share `q` (0 to 1) of all counted ones does not exceed; within a
/// bucket they are taken to lie evenly. `None`: nothing was counted. Order does not matter.
pub fn quantile(counts: &[(Bucket, u64)], q: f64) -> Option<Span> {
    let mut counts: Vec<_> = counts.iter().copied().filter(|(_, n)| *n > 0).collect();
    counts.sort_unstable_by_key(|(bucket, _)| *bucket);
    let total: u64 = counts.iter().map(|(_, n)| n).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    let wanted = q.clamp(0.0, 1.0) * total as f64;
    let mut below = 0.0;
    for (place, (bucket, n)) in counts.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
        let n = *n as f64;
        if below + n >= wanted || place + 1 == counts.len() {
            let (from, to) = bucket.bounds();
            let share = ((wanted - below) / n).clamp(0.0, 1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most 25 days in ms"
            )]
            return Some(Span::from_millis((from + (to - from) * share).round() as u64));
        }
        below += n;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_duration_lies_in_its_bucket() {
        for ms in (0..5_000).chain([60_000, 3_600_000, 86_400_000, 2_000_000_000]) {
            let (from, to) = Bucket::of(Span::from_millis(ms)).bounds();
            let ms = ms as f64;
            assert!(from <= ms + 1e-6 && ms < to + 1e-6, "{ms} in {from}..{to}");
        }
        assert_eq!(Bucket::of(Span::from_days(400)), Bucket::LAST);
        assert_eq!(quantile(&[], 0.5), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_a_bucket_of_the_true_one(mut all in proptest::collection::vec(1u64..10_000_000, 1..300), q in 0.01f64..1.0) {
            let mut counts = std::collections::BTreeMap::new();
            all.iter().for_each(|ms| *counts.entry(Bucket::of(Span::from_millis(*ms))).or_insert(0u64) += 1);
            let counts: Vec<_> = counts.into_iter().collect();
            let found = quantile(&counts, q).expect("some").as_millis() as f64;
            all.sort_unstable();
            let place = ((q * all.len() as f64).ceil() as usize).clamp(1, all.len()) - 1;
            let (from, to) = Bucket::of(Span::from_millis(all[place])).bounds();
            prop_assert!(found >= from.floor() - 1.0 && found <= to.ceil() + 1.0, "{found} for {}", all[place]);
        }
    }
}
