//! `fetch`: requests that the host makes while the run holds no instance.

use super::{
    another_run_completes, begin, completed, failed_for_good, step, text, tries, wait_for_under_way,
};
use pawl_tests::Setup;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use serde_json::{Value, json};

const FUNCTION: &str = "durable-fetcher";

#[tokio::test]
async fn status_headers_and_body_come_back_whatever_they_are() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    upstream.plan(201, r#"{"made": 1}"#);
    let data = json!({
        "url": upstream.url("/orders?key=hidden"),
        "method": "POST",
        "body": "ünï",
        "header": ["x-tenant", "north"],
    });
    let run = completed(&host, FUNCTION, data).await;
    let expected = json!({ "status": 201, "body": "{\"made\": 1}", "content_type": "application/json" });
    assert_eq!(run["output"], expected);
    let [call] = upstream.calls().try_into().expect("one call");
    assert_eq!((call.line.as_str(), call.body.as_str()), ("POST /orders?key=hidden", "ünï"));
    assert_eq!(call.headers["x-tenant"], "north");
    let fetch = step(&run, "fetch");
    assert_eq!((&fetch["op"], &fetch["status"]), (&json!("fetch"), &json!("Completed")));
    assert_eq!(fetch["about"], format!("POST {}", upstream.url("/orders")), "without what is behind the `?`");
    assert_eq!((&fetch["output"]["status_code"], tries(&run, "fetch")), (&json!(201), 1));
    assert_eq!(fetch["output"]["headers"]["content-type"], "application/json");
}

#[tokio::test]
async fn a_bad_status_is_an_answer_and_no_failure() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    for status in [404, 500, 503] {
        upstream.plan(status, "sorry");
        let run = completed(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
        assert_eq!((&run["output"]["status"], &run["output"]["body"]), (&json!(status), &json!("sorry")));
        assert_eq!(tries(&run, "fetch"), 1);
    }
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn a_run_that_waits_for_its_answer_holds_no_instance() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).env("PAWL_SLOTS", "1").start().await;
    let mut fetchers = Vec::new();
    for _ in 0..5 {
        fetchers.push(begin(&host, FUNCTION, json!({ "url": upstream.url("/") })).await);
    }
    wait_for_under_way(&upstream, 5).await;
    another_run_completes(&host).await;
    let run = host.wait_for(&fetchers[0], FUNCTION, "Running").await;
    assert_eq!(step(&run, "fetch")["status"], "Running");
    upstream.release();
    for event in &fetchers {
        let run = host.wait_for(event, FUNCTION, "Completed").await;
        assert_eq!((&run["output"]["status"], tries(&run, "fetch")), (&json!(200), 1));
    }
    assert_eq!(upstream.count(), 5);
}

#[tokio::test]
async fn where_there_is_no_answer_it_is_tried_again() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "50ms").start().await;
    let data = json!({ "url": upstream.url("/"), "timeout_ms": 300, "retries": 30 });
    let event = begin(&host, FUNCTION, data).await;
    until("a second try", PATIENCE, async || match upstream.count() {
        n if n >= 2 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    upstream.release();
    let run = host.wait_for(&event, FUNCTION, "Completed").await;
    assert_eq!(run["output"]["status"], 200);
    let tries = step(&run, "fetch")["attempts"].as_array().expect("attempts");
    assert_eq!(tries.len(), upstream.count(), "{run:#}");
    assert!(matches!(text(&tries[0]["error"], "name"), "HttpNetwork" | "StepTimeout"), "{run:#}");
}

#[tokio::test]
async fn when_no_tries_are_left_the_function_gets_the_error() {
    let gone = Upstream::start().await.url("/");
    let host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "20ms").start().await;
    let data = json!({ "url": gone, "retries": 2 });
    let event = begin(&host, FUNCTION, data).await;
    let run = host.wait_for(&event, FUNCTION, "Failed").await;
    assert_eq!((&run["error"]["name"], tries(&run, "fetch")), (&json!("HttpNetwork"), 3), "{run:#}");
    assert_eq!(step(&run, "fetch")["status"], "Failed");
}

#[tokio::test]
async fn what_could_never_be_sent_is_not_tried_again() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    for data in [
        json!({ "url": "no url" }),
        json!({ "url": upstream.url("/"), "method": "G ET" }),
        json!({ "url": upstream.url("/"), "header": ["host", "elsewhere"] }),
    ] {
        let failed = failed_for_good(&host, FUNCTION, data.clone()).await;
        assert_eq!(failed["error"]["name"], "HttpInvalid", "{data}: {failed:#}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_keep_fails_the_step_for_good() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    upstream.plan(200, &"x".repeat(3 << 20));
    let run = completed(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    assert_eq!(text(&run["output"], "body").len(), 3 << 20);
    upstream.plan(200, &"x".repeat(4 << 20));
    let failed = failed_for_good(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    assert_eq!(
        (&failed["error"]["name"], tries(&failed, "fetch")),
        (&json!("InvalidOutput"), 1),
        "{failed:#}"
    );
    assert!(text(&failed["error"], "message").contains("4194304"), "{}", failed["error"]);
}

#[tokio::test]
async fn production_reaches_what_is_granted_with_its_secrets_and_nothing_else() {
    let upstream = Upstream::start().await;
    let data = |url: &str| json!({ "url": url, "header": ["authorization", "Bearer {secret:SHOP_TOKEN}"] });
    let host = Setup::serve().guests(&["flow"]).start().await;
    let failed = failed_for_good(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    assert_eq!(failed["error"]["name"], "HttpDenied", "{failed:#}");
    assert!(text(&failed["error"], "message").contains("not granted"), "{}", failed["error"]);
    assert_eq!(upstream.count(), 0);

    let config = r#"
        [secrets]
        SHOP_TOKEN = { env = "SHOP_TOKEN_OF_TODAY" }
        [grants.durable-fetcher]
        hosts = ["127.0.0.1:*"]
        secrets = ["SHOP_TOKEN"]
    "#;
    let token = "token-that-nobody-sees";
    let host =
        Setup::serve().guests(&["flow"]).config(config).env("SHOP_TOKEN_OF_TODAY", token).start().await;
    let run = completed(&host, FUNCTION, data(&upstream.url("/"))).await;
    assert_eq!(run["output"]["status"], 200);
    assert_eq!(upstream.calls()[0].headers["authorization"], format!("Bearer {token}"));
    assert!(!run.to_string().contains(token) && !host.log().contains(token));
    let failed = failed_for_good(&host, FUNCTION, data("http://api.example.com/")).await;
    assert_eq!(failed["error"]["name"], "HttpDenied", "{failed:#}");
}

#[tokio::test]
async fn a_request_that_a_kill_cut_off_is_made_again() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    host.kill();
    upstream.release();
    host.restart().await;
    let run = host.wait_for(&event, FUNCTION, "Completed").await;
    assert_eq!(upstream.count(), 2);
    assert_eq!(tries(&run, "fetch"), 1, "a kill is no failure of the request's: {run:#}");
    assert_eq!(run["output"]["status"], 200);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_answer_for_ever_and_the_request_is_made_again() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    assert!(host.stop().await.success());
    upstream.release();
    host.restart().await;
    let run = host.wait_for(&event, FUNCTION, "Completed").await;
    assert_eq!((upstream.count(), &run["output"]["status"]), (2, &json!(200)));
}

#[tokio::test]
async fn a_cancelled_run_gives_its_request_up() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    let run = host.runs_of(&event).await.remove(0);
    let cancelled = host.delete(&format!("/v1/runs/{}", text(&run, "run_id"))).await.expect(200).data();
    assert_eq!(step(&cancelled, "fetch")["status"], "Cancelled");
    wait_for_under_way(&upstream, 0).await;
    upstream.release();
    another_run_completes(&host).await;
    let run: Value = host.run(text(&run, "run_id")).await;
    assert_eq!((run, upstream.count()), (cancelled, 1));
}
