//! Drawings, as they look without their colours.

use super::*;
use crate::cli::watch::changes::changes;
use expect_test::{Expect, expect};
use serde_json::json;

/// 2026-11-24T12:00:00Z and so many milliseconds.
fn at(ms: i64) -> i64 {
    1_795_521_600_000 + ms
}

fn time(ms: i64) -> Value {
    json!(jiff::Timestamp::from_millisecond(at(ms)).map(|t| format!("{t:.3}")).expect("a time"))
}

fn run(status: &str, ended: Option<i64>, steps: Value) -> Value {
    json!({
        "run_id": "01KB2Y", "function_id": "ship-order", "status": status, "event_id": "evt_1",
        "event_name": "shop/order.placed", "created_at": time(0), "run_started_at": time(1_000),
        "ended_at": ended.map(time), "wake_at": null, "output": null, "error": null, "steps": steps,
    })
}

fn charge() -> Value {
    let error = json!({"name": "FlakyError", "message": "attempt 0 fails"});
    json!({
        "id": "charge", "op": "run", "status": "Completed", "started_at": time(1_000), "ended_at": time(5_000),
        "attempts": [
            {"number": 0, "started_at": time(1_000), "ended_at": time(2_000), "error": error},
            {"number": 1, "started_at": time(4_000), "ended_at": time(5_000), "error": null},
        ],
    })
}

fn nap() -> Value {
    json!({"id": "nap", "op": "sleep", "status": "Sleeping", "started_at": time(5_000), "ended_at": null,
           "wake_at": time(60_000), "attempts": []})
}

fn line(n: u32, level: &str, message: &str) -> Value {
    json!({"n": n, "at": time(1_500), "level": level, "step": "charge", "message": message, "fields": {"n": "7"}})
}

fn check(run: &Value, logs: &[Value], frame: Frame, expected: &Expect) {
    let lines = draw(run, logs, frame);
    let plain: Vec<_> = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
    assert!(plain.len() <= frame.height);
    for line in &plain {
        assert!(line.chars().count() <= frame.width, "{line}");
    }
    let shown: String = plain.iter().map(|line| format!("{}\n", line.trim_end())).collect();
    expected.assert_eq(&shown);
}

#[test]
fn tries_sleeps_and_lines_lie_on_one_axis() {
    let mut run = run("Sleeping", None, json!([charge(), nap()]));
    run["wake_at"] = time(60_000);
    let frame = Frame { now: at(10_000), width: 80, height: 24 };
    check(
        &run,
        &[line(0, "info", "charging")],
        frame,
        &expect![[r#"
        01KB2Y  ship-order  Sleeping until 2026-11-24T12:01:00Z  10 s
        event evt_1 (shop/order.placed)
                │0 ms               │5 s
        queue   ····                                      1 s
        charge      ████────────████                      Completed 4 s
          try 1 failed after 1 s: FlakyError: attempt 0 fails
        nap                         ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈  Sleeping until 11-24T12:01:00Z
        logs
        12:00:01.500 info  [charge] charging n=7
    "#]],
    );
}

#[test]
fn a_run_that_failed_says_why() {
    let mut failed = run("Failed", Some(5_250), json!([charge()]));
    failed["error"] = json!({"name": "CardError", "message": "no\nmoney"});
    check(
        &failed,
        &[],
        Frame { now: at(99_000), width: 60, height: 24 },
        &expect![[r#"
        01KB2Y  ship-order  Failed  5.2 s
        event evt_1 (shop/order.placed)
                │0 ms         │2 s          │4 s
        queue   ·······                                1 s
        charge         ███████──────────────███████    Completed 4 s
          try 1 failed after 1 s: FlakyError: attempt 0 fails
        CardError: no…
    "#]],
    );
}

#[test]
fn what_does_not_fit_is_left_out_and_counted() {
    let step = |n: i64| {
        json!({"id": format!("a-step-with-a-name-that-is-too-long-{n}"), "op": "run", "status": "Completed",
               "started_at": time(n * 100), "ended_at": time(n * 100 + 50),
               "attempts": [{"number": 0, "started_at": time(n * 100), "ended_at": time(n * 100 + 50), "error": null}]})
    };
    let steps: Vec<_> = (10..50).map(step).collect();
    let logs: Vec<_> = (0..50).map(|n| line(n, "debug", &"x".repeat(200))).collect();
    let run = run("Running", None, json!(steps));
    check(
        &run,
        &logs,
        Frame { now: at(5_500), width: 40, height: 12 },
        &expect![[r#"
        01KB2Y  ship-order  Running  5.5 s
        event evt_1 (shop/order.placed)
                    │0 ms
        … 39 earlier lines
        a-step-wi…           █   Completed 50 ms
        a-step-wi…           █   Completed 50 ms
        …                    ▒▒  Running
        logs
        12:00:01.500 debug [charge] xxxxxxxxxxx…
        12:00:01.500 debug [charge] xxxxxxxxxxx…
        12:00:01.500 debug [charge] xxxxxxxxxxx…
        12:00:01.500 debug [charge] xxxxxxxxxxx…
    "#]],
    );
}

#[test]
fn elsewhere_than_on_a_terminal_each_change_is_a_line() {
    let begun = run("Running", None, json!([]));
    let asleep = run("Sleeping", None, json!([charge(), nap()]));
    let mut over = run("Completed", Some(60_100), json!([charge(), nap()]));
    over["steps"][1]["status"] = json!("Completed");
    over["steps"][1]["ended_at"] = time(60_000);
    over["output"] = json!({"shipped": true});
    let series = [Value::Null, begun, asleep.clone(), asleep, over];
    let lines: Vec<_> = series.windows(2).flat_map(|two| changes(&two[0], &two[1])).collect();
    expect![[r#"
        12:00:01.000 run 01KB2Y of ship-order Running
        12:00:02.000 charge try 1 failed: FlakyError: attempt 0 fails
        12:00:05.000 charge Completed 4 s
        12:00:05.000 nap Sleeping until 11-24T12:01:00Z
        12:00:05.000 run 01KB2Y of ship-order Sleeping
        12:01:00.000 nap Completed 55 s
        12:01:00.100 run 01KB2Y of ship-order Completed in 1 min: {"shipped":true}"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn lengths_of_time_are_short() {
    let spans = [0, 843, 1_000, 12_345, 60_000, 200_000, 7_500_000, 262_800_000].map(span);
    let short = ["0 ms", "843 ms", "1 s", "12.3 s", "1 min", "3 min 20 s", "2 h 5 min", "3 d 1 h"];
    assert_eq!(spans, short);
}
