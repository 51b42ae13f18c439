//! A run on a terminal.

use serde_json::Value;

/// Prints a run and its steps.
pub(super) fn print(run: &Value) {
    print!("{}", text(run));
}

fn text(run: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mut text = format!("\n{}  {}{}\n", word(&run["function_id"]), word(&run["status"]), duration(run));
    text += &format!("  run {}\n", word(&run["run_id"]));
    let steps: Vec<&Value> = run["steps"].as_array().into_iter().flatten().collect();
    for step in steps {
        let attempts = step["attempts"].as_array().map_or(0, Vec::len);
        let plural = if attempts == 1 { "" } else { "s" };
        let took = duration(step);
        text += &format!(
            "  {:<28}{:<11}{attempts} attempt{plural}{took}\n",
            word(&step["id"]),
            word(&step["status"])
        );
        text += &failure(&step["error"], "    ");
    }
    match &run["error"] {
        Value::Null => text + &format!("  output {}\n", run["output"]),
        error => text + &failure(error, "  "),
    }
}

fn failure(error: &Value, indent: &str) -> String {
    match (error["name"].as_str(), error["message"].as_str()) {
        (Some(name), Some(message)) => format!("{indent}{name}: {message}\n"),
        _ => String::new(),
    }
}

/// `, 12 ms`, from when something started to when it ended.
fn duration(of: &Value) -> String {
    let start = ["started_at", "run_started_at"].iter().find_map(|field| millis_of_day(of[*field].as_str()?));
    let (Some(start), Some(end)) = (start, of["ended_at"].as_str().and_then(millis_of_day)) else {
        return String::new();
    };
    // midnight may lie between
    const DAY: u64 = 86_400_000;
    format!(", {} ms", (end + DAY - start) % DAY)
}

/// The time of day of an RFC 3339 text in UTC, in milliseconds.
fn millis_of_day(time: &str) -> Option<u64> {
    let (_, time) = time.strip_suffix('Z')?.split_once('T')?;
    let mut parts = time.split([':', '.']).map(|part| part.parse::<u64>().ok());
    let mut next = || parts.next().flatten();
    Some(((next()? * 60 + next()?) * 60 + next()?) * 1_000 + next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_is_shown_with_its_steps_their_tries_and_their_time() {
        let run = json!({
            "run_id": "01", "function_id": "ship-order", "status": "Failed",
            "run_started_at": "2026-11-24T23:59:59.990Z", "ended_at": "2026-11-25T00:00:00.015Z",
            "output": null, "error": {"name": "E", "message": "no"},
            "steps": [{"id": "a", "status": "Completed", "attempts": [1], "error": null,
                       "started_at": "2026-11-24T23:59:59.990Z", "ended_at": "2026-11-24T23:59:59.992Z"},
                      {"id": "b", "status": "Failed", "attempts": [1, 2], "error": {"name": "E", "message": "no"}}],
        });
        let expected = "\nship-order  Failed, 25 ms\n  run 01\n  \
            a                           Completed  1 attempt, 2 ms\n  \
            b                           Failed     2 attempts\n    E: no\n  E: no\n";
        assert_eq!(text(&run), expected);
    }
}
