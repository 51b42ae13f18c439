//! Steps and functions that fail, for a while or for good.

use super::{attempts, between, step, step_ids, text};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn start() -> Host {
    Setup::dev().guests(&["steps"]).env("PAWL_RETRY_INTERVAL", "50ms").start().await
}

async fn run(host: &Host, function: &str, data: Value, end: &str) -> Value {
    let event = host.send(&format!("test/{function}"), data).await;
    host.wait_for(&event, function, end).await
}

#[tokio::test]
async fn a_step_that_fails_twice_is_tried_a_third_time_and_every_try_is_kept() {
    let host = start().await;
    let done = run(&host, "flaky", json!({ "failures": 2 }), "Completed").await;
    let tries = attempts(&done, "try");
    assert_eq!(tries.len(), 3);
    for (n, attempt) in tries.iter().enumerate() {
        assert_eq!(attempt["number"], n);
        if n < 2 {
            assert_eq!(attempt["error"]["name"], "FlakyError");
            assert_eq!(attempt["error"]["message"], format!("attempt {n} fails"));
            assert_eq!(attempt["error"]["data"], json!({ "attempt": n }));
            assert!(text(&attempt["error"], "stack").contains("retries.rs"), "{attempt:#}");
        } else {
            assert_eq!(attempt["error"], Value::Null);
        }
        if n > 0 {
            let pause = between(text(&tries[n - 1], "ended_at"), text(attempt, "started_at"));
            assert!(pause >= 50, "{pause} ms before try {n}");
        }
    }
    let try_step = step(&done, "try");
    assert_eq!((&try_step["status"], &try_step["error"]), (&json!("Completed"), &Value::Null));
    let output = &done["output"];
    assert_eq!((&output["attempt"], &output["max"]), (&json!(2), &json!(4)));
    assert_eq!(output["key"], format!("{}:try", text(&done, "run_id")), "the same key for every try");
}

#[tokio::test]
async fn a_step_has_one_try_more_than_its_retries() {
    let host = start().await;
    for (retries, failures, end, tries) in
        [(3, 4, "Failed", 4), (0, 1, "Failed", 1), (0, 0, "Completed", 1), (5, 5, "Completed", 6)]
    {
        let data = json!({ "failures": failures, "retries": retries });
        let ended = run(&host, "flaky", data, end).await;
        assert_eq!(attempts(&ended, "try").len(), tries, "{retries} retries, {failures} failures");
        if end == "Failed" {
            let last = format!("attempt {} fails", tries - 1);
            assert_eq!(ended["error"]["message"], last, "the last error is the run's");
            assert_eq!(step(&ended, "try")["status"], "Failed");
        }
    }
}

#[tokio::test]
async fn an_error_that_no_try_would_cure_is_not_tried_again() {
    let host = start().await;
    let failed = run(&host, "flaky", json!({ "failures": 1, "kind": "no-retry" }), "Failed").await;
    assert_eq!(attempts(&failed, "try").len(), 1);
    assert_eq!(failed["error"]["name"], "NonRetriableError");
}

#[tokio::test]
async fn retry_after_keeps_the_next_try_away_for_so_long() {
    let host = start().await;
    let event = host.send("test/flaky", json!({ "failures": 1, "kind": "retry-after", "ms": 1_500 })).await;
    let waiting = host.wait_for(&event, "flaky", "Sleeping").await;
    assert_eq!(step(&waiting, "try")["status"], "Retrying", "{waiting:#}");
    assert_eq!(waiting["error"]["name"], "RetryAfterError", "why it waits is shown");
    let done = host.wait_for(&event, "flaky", "Completed").await;
    let tries = attempts(&done, "try");
    assert!(between(text(&tries[0], "ended_at"), text(&tries[1], "started_at")) >= 1_500, "{tries:#?}");
    assert_eq!(done["error"], Value::Null);
}

#[tokio::test]
async fn without_a_setting_the_first_retry_comes_after_15_to_45_seconds() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let events: Vec<_> = (0..8).map(|_| json!({ "name": "test/flaky", "data": { "failures": 1 } })).collect();
    host.post("/e/k", json!(events).to_string()).await.expect(200);
    let mut pauses: Vec<_> = until("all to wait", PATIENCE, async || {
        let runs = host.all("/v1/runs?status=Sleeping").await;
        if runs.len() == 8 { Ok(runs) } else { Err(format!("{runs:#?}")) }
    })
    .await
    .iter()
    .map(|run| (text(run, "run_id").to_owned(), text(run, "wake_at").to_owned()))
    .collect();
    for (id, wake_at) in &mut pauses {
        let run = host.run(id).await;
        let pause = between(text(&attempts(&run, "try")[0], "ended_at"), wake_at);
        assert!((15_000..45_000).contains(&pause), "{pause} ms");
        *wake_at = pause.to_string();
    }
    pauses.sort_by_key(|(_, pause)| pause.clone());
    pauses.dedup_by_key(|(_, pause)| pause.clone());
    assert!(pauses.len() > 1, "what failed together does not return together: {pauses:?}");
}

#[tokio::test]
async fn a_function_may_catch_a_failed_step_and_go_on() {
    let host = start().await;
    let done = run(&host, "catcher", json!({}), "Completed").await;
    assert_eq!(done["output"], json!({ "caught": "BrokenError: it is broken", "good": true }));
    assert_eq!(step(&done, "bad")["status"], "Failed");
    assert_eq!(step(&done, "bad")["error"]["name"], "BrokenError");
    assert_eq!(step(&done, "good")["status"], "Completed");
}

#[tokio::test]
async fn a_function_that_fails_outside_of_its_steps_is_called_again_and_its_steps_are_not() {
    let host = start().await;
    let done = run(&host, "outside-failure", json!({ "failures": 3 }), "Completed").await;
    assert_eq!(done["output"], json!({ "first": 1, "attempt": 3 }));
    assert_eq!(step_ids(&done), ["first"]);
    assert_eq!(attempts(&done, "first").len(), 1);

    let failed = run(&host, "outside-failure", json!({ "failures": 4 }), "Failed").await;
    assert_eq!(failed["error"]["message"], "attempt 3 fails outside of steps");
    assert_eq!(attempts(&failed, "first").len(), 1);
}

#[tokio::test]
async fn data_that_the_function_cannot_read_fails_the_run_with_a_sentence_and_no_retries() {
    let host = start().await;
    let failed = run(&host, "flaky", json!({ "failures": "many" }), "Failed").await;
    assert_eq!(failed["error"]["name"], "InvalidEventData");
    assert!(text(&failed["error"], "message").contains("`test/flaky`"), "{}", failed["error"]);
    assert_eq!(failed["steps"], json!([]));
}
