//! Calls, step by step.

use super::wire::{app, ask, body, call, is_signed, sign};
use pawl_tests::setup::{EVENT_KEY, SIGNING_KEY};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Setup, clock};
use reqwest::Method;
use serde_json::{Value, json};

const FIRST: &str = "efec2b2037910199abcc3c58998255afa3066709";
const SECOND: &str = "b84c4a1656207bc4c25076438eb7ab7d696322c7";
const P1: &str = "b78f576611ec06f96af3ca654c22172a5d746c40";
const P2: &str = "c5fd961c9f737a955a308050062e7a2c34ee67c3";
const PS: &str = "c67f1ee17880030ce11821dcc9be7af90b863d9b";

#[tokio::test]
async fn a_server_goes_through_a_function_step_by_step() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    let (mut steps, mut calls) = (Vec::<(String, Value)>::new(), 0);
    let output = loop {
        let known: Vec<_> = steps.iter().map(|(id, value)| (id.as_str(), value.clone())).collect();
        let answer = call(&host, "cap-two-steps", "step", &body("cap/two", &known)).await;
        calls += 1;
        if answer.status == 200 {
            break answer.json();
        }
        assert_eq!(answer.status, 206, "{}", answer.body);
        let op = &answer.json()[0];
        assert_eq!(op["op"], "StepRun");
        steps.push((op["id"].as_str().expect("an id").to_owned(), json!({"data": op["data"]})));
    };
    assert_eq!((output, calls), (json!({"x": "AB"}), 3));
    assert_eq!([steps[0].0.as_str(), steps[1].0.as_str()], [FIRST, SECOND]);
    // nothing of this is a run of this host
    assert_eq!(host.read("/v1/runs").await, json!([]));
}

#[tokio::test]
async fn parallel_steps_are_planned_and_each_is_executed_where_it_is_wanted() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    let planned = call(&host, "cap-parallel", "step", &body("cap/parallel", &[])).await.expect(206).json();
    let ops: Vec<_> = planned.as_array().expect("ops").iter().map(|op| (&op["op"], &op["id"])).collect();
    let (plan, sleep) = (json!("StepPlanned"), json!("Sleep"));
    assert_eq!(ops, [(&plan, &json!(P1)), (&plan, &json!(P2)), (&sleep, &json!(PS))]);
    let second = call(&host, "cap-parallel", P2, &body("cap/parallel", &[])).await.expect(206).json();
    assert_eq!((&second[0]["op"], &second[0]["data"]), (&json!("StepRun"), &json!(2)));
    // one has settled, and the others go on: they are named again, and not executed
    let mut later = body("cap/parallel", &[(P2, json!({"data": 2}))]);
    later["ctx"]["disable_immediate_execution"] = true.into();
    let open = call(&host, "cap-parallel", "step", &later).await.expect(206).json();
    assert_eq!((open.as_array().map(Vec::len), &open[0]["op"]), (Some(2), &plan));
    // what has settled and is not in the stack is not seen, and not asked for again
    later["steps"][P1] = json!({"data": 1});
    let open = call(&host, "cap-parallel", "step", &later).await.expect(206).json();
    assert_eq!((open.as_array().map(Vec::len), &open[0]["id"]), (Some(1), &json!(PS)));
}

#[tokio::test]
async fn a_single_step_is_only_planned_while_the_server_says_so() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    let mut wanted = body("cap/two", &[]);
    wanted["ctx"]["disable_immediate_execution"] = true.into();
    let ops = call(&host, "cap-two-steps", "step", &wanted).await.expect(206).json();
    assert_eq!((&ops[0]["op"], &ops[0]["data"]), (&json!("StepPlanned"), &Value::Null));
}

#[tokio::test]
async fn a_step_or_a_function_that_is_not_there_is_said_by_name() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    let missing = call(&host, "cap-two-steps", P1, &body("cap/two", &[])).await.expect(500);
    let said = missing.json();
    assert!(said["error"].as_str().is_some_and(|e| e.starts_with("Could not find step")), "{said}");
    assert_eq!((&said["requestedStep"], &said["totalFoundSteps"]), (&json!(P1), &json!(1)));
    assert_eq!(said["foundSteps"][0]["id"], FIRST);
    let missing = call(&host, "cap-nothing", "step", &body("cap/two", &[])).await.expect(500);
    let said = missing.json();
    assert!(
        said["message"].as_str().is_some_and(|m| m.starts_with("Function not found: cap-nothing")),
        "{said}"
    );
    assert_eq!((&said["type"], &said["__serialized"]), (&json!("internal"), &json!(true)));
}

#[tokio::test]
async fn a_run_too_large_for_its_call_is_fetched_with_the_key_that_the_server_takes() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    // the newest key is not known there yet
    server.plan(401, "{}");
    server.plan(200, r#"[{"name":"cap/two","data":{},"id":"e1","ts":1795434208000}]"#);
    server.plan(401, "{}");
    server.plan(200, &json!({FIRST: {"data": "Z"}}).to_string());
    let mut large = body("cap/two", &[]);
    large["use_api"] = true.into();
    large["events"] = json!([]);
    large["ctx"]["stack"] = json!({"current": 1, "stack": [FIRST]});
    let ops = call(&host, "cap-two-steps", "step", &large).await.expect(206).json();
    assert_eq!(ops[0]["data"], json!({"x": "ZB"}));
    let asked: Vec<_> = server.calls().into_iter().map(|call| (call.line, call.headers)).collect();
    let lines: Vec<_> = asked.iter().map(|(line, _)| line.rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(lines, ["batch", "batch", "actions", "actions"]);
    let bearers: Vec<_> =
        asked.iter().map(|(_, headers)| headers["authorization"].to_str().expect("text")).collect();
    assert!(bearers[1].starts_with("Bearer signkey-test-") && bearers[1] == bearers[3], "{bearers:?}");
    assert!(
        !bearers.iter().any(|b| b.contains(SIGNING_KEY) || b.contains("0123456789abcdef")),
        "{bearers:?}"
    );
}

#[tokio::test]
async fn events_are_sent_again_until_they_are_taken_with_the_same_seed() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    server.plan(503, "{}");
    server.plan(200, r#"{"ids":["01A","01B"],"status":200}"#);
    let ops = call(&host, "cap-sender", "step", &body("cap/send", &[])).await.expect(206).json();
    assert_eq!((&ops[0]["op"], &ops[0]["data"]), (&json!("StepRun"), &json!({"ids": ["01A", "01B"]})));
    let sent = server.calls();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].line, format!("POST /e/{EVENT_KEY}"));
    let events: Value = serde_json::from_str(&sent[1].body).expect("JSON");
    assert_eq!(
        events,
        json!([{"name": "cap/other", "data": {"a": 1}}, {"name": "cap/other", "data": {"a": 2}}])
    );
    let seed = |n: usize| sent[n].headers["x-inngest-event-id-seed"].clone();
    assert_eq!(seed(0), seed(1));
}

#[tokio::test]
async fn a_secret_is_not_handed_to_the_server_that_makes_the_request() {
    let server = Upstream::start().await;
    let config = "[inngest]\napp = \"cap\"\n[secrets]\nCAP_TOKEN = \"tok-of-cap\"\n[grants.fetcher]\n\
                  hosts = [\"127.0.0.1:*\"]\nsecrets = [\"CAP_TOKEN\"]\n";
    let host = app(&server.url("")).config(config).start().await;
    let ops = call(&host, "cap-fetcher", "step", &body("cap/fetch", &[])).await.expect(206).json();
    assert_eq!(ops[0]["op"], "Gateway");
    let mut wanted = body("cap/fetch", &[]);
    wanted["event"]["data"]["secret"] = true.into();
    wanted["events"][0]["data"]["secret"] = true.into();
    let refused = call(&host, "cap-fetcher", "step", &wanted).await.expect(400);
    assert_eq!(refused.json()["name"], "HttpDenied");
    assert!(!refused.body.contains("tok-of-cap"), "{}", refused.body);
}

#[tokio::test]
async fn a_developer_needs_no_keys() {
    let host = Setup::dev().guests(&["served"]).config("[inngest]\napp = \"cap\"\n").start().await;
    let wanted = body("cap/two", &[]).to_string();
    let query = "?fnId=cap-two-steps&stepId=step";
    let answer = ask(&host, Method::POST, query, &wanted, &[]).await.expect(206);
    assert_eq!((answer.json()[0]["data"].clone(), answer.header("x-inngest-signature")), (json!("A"), ""));
    let shown = ask(&host, Method::GET, "", "", &[]).await.expect(200).json();
    assert_eq!((&shown["mode"], &shown["has_signing_key"]), (&json!("dev"), &json!(false)));
    // a web page that the developer visits is not the developer
    let page = [("origin", "https://evil.example")];
    ask(&host, Method::POST, query, &wanted, &page).await.expect_refusal(403, "cross_site");
}

#[tokio::test]
async fn what_was_signed_with_the_key_before_is_answered_with_it() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    let wanted = body("cap/two", &[]).to_string();
    let key = super::wire::OLD_KEY;
    // not in the form in which it was signed
    let spaced = wanted.replacen(':', ": ", 1);
    let headers = [("x-inngest-signature", &*sign(key, &wanted))];
    let answer =
        ask(&host, Method::POST, "?fnId=cap-two-steps&stepId=step", &spaced, &headers).await.expect(206);
    is_signed(&answer, key);
    assert!(clock::unix_seconds() > 0 && SIGNING_KEY != key);
}
