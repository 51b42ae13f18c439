//! What the host tells of runs that end, and who hears it.

use super::by_hand::Description;
use super::{let_others_run, runs_of, text, wait_for_runs};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

/// A run that waits for this news of `answerer` or `cancelled-by`: its event.
async fn waits_for(host: &Host, kind: &str) -> String {
    let filter = "async.data.function_id == 'answerer' || async.data.function_id == 'cancelled-by'";
    let data = json!({ "event": format!("inngest/function.{kind}"), "filter": filter });
    let event = host.send("test/waiter", data).await;
    host.wait_for(&event, "waiter", "Sleeping").await;
    event
}

async fn heard(host: &Host, event: &str) -> Value {
    host.wait_for(event, "waiter", "Completed").await["output"].clone()
}

async fn told(host: &Host, kind: &str) -> Vec<Value> {
    host.all(&format!("/v1/events?name=inngest/function.{kind}")).await
}

#[tokio::test]
async fn a_failed_run_is_handed_to_the_functions_failure_handler() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let event = host.send("test/failing", json!({ "message": "no stock" })).await;
    let failed = host.wait_for(&event, "failing", "Failed").await;
    let handled = wait_for_runs(&host, "failing-failure", "Completed", 1).await;
    let output = &handled[0]["output"];
    assert_eq!((&output["function_id"], &output["run_id"]), (&json!("failing"), &failed["run_id"]));
    assert_eq!(
        (&output["error"]["name"], &output["error"]["message"]),
        (&json!("BrokenError"), &json!("no stock"))
    );
    assert_eq!(output["event"]["data"], json!({ "message": "no stock" }));
    assert_eq!(output["event"]["name"], "test/failing");
    assert_eq!(output["events"].as_array().map(Vec::len), Some(1));
    // the news is known by the run's id
    assert_eq!(handled[0]["event_name"], "inngest/function.failed");
    assert_eq!(
        host.read(&format!("/v1/events/{}", text(&failed, "run_id"))).await["data"]["run_id"],
        failed["run_id"]
    );
}

#[tokio::test]
async fn a_failure_handler_hears_of_no_other_end() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let event = host.send("test/answerer", json!({ "answer": 7 })).await;
    host.wait_for(&event, "answerer", "Completed").await;
    let event = host.send("test/answerer", json!({ "fail": "of another function" })).await;
    host.wait_for(&event, "answerer", "Failed").await;
    let event = host.send("test/cancelled-by", json!({ "id": 1 })).await;
    host.wait_for(&event, "cancelled-by", "Sleeping").await;
    host.send("test/cancel", json!({ "id": 1 })).await;
    host.wait_for(&event, "cancelled-by", "Cancelled").await;
    let_others_run(&host).await;
    assert!(runs_of(&host, "failing-failure").await.is_empty());
}

#[tokio::test]
async fn a_failure_is_handled_once_over_kills() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    for n in 1..=5 {
        host.send("test/failing", json!({ "message": n.to_string() })).await;
        host.kill();
        host.restart().await;
    }
    let failed = wait_for_runs(&host, "failing", "Failed", 5).await;
    let handled = wait_for_runs(&host, "failing-failure", "Completed", 5).await;
    let mut of: Vec<_> = handled.iter().map(|run| run["output"]["run_id"].clone().to_string()).collect();
    of.sort();
    let mut all: Vec<_> = failed.iter().map(|run| run["run_id"].to_string()).collect();
    all.sort();
    assert_eq!(of, all);
}

#[tokio::test]
async fn a_waiting_run_hears_how_another_one_ended() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let (finished, failed, cancelled) = (
        waits_for(&host, "finished").await,
        waits_for(&host, "failed").await,
        waits_for(&host, "cancelled").await,
    );
    let event = host.send("test/answerer", json!({ "answer": 7 })).await;
    let run = host.wait_for(&event, "answerer", "Completed").await;
    let news = heard(&host, &finished).await;
    assert_eq!(news["name"], "inngest/function.finished");
    let data = &news["data"];
    assert_eq!(
        (&data["function_id"], &data["run_id"], &data["result"]),
        (&json!("answerer"), &run["run_id"], &json!(7))
    );
    assert_eq!(
        (&data["event"]["name"], &data["event"]["data"]),
        (&json!("test/answerer"), &json!({ "answer": 7 }))
    );
    assert_eq!(data["_inngest"], json!({ "status": "Completed" }));
    assert_eq!(data.get("error"), None);

    let event = host.send("test/answerer", json!({ "fail": "out of answers" })).await;
    let run = host.wait_for(&event, "answerer", "Failed").await;
    let data = heard(&host, &failed).await["data"].clone();
    assert_eq!((&data["run_id"], &data["_inngest"]["status"]), (&run["run_id"], &json!("Failed")));
    let error = &data["error"];
    assert_eq!((&error["name"], &error["message"]), (&json!("AnswerError"), &json!("out of answers")));

    let event = host.send("test/cancelled-by", json!({ "id": 1 })).await;
    let run = host.wait_for(&event, "cancelled-by", "Sleeping").await;
    host.delete(&format!("/v1/runs/{}", text(&run, "run_id"))).await.expect(200);
    let data = heard(&host, &cancelled).await["data"].clone();
    assert_eq!((&data["run_id"], &data["_inngest"]["status"]), (&run["run_id"], &json!("Cancelled")));
    assert_eq!(data["error"]["name"], "Cancelled");
}

#[tokio::test]
async fn of_runs_that_news_have_started_nothing_is_told() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    // it fails, and would hear of that
    let mut listener = Description::new("listener");
    let others = Some("event.data.function_id != 'cron-driven'");
    listener.event("inngest/function.finished", others).event("inngest/function.failed", others);
    host.deploy(listener.plugin()).await.expect(201);
    for n in 1..=3 {
        let event = host.send("test/answerer", json!({ "answer": n })).await;
        host.wait_for(&event, "answerer", "Completed").await;
        wait_for_runs(&host, "listener", "Failed", n).await;
    }
    let event = host.send("test/answerer", json!({ "fail": "twice told: finished, failed" })).await;
    host.wait_for(&event, "answerer", "Failed").await;
    wait_for_runs(&host, "listener", "Failed", 5).await;
    let_others_run(&host).await;
    // three of `filtered` as well
    wait_for_runs(&host, "listener", "Failed", 8).await;
    assert_eq!(runs_of(&host, "listener").await.len(), 8);
}

#[tokio::test]
async fn news_that_nobody_hears_is_not_kept() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let event = host.send("test/answerer", json!({ "answer": 7 })).await;
    host.wait_for(&event, "answerer", "Completed").await;
    let event = host.send("test/answerer", json!({ "fail": "x" })).await;
    host.wait_for(&event, "answerer", "Failed").await;
    for kind in ["finished", "failed", "cancelled"] {
        assert!(told(&host, kind).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn events_of_the_host_cannot_be_sent_from_outside() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    for name in [
        "inngest/function.finished",
        "inngest/function.failed",
        "inngest/function.cancelled",
        "inngest/function.invoked",
        "inngest/scheduled.timer",
        "inngest/anything",
    ] {
        let body = json!({ "name": name, "data": { "function_id": "failing", "run_id": "x" } }).to_string();
        host.post("/e/k", body.clone()).await.expect_refusal(400, "invalid_event");
        let both = format!("[{{\"name\":\"test/filtered.good\"}},{body}]");
        host.post("/e/k", both).await.expect_refusal(400, "invalid_event");
    }
    assert!(runs_of(&host, "filtered").await.is_empty(), "all or none");
    assert!(runs_of(&host, "failing-failure").await.is_empty());
}
