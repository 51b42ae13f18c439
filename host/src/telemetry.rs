//! Log lines: readable on a terminal and in `pawl dev`, JSON in production off a
//! terminal. They go to standard error; answers of commands go to standard output.

use crate::config::Mode;
use crate::pulse::{Ear, Fact};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts the log with this filter: a level for what the host and its guests say
/// (libraries then speak of trouble alone), or `pawl=debug,…` as it is written.
pub fn start(mode: Mode, filter: &str) -> Result<(), String> {
    let is_level = filter.chars().all(|c| c.is_ascii_alphanumeric());
    let of_ours = format!("warn,pawl={filter},guest={filter}");
    let filter = if is_level { of_ours.as_str() } else { filter };
    let filter = EnvFilter::builder().parse(filter).map_err(|e| format!("PAWL_LOG `{filter}`: {e}"))?;
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match mode {
        Mode::Serve if !is_terminal => builder.json().flatten_event(true).try_init(),
        Mode::Serve | Mode::Dev => builder.with_ansi(is_terminal).with_target(false).try_init(),
    };
    started.map_err(|e| e.to_string())
}

/// Tells the log of what becomes of events.
pub struct Told;

impl Ear for Told {
    fn hear(&self, fact: &Fact) {
        match fact {
            Fact::Accepted { event, name, source, .. } => {
                tracing::debug!(%event, name = &**name, source, "event stored");
            }
            Fact::Duplicate { event, source } => tracing::debug!(%event, source, "event is a duplicate"),
            Fact::Made { run, function, event, .. } => tracing::debug!(%run, %function, %event, "run made"),
            Fact::Skipped { function, event, why } => {
                tracing::info!(%function, %event, reason = why, "event made no run");
            }
            // whoever carries a run knows more of it
            Fact::Moved { .. } | Fact::Tried { .. } | Fact::Ended { .. } | Fact::Delivered { .. } => {}
        }
    }
}

/// A text from outside in one line: a guest's message must not look like a line of ours.
pub(crate) fn one_line(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}
