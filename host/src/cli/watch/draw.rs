//! A run as a waterfall: a line for each step, on one axis of time. A function of the run's
//! JSON, the time and the room there is.

use super::log_line;
use crate::cli::print::{self, BAD, BUSY, FAINT, GOOD, STRONG};
use anstyle::Style;
use serde_json::Value;

/// The room for a drawing, and the moment of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Unix milliseconds.
    pub(super) now: i64,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The widest column of names, and of notes behind the bars.
const NAMES: usize = 28;
const NOTES: usize = 30;

/// Times that read well between two ticks, in milliseconds.
const TICKS: [i64; 30] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    1_209_600_000,
    2_592_000_000,
];

/// A step's line: its name, its bars, what there is to say of it.
struct Row {
    name: String,
    bars: Vec<Bar>,
    note: String,
    style: Style,
    /// Lines beneath it.
    details: Vec<String>,
}

struct Bar {
    from: i64,
    to: i64,
    sign: char,
    style: Style,
}

/// The axis: which cell a time falls on.
struct Axis {
    from: i64,
    to: i64,
    cells: usize,
}

impl Axis {
    fn cell(&self, at: i64) -> usize {
        let span = (self.to - self.from).max(1);
        let cells = i64::try_from(self.cells).unwrap_or(1);
        usize::try_from((at - self.from).clamp(0, span).saturating_mul(cells) / span).unwrap_or(0)
    }

    /// Every bar is seen, however short.
    fn line(&self, bars: &[Bar]) -> String {
        let mut cells = vec![(' ', Style::new()); self.cells];
        for bar in bars {
            let from = self.cell(bar.from).min(self.cells - 1);
            let to = self.cell(bar.to).max(from + 1).min(self.cells);
            cells[from..to].fill((bar.sign, bar.style));
        }
        let mut line = String::new();
        let mut style = Style::new();
        for (sign, of) in cells {
            if of != style {
                line += &format!("{}{}", style.render_reset(), of.render());
                style = of;
            }
            line.push(sign);
        }
        line + &style.render_reset().to_string()
    }

    fn ticks(&self) -> String {
        let span = (self.to - self.from).max(1);
        let most = i64::try_from(self.cells / 12).unwrap_or(1).max(1);
        let every = TICKS.into_iter().find(|tick| span / tick <= most).unwrap_or(span);
        let mut line = String::new();
        for at in (0..=span / every).map(|n| n * every) {
            let (cell, label) = (self.cell(self.from + at), format!("│{}", self::span(at)));
            let used = line.chars().count();
            if cell + label.chars().count() <= self.cells && cell >= used {
                line += &" ".repeat(cell - used);
                line += &label;
            }
        }
        line
    }
}

/// The drawing, line by line; none is wider than the frame, and there are not more than fit.
pub(super) fn draw(run: &Value, logs: &[Value], frame: Frame) -> Vec<String> {
    let mut lines = heading(run, frame);
    let from = millis(&run["created_at"]).unwrap_or(frame.now);
    let rows = rows(run, frame.now);
    let names =
        rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).min(NAMES).min(frame.width / 4);
    let notes = rows
        .iter()
        .map(|row| row.note.chars().count())
        .max()
        .unwrap_or(0)
        .min(NOTES)
        .min(frame.width * 2 / 5);
    let cells = frame.width.saturating_sub(names + notes + 4).max(1);
    let to = millis(&run["ended_at"]).unwrap_or(frame.now).max(from + 1);
    let axis = Axis { from, to, cells };
    let end = ending(run, frame.width);
    let said = logs.len().min((frame.height / 3).max(3));
    let room = frame.height.saturating_sub(lines.len() + 1 + end.len() + said + usize::from(said > 0));
    lines.push(painted(FAINT, &format!("{:names$}  {}", "", axis.ticks())));

    let mut drawn: Vec<Vec<String>> = Vec::new();
    for row in &rows {
        let name = format!("{:names$}", cut(&row.name, names));
        let note = painted(row.style, &cut(&row.note, notes));
        let mut block = vec![format!("{name}  {}  {note}", axis.line(&row.bars))];
        let detail = |text: &String| painted(FAINT, &cut(&format!("  {text}"), frame.width));
        block.extend(row.details.iter().map(detail));
        drawn.push(block);
    }
    let mut hidden = 0;
    while drawn.iter().map(Vec::len).sum::<usize>() + usize::from(hidden > 0) > room && drawn.len() > 1 {
        drawn.remove(0);
        hidden += 1;
    }
    if hidden > 0 {
        lines.push(painted(FAINT, &format!("… {hidden} earlier lines")));
    }
    lines.extend(drawn.into_iter().flatten());
    if said > 0 {
        lines.push(painted(FAINT, "logs"));
        lines.extend(
            logs[logs.len() - said..]
                .iter()
                .map(|line| painted(level(line), &cut(&log_line(line), frame.width))),
        );
    }
    lines.extend(end);
    lines.truncate(frame.height);
    lines
}

fn heading(run: &Value, frame: Frame) -> Vec<String> {
    let word = print::text(&run["status"]);
    let from = millis(&run["created_at"]).unwrap_or(frame.now);
    let took = span(millis(&run["ended_at"]).unwrap_or(frame.now) - from);
    let (id, function) = (print::text(&run["run_id"]), print::text(&run["function_id"]));
    let until = match (word.as_str(), run["wake_at"].as_str()) {
        ("Sleeping", Some(_)) => format!(" until {}", print::seconds(&run["wake_at"])),
        _ => String::new(),
    };
    let room = frame.width.saturating_sub(id.chars().count() + word.len() + until.len() + took.len() + 6);
    let styled = painted(status_style(&word), &format!("{word}{until}"));
    let event = format!("event {} ({})", print::text(&run["event_id"]), print::text(&run["event_name"]));
    vec![
        format!("{}  {}  {styled}  {took}", painted(STRONG, &id), cut(&function, room)),
        painted(FAINT, &cut(&event, frame.width)),
    ]
}

fn rows(run: &Value, now: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    let (made, started) = (millis(&run["created_at"]), millis(&run["run_started_at"]));
    if let Some(made) = made {
        let waited = started.or(millis(&run["ended_at"])).unwrap_or(now);
        let bars = vec![Bar { from: made, to: waited, sign: '·', style: FAINT }];
        rows.push(Row {
            name: "queue".into(),
            bars,
            note: span(waited - made),
            style: FAINT,
            details: vec![],
        });
    }
    let steps = run["steps"].as_array().map_or(&[][..], |steps| steps);
    rows.extend(steps.iter().map(|step| step_row(step, run, now)));
    // a step that executes is not written down before it has ended
    if run["status"] == "Running" {
        let ended = steps.iter().filter_map(|step| millis(&step["ended_at"])).max();
        if let Some(from) = ended.or(started) {
            let bars = vec![Bar { from, to: now, sign: '▒', style: BUSY }];
            rows.push(Row { name: "…".into(), bars, note: "Running".into(), style: BUSY, details: vec![] });
        }
    }
    rows
}

fn step_row(step: &Value, run: &Value, now: i64) -> Row {
    let word = print::text(&step["status"]);
    let end = millis(&step["ended_at"]).or_else(|| millis(&run["ended_at"])).unwrap_or(now);
    let from = millis(&step["started_at"]).unwrap_or(end);
    let tries = step["attempts"].as_array().map_or(&[][..], |tries| tries);
    let bar = |from, to, sign, style| Bar { from, to, sign, style };
    let mut bars = match (step["op"].as_str(), tries) {
        (Some("sleep" | "wait_for_event" | "invoke"), _) => vec![bar(from, end, '┈', BUSY)],
        (_, []) => vec![bar(from, end, '█', status_style(&word))],
        // between tries
        _ => vec![bar(from, end, '─', FAINT)],
    };
    let mut details = Vec::new();
    for attempt in tries {
        let (begun, ended) = (millis(&attempt["started_at"]), millis(&attempt["ended_at"]));
        let (begun, ended) = (begun.unwrap_or(from), ended.unwrap_or(end));
        let is_bad = !attempt["error"].is_null();
        bars.push(bar(begun, ended, '█', if is_bad { BAD } else { GOOD }));
        if is_bad {
            let number = attempt["number"].as_u64().unwrap_or(0) + 1;
            let why = print::error_line(&attempt["error"], 200);
            details.push(format!("try {number} failed after {}: {why}", span(ended - begun)));
        }
    }
    let name = print::text(&step["id"]).replace(['\n', '\t'], " ");
    Row { name, bars, note: step_note(step, &run["status"]), style: status_style(&word), details }
}

/// What there is to say of a step in a few words.
pub(super) fn step_note(step: &Value, run: &Value) -> String {
    let word = print::text(&step["status"]);
    let took = millis(&step["ended_at"]).zip(millis(&step["started_at"])).map(|(to, from)| span(to - from));
    let until = step["wake_at"].as_str().and_then(|at| at.get(..19)).map(|at| format!("until {}Z", &at[5..]));
    let is_over = matches!(run.as_str(), Some("Completed" | "Failed" | "Cancelled"));
    match (took, until) {
        (Some(took), _) => format!("{word} {took}"),
        (None, Some(until)) if !is_over => format!("{word} {until}"),
        _ => word,
    }
}

/// How it ended.
fn ending(run: &Value, width: usize) -> Vec<String> {
    let is_over = !run["ended_at"].is_null();
    let mut lines = Vec::new();
    if is_over && !run["output"].is_null() {
        lines.push(cut(&format!("output {}", run["output"]), width));
    }
    if is_over && !run["error"].is_null() {
        let why = print::error_line(&run["error"], width.saturating_sub(1));
        lines.push(painted(BAD, &why));
    }
    lines
}

fn status_style(word: &str) -> Style {
    match word {
        "Completed" => GOOD,
        "Failed" => BAD,
        "Cancelled" => FAINT,
        _ => BUSY,
    }
}

fn level(line: &Value) -> Style {
    match line["level"].as_str() {
        Some("error") => BAD,
        Some("warn") => BUSY,
        Some("info") => Style::new(),
        _ => FAINT,
    }
}

fn painted(style: Style, text: &str) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// A text in so many characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Unix milliseconds of an RFC 3339 text.
pub(super) fn millis(time: &Value) -> Option<i64> {
    time.as_str()?.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())
}

/// The time of day in an RFC 3339 text.
pub(super) fn time_of_day(time: &Value) -> String {
    time.as_str().and_then(|text| text.get(11..23)).unwrap_or("            ").to_owned()
}

/// A length of time: `843 ms`, `12.3 s`, `3 min 20 s`, `2 h 5 min`, `3 d 1 h`.
pub(super) fn span(ms: i64) -> String {
    let two = |big: i64, small: i64, words: (&str, &str)| match ms / small % (big / small) {
        0 => format!("{} {}", ms / big, words.0),
        rest => format!("{} {} {rest} {}", ms / big, words.0, words.1),
    };
    match ms {
        ..1_000 => format!("{} ms", ms.max(0)),
        1_000..60_000 if ms / 100 % 10 == 0 => format!("{} s", ms / 1_000),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms / 100 % 10),
        60_000..3_600_000 => two(60_000, 1_000, ("min", "s")),
        3_600_000..86_400_000 => two(3_600_000, 60_000, ("h", "min")),
        _ => two(86_400_000, 3_600_000, ("d", "h")),
    }
}

#[cfg(test)]
mod tests;
