//! Parts of a run's page: what is known of a step, lines, events, and what else happened.

use crate::dashboard::json::{FailureView, Shown, Sight};
use crate::dashboard::waterfall::Row;
use pawl_engine::event::Event;
use pawl_engine::view::AttemptView;
use pawl_engine::{Entry, Failure, Line, Span, Timestamp};
use std::collections::BTreeSet;

/// What is known of a step.
pub(super) struct StepDetail {
    pub(super) key: String,
    /// The key as it is shown.
    pub(super) name: Shown,
    pub(super) attempts: Vec<Attempt>,
    pub(super) output: Option<Shown>,
    pub(super) error: Option<FailureView>,
    pub(super) lines: Vec<LineView>,
    /// What it waits for.
    pub(super) about: Option<Shown>,
    pub(super) wake_at: Option<Timestamp>,
    /// The run that it called.
    pub(super) invoked: Option<String>,
    /// Its error is the run's, which stands above.
    pub(super) is_above: bool,
    /// It is what one wants to see first.
    pub(super) is_open: bool,
}

/// A try of a step.
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) started_at: Timestamp,
    pub(super) took: Span,
    pub(super) error: Option<FailureView>,
}

impl Attempt {
    fn new(a: &AttemptView, sight: Sight) -> Self {
        Self {
            number: a.number + 1,
            started_at: a.started_at,
            took: a.ended_at - a.started_at,
            error: a.error.as_ref().map(|e| sight.failure(e)),
        }
    }
}

/// What is known of a row's step; lines are all of the run's, and so is the failure.
pub(super) fn detail(
    row: &Row,
    lines: &[LineView],
    failure: Option<&Failure>,
    sight: Sight,
) -> Option<StepDetail> {
    let step = row.step.as_ref()?;
    let is_above = step.error.is_some() && step.error.as_ref() == failure;
    let key = step.id.to_string();
    Some(StepDetail {
        attempts: step.attempts.iter().map(|a| Attempt::new(a, sight)).collect(),
        output: step.output.as_ref().map(|output| sight.json(output)),
        error: step.error.as_ref().filter(|_| !is_above).map(|e| sight.failure(e)),
        is_above,
        lines: lines.iter().filter(|line| line.step.as_deref() == Some(&key)).cloned().collect(),
        about: step.about.as_deref().map(|about| sight.text(about)),
        wake_at: step.wake_at,
        invoked: step.invoked.as_ref().map(ToString::to_string),
        is_open: step.error.is_some(),
        name: sight.text(&key),
        key,
    })
}

impl StepDetail {
    /// Whether something of it is masked.
    pub(super) fn is_masked(&self) -> bool {
        let failed = |error: &Option<FailureView>| error.as_ref().is_some_and(FailureView::is_masked);
        [&self.output, &self.about].into_iter().flatten().any(|shown| shown.is_masked)
            || self.name.is_masked
            || failed(&self.error)
            || self.attempts.iter().any(|a| failed(&a.error))
            || self.lines.iter().any(|line| line.is_masked)
    }
}

/// Lines that stand in no row: those outside of steps, and those of steps whose first try is
/// under way, with the step's name.
pub(super) fn outside(lines: Vec<LineView>, rows: &[Row]) -> Vec<LineView> {
    let known: BTreeSet<_> = rows.iter().filter_map(|row| Some(row.step.as_ref()?.id.to_string())).collect();
    let strays = lines.into_iter().filter(|line| !line.step.as_ref().is_some_and(|s| known.contains(s)));
    let named = strays.map(|mut line| {
        let step = line.step_name.take().map(|name| ("step".to_owned(), name));
        line.fields.splice(0..0, step);
        line
    });
    named.collect()
}

/// A line that the function logged.
#[derive(Clone)]
pub(super) struct LineView {
    pub(super) at: Timestamp,
    pub(super) level: &'static str,
    pub(super) step: Option<String>,
    /// The step as it is shown.
    step_name: Option<String>,
    pub(super) said: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) is_masked: bool,
}

impl LineView {
    pub(super) fn new(line: Line, sight: Sight) -> Self {
        let said = sight.text(&line.message);
        let mut is_masked = said.is_masked;
        let fields = line.fields.into_iter().map(|(name, value)| {
            let (value, masked) = sight.field(&name, &value);
            let name = sight.text(&name);
            is_masked |= masked || name.is_masked;
            (name.text, value)
        });
        let fields = fields.collect();
        let step = line.step.map(|step| step.to_string());
        let step_name = step.as_deref().map(|step| sight.text(step).text);
        Self { at: line.at, level: line.level.as_str(), step, step_name, said: said.text, fields, is_masked }
    }
}

/// An event of the run.
pub(super) struct EventView {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) received_at: Timestamp,
    pub(super) data: Shown,
    pub(super) user: Option<Shown>,
}

impl EventView {
    pub(super) fn new(event: &Event, sight: Sight) -> Self {
        Self {
            id: event.id.to_string(),
            name: event.name.to_string(),
            received_at: event.received_at,
            data: sight.json(&event.data),
            user: event.user.as_ref().map(|user| sight.json(user)),
        }
    }

    /// Whether something of it is masked.
    pub(super) fn is_masked(&self) -> bool {
        self.data.is_masked || self.user.as_ref().is_some_and(|user| user.is_masked)
    }
}

/// Something that happened outside of steps.
pub(super) struct Note {
    pub(super) at: Timestamp,
    pub(super) what: &'static str,
    pub(super) text: Shown,
}

/// What an entry tells that is no step's.
pub(super) fn note(entry: &Entry, sight: Sight) -> Option<Note> {
    let plain = |text: &str| Shown { text: text.to_owned(), ..Shown::default() };
    let (what, text) = match entry {
        Entry::TryFailed { failure, number, .. } => {
            let said = format!("try {}: {}: {}", number + 1, failure.name, failure.message);
            ("Failed outside of a step", sight.text(&said))
        }
        Entry::Paused { why: Some(why), .. } => {
            ("Stopped for an operator", sight.text(&format!("{}: {}", why.name, why.message)))
        }
        Entry::Paused { why: None, .. } => ("Paused", plain("by an operator")),
        Entry::Resumed { .. } => ("Resumed", plain("by an operator")),
        Entry::Moved { from, to, .. } => {
            let short = |id: &str| id.get(..12).unwrap_or(id).to_owned();
            ("Moved", plain(&format!("from deployment {} to {}", short(from.as_str()), short(to.as_str()))))
        }
        Entry::Started { .. }
        | Entry::SleepStarted { .. }
        | Entry::SleepEnded { .. }
        | Entry::WaitStarted { .. }
        | Entry::InvokeStarted { .. }
        | Entry::FetchStarted { .. }
        | Entry::AttemptFailed { .. }
        | Entry::StepCompleted { .. }
        | Entry::StepFailed { .. }
        | Entry::Parked { .. }
        | Entry::Finished { .. } => return None,
    };
    Some(Note { at: entry.at(), what, text })
}
