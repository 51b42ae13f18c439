//! Runs that begin again from one of their steps.

use super::{id, run, step, step_ids, text};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn rerun_from(host: &Host, run: &Value, from: &str) -> Value {
    let body = json!({ "from_step": from }).to_string();
    let new = host.post(&format!("/v1/runs/{}/rerun", id(run)), body).await.expect(201).data();
    assert_ne!(new["run_id"], run["run_id"]);
    assert_eq!((&new["event_id"], &new["function_id"]), (&run["event_id"], &run["function_id"]));
    new
}

async fn rerun_completed(host: &Host, old: &Value, from: &str) -> Value {
    let new = rerun_from(host, old, from).await;
    let done = host.wait_for_run(id(&new), "Completed").await;
    assert_eq!(host.run(id(old)).await, *old, "the old one stays as it is");
    done
}

#[tokio::test]
async fn what_had_settled_before_the_step_is_kept_and_not_called_again() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    let old = run(&host, "ten-at-once", json!({ "url": upstream.url("/") }), "Completed").await;
    assert_eq!(upstream.count(), 10);
    let new = rerun_completed(&host, &old, "after").await;
    assert_eq!(upstream.count(), 10, "nobody was called");
    assert_eq!(new["output"], old["output"]);
    for n in 0..10 {
        let id = format!("get-{n}");
        assert_eq!(step(&new, &id), step(&old, &id), "with its times");
    }
    assert!(text(step(&new, "after"), "started_at") > text(&old, "ended_at"), "{new:#}");
    // from the start of it all: everything is done again
    let new = host.post(&format!("/v1/runs/{}/rerun", id(&old)), "{}").await.expect(201).data();
    host.wait_for_run(id(&new), "Completed").await;
    assert_eq!(upstream.count(), 20);
}

#[tokio::test]
async fn a_rerun_begins_at_that_step_and_goes_on_from_there() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let old = run(&host, "ten-steps", json!({}), "Completed").await;
    let new = rerun_completed(&host, &old, "s6").await;
    assert_eq!((&new["output"], step_ids(&new)), (&old["output"], step_ids(&old)));
    for n in 0..10 {
        let id = format!("s{n}");
        let is_kept = step(&new, &id) == step(&old, &id);
        assert_eq!(is_kept, n < 6, "{id}: {new:#}");
    }
    // from the first step nothing is kept
    let new = rerun_completed(&host, &old, "s0").await;
    assert!(text(step(&new, "s0"), "started_at") > text(&old, "ended_at"), "{new:#}");
}

#[tokio::test]
async fn a_failed_run_goes_on_from_the_step_that_failed() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "20ms").start().await;
    let data = json!({ "url": "http://127.0.0.1:1/", "retries": 1 });
    let failed = run(&host, "durable-fetcher", data, "Failed").await;
    let again = rerun_from(&host, &failed, "fetch").await;
    let again = host.wait_for_run(id(&again), "Failed").await;
    assert_eq!(step(&again, "fetch")["attempts"].as_array().map(Vec::len), Some(2), "with all its tries");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_step_of_a_loop_is_named_by_its_turn() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let old = run(&host, "looped", json!({ "n": 3 }), "Completed").await;
    let new = rerun_completed(&host, &old, "run:1").await;
    assert_eq!(new["output"], json!([0, 1, 2]));
    for id in ["run", "nap", "tell", "ask"] {
        assert_eq!(step(&new, id)["ended_at"], step(&old, id)["ended_at"], "{id}");
        let second = format!("{id}:1");
        assert_ne!(step(&new, &second)["ended_at"], step(&old, &second)["ended_at"], "{second}");
    }
    // what it had told and called before is not told and called again
    assert_eq!(host.all("/v1/events?name=test/looped.told").await.len(), 3 + 2);
    assert_eq!(host.all("/v1/runs?function_id=answerer").await.len(), 3 + 2);
}

#[tokio::test]
async fn what_had_not_settled_yet_begins_anew() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let old = run(&host, "waiter", json!({}), "Sleeping").await;
    let new = rerun_from(&host, &old, "wait").await;
    let new = host.wait_for_run(id(&new), "Sleeping").await;
    assert!(text(step(&new, "wait"), "started_at") >= text(step(&old, "wait"), "started_at"));
    host.send("test/awaited", json!({ "n": 1 })).await;
    for run in [&old, &new] {
        assert_eq!(host.wait_for_run(id(run), "Completed").await["output"]["data"]["n"], 1);
    }
}

#[tokio::test]
async fn a_step_that_the_run_has_not_is_refused() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let old = run(&host, "repeat", json!({}), "Completed").await;
    let path = format!("/v1/runs/{}/rerun", id(&old));
    for step in ["b", "a:3", "A", ""] {
        let answer = host.post(&path, json!({ "from_step": step }).to_string()).await;
        answer.expect_refusal(404, "no_such_step");
        assert!(answer.body.contains(&format!("`{step}`")), "{}", answer.body);
    }
    for body in ["{", r#"{"from": "a"}"#, r#"{"from_step": 1}"#, "[]"] {
        host.post(&path, body).await.expect_refusal(400, "invalid_body");
    }
    assert_eq!(host.all("/v1/runs").await.len(), 1);
}

#[tokio::test]
async fn a_rerun_goes_on_on_the_newest_bytes_with_the_outcomes_of_the_old_ones() {
    let host = Setup::dev().guests(&["moving-a"]).start().await;
    let old = run(&host, "compatible", json!({ "ms": 1 }), "Completed").await;
    let (_, b) = super::replace(&host, "compatible").await;
    let new = rerun_completed(&host, &old, "second").await;
    assert_eq!(new["function_version"], b);
    assert_eq!(new["output"], json!({ "first": "a", "second": "b", "third": "b" }));
}

#[tokio::test]
async fn a_rerun_outlives_a_kill() {
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let old = run(&host, "sleeper", json!({ "ms": 700 }), "Completed").await;
    let new = rerun_from(&host, &old, "nap").await;
    host.wait_for_run(id(&new), "Sleeping").await;
    host.kill();
    host.restart().await;
    let done = host.wait_for_run(id(&new), "Completed").await;
    assert_eq!(step(&done, "before"), step(&old, "before"));
    assert_ne!(step(&done, "nap")["ended_at"], step(&old, "nap")["ended_at"]);
}
