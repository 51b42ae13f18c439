//! What starts a function.

use super::by_hand::Description;
use super::{let_others_run, send_all};
use pawl_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn only_events_for_which_the_condition_holds_start_a_run() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = [json!({ "n": 1 }), json!({ "n": 2 }), json!({}), json!({ "n": "many" }), json!({ "n": 1.5 })];
    let events = send_all(&host, "test/filtered", data).await;
    for (event, runs) in events.iter().zip([0, 1, 0, 0, 1]) {
        // an event is acknowledged with its runs
        assert_eq!(host.runs_of(event).await.len(), runs, "{event}");
    }
    let run = host.wait_for(&events[1], "filtered", "Completed").await;
    assert_eq!(run["output"], json!({ "name": "test/filtered", "data": { "n": 2 } }));
}

#[tokio::test]
async fn a_pattern_takes_the_names_that_go_on_after_it() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    for (name, runs) in [
        ("test/filtered.more", 1),
        ("test/filtered.more.of.it", 1),
        ("test/filtered", 0),
        ("test/filteredmore", 0),
        ("test/other", 0),
    ] {
        let event = host.send(name, json!({})).await;
        assert_eq!(host.runs_of(&event).await.len(), runs, "{name}");
    }
}

#[tokio::test]
async fn several_triggers_of_one_event_start_one_run() {
    let mut function = Description::new("twice");
    function.event("test/twice", None).event("test/*", None).event("test/twice", Some("true"));
    let host = Setup::dev().guests(&["flow"]).start().await;
    host.deploy(function.plugin()).await.expect(201);
    let event = host.send("test/twice", json!({})).await;
    let_others_run(&host).await;
    let runs = host.runs_of(&event).await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
    assert_eq!(runs[0]["function_id"], "twice");
}

#[tokio::test]
async fn one_event_starts_every_function_that_it_is_for() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let mut function = Description::new("beside");
    function.event("test/filtered.*", Some("event.data.both"));
    host.deploy(function.plugin()).await.expect(201);
    let event = host.send("test/filtered.both", json!({ "both": true })).await;
    let mut started: Vec<_> =
        host.runs_of(&event).await.iter().map(|run| super::text(run, "function_id").to_owned()).collect();
    started.sort();
    assert_eq!(started, ["beside", "filtered"]);
}
