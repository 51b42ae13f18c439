//! `invoke`: functions that call functions.

use super::{begin, completed, invoked, step, step_ids, text, waiting};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn start() -> Host {
    Setup::dev().guests(&["flow"]).start().await
}

/// Runs of this function.
async fn runs(host: &Host, function: &str) -> Vec<Value> {
    host.all(&format!("/v1/runs?function_id={function}")).await
}

#[tokio::test]
async fn the_caller_gets_what_the_invoked_run_gives_and_both_know_of_each_other() {
    let host = start().await;
    let parent = completed(&host, "asker", json!({ "data": { "answer": { "n": 1.5 } } })).await;
    assert_eq!(parent["output"], json!({ "answer": { "n": 1.5 } }));
    let ask = step(&parent, "ask");
    assert_eq!(
        (&ask["op"], &ask["status"], &ask["about"], &ask["output"]),
        (&json!("invoke"), &json!("Completed"), &json!("answerer"), &json!({ "n": 1.5 }))
    );
    let child = invoked(&host, &parent, "ask").await;
    assert_eq!((&child["function_id"], &child["status"]), (&json!("answerer"), &json!("Completed")));
    assert_eq!(child["parent_run_id"], parent["run_id"]);
    assert_eq!(child["event_name"], "inngest/function.invoked");
    let event = host.read(&format!("/v1/events/{}", text(&child, "event_id"))).await;
    assert_eq!(event["data"], json!({ "answer": { "n": 1.5 } }));
    assert!(parent["parent_run_id"].is_null(), "nobody has invoked the first");
    assert_eq!(runs(&host, "answerer").await.len(), 1);
}

#[tokio::test]
async fn a_function_without_triggers_can_be_invoked() {
    let host = start().await;
    let parent = completed(&host, "asker", json!({ "function": "only-invoked", "data": { "a": 1 } })).await;
    let expected = json!({ "name": "inngest/function.invoked", "data": { "a": 1 }, "user": null });
    assert_eq!(parent["output"]["answer"], expected);
    // and by nothing else: nobody may send that name
    let forged = json!({ "name": "inngest/function.invoked", "data": {} }).to_string();
    host.post("/e/k", forged).await.expect(400);
    assert_eq!(runs(&host, "only-invoked").await.len(), 1);
}

#[tokio::test]
async fn a_failure_of_the_invoked_run_is_the_steps_own() {
    let host = start().await;
    let data = json!({ "fail": "no idea" });
    let event = begin(&host, "asker", json!({ "data": data })).await;
    let parent = host.wait_for(&event, "asker", "Failed").await;
    assert_eq!(parent["error"]["name"], "AnswerError", "{parent:#}");
    assert_eq!(parent["error"]["message"], "no idea");
    let ask = step(&parent, "ask");
    assert_eq!((&ask["status"], &ask["error"]["name"]), (&json!("Failed"), &json!("AnswerError")));
    assert_eq!(invoked(&host, &parent, "ask").await["status"], "Failed");

    let parent = completed(&host, "asker", json!({ "data": data, "catch": true })).await;
    assert_eq!(parent["output"], json!({ "name": "AnswerError", "message": "no idea" }));
}

#[tokio::test]
async fn a_function_that_is_not_there_fails_the_step_and_is_named() {
    let host = start().await;
    let parent = completed(&host, "asker", json!({ "function": "nobody", "catch": true })).await;
    assert_eq!(parent["output"]["name"], "FunctionNotFound");
    assert!(text(&parent["output"], "message").contains("`nobody`"), "{}", parent["output"]);
    let ask = step(&parent, "ask");
    assert_eq!((&ask["op"], &ask["status"]), (&json!("invoke"), &json!("Failed")));
    assert!(ask["invoked_run_id"].is_null(), "{ask:#}");
}

#[tokio::test]
async fn a_caller_that_waits_no_longer_leaves_the_other_run_to_go_on() {
    let host = start().await;
    let data = json!({ "data": { "answer": 1, "ms": 3_000 }, "ms": 300, "catch": true });
    let parent = completed(&host, "asker", data).await;
    assert_eq!(parent["output"]["name"], "InvokeTimeout", "{parent:#}");
    let child = invoked(&host, &parent, "ask").await;
    assert_eq!(child["status"], "Sleeping", "it goes on");
    assert!(text(step(&parent, "ask"), "ended_at") < text(&child, "wake_at"), "in time");
    let child = host.wait_for_run(text(&child, "run_id"), "Completed").await;
    assert_eq!(child["output"], 1);
    // its end is told to nobody
    assert_eq!(host.run(text(&parent, "run_id")).await, parent);
}

#[tokio::test]
async fn a_caller_waits_over_a_kill_and_calls_no_second_time() {
    let mut host = start().await;
    let data = |ms: u64| json!({ "data": { "answer": ms, "ms": ms } });
    let short = waiting(&host, "asker", data(900)).await;
    let long = waiting(&host, "asker", data(2_500)).await;
    assert_eq!(step(&long, "ask")["status"], "Waiting");
    let child = invoked(&host, &long, "ask").await;
    host.kill();
    host.restart().await;
    for (run, answer) in [(&short, 900), (&long, 2_500)] {
        let done = host.wait_for_run(text(run, "run_id"), "Completed").await;
        assert_eq!(done["output"], json!({ "answer": answer }));
        assert_eq!(step(&done, "ask")["invoked_run_id"], step(run, "ask")["invoked_run_id"]);
    }
    assert_eq!(host.run(text(&child, "run_id")).await["status"], "Completed");
    assert_eq!(runs(&host, "answerer").await.len(), 2);
}

#[tokio::test]
async fn an_end_that_came_just_before_a_kill_is_not_lost() {
    let mut host = start().await;
    let parent = waiting(&host, "asker", json!({ "data": { "answer": 5, "ms": 900 } })).await;
    let child = text(step(&parent, "ask"), "invoked_run_id").to_owned();
    host.wait_for_run(&child, "Completed").await;
    host.kill();
    host.restart().await;
    let done = host.wait_for_run(text(&parent, "run_id"), "Completed").await;
    assert_eq!(done["output"], json!({ "answer": 5 }));
}

#[tokio::test]
async fn when_the_invoked_run_is_cancelled_its_caller_is_told() {
    let host = start().await;
    let parent = waiting(&host, "asker", json!({ "data": { "ms": 60_000 }, "catch": true })).await;
    let child = text(step(&parent, "ask"), "invoked_run_id");
    host.delete(&format!("/v1/runs/{child}")).await.expect(200);
    let done = host.wait_for_run(text(&parent, "run_id"), "Completed").await;
    assert_eq!(done["output"]["name"], "Cancelled", "{done:#}");
    assert!(text(&done["output"], "message").contains("cancelled"), "{}", done["output"]);
}

#[tokio::test]
async fn when_the_caller_is_cancelled_the_invoked_run_goes_on() {
    let host = start().await;
    let parent = waiting(&host, "asker", json!({ "data": { "answer": 7, "ms": 1_000 } })).await;
    let cancelled = host.delete(&format!("/v1/runs/{}", text(&parent, "run_id"))).await.expect(200).data();
    let child = text(step(&parent, "ask"), "invoked_run_id");
    assert_eq!(host.wait_for_run(child, "Completed").await["output"], 7);
    assert_eq!(host.run(text(&parent, "run_id")).await, cancelled);
}

#[tokio::test]
async fn calls_go_as_deep_as_they_like_and_hold_no_slots() {
    let host = Setup::dev().guests(&["flow"]).env("PAWL_SLOTS", "1").start().await;
    let mut data = json!({ "answer": "deep" });
    for depth in 0..8 {
        let function = if depth == 0 { "answerer" } else { "asker" };
        data = json!({ "function": function, "data": data });
    }
    let top = completed(&host, "asker", data).await;
    let mut answer = &top["output"];
    for _ in 0..8 {
        answer = &answer["answer"];
    }
    assert_eq!(*answer, json!("deep"), "{top:#}");
    assert_eq!(step_ids(&top), ["ask"]);
}
