//! The calls that Inngest's own server made of an app with its own client, made of us.

use super::wire::{app, ask, is_signed, signed};
use pawl_tests::paths::repository;
use pawl_tests::{Answer, Host};
use reqwest::Method;
use serde_json::{Value, json};

/// The functions that were recorded.
const FUNCTIONS: [&str; 14] = [
    "batcher",
    "fetcher",
    "flaky",
    "fnretry",
    "invoker",
    "loop",
    "nonretry",
    "nonretry-failure",
    "parallel",
    "sender",
    "sleepers",
    "stepfail",
    "two-steps",
    "waiter",
];

/// The calls of a recording.
fn recorded(file: &str) -> Vec<Value> {
    let path = repository().join("tests/fixtures/inngest").join(file);
    let text = std::fs::read_to_string(&path).expect("the recording");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A text field.
fn text<'a>(exchange: &'a Value, name: &str) -> &'a str {
    exchange[name].as_str().unwrap_or_else(|| panic!("no text `{name}`: {exchange}"))
}

/// What comes after the path.
fn query(exchange: &Value) -> &str {
    text(exchange, "url").strip_prefix("/api/inngest").expect("the path")
}

/// Makes the recorded call, and asserts that it is answered as the app answered.
async fn expect_same(host: &Host, exchange: &Value) {
    let answer = signed(host, Method::POST, query(exchange), text(exchange, "request")).await;
    let shown = format!(
        "{}\n{}\nwas answered {} {}",
        query(exchange),
        exchange["request"],
        answer.status,
        answer.body
    );
    assert_eq!(answer.status, exchange["status"], "{shown}");
    for name in ["x-inngest-no-retry", "retry-after"] {
        let theirs = exchange["headers"][name].as_str().unwrap_or_default();
        assert_eq!(answer.header(name), theirs, "{name}: {shown}");
    }
    assert_eq!(comparable(answer.json()), comparable(exchange["answer"].clone()), "{shown}");
}

/// What every app says otherwise: stacks, times, ids that are drawn, and a name for people that
/// our steps do not have. And one thing that was its own client's: causes of errors.
fn comparable(mut answer: Value) -> Value {
    match &mut answer {
        Value::Array(ops) => {
            for op in ops {
                let Some(op) = op.as_object_mut() else { continue };
                if op.contains_key("timing") {
                    op.insert("timing".into(), json!("measured"));
                }
                if op["displayName"] == "Second" {
                    op["displayName"] = "second-step".into();
                }
                if let Some(Value::Array(ids)) = op["data"].get_mut("ids") {
                    ids.fill(json!("drawn"));
                }
                // its moment was drawn when it was recorded
                if op["displayName"] == "until" {
                    op["name"] = "drawn".into();
                }
                if let Some(error) = op.get_mut("error").and_then(Value::as_object_mut) {
                    assert!(error.remove("stack").is_some_and(|s| s.as_str().is_some_and(|s| !s.is_empty())));
                }
            }
        }
        Value::Object(object) => {
            object.remove("stack");
            object.remove("cause");
            if let Some(Value::Object(failed)) = object.get_mut("err") {
                failed.remove("cause");
            }
            if let Some(Value::Object(event)) = object.get_mut("e") {
                event.retain(|name, _| matches!(name.as_str(), "name" | "data"));
            }
        }
        _ => {}
    }
    answer
}

#[tokio::test]
async fn recorded_calls_of_a_real_server_are_answered_as_its_own_client_answered() {
    let server = pawl_tests::upstream::Upstream::start().await;
    let host = app(&server.url("")).start().await;
    let mut functions = std::collections::BTreeSet::new();
    for exchange in recorded("calls.jsonl") {
        let query = query(&exchange);
        let function = query.split('&').next().and_then(|id| id.strip_prefix("?fnId=cap-"));
        functions.insert(function.expect("a function").to_owned());
        if query.contains("cap-sender") {
            server.plan(200, r#"{"ids":["01A","01B"],"status":200}"#);
        }
        expect_same(&host, &exchange).await;
    }
    assert!(functions.iter().eq(FUNCTIONS.iter()), "{functions:?}");
}

/// The key of the recording whose calls were signed.
const RECORDED_KEY: &str = "signkey-test-0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn recorded_signed_calls_hold_no_longer_and_signed_anew_are_answered_as_they_were() {
    let host = app("http://127.0.0.1:9").env("INNGEST_SIGNING_KEY", RECORDED_KEY).start().await;
    let calls = recorded("signed.jsonl");
    assert_eq!(calls.len(), 15);
    for exchange in &calls {
        let (query, body) = (query(exchange), text(exchange, "request"));
        let post = async |signature: &str| {
            ask(&host, Method::POST, query, body, &[("x-inngest-signature", signature)]).await
        };
        // as it was recorded, days ago
        let replayed: Answer = post(text(exchange, "signature")).await;
        assert_eq!(replayed.status, 401, "{}", replayed.body);
        let answer = post(&super::wire::sign(RECORDED_KEY, body)).await;
        is_signed(&answer, RECORDED_KEY);
        assert_eq!(answer.status, exchange["status"]);
        let theirs = serde_json::from_str(text(exchange, "text")).expect("JSON");
        assert_eq!(comparable(answer.json()), comparable(theirs), "{body}");
    }
}

/// A checkpointing app answers a run's end in a step's form.
fn at_the_end(mut exchange: Value) -> Value {
    if exchange["answer"][0]["op"] == "RunComplete" {
        exchange["answer"] = exchange["answer"][0]["data"].clone();
        exchange["status"] = 200.into();
    }
    exchange
}

/// The call after this one, when its app has told this step.
fn after(exchange: &Value, step: &Value) -> Value {
    let mut body: Value = serde_json::from_str(text(exchange, "request")).expect("JSON");
    body["steps"][text(step, "id")] = json!({"data": step["data"]});
    let stack = body["ctx"]["stack"]["stack"].as_array_mut().expect("a stack");
    stack.push(step["id"].clone());
    body["ctx"]["stack"]["current"] = stack.len().into();
    let mut next = exchange.clone();
    next["request"] = body.to_string().into();
    next
}

#[tokio::test]
async fn recorded_calls_of_a_checkpointing_app_come_to_the_same_steps_and_ends() {
    let host = app("http://127.0.0.1:9").start().await;
    let calls = recorded("checkpointed.jsonl");
    assert_eq!(calls.len(), 13);
    let mut told = 0;
    for exchange in calls {
        let mut exchange = exchange;
        // what it told in the middle of a call we answer, step by step
        for step in exchange["checkpoints"].as_array().cloned().unwrap_or_default() {
            let mut now = exchange.clone();
            (now["answer"], now["status"]) = (json!([step]), 206.into());
            expect_same(&host, &now).await;
            exchange = after(&exchange, &step);
            told += 1;
        }
        expect_same(&host, &at_the_end(exchange)).await;
    }
    assert_eq!(told, 2);
}
