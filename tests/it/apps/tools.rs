//! Steps of apps that the host does for them: signals, and requests to models.

use super::{App, Sdk, for_each_sdk, pair};
use pawl_tests::setup::SIGNING_KEY;
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::path::Path;

/// The apps' key for models.
const MODEL_KEY: &str = "sk-0123456789abcdef0123456789abcdef";

fn setup() -> Setup {
    Setup::dev().env("PAWL_RETRY_INTERVAL", "50ms")
}

async fn begun(sdk: Sdk) -> Option<(Host, App)> {
    pair(sdk, setup()).await
}

/// The event of a run of `signal` that waits.
async fn waiting(host: &Host, data: Value) -> String {
    let event = host.send("shop/signal", data).await;
    host.wait_for(&event, "shop-signal", "Sleeping").await;
    event
}

async fn output(host: &Host, event: &str, function: &str) -> Value {
    host.wait_for(event, &format!("shop-{function}"), "Completed").await["output"].clone()
}

/// Sends a signal as an SDK does.
async fn signal(host: &Host, body: &Value) -> pawl_tests::Answer {
    host.post("/v1/signals", body.to_string()).await
}

fn step(run: &Value, id: &str) -> Value {
    let steps = run["steps"].as_array().expect("steps");
    steps.iter().find(|s| s["id"] == id).unwrap_or_else(|| panic!("{id}: {run}")).clone()
}

#[tokio::test]
async fn a_signal_resumes_the_run_that_waits_for_it() {
    for sdk in [Sdk::Js4, Sdk::Js3] {
        let Some((host, _app)) = pair(sdk, setup()).await else { return };
        let name = "go \"1\" || true";
        let waits = waiting(&host, json!({"signal": name})).await;
        let run = host.runs_of(&waits).await[0]["run_id"].clone();
        // of another name, or as an event that everybody could send
        signal(&host, &json!({"signal": "go", "data": 1})).await.expect_refusal(404, "no_waiter");
        let forged = json!({"name": "pawl/signal", "data": {"signal": name, "data": "forged"}});
        host.post("/e/any", forged.to_string()).await.expect(400);
        let data = json!({"signal": name, "data": {"n": 1.5, "none": null}});
        let sends = host.send("shop/signaller", data.clone()).await;
        assert_eq!(output(&host, &sends, "signaller").await, json!({"runId": run}), "{sdk:?}");
        assert_eq!(output(&host, &waits, "signal").await, data, "{sdk:?}");
        // it is told once, and SDKs take that for no error
        let sends = host.send("shop/signaller", data).await;
        assert_eq!(output(&host, &sends, "signaller").await, json!({}), "{sdk:?}");
        // nor is it an event that a function should have taken
        let report = host.cli(&["doctor"]).await;
        let report = String::from_utf8_lossy(&report.stdout);
        assert!(report.contains("the last event came in") && !report.contains("`pawl/signal`"), "{report}");
    }
}

#[tokio::test]
async fn a_signal_that_does_not_come_in_time_is_null() {
    for sdk in [Sdk::Js4, Sdk::Js3] {
        let Some((host, _app)) = pair(sdk, setup()).await else { return };
        let waits = waiting(&host, json!({"signal": "go", "timeout": "1s"})).await;
        assert_eq!(output(&host, &waits, "signal").await, Value::Null, "{sdk:?}");
        // one that is over before it begins
        let waits = host.send("shop/signal", json!({"signal": "go", "timeout": -1000})).await;
        assert_eq!(output(&host, &waits, "signal").await, Value::Null, "{sdk:?}");
        let again = waiting(&host, json!({"signal": "go"})).await;
        assert!(signal(&host, &json!({"signal": "go"})).await.data()["run_id"].is_string());
        assert_eq!(output(&host, &again, "signal").await, json!({"signal": "go", "data": null}), "{sdk:?}");
    }
}

#[tokio::test]
async fn a_run_waits_for_its_signal_over_a_kill() {
    let Some((mut host, _app)) = pair(Sdk::Js4, setup()).await else { return };
    let waits = waiting(&host, json!({"signal": "go"})).await;
    host.kill();
    host.restart().await;
    let answer = signal(&host, &json!({"signal": "go", "data": 7})).await.expect(200).json();
    assert_eq!(answer["data"]["run_id"], host.runs_of(&waits).await[0]["run_id"]);
    assert!(answer["metadata"]["fetched_at"].is_string(), "{answer}");
    // what was answered is durable
    host.kill();
    host.restart().await;
    assert_eq!(output(&host, &waits, "signal").await, json!({"signal": "go", "data": 7}));
}

#[tokio::test]
async fn of_two_runs_that_wait_for_a_signal_one_fails_or_gives_way() {
    for sdk in [Sdk::Js4, Sdk::Js3] {
        let Some((host, _app)) = pair(sdk, setup()).await else { return };
        let first = waiting(&host, json!({"signal": "go"})).await;
        let second = host.send("shop/signal", json!({"signal": "go", "onConflict": "fail"})).await;
        let run = host.wait_for(&second, "shop-signal", "Completed").await;
        let why = run["output"]["refused"].as_str().expect("a failure");
        assert!(why.contains("waits for this already"), "{sdk:?}: {why}");
        assert_eq!(step(&run, "signal")["status"], "Failed");
        let third = waiting(&host, json!({"signal": "go", "onConflict": "replace"})).await;
        assert_eq!(output(&host, &first, "signal").await, Value::Null, "{sdk:?}");
        signal(&host, &json!({"signal": "go", "data": 3})).await.expect(200);
        assert_eq!(output(&host, &third, "signal").await, json!({"signal": "go", "data": 3}), "{sdk:?}");
    }
}

#[tokio::test]
async fn who_has_no_signing_key_sends_no_signal() {
    let host = Setup::serve().start().await;
    let send = |key: &str, body: &'static str| {
        let request = reqwest::Client::new().post(host.url("/v1/signals")).body(body);
        host.ask(request.header("authorization", key))
    };
    let whole = r#"{"signal":"go"}"#;
    for wrong in ["", "Bearer undefined", &format!("Bearer {SIGNING_KEY}")] {
        send(wrong, whole).await.expect_refusal(401, "invalid_signing_key");
    }
    let key = super::stub::bearer(SIGNING_KEY);
    send(&key, whole).await.expect_refusal(404, "no_waiter");
    for odd in ["{}", "", "[]", r#"{"signal":""}"#] {
        send(&key, odd).await.expect_refusal(400, "invalid_body");
    }
}

/// Whether a file of the folder holds the text.
fn is_stored(folder: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    files.into_iter().any(|path| match path.is_dir() {
        true => is_stored(&path, text),
        false => {
            std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|w| w == text.as_bytes()))
        }
    })
}

for_each_sdk! {
    fn a_models_answer_is_the_steps_output_and_its_key_is_seen_nowhere(host, sdk) {
        let mut host = host;
        let upstream = Upstream::start().await;
        // a model that is busy, and says who asks
        upstream.plan(503, &format!(r#"{{"error":{{"message":"overloaded for {MODEL_KEY}"}}}}"#));
        upstream.plan(200, r#"{"choices":[{"message":{"content":"pong"}}],"n":1.5}"#);
        let data = json!({"vendor": "openai", "url": upstream.url("/v1")});
        let event = host.send("shop/infer", data).await;
        let run = host.wait_for(&event, "shop-infer", "Completed").await;
        assert_eq!(run["output"], json!({"choices": [{"message": {"content": "pong"}}], "n": 1.5}), "{sdk:?}");
        let ask = step(&run, "ask");
        let attempts = ask["attempts"].as_array().expect("attempts").clone();
        assert_eq!(attempts.len(), 2, "{sdk:?}: {ask}");
        let why = attempts[0]["error"]["message"].as_str().expect("a message");
        assert!(why.starts_with("the model answered 503: overloaded"), "{why}");
        let [_, call] = upstream.calls().try_into().expect("two calls");
        assert_eq!(call.line, "POST /v1/chat/completions");
        assert_eq!(call.headers["authorization"], format!("Bearer {MODEL_KEY}"));
        assert_eq!(call.headers["content-type"], "application/json");
        let body: Value = serde_json::from_str(&call.body).expect("JSON");
        assert_eq!((&body["model"], &body["messages"][0]["content"]), (&json!("parrot"), &json!("hi")));
        let id = run["run_id"].as_str().expect("an id");
        for (page, named) in [("/v1/runs/ID", "\"ask\""), ("/runs/ID", ">ask<"), ("/v1/runs/ID/logs", "")] {
            let body = host.get(&page.replace("ID", id)).await.expect(200).body;
            assert!(body.contains(named) && !body.contains(MODEL_KEY), "{page}: {body}");
        }
        host.stop().await;
        assert!(!host.log().contains(MODEL_KEY));
        assert!(!is_stored(&host.data(), MODEL_KEY), "{sdk:?}");
    }

    fn what_a_model_refuses_for_good_is_not_asked_again(host, sdk) {
        let upstream = Upstream::start().await;
        upstream.plan(401, r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#);
        let data = json!({"vendor": "anthropic", "url": upstream.url("/v1")});
        let event = host.send("shop/infer", data).await;
        let run = host.wait_for(&event, "shop-infer", "Failed").await;
        assert_eq!(step(&run, "ask")["error"]["message"], "the model answered 401: invalid x-api-key", "{sdk:?}");
        // the function may be tried again, its settled step is not
        let [call] = upstream.calls().try_into().expect("one call");
        assert_eq!(call.line, "POST /v1/messages");
        assert_eq!(call.headers["x-api-key"], MODEL_KEY);
        assert_eq!(call.headers["anthropic-version"], "2023-06-01");
        assert!(!call.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_key_in_a_models_url_goes_into_a_header() {
    let upstream = Upstream::start().await;
    let Some((mut host, _app)) = pair(Sdk::Js4, setup()).await else { return };
    let event = host.send("shop/infer", json!({"vendor": "gemini", "url": upstream.url("/v1beta")})).await;
    host.wait_for(&event, "shop-infer", "Completed").await;
    let [call] = upstream.calls().try_into().expect("one call");
    assert_eq!(call.line, "POST /v1beta/models/parrot:generateContent");
    assert_eq!(call.headers["x-goog-api-key"], MODEL_KEY);
    host.stop().await;
    assert!(!is_stored(&host.data(), MODEL_KEY));
}

#[tokio::test]
async fn a_call_of_a_model_by_the_apps_own_client_is_a_step() {
    for sdk in [Sdk::Js4, Sdk::Js3] {
        let Some((host, _app)) = pair(sdk, setup()).await else { return };
        let event = host.send("shop/wrap", json!({})).await;
        let run = host.wait_for(&event, "shop-wrap", "Completed").await;
        assert_eq!(
            (&run["output"], &step(&run, "wrap")["op"]),
            (&json!({"sum": 42}), &json!("run")),
            "{sdk:?}"
        );
    }
}
