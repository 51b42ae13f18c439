//! `kill -9` in the middle of runs: finished steps are not run again.

use super::{begin, start, step_ids, text};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Language, in_every_language};
use serde_json::{Value, json};

in_every_language!(
    a_sleeping_run_goes_on_after_a_kill,
    parallel_steps_go_on_after_a_kill,
    a_long_run_goes_on_after_a_kill_where_it_was,
);

/// The steps of a run that have ended so far.
fn finished(run: &Value) -> Vec<Value> {
    let steps = run["steps"].as_array().expect("steps").iter();
    steps.filter(|step| !step["ended_at"].is_null()).cloned().collect()
}

/// What had ended before the kill is recorded as it was: its code has not run again.
fn expect_unchanged(before: &[Value], run: &Value) {
    for step in before {
        assert_eq!(super::step(run, text(step, "id")), step, "it has changed");
    }
}

/// Waits until at least so many steps of an event's run have ended; those steps.
async fn wait_for_steps(host: &Host, event: &str, n: usize) -> Vec<Value> {
    until(&format!("{n} steps of {event}"), PATIENCE, async || {
        let runs = host.runs_of(event).await;
        let Some(run) = runs.first() else { return Err("no run".into()) };
        let steps = finished(&host.run(text(run, "run_id")).await);
        if steps.len() >= n { Ok(steps) } else { Err(format!("{} steps", steps.len())) }
    })
    .await
}

async fn kill_and_restart(host: &mut Host) {
    host.kill();
    host.restart().await;
}

async fn a_sleeping_run_goes_on_after_a_kill(language: Language) {
    let Some(mut host) = start(language).await else { return };
    let event = begin(&host, "sleepy", json!({})).await;
    let before = finished(&host.wait_for(&event, "sleepy", "Sleeping").await);
    assert!(!before.is_empty());
    kill_and_restart(&mut host).await;
    let run = host.wait_for(&event, "sleepy", "Completed").await;
    expect_unchanged(&before, &run);
    assert_eq!((&run["output"], step_ids(&run).len()), (&json!([1, 2]), 4));
}

async fn parallel_steps_go_on_after_a_kill(language: Language) {
    let Some(mut host) = start(language).await else { return };
    let mut events = Vec::new();
    for _ in 0..8 {
        events.push(begin(&host, "parallel", json!({})).await);
    }
    let known = wait_for_steps(&host, &events[7], 1).await;
    kill_and_restart(&mut host).await;
    for event in &events {
        let run = host.wait_for(event, "parallel", "Completed").await;
        assert_eq!(run["output"], json!({ "a": 1, "b": "b is broken", "d": 4, "e": 6 }));
    }
    expect_unchanged(&known, &host.wait_for(&events[7], "parallel", "Completed").await);
}

async fn a_long_run_goes_on_after_a_kill_where_it_was(language: Language) {
    let Some(mut host) = start(language).await else { return };
    let event = begin(&host, "thousand", json!({ "n": 400 })).await;
    let before = wait_for_steps(&host, &event, 20).await;
    kill_and_restart(&mut host).await;
    let run = host.wait_for(&event, "thousand", "Completed").await;
    assert_eq!(run["output"], 400);
    expect_unchanged(&before, &run);
    let each_once = |step: &Value| step["attempts"].as_array().is_some_and(|tries| tries.len() == 1);
    assert!(run["steps"].as_array().expect("steps").iter().all(each_once));
}
