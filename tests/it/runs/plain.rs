//! Runs that come to their end.

use super::{between, step, step_ids, text};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup, components};
use serde_json::{Value, json};

async fn completed(host: &Host, function: &str, data: Value) -> Value {
    let event = host.send(&format!("test/{function}"), data).await;
    host.wait_for(&event, function, "Completed").await
}

#[tokio::test]
async fn steps_run_once_in_their_order_and_hand_on_their_outputs() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let run = completed(&host, "ten-steps", json!({})).await;
    let expected: Vec<_> = (0..10).map(|i| format!("s{i}")).collect();
    assert_eq!(step_ids(&run), expected);
    for i in 0..10_u64 {
        let step = step(&run, &format!("s{i}"));
        assert_eq!(step["output"], json!({ "i": i, "p": i.checked_sub(1) }));
        assert_eq!(step["attempts"].as_array().map(Vec::len), Some(1));
    }
    assert_eq!(run["output"], json!({ "i": 9, "p": 8 }));
    // none, and as many as are allowed
    assert_eq!(completed(&host, "ten-steps", json!({ "n": 0 })).await["steps"], json!([]));
    let run = completed(&host, "ten-steps", json!({ "n": 1_000 })).await;
    assert_eq!(step_ids(&run).len(), 1_000);
}

#[tokio::test]
async fn a_run_of_more_steps_than_the_limit_fails_with_a_sentence() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/ten-steps", json!({ "n": 1_001 })).await;
    let run = host.wait_for(&event, "ten-steps", "Failed").await;
    assert_eq!(run["error"]["name"], "TooManySteps");
    assert!(text(&run["error"], "message").contains("1000"), "{}", run["error"]);
    assert_eq!(step_ids(&run).len(), 1_000);
}

#[tokio::test]
async fn a_step_id_that_repeats_is_counted() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let run = completed(&host, "repeat", json!({})).await;
    assert_eq!(step_ids(&run), ["a", "a:1", "a:2"]);
    assert_eq!(run["output"], json!([0, 1, 2]));
}

#[tokio::test]
async fn a_sleeping_run_says_until_when_and_goes_on_where_it_was() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 1_500 })).await;
    let run = host.wait_for(&event, "sleeper", "Sleeping").await;
    assert_eq!(step_ids(&run), ["before", "nap"]);
    let nap = step(&run, "nap");
    assert_eq!((&nap["op"], &nap["status"]), (&json!("sleep"), &json!("Sleeping")));
    let wake_at = text(&run, "wake_at").to_owned();
    assert_eq!(between(text(nap, "started_at"), &wake_at), 1_500);
    assert_eq!((&run["ended_at"], &run["output"]), (&Value::Null, &Value::Null));

    let run = host.wait_for(&event, "sleeper", "Completed").await;
    assert_eq!(step_ids(&run), ["before", "nap", "after"]);
    assert_eq!(run["output"], json!({ "before": "before", "after": "after" }));
    assert!(text(step(&run, "after"), "started_at") >= wake_at.as_str(), "not too early: {run:#}");
    assert_eq!(step(&run, "before")["attempts"].as_array().map(Vec::len), Some(1), "it ran once");
}

#[tokio::test]
async fn steps_side_by_side_do_not_wait_for_a_sleep_among_them() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let run = completed(&host, "parallel", json!({ "ms": 1_000 })).await;
    assert_eq!(run["output"], json!({ "left": 1, "right": "r", "after": 2 }));
    let mut ids = step_ids(&run);
    ids.sort_unstable();
    assert_eq!(ids, ["after", "left", "nap", "right"]);
    for id in ["left", "right"] {
        let ended = text(step(&run, id), "ended_at");
        assert!(ended < text(step(&run, "nap"), "ended_at"), "{id}: {run:#}");
        assert_eq!(step(&run, id)["attempts"].as_array().map(Vec::len), Some(1), "{id} ran once");
    }
    assert!(text(step(&run, "after"), "started_at") >= text(step(&run, "nap"), "ended_at"));
}

#[tokio::test]
async fn a_step_inside_of_a_step_is_refused_with_a_sentence() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/nester", json!({})).await;
    let run = host.wait_for(&event, "nester", "Failed").await;
    assert_eq!(run["error"]["name"], "NestedStep", "{run:#}");
    assert!(text(&run["error"], "message").contains("steps do not nest"), "{run:#}");
}

#[tokio::test]
async fn log_lines_appear_once_each_however_often_the_function_is_replayed() {
    let host = Setup::dev().guests(&["steps"]).env("PAWL_LOG", "info,guest=trace").start().await;
    let run = completed(&host, "logger", json!({ "ms": 100 })).await;
    let log = host.log();
    for line in [
        "before all steps",
        "a trace line",
        "a debug line",
        "an info line",
        "a warn line",
        "an error line",
        "after all steps",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}");
    }
    let line = log.lines().find(|l| l.contains("an info line")).expect("the line");
    assert!(line.contains(text(&run, "run_id")), "a line names its run: {line}");
    assert!(line.contains("n=7") || line.contains(r#""n":"7""#) || line.contains(r#"n: "7""#), "{line}");
}

#[tokio::test]
async fn an_output_may_have_4_mb_and_not_a_byte_more() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let limit = 4 << 20;
    let run = completed(&host, "big-output", json!({ "bytes": limit - 2 })).await;
    assert_eq!(text(step(&run, "big"), "output").len(), limit - 2);
    let event = host.send("test/big-output", json!({ "bytes": limit - 1 })).await;
    let run = host.wait_for(&event, "big-output", "Failed").await;
    assert_eq!(run["error"]["name"], "InvalidOutput", "{}", run["error"]);
    let tries = step(&run, "big")["attempts"].as_array().map(Vec::len);
    assert_eq!(tries, Some(1), "another try would be as large");
}

#[tokio::test]
async fn an_event_of_the_future_starts_its_runs_then() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let at = (pawl_tests::clock::unix_seconds() + 2) * 1_000;
    let id = host.send_event(&json!({ "name": "test/ten-steps", "ts": at })).await;
    let run = host.runs_of(&id).await.remove(0);
    assert_eq!(run["status"], "Queued");
    let run = host.wait_for(&id, "ten-steps", "Completed").await;
    let event = host.read(&format!("/v1/events/{id}")).await;
    assert!(between(text(&event, "received_at"), text(&run, "run_started_at")) >= 900, "{run:#}");
}

#[tokio::test]
async fn an_event_starts_every_function_that_it_is_for_and_no_other() {
    let host = Setup::dev().guests(&["steps", "version-a"]).three_functions().start().await;
    for (name, functions) in [
        ("test/repeat", vec!["repeat"]),
        ("test/repeat2", vec![]),
        ("test/repea", vec![]),
        ("Test/Repeat", vec![]),
        ("test", vec![]),
    ] {
        let event = host.send(name, json!({})).await;
        let runs = host.runs_of(&event).await;
        let started: Vec<_> = runs.iter().map(|r| text(r, "function_id")).collect();
        assert_eq!(started, functions, "{name}");
    }
    let functions = host.read("/v1/functions").await;
    assert_eq!(functions.as_array().expect("a list").len(), 26 + 1 + 3);
}

#[tokio::test]
async fn many_runs_at_once_all_end() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let events: Vec<_> = (0..300).map(|_| json!({ "name": "test/ten-steps", "data": { "n": 3 } })).collect();
    host.post("/e/k", json!(events).to_string()).await.expect(200);
    until("300 runs", PATIENCE, async || {
        let done = host.all("/v1/runs?status=Completed").await.len();
        if done == 300 { Ok(()) } else { Err(done.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn an_output_that_is_no_json_fails_the_run_with_a_sentence() {
    let host = Setup::dev().start().await;
    for (n, output) in ["", "{", "undefined", "1 2", "\u{fffd}", "NaN"].iter().enumerate() {
        let id = format!("odd-{n}");
        host.deploy(components::describing(&[&id], Some(0), output)).await.expect(201);
        let event = host.send(&format!("test/{id}"), json!({})).await;
        let run = host.wait_for(&event, &id, "Failed").await;
        assert_eq!(run["error"]["name"], "InvalidOutput", "{output:?}: {}", run["error"]);
    }
    for (n, output) in ["null", " {\"a\": 1.50} ", "\"\\u0000\"", "[]"].iter().enumerate() {
        let id = format!("good-{n}");
        host.deploy(components::describing(&[&id], None, output)).await.expect(201);
        let event = host.send(&format!("test/{id}"), json!({})).await;
        let run = host.wait_for(&event, &id, "Completed").await;
        assert_eq!(run["output"], serde_json::from_str::<Value>(output).expect("JSON"), "{output:?}");
    }
}

#[tokio::test]
async fn an_output_that_no_reader_could_read_fails_the_run_and_spoils_no_list() {
    // a JavaScript guest writes the first for half a character
    let host = Setup::dev().start().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (n, output) in [r#""\ud800""#, "1e999", &deep].into_iter().enumerate() {
        let id = format!("odd-{n}");
        host.deploy(components::describing(&[&id], Some(0), output)).await.expect(201);
        let event = host.send(&format!("test/{id}"), json!({})).await;
        let run = host.wait_for(&event, &id, "Failed").await;
        assert_eq!(run["error"]["name"], "InvalidOutput", "{output:?}: {}", run["error"]);
    }
    assert_eq!(host.all("/v1/runs").await.len(), 3);
}

#[tokio::test]
async fn clock_and_randomness_are_the_runs_own_outside_of_steps_and_the_worlds_inside() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let runs = [completed(&host, "clock", json!({})).await, completed(&host, "clock", json!({})).await];
    for run in &runs {
        let output = &run["output"];
        assert_eq!(output["first"], output["last"], "every pass comes to the same: {output}");
        assert_eq!(output["after"][0], output["first"][0], "no time passes outside: {output}");
        assert_ne!(output["after"][1], output["first"][1], "it is a sequence: {output}");
        let millis = |key: &str| output[key][0].as_u64().expect("a time");
        let (own, real) = (millis("first"), millis("inside"));
        assert!(real >= own && real - own < 60_000, "{output}");
        assert_ne!(output["inside"][1], output["first"][1], "{output}");
    }
    for key in ["first", "inside"] {
        assert_ne!(runs[0]["output"][key][1], runs[1]["output"][key][1], "each run has its own");
    }
}
