//! Bodies that are signed and still no events.

use super::Expect::{self, Accept, Free, Refuse};
use super::stored;
use pawl_tests::clock::until;
use pawl_tests::{Setup, stripe};
use serde_json::{Value, json};

const NO_JSON: Expect = Refuse("invalid_json");
const NO_EVENT: Expect = Refuse("invalid_event");

fn cases() -> Vec<(&'static str, Vec<u8>, Expect)> {
    let text = |s: &str| s.as_bytes().to_vec();
    let nested = |n: usize| {
        let (open, close) = ("[".repeat(n), "]".repeat(n));
        let body = format!(r#"{{"id":"evt_d","type":"a","data":{{"object":{{"x":{open}1{close}}}}}}}"#);
        body.into_bytes()
    };
    vec![
        ("nothing", text(""), NO_JSON),
        ("a brace", text("{"), NO_JSON),
        ("two values", text(r#"{"id":"e","type":"a","data":{"object":{}}}{}"#), NO_JSON),
        ("no UTF-8", b"{\"id\":\"\xff\xfe\",\"type\":\"a\",\"data\":{\"object\":{}}}".to_vec(), NO_JSON),
        ("a form", text("id=evt_1&type=a"), NO_JSON),
        ("a lone surrogate", text(r#"{"id":"\ud800","type":"a","data":{"object":{}}}"#), NO_JSON),
        ("a number beyond any", text(r#"{"id":"e","type":"a","data":{"object":{"n":1e400}}}"#), NO_JSON),
        ("nested 200 deep", nested(200), NO_JSON),
        ("nested 100,000 deep", nested(100_000), NO_JSON),
        ("a list", text("[]"), NO_EVENT),
        ("null", text("null"), NO_EVENT),
        ("a number", text("5"), NO_EVENT),
        ("a text", text("\"s\""), NO_EVENT),
        ("an empty object", text("{}"), NO_EVENT),
        ("no type", text(r#"{"id":"evt_1","data":{"object":{}}}"#), NO_EVENT),
        ("no id", text(r#"{"type":"a","data":{"object":{}}}"#), NO_EVENT),
        ("a number for an id", text(r#"{"id":1,"type":"a","data":{"object":{}}}"#), NO_EVENT),
        ("an empty id", text(r#"{"id":"","type":"a","data":{"object":{}}}"#), NO_EVENT),
        ("no data", text(r#"{"id":"evt_1","type":"a"}"#), NO_EVENT),
        ("data without an object", text(r#"{"id":"evt_1","type":"a","data":{}}"#), NO_EVENT),
        ("an object that is a list", text(r#"{"id":"e","type":"a","data":{"object":[]}}"#), NO_EVENT),
        ("NUL in the type", text(r#"{"id":"e","type":"a\u0000","data":{"object":{}}}"#), NO_EVENT),
        ("a long id", with_id(&"x".repeat(10_000)), NO_EVENT),
        ("a byte-order mark", [b"\xef\xbb\xbf".to_vec(), with_id("evt_bom")].concat(), Free),
        ("the id twice", text(r#"{"id":"evt_a","id":"evt_twice","type":"a","data":{"object":{}}}"#), Free),
        ("nested 100 deep", nested(100), Accept),
        ("an unknown type", with_id("evt_unknown"), Accept),
        ("a type of 2030", text(r#"{"id":"evt_2030","type":"moon.landed","data":{"object":{}}}"#), Accept),
    ]
}

fn with_id(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","type":"never.heard.of","data":{{"object":{{}}}}}}"#).into_bytes()
}

#[tokio::test]
async fn a_signed_body_that_is_no_event_is_refused_and_nothing_is_stored() {
    let host = Setup::dev().start().await;
    let mut accepted = Vec::new();
    for (case, body, expect) in cases() {
        let answer = host.deliver(&body).await;
        if expect.check(case, &answer) {
            accepted.push(answer.json()["id"].as_str().expect("an id").to_owned());
        }
    }
    accepted.sort();
    assert_eq!(stored(&host).await, accepted);
}

#[tokio::test]
async fn every_recorded_event_is_accepted_under_its_type_with_its_object_unchanged() {
    let host = Setup::serve().start().await;
    let fixtures = stripe::fixtures();
    assert!(fixtures.len() >= 11);
    for (name, body) in &fixtures {
        let sent: Value = serde_json::from_slice(body).expect("JSON");
        let answer = host.deliver(body).await.expect(200).json();
        assert_eq!(answer, json!({ "received": true, "id": sent["id"], "duplicate": false }), "{name}");

        let id = sent["id"].as_str().expect("an id");
        let event = host.read(&format!("/v1/events/{id}")).await;
        assert_eq!(event["name"], format!("stripe/{}", sent["type"].as_str().expect("a type")));
        let data = &event["data"];
        assert_eq!(data["eventId"], sent["id"], "{name}");
        if sent["object"] == "v2.core.event" {
            assert_eq!(data["notification"], sent, "{name}");
            continue;
        }
        let own_name = match sent["data"]["object"]["object"].as_str().expect("a kind") {
            "checkout.session" => "session",
            "payment_intent" => "paymentIntent",
            other => other,
        };
        assert_eq!(data[own_name], sent["data"]["object"], "{name}");
        for (ours, theirs) in
            [("livemode", "livemode"), ("apiVersion", "api_version"), ("created", "created")]
        {
            assert_eq!(data[ours], sent[theirs], "{name}");
        }
        assert_eq!(data["account"], sent.get("account").cloned().unwrap_or_default(), "{name}");
    }
    assert_eq!(stored(&host).await.len(), fixtures.len());
}

#[tokio::test]
async fn text_of_every_kind_comes_through_as_it_was() {
    let host = Setup::dev().start().await;
    let object = json!({
        "object": "test", "nul": "a\u{0}b", "emoji": "Zażółć 🎉", "quote": "\"\\/\n\t", "empty": {},
        "int": 9_007_199_254_740_993_i64, "line": "\u{2028}", "list": [null, true, [[]]],
    });
    let event = json!({ "id": "evt_text", "type": "test.text", "data": { "object": object } });
    host.deliver(&stripe::pretty(&event)).await.expect(200);
    let stored = host.read("/v1/events/evt_text").await;
    assert_eq!(stored["data"]["test"], object);
}

#[tokio::test]
async fn an_event_that_stripe_dated_into_the_future_starts_its_runs_now() {
    // by a clock that differs, or by one of Stripe's test clocks
    let host = Setup::dev().three_functions().start().await;
    for (n, ahead) in [5, 3_600, 31_536_000].into_iter().enumerate() {
        let mut event = stripe::event("payment_intent.succeeded");
        let id = format!("evt_future_{n}");
        event["id"] = id.clone().into();
        event["created"] = (pawl_tests::clock::unix_seconds() + ahead).into();
        host.deliver(&stripe::pretty(&event)).await.expect(200);
        let run = host.runs_of(&id).await.remove(0);
        let soon = std::time::Duration::from_secs(4);
        until(&format!("the run of an event {ahead} s ahead"), soon, async || {
            let run = host.run(run["run_id"].as_str().expect("an id")).await;
            if run["status"] == "Completed" { Ok(()) } else { Err(format!("{run:#}")) }
        })
        .await;
    }
}
