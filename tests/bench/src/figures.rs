//! Figures: collected by each section, printed, and written between the markers of
//! `docs/performance.md`.

use std::fmt::Write as _;
use std::time::Duration;

/// One measured line.
#[derive(Debug)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// What came out.
    pub(crate) measured: String,
    /// What it is held against, measured in the same run or fixed.
    pub(crate) against: String,
    /// Whether the target is met; `None` where there is none.
    pub(crate) is_met: Option<bool>,
}

impl Figure {
    pub(crate) fn new(
        what: impl Into<String>,
        measured: impl Into<String>,
        against: impl Into<String>,
        is_met: Option<bool>,
    ) -> Self {
        let figure = Self { what: what.into(), measured: measured.into(), against: against.into(), is_met };
        println!("  {}: {} ({}) {}", figure.what, figure.measured, figure.against, figure.verdict());
        figure
    }

    fn verdict(&self) -> &'static str {
        match self.is_met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        }
    }
}

/// The table, in Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = String::from("| what | measured | held against | |\n|---|---|---|---|\n");
    for f in figures {
        let _infallible = writeln!(text, "| {} | {} | {} | {} |", f.what, f.measured, f.against, f.verdict());
    }
    text
}

/// Latencies of one thing.
#[derive(Debug, Default, Clone)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value below which this share of them lies.
    pub(crate) fn quantile(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        let place = ((last as f64) * share).round() as usize;
        self.0.get(place).copied().unwrap_or_default()
    }
}

/// A duration as people read it.
pub(crate) fn ms(d: Duration) -> String {
    match d.as_micros() {
        us @ 0..1_000 => format!("{us} µs"),
        us => format!("{:.2} ms", us as f64 / 1_000.0),
    }
}
