//! The same done to many runs: those of a function, by time and by an expression.

use super::{begin, by_status, id, run, text, wait_for_count};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn cancel(host: &Host, which: Value) -> Value {
    host.post("/v1/cancellations", which.to_string()).await.expect(200).data()
}

async fn replay(host: &Host, which: Value) -> Value {
    host.post("/v1/replays", which.to_string()).await.expect(201).data()
}

fn ids(runs: &[Value]) -> BTreeSet<String> {
    runs.iter().map(|run| id(run).to_owned()).collect()
}

fn done(answer: &Value) -> BTreeSet<String> {
    let runs = answer["runs"].as_array().unwrap_or_else(|| panic!("no runs in {answer:#}"));
    assert_eq!((&answer["missed"], &answer["more"]), (&json!([]), &json!(false)), "{answer:#}");
    runs.iter().map(|run| run.as_str().expect("an id").to_owned()).collect()
}

/// Failed runs of `failing`, one of each message.
async fn fail(host: &Host, messages: &[&str]) -> Vec<Value> {
    let mut runs = Vec::new();
    for message in messages {
        runs.push(run(host, "failing", json!({ "message": message }), "Failed").await);
    }
    runs
}

#[tokio::test]
async fn the_failed_runs_of_a_function_in_a_period_are_run_again_and_no_others() {
    let host = Setup::dev().guests(&["flow", "steps"]).start().await;
    let old = fail(&host, &["too early"]).await;
    let wanted = fail(&host, &["a", "b", "c"]).await;
    let late = fail(&host, &["too late"]).await;
    let other = run(&host, "nester", json!({}), "Failed").await;
    let period = json!({
        "function_id": "failing",
        "started_after": wanted[0]["created_at"],
        "started_before": late[0]["created_at"],
    });
    let answer = replay(&host, period).await;
    assert_eq!(answer["started"], 3, "{answer:#}");
    let new = done(&answer);
    let failed = wait_for_count(&host, "failing", "Failed", 5 + 3).await;
    let before = ids(&[old, wanted.clone(), late].concat());
    assert_eq!(ids(&failed).difference(&before).cloned().collect::<BTreeSet<_>>(), new);
    let events: BTreeSet<_> = failed
        .iter()
        .filter(|run| new.contains(id(run)))
        .map(|run| text(run, "event_id").to_owned())
        .collect();
    assert_eq!(events, wanted.iter().map(|run| text(run, "event_id").to_owned()).collect());
    for run in &wanted {
        assert_eq!(host.run(id(run)).await, *run, "the old ones stay as they are");
    }
    assert_eq!(host.runs_of(text(&other, "event_id")).await.len(), 1);
}

#[tokio::test]
async fn an_expression_chooses_which_are_run_again() {
    let host = Setup::dev().guests(&["flow", "steps"]).start().await;
    fail(&host, &["yes", "no", "yes"]).await;
    run(&host, "sleeper", json!({ "ms": 1 }), "Completed").await;
    let which = json!({ "function_id": "failing", "if": "event.data.message == 'yes'" });
    assert_eq!(done(&replay(&host, which).await).len(), 2);
    wait_for_count(&host, "failing", "Failed", 5).await;
    // one that completed did not fail
    for function in ["sleeper", "nobody"] {
        let answer = replay(&host, json!({ "function_id": function })).await;
        assert_eq!(answer["started"], 0, "{function}");
    }
    // Inngest's word for what may be replayed
    let which = json!({ "function_id": "failing", "status": "failed", "app_id": "any", "if": "false" });
    assert_eq!(replay(&host, which).await["started"], 0);
}

#[tokio::test]
async fn all_runs_of_a_function_that_are_not_over_are_cancelled_and_no_others() {
    let host = Setup::dev().guests(&["flow", "steps"]).start().await;
    let ended = run(&host, "waiter", json!({ "ms": 1 }), "Completed").await;
    let mut wanted = Vec::new();
    for _ in 0..3 {
        wanted.push(run(&host, "waiter", json!({}), "Sleeping").await);
    }
    super::pause(&host, &wanted[0]).await;
    host.post("/v1/functions/waiter/pause", "").await.expect(200);
    wanted.push(begin(&host, "waiter", json!({})).await);
    let other = run(&host, "sleeper", json!({ "ms": 60_000 }), "Sleeping").await;
    let answer = cancel(&host, json!({ "function_id": "waiter" })).await;
    assert_eq!((answer["cancelled"].clone(), done(&answer)), (json!(4), ids(&wanted)));
    assert_eq!(ids(&by_status(&host, "waiter", "Cancelled").await), ids(&wanted));
    assert_eq!(host.run(id(&ended)).await, ended);
    assert_eq!(host.run(id(&other)).await, other);
    assert_eq!(cancel(&host, json!({ "function_id": "waiter" })).await["cancelled"], 0, "there are no more");
}

#[tokio::test]
async fn time_status_and_expression_choose_which_are_cancelled() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let mut runs = Vec::new();
    for (n, shop) in ["north", "south", "north", "north", "south"].iter().enumerate() {
        runs.push(run(&host, "waiter", json!({ "n": n, "shop": shop }), "Sleeping").await);
    }
    let which = json!({
        "function_id": "waiter",
        "started_after": runs[1]["created_at"],
        "started_before": runs[3]["created_at"],
        "if": "event.data.shop == 'north'",
    });
    assert_eq!(done(&cancel(&host, which).await), ids(&runs[2..3]));
    super::pause(&host, &runs[0]).await;
    let which = json!({ "function_id": "waiter", "status": "paused" });
    assert_eq!(done(&cancel(&host, which).await), ids(&runs[..1]));
    let which = json!({ "function_id": "waiter", "if": "event.data.shop == 'east'" });
    assert_eq!(cancel(&host, which).await["cancelled"], 0);
    // another way to write a time
    let which = json!({ "function_id": "waiter", "started_before": "2020-01-01T00:00:00+02:00" });
    assert_eq!(cancel(&host, which).await["cancelled"], 0);
    assert_eq!(by_status(&host, "waiter", "Sleeping").await.len(), 3);
}

#[tokio::test]
async fn a_thousand_runs_are_cancelled_by_one_request() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let event = json!({ "name": "test/waiter", "data": {} });
    for _ in 0..4 {
        host.post("/e/k", json!(vec![event.clone(); 300]).to_string()).await.expect(200);
    }
    let answer = cancel(&host, json!({ "function_id": "waiter" })).await;
    assert_eq!(done(&answer).len(), 1_200);
    assert_eq!(by_status(&host, "waiter", "Cancelled").await.len(), 1_200);
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_and_nothing_is_done() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let sleeping = run(&host, "waiter", json!({}), "Sleeping").await;
    for (body, words) in [
        (json!({}), vec!["function_id"]),
        (json!({ "function_id": "waiter", "if": "event.data. ==" }), vec!["if", "line 1, column"]),
        (json!({ "function_id": "waiter", "if": "async.data.n == 1" }), vec!["if", "async", "column 1"]),
        (
            json!({ "function_id": "waiter", "started_after": "yesterday" }),
            vec!["started_after", "yesterday"],
        ),
        (json!({ "function_id": "waiter", "started_before": 5 }), vec!["string"]),
        (json!({ "function_id": "waiter", "status": "sleepy" }), vec!["sleepy"]),
        (json!({ "function_id": "waiter", "since": "1h" }), vec!["since"]),
        (json!([]), vec!["body"]),
    ] {
        for path in ["/v1/cancellations", "/v1/replays"] {
            let answer = host.post(path, body.to_string()).await;
            answer.expect_refusal(400, "invalid_body");
            assert!(words.iter().all(|word| answer.body.contains(word)), "{body}: {}", answer.body);
        }
    }
    for (path, status) in [("/v1/cancellations", "completed"), ("/v1/replays", "sleeping")] {
        let body = json!({ "function_id": "waiter", "status": status }).to_string();
        host.post(path, body).await.expect_refusal(400, "invalid_body");
    }
    assert_eq!(host.run(id(&sleeping)).await, sleeping);
}
