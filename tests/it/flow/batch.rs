//! One run for several events: three of a user, or those of two seconds.

use super::{at, is_close, runs_of, send_all, skipped, text, wait_for_runs};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

/// Two seconds after the first event.
const TIMEOUT: i64 = 2_000;

fn event(user: &str, n: u64) -> Value {
    json!({ "user": user, "n": n })
}

/// The numbers of a run's events, in their order.
fn numbers(run: &Value) -> Vec<u64> {
    let events = run["output"].as_array().unwrap_or_else(|| panic!("no list: {run:#}"));
    events.iter().map(|event| event["n"].as_u64().expect("a number")).collect()
}

async fn received_at(host: &Host, event: &str) -> i64 {
    at(&host.read(&format!("/v1/events/{event}")).await, "received_at")
}

#[tokio::test]
async fn a_batch_starts_when_it_is_full_with_its_events_in_their_order() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let mut data = vec![event("b", 100)];
    data.extend((1..=7).map(|n| event("a", n)));
    let events = send_all(&host, "test/batched", data).await;
    let runs = wait_for_runs(&host, "batched", "Completed", 4).await;
    let of = |user: &str| runs.iter().filter(|run| run["output"][0]["user"] == user).collect::<Vec<_>>();
    let (a, b) = (of("a"), of("b"));
    let mut all: Vec<_> = a.iter().map(|run| numbers(run)).collect();
    all.sort();
    assert_eq!(all, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    assert_eq!(numbers(b[0]), [100], "keys are apart");
    // those that are full did not wait for their time: they were before the one that came first
    for run in &runs {
        let started = at(run, "run_started_at");
        if numbers(run).len() == 3 {
            assert!(started <= at(b[0], "run_started_at"), "{run:#}");
        } else {
            assert!(started >= received_at(&host, &events[0]).await + TIMEOUT, "{run:#}");
        }
    }
}

#[tokio::test]
async fn a_batch_shows_its_events_and_they_show_their_batch() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let events = send_all(&host, "test/batched", (1..=3).map(|n| event("a", n))).await;
    let run = host.wait_for(&events[0], "batched", "Completed").await;
    assert_eq!(run["event_ids"], json!(events));
    assert_eq!(run["event_id"], json!(events[0]));
    for joined in &events[1..] {
        let why = skipped(&host, joined).await;
        assert_eq!((&why[0]["reason"], &why[0]["run_id"]), (&json!("batched"), &run["run_id"]));
    }
    assert_eq!(skipped(&host, &events[0]).await, json!([]));
}

#[tokio::test]
async fn an_event_that_is_not_for_the_batch_runs_alone_and_at_once() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let alone = json!({ "user": "a", "n": 2, "alone": true });
    let events = send_all(&host, "test/batched", [event("a", 1), alone, event("a", 3)]).await;
    let runs = wait_for_runs(&host, "batched", "Completed", 2).await;
    let alone = host.wait_for(&events[1], "batched", "Completed").await;
    assert_eq!(numbers(&alone), [2]);
    let together = host.wait_for(&events[0], "batched", "Completed").await;
    assert_eq!(numbers(&together), [1, 3]);
    assert!(at(&alone, "run_started_at") <= at(&together, "run_started_at"), "{runs:#?}");
}

#[tokio::test]
async fn a_batch_outlives_a_kill_and_takes_events_after_it() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let first = send_all(&host, "test/batched", [event("a", 1), event("a", 2)]).await;
    host.kill();
    host.restart().await;
    let third = host.send("test/batched", event("a", 3)).await;
    let between = received_at(&host, &third).await - received_at(&host, &first[0]).await;
    if is_close(between, TIMEOUT) {
        return;
    }
    // on a slow machine its time has passed
    let is_late = between >= TIMEOUT;
    let expected = if is_late { vec![vec![1, 2], vec![3]] } else { vec![vec![1, 2, 3]] };
    let runs = wait_for_runs(&host, "batched", "Completed", expected.len()).await;
    assert_eq!(runs.iter().map(numbers).collect::<Vec<_>>(), expected);
    assert_eq!(text(&runs[0], "event_id"), first[0]);
}

#[tokio::test]
async fn a_batch_outlives_a_kill_and_starts_at_its_time() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let events = send_all(&host, "test/batched", [event("a", 1), event("a", 2)]).await;
    host.kill();
    host.restart().await;
    let run = host.wait_for(&events[0], "batched", "Completed").await;
    assert_eq!(numbers(&run), [1, 2]);
    assert!(at(&run, "run_started_at") >= received_at(&host, &events[0]).await + TIMEOUT);
    assert_eq!(runs_of(&host, "batched").await.len(), 1);
}

#[tokio::test]
async fn a_rerun_of_a_batch_has_all_of_its_events() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let events = send_all(&host, "test/batched", (1..=3).map(|n| event("a", n))).await;
    let run = host.wait_for(&events[0], "batched", "Completed").await;
    let path = format!("/v1/runs/{}/rerun", text(&run, "run_id"));
    let again = host.post(&path, "").await.expect(201).data();
    let again = host.wait_for_run(text(&again, "run_id"), "Completed").await;
    assert_eq!(numbers(&again), [1, 2, 3]);
    assert_eq!(again["event_ids"], json!(events));
}
