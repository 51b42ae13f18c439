//! Several tools at once, and the same ones again and again.

use super::{
    another_run_completes, begin, completed, events, invoked, step, step_ids, text, wait_for_under_way,
};
use pawl_tests::Setup;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use serde_json::{Value, json};

const IDS: [&str; 7] = ["ask", "fetch", "nap", "run", "tell", "until", "wait"];

fn sorted(run: &Value) -> Vec<&str> {
    let mut ids = step_ids(run);
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_list_of_every_kind_of_step_comes_to_its_end() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    let run = completed(&host, "mixed", json!({ "url": upstream.url("/"), "ms": 400 })).await;
    let told = step(&run, "tell")["output"][0].clone();
    assert_eq!(run["output"], json!({ "run": 1, "wait": false, "ask": 7, "fetch": 200, "tell": told }));
    assert_eq!(sorted(&run), IDS);
    assert!(IDS.iter().all(|id| step(&run, id)["status"] == "Completed"), "{run:#}");
    assert_eq!(invoked(&host, &run, "ask").await["output"], 7);
    assert_eq!(events(&host, "test/mixed.told").await[0]["internal_id"], told);
    assert_eq!((upstream.count(), events(&host, "test/mixed.told").await.len()), (1, 1));
    for id in ["run", "tell", "ask", "fetch"] {
        assert!(text(step(&run, id), "ended_at") <= text(step(&run, "nap"), "ended_at"), "{id}: {run:#}");
    }
}

#[tokio::test]
async fn an_event_that_comes_in_time_is_taken_beside_all_the_others() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    let event = begin(&host, "mixed", json!({ "url": upstream.url("/"), "ms": 2_000 })).await;
    host.wait_for(&event, "mixed", "Sleeping").await;
    host.send("test/mixed.on", json!({})).await;
    let run = host.wait_for(&event, "mixed", "Completed").await;
    assert_eq!(run["output"]["wait"], true, "{run:#}");
    assert!(text(step(&run, "wait"), "ended_at") < text(step(&run, "nap"), "ended_at"), "{run:#}");
}

#[tokio::test]
async fn a_list_that_sleeps_waits_and_calls_holds_no_instance() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).env("PAWL_SLOTS", "1").start().await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(begin(&host, "mixed", json!({ "url": upstream.url("/"), "ms": 1_500 })).await);
    }
    wait_for_under_way(&upstream, 4).await;
    // all four sleep, wait, and have their requests under way
    another_run_completes(&host).await;
    let run = host.runs_of(&events[0]).await.remove(0);
    assert!(run["ended_at"].is_null(), "{run:#}");
    upstream.release();
    for event in &events {
        let run = host.wait_for(event, "mixed", "Completed").await;
        assert_eq!((&run["output"]["ask"], &run["output"]["fetch"]), (&json!(7), &json!(200)));
    }
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn a_list_of_every_kind_outlives_a_kill() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let event = begin(&host, "mixed", json!({ "url": upstream.url("/"), "ms": 800 })).await;
    upstream.is_called().await;
    until("the others", PATIENCE, async || {
        let run = host.runs_of(&event).await.remove(0);
        let settled = run["steps"].as_array().expect("steps").iter().filter(|s| s["status"] == "Completed");
        match settled.count() {
            n if n >= 3 => Ok(()),
            _ => Err(run.to_string()),
        }
    })
    .await;
    host.kill();
    upstream.release();
    host.restart().await;
    let run = host.wait_for(&event, "mixed", "Completed").await;
    assert_eq!((&run["output"]["ask"], &run["output"]["fetch"]), (&json!(7), &json!(200)));
    assert_eq!(sorted(&run), IDS);
    assert_eq!(events(&host, "test/mixed.told").await.len(), 1);
    assert_eq!(host.all("/v1/runs?function_id=answerer").await.len(), 1);
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn ids_that_repeat_in_a_loop_are_counted_for_every_kind() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let run = completed(&host, "looped", json!({})).await;
    assert_eq!(run["output"], json!([0, 1, 2]));
    let expected: Vec<_> = ["", ":1", ":2"]
        .iter()
        .flat_map(|n| ["run", "nap", "tell", "ask"].map(|id| format!("{id}{n}")))
        .collect();
    assert_eq!(step_ids(&run), expected);
    let told: Vec<_> =
        events(&host, "test/looped.told").await.iter().map(|e| e["data"]["n"].clone()).collect();
    assert_eq!(told, [2, 1, 0], "the newest first, each once");
    let children: Vec<_> = ["ask", "ask:1", "ask:2"].map(|id| text(step(&run, id), "invoked_run_id")).into();
    assert!(children[0] != children[1] && children[1] != children[2], "{children:?}");
}

#[tokio::test]
async fn many_lists_at_once_all_come_to_their_end() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).env("PAWL_SLOTS", "4").start().await;
    let event = json!({ "name": "test/mixed", "data": { "url": upstream.url("/"), "ms": 300 } });
    host.post("/e/k", json!(vec![event; 40]).to_string()).await.expect(200);
    until("all of them", PATIENCE, async || {
        match host.all("/v1/runs?function_id=mixed&status=Completed").await.len() {
            40 => Ok(()),
            n => Err(n.to_string()),
        }
    })
    .await;
    assert_eq!((upstream.count(), events(&host, "test/mixed.told").await.len()), (40, 40));
}
