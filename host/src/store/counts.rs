//! Facts by the count: what a transaction adds to the counts of its minutes and hours.
//! Added up in memory first, so that a busy transaction writes each count once.

use super::records::{By, EventCount, Period, RunCount};
use crate::pulse::Fact;
use pawl_engine::index::Status;
use pawl_engine::stats::Bucket;
use pawl_engine::{FunctionId, Span, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How fine counts are kept, in milliseconds.
pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// The pieces of time that something is counted in.
pub(super) fn grains(at: Timestamp) -> [(i64, i64); 2] {
    [MINUTE, HOUR].map(|grain| (grain, at.as_millis() - at.as_millis().rem_euclid(grain)))
}

/// The grain that a period is counted from, its beginning and end in milliseconds, and how
/// long its pieces are.
pub(super) fn cut(period: &Period) -> (i64, i64, i64, i64) {
    let every = i64::try_from(period.every.as_millis()).unwrap_or(i64::MAX).max(MINUTE);
    let grain = if every >= HOUR { HOUR } else { MINUTE };
    let from = period.from.as_millis();
    (grain, from - from.rem_euclid(grain), period.until.as_millis(), every)
}

/// Runs of one kind: the grain, the beginning of its piece, the function, the status as in
/// [`RunCount`], and the bucket.
pub(super) type RunKey = (i64, i64, FunctionId, Status, Bucket);

/// Counts by what they are of.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) runs: BTreeMap<RunKey, u64>,
    pub(super) events: BTreeMap<(i64, i64, Arc<str>), u64>,
}

impl Counts {
    /// Adds what these facts come to.
    pub(super) fn add_all(&mut self, facts: &[Fact]) {
        for fact in facts {
            match fact {
                Fact::Accepted { name, at, .. } => {
                    for (grain, at) in grains(*at) {
                        *self.events.entry((grain, at, name.clone())).or_default() += 1;
                    }
                }
                Fact::Made { function, at, .. } => self.run(function, Status::Queued, *at, Span::ZERO),
                Fact::Ended { function, status, started_at, at, .. } => {
                    let took = started_at.map_or(Span::ZERO, |started| *at - started);
                    self.run(function, *status, *at, took);
                }
                Fact::Duplicate { .. }
                | Fact::Delivered { .. }
                | Fact::Skipped { .. }
                | Fact::Moved { .. }
                | Fact::Tried { .. } => {}
            }
        }
    }

    fn run(&mut self, function: &FunctionId, status: Status, at: Timestamp, took: Span) {
        for (grain, at) in grains(at) {
            *self.runs.entry((grain, at, function.clone(), status, Bucket::of(took))).or_default() += 1;
        }
    }

    /// The other ones as well.
    pub(super) fn merge(&mut self, other: Self) {
        other.runs.into_iter().for_each(|(key, n)| *self.runs.entry(key).or_default() += n);
        other.events.into_iter().for_each(|(key, n)| *self.events.entry(key).or_default() += n);
    }

    /// As [`super::records::Records::run_counts`] gives them.
    pub(super) fn runs_of(&self, period: &Period, function: Option<&FunctionId>, by: By) -> Vec<RunCount> {
        let (grain, from, until, every) = cut(period);
        let mut found = BTreeMap::<_, u64>::new();
        for ((of, at, whose, status, took), n) in &self.runs {
            if *of == grain && (from..until).contains(at) && function.is_none_or(|f| f == whose) {
                let whose = (by == By::Function).then(|| whose.clone());
                *found.entry((at - at.rem_euclid(every), whose, *status, *took)).or_default() += n;
            }
        }
        let count = |((at, function, status, took), n)| RunCount {
            at: Timestamp::from_millis(at),
            function,
            status,
            took,
            n,
        };
        found.into_iter().map(count).collect()
    }

    /// As [`super::records::Records::event_counts`] gives them.
    pub(super) fn events_of(&self, period: &Period) -> Vec<EventCount> {
        let (grain, from, until, every) = cut(period);
        let mut found = BTreeMap::<_, u64>::new();
        for ((of, at, name), n) in &self.events {
            if *of == grain && (from..until).contains(at) {
                *found.entry((at - at.rem_euclid(every), name.to_string())).or_default() += n;
            }
        }
        let count = |((at, name), n)| EventCount { at: Timestamp::from_millis(at), name, n };
        found.into_iter().map(count).collect()
    }
}
