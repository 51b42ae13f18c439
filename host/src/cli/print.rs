//! How commands print: tables, timelines, JSON. Colours only where a terminal is
//! (`anstream` takes them out elsewhere).

use anstyle::{AnsiColor, Style};
use pawl_engine::Status;
use serde_json::Value;

pub(super) const STRONG: Style = Style::new().bold();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const BUSY: Style = AnsiColor::Yellow.on_default();

/// JSON for a machine, readable for a person.
pub(super) fn json(value: &Value) {
    anstream::println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
}

/// A value's text: strings without quotes, nothing for null. What could steer a terminal
/// is escaped; line breaks stay.
pub(super) fn text(value: &Value) -> String {
    let plain = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    match value {
        Value::Null => String::new(),
        Value::String(s) => s.chars().map(plain).collect(),
        other => other.to_string(),
    }
}

/// A text's first line, cut to so many characters.
pub(super) fn short(text: &str, width: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(width).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// An error in a line: its class and what it says.
pub(super) fn error_line(error: &Value, width: usize) -> String {
    if error.is_null() {
        return String::new();
    }
    short(&format!("{}: {}", text(&error["name"]), text(&error["message"])), width)
}

/// An RFC 3339 time to the second, in UTC.
pub(super) fn seconds(time: &Value) -> String {
    let text = text(time);
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// A size: `843 KB`, `18.9 MB`.
pub(super) fn bytes(size: u64) -> String {
    match size {
        0..10_000_000 => format!("{} KB", size.div_ceil(1_000)),
        _ => format!("{}.{} MB", size / 1_000_000, size / 100_000 % 10),
    }
}

/// A time that something took: `843 ms`, `12.3 s`.
pub(super) fn millis(time: u64) -> String {
    match time {
        0..1_000 => format!("{time} ms"),
        _ => format!("{}.{} s", time / 1_000, time / 100 % 10),
    }
}

/// Rows under a heading, each column as wide as its widest cell. A column named
/// `STATUS` gets its colours.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) {
    let width = |n: usize| rows.iter().map(|r| r[n].chars().count()).chain([heading[n].len()]).max();
    let widths: Vec<_> = (0..heading.len()).map(|n| width(n).unwrap_or(0)).collect();
    let heading: Vec<_> = heading.iter().map(|h| (*h).to_owned()).collect();
    let line = |cells: &[String], style: &dyn Fn(usize, &str) -> Style| {
        let cell = |(n, text): (usize, &String)| {
            let style = style(n, text);
            let pad = widths[n] - text.chars().count();
            format!("{}{text}{}{}", style.render(), style.render_reset(), " ".repeat(pad))
        };
        let cells: Vec<_> = cells.iter().enumerate().map(cell).collect();
        anstream::println!("{}", cells.join("  ").trim_end());
    };
    line(&heading, &|_, _| FAINT);
    for row in rows {
        line(row, &|n, text| if heading[n] == "STATUS" { status_style(text) } else { Style::new() });
    }
}

fn status_style(word: &str) -> Style {
    match Status::parse(word) {
        Some(Status::Completed) => GOOD,
        Some(Status::Failed) => BAD,
        Some(Status::Queued | Status::Running | Status::Sleeping | Status::Paused) => BUSY,
        Some(Status::Cancelled) | None => FAINT,
    }
}

/// A function's triggers in a line.
pub(super) fn triggers(manifest: &Value) -> String {
    let all: Vec<_> = manifest["triggers"].as_array().into_iter().flatten().map(trigger).collect();
    if all.is_empty() { "invocation".into() } else { all.join(", ") }
}

fn trigger(trigger: &Value) -> String {
    let filter = match &trigger["if"] {
        Value::Null => String::new(),
        filter => format!(" if {}", text(filter)),
    };
    match &trigger["cron"] {
        Value::Null => format!("{}{filter}", text(&trigger["event"])),
        cron => format!("cron {}", text(cron)),
    }
}

/// The same for a column: the first, and how many more.
pub(super) fn triggers_short(manifest: &Value) -> String {
    match manifest["triggers"].as_array().map_or(&[][..], |all| all) {
        [] => "invocation".into(),
        [one] => trigger(one),
        [first, rest @ ..] => format!("{}, {} more", trigger(first), rest.len()),
    }
}

/// A run with its steps, tries and errors.
pub(super) fn run(run: &Value) {
    let word = text(&run["status"]);
    let style = status_style(&word);
    anstream::println!(
        "{}{}{}  {}  {}{word}{}  {}",
        STRONG.render(),
        text(&run["run_id"]),
        STRONG.render_reset(),
        text(&run["function_id"]),
        style.render(),
        style.render_reset(),
        took(&run["run_started_at"], &run["ended_at"]),
    );
    anstream::println!("  event {} ({})", text(&run["event_id"]), text(&run["event_name"]));
    anstream::println!("  deployment {}", text(&run["function_version"]));
    for (word, key) in [("started", "run_started_at"), ("ended", "ended_at")] {
        if !run[key].is_null() {
            anstream::println!("  {word} {}", text(&run[key]));
        }
    }
    if let (Some(wake_at), "Sleeping") = (run["wake_at"].as_str(), word.as_str()) {
        anstream::println!("  goes on at {wake_at}");
    }
    let steps = run["steps"].as_array().cloned().unwrap_or_default();
    if !steps.is_empty() {
        let rows: Vec<_> = steps.iter().map(step_row).collect();
        table(&["  STEP", "KIND", "STATUS", "TRIES", "TOOK", "OUTPUT"], &rows);
    }
    for step in &steps {
        failed_tries(step);
    }
    if !run["output"].is_null() {
        anstream::println!("  output {}", run["output"]);
    }
    if !run["error"].is_null() {
        error(&run["error"]);
    }
}

fn step_row(step: &Value) -> Vec<String> {
    let tries = step["attempts"].as_array().map_or(0, Vec::len);
    let until = step["wake_at"].as_str().map(|t| format!("until {t}"));
    let output = &step["output"];
    vec![
        format!("  {}", text(&step["id"])),
        match &step["about"] {
            Value::Null => text(&step["op"]),
            about => format!("{} {}", text(&step["op"]), short(&text(about), 40)),
        },
        text(&step["status"]),
        if tries == 0 { String::new() } else { tries.to_string() },
        until.unwrap_or_else(|| took(&step["started_at"], &step["ended_at"])),
        if output.is_null() { String::new() } else { short(&output.to_string(), 40) },
    ]
}

/// A line for each try of a step that failed.
fn failed_tries(step: &Value) {
    let tries = step["attempts"].as_array().into_iter().flatten();
    for attempt in tries.filter(|attempt| !attempt["error"].is_null()) {
        anstream::println!(
            "  {} try {} at {} took {}: {}",
            text(&step["id"]),
            attempt["number"].as_u64().unwrap_or(0) + 1,
            seconds(&attempt["started_at"]),
            took(&attempt["started_at"], &attempt["ended_at"]),
            error_line(&attempt["error"], 160),
        );
    }
}

fn error(error: &Value) {
    let (bad, off) = (BAD.render(), BAD.render_reset());
    anstream::println!("  {bad}{}{off}: {}", text(&error["name"]), text(&error["message"]));
    for line in text(&error["stack"]).lines() {
        anstream::println!("    {line}");
    }
}

/// The time between two RFC 3339 texts.
pub(super) fn took(from: &Value, to: &Value) -> String {
    let at = |v: &Value| v.as_str()?.parse::<jiff::Timestamp>().ok().map(|t| t.as_millisecond());
    match (at(from), at(to)) {
        (Some(from), Some(to)) => {
            let span = std::time::Duration::from_millis(u64::try_from(to - from).unwrap_or(0));
            humantime::format_duration(span).to_string()
        }
        _ => String::new(),
    }
}
