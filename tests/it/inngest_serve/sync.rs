//! How a server hears of the functions.

use super::wire::{app, ask, is_signed, sign, signed};
use pawl_tests::setup::SIGNING_KEY;
use pawl_tests::upstream::Upstream;
use reqwest::Method;
use serde_json::{Value, json};

const URL: &str = "https://pawl.example/api/inngest";

#[tokio::test]
async fn an_introspection_is_for_those_who_have_signed_it() {
    let host = app("http://127.0.0.1:9").start().await;
    let shown = signed(&host, Method::GET, "", "").await.expect(200).json();
    assert_eq!((&shown["function_count"], &shown["mode"]), (&json!(14), &json!("cloud")));
    assert_eq!((&shown["app_id"], &shown["authentication_succeeded"]), (&json!("cap"), &json!(true)));
    assert_eq!(shown["signing_key_hash"].as_str().map(str::len), Some(12));
    let refused = ask(&host, Method::GET, "", "", &[]).await;
    refused.expect_refusal(401, "signature_missing");
    assert_eq!(refused.json()["message"], "Unauthorized");
    assert!(!refused.body.contains("cap"), "{}", refused.body);
}

#[tokio::test]
async fn a_sync_in_band_answers_with_the_functions() {
    let host = app("http://127.0.0.1:9").start().await;
    let body = json!({"url": URL}).to_string();
    let headers = [("x-inngest-signature", &*sign(SIGNING_KEY, &body)), ("x-inngest-sync-kind", "in_band")];
    let answer = ask(&host, Method::PUT, "", &body, &headers).await.expect(200);
    is_signed(&answer, SIGNING_KEY);
    assert_eq!(answer.header("x-inngest-sync-kind"), "in_band");
    let told = answer.json();
    assert_eq!((&told["app_id"], &told["url"]), (&json!("cap"), &json!(URL)));
    assert_eq!(told["inspection"]["authentication_succeeded"], true);
    let two = function(&told, "cap-two-steps");
    assert_eq!(two["triggers"], json!([{"event": "cap/two"}]));
    assert_eq!(two["steps"]["step"]["runtime"]["url"], format!("{URL}?fnId=cap-two-steps&stepId=step"));
    let failure = &function(&told, "cap-nonretry-failure")["triggers"][0];
    assert_eq!(failure["expression"], "event.data.function_id == 'cap-nonretry'");
    let odd = json!({"url": URL, "more": 1}).to_string();
    let headers = [("x-inngest-signature", &*sign(SIGNING_KEY, &odd)), ("x-inngest-sync-kind", "in_band")];
    ask(&host, Method::PUT, "", &odd, &headers).await.expect_refusal(400, "invalid_request");
}

#[tokio::test]
async fn a_sync_out_of_band_registers_the_functions_with_the_server() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    server.plan(401, r#"{"error":"unknown key"}"#);
    server.plan(200, r#"{"ok":true,"modified":true,"sync_id":"s","app_id":"a"}"#);
    let body = json!({"url": URL}).to_string();
    let answer = signed(&host, Method::PUT, "?deployId=d-1", &body).await.expect(200);
    assert_eq!(answer.json(), json!({"message": "Successfully registered", "modified": true}));
    assert_eq!(answer.header("x-inngest-sync-kind"), "out_of_band");
    let calls = server.calls();
    assert_eq!(calls.len(), 2, "once more with the key before");
    assert_eq!(calls[1].line, "POST /fn/register?deployId=d-1");
    let bearer = calls[1].headers["authorization"].to_str().expect("text");
    assert!(
        bearer.starts_with("Bearer signkey-test-") && bearer != calls[0].headers["authorization"],
        "{bearer}"
    );
    let told: Value = serde_json::from_str(&calls[1].body).expect("JSON");
    assert_eq!((&told["appName"], &told["url"], &told["v"]), (&json!("cap"), &json!(URL), &json!("0.1")));
    assert_eq!(told["functions"].as_array().map(Vec::len), Some(14));

    server.plan(400, r#"{"error":"no such app"}"#);
    let refused = signed(&host, Method::PUT, "", &body).await.expect(500).json();
    assert_eq!(refused["modified"], false);
    assert!(refused["message"].as_str().is_some_and(|m| m.contains("no such app")), "{refused}");
}

#[tokio::test]
async fn who_has_not_signed_cannot_say_where_this_host_is() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).start().await;
    let evil = json!({"url": "https://evil.example/api/inngest"}).to_string();
    ask(&host, Method::PUT, "", &evil, &[]).await.expect_refusal(401, "signature_missing");
    assert_eq!(server.count(), 0);
    // where the settings say it, it does not matter who asks
    let host = app(&server.url("")).env("INNGEST_SERVE_ORIGIN", "https://pawl.example/").start().await;
    ask(&host, Method::PUT, "", &evil, &[]).await.expect(200);
    let told: Value = serde_json::from_str(&server.calls()[0].body).expect("JSON");
    assert_eq!(told["url"], URL);
    let headers = [("x-inngest-sync-kind", "in_band")];
    ask(&host, Method::PUT, "", &evil, &headers).await.expect_refusal(401, "signature_missing");
}

#[tokio::test]
async fn who_has_not_signed_has_one_sync_at_a_time_made_and_nothing_handed_on() {
    let server = Upstream::start().await;
    let host = app(&server.url("")).env("INNGEST_SERVE_ORIGIN", "https://pawl.example/").start().await;
    let headers = [("x-inngest-server-kind", "dev")];
    server.hold();
    let (first, ()) = tokio::join!(ask(&host, Method::PUT, "?deployId=evil", "{}", &headers), async {
        server.is_called().await;
        for _ in 0..3 {
            let refused = ask(&host, Method::PUT, "", "{}", &[]).await;
            refused.expect_refusal(429, "sync_under_way");
            assert_eq!(refused.header("retry-after"), "5");
        }
        server.release();
    });
    first.expect(200);
    assert_eq!(server.count(), 1);
    let call = server.calls()[0].clone();
    assert_eq!(call.line, "POST /fn/register", "a stranger's query is not handed on");
    assert!(!call.headers.contains_key("x-inngest-expected-server-kind"), "{:?}", call.headers);
    // one after another is well, and so is whoever has signed
    ask(&host, Method::PUT, "", "", &[]).await.expect(200);
    signed(&host, Method::PUT, "?deployId=d-1", "{}").await.expect(200);
    assert_eq!(server.calls()[2].line, "POST /fn/register?deployId=d-1");
    let large = "x".repeat((64 << 10) + 1);
    ask(&host, Method::PUT, "", &large, &[]).await.expect_refusal(413, "too_large");
    assert_eq!(server.count(), 3);
}

fn function<'a>(told: &'a Value, id: &str) -> &'a Value {
    let functions = told["functions"].as_array().expect("functions");
    functions.iter().find(|f| f["id"] == id).unwrap_or_else(|| panic!("no {id} in {functions:?}"))
}
