//! What operators do to runs: cancel, run again.

use super::{step_ids, text};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn cancel(host: &Host, run: &Value) -> Value {
    let cancelled = host.delete(&format!("/v1/runs/{}", text(run, "run_id"))).await.expect(200).data();
    assert_eq!(cancelled["status"], "Cancelled", "{cancelled:#}");
    assert_eq!(cancelled["run_id"], run["run_id"]);
    assert!(cancelled["ended_at"].is_string(), "{cancelled:#}");
    cancelled
}

#[tokio::test]
async fn a_sleeping_run_that_is_cancelled_never_wakes() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 1_000 })).await;
    let sleeping = host.wait_for(&event, "sleeper", "Sleeping").await;
    let cancelled = cancel(&host, &sleeping).await;
    // another one that sleeps longer has come to its end
    let later = host.send("test/sleeper", json!({ "ms": 1_200 })).await;
    host.wait_for(&later, "sleeper", "Completed").await;
    let run = host.run(text(&sleeping, "run_id")).await;
    assert_eq!(run, cancelled, "nothing more is written");
    assert_eq!(step_ids(&run), ["before", "nap"]);
}

#[tokio::test]
async fn a_running_run_that_is_cancelled_is_dropped_in_the_middle_of_its_step() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    let running = host.wait_for(&event, "fetcher", "Running").await;
    upstream.is_called().await;
    let cancelled = cancel(&host, &running).await;
    until("the call to be given up", PATIENCE, async || match upstream.under_way() {
        0 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    upstream.release();
    let other = host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    host.wait_for(&other, "fetcher", "Completed").await;
    assert_eq!(host.run(text(&running, "run_id")).await, cancelled);
    assert_eq!(cancelled["steps"], json!([]), "the step did not end");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn an_endless_loop_can_be_cancelled() {
    let host = Setup::dev().guests(&["steps"]).env("PAWL_STEP_CPU", "10m").start().await;
    let event = host.send("test/looper", json!({})).await;
    let running = host.wait_for(&event, "looper", "Running").await;
    cancel(&host, &running).await;
    let log = until("its slot to be free", PATIENCE, async || {
        let other = host.send("test/ten-steps", json!({})).await;
        host.wait_for(&other, "ten-steps", "Completed").await;
        Ok::<_, String>(host.log())
    })
    .await;
    assert!(log.contains("cancelled"), "{log}");
}

#[tokio::test]
async fn a_run_that_has_ended_cannot_be_cancelled() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    for (function, end) in [("repeat", "Completed"), ("nester", "Failed")] {
        let event = host.send(&format!("test/{function}"), json!({})).await;
        let run = host.wait_for(&event, function, end).await;
        let path = format!("/v1/runs/{}", text(&run, "run_id"));
        host.delete(&path).await.expect_refusal(409, "run_ended");
        assert_eq!(host.run(text(&run, "run_id")).await, run, "and stays as it is");
    }
    let event = host.send("test/sleeper", json!({ "ms": 60_000 })).await;
    let sleeping = host.wait_for(&event, "sleeper", "Sleeping").await;
    cancel(&host, &sleeping).await;
    let path = format!("/v1/runs/{}", text(&sleeping, "run_id"));
    host.delete(&path).await.expect_refusal(409, "run_ended");
    host.delete("/v1/runs/nothing").await.expect_refusal(404, "not_found");
}

#[tokio::test]
async fn a_cancelled_run_stays_cancelled_over_a_restart() {
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 1_000 })).await;
    let sleeping = host.wait_for(&event, "sleeper", "Sleeping").await;
    let cancelled = cancel(&host, &sleeping).await;
    host.kill();
    host.restart().await;
    let later = host.send("test/sleeper", json!({ "ms": 1_200 })).await;
    host.wait_for(&later, "sleeper", "Completed").await;
    assert_eq!(host.run(text(&sleeping, "run_id")).await, cancelled);
}

#[tokio::test]
async fn a_rerun_is_another_run_of_the_same_event() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/ten-steps", json!({ "n": 2 })).await;
    let first = host.wait_for(&event, "ten-steps", "Completed").await;
    let path = format!("/v1/runs/{}/rerun", text(&first, "run_id"));
    let second = host.post(&path, "").await.expect(201).data();
    assert_ne!(second["run_id"], first["run_id"]);
    assert_eq!((&second["event_id"], &second["function_id"]), (&first["event_id"], &first["function_id"]));
    let second = host.wait_for_run(text(&second, "run_id"), "Completed").await;
    assert_eq!(second["output"], first["output"]);
    assert_eq!(host.run(text(&first, "run_id")).await, first, "the old one stays as it is");
    assert_eq!(host.runs_of(&event).await.len(), 2);

    // also of one that failed, was cancelled, or still sleeps
    let event = host.send("test/nester", json!({})).await;
    let failed = host.wait_for(&event, "nester", "Failed").await;
    host.post(&format!("/v1/runs/{}/rerun", text(&failed, "run_id")), "").await.expect(201);
    let event = host.send("test/sleeper", json!({ "ms": 60_000 })).await;
    let sleeping = host.wait_for(&event, "sleeper", "Sleeping").await;
    host.post(&format!("/v1/runs/{}/rerun", text(&sleeping, "run_id")), "").await.expect(201);
    assert_eq!(host.runs_of(&event).await.len(), 2);
    host.post("/v1/runs/nothing/rerun", "").await.expect_refusal(404, "not_found");
}

#[tokio::test]
async fn a_function_that_is_gone_cannot_be_run_again() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let event = host.send("test/versioned", json!({ "ms": 10 })).await;
    let run = host.wait_for(&event, "versioned", "Completed").await;
    host.remove("version-a.wasm");
    until("it to be gone", PATIENCE, async || match host.read("/v1/functions").await {
        Value::Array(all) if all.is_empty() => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    let path = format!("/v1/runs/{}/rerun", text(&run, "run_id"));
    host.post(&path, "").await.expect_refusal(409, "function_not_found");
}

#[tokio::test]
async fn a_cancel_at_any_moment_is_either_done_or_too_late() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let mut cancels = tokio::task::JoinSet::new();
    for n in 0..60_u32 {
        let event = host.send("test/ten-steps", json!({ "n": 40 })).await;
        let run = text(&host.runs_of(&event).await[0], "run_id").to_owned();
        let request = host.request(reqwest::Method::DELETE, &format!("/v1/runs/{run}"));
        cancels.spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(n % 20))).await;
            (run, request.send().await.expect("is answered").status().as_u16())
        });
    }
    let mut done = 0;
    while let Some(ended) = cancels.join_next().await {
        let (run, status) = ended.expect("no panic");
        let end = match status {
            200 => "Cancelled",
            409 => "Completed",
            other => panic!("{run}: {other}"),
        };
        done += usize::from(status == 200);
        let before = host.wait_for_run(&run, end).await;
        let steps = step_ids(&before).len();
        assert!(steps == 40 || end == "Cancelled", "{before:#}");
    }
    assert_eq!(host.all("/v1/runs?status=Cancelled").await.len(), done);
}
