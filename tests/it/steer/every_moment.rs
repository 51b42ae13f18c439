//! What is done to a run at one moment after the other, whatever it is about to do: it comes
//! to the same end.

use super::{begin, id, step_ids};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How often something is done to each run.
const TIMES: usize = 40;

async fn start() -> (Upstream, Host) {
    let host = Setup::dev().guests(&["flow", "steps"]).env("PAWL_RETRY_INTERVAL", "20ms").start().await;
    (Upstream::start().await, host)
}

/// One run of each of these.
async fn begin_all(host: &Host, upstream: &Upstream) -> Vec<Value> {
    let url = upstream.url("/");
    let all = [
        ("looped", json!({ "n": 30 })),
        ("mixed", json!({ "url": url, "ms": 600 })),
        ("racer", json!({ "id": 1, "sleep_ms": 300 })),
        ("racer", json!({ "id": 2, "sleep_ms": 60_000 })),
        ("ten-at-once", json!({ "url": url, "fail": 3 })),
        ("waiter", json!({ "ms": 500 })),
        ("asker", json!({ "data": { "answer": 5, "ms": 300 } })),
        ("durable-fetcher", json!({ "url": url })),
        ("teller", json!({ "n": 3, "fail": true })),
        ("ten-steps", json!({ "n": 60 })),
        ("parallel", json!({ "ms": 300 })),
    ];
    let mut runs = Vec::new();
    for (function, data) in all {
        runs.push(begin(host, function, data).await);
    }
    runs
}

/// All have come to the ends that they come to undisturbed.
async fn expect_ends(host: &Host, runs: &[Value]) {
    // one event more for the race that only an event ends, if the first was too early
    until("the wait to begin", PATIENCE, async || {
        let racer = host.run(id(&runs[3])).await;
        if racer["steps"] == json!([]) { Err(racer.to_string()) } else { Ok(()) }
    })
    .await;
    host.send("test/racer.on", json!({ "id": 2 })).await;
    let mut done = Vec::new();
    for run in runs {
        done.push(host.wait_for_run(id(run), "Completed").await);
    }
    let output = |n: usize| &done[n]["output"];
    assert_eq!(*output(0), json!((0..30).collect::<Vec<_>>()));
    assert_eq!(
        (&output(1)["run"], &output(1)["ask"], &output(1)["fetch"]),
        (&json!(1), &json!(7), &json!(200))
    );
    assert_eq!((&output(2)["won"], &output(2)["again"]), (&json!("nap"), &json!("nap")), "{:#}", done[2]);
    assert_eq!((&output(3)["won"], &output(3)["again"]), (&json!("wait"), &json!("wait")), "{:#}", done[3]);
    assert_eq!(output(4)["attempts"], json!([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), "{:#}", done[4]);
    assert_eq!((output(5), output(6)), (&Value::Null, &json!({ "answer": 5 })));
    assert_eq!(output(7)["status"], 200);
    assert_eq!(output(8).as_array().map(Vec::len), Some(3));
    assert_eq!((&output(9)["i"], step_ids(&done[9]).len()), (&json!(59), 60));
    assert_eq!(*output(10), json!({ "left": 1, "right": "r", "after": 2 }));
    // each was told once, and called once
    assert_eq!(host.all("/v1/events?name=test/looped.told").await.len(), 30);
    assert_eq!(host.all("/v1/events?name=test/mixed.told").await.len(), 1);
    assert_eq!(host.all("/v1/events?name=test/told").await.len(), 3);
    assert_eq!(host.all("/v1/runs?function_id=answerer").await.len(), 30 + 1 + 1);
}

/// Does this again and again to all of them that are not over; how often it was done.
async fn at_every_moment(host: &Host, runs: &[Value], verbs: &[&str]) -> usize {
    let mut done = 0;
    for turn in 0..TIMES {
        for run in runs {
            for verb in verbs {
                let answer = host.post(&format!("/v1/runs/{}/{verb}", id(run)), "").await;
                match answer.status {
                    200 => done += 1,
                    _ => {
                        answer.expect_refusal(409, "run_ended");
                        break;
                    }
                }
            }
        }
        if turn == TIMES / 2 {
            host.send("test/racer.on", json!({ "id": 2 })).await;
        }
    }
    done
}

#[tokio::test]
async fn runs_that_are_paused_and_resumed() {
    let (upstream, host) = start().await;
    let runs = begin_all(&host, &upstream).await;
    let done = at_every_moment(&host, &runs, &["pause", "resume"]).await;
    assert!(done > 20, "{done}");
    expect_ends(&host, &runs).await;
}

#[tokio::test]
async fn runs_that_are_moved_to_where_they_are() {
    let (upstream, host) = start().await;
    let runs = begin_all(&host, &upstream).await;
    let done = at_every_moment(&host, &runs, &["move"]).await;
    assert!(done > 20, "{done}");
    expect_ends(&host, &runs).await;
}

#[tokio::test]
async fn functions_that_are_paused_and_resumed() {
    let (upstream, host) = start().await;
    let runs = begin_all(&host, &upstream).await;
    let functions: BTreeSet<_> =
        runs.iter().map(|run| run["function_id"].as_str().expect("an id").to_owned()).collect();
    for turn in 0..TIMES {
        for verb in ["pause", "resume"] {
            for function in &functions {
                host.post(&format!("/v1/functions/{function}/{verb}"), "").await.expect(200);
            }
        }
        if turn == TIMES / 2 {
            host.send("test/racer.on", json!({ "id": 2 })).await;
        }
    }
    expect_ends(&host, &runs).await;
}
