//! How often: throttles, rate limits, idempotency.

use super::{at, by_status, runs_of, send_all, skipped, text, wait_for_runs};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

/// Two in two seconds: two at once, then one each second. A start may be late, never early.
fn expect_throttled(runs: &[Value]) {
    let first = at(&runs[0], "created_at");
    let mut starts: Vec<_> = runs.iter().map(|run| at(run, "run_started_at") - first).collect();
    starts.sort_unstable();
    for (n, start) in (0..).zip(&starts) {
        assert!(*start >= (n - 1) * 1_000, "start {n} is too early: {starts:?}");
    }
}

/// The runs of `throttled` for this user, oldest first.
async fn of_user(host: &Host, user: &str) -> Vec<Value> {
    let mut runs = by_status(host, "throttled", "Completed").await;
    runs.retain(|run| run["output"]["user"] == user);
    runs
}

#[tokio::test]
async fn a_throttle_spaces_the_starts_of_a_key_and_drops_none() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let mut data = vec![json!({ "user": "a" }); 6];
    data.push(json!({ "user": "b" }));
    send_all(&host, "test/throttled", data).await;
    wait_for_runs(&host, "throttled", "Completed", 7).await;
    let (a, b) = (of_user(&host, "a").await, of_user(&host, "b").await);
    expect_throttled(&a);
    let starts: Vec<_> = a.iter().map(|run| at(run, "run_started_at")).collect();
    // the first two are claimed together
    assert!(starts[1..].is_sorted() && starts[0] <= starts[2], "in the order of their making: {starts:?}");
    assert!(at(&b[0], "run_started_at") < starts[5], "the other key did not wait for the last");
}

#[tokio::test]
async fn a_throttle_holds_over_kills() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    send_all(&host, "test/throttled", vec![json!({ "user": "a" }); 7]).await;
    for n in [2, 3] {
        pawl_tests::clock::until("the first ones", pawl_tests::clock::PATIENCE, async || {
            match by_status(&host, "throttled", "Completed").await.len() {
                count if count >= n => Ok(()),
                count => Err(count.to_string()),
            }
        })
        .await;
        host.kill();
        host.restart().await;
    }
    wait_for_runs(&host, "throttled", "Completed", 7).await;
    expect_throttled(&of_user(&host, "a").await);
}

#[tokio::test]
async fn what_goes_beyond_a_rate_limit_makes_no_run_and_says_why() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    // two an hour, evenly: the second may come after half an hour
    let events =
        send_all(&host, "test/rate-limited", ["a", "a", "b"].map(|user| json!({ "user": user }))).await;
    let run = host.wait_for(&events[0], "rate-limited", "Completed").await;
    assert_eq!(run["output"], json!({ "user": "a" }));
    host.wait_for(&events[2], "rate-limited", "Completed").await;
    assert!(host.runs_of(&events[1]).await.is_empty());
    let why = skipped(&host, &events[1]).await;
    assert_eq!(
        (&why[0]["function_id"], &why[0]["reason"]),
        (&json!("rate-limited"), &json!("rate_limit")),
        "{why:#}"
    );
    assert_eq!(skipped(&host, &events[0]).await, json!([]), "nothing of one that made its run");

    host.kill();
    host.restart().await;
    let late = host.send("test/rate-limited", json!({ "user": "a" })).await;
    assert_eq!(skipped(&host, &late).await[0]["reason"], "rate_limit", "it is remembered");
    assert_eq!(runs_of(&host, "rate-limited").await.len(), 2);
}

#[tokio::test]
async fn a_value_of_an_idempotency_key_makes_one_run() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let data = [(1, "x"), (2, "x"), (3, "y"), (4, "x")].map(|(n, id)| json!({ "id": id, "n": n }));
    let events = send_all(&host, "test/idempotent", data).await;
    host.wait_for(&events[0], "idempotent", "Completed").await;
    host.wait_for(&events[2], "idempotent", "Completed").await;
    for event in [&events[1], &events[3]] {
        assert!(host.runs_of(event).await.is_empty());
        assert_eq!(skipped(&host, event).await[0]["reason"], "rate_limit");
    }
    host.kill();
    host.restart().await;
    let again = host.send("test/idempotent", json!({ "id": "y" })).await;
    assert!(host.runs_of(&again).await.is_empty(), "it is remembered");
    let other = host.send("test/idempotent", json!({ "id": "z" })).await;
    host.wait_for(&other, "idempotent", "Completed").await;
}

#[tokio::test]
async fn a_rerun_asks_for_no_rate_limit() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let event = host.send("test/idempotent", json!({ "id": "x" })).await;
    let run = host.wait_for(&event, "idempotent", "Completed").await;
    let path = format!("/v1/runs/{}/rerun", text(&run, "run_id"));
    let again = host.post(&path, "").await.expect(201).data();
    host.wait_for_run(text(&again, "run_id"), "Completed").await;
}
