//! `kill -9`.

use super::load::Load;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Steps that were recorded at one moment, by run and id, each with how often its code
/// had called the upstream by then.
type Recorded = BTreeMap<(String, String), (Value, usize)>;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

/// How often the code of the step `fetch` of an event's run was executed.
fn calls(upstream: &Upstream, event: &str) -> usize {
    let line = format!("GET /{event}");
    upstream.calls().iter().filter(|call| call.line == line).count()
}

/// What is recorded now of the newest runs, and how many of them have not ended.
async fn recorded(host: &Host, upstream: &Upstream) -> (Recorded, usize) {
    let (mut recorded, mut open) = (Recorded::new(), 0);
    let newest = host.read("/v1/runs?limit=60").await;
    for row in newest.as_array().expect("a list") {
        let run = host.run(text(row, "run_id")).await;
        open += usize::from(run["ended_at"].is_null());
        let event = host.read(&format!("/v1/events/{}", text(&run, "event_id"))).await;
        for step in run["steps"].as_array().expect("steps").iter().filter(|s| s["status"] == "Completed") {
            let key = (text(&run, "run_id").to_owned(), text(step, "id").to_owned());
            recorded.insert(key, (step.clone(), calls(upstream, text(&event, "id"))));
        }
    }
    (recorded, open)
}

async fn wait_until_all_ended(host: &Host) {
    until("all runs to end", PATIENCE, async || {
        for status in ["Queued", "Running", "Sleeping"] {
            let open = host.read(&format!("/v1/runs?status={status}")).await;
            if open != json!([]) {
                return Err(format!("{open:#}"));
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn kills_at_random_moments_lose_nothing_acknowledged_and_change_nothing_recorded() {
    let seed = std::env::var("PAWL_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("PAWL_SEED={seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let upstream = Upstream::start().await;
    let setup = Setup::dev().guests(&["steps"]).functions(&["process-payment-failed"]);
    let mut host = setup.env("PAWL_RETRY_INTERVAL", "50ms").start().await;
    let load = Load::start(6, &host, &upstream.url(""));
    let (mut known, mut open_at_kills) = (Recorded::new(), 0);
    for _ in 0..4 {
        load.allow(50);
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        let (recorded, open) = recorded(&host, &upstream).await;
        known.extend(recorded);
        open_at_kills += open;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..30))).await;
        host.kill();
        host.restart().await;
        load.moved(&host);
    }
    load.allow(20);
    let acknowledged = load.finish().await;
    assert_eq!(acknowledged.len(), 220);
    wait_until_all_ended(&host).await;

    for (id, function) in &acknowledged {
        let runs = host.runs_of(id).await;
        let [run] = runs.as_slice() else { panic!("{id}: {} runs", runs.len()) };
        assert_eq!((text(run, "function_id"), text(run, "status")), (*function, "Completed"), "{run:#}");
        if *function == "fetcher" {
            let calls = calls(&upstream, id);
            assert!((1..=5).contains(&calls), "{id}: {calls} calls and four kills");
        }
    }
    // nothing but what was sent, and each of it once
    assert_eq!(host.all("/v1/events").await.len(), acknowledged.len());
    assert_eq!(host.all("/v1/runs").await.len(), acknowledged.len());

    assert!(!known.is_empty() && open_at_kills > 0, "the kills came in the middle of something");
    for ((run, step), (before, calls_before)) in &known {
        let run = host.run(run).await;
        let now = run["steps"].as_array().expect("steps").iter().find(|s| s["id"] == **step);
        assert_eq!(now, Some(before), "what is recorded does not change");
        if run["function_id"] == "fetcher" {
            let event = host.read(&format!("/v1/events/{}", text(&run, "event_id"))).await;
            let calls = calls(&upstream, text(&event, "id"));
            assert_eq!(calls, *calls_before, "a finished step's code never runs again");
        }
    }
    count_bodies(&host, &acknowledged).await;
}

/// Each step of `counter` counts how often its code ran.
async fn count_bodies(host: &Host, acknowledged: &BTreeMap<String, &'static str>) {
    for id in acknowledged.iter().filter(|(_, f)| **f == "counter").map(|(id, _)| id) {
        let run = host.runs_of(id).await.remove(0);
        let read = host.send("test/counter.read", json!({ "run": run["run_id"] })).await;
        let counts = host.wait_for(&read, "counter", "Completed").await["output"].clone();
        let counts = counts.as_object().expect("counts").values().map(|n| n.as_u64().unwrap_or(0));
        let counts: Vec<_> = counts.collect();
        assert_eq!(counts.len(), 5, "{run:#}");
        assert!(counts.iter().all(|n| (1..=5).contains(n)), "{counts:?}: {run:#}");
    }
}

#[tokio::test]
async fn without_a_kill_each_steps_code_runs_once() {
    let upstream = Upstream::start().await;
    let setup = Setup::dev().guests(&["steps"]).functions(&["process-payment-failed"]);
    let host = setup.env("PAWL_RETRY_INTERVAL", "50ms").start().await;
    let load = Load::start(6, &host, &upstream.url(""));
    load.allow(60);
    let acknowledged = load.finish().await;
    wait_until_all_ended(&host).await;
    for (id, function) in &acknowledged {
        let run = host.wait_for(id, function, "Completed").await;
        match *function {
            "fetcher" => assert_eq!(calls(&upstream, id), 1),
            "counter" => {
                let read = host.send("test/counter.read", json!({ "run": run["run_id"] })).await;
                let counts = host.wait_for(&read, "counter", "Completed").await["output"].clone();
                assert_eq!(counts, json!({ "s0": 1, "s1": 1, "s2": 1, "s3": 1, "s4": 1 }));
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn sleeping_runs_outlive_a_kill_and_wake_in_time() {
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let events: Vec<_> =
        (0..20).map(|n| json!({ "name": "test/sleeper", "data": { "ms": 1_000 + n * 50 } })).collect();
    let sent = host.post("/e/k", json!(events).to_string()).await.expect(200).json();
    let ids: Vec<_> =
        sent["ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("an id")).collect();
    let mut naps = Vec::new();
    for id in &ids {
        naps.push(host.wait_for(id, "sleeper", "Sleeping").await);
    }
    host.kill();
    host.restart().await;
    for (id, before) in ids.iter().zip(naps) {
        let run = host.wait_for(id, "sleeper", "Completed").await;
        assert_eq!(run["steps"][0], before["steps"][0], "`before` did not run again");
        let after = run["steps"].as_array().expect("steps").last().expect("a step").clone();
        assert!(text(&after, "started_at") >= text(&before, "wake_at"), "not too early: {run:#}");
    }
}

#[tokio::test]
async fn a_step_that_a_kill_cut_off_is_taken_up_again_at_once() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    host.kill();
    upstream.release();
    host.restart().await;
    let run = host.wait_for(&event, "fetcher", "Completed").await;
    assert_eq!(upstream.count(), 2, "at least once is what is promised for a step's code");
    let attempts = run["steps"][0]["attempts"].as_array().expect("attempts");
    assert_eq!(attempts.len(), 1, "a kill is no failure of the function's: {run:#}");
}

#[tokio::test]
async fn a_host_that_is_killed_again_and_again_while_it_starts_loses_nothing() {
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 1 })).await;
    for _ in 0..5 {
        host.kill();
        host.restart().await;
    }
    host.wait_for(&event, "sleeper", "Completed").await;
    assert_eq!(host.runs_of(&event).await.len(), 1);
}
