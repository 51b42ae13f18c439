//! What cannot be done to a run or a function, and why.

use super::{begin, id, pause, run, text};
use pawl_tests::Setup;
use pawl_tests::upstream::Upstream;
use serde_json::json;

#[tokio::test]
async fn a_run_that_is_not_paused_is_not_resumed_and_a_paused_one_not_paused_again() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let sleeping = run(&host, "sleeper", json!({ "ms": 60_000 }), "Sleeping").await;
    let path = |verb: &str| format!("/v1/runs/{}/{verb}", id(&sleeping));
    let answer = host.post(&path("resume"), "").await;
    answer.expect_refusal(409, "nothing_to_do");
    assert!(answer.body.contains("not paused"), "{}", answer.body);
    assert_eq!(host.wait_for_run(id(&sleeping), "Sleeping").await, sleeping, "nothing was written");
    let paused = pause(&host, &sleeping).await;
    let answer = host.post(&path("pause"), "").await;
    answer.expect_refusal(409, "nothing_to_do");
    assert!(answer.body.contains("paused already"), "{}", answer.body);
    assert_eq!(host.run(id(&sleeping)).await, paused);
}

#[tokio::test]
async fn a_wish_that_is_refused_does_not_break_off_what_is_under_way() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).start().await;
    let running = begin(&host, "fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    host.post(&format!("/v1/runs/{}/resume", id(&running)), "").await.expect_refusal(409, "nothing_to_do");
    super::let_pass(&host, 100).await;
    upstream.release();
    host.wait_for_run(id(&running), "Completed").await;
    assert_eq!(upstream.count(), 1, "its step was not begun again");
}

#[tokio::test]
async fn to_a_run_that_is_over_nothing_is_done() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let completed = run(&host, "repeat", json!({}), "Completed").await;
    let failed = run(&host, "nester", json!({}), "Failed").await;
    let cancelled = begin(&host, "sleeper", json!({ "ms": 60_000 })).await;
    host.delete(&format!("/v1/runs/{}", id(&cancelled))).await.expect(200);
    let cancelled = host.run(id(&cancelled)).await;
    for run in [&completed, &failed, &cancelled] {
        for verb in ["pause", "resume", "move"] {
            let answer = host.post(&format!("/v1/runs/{}/{verb}", id(run)), "").await;
            answer.expect_refusal(409, "run_ended");
        }
        assert_eq!(host.run(id(run)).await, *run);
    }
}

#[tokio::test]
async fn who_is_not_there_is_named_as_such() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    for verb in ["pause", "resume", "rerun", "move"] {
        host.post(&format!("/v1/runs/nothing/{verb}"), "").await.expect_refusal(404, "not_found");
    }
    let answer = host.post("/v1/functions/nothing/pause", "").await;
    answer.expect_refusal(409, "function_not_found");
    assert!(answer.body.contains("`nothing`"), "{}", answer.body);
    // one that is gone can still be resumed: its runs are there
    let resumed = host.post("/v1/functions/nothing/resume", "").await.expect(200).data();
    assert_eq!(resumed["changed"], false);
}

#[tokio::test]
async fn in_production_all_of_it_needs_the_signing_key() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let sleeping = run(&host, "sleeper", json!({ "ms": 60_000 }), "Sleeping").await;
    let run_id = id(&sleeping);
    for path in [
        format!("/v1/runs/{run_id}/pause"),
        format!("/v1/runs/{run_id}/resume"),
        format!("/v1/runs/{run_id}/rerun"),
        format!("/v1/runs/{run_id}/move"),
        "/v1/functions/sleeper/pause".into(),
        "/v1/functions/sleeper/resume".into(),
        "/v1/cancellations".into(),
        "/v1/replays".into(),
    ] {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let body = r#"{"function_id":"sleeper"}"#;
        let answer = client.post(host.url(&path)).body(body).send().await.expect("answers");
        assert_eq!(answer.status().as_u16(), 401, "{path}");
    }
    assert_eq!(host.run(run_id).await, sleeping);
    assert_eq!(text(&host.runs_of(text(&sleeping, "event_id")).await[0], "run_id"), run_id);
    assert_eq!(host.all("/v1/runs").await.len(), 1);
}
