//! One run for events that follow each other.

use super::{at, is_close, runs_of, send_all, skipped, text, wait_for_runs};
use pawl_tests::clock::{PATIENCE, instant, until};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::time::Duration;

/// A second after the last event.
const PERIOD: i64 = 1_000;

/// Three seconds after the first one.
const BOUND: i64 = 3_000;

fn event(user: &str, n: u64) -> Value {
    json!({ "user": user, "n": n })
}

/// When the host took an event in.
async fn received_at(host: &Host, event: &str) -> i64 {
    at(&host.read(&format!("/v1/events/{event}")).await, "received_at")
}

/// A little time, so that events are apart.
async fn a_while(ms: u64) {
    let begun = instant();
    until("a while to pass", PATIENCE, async || {
        if begun.elapsed() >= Duration::from_millis(ms) { Ok(()) } else { Err("not yet".into()) }
    })
    .await;
}

#[tokio::test]
async fn events_of_a_key_make_one_run_with_the_last_of_them() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = [event("a", 1), event("b", 1), event("a", 2), event("a", 3), event("b", 2)];
    let events = send_all(&host, "test/debounced", data).await;
    let runs = wait_for_runs(&host, "debounced", "Completed", 2).await;
    for (last, n) in [(&events[3], event("a", 3)), (&events[4], event("b", 2))] {
        let run = host.wait_for(last, "debounced", "Completed").await;
        assert_eq!(run["output"], n);
        assert!(at(&run, "run_started_at") >= received_at(&host, last).await + PERIOD, "{run:#}");
    }
    for former in [&events[0], &events[2]] {
        assert!(host.runs_of(former).await.is_empty(), "its run has gone on to the next");
        let why = skipped(&host, former).await;
        assert_eq!((&why[0]["reason"], &why[0]["run_id"]), (&json!("debounced"), &runs[0]["run_id"]));
    }
    // the next one is another run's
    let next = host.send("test/debounced", event("a", 4)).await;
    let run = host.wait_for(&next, "debounced", "Completed").await;
    assert_ne!(run["run_id"], runs[0]["run_id"]);
}

/// The groups that events which came in at these times make, and when each is due.
fn groups(times: &[i64]) -> Vec<(usize, i64)> {
    let mut groups: Vec<(usize, i64, i64)> = Vec::new();
    for (n, time) in times.iter().enumerate() {
        match groups.last_mut() {
            Some((last, first_at, due)) if time < due => {
                (*last, *due) = (n, (time + PERIOD).min(*first_at + BOUND));
            }
            _ => groups.push((n, *time, time + PERIOD)),
        }
    }
    groups.into_iter().map(|(last, _, due)| (last, due)).collect()
}

#[tokio::test]
async fn each_event_pushes_the_start_but_not_beyond_the_bound() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let mut events = Vec::new();
    for n in 0..9 {
        events.push(host.send("test/debounced", event("a", n)).await);
        a_while(450).await;
    }
    let mut times = Vec::new();
    for event in &events {
        times.push(received_at(&host, event).await);
    }
    // on a slow machine there are more of them; on none fewer than two
    let groups = groups(&times);
    assert!(groups.len() >= 2, "{groups:?}");
    wait_for_runs(&host, "debounced", "Completed", groups.len()).await;
    for (last, due) in &groups {
        let run = host.wait_for(&events[*last], "debounced", "Completed").await;
        assert_eq!(run["output"]["n"], *last);
        assert!(at(&run, "run_started_at") >= *due, "due at {due}, of {times:?}: {run:#}");
    }
}

#[tokio::test]
async fn a_debounced_run_outlives_a_kill_before_its_time() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let events = send_all(&host, "test/debounced", [1, 2, 3].map(|n| event("a", n))).await;
    let waiting = runs_of(&host, "debounced").await;
    host.kill();
    host.restart().await;
    let run = host.wait_for(&events[2], "debounced", "Completed").await;
    assert_eq!((&run["output"]["n"], &run["run_id"]), (&json!(3), &waiting[0]["run_id"]));
    assert!(at(&run, "run_started_at") >= received_at(&host, &events[2]).await + PERIOD);
    assert_eq!(runs_of(&host, "debounced").await.len(), 1);
}

#[tokio::test]
async fn an_event_after_a_kill_joins_the_run_that_waits() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let first = host.send("test/debounced", event("a", 1)).await;
    host.kill();
    host.restart().await;
    let second = host.send("test/debounced", event("a", 2)).await;
    let times = [received_at(&host, &first).await, received_at(&host, &second).await];
    if is_close(times[1] - times[0], PERIOD) {
        return;
    }
    let groups = groups(&times);
    let runs = wait_for_runs(&host, "debounced", "Completed", groups.len()).await;
    assert_eq!(text(runs.last().expect("one"), "event_id"), second);
}
