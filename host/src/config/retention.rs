//! `[retention]` of `pawl.toml`: for how long, and how much, is kept.

use super::Loading;
use pawl_engine::Span;
use serde::Deserialize;
use std::fmt;

/// For how long, and how much, is kept. `None`: for ever, and any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Finished runs, from their end.
    pub runs: Option<Span>,
    /// Events without runs, from their receipt.
    pub events: Option<Span>,
    /// Lines that functions log.
    pub logs: Option<Span>,
    /// Bytes of the database.
    pub size: Option<u64>,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            runs: Some(Span::from_days(90)),
            events: Some(Span::from_days(90)),
            logs: Some(Span::from_days(30)),
            size: None,
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |span: Option<Span>| match span.map(|span| (span, span.as_millis() / 86_400_000)) {
            Some((span, days)) if span == Span::from_days(days) => format!("{days} days"),
            Some((span, _)) => humantime::format_duration(span.to_std()).to_string(),
            None => "for ever".into(),
        };
        write!(f, "runs {}, events {}, logs {}", span(self.runs), span(self.events), span(self.logs))?;
        match self.size {
            Some(bytes) => write!(f, ", at most {} MB", bytes / 1_000_000),
            None => write!(f, ", any size"),
        }
    }
}

/// `[retention]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileRetention {
    runs: Option<String>,
    events: Option<String>,
    logs: Option<String>,
    size: Option<String>,
}

/// What stands for no limit.
const FOREVER: &str = "forever";

impl Loading<'_> {
    pub(super) fn retention(&mut self, file: FileRetention) -> Keep {
        let default = Keep::default();
        let mut span = |key: &str, text: Option<String>, default| match text.as_deref() {
            None => default,
            Some(FOREVER) => None,
            Some(text) => match humantime::parse_duration(text).map(Span::from) {
                Ok(span) if span > Span::ZERO => Some(span),
                _ => {
                    let cure = "write a time like \"90d\", or \"forever\"";
                    self.wrong.push(format!("retention.{key} `{text}` is no time: {cure}"));
                    default
                }
            },
        };
        let runs = span("runs", file.runs, default.runs);
        let events = span("events", file.events, default.events);
        let logs = span("logs", file.logs, default.logs);
        let size = match file.size.as_deref() {
            None | Some(FOREVER) => None,
            Some(text) => bytes(text).or_else(|| {
                self.wrong.push(format!(
                    "retention.size `{text}` is no size: write one like \"10GB\", from 10MB on, or \"forever\""
                ));
                None
            }),
        };
        Keep { runs, events, logs, size }
    }
}

/// A size in bytes: `10GB`, `1.5 TB`, `512MiB`. An empty database takes some, so there is a least.
fn bytes(text: &str) -> Option<u64> {
    const LEAST: f64 = 10e6;
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    let size = number.trim().parse::<f64>().ok()? * unit;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within its bounds")]
    (LEAST..1e18).contains(&size).then_some(size as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: FileRetention) -> (Keep, Vec<String>) {
        let mut loading = Loading { env: &|_| None, warnings: Vec::new(), wrong: Vec::new() };
        (loading.retention(file), loading.wrong)
    }

    #[test]
    fn what_is_not_said_takes_its_default_and_forever_is_no_limit() {
        assert_eq!(load(FileRetention::default()), (Keep::default(), vec![]));
        let text = |t: &str| Some(t.to_owned());
        let file =
            FileRetention { runs: text("forever"), logs: text("7d"), size: text("1.5 GB"), events: None };
        let (keep, wrong) = load(file);
        assert_eq!((keep.runs, keep.logs, keep.size), (None, Some(Span::from_days(7)), Some(1_500_000_000)));
        assert!(wrong.is_empty());
        assert_eq!(keep.to_string(), "runs for ever, events 90 days, logs 7 days, at most 1500 MB");
    }

    #[test]
    fn what_is_no_time_or_size_is_refused_by_its_key() {
        let text = |t: &str| Some(t.to_owned());
        let file = FileRetention { runs: text("soon"), events: text("0s"), size: text("9 MB"), logs: None };
        let (_, wrong) = load(file);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        for (line, key) in wrong.iter().zip(["runs", "events", "size"]) {
            assert!(line.starts_with(&format!("retention.{key} ")), "{line}");
        }
    }
}
