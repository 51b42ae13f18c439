//! A run on an axis of time: a row for the wait before its start, one for each step with
//! its tries, and those for what else held it up.

mod axis;

use crate::dashboard::filters::lasting;
use crate::store::RunRow;
use axis::percent;
pub(super) use axis::{Axis, Tick};
use pawl_engine::view::{self, StepStatus, StepView};
use pawl_engine::{Entry, Kind, Span, Status, Timestamp};

/// What of the width the smallest bar takes, in percent.
const SEEN: f64 = 0.35;

/// How time goes on the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Evenly.
    Real,
    /// Only while something executes.
    Steps,
}

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    /// Where it begins.
    pub(super) x: String,
    /// How wide it is.
    pub(super) width: String,
    /// What it is, as a class of the style.
    pub(super) class: &'static str,
    /// It goes on.
    pub(super) is_open: bool,
    /// The same in words.
    pub(super) title: String,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: String,
    /// The step, when it is one.
    pub(super) step: Option<StepView>,
    /// What kind of step, or nothing.
    pub(super) kind: &'static str,
    /// Where it stands, as a class and a shape of the style.
    pub(super) status: &'static str,
    /// How long it took, or takes until now.
    pub(super) took: Option<Span>,
    /// It was settled in the run that this one began from.
    pub(super) is_kept: bool,
    /// Its bars.
    pub(super) bars: Vec<Bar>,
}

impl Row {
    /// All of it in words.
    pub(super) fn said(&self) -> String {
        match self.bars.is_empty() {
            true if self.is_kept => "kept from the run that this one began from".into(),
            true => self.status.into(),
            false => self.bars.iter().map(|b| b.title.as_str()).collect::<Vec<_>>().join("; "),
        }
    }
}

/// A whole run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waterfall {
    /// Its rows.
    pub(super) rows: Vec<Row>,
    /// Marks on the axis.
    pub(super) ticks: Vec<Tick>,
    /// What of it is collapsed.
    pub(super) gaps: Vec<Tick>,
    /// How time goes.
    pub(super) scale: Scale,
    /// Both ways of going are different.
    pub(super) has_choice: bool,
}

/// A stretch of time that becomes a bar.
struct Stretch {
    from: Timestamp,
    until: Timestamp,
    class: &'static str,
    is_open: bool,
    words: String,
}

impl Stretch {
    fn new(from: Timestamp, until: Timestamp, class: &'static str, words: impl Into<String>) -> Self {
        Self { from, until: until.max(from), class, is_open: false, words: words.into() }
    }

    fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// Whether something executes in it.
    fn is_busy(&self) -> bool {
        matches!(self.class, "b-ok" | "b-failed" | "b-running" | "b-cancelled")
    }

    fn bar(&self, axis: &Axis) -> Bar {
        // what executes takes some time, also when no clock has seen it
        let least = Span::from_millis(u64::from(self.is_busy()));
        let (x, end) = (axis.at(self.from), axis.at(self.until.max(self.from + least)));
        let width = (end - x).max(SEEN);
        let lasting = lasting(self.until - self.from);
        let so_far = if self.is_open { " so far" } else { "" };
        Bar {
            x: percent(x.min(100.0 - width)),
            width: percent(width),
            class: self.class,
            is_open: self.is_open,
            title: format!("{}: {lasting}{so_far}", self.words),
        }
    }
}

struct Draft {
    row: Row,
    stretches: Vec<Stretch>,
}

fn draft(name: &str, status: &'static str, stretches: Vec<Stretch>) -> Draft {
    let first = stretches.iter().map(|s| s.from).min();
    let last = stretches.iter().map(|s| s.until).max();
    let took = first.zip(last).map(|(from, until)| until - from);
    let row = Row { name: name.into(), step: None, kind: "", status, took, is_kept: false, bars: Vec::new() };
    Draft { row, stretches }
}

/// The run on its axis. Without a scale: the one that shows the most.
pub(super) fn of(run: &RunRow, now: Timestamp, scale: Option<Scale>) -> Waterfall {
    let mut drafts = vec![queue(run, now)];
    drafts.extend(view::steps(&run.journal).into_iter().map(|step| of_step(step, run, now)));
    drafts.extend(halts(run, now));
    drafts.extend(executing(run, now));
    let until = run.index.ended_at.unwrap_or(now);
    let busy: Vec<_> =
        drafts.iter().flat_map(|d| &d.stretches).filter(|s| s.is_busy()).map(|s| (s.from, s.until)).collect();
    let (even, of_busy) = (Axis::even(run.created_at, until), Axis::of_busy(run.created_at, until, &busy));
    let scale = scale.unwrap_or(if of_busy.has_gaps() { Scale::Steps } else { Scale::Real });
    let has_choice = of_busy.has_gaps();
    let axis = if scale == Scale::Real { even } else { of_busy };
    let placed = drafts.into_iter().map(|Draft { mut row, stretches }| {
        row.bars = stretches.iter().map(|s| s.bar(&axis)).collect();
        row
    });
    Waterfall { rows: placed.collect(), ticks: axis.ticks(), gaps: axis.gaps(), scale, has_choice }
}

/// The wait before the start.
fn queue(run: &RunRow, now: Timestamp) -> Draft {
    let started = view::started_at(&run.journal).map(|at| at.max(run.created_at));
    let until = started.or(run.index.ended_at).unwrap_or(now);
    let wait = Stretch::new(run.created_at, until, "b-queue", "Waited for its turn");
    let is_over = started.is_some() || run.index.ended_at.is_some();
    draft("Queue", "queued", vec![if is_over { wait } else { wait.open() }])
}

fn of_step(step: StepView, run: &RunRow, now: Timestamp) -> Draft {
    let is_kept = step.ended_at.is_some_and(|at| at < run.created_at);
    let stretches = if is_kept { Vec::new() } else { stretches(&step, now) };
    let row = Row {
        name: step.id.to_string(),
        kind: step.op.as_str(),
        status: match step.status {
            StepStatus::Sleeping => "sleeping",
            StepStatus::Waiting => "waiting",
            StepStatus::Running => "running",
            StepStatus::Retrying => "retrying",
            StepStatus::Completed => "completed",
            StepStatus::Failed => "failed",
            StepStatus::Cancelled => "cancelled",
        },
        took: Some(step.ended_at.unwrap_or(now) - step.started_at),
        is_kept,
        bars: Vec::new(),
        step: Some(step),
    };
    Draft { row, stretches }
}

fn stretches(step: &StepView, now: Timestamp) -> Vec<Stretch> {
    let end = step.ended_at.unwrap_or(now);
    let is_over = step.ended_at.is_some();
    let open = |s: Stretch| if is_over { s } else { s.open() };
    match step.op {
        Kind::Sleep => return vec![open(Stretch::new(step.started_at, end, "b-sleep", "Slept"))],
        Kind::Wait | Kind::Invoke => {
            return vec![open(Stretch::new(step.started_at, end, "b-sleep", "Waited"))];
        }
        Kind::Send => return vec![Stretch::new(step.started_at, end, "b-ok", "Sent")],
        Kind::Run | Kind::Fetch => {}
    }
    let mut all: Vec<Stretch> = Vec::new();
    let mut last: Option<Timestamp> = None;
    for a in &step.attempts {
        if let Some(ended) = last {
            all.push(Stretch::new(ended, a.started_at, "b-backoff", "Waited to try again"));
        }
        let (class, how) = if a.error.is_some() { ("b-failed", "failed") } else { ("b-ok", "done") };
        all.push(Stretch::new(a.started_at, a.ended_at, class, format!("Try {} {how}", a.number + 1)));
        last = Some(a.ended_at);
    }
    match (step.status, last) {
        (StepStatus::Retrying, Some(ended)) => {
            all.push(Stretch::new(ended, now, "b-backoff", "Waits to try again").open());
        }
        (StepStatus::Running, last) => {
            all.push(Stretch::new(last.unwrap_or(step.started_at), now, "b-running", "Executes").open());
        }
        (StepStatus::Cancelled, last) => {
            let from = last.unwrap_or(step.started_at);
            all.push(Stretch::new(from, end, "b-cancelled", "Was cut off"));
        }
        _ => {}
    }
    all
}

/// Pauses, and waits after failures outside of steps.
fn halts(run: &RunRow, now: Timestamp) -> Vec<Draft> {
    let next = |place: usize| run.journal.get(place + 1..).into_iter().flatten();
    let mut drafts = Vec::new();
    for (place, entry) in run.journal.iter().enumerate() {
        match entry {
            Entry::Paused { at, .. } => {
                let ends = next(place)
                    .find(|e| matches!(e, Entry::Resumed { .. } | Entry::Finished { .. }))
                    .map(Entry::at);
                let pause = Stretch::new(*at, ends.unwrap_or(now), "b-paused", "Paused");
                drafts.push(draft(
                    "Paused",
                    "paused",
                    vec![if ends.is_some() { pause } else { pause.open() }],
                ));
            }
            Entry::TryFailed { number, at, retry_at, .. } => {
                let after = next(place).find(|e| !matches!(e, Entry::Parked { .. }));
                let until = after.map_or(now, Entry::at).min(*retry_at);
                let words = format!("Try {} of the function failed; waited", number + 1);
                let wait = Stretch::new(*at, until.max(*at), "b-backoff", words);
                drafts.push(draft("Function failed", "retrying", vec![wait]));
            }
            _ => {}
        }
    }
    drafts
}

/// What is not recorded yet: the function is executing.
fn executing(run: &RunRow, now: Timestamp) -> Option<Draft> {
    let has_open = view::steps(&run.journal).iter().any(|s| s.status == StepStatus::Running);
    if run.index.status != Status::Running || has_open {
        return None;
    }
    let since = match run.journal.last() {
        Some(Entry::Parked { at, until, .. }) => (*until).max(*at),
        Some(entry) => entry.at().max(run.created_at),
        None => return None,
    };
    Some(draft(
        "Executing",
        "running",
        vec![Stretch::new(since.min(now), now, "b-running", "Executes").open()],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::{DeploymentId, EventId, Failure, FunctionId, Index, Payload, RunId, StepKey};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn run(status: Status, ended_at: Option<Timestamp>, journal: Vec<Entry>) -> RunRow {
        RunRow {
            id: RunId::new("r"),
            function: FunctionId::new("f"),
            deployment: DeploymentId::new("d"),
            event: EventId::new("e"),
            batch: Vec::new(),
            parent: None,
            event_name: "n".into(),
            created_at: at(0),
            index: Index { status, wake_at: None, started_at: None, ended_at },
            journal,
        }
    }

    fn tried(name: &str, from: i64, until: i64) -> Entry {
        Entry::StepCompleted {
            step: StepKey::new(name, 0).expect("a key"),
            op: Kind::Run,
            attempt: 1,
            started_at: at(from),
            at: at(until),
            output: Payload::null(),
        }
    }

    fn failed(name: &str, from: i64, until: i64, retry: i64) -> Entry {
        Entry::AttemptFailed {
            step: StepKey::new(name, 0).expect("a key"),
            op: Kind::Run,
            attempt: 0,
            started_at: at(from),
            at: at(until),
            failure: Failure::new("E", "m"),
            retry_at: at(retry),
        }
    }

    fn classes(row: &Row) -> Vec<&'static str> {
        row.bars.iter().map(|b| b.class).collect()
    }

    #[test]
    fn a_step_that_was_tried_twice_has_two_bars_and_the_wait_between() {
        let journal =
            vec![Entry::Started { at: at(100) }, failed("a", 100, 200, 500), tried("a", 500, 1_000)];
        let fall = of(&run(Status::Completed, Some(at(1_000)), journal), at(9_000), Some(Scale::Real));
        assert_eq!(classes(&fall.rows[0]), ["b-queue"]);
        assert_eq!(classes(&fall.rows[1]), ["b-failed", "b-backoff", "b-ok"]);
        let places: Vec<_> = fall.rows[1].bars.iter().map(|b| (b.x.as_str(), b.width.as_str())).collect();
        assert_eq!(places, [("10.000%", "10.000%"), ("20.000%", "30.000%"), ("50.000%", "50.000%")]);
        assert!(fall.rows[1].said().starts_with("Try 1 failed: 100 ms; Waited to try again: 300 ms"));
    }

    #[test]
    fn what_goes_on_has_an_open_end() {
        let journal = vec![Entry::Started { at: at(10) }, failed("a", 10, 20, 5_000)];
        let fall = of(&run(Status::Sleeping, None, journal.clone()), at(100), None);
        let last = fall.rows[1].bars.last().expect("a bar");
        assert!(last.is_open && last.class == "b-backoff");
        let fall = of(&run(Status::Running, None, journal[..1].to_vec()), at(100), None);
        assert_eq!((fall.rows[1].name.as_str(), fall.rows[1].bars[0].is_open), ("Executing", true));
        let fall = of(&run(Status::Queued, None, Vec::new()), at(100), None);
        assert!(fall.rows.len() == 1 && fall.rows[0].bars[0].is_open);
    }

    #[test]
    fn long_sleeps_are_collapsed_unless_real_time_is_wanted() {
        let nap = StepKey::new("nap", 0).expect("a key");
        let journal = vec![
            Entry::Started { at: at(0) },
            tried("a", 0, 5),
            Entry::SleepStarted { step: nap.clone(), at: at(5), until: at(300_000) },
            Entry::SleepEnded { step: nap, at: at(300_000) },
            tried("b", 300_000, 300_005),
        ];
        let run = run(Status::Completed, Some(at(300_005)), journal);
        let fall = of(&run, at(900_000), None);
        assert_eq!((fall.scale, fall.gaps.len(), fall.has_choice), (Scale::Steps, 1, true));
        let real = of(&run, at(900_000), Some(Scale::Real));
        assert_eq!((real.gaps.len(), real.has_choice, real.ticks.is_empty()), (0, true, false));
        // the shortest can be seen, and nothing leaves the axis
        let last = &real.rows[3].bars[0];
        assert_eq!((last.x.as_str(), last.width.as_str()), ("99.650%", "0.350%"));
    }

    #[test]
    fn a_pause_has_a_row_of_its_own_and_what_was_kept_has_no_bars() {
        let journal = vec![
            Entry::Started { at: at(-900) },
            tried("old", -900, -500),
            Entry::Paused { at: at(10), why: None },
            Entry::Resumed { at: at(60) },
        ];
        let fall = of(&run(Status::Queued, None, journal), at(100), None);
        assert!(fall.rows[1].is_kept && fall.rows[1].bars.is_empty());
        assert_eq!(classes(&fall.rows[2]), ["b-paused"]);
        assert_eq!(fall.rows[0].took, Some(Span::ZERO));
    }
}
