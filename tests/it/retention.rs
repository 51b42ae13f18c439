//! What is old is forgotten.

use pawl_tests::Setup;
use pawl_tests::clock::{PATIENCE, until};
use serde_json::json;

#[tokio::test]
async fn a_finished_run_is_forgotten_with_its_event_in_time_and_one_that_sleeps_is_not() {
    let setup = Setup::serve().guests(&["steps"]);
    let mut host = setup.config("[retention]\nruns = '1ms'\nevents = '1ms'\nlogs = '1ms'").start().await;
    let event = host.send("test/ten-steps", json!({})).await;
    let asleep = host.send("test/sleeper", json!({"ms": 600_000})).await;
    let run = host.wait_for(&event, "ten-steps", "Completed").await;
    host.wait_for(&asleep, "sleeper", "Sleeping").await;
    assert!(host.stop().await.success());
    host.restart().await;
    for path in
        [format!("/v1/runs/{}", run["run_id"].as_str().expect("an id")), format!("/v1/events/{event}")]
    {
        until(&format!("{path} to be forgotten"), PATIENCE, async || match host.get(&path).await.status {
            404 => Ok(()),
            other => Err(other.to_string()),
        })
        .await;
    }
    assert_eq!(host.runs_of(&asleep).await[0]["status"], "Sleeping");
    until("it to be said", PATIENCE, async || {
        if host.log().contains("forgotten") { Ok(()) } else { Err("not said".to_owned()) }
    })
    .await;
}
