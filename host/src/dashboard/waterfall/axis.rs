//! An axis of time: where on it a moment stands, in percent of its width.

use crate::dashboard::filters::lasting;
use pawl_engine::{Span, Timestamp};

/// What of the axis one collapsed gap takes, and what all of them may, in percent.
const GAP: f64 = 6.0;
const GAPS: f64 = 48.0;

/// Gaps that are collapsed at most, the longest of them: each is drawn in every row.
const COLLAPSED: usize = 20;

/// How far apart, in percent, two labels of gaps have room on a phone.
const LABEL: f64 = 17.0;

/// A gap is collapsed when it is longer than this share of all that is not one, and not short.
const LONG: u64 = 3;
const SHORT: u64 = 250;

/// Lengths that ticks may be apart, in milliseconds.
const STEPS: [u64; 34] = {
    const S: u64 = 1_000;
    const M: u64 = 60 * S;
    const H: u64 = 60 * M;
    const D: u64 = 24 * H;
    [
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        S,
        2 * S,
        5 * S,
        10 * S,
        15 * S,
        30 * S,
        M,
        2 * M,
        5 * M,
        10 * M,
        15 * M,
        30 * M,
        H,
        2 * H,
        3 * H,
        6 * H,
        12 * H,
        D,
        2 * D,
        7 * D,
        14 * D,
        30 * D,
        90 * D,
        180 * D,
        366 * D,
    ]
};

/// Ticks on one axis, at most.
const TICKS: u64 = 6;

/// From one moment to another.
pub(super) type Stretch = (Timestamp, Timestamp);

/// A part of the axis on which time goes evenly.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    time: Stretch,
    x: f64,
    width: f64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::dashboard) struct Axis {
    pieces: Vec<Piece>,
    gaps: Vec<usize>,
}

/// A mark on the axis.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::dashboard) struct Tick {
    /// Where.
    pub(in crate::dashboard) x: String,
    /// How wide, for a gap.
    pub(in crate::dashboard) width: String,
    /// How long after the beginning; how long, for a gap.
    pub(in crate::dashboard) label: String,
}

/// As an attribute of SVG.
pub(super) fn percent(x: f64) -> String {
    format!("{x:.3}%")
}

#[expect(clippy::cast_precision_loss, reason = "a place on a screen needs no more digits")]
fn float(span: Span) -> f64 {
    span.as_millis() as f64
}

impl Axis {
    /// On which all time goes evenly.
    pub(super) fn even(from: Timestamp, until: Timestamp) -> Self {
        let until = until.max(from + Span::from_millis(1));
        Self { pieces: vec![Piece { time: (from, until), x: 0.0, width: 100.0 }], gaps: Vec::new() }
    }

    /// On which long gaps between what is `busy` are as long as any other.
    pub(super) fn of_busy(from: Timestamp, until: Timestamp, busy: &[Stretch]) -> Self {
        let parts = parts(from, until, busy);
        let lengths = |is_busy: bool| {
            parts.iter().filter(move |(_, b)| *b == is_busy).map(|((a, b), _)| (*b - *a).as_millis())
        };
        let long = (lengths(true).sum::<u64>() / LONG).max(SHORT);
        let is_gap = |(from, until): Stretch, is_busy: bool| !is_busy && (until - from).as_millis() > long;
        let mut longest: Vec<usize> = (0..parts.len()).filter(|n| is_gap(parts[*n].0, parts[*n].1)).collect();
        longest.sort_by_key(|n| std::cmp::Reverse(parts[*n].0.1 - parts[*n].0.0));
        longest.truncate(COLLAPSED);
        let gaps: Vec<bool> = (0..parts.len()).map(|n| longest.contains(&n)).collect();
        let count = longest.len();
        let rest: f64 =
            parts.iter().zip(&gaps).filter(|(_, gap)| !**gap).map(|((t, _), _)| float(t.1 - t.0)).sum();
        if count == 0 || rest <= 0.0 {
            return Self::even(from, until);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few gaps")]
        let each = GAP.min(GAPS / count as f64);
        #[expect(clippy::cast_precision_loss, reason = "a few gaps")]
        let scale = (100.0 - each * count as f64) / rest;
        let (mut x, mut pieces) = (0.0, Vec::new());
        for ((time, _), is_gap) in parts.into_iter().zip(&gaps) {
            let width = if *is_gap { each } else { float(time.1 - time.0) * scale };
            pieces.push(Piece { time, x, width });
            x += width;
        }
        let gaps = gaps.iter().enumerate().filter(|(_, is_gap)| **is_gap).map(|(n, _)| n).collect();
        Self { pieces, gaps }
    }

    /// Whether some of it is collapsed.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Where a moment stands; one that is outside stands at the end.
    pub(super) fn at(&self, at: Timestamp) -> f64 {
        let Some(piece) = self.pieces.iter().find(|p| at <= p.time.1).or(self.pieces.last()) else {
            return 0.0;
        };
        let length = float(piece.time.1 - piece.time.0).max(1.0);
        (piece.x + piece.width * (float(at - piece.time.0) / length).min(1.0)).clamp(0.0, 100.0)
    }

    /// Marks at even distances, when all time goes evenly.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let [Piece { time: (from, until), .. }] = self.pieces.as_slice() else { return Vec::new() };
        let whole = (*until - *from).as_millis();
        let step = STEPS.into_iter().find(|step| whole / step <= TICKS).unwrap_or(whole.max(1));
        let places = (0..).map(|n| n * step).take_while(|after| *after < whole);
        let tick = |after: u64| {
            let x = self.at(*from + Span::from_millis(after));
            // the last one's text would not fit
            let has_room = after == 0 || x < 93.0;
            let label = if has_room { lasting(Span::from_millis(after)) } else { String::new() };
            Tick { x: percent(x), width: String::new(), label }
        };
        places.map(tick).collect()
    }

    /// What is collapsed.
    pub(super) fn gaps(&self) -> Vec<Tick> {
        let mut last = f64::NEG_INFINITY;
        let gap = |piece: &Piece| {
            let has_room = piece.x - last >= LABEL;
            let label = if has_room { lasting(piece.time.1 - piece.time.0) } else { String::new() };
            last = if has_room { piece.x } else { last };
            Tick { x: percent(piece.x), width: percent(piece.width), label }
        };
        self.gaps.iter().filter_map(|n| self.pieces.get(*n)).map(gap).collect()
    }
}

/// The time from `from` to `until` in stretches that are busy and that are not.
fn parts(from: Timestamp, until: Timestamp, busy: &[Stretch]) -> Vec<(Stretch, bool)> {
    let mut busy: Vec<_> = busy.iter().map(|(a, b)| ((*a).max(from), (*b).min(until))).collect();
    busy.retain(|(a, b)| a <= b);
    busy.sort_unstable();
    let (mut parts, mut at): (Vec<(Stretch, bool)>, _) = (Vec::new(), from);
    for (start, end) in busy {
        if start > at {
            parts.push(((at, start), false));
            at = start;
        }
        // what takes no time at all is seen all the same
        let end = end.max(start + Span::from_millis(1));
        if end > at {
            parts.push(((at, end), true));
            at = end;
        }
    }
    if until > at {
        parts.push(((at, until), false));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn time_goes_evenly_and_ticks_are_round() {
        let axis = Axis::even(at(1_000), at(3_000));
        assert_eq!(
            [at(1_000), at(2_000), at(3_000), at(9_000)].map(|t| axis.at(t)),
            [0.0, 50.0, 100.0, 100.0]
        );
        let labels: Vec<_> = axis.ticks().into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["0 ms", "500 ms", "1.00 s", "1.50 s"]);
        assert_eq!(Axis::even(at(5), at(5)).at(at(5)), 0.0);
    }

    #[test]
    fn three_days_of_sleep_leave_room_for_steps_of_five_milliseconds() {
        let sleep = 3 * 86_400_000;
        let axis = Axis::of_busy(at(0), at(sleep + 10), &[(at(0), at(5)), (at(sleep + 5), at(sleep + 10))]);
        assert!(axis.has_gaps() && axis.ticks().is_empty());
        let [gap] = axis.gaps().try_into().expect("one");
        assert_eq!((gap.label.as_str(), gap.width.as_str()), ("3 d", "6.000%"));
        assert!((axis.at(at(5)) - 47.0).abs() < 0.01 && (axis.at(at(sleep + 5)) - 53.0).abs() < 0.01);
        // nothing to collapse
        assert_eq!(Axis::of_busy(at(0), at(10), &[(at(0), at(10))]), Axis::even(at(0), at(10)));
        assert_eq!(Axis::of_busy(at(0), at(10), &[]), Axis::even(at(0), at(10)));
    }

    #[test]
    fn of_many_gaps_the_longest_are_collapsed_and_labels_do_not_overlap() {
        let busy: Vec<_> = (0..1_000).map(|n| (at(n * 60_000), at(n * 60_000 + 5))).collect();
        let gaps = Axis::of_busy(at(0), at(60_000_000), &busy).gaps();
        assert_eq!(gaps.len(), COLLAPSED);
        assert!(gaps.iter().filter(|gap| !gap.label.is_empty()).count() <= 6, "{gaps:?}");
    }

    proptest! {
        #[test]
        fn what_is_later_stands_further_on(busy in proptest::collection::vec((0i64..100_000, 0i64..5_000), 0..20), moments in proptest::collection::vec(-10i64..200_000, 2..20)) {
            let busy: Vec<_> = busy.into_iter().map(|(from, took)| (at(from), at(from + took))).collect();
            for axis in [Axis::of_busy(at(0), at(100_000), &busy), Axis::even(at(0), at(100_000))] {
                let mut moments: Vec<_> = moments.iter().map(|ms| at(*ms)).collect();
                moments.sort_unstable();
                let places: Vec<_> = moments.iter().map(|t| axis.at(*t)).collect();
                prop_assert!(places.iter().all(|x| (0.0..=100.0).contains(x)), "{places:?}");
                prop_assert!(places.windows(2).all(|w| w[0] <= w[1] + 1e-9), "{places:?}");
            }
        }
    }
}
