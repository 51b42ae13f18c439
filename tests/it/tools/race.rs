//! A wait against a sleep.

use super::{begin, step, text, waiting};
use pawl_tests::Setup;
use serde_json::{Value, json};

#[tokio::test]
async fn an_event_in_time_wins_and_has_won_in_every_later_pass() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = json!({ "id": 7, "sleep_ms": 60_000 });
    let run = waiting(&host, "racer", data).await;
    host.send("test/racer.on", json!({ "id": 8 })).await;
    host.send("test/racer.on", json!({ "id": 7, "n": 1 })).await;
    let done = host.wait_for_run(text(&run, "run_id"), "Completed").await;
    let expected = json!({ "won": "wait", "again": "wait", "event": { "id": 7, "n": 1 } });
    assert_eq!(done["output"], expected, "{done:#}");
    assert_eq!(step(&done, "nap")["status"], "Cancelled", "the loser was left");
}

#[tokio::test]
async fn a_sleep_that_is_over_wins_and_an_event_after_it_changes_nothing() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    // the loser is over before the run is
    let early = begin(&host, "racer", json!({ "id": 1, "sleep_ms": 300, "wait_ms": 330 })).await;
    let late = begin(&host, "racer", json!({ "id": 2, "sleep_ms": 300 })).await;
    for event in [&early, &late] {
        let done = host.wait_for(event, "racer", "Completed").await;
        assert_eq!(done["output"], json!({ "won": "nap", "again": "nap", "event": null }), "{done:#}");
    }
    // and over a kill
    let run = begin(&host, "racer", json!({ "id": 3, "sleep_ms": 1_000 })).await;
    host.wait_for(&run, "racer", "Sleeping").await;
    host.kill();
    host.restart().await;
    let done = host.wait_for(&run, "racer", "Completed").await;
    assert_eq!(done["output"]["won"], "nap");
    host.send("test/racer.on", json!({ "id": 3 })).await;
    assert_eq!(host.run(text(&done, "run_id")).await, done);
}

#[tokio::test]
async fn the_winner_stays_when_the_loser_settles_before_the_next_pass() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = json!({ "id": 7, "sleep_ms": 2_000 });
    let run = waiting(&host, "racer", data).await;
    // while the function is paused the event comes, and then the sleep's end
    host.post("/v1/functions/racer/pause", "").await.expect(200);
    host.send("test/racer.on", json!({ "id": 7 })).await;
    let other = waiting(&host, "answerer", json!({ "ms": 2_300 })).await;
    host.wait_for_run(text(&other, "run_id"), "Completed").await;
    assert!(host.run(text(&run, "run_id")).await["ended_at"].is_null());
    host.post("/v1/functions/racer/resume", "").await.expect(200);
    let done = host.wait_for_run(text(&run, "run_id"), "Completed").await;
    let expected = json!({ "won": "wait", "again": "wait", "event": { "id": 7 } });
    assert_eq!(done["output"], expected, "{done:#}");
}

#[tokio::test]
async fn many_races_around_the_same_moment_have_one_winner_each() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let events: Vec<_> = (0..60)
        .map(|n| json!({ "name": "test/racer", "data": { "id": n, "sleep_ms": 50 + n * 6 } }))
        .collect();
    let sent = host.post("/e/k", json!(events).to_string()).await.expect(200).json();
    let ids: Vec<_> = sent["ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    // the last ones first: their sleeps are the longest
    for n in (0..60).rev() {
        host.send("test/racer.on", json!({ "id": n })).await;
    }
    let mut naps = 0;
    for event in ids {
        let done = host.wait_for(event, "racer", "Completed").await;
        assert_eq!(done["output"]["won"], done["output"]["again"], "{done:#}");
        let has_event = !done["output"]["event"].is_null();
        assert!(done["output"]["won"] == "nap" || has_event, "{done:#}");
        naps += usize::from(done["output"]["won"] == "nap");
    }
    eprintln!("{naps} of 60 won by the sleep");
}
