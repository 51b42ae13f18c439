//! The log: a line for each decision, with the ids that it is about, as JSON in production.

use super::{ended, id};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup, stripe};
use serde_json::{Value, json};

/// Waits for a line that begins so and is about this run, or about anything.
async fn line(host: &Host, message: &str, run: Option<&str>) -> Value {
    until(&format!("a line `{message}`"), PATIENCE, async || {
        let log = host.log();
        let mut lines =
            log.lines().map(|l| serde_json::from_str::<Value>(l).unwrap_or_else(|e| panic!("{l}: {e}")));
        let is_meant = |line: &Value| {
            line["message"].as_str().is_some_and(|text| text.starts_with(message))
                && run.is_none_or(|run| line["run"] == run)
        };
        lines.find(is_meant).ok_or(log.clone())
    })
    .await
}

#[tokio::test]
async fn each_decision_is_a_json_line_with_the_ids_it_is_about() {
    let host = Setup::serve()
        .guests(&["steps", "flow"])
        .env("PAWL_LOG", "debug")
        .env("PAWL_RETRY_INTERVAL", "20ms")
        .start()
        .await;
    let run = ended(&host, "flaky", json!({ "failures": 1 }), "Completed").await;
    for (message, fields) in [
        ("run made", &["function", "event"][..]),
        ("run claimed", &["function", "event", "entries"]),
        ("attempt failed: attempt 0 fails", &["function", "step", "attempt", "of", "name"]),
        ("run parked", &["function", "status", "again_in"]),
        ("step completed", &["function", "step"]),
        ("run completed", &["function", "event", "steps", "took_ms"]),
    ] {
        let line = line(&host, message, Some(id(&run))).await;
        for field in ["timestamp", "level", "target"].iter().chain(fields) {
            assert_ne!(line[field], Value::Null, "{field} of {line:#}");
        }
        assert_eq!(line["function"], "flaky");
    }
    let failed = ended(&host, "flaky", json!({ "failures": 1, "retries": 0 }), "Failed").await;
    let said = line(&host, "run failed", Some(id(&failed))).await;
    assert_eq!((&said["level"], &said["name"]), (&json!("ERROR"), &json!("FlakyError")));
    for _ in 0..2 {
        host.send("test/idempotent", json!({ "id": "same" })).await;
    }
    let skipped = line(&host, "event made no run", None).await;
    assert_eq!((&skipped["function"], &skipped["reason"]), (&json!("idempotent"), &json!("rate_limit")));
}

#[tokio::test]
async fn what_is_refused_is_told_with_its_code() {
    let host = Setup::serve().start().await;
    host.post("/e/wrong", r#"{"name":"a"}"#).await.expect(401);
    host.post(&format!("/e/{}", pawl_tests::setup::EVENT_KEY), "{").await.expect(400);
    let body = stripe::small("evt_log");
    host.deliver_with(stripe::header("whsec_other", &body).as_bytes(), &body).await.expect(400);
    for (message, code) in [
        ("events refused: the event key", "event_key_unknown"),
        ("events refused: the body", "invalid_event"),
        ("webhook refused", "signature_mismatch"),
    ] {
        assert_eq!(line(&host, message, None).await["code"], code);
    }
    host.deliver(&body).await.expect(200);
    host.deliver(&body).await.expect(200);
    let accepted = line(&host, "webhook accepted", None).await;
    let again = line(&host, "webhook is a duplicate", None).await;
    assert_eq!((&accepted["event"], &accepted["sender_id"]), (&again["event"], &json!("evt_log")));
}
