//! Who executes when: limits on a function, slots of the host.

use super::text;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn wait_for_calls(upstream: &Upstream, n: usize) {
    until(&format!("{n} calls"), PATIENCE, async || match upstream.count() {
        count if count >= n => Ok(()),
        count => Err(count.to_string()),
    })
    .await;
}

async fn by_status(host: &Host, function: &str, status: &str) -> Vec<Value> {
    host.all(&format!("/v1/runs?function_id={function}&status={status}")).await
}

#[tokio::test]
async fn a_function_limited_to_two_never_has_three_runs_at_work() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).start().await;
    let mut events = Vec::new();
    for _ in 0..8 {
        events.push(host.send("test/limited", json!({ "url": upstream.url("/") })).await);
    }
    wait_for_calls(&upstream, 2).await;
    // others are not held up by those that wait
    let other = host.send("test/ten-steps", json!({})).await;
    host.wait_for(&other, "ten-steps", "Completed").await;
    assert_eq!(by_status(&host, "limited", "Running").await.len(), 2);
    let queued = by_status(&host, "limited", "Queued").await;
    assert_eq!(queued.len(), 6);

    // a place that is given up by cancelling is taken by the next
    let running = by_status(&host, "limited", "Running").await;
    host.delete(&format!("/v1/runs/{}", text(&running[0], "run_id"))).await.expect(200);
    wait_for_calls(&upstream, 3).await;
    // and one that waits can be cancelled before it ever began
    let newest = &queued[0];
    let cancelled = host.delete(&format!("/v1/runs/{}", text(newest, "run_id"))).await.expect(200).data();
    assert_eq!((&cancelled["status"], &cancelled["run_started_at"]), (&json!("Cancelled"), &Value::Null));

    upstream.release();
    until("the rest", PATIENCE, async || match by_status(&host, "limited", "Completed").await.len() {
        6 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    assert!(upstream.most_under_way() <= 2, "{} at once", upstream.most_under_way());
    assert_eq!(upstream.count(), 7, "six that completed, one that was cancelled in its call");
}

#[tokio::test]
async fn the_limit_holds_over_a_kill() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    for _ in 0..6 {
        host.send("test/limited", json!({ "url": upstream.url("/") })).await;
    }
    wait_for_calls(&upstream, 2).await;
    host.kill();
    until("the calls to break", PATIENCE, async || match upstream.under_way() {
        0 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    host.restart().await;
    wait_for_calls(&upstream, 4).await;
    assert_eq!(upstream.under_way(), 2);
    upstream.release();
    until("all", PATIENCE, async || match by_status(&host, "limited", "Completed").await.len() {
        6 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    assert!(upstream.most_under_way() <= 2);
}

#[tokio::test]
async fn when_all_slots_are_busy_runs_wait_and_none_fails() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).env("PAWL_SLOTS", "3").start().await;
    for _ in 0..3 {
        host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    }
    wait_for_calls(&upstream, 3).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(host.send("test/ten-steps", json!({})).await);
    }
    // webhooks are taken all the same
    host.deliver(&pawl_tests::stripe::small("evt_busy")).await.expect(200);
    for event in &waiting {
        assert_eq!(host.runs_of(event).await[0]["status"], "Queued");
    }
    upstream.release();
    for event in &waiting {
        host.wait_for(event, "ten-steps", "Completed").await;
    }
    assert!(by_status(&host, "fetcher", "Failed").await.is_empty());
}

#[tokio::test]
async fn sleeping_runs_take_no_slots() {
    let host = Setup::dev().guests(&["steps"]).env("PAWL_SLOTS", "1").start().await;
    let begun = pawl_tests::clock::instant();
    let events: Vec<_> =
        (0..50).map(|_| json!({ "name": "test/sleeper", "data": { "ms": 1_500 } })).collect();
    host.post("/e/k", json!(events).to_string()).await.expect(200);
    until("all to wake", PATIENCE, async || match by_status(&host, "sleeper", "Completed").await.len() {
        50 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    // one after the other it would take 75 seconds
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_limit_holds_for_runs_that_wake_when_their_function_is_gone() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps", "version-a"]).start().await;
    let data = json!({ "url": upstream.url("/"), "ms": 4_000 });
    let events = vec![json!({ "name": "test/limited-sleeper", "data": data }); 8];
    host.post("/e/k", json!(events).to_string()).await.expect(200);
    let asleep = until("all to sleep", PATIENCE, async || {
        let runs = by_status(&host, "limited-sleeper", "Sleeping").await;
        if runs.len() == 8 { Ok(runs) } else { Err(runs.len().to_string()) }
    })
    .await;
    host.remove("steps.wasm");
    until("it to be gone", PATIENCE, async || match host.read("/v1/functions").await {
        Value::Array(all) if all.iter().all(|f| f["id"] != "limited-sleeper") => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!(upstream.count(), 0, "they have slept through it");
    wait_for_calls(&upstream, 2).await;
    // a run that sleeps beyond the last one's time
    let last = asleep.iter().map(|run| text(run, "wake_at").to_owned()).max().expect("eight");
    until("a later run", PATIENCE, async || {
        let event = host.send("test/versioned", json!({ "ms": 300 })).await;
        let run = host.wait_for(&event, "versioned", "Completed").await;
        let began = text(&run, "run_started_at").to_owned();
        if began > last { Ok(()) } else { Err(began) }
    })
    .await;
    assert_eq!(upstream.under_way(), 2);
    upstream.release();
    until("all", PATIENCE, async || match by_status(&host, "limited-sleeper", "Completed").await.len() {
        8 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    assert!(upstream.most_under_way() <= 2, "{} at once", upstream.most_under_way());
}
