//! Runs that are paused and resumed.

use super::{begin, id, let_pass, pause, run, steer, step, step_ids, text, wait_for_under_way};
use pawl_tests::Setup;
use pawl_tests::upstream::Upstream;
use serde_json::{Value, json};

#[tokio::test]
async fn a_queued_run_that_is_paused_begins_when_it_is_resumed() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).env("PAWL_SLOTS", "1").start().await;
    let busy = begin(&host, "fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    let queued = begin(&host, "repeat", json!({})).await;
    assert_eq!(queued["status"], "Queued");
    let paused = pause(&host, &queued).await;
    upstream.release();
    host.wait_for_run(id(&busy), "Completed").await;
    let_pass(&host, 1).await;
    assert_eq!(host.run(id(&queued)).await, paused);
    assert_eq!((&paused["steps"], &paused["run_started_at"]), (&json!([]), &Value::Null));
    let resumed = steer(&host, &queued, "resume").await;
    assert!(["Queued", "Running"].contains(&text(&resumed, "status")), "{resumed:#}");
    assert_eq!(host.wait_for_run(id(&queued), "Completed").await["output"], json!([0, 1, 2]));
}

#[tokio::test]
async fn a_sleeping_run_that_is_paused_does_not_wake_before_it_is_resumed() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let sleeping = run(&host, "sleeper", json!({ "ms": 1_000 }), "Sleeping").await;
    let paused = pause(&host, &sleeping).await;
    assert_eq!(paused["steps"], sleeping["steps"], "the sleep itself goes on");
    let_pass(&host, 1_300).await;
    assert_eq!(host.run(id(&sleeping)).await, paused);
    steer(&host, &sleeping, "resume").await;
    let done = host.wait_for_run(id(&sleeping), "Completed").await;
    assert_eq!(done["steps"][0], sleeping["steps"][0], "`before` did not run again");

    // resumed in time, it wakes at its time and not before
    let sleeping = run(&host, "sleeper", json!({ "ms": 2_000 }), "Sleeping").await;
    pause(&host, &sleeping).await;
    steer(&host, &sleeping, "resume").await;
    let again = host.wait_for_run(id(&sleeping), "Sleeping").await;
    assert_eq!(again["wake_at"], sleeping["wake_at"]);
    let done = host.wait_for_run(id(&sleeping), "Completed").await;
    assert!(text(step(&done, "after"), "started_at") >= text(&sleeping, "wake_at"), "{done:#}");
}

#[tokio::test]
async fn a_waiting_run_that_is_paused_keeps_the_event_that_comes_meanwhile() {
    let host = Setup::dev().guests(&["flow", "steps"]).start().await;
    let waiting = run(&host, "waiter", json!({}), "Sleeping").await;
    let paused = pause(&host, &waiting).await;
    host.send("test/awaited", json!({ "n": 1 })).await;
    host.send("test/awaited", json!({ "n": 2 })).await;
    let_pass(&host, 1).await;
    assert_eq!(host.run(id(&waiting)).await, paused);
    steer(&host, &waiting, "resume").await;
    let done = host.wait_for_run(id(&waiting), "Completed").await;
    assert_eq!(done["output"]["data"], json!({ "n": 1 }));

    // one whose time ran out meanwhile gets null, and one that has time left waits on
    let short = run(&host, "waiter", json!({ "ms": 900 }), "Sleeping").await;
    let long = run(&host, "waiter", json!({}), "Sleeping").await;
    for run in [&short, &long] {
        pause(&host, run).await;
    }
    let_pass(&host, 1_100).await;
    for run in [&short, &long] {
        steer(&host, run, "resume").await;
    }
    assert_eq!(host.wait_for_run(id(&short), "Completed").await["output"], Value::Null);
    host.wait_for_run(id(&long), "Sleeping").await;
    host.send("test/awaited", json!({ "n": 3 })).await;
    assert_eq!(host.wait_for_run(id(&long), "Completed").await["output"]["data"]["n"], 3);
}

#[tokio::test]
async fn a_caller_that_is_paused_keeps_what_the_other_run_gives() {
    let host = Setup::dev().guests(&["flow", "steps"]).start().await;
    let parent = run(&host, "asker", json!({ "data": { "answer": 7, "ms": 1_000 } }), "Sleeping").await;
    let paused = pause(&host, &parent).await;
    host.wait_for_run(text(step(&parent, "ask"), "invoked_run_id"), "Completed").await;
    assert_eq!(host.run(id(&parent)).await, paused);
    steer(&host, &parent, "resume").await;
    assert_eq!(host.wait_for_run(id(&parent), "Completed").await["output"], json!({ "answer": 7 }));
}

#[tokio::test]
async fn a_run_that_is_paused_in_the_middle_of_a_step_begins_that_step_anew() {
    for (guest, function, data) in [
        ("steps", "fetcher", json!({})),
        ("flow", "durable-fetcher", json!({})),
        ("flow", "ten-at-once", json!({ "n": 1 })),
    ] {
        let upstream = Upstream::start().await;
        upstream.hold();
        let host = Setup::dev().guests(&[guest]).start().await;
        let mut data = data;
        data["url"] = json!(upstream.url("/"));
        let running = begin(&host, function, data).await;
        upstream.is_called().await;
        let paused = pause(&host, &running).await;
        wait_for_under_way(&upstream, 0).await;
        upstream.release();
        assert_eq!(host.run(id(&running)).await, paused, "{function}");
        assert_eq!(upstream.count(), 1, "{function}");
        steer(&host, &running, "resume").await;
        let done = host.wait_for_run(id(&running), "Completed").await;
        assert_eq!(upstream.count(), 2, "{function}");
        assert_eq!(done["steps"][0]["attempts"].as_array().map(Vec::len), Some(1), "{done:#}");
    }
}

#[tokio::test]
async fn a_list_of_steps_is_paused_as_a_whole() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).start().await;
    let running = begin(&host, "ten-at-once", json!({ "url": upstream.url("/") })).await;
    wait_for_under_way(&upstream, 10).await;
    let paused = pause(&host, &running).await;
    wait_for_under_way(&upstream, 0).await;
    upstream.release();
    assert_eq!((host.run(id(&running)).await, upstream.count()), (paused, 10));
    steer(&host, &running, "resume").await;
    let done = host.wait_for_run(id(&running), "Completed").await;
    assert_eq!(done["output"]["attempts"], json!(vec![0; 10]), "to be paused is no failure");
    assert_eq!(upstream.count(), 20);
}

#[tokio::test]
async fn a_list_of_steps_that_is_paused_keeps_what_had_ended() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "1s").start().await;
    let data = json!({ "url": upstream.url("/"), "fail": 4 });
    let sleeping = run(&host, "ten-at-once", data, "Sleeping").await;
    pause(&host, &sleeping).await;
    assert_eq!(upstream.count(), 10);
    steer(&host, &sleeping, "resume").await;
    let done = host.wait_for_run(id(&sleeping), "Completed").await;
    assert_eq!(done["output"]["attempts"][4], 1);
    assert_eq!(upstream.count(), 11);
}

#[tokio::test]
async fn a_paused_run_stays_paused_over_a_kill() {
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let sleeping = run(&host, "sleeper", json!({ "ms": 900 }), "Sleeping").await;
    let paused = pause(&host, &sleeping).await;
    host.kill();
    host.restart().await;
    let_pass(&host, 1_100).await;
    assert_eq!(host.run(id(&sleeping)).await, paused);
    let listed = host.read("/v1/runs?status=Paused").await;
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["run_id"]), (Some(1), &paused["run_id"]));
    steer(&host, &sleeping, "resume").await;
    host.wait_for_run(id(&sleeping), "Completed").await;
}

#[tokio::test]
async fn a_paused_run_can_be_cancelled_and_run_again() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let sleeping = run(&host, "sleeper", json!({ "ms": 60_000 }), "Sleeping").await;
    pause(&host, &sleeping).await;
    let again = host.post(&format!("/v1/runs/{}/rerun", id(&sleeping)), "").await.expect(201).data();
    host.wait_for_run(id(&again), "Sleeping").await;
    let cancelled = host.delete(&format!("/v1/runs/{}", id(&sleeping))).await.expect(200).data();
    assert_eq!(
        (&cancelled["status"], &cancelled["steps"][1]["status"]),
        (&json!("Cancelled"), &json!("Cancelled"))
    );
    assert!(cancelled["ended_at"].is_string());
}

#[tokio::test]
async fn a_run_that_is_paused_and_resumed_at_every_moment_comes_to_the_same_end() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let running = begin(&host, "ten-steps", json!({ "n": 200 })).await;
    let mut times = 0;
    loop {
        let answer = host.post(&format!("/v1/runs/{}/pause", id(&running)), "").await;
        if answer.status == 409 {
            break;
        }
        answer.expect(200);
        steer(&host, &running, "resume").await;
        times += 1;
    }
    let done = host.wait_for_run(id(&running), "Completed").await;
    assert_eq!(done["output"], json!({ "i": 199, "p": 198 }), "paused {times} times");
    let expected: Vec<_> = (0..200).map(|i| format!("s{i}")).collect();
    assert_eq!(step_ids(&done), expected);
}
