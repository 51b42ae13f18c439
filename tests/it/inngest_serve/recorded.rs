//! The calls that Inngest's own server made of an app with its own client, made of us.

use super::wire::{app, signed};
use pawl_tests::paths::repository;
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

/// The recorded calls.
fn recorded() -> Vec<Value> {
    let path = repository().join("tests/fixtures/inngest/calls.jsonl");
    let text = std::fs::read_to_string(&path).expect("the recording");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
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
    for exchange in recorded() {
        let url = exchange["url"].as_str().expect("a URL");
        let query = url.strip_prefix("/api/inngest").expect("the path");
        let function = query.split('&').next().and_then(|id| id.strip_prefix("?fnId=cap-"));
        functions.insert(function.expect("a function").to_owned());
        if query.contains("cap-sender") {
            server.plan(200, r#"{"ids":["01A","01B"],"status":200}"#);
        }
        let answer = signed(&host, Method::POST, query, exchange["request"].as_str().expect("a body")).await;
        let shown =
            format!("{query}\n{}\nwas answered {} {}", exchange["request"], answer.status, answer.body);
        assert_eq!(answer.status, exchange["status"], "{shown}");
        for name in ["x-inngest-no-retry", "retry-after"] {
            let theirs = exchange["headers"][name].as_str().unwrap_or_default();
            assert_eq!(answer.header(name), theirs, "{name}: {shown}");
        }
        assert_eq!(comparable(answer.json()), comparable(exchange["answer"].clone()), "{shown}");
    }
    assert!(functions.iter().eq(FUNCTIONS.iter()), "{functions:?}");
}
