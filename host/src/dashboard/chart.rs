//! Charts: numbers over time as the geometry of an SVG, with a table of the same numbers
//! for those who do not see it.
//!
//! The plot stretches to any width, so that its inside is counted in [`WIDE`] by [`HIGH`];
//! all texts stand beside it and keep their size.

use super::filters;
use super::period::Axis;
use askama::Template;
use pawl_engine::{Span, Timestamp};
use std::borrow::Cow;
use std::fmt::Write;

/// How wide and how high a plot is, in its own units.
const WIDE: f64 = 1_000.0;
const HIGH: f64 = 100.0;

/// How much of a piece's width its bar takes.
const BAR: f64 = 0.78;

/// What the numbers of a chart are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// How many.
    Count,
    /// How long, in milliseconds.
    Time,
    /// A part of the whole, 0 to 1.
    Share,
}

impl Unit {
    fn say(self, value: f64) -> String {
        match self {
            Self::Count => filters::thousands(whole(value)),
            Self::Time => filters::lasting(Span::from_millis(whole(value))),
            Self::Share => percent(value),
        }
    }

    /// The same beside a scale, where `2.00 s` is `2 s`.
    fn mark(self, value: f64) -> String {
        self.say(value).replace(".00 s", " s").replace(".0 s", " s")
    }
}

/// A name, the class that gives it its colour, and a number for each piece of the time.
/// `None`: nothing was measured there.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// For the legend and the table.
    pub(super) name: Cow<'static, str>,
    /// A class of the style sheet.
    pub(super) class: &'static str,
    /// One for each piece.
    pub(super) values: Vec<Option<f64>>,
}

impl Series {
    /// Numbers that are known for each piece, as a line.
    pub(super) fn line(name: impl Into<Cow<'static, str>>, values: &[u64]) -> Self {
        Self::counts(name, "line", values)
    }

    /// Counts: a piece of which nothing is known had none.
    pub(super) fn counts(name: impl Into<Cow<'static, str>>, class: &'static str, values: &[u64]) -> Self {
        Self { name: name.into(), class, values: values.iter().map(|n| Some(float(*n))).collect() }
    }
}

/// A rectangle of the plot.
#[derive(Debug, PartialEq)]
struct Bar {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    class: &'static str,
}

/// A line of the plot, with gaps where nothing was measured.
#[derive(Debug, PartialEq)]
struct Line {
    path: String,
    class: &'static str,
}

/// A value that the scale names.
#[derive(Debug, PartialEq)]
struct Tick {
    y: f64,
    label: String,
}

/// A piece of the time: what a pointer learns over it, and its row in the table.
#[derive(Debug, PartialEq)]
struct Piece {
    at: Timestamp,
    /// The same as machines write it.
    iso: String,
    x: f64,
    width: f64,
    /// What each series says here.
    says: Vec<String>,
    is_empty: bool,
}

impl Piece {
    fn title(&self, series: &[Series]) -> String {
        let all = series.iter().zip(&self.says).map(|(series, says)| format!("{}: {says}", series.name));
        all.collect::<Vec<_>>().join("\n")
    }
}

/// A chart, ready to be drawn.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(super) struct Chart {
    /// What it shows.
    label: &'static str,
    series: Vec<Series>,
    bars: Vec<Bar>,
    lines: Vec<Line>,
    ticks: Vec<Tick>,
    pieces: Vec<Piece>,
    /// Where the columns begin that the time is marked by.
    columns: Vec<String>,
    is_by_day: bool,
    /// Whether nothing was measured or counted.
    is_empty: bool,
}

impl askama::filters::HtmlSafe for Chart {}

impl Chart {
    /// Counts that stand on each other, the first one lowest.
    pub(super) fn bars(label: &'static str, axis: &Axis, series: Vec<Series>) -> Self {
        let sums = (0..axis.pieces).map(|n| series.iter().filter_map(|s| s.values[n]).sum::<f64>());
        let scale = scale(Unit::Count, sums.fold(0.0, f64::max));
        let high = HIGH / top_of(&scale);
        let mut chart = Self::empty(label, axis, Unit::Count, &scale, series);
        let each = WIDE / float(axis.pieces as u64);
        for n in 0..axis.pieces {
            let mut under = 0.0;
            for series in &chart.series {
                let height = series.values[n].unwrap_or(0.0) * high;
                if height > 0.0 {
                    chart.bars.push(Bar {
                        x: tenths(float(n as u64) * each + each * (1.0 - BAR) / 2.0),
                        y: tenths(HIGH - under - height),
                        width: tenths(each * BAR),
                        height: tenths(height),
                        class: series.class,
                    });
                    under += height;
                }
            }
        }
        chart
    }

    /// Numbers as lines.
    pub(super) fn lines(label: &'static str, axis: &Axis, unit: Unit, series: Vec<Series>) -> Self {
        let top = series.iter().flat_map(|s| &s.values).filter_map(|v| *v).fold(0.0, f64::max);
        let scale = scale(unit, top);
        let mut chart = Self::empty(label, axis, unit, &scale, series);
        let lines =
            chart.series.iter().map(|s| Line { path: path(&s.values, top_of(&scale), HIGH), class: s.class });
        chart.lines = lines.filter(|line| !line.path.is_empty()).collect();
        chart
    }

    fn empty(label: &'static str, axis: &Axis, unit: Unit, scale: &[f64], series: Vec<Series>) -> Self {
        let is_said = |v: &Option<f64>| v.is_some_and(|v| v > 0.0 || unit != Unit::Count);
        let each = WIDE / float(axis.pieces as u64);
        let say = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| unit.say(v));
        let piece = |n: usize| Piece {
            at: axis.at(n),
            iso: filters::rfc3339(axis.at(n)),
            x: tenths(float(n as u64) * each),
            width: tenths(each),
            says: series.iter().map(|s| say(s.values[n])).collect(),
            is_empty: !series.iter().any(|s| is_said(&s.values[n])),
        };
        let pieces: Vec<_> = (0..axis.pieces).map(piece).collect();
        let whole = top_of(scale);
        let tick = |value: f64| Tick { y: tenths(HIGH - HIGH * value / whole), label: unit.mark(value) };
        Self {
            label,
            bars: Vec::new(),
            lines: Vec::new(),
            ticks: scale.iter().copied().map(tick).collect(),
            is_empty: pieces.iter().all(|piece| piece.is_empty),
            pieces,
            columns: axis.columns().into_iter().map(filters::rfc3339).collect(),
            is_by_day: axis.is_by_day(),
            series,
        }
    }

    /// Rows of the table: those in which something is.
    fn rows(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(|piece| !piece.is_empty)
    }
}

/// A small picture of counts without a scale, and what it shows in words.
#[derive(Debug, Template)]
#[template(
    source = r#"<svg class="spark" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{{ says }}">{% if !line.is_empty() %}<path class="area" d="{{ area }}"/><path class="line" d="{{ line }}"/>{% else %}<path class="gridline" d="M0 97H1000"/>{% endif %}</svg>"#,
    ext = "html"
)]
pub(super) struct Spark {
    line: String,
    area: String,
    says: String,
}

impl askama::filters::HtmlSafe for Spark {}

impl Spark {
    /// Of counts in pieces of the same length.
    pub(super) fn new(what: &str, counts: &[u64]) -> Self {
        let (sum, most) = (counts.iter().sum::<u64>(), counts.iter().copied().max().unwrap_or(0));
        let says =
            format!("{what}: {} in all, {} at most", filters::thousands(sum), filters::thousands(most));
        if most == 0 {
            return Self { line: String::new(), area: String::new(), says };
        }
        let values: Vec<_> = counts.iter().map(|n| Some(float(*n))).collect();
        // a little room above, that the line is not cut
        let line = path(&values, float(most) * 1.08, 97.0);
        let each = WIDE / float(counts.len() as u64);
        let area = format!("{line}V{HIGH}H{}Z", tenths(each / 2.0));
        Self { line, area, says }
    }
}

/// An SVG path through the middles of the pieces; one by itself is a dash.
fn path(values: &[Option<f64>], top: f64, high: f64) -> String {
    let each = WIDE / float(values.len().max(1) as u64);
    let mut path = String::new();
    let mut is_drawing = false;
    for (n, value) in values.iter().enumerate() {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let is_alone = !is_drawing && values.get(n + 1).copied().flatten().is_none();
        let y = tenths(high - high * value / top);
        // a string takes what is written
        let _written = match is_alone {
            true => write!(path, "M{} {y}h{}", tenths((float(n as u64) + 0.2) * each), tenths(0.6 * each)),
            false => {
                let verb = if is_drawing { 'L' } else { 'M' };
                write!(path, "{verb}{} {y}", tenths((float(n as u64) + 0.5) * each))
            }
        };
        is_drawing = true;
    }
    path
}

/// Values from 0 on, six at most, that a person likes to read, the last one not below `top`.
fn scale(unit: Unit, top: f64) -> Vec<f64> {
    let (step, least) = match unit {
        Unit::Share => return vec![0.0, 0.25, 0.5, 0.75, 1.0],
        Unit::Count => (decimal_step(top / 4.0).max(1.0), 2),
        Unit::Time => (time_step(top / 4.0), 1),
    };
    let steps = whole((top / step).ceil()).max(least);
    (0..=steps).map(|n| float(n) * step).collect()
}

fn top_of(scale: &[f64]) -> f64 {
    scale.last().copied().unwrap_or(1.0)
}

/// The smallest of 1, 2, 5, 10, 20, … that is not below.
fn decimal_step(least: f64) -> f64 {
    if least <= 0.0 {
        return 1.0;
    }
    let ten = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|n| n * ten).find(|step| *step >= least - 1e-9).unwrap_or(10.0 * ten)
}

/// The same for milliseconds: beyond a second in the steps of a clock.
fn time_step(least: f64) -> f64 {
    const CLOCK: [f64; 17] = [
        1e3, 2e3, 3e3, 5e3, 10e3, 15e3, 20e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1_800e3, 3_600e3,
        7_200e3, 21_600e3,
    ];
    const DAY: f64 = 86_400e3;
    if least <= 500.0 {
        return decimal_step(least).max(1.0);
    }
    let clock = CLOCK.into_iter().find(|step| *step >= least);
    clock.unwrap_or_else(|| decimal_step(least / DAY).max(0.5) * DAY)
}

/// A part of the whole: `99.2 %`; one that is nearly the whole is not called so.
pub(super) fn percent(share: f64) -> String {
    let thousandths = (share * 1_000.0).round();
    match thousandths {
        _ if share >= 1.0 => "100 %".into(),
        1_000.0.. => "99.9 %".into(),
        n if n % 10.0 == 0.0 => format!("{:.0} %", n / 10.0),
        n => format!("{:.1} %", n / 10.0),
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A count as a picture needs it.
#[expect(clippy::cast_precision_loss, reason = "a picture needs no more digits")]
pub(super) fn float(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is shown is not negative")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis() -> Axis {
        Axis { from: Timestamp::from_millis(0), every: Span::from_secs(60), pieces: 4, columns: 2 }
    }

    fn counts(values: [u64; 4]) -> Series {
        Series::counts("runs", "bar-ok", &values)
    }

    #[test]
    fn a_scale_has_few_round_values_and_holds_the_highest_number() {
        assert_eq!(scale(Unit::Count, 0.0), [0.0, 1.0, 2.0], "whole numbers, where there is nothing");
        assert_eq!(scale(Unit::Count, 7.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(scale(Unit::Count, 4_300.0), [0.0, 2_000.0, 4_000.0, 6_000.0]);
        assert_eq!(scale(Unit::Time, 90_000.0), [0.0, 30_000.0, 60_000.0, 90_000.0]);
        assert_eq!(scale(Unit::Share, 0.3).last(), Some(&1.0));
        for top in [1.0, 3.0, 99.0, 101.0, 12_345.0, 9e6, 4e9] {
            for unit in [Unit::Count, Unit::Time] {
                let scale = scale(unit, top);
                assert!(scale.len() <= 6 && scale[scale.len() - 1] >= top, "{top}: {scale:?}");
            }
        }
        assert_eq!([200.0, 2_000.0, 15_000.0].map(|ms| Unit::Time.mark(ms)), ["200 ms", "2 s", "15 s"]);
    }

    #[test]
    fn bars_stand_on_each_other_within_the_plot() {
        let failed = Series { name: "failed".into(), class: "bar-failed", ..counts([1, 0, 0, 0]) };
        let chart = Chart::bars("Runs", &axis(), vec![counts([3, 0, 2, 0]), failed]);
        let [ok, failed, third] = &*chart.bars else { panic!("{:?}", chart.bars) };
        assert_eq!((ok.y + ok.height, failed.y + failed.height), (HIGH, ok.y));
        assert!(failed.y >= 0.0 && third.x >= 500.0 && third.x + third.width <= 750.0);
        assert_eq!(chart.rows().map(|p| p.at.as_millis()).collect::<Vec<_>>(), [0, 120_000]);
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_was_measured_and_a_dash_for_a_lone_point() {
        let values = [Some(1.0), Some(2.0), None, Some(2.0)];
        assert_eq!(path(&values, 2.0, HIGH), "M125 50L375 0M800 0h150");
    }

    #[test]
    fn a_chart_says_its_numbers_in_a_table_and_nothing_in_it_is_a_style() {
        let html = Chart::bars("Runs", &axis(), vec![counts([3, 0, 1_200, 0])]).render().expect("renders");
        assert!(html.contains("<table") && html.contains("1,200") && !html.contains("style="), "{html}");
        let empty = Chart::bars("Runs", &axis(), vec![counts([0; 4])]).render().expect("renders");
        assert!(empty.contains("Nothing in this time"), "{empty}");
    }

    #[test]
    fn what_is_not_the_whole_is_not_called_so() {
        assert_eq!(
            [0.0, 0.5, 0.9919, 0.99999, 1.0].map(percent),
            ["0 %", "50 %", "99.2 %", "99.9 %", "100 %"]
        );
    }

    #[test]
    fn a_small_picture_is_told_in_words() {
        let html = Spark::new("Runs an hour", &[0, 4, 2]).render().expect("renders");
        assert!(html.contains("Runs an hour: 6 in all, 4 at most"), "{html}");
        assert!(!Spark::new("Runs", &[0, 0]).render().expect("renders").contains("area"));
    }
}
