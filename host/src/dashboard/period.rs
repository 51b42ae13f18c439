//! The time that a page looks at, cut into pieces; and what was counted in it.

use super::chart::{Series, Spark, percent};
use super::fields::Fields;
use super::filters::{lasting, thousands};
use crate::store::records::{Period, RunCount};
use pawl_engine::stats::{Bucket, quantile};
use pawl_engine::{Span, Status, Timestamp};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How far back a page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// 1 h
    Hour,
    /// 6 h
    SixHours,
    /// 24 h
    Day,
    /// 7 d
    Week,
    /// 30 d
    Month,
    /// 90 d
    Quarter,
}

impl Range {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Hour, Self::SixHours, Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// As it stands in a URL.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    /// For people.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Hour => "1 hour",
            Self::SixHours => "6 hours",
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
            Self::Quarter => "90 days",
        }
    }

    /// From a URL; a day when it says nothing that is known.
    pub(super) fn parse(text: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|r| Some(r.as_str()) == text).unwrap_or(Self::Day)
    }

    /// Its pieces up to now, the last of which is not over yet.
    pub(super) fn axis(self, now: Timestamp) -> Axis {
        let (every, pieces, columns) = match self {
            Self::Hour => (MINUTE, 60, 6),
            Self::SixHours => (5 * MINUTE, 72, 6),
            Self::Day => (30 * MINUTE, 48, 6),
            Self::Week => (3 * HOUR, 56, 7),
            Self::Month => (12 * HOUR, 60, 6),
            Self::Quarter => (DAY, 90, 6),
        };
        Axis::up_to(now, Span::from_secs(every), pieces, columns)
    }
}

/// A link to the same page for another time.
pub(super) struct PeriodLink {
    /// The page.
    pub(super) url: String,
    /// For people.
    pub(super) label: &'static str,
    /// It is the page that is shown.
    pub(super) is_current: bool,
}

/// Links to the page for all periods.
pub(super) fn links(query: &Fields, current: Range) -> Vec<PeriodLink> {
    let link = |range: Range| PeriodLink {
        url: query.with(&[("period", range.as_str())]),
        label: range.label(),
        is_current: range == current,
    };
    Range::ALL.map(link).into()
}

/// A time in pieces of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    /// When the first one begins.
    pub(super) from: Timestamp,
    /// How long each is.
    pub(super) every: Span,
    /// How many there are.
    pub(super) pieces: usize,
    /// In how many columns they are shown, of as many pieces each.
    pub(super) columns: usize,
}

impl Axis {
    fn up_to(now: Timestamp, every: Span, pieces: usize, columns: usize) -> Self {
        let length = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
        let last = now.as_millis().div_euclid(length);
        let first = last - i64::try_from(pieces).unwrap_or(0) + 1;
        Self { from: Timestamp::from_millis(first * length), every, pieces, columns }
    }

    /// The last day by the hour.
    pub(super) fn day_by_hours(now: Timestamp) -> Self {
        Self::up_to(now, Span::from_secs(HOUR), 24, 6)
    }

    /// As a store is asked for it.
    pub(super) fn period(&self) -> Period {
        Period { from: self.from, until: self.at(self.pieces), every: self.every }
    }

    /// When a piece begins.
    pub(super) fn at(&self, piece: usize) -> Timestamp {
        self.from + Span::from_millis(self.every.as_millis().saturating_mul(piece as u64))
    }

    /// In which piece a moment is.
    pub(super) fn piece(&self, at: Timestamp) -> Option<usize> {
        let piece = usize::try_from((at - self.from).as_millis() / self.every.as_millis().max(1)).ok()?;
        (at >= self.from && piece < self.pieces).then_some(piece)
    }

    /// When the columns begin.
    pub(super) fn columns(&self) -> Vec<Timestamp> {
        let each = self.pieces / self.columns.max(1);
        (0..self.columns).map(|n| self.at(n * each)).collect()
    }

    /// Whether columns are told apart by their days rather than hours.
    pub(super) fn is_by_day(&self) -> bool {
        self.every.as_millis() > HOUR * 1_000
    }

    /// The highest by the piece; 0 where nothing is known.
    pub(super) fn highest(&self, values: impl IntoIterator<Item = (Timestamp, u64)>) -> Vec<u64> {
        let mut highest = vec![0; self.pieces];
        for (at, value) in values {
            if let Some(piece) = self.piece(at) {
                highest[piece] = value.max(highest[piece]);
            }
        }
        highest
    }

    /// Sums by the piece.
    pub(super) fn sums(&self, counts: impl IntoIterator<Item = (Timestamp, u64)>) -> Vec<u64> {
        let mut sums = vec![0; self.pieces];
        for (at, n) in counts {
            if let Some(piece) = self.piece(at) {
                sums[piece] += n;
            }
        }
        sums
    }
}

/// What became of runs in some time.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Runs that were made.
    pub(super) made: u64,
    /// Runs that ended so.
    pub(super) completed: u64,
    /// See `completed`.
    pub(super) failed: u64,
    /// See `completed`.
    pub(super) cancelled: u64,
    took: Vec<(Bucket, u64)>,
}

impl Tally {
    /// Of all these.
    pub(super) fn of<'a>(counts: impl IntoIterator<Item = &'a RunCount>) -> Self {
        let mut tally = Self::default();
        for count in counts {
            tally.add(count);
        }
        tally
    }

    fn add(&mut self, count: &RunCount) {
        let of = match count.status {
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Cancelled => &mut self.cancelled,
            Status::Queued | Status::Running | Status::Sleeping | Status::Paused => {
                self.made += count.n;
                return;
            }
        };
        *of += count.n;
        // how long somebody let a run go on says nothing of the function
        if count.status != Status::Cancelled {
            self.took.push((count.took, count.n));
        }
    }

    /// Runs that are over.
    pub(super) fn ended(&self) -> u64 {
        self.completed + self.failed + self.cancelled
    }

    /// Of the runs that came to an end of their own, the part that completed.
    pub(super) fn success(&self) -> Option<f64> {
        let own = self.completed + self.failed;
        (own > 0).then(|| super::chart::float(self.completed) / super::chart::float(own))
    }

    /// The same in words.
    pub(super) fn success_words(&self) -> String {
        self.success().map_or_else(|| "–".into(), percent)
    }

    /// Of how many.
    pub(super) fn success_hint(&self) -> String {
        match self.failed {
            0 => "none failed".into(),
            n => format!("{} failed of {}", thousands(n), thousands(self.completed + n)),
        }
    }

    /// The time that this part of the runs did not exceed.
    pub(super) fn took(&self, q: f64) -> Option<Span> {
        quantile(&self.took, q)
    }

    /// The same in words.
    pub(super) fn took_words(&self, q: f64) -> String {
        self.took(q).map_or_else(|| "–".into(), lasting)
    }

    /// The other durations, in words.
    pub(super) fn took_hint(&self) -> String {
        format!("p50 {} · p99 {}", self.took_words(0.5), self.took_words(0.99))
    }
}

/// Runs by the pieces of a time.
pub(super) struct Tallies {
    /// One for each piece.
    pub(super) pieces: Vec<Tally>,
}

impl Tallies {
    /// Of all these.
    pub(super) fn of<'a>(axis: &Axis, counts: impl IntoIterator<Item = &'a RunCount>) -> Self {
        let mut pieces = vec![Tally::default(); axis.pieces];
        for count in counts {
            if let Some(piece) = axis.piece(count.at) {
                pieces[piece].add(count);
            }
        }
        Self { pieces }
    }

    fn each(&self, of: impl Fn(&Tally) -> u64) -> Vec<u64> {
        self.pieces.iter().map(of).collect()
    }

    /// Ended runs as bars.
    pub(super) fn ended(&self) -> Vec<Series> {
        vec![
            Series::counts("Completed", "bar-ok", &self.each(|t| t.completed)),
            Series::counts("Failed", "bar-failed", &self.each(|t| t.failed)),
            Series::counts("Cancelled", "bar-cancelled", &self.each(|t| t.cancelled)),
        ]
    }

    /// Runs that were made, as bars.
    pub(super) fn made(&self) -> Vec<Series> {
        vec![Series::counts("Made", "bar-1", &self.each(|t| t.made))]
    }

    /// Durations as lines.
    pub(super) fn took(&self) -> Vec<Series> {
        [("p50", "line", 0.5), ("p95", "line-2", 0.95), ("p99", "line-3", 0.99)]
            .map(|(name, class, q)| {
                let ms = |tally: &Tally| tally.took(q).map(|span| super::chart::float(span.as_millis()));
                Series { name: name.into(), class, values: self.pieces.iter().map(ms).collect() }
            })
            .into()
    }

    /// The success rate as a line.
    pub(super) fn success(&self) -> Vec<Series> {
        let values = self.pieces.iter().map(Tally::success).collect();
        vec![Series { name: "Success rate".into(), class: "line", values }]
    }

    /// Runs that were made, as a small picture.
    pub(super) fn spark(&self) -> Spark {
        Spark::new("Runs made by the hour", &self.each(|t| t.made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(ms: i64, status: Status, n: u64) -> RunCount {
        let took = Bucket::of(Span::from_millis(100));
        RunCount { at: Timestamp::from_millis(ms), function: None, status, took, n }
    }

    #[test]
    fn each_range_ends_with_the_piece_that_is_now_and_cuts_into_whole_columns() {
        let now = Timestamp::from_millis(1_800_000_123_456);
        for range in Range::ALL {
            let axis = range.axis(now);
            assert_eq!(axis.piece(now), Some(axis.pieces - 1), "{range:?}");
            assert_eq!(axis.pieces % axis.columns, 0, "{range:?}");
            assert_eq!(axis.from.as_millis() % axis.every.as_millis() as i64, 0, "{range:?}");
            assert_eq!(axis.piece(axis.period().until), None, "{range:?}");
            assert_eq!(Range::parse(Some(range.as_str())), range);
        }
        assert_eq!(Range::parse(Some("1y")), Range::Day);
    }

    #[test]
    fn a_rate_is_of_the_runs_that_ended_by_themselves() {
        let counts = [
            count(0, Status::Queued, 9),
            count(0, Status::Completed, 3),
            count(0, Status::Failed, 1),
            count(0, Status::Cancelled, 4),
        ];
        let tally = Tally::of(&counts);
        assert_eq!((tally.made, tally.ended(), tally.success()), (9, 8, Some(0.75)));
        assert!(tally.took(0.5).is_some());
        assert_eq!((Tally::default().success(), Tally::default().took(0.5)), (None, None));
    }

    #[test]
    fn what_lies_outside_of_the_time_is_not_counted() {
        let axis = Axis { from: Timestamp::from_millis(0), every: Span::from_secs(1), pieces: 2, columns: 1 };
        let counts = [-1, 0, 999, 1_000, 2_000].map(|ms| count(ms, Status::Completed, 1));
        let tallies = Tallies::of(&axis, &counts);
        assert_eq!(tallies.pieces.iter().map(Tally::ended).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(axis.sums(counts.iter().map(|c| (c.at, c.n))), [2, 1]);
    }
}
