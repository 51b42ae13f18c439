//! What is new in a run, a line each: for a pipe, a file, a log.

use super::draw::{millis, step_note, time_of_day};
use crate::cli::print;
use serde_json::Value;

/// What `after` says that `before` did not; `before` is null at first.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for step in after["steps"].as_array().into_iter().flatten() {
        let old = before["steps"].as_array().into_iter().flatten().find(|old| old["id"] == step["id"]);
        let old = old.unwrap_or(&Value::Null);
        if old == step {
            continue;
        }
        let id = print::text(&step["id"]);
        let tries = step["attempts"].as_array().map_or(&[][..], |tries| tries);
        let seen = old["attempts"].as_array().map_or(0, Vec::len);
        for attempt in tries.iter().skip(seen).filter(|attempt| !attempt["error"].is_null()) {
            let (number, at) = (attempt["number"].as_u64().unwrap_or(0) + 1, &attempt["ended_at"]);
            let why = print::error_line(&attempt["error"], 200);
            lines.push(format!("{} {id} try {number} failed: {why}", time_of_day(at)));
        }
        if old["status"] != step["status"] || old["wake_at"] != step["wake_at"] {
            let at = [&step["ended_at"], &step["started_at"]].into_iter().find(|at| !at.is_null());
            let note = step_note(step, &after["status"]);
            lines.push(format!("{} {id} {note}", time_of_day(at.unwrap_or(&Value::Null))));
        }
    }
    if before["status"] != after["status"] {
        lines.push(run_line(after));
    }
    lines
}

fn run_line(run: &Value) -> String {
    let word = print::text(&run["status"]);
    let took = match (millis(&run["created_at"]), millis(&run["ended_at"])) {
        (Some(from), Some(to)) => format!(" in {}", super::draw::span(to - from)),
        _ => String::new(),
    };
    let result = match (&run["output"], &run["error"]) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Null, error) => format!(": {}", print::error_line(error, 400)),
        (output, _) => format!(": {output}"),
    };
    let (run_id, function) = (print::text(&run["run_id"]), print::text(&run["function_id"]));
    let at = time_of_day(last_moment(run));
    format!("{at} run {run_id} of {function} {word}{took}{result}")
}

/// The latest time that a run says anything of; texts of one form sort as their times do.
fn last_moment(run: &Value) -> &Value {
    const TIMES: [&str; 4] = ["created_at", "run_started_at", "started_at", "ended_at"];
    let steps = run["steps"].as_array().map_or(&[][..], |steps| steps);
    let all = steps.iter().chain([run]).flat_map(|of| TIMES.map(|key| &of[key]));
    all.max_by_key(|at| at.as_str()).unwrap_or(&Value::Null)
}
