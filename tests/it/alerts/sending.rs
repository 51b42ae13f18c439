//! Who is told what, how often, and over which troubles.

use super::{body, calls, fail, header, lines, setup, wait_for};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::{Call, Upstream};
use serde_json::json;
use sha2::Sha256;

const FAILED: &str =
    "[[alert]]\nname = 'payments failing'\nwhen = 'failed'\nfunction = 'pan*'\nwithin = '10m'\n";

/// 24 bytes, as Standard Webhooks writes a secret.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn webhook(receiver: &Upstream) -> String {
    format!("[channels.hook]\nurl = '{}'\nsecret = '{SECRET}'", receiver.url("/hook/very-secret"))
}

fn is_signed(call: &Call) -> bool {
    let key = STANDARD.decode(&SECRET["whsec_".len()..]).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key");
    let (id, at) = (header(call, "webhook-id"), header(call, "webhook-timestamp"));
    mac.update(format!("{id}.{at}.{}", call.body).as_bytes());
    header(call, "webhook-signature") == format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_failure_is_told_once_to_slack_and_to_a_signed_webhook() {
    let (slack, hook) = (Upstream::start().await, Upstream::start().await);
    let channels = format!("[channels.chat]\nkind = 'slack'\nurl = {{ env = 'SLACK' }}\n{}", webhook(&hook));
    let setup = setup(&format!("{FAILED}to = ['chat', 'hook']"), &channels);
    let host = setup.env("SLACK", slack.url("/services/very-secret")).start().await;
    fail(&host).await;
    let told = calls(&hook, 1).await;
    assert_eq!(told[0].line, "POST /hook/very-secret");
    assert!(is_signed(&told[0]), "{:?}", told[0]);
    let data = &body(&told[0])["data"];
    assert_eq!(body(&told[0])["type"], "pawl.alert.raised");
    assert_eq!((&data["rule"], &data["function"]), (&json!("payments failing"), &json!("panicker")));
    assert_eq!(
        (&data["state"], &data["value"], &data["limit"]),
        (&json!("raised"), &json!(1.0), &json!(1.0))
    );
    let said = body(&calls(&slack, 1).await[0]);
    assert!(said["text"].as_str().is_some_and(|t| t.contains("payments failing raised")), "{said}");
    assert_eq!(said["blocks"][0]["text"]["type"], "mrkdwn");

    fail(&host).await;
    wait_for(&host, &json!({"state": "raised", "value": "2 runs failed within 10m"})).await;
    assert_eq!((slack.count(), hook.count()), (1, 1), "the second one is no news");
    let history = host.read("/v1/alerts/history").await;
    assert_eq!((history.as_array().map(Vec::len), &history[0]["state"]), (Some(1), &json!("raised")));
    assert!(!host.log().contains("very-secret"), "a URL is a secret");
}

#[tokio::test]
async fn what_was_raised_is_resolved_when_it_is_over() {
    let hook = Upstream::start().await;
    let rule = "[[alert]]\nwhen = 'error_rate'\nfunction = 'flaky'\nabove = '50%'\nat_least = 1\nresolve_after = '0s'\nwithin = '10m'\nto = ['hook']";
    let host = setup(rule, &webhook(&hook)).start().await;
    let broken = host.send("test/flaky", json!({"failures": 1, "kind": "no-retry"})).await;
    host.wait_for(&broken, "flaky", "Failed").await;
    let raised = wait_for(&host, &json!({"name": "error_rate flaky", "state": "raised"})).await;
    assert_eq!(raised["value"], "100% of runs failed within 10m");
    for _ in 0..4 {
        let event = host.send("test/flaky", json!({"failures": 0})).await;
        host.wait_for(&event, "flaky", "Completed").await;
    }
    let told = calls(&hook, 2).await;
    let types: Vec<_> = told.iter().map(|call| body(call)["type"].clone()).collect();
    assert_eq!(types, ["pawl.alert.raised", "pawl.alert.resolved"]);
    let share = body(&told[1])["data"]["value"].as_f64().expect("a number");
    assert!(share <= 0.4, "well below its limit: {share}");
    assert!(lines(&host).await.iter().all(|line| line["state"] == "ok"));
}

#[tokio::test]
async fn a_receiver_in_trouble_is_told_again_under_the_same_id() {
    let hook = Upstream::start().await;
    hook.plan(500, "no");
    hook.plan(503, "no");
    let host = setup(&format!("{FAILED}to = ['hook']"), &webhook(&hook)).start().await;
    fail(&host).await;
    let told = calls(&hook, 3).await;
    assert!(told.iter().all(is_signed));
    let ids: Vec<_> = told.iter().map(|call| header(call, "webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    until("the outbox to be empty", PATIENCE, async || {
        if host.log().contains("alert sent") { Ok(()) } else { Err("not sent".to_owned()) }
    })
    .await;
    assert_eq!(hook.count(), 3);
}

#[tokio::test]
async fn a_receiver_that_sends_elsewhere_is_not_followed() {
    let (hook, elsewhere) = (Upstream::start().await, Upstream::start().await);
    hook.plan_with(307, "location", &elsewhere.url("/"));
    let host = setup(&format!("{FAILED}to = ['hook']"), &webhook(&hook)).start().await;
    fail(&host).await;
    calls(&hook, 2).await;
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn a_kill_between_a_turn_and_its_sending_loses_nothing() {
    let hook = Upstream::start().await;
    let channel = format!("[channels.hook]\nurl = {{ env = 'HOOK' }}\nsecret = '{SECRET}'");
    // nobody listens at a port that nobody has
    let setup = setup(&format!("{FAILED}to = ['hook']"), &channel).env("HOOK", "http://127.0.0.1:1/");
    let mut host = setup.start().await;
    fail(&host).await;
    wait_for(&host, &json!({"state": "raised"})).await;
    host.kill();
    hook.hold();
    host.set_env("HOOK", &hook.url("/"));
    host.restart().await;
    calls(&hook, 1).await;
    // and once more, before it has said that it has it
    host.kill();
    hook.release();
    host.restart().await;
    let told = calls(&hook, 2).await;
    assert_eq!(header(&told[0], "webhook-id"), header(&told[1], "webhook-id"));
    wait_for(&host, &json!({"state": "raised"})).await;
    assert_eq!(host.read("/v1/alerts/history").await.as_array().map(Vec::len), Some(1), "it was raised once");
}

#[tokio::test]
async fn a_channel_can_be_tried() {
    let hook = Upstream::start().await;
    hook.plan(200, "");
    hook.plan(404, "");
    let host = setup(FAILED, &webhook(&hook)).start().await;
    let key = pawl_tests::setup::SIGNING_KEY;
    let tried = host.cli(&["alerts", "test", "hook", "--signing-key", key]).await;
    assert!(tried.status.success(), "{tried:?}");
    assert!(is_signed(&hook.calls()[0]));
    let refused = host.cli(&["alerts", "test", "hook", "--signing-key", key]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("it answered 404"), "{refused:?}");
    let unknown = host.post("/v1/alerts/test", r#"{"channel":"nobody"}"#).await;
    unknown.expect_refusal(400, "invalid_body");
    let listed = host.cli(&["alerts", "--signing-key", key]).await;
    assert!(String::from_utf8_lossy(&listed.stdout).contains("payments failing"), "{listed:?}");
}
