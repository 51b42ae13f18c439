//! `kill -9` at random moments, while runs use every tool there is.

use super::{events, step_ids, text};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::time::Duration;

/// Runs of each kind that begin between two kills.
const EACH: usize = 4;

/// Starts some of each kind; their functions and events.
async fn begin_some(host: &Host, url: &str, first: usize) -> Vec<(&'static str, String)> {
    let mut begun = Vec::new();
    for n in first..first + EACH {
        for (function, data) in [
            ("looped", json!({ "n": 12 })),
            ("mixed", json!({ "url": url, "ms": 250 })),
            ("racer", json!({ "id": n, "sleep_ms": 200 })),
            ("ten-at-once", json!({ "url": url, "fail": n % 10 })),
            ("waiter", json!({ "ms": 600, "match": "data.n", "n": n })),
            ("teller", json!({ "n": 3, "fail": true })),
            ("durable-fetcher", json!({ "url": url })),
        ] {
            begun.push((function, host.send(&format!("test/{function}"), data).await));
        }
    }
    begun
}

fn expect_end(function: &str, run: &Value) {
    let output = &run["output"];
    let is_right = match function {
        "looped" => *output == json!((0..12).collect::<Vec<_>>()),
        "mixed" => output["run"] == 1 && output["ask"] == 7 && output["fetch"] == 200,
        "racer" => output["won"] == output["again"] && output["won"].is_string(),
        // a kill is no failure of an attempt's: the one that fails is tried twice, no other
        "ten-at-once" => {
            let attempts = output["attempts"].as_array().expect("attempts");
            output["statuses"] == json!(vec![200; 10])
                && attempts.iter().filter(|n| **n == 1).count() == 1
                && attempts.iter().filter(|n| **n == 0).count() == 9
                && step_ids(run).len() == 11
        }
        "waiter" => output.is_null() || output["name"] == "test/awaited",
        "teller" => output.as_array().map(Vec::len) == Some(3),
        _ => output["status"] == 200,
    };
    assert!(is_right, "{function}: {run:#}");
}

#[tokio::test]
async fn kills_at_random_moments_change_nothing_that_a_run_comes_to() {
    let seed = std::env::var("PAWL_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("PAWL_SEED={seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let upstream = Upstream::start().await;
    let mut host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "50ms").start().await;
    let (mut begun, kills) = (Vec::new(), 5);
    for kill in 0..kills {
        begun.extend(begin_some(&host, &upstream.url("/"), kill * EACH).await);
        // for some of those that race, and of those that wait
        for n in kill * EACH..kill * EACH + EACH / 2 {
            host.send("test/racer.on", json!({ "id": n })).await;
            host.send("test/awaited", json!({ "n": n })).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        host.kill();
        host.restart().await;
    }
    for (function, event) in &begun {
        let run = host.wait_for(event, function, "Completed").await;
        expect_end(function, &run);
        assert_eq!(host.runs_of(event).await.len(), 1);
    }
    let each = kills * EACH;
    assert_eq!(events(&host, "test/looped.told").await.len(), each * 12);
    assert_eq!(events(&host, "test/mixed.told").await.len(), each);
    assert_eq!(events(&host, "test/told").await.len(), each * 3);
    let called = until("all calls to end", PATIENCE, async || {
        let runs = host.all("/v1/runs?function_id=answerer").await;
        let open = runs.iter().filter(|run| run["status"] != "Completed").count();
        if open == 0 { Ok(runs) } else { Err(open.to_string()) }
    })
    .await;
    assert_eq!(called.len(), each * 12 + each);
    assert!(called.iter().all(|run| !text(run, "parent_run_id").is_empty()));
}
