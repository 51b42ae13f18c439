//! Outgoing HTTP: from within steps, to granted hosts, bounded in time.

use super::{attempts, text};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn run(host: &Host, function: &str, data: Value, end: &str) -> Value {
    let event = host.send(&format!("test/{function}"), data).await;
    host.wait_for(&event, function, end).await
}

#[tokio::test]
async fn a_step_reaches_a_granted_host() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["steps"]).start().await;
    upstream.plan(418, "tea");
    let done = run(&host, "fetcher", json!({ "url": upstream.url("/a?b=c") }), "Completed").await;
    assert_eq!(done["output"], json!({ "status": 418, "body": "tea" }));
    let [call] = upstream.calls().try_into().expect("one call");
    assert_eq!(call.line, "GET /a?b=c");
    assert!(call.headers["user-agent"].to_str().unwrap_or_default().starts_with("pawl/"));
}

#[tokio::test]
async fn a_redirect_is_answered_and_not_followed() {
    let (upstream, other) = (Upstream::start().await, Upstream::start().await);
    let host = Setup::dev().guests(&["steps"]).start().await;
    upstream.plan_with(302, "location", &other.url("/elsewhere"));
    let done = run(&host, "fetcher", json!({ "url": upstream.url("/") }), "Completed").await;
    assert_eq!(done["output"]["status"], 302);
    assert_eq!(other.count(), 0);
}

#[tokio::test]
async fn outside_of_steps_nothing_is_sent_and_the_error_says_what_to_do() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["steps"]).start().await;
    let failed = run(&host, "fetcher-outside", json!({ "url": upstream.url("/") }), "Failed").await;
    assert_eq!(failed["error"]["name"], "HttpDenied");
    assert!(text(&failed["error"], "message").contains("wrap it in step.run"), "{}", failed["error"]);
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn hosts_that_a_function_did_not_name_are_denied_in_dev_too() {
    let upstream = Upstream::start().await;
    let port = upstream.port();
    let host = Setup::dev().guests(&["steps"]).start().await;
    for url in [
        "http://example.com/".to_owned(),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://127.0.0.1.example.com:{port}/"),
        format!("http://user:word@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}@example.com/"),
        format!("ftp://127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "not a url".to_owned(),
    ] {
        let failed = run(&host, "fetcher", json!({ "url": url }), "Failed").await;
        let name = text(&failed["error"], "name");
        assert!(matches!(name, "HttpDenied" | "HttpInvalid"), "{url}: {}", failed["error"]);
        assert_eq!(attempts(&failed, "fetch").len(), 1, "{url}: no try would cure it");
        assert!(!text(&failed["error"], "message").contains("word"), "{}", failed["error"]);
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn production_grants_what_the_operator_named_and_nothing_else() {
    let upstream = Upstream::start().await;
    let port = upstream.port();
    let config = format!(
        r#"
        [settings]
        SHOP_URL = "http://127.0.0.1:{port}/shop"
        [secrets]
        SHOP_TOKEN = {{ env = "SHOP_TOKEN_OF_TODAY" }}
        [grants.fetcher]
        hosts = ["127.0.0.1:*"]
        [grants.wish]
        hosts = ["{{setting:SHOP_URL}}"]
        settings = ["SHOP_URL"]
        secrets = ["SHOP_TOKEN"]
        "#
    );
    let token = "token-that-nobody-sees";
    let host =
        Setup::serve().guests(&["steps"]).config(&config).env("SHOP_TOKEN_OF_TODAY", token).start().await;
    run(&host, "fetcher", json!({ "url": upstream.url("/") }), "Completed").await;
    assert_eq!(upstream.count(), 1);

    // the same wish, which nobody granted
    let failed = run(&host, "slow", json!({ "url": upstream.url("/") }), "Failed").await;
    assert_eq!(failed["error"]["name"], "HttpDenied");
    let message = text(&failed["error"], "message");
    assert!(message.contains("not granted") && message.contains("[grants]"), "{message}");
    assert_eq!(upstream.count(), 1);

    let done = run(&host, "wish", json!({ "url": upstream.url("/shop") }), "Completed").await;
    assert_eq!(done["output"]["setting"], format!("http://127.0.0.1:{port}/shop"));
    let call = upstream.calls().pop().expect("a call");
    assert_eq!(call.headers["authorization"], format!("Bearer {token}"));
    let failed = run(&host, "wish", json!({ "url": "http://api.example.com/" }), "Failed").await;
    assert_eq!(failed["error"]["name"], "HttpDenied", "wished for, not granted");
    let failed = run(&host, "wish", json!({ "setting": "HOME" }), "Failed").await;
    assert!(text(&failed["error"], "message").contains("HOME is not granted"), "{}", failed["error"]);

    for path in ["/v1/runs", "/v1/functions"] {
        assert!(!host.get(path).await.body.contains(token));
    }
    assert!(!host.run(text(&done, "run_id")).await.to_string().contains(token));
    assert!(!host.log().contains(token));
    let functions = host.read("/v1/functions").await;
    let of = |id: &str| {
        let found = functions.as_array().expect("a list").iter().find(|f| f["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}"))["not_granted"].clone()
    };
    assert_eq!(of("wish"), json!(["host api.example.com"]));
    assert_eq!((of("fetcher"), of("slow")), (json!([]), json!(["host 127.0.0.1:*"])));
}

#[tokio::test]
async fn in_dev_a_setting_that_is_not_set_is_none() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let done = run(&host, "wish", json!({}), "Completed").await;
    assert_eq!(done["output"], json!({ "setting": null, "fetched": null }));
}

#[tokio::test]
async fn a_step_that_waits_beyond_its_time_limit_fails_and_may_be_tried_again() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).env("PAWL_RETRY_INTERVAL", "50ms").start().await;
    let data = json!({ "url": upstream.url("/"), "timeout_ms": 300, "retries": 1 });
    let failed = run(&host, "slow", data, "Failed").await;
    let tries = attempts(&failed, "wait");
    assert_eq!(tries.len(), 2);
    for attempt in tries {
        let took = super::between(text(attempt, "started_at"), text(attempt, "ended_at"));
        assert!(took >= 300, "{took} ms");
        let name = text(&attempt["error"], "name");
        assert!(matches!(name, "StepTimeout" | "HttpNetwork"), "{attempt:#}");
    }
    until("the calls to be given up", PATIENCE, async || match upstream.under_way() {
        0 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    // in time it is no failure
    upstream.release();
    let data = json!({ "url": upstream.url("/"), "timeout_ms": 20_000 });
    run(&host, "slow", data, "Completed").await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_network_error() {
    let gone = Upstream::start().await.url("/");
    let host = Setup::dev().guests(&["steps"]).env("PAWL_RETRY_INTERVAL", "20ms").start().await;
    let failed = run(&host, "fetcher", json!({ "url": gone }), "Failed").await;
    assert_eq!(failed["error"]["name"], "HttpNetwork");
    assert_eq!(attempts(&failed, "fetch").len(), 4);
}

#[tokio::test]
async fn a_header_that_the_host_itself_has_to_set_is_refused_and_nothing_is_sent() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["steps"]).start().await;
    let data = |name: &str, value: &str| json!({ "url": upstream.url("/"), "name": name, "value": value });
    for (name, value) in [
        ("host", "169.254.169.254"),
        ("Host", "internal.example.com"),
        ("connection", "close"),
        ("connection", "x-other, upgrade"),
        ("content-length", "0"),
        ("Content-Length", "1000"),
        ("transfer-encoding", "chunked"),
        ("TRANSFER-ENCODING", "gzip, chunked"),
    ] {
        let failed = run(&host, "headers", data(name, value), "Failed").await;
        assert_eq!(failed["error"]["name"], "HttpInvalid", "{name}: {}", failed["error"]);
        let message = text(&failed["error"], "message").to_lowercase();
        assert!(message.contains(&name.to_lowercase()), "the header is named: {message}");
        assert_eq!(attempts(&failed, "send").len(), 1, "{name}: no try would cure it");
    }
    assert_eq!(upstream.count(), 0);
    run(&host, "headers", data("x-host", "fine"), "Completed").await;
    let [call] = upstream.calls().try_into().expect("one call");
    assert_eq!((&call.headers["x-host"], call.body.as_str()), (&"fine".parse().expect("a value"), "{}"));
}
