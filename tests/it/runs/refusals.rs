//! Questions that the host refuses, from guests that do not care.

use super::{attempts, step_ids, text};
use pawl_tests::clock::{self, PATIENCE, until};
use pawl_tests::components::by_hand::{self, Ask, for_ever, raise, select, sleep, sleep_until};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::time::Duration;

/// Longer than any sleep may be.
const FOUR_HUNDRED_DAYS: u64 = 400 * 86_400_000;

/// A host with these functions by hand, and the usual ones.
async fn start(functions: &[(&str, String)]) -> Host {
    let setup = Setup::dev().guests(&["steps"]).env("PAWL_STEP_CPU", "500ms");
    for (id, code) in functions {
        let path = setup.functions_folder().join(format!("{id}.wasm"));
        std::fs::write(path, by_hand::doing(id, code)).expect("writes");
    }
    setup.start().await
}

async fn ended(host: &Host, function: &str, end: &str) -> Value {
    let event = host.send(&format!("test/{function}"), json!({})).await;
    host.wait_for(&event, function, end).await
}

#[tokio::test]
async fn a_guest_that_goes_on_asking_what_is_refused_is_ended_and_holds_nobody_up() {
    let nested = [select(&[Ask::Run('a')]), raise(), for_ever(&select(&[Ask::Sleep('b', 0)]))].join(" ");
    let host = start(&[
        ("too-many", for_ever(&sleep(Some('a'), 0))),
        ("too-many-caught", for_ever(&select(&[Ask::Sleep('a', 0)]))),
        ("nothing", for_ever(&select(&[]))),
        ("too-long", for_ever(&select(&[Ask::Sleep('a', FOUR_HUNDRED_DAYS)]))),
        ("nested", nested),
    ])
    .await;
    let functions = ["too-many", "too-many-caught", "nothing", "too-long", "nested"];
    let mut events = Vec::new();
    for function in functions {
        events.push(host.send(&format!("test/{function}"), json!({})).await);
    }
    // more guests than there are processors go round
    let other = host.send("test/ten-steps", json!({})).await;
    host.wait_for(&other, "ten-steps", "Completed").await;
    for (function, event) in functions.iter().zip(&events) {
        let run = host.wait_for(event, function, "Failed").await;
        let name = text(&run["error"], "name");
        assert!(matches!(name, "CpuLimit" | "TooManySteps"), "{function}: {}", run["error"]);
        assert!(run["steps"].as_array().is_some_and(|s| s.len() <= 1_000), "{function}");
        if *function == "nested" {
            assert_eq!((step_ids(&run), attempts(&run, "a").len()), (vec!["a"], 1), "{run:#}");
        }
    }
}

#[tokio::test]
async fn a_list_of_sixty_thousand_steps_is_refused_at_once_and_others_are_answered_meanwhile() {
    let code = format!("{} {}", by_hand::select_many(60_000), raise());
    let host = start(&[("many", code)]).await;
    let begun = clock::instant();
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(host.send("test/many", json!({})).await);
    }
    let soon = Duration::from_secs(5);
    let other = host.send("test/ten-steps", json!({})).await;
    let all = async {
        for event in &events {
            let run = host.wait_for(event, "many", "Failed").await;
            assert_eq!(run["error"]["name"], "TooManySteps", "{}", run["error"]);
            assert_eq!(run["steps"], json!([]));
        }
        host.wait_for(&other, "ten-steps", "Completed").await;
    };
    tokio::pin!(all);
    loop {
        let answer = tokio::time::timeout(soon, host.get("/healthz")).await;
        answer.expect("others are answered").expect(200);
        if tokio::time::timeout(Duration::from_millis(20), &mut all).await.is_ok() {
            break;
        }
    }
    assert!(begun.elapsed() < soon * 3, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_list_that_is_refused_begins_nothing_and_the_run_goes_on() {
    let refused = select(&[Ask::Sleep('a', 0), Ask::Sleep('b', FOUR_HUNDRED_DAYS)]);
    let code = format!("{refused} {} {}", sleep(Some('a'), 0), sleep(Some('c'), 100));
    let host = start(&[("half-refused", code)]).await;
    let run = ended(&host, "half-refused", "Completed").await;
    assert_eq!(step_ids(&run), ["a", "c"], "{run:#}");
    assert!(!host.log().contains("does not fold"), "{}", host.log());
}

#[tokio::test]
async fn a_convenience_that_cannot_do_what_it_is_told_fails_the_run_with_the_reason() {
    let far = (clock::unix_seconds() * 1_000) + FOUR_HUNDRED_DAYS;
    let cases = [
        ("long-sleep", sleep(Some('a'), FOUR_HUNDRED_DAYS), "SleepTooLong", "366 days"),
        ("far-sleep", sleep_until(Some('a'), far), "SleepTooLong", "366 days"),
        ("no-id", sleep(None, 0), "InvalidStepId", "id"),
        ("no-id-until", sleep_until(None, 0), "InvalidStepId", "id"),
    ];
    let functions: Vec<_> = cases
        .iter()
        // it would go on to another step
        .map(|(id, code, ..)| (*id, format!("{code} {}", sleep(Some('z'), 0))))
        .collect();
    let host = start(&functions).await;
    for (function, _, name, word) in cases {
        let run = ended(&host, function, "Failed").await;
        assert_eq!(run["error"]["name"], name, "{function}: {}", run["error"]);
        assert!(text(&run["error"], "message").contains(word), "{function}: {}", run["error"]);
        assert_eq!(run["steps"], json!([]), "{function} did not go on");
    }
}

// ---- attempts' handles

#[tokio::test]
async fn an_old_handle_that_is_dropped_while_another_step_executes_does_no_harm() {
    let code = [
        select(&[Ask::Run('a')]),
        by_hand::remember("$first"),
        by_hand::succeed("$first"),
        select(&[Ask::Run('b')]),
        by_hand::remember("$second"),
        by_hand::drop_handle("$first"),
        by_hand::succeed("$second"),
        by_hand::drop_handle("$second"),
    ]
    .join(" ");
    let host = start(&[("late-drop", code)]).await;
    let run = ended(&host, "late-drop", "Completed").await;
    assert_eq!(step_ids(&run), ["a", "b"]);
    for step in ["a", "b"] {
        assert_eq!(attempts(&run, step).len(), 1, "{run:#}");
    }
}

#[tokio::test]
async fn the_handle_of_a_step_that_executes_is_missed_when_it_is_dropped() {
    let code = [select(&[Ask::Run('a')]), by_hand::remember("$first"), by_hand::drop_handle("$first")];
    let host = start(&[("dropper", code.join(" "))]).await;
    let run = ended(&host, "dropper", "Failed").await;
    assert_eq!(super::step(&run, "a")["error"]["name"], "AttemptDropped", "{run:#}");
}

#[tokio::test]
async fn an_old_handle_records_nothing_for_the_step_that_executes() {
    let code = [
        select(&[Ask::Run('a')]),
        by_hand::remember("$first"),
        by_hand::succeed("$first"),
        select(&[Ask::Run('b')]),
        by_hand::remember("$second"),
        by_hand::succeed("$first"),
        by_hand::succeed("$second"),
    ]
    .join(" ");
    let host = start(&[("twice", code)]).await;
    let run = ended(&host, "twice", "Failed").await;
    assert!(text(&run["error"], "message").len() > 10, "a sentence: {}", run["error"]);
    assert_eq!(super::step(&run, "a")["status"], "Completed");
    let steps = run["steps"].as_array().expect("steps");
    let wrong = steps.iter().find(|s| s["id"] == "b" && s["status"] == "Completed");
    assert_eq!(wrong, None, "{run:#}");
}

// ---- journals

/// Spoils a run's journal: its second entry, of a step's beginning or end, becomes that
/// of a step that never began.
fn spoil(database: &rusqlite::Connection, run: &str) {
    let entry = r#"{"SleepEnded":{"step":"never-begun","at":1}}"#;
    let changed = database
        .execute("UPDATE journal SET entry = ?1 WHERE run = ?2 AND seq = 1", (entry, run))
        .expect("writes");
    assert_eq!(changed, 1, "there is such an entry");
}

#[tokio::test]
async fn a_run_whose_journal_makes_no_sense_ends_and_takes_no_place_from_others() {
    let upstream = pawl_tests::upstream::Upstream::start().await;
    let mut host = Setup::dev().guests(&["steps"]).start().await;
    let mut runs = Vec::new();
    // as many as may execute at once
    for _ in 0..2 {
        let data = json!({ "url": upstream.url("/"), "ms": 4_000 });
        let event = host.send("test/limited-sleeper", data).await;
        let run = host.wait_for(&event, "limited-sleeper", "Sleeping").await;
        runs.push(text(&run, "run_id").to_owned());
    }
    host.stop().await;
    let database = rusqlite::Connection::open(host.data().join("pawl.db")).expect("opens");
    runs.iter().for_each(|run| spoil(&database, run));
    drop(database);
    host.restart().await;
    until("the host to find out", PATIENCE, async || {
        let log = host.log();
        if runs.iter().all(|run| log.lines().any(|l| l.contains("ERROR") && l.contains(run.as_str()))) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    })
    .await;
    let other = host.send("test/limited-sleeper", json!({ "url": upstream.url("/"), "ms": 1 })).await;
    host.wait_for(&other, "limited-sleeper", "Completed").await;
    assert_eq!(upstream.count(), 1, "the spoilt runs did nothing");
    for run in &runs {
        // as the list has it: the run itself may not be readable
        let status = async || {
            let listed = host.all("/v1/runs").await;
            let found = listed.iter().find(|r| r["run_id"] == run.as_str()).cloned();
            text(&found.unwrap_or_else(|| panic!("{run} is not in {listed:#?}")), "status").to_owned()
        };
        if status().await != "Failed" {
            host.delete(&format!("/v1/runs/{run}")).await.expect(200);
            assert_eq!(status().await, "Cancelled");
        }
    }
}
