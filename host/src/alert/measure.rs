//! What rules are measured by: read from the store's counts, a few queries for all of them.

use crate::store::records::{By, Depth, EventCount, Period, RunCount};
use crate::store::{Store, StoreError};
use pawl_engine::alert::{Above, Reading, Rule, Subject, When};
use pawl_engine::stats::quantile;
use pawl_engine::{FunctionId, Span, Status, Timestamp};
use std::collections::BTreeMap;

/// Beyond this hours are counted, not minutes.
const MINUTES_UP_TO: Span = Span::from_secs(6 * 3_600);

/// What a spike is compared to.
const USUAL: Span = Span::from_days(1);

/// How long a host hears nothing after its start before silence is silence.
const WARM_UP: Span = Span::from_secs(300);

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// What came and ended within one window.
#[derive(Debug, Default)]
struct Counts {
    runs: Vec<RunCount>,
    events: Vec<EventCount>,
}

/// Everything that a look at the rules needs.
#[derive(Debug)]
pub(super) struct Numbers {
    windows: BTreeMap<Span, Counts>,
    /// Of the last day, by whole hours.
    usual: Counts,
    usual_until: Timestamp,
    depths: Vec<Depth>,
}

/// A window's pieces, as large as the store can sum them up; it begins with a whole minute, or
/// hour.
fn window(within: Span, now: Timestamp) -> Period {
    let (grain, every) = match within <= MINUTES_UP_TO {
        true => (MINUTE, Span::from_secs(59 * 60)),
        false => (HOUR, Span::from_days(1)),
    };
    let from = now.as_millis() - i64::try_from(within.as_millis()).unwrap_or(0);
    Period {
        from: Timestamp::from_millis(from - from.rem_euclid(grain)),
        until: now + Span::from_millis(1),
        every,
    }
}

impl Numbers {
    /// What these rules need now.
    pub(super) async fn of(store: &dyn Store, rules: &[Rule], now: Timestamp) -> Result<Self, StoreError> {
        let hour = Timestamp::from_millis(now.as_millis() - now.as_millis().rem_euclid(HOUR));
        let (windows, usual, depths) = (BTreeMap::new(), Counts::default(), Vec::new());
        let mut numbers = Self { windows, usual, usual_until: hour, depths };
        for rule in rules {
            let of_events = matches!(rule.subject, Subject::Event(_));
            if matches!(rule.when, When::Backlog { .. }) {
                if numbers.depths.is_empty() {
                    numbers.depths = store.records().depths(now).await?;
                }
                continue;
            }
            let period = window(rule.within, now);
            let counts = numbers.windows.entry(rule.within).or_default();
            counts.read(store, period, of_events).await?;
            if matches!(rule.when, When::Spike { above: Above::Times(_), .. }) {
                let day = i64::try_from(USUAL.as_millis()).unwrap_or(0);
                let from = Timestamp::from_millis(hour.as_millis() - day);
                let period = Period { from, until: hour, every: Span::from_secs(3_600) };
                numbers.usual.read(store, period, of_events).await?;
            }
        }
        Ok(numbers)
    }

    /// Functions of which there is anything.
    pub(super) fn functions(&self) -> impl Iterator<Item = &FunctionId> {
        let counted = self.windows.values().flat_map(|c| c.runs.iter().filter_map(|r| r.function.as_ref()));
        counted.chain(self.depths.iter().map(|depth| &depth.function))
    }

    /// What a rule measures of one subject. `known`: since when the rule has been looked at.
    pub(super) fn read(
        &self,
        rule: &Rule,
        subject: &str,
        now: Timestamp,
        known: Timestamp,
        started_at: Timestamp,
    ) -> Reading {
        let empty = Counts::default();
        let counts = self.windows.get(&rule.within).unwrap_or(&empty);
        let ended = |status| counts.runs(subject, status);
        let is = |value: f64, limit: f64| Reading::Is { value, limit };
        match rule.when {
            When::Failed { at_least } => is(float(ended(Status::Failed)), float(at_least)),
            When::ErrorRate { above, at_least } => {
                let (failed, completed) = (ended(Status::Failed), ended(Status::Completed));
                let all = failed + completed;
                // too few say nothing, and that is no error
                is(if all < at_least { 0.0 } else { float(failed) / float(all.max(1)) }, above)
            }
            When::Slow { above, at_least } => {
                let is_over = |r: &&RunCount| matches!(r.status, Status::Completed | Status::Failed);
                let of_it = |r: &&RunCount| r.function.as_ref().is_some_and(|f| f.as_str() == subject);
                let took: Vec<_> =
                    counts.runs.iter().filter(is_over).filter(of_it).map(|r| (r.took, r.n)).collect();
                let all: u64 = took.iter().map(|(_, n)| n).sum();
                let p95 = quantile(&took, 0.95).filter(|_| all >= at_least).unwrap_or(Span::ZERO);
                is(float(p95.as_millis()), float(above.as_millis()))
            }
            When::Spike { above, at_least } => {
                let came = counts.came(&rule.subject, subject);
                let limit = match above {
                    Above::Count(limit) => Some(float(limit)),
                    Above::Times(times) => self.usual_within(rule, subject).map(|usual| usual * times),
                };
                let Some(limit) = limit else { return Reading::Unknown };
                is(float(came), limit.max(float(at_least) - 1.0))
            }
            When::Silence => {
                let limit = float(rule.within.as_millis());
                if counts.came(&rule.subject, subject) > 0 {
                    return is(0.0, limit);
                }
                let has_listened = now - known >= rule.within && now - started_at >= rule.within.min(WARM_UP);
                if has_listened { is(limit, limit) } else { Reading::Unknown }
            }
            When::Backlog { older_than } => {
                let depth = self.depths.iter().find(|depth| depth.function.as_str() == subject);
                let age = depth.and_then(|depth| depth.oldest).map_or(Span::ZERO, |oldest| now - oldest);
                is(float(age.as_millis()), float(older_than.as_millis()))
            }
        }
    }

    /// How many came in a usual window: the mean of the last day, or of what is known of it.
    fn usual_within(&self, rule: &Rule, subject: &str) -> Option<f64> {
        let first =
            self.usual.runs.iter().map(|r| r.at).chain(self.usual.events.iter().map(|e| e.at)).min()?;
        let known = self.usual_until - first;
        let came = float(self.usual.came(&rule.subject, subject));
        Some(came * float(rule.within.as_millis()) / float(known.as_millis()))
    }
}

impl Counts {
    /// Reads what is not read yet.
    async fn read(&mut self, store: &dyn Store, period: Period, of_events: bool) -> Result<(), StoreError> {
        if of_events && self.events.is_empty() {
            self.events = store.records().event_counts(period).await?;
        }
        if !of_events && self.runs.is_empty() {
            self.runs = store.records().run_counts(period, None, By::Function).await?;
        }
        Ok(())
    }

    fn runs(&self, function: &str, status: Status) -> u64 {
        let is_it =
            |r: &&RunCount| r.status == status && r.function.as_ref().is_some_and(|f| f.as_str() == function);
        self.runs.iter().filter(is_it).map(|r| r.n).sum()
    }

    /// Events of a pattern, or runs of a function that were made.
    fn came(&self, about: &Subject, subject: &str) -> u64 {
        match about {
            Subject::Event(pattern) => {
                self.events.iter().filter(|e| pattern.matches(&e.name)).map(|e| e.n).sum()
            }
            Subject::Function(_) => self.runs(subject, Status::Queued),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a limit needs no more digits")]
fn float(n: u64) -> f64 {
    n as f64
}
