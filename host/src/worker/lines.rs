//! Lines of a run's function: to the host's log at once, and to the run with its next
//! commit, or a moment later when none comes.

use super::crew::Crew;
use super::pass::Carried;
use crate::clock;
use crate::runtime::Level;
use crate::telemetry::one_line;
use pawl_engine::{Line, StepKey, limits};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a line waits for a commit to go with.
const WAIT: Duration = Duration::from_secs(1);

/// Lines that wait for a commit.
#[derive(Default)]
pub(super) struct Lines(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    lines: Vec<Line>,
    /// Of all lines since the run was claimed.
    count: usize,
    bytes: usize,
    is_full: bool,
}

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines that wait; they do not any more.
    pub(super) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut self.waiting().lines)
    }

    /// One more. `true`: it is the first that waits.
    fn add(&self, mut line: Line) -> bool {
        let mut waiting = self.waiting();
        waiting.count += 1;
        waiting.bytes +=
            line.message.len() + line.fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        if waiting.count > limits::LINES || waiting.bytes > limits::LINE_BYTES_OF_RUN {
            if waiting.is_full {
                return false;
            }
            // whatever else there was room for: that is the last one
            waiting.is_full = true;
            (line.level, line.fields) = (Level::Warn, Vec::new());
            line.message = "further lines are not kept with the run; they are in the host's log".into();
        }
        waiting.lines.push(line);
        waiting.lines.len() == 1
    }
}

/// A text of at most so many bytes.
fn cut(text: &str, bytes: usize) -> String {
    match text.len() <= bytes {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(bytes)]),
    }
}

/// A line of the function's, with the run and the step that it belongs to.
pub(super) fn log(
    crew: &Arc<Crew>,
    step: Option<&StepKey>,
    level: Level,
    message: &str,
    fields: &[(String, String)],
) {
    tell(&crew.run, step, level, message, fields);
    let fields = fields.iter().map(|(k, v)| (cut(k, limits::LINE_BYTES), cut(v, limits::LINE_BYTES)));
    let (message, fields) = (cut(message, limits::LINE_BYTES), fields.collect());
    if !crew.run.lines.add(Line { at: clock::now(), level, step: step.cloned(), message, fields }) {
        return;
    }
    // a step may execute for long without a commit: who watches wants to see what it says
    let crew = Arc::downgrade(crew);
    tokio::spawn(async move {
        tokio::time::sleep(WAIT).await;
        if let Some(crew) = crew.upgrade() {
            crew.session.lock().await.flush_lines().await;
        }
    });
}

/// To the host's own log.
fn tell(run: &Carried, step: Option<&StepKey>, level: Level, message: &str, fields: &[(String, String)]) {
    let (run, function) = (&run.claim.run, &run.function);
    let step = step.map(ToString::to_string);
    let step = step.as_deref().unwrap_or_default();
    let fields = fields.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    let (fields, message) = (one_line(&fields), one_line(message));
    match level {
        Level::Trace => tracing::trace!(target: "guest", %run, %function, step, fields, "{message}"),
        Level::Debug => tracing::debug!(target: "guest", %run, %function, step, fields, "{message}"),
        Level::Info => tracing::info!(target: "guest", %run, %function, step, fields, "{message}"),
        Level::Warn => tracing::warn!(target: "guest", %run, %function, step, fields, "{message}"),
        Level::Error => tracing::error!(target: "guest", %run, %function, step, fields, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::Timestamp;

    fn line(message: &str) -> Line {
        let at = Timestamp::from_millis(1);
        Line { at, level: Level::Info, step: None, message: message.into(), fields: Vec::new() }
    }

    #[test]
    fn beyond_the_limit_one_line_says_that_there_were_more() {
        for message in ["x", &"y".repeat(limits::LINE_BYTES)] {
            let lines = Lines::default();
            let firsts = (0..limits::LINES + 50).filter(|_| lines.add(line(message))).count();
            let kept = lines.take();
            assert_eq!(firsts, 1);
            assert!(kept.len() <= limits::LINES + 1, "{}", kept.len());
            let (last, others) = kept.split_last().expect("lines");
            assert!(last.message.contains("not kept") && others.iter().all(|l| l.message == message));
            assert!(!lines.add(line("x")) && lines.take().is_empty());
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("héé", 2), cut("abc", 3)), ("h…".into(), "abc".into()));
    }
}
