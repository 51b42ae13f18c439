//! Functions that the sandbox has to end.

use super::{attempts, step, text};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn start() -> Host {
    Setup::dev().guests(&["steps"]).env("PAWL_STEP_CPU", "500ms").env("PAWL_MEMORY", "32").start().await
}

/// Runs what goes wrong, and something that does not, which must not be hurt.
async fn ended(host: &Host, function: &str, data: Value) -> Value {
    let event = host.send(&format!("test/{function}"), data).await;
    let other = host.send("test/ten-steps", json!({})).await;
    let run = host.wait_for(&event, function, "Failed").await;
    host.wait_for(&other, "ten-steps", "Completed").await;
    run
}

#[tokio::test]
async fn an_endless_loop_ends_as_a_failed_step_and_holds_nobody_up() {
    let host = start().await;
    // more of them than there are processors
    let mut loops = Vec::new();
    for _ in 0..6 {
        loops.push(host.send("test/looper", json!({})).await);
    }
    let other = host.send("test/ten-steps", json!({})).await;
    host.wait_for(&other, "ten-steps", "Completed").await;
    for event in loops {
        let run = host.wait_for(&event, "looper", "Failed").await;
        let error = &run["error"];
        assert_eq!(error["name"], "CpuLimit", "{error}");
        assert!(text(error, "message").contains("endless loop"), "{error}");
        assert!(text(error, "stack").contains("spin_for_ever"), "the guest's own names: {error}");
        assert_eq!(attempts(&run, "loop").len(), 1);
        assert_eq!(step(&run, "loop")["status"], "Failed");
    }
}

#[tokio::test]
async fn a_step_that_computes_beyond_its_time_limit_is_ended_by_that() {
    let host = start().await;
    let run = ended(&host, "looper", json!({ "timeout_ms": 100 })).await;
    assert_eq!(run["error"]["name"], "StepTimeout", "{}", run["error"]);
    assert!(text(&run["error"], "message").contains("`loop`"), "{}", run["error"]);
}

#[tokio::test]
async fn an_endless_loop_outside_of_steps_ends_the_run() {
    let host = start().await;
    let run = ended(&host, "looper-outside", json!({})).await;
    assert_eq!(run["error"]["name"], "CpuLimit", "{}", run["error"]);
    assert_eq!(run["steps"], json!([]));
}

#[tokio::test]
async fn a_function_that_takes_all_memory_is_stopped_at_its_limit() {
    let host = start().await;
    let run = ended(&host, "hog", json!({})).await;
    assert_eq!(run["error"]["name"], "OutOfMemory", "{}", run["error"]);
    assert!(text(&run["error"], "message").contains("33554432"), "the limit is told: {}", run["error"]);
    assert!(text(&run["error"], "stack").contains("take_all_memory"), "{}", run["error"]);
}

#[tokio::test]
async fn a_recursion_without_end_ends_the_guest_alone() {
    let host = start().await;
    let run = ended(&host, "recurse", json!({})).await;
    // what Rust keeps of its stack in linear memory may run out first
    let name = text(&run["error"], "name");
    assert!(matches!(name, "StackOverflow" | "Trap"), "{}", run["error"]);
    assert!(text(&run["error"], "stack").contains("call_yourself"), "{}", run["error"]);
}

#[tokio::test]
async fn a_panic_shows_its_message_and_the_guests_functions() {
    let host = start().await;
    let run = ended(&host, "panicker", json!({})).await;
    let error = &run["error"];
    assert_eq!(error["name"], "Panic", "{error}");
    assert!(text(error, "message").contains("the card is made of paper"), "{error}");
    assert!(text(error, "stack").contains("charge_the_card"), "{error}");
    assert_eq!(step(&run, "charge")["error"]["name"], "Panic");
}

#[tokio::test]
async fn the_host_is_well_after_every_kind_of_end() {
    let host = start().await;
    for function in ["hog", "recurse", "panicker", "looper-outside", "nester"].repeat(3) {
        ended(&host, function, json!({})).await;
    }
    assert_eq!(host.get("/readyz").await.status, 200);
    assert_eq!(host.all("/v1/runs?status=Running").await, Vec::<Value>::new());
}
