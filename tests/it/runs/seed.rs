//! The three functions of the seed on recorded events, with the host's own key-value store: in
//! each language that they are written in.

use super::{step, step_ids, text};
use pawl_tests::setup::THREE_FUNCTIONS;
use pawl_tests::{Host, Language, Setup, in_languages, languages, stripe};
use serde_json::{Value, json};

const CHECKOUT: &str = THREE_FUNCTIONS[0];
const SUCCEEDED: &str = THREE_FUNCTIONS[1];
const FAILED: &str = THREE_FUNCTIONS[2];

in_languages!(
    [Rust, TypeScript, Python];
    each_recorded_event_does_what_its_function_is_for,
    what_is_kept_of_a_run_holds_nothing_about_the_person,
    the_key_value_store_is_kept_from_run_to_run_and_over_a_kill,
    the_user_is_the_client_reference_or_else_in_the_metadata,
    the_seeds_own_test_event_fails_for_good_with_a_sentence,
);

/// Delivers a body and waits for its one run's end.
async fn run(host: &Host, body: &[u8], function: &str, end: &str) -> Value {
    let event: Value = serde_json::from_slice(body).expect("JSON");
    let id = event["id"].as_str().expect("an id");
    host.deliver(body).await.expect(200);
    let run = host.wait_for(id, function, end).await;
    assert_eq!(host.runs_of(id).await.len(), 1, "one event, one function, one run");
    run
}

/// What holds for every run that completed without trouble.
fn expect_smooth(run: &Value, steps: &[&str]) {
    assert_eq!(step_ids(run), steps, "{run:#}");
    assert_eq!(run["error"], Value::Null);
    let mut last = text(run, "run_started_at").to_owned();
    for step in run["steps"].as_array().expect("steps") {
        assert_eq!((&step["op"], &step["status"]), (&json!("run"), &json!("Completed")), "{step:#}");
        let [attempt] = step["attempts"].as_array().expect("attempts").as_slice() else {
            panic!("one try each: {step:#}");
        };
        assert_eq!((&attempt["number"], &attempt["error"]), (&json!(0), &Value::Null));
        for time in [text(step, "started_at"), text(step, "ended_at")] {
            assert!(time >= last.as_str(), "steps follow each other: {run:#}");
            assert!(time.len() == 24 && time.ends_with('Z'), "RFC 3339 in milliseconds: {time}");
            time.clone_into(&mut last);
        }
    }
    assert!(text(run, "ended_at") >= last.as_str());
    assert_eq!(text(run, "function_version").len(), 64, "the digest of the bytes");
}

async fn each_recorded_event_does_what_its_function_is_for(language: Language) {
    let Some(host) = languages::stripe(language, Setup::dev()).await else { return };
    let checkout = ["validate-session", "update-subscription", "log-payment-success"];
    let user = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

    for fixture in [
        "checkout.session.completed.payment",
        "checkout.session.completed.subscription",
        "checkout.session.async_payment_succeeded",
    ] {
        let done = run(&host, &stripe::fixture(fixture), CHECKOUT, "Completed").await;
        expect_smooth(&done, &checkout);
        let session = &stripe::event(fixture)["data"]["object"];
        let output = &done["output"];
        assert_eq!((&output["completed"], &output["activated"]), (&json!(true), &json!(true)), "{fixture}");
        assert_eq!((&output["userId"], &output["sessionId"]), (&json!(user), &session["id"]), "{fixture}");
        assert_eq!(output["store"], "key-value");
    }

    let unpaid = stripe::fixture("checkout.session.completed.unpaid_async");
    let done = run(&host, &unpaid, CHECKOUT, "Completed").await;
    expect_smooth(&done, &checkout[..1]);
    assert_eq!((&done["output"]["activated"], &done["output"]["reason"]), (&json!(false), &json!("unpaid")));

    let done = run(&host, &stripe::fixture("payment_intent.succeeded"), SUCCEEDED, "Completed").await;
    expect_smooth(&done, &["log-payment-confirmation", "record-payment"]);
    let intent = &stripe::event("payment_intent.succeeded")["data"]["object"];
    assert_eq!(done["output"]["paymentIntentId"], intent["id"]);

    let done = run(&host, &stripe::fixture("payment_intent.payment_failed"), FAILED, "Completed").await;
    expect_smooth(&done, &["log-failure", "handle-failure"]);
    assert_eq!((&done["output"]["code"], &done["output"]["failures"]), (&json!("card_declined"), &json!(1)));

    // events that no function is for are kept, and start nothing
    for fixture in ["invoice.paid", "customer.subscription.deleted", "v2.core.event.thin"] {
        let body = stripe::fixture(fixture);
        let id = stripe::event(fixture)["id"].as_str().expect("an id").to_owned();
        host.deliver(&body).await.expect(200);
        assert!(host.runs_of(&id).await.is_empty(), "{fixture}");
    }
    let log = host.log();
    for word in ["subscription activated", "payment succeeded", "payment failed"] {
        assert!(log.contains(word), "a function's log lines are in the host's log: {word}");
    }
}

async fn what_is_kept_of_a_run_holds_nothing_about_the_person(language: Language) {
    let Some(host) = languages::stripe(language, Setup::dev()).await else { return };
    let cases = [
        ("checkout.session.completed.payment", CHECKOUT),
        ("payment_intent.succeeded", SUCCEEDED),
        ("payment_intent.payment_failed", FAILED),
    ];
    for (fixture, function) in cases {
        let done = run(&host, &stripe::fixture(fixture), function, "Completed").await.to_string();
        let object = &stripe::event(fixture)["data"]["object"];
        let private = [
            &object["customer_details"]["email"],
            &object["customer_details"]["name"],
            &object["receipt_email"],
            &object["client_secret"],
            &object["last_payment_error"]["payment_method"]["billing_details"]["email"],
        ];
        for text in private.iter().filter_map(|v| v.as_str()) {
            assert!(!done.contains(text), "{fixture}: {text}");
            assert!(!host.log().contains(text), "{fixture}: {text} is in the log");
        }
    }
}

async fn the_key_value_store_is_kept_from_run_to_run_and_over_a_kill(language: Language) {
    let Some(mut host) = languages::stripe(language, Setup::dev()).await else { return };
    for n in 1..=3 {
        let body = stripe::with_id("payment_intent.payment_failed", &format!("evt_again_{n}"));
        let done = run(&host, &body, FAILED, "Completed").await;
        assert_eq!(done["output"]["failures"], n, "each failure of one payment is counted");
        if n == 2 {
            host.kill();
            host.restart().await;
        }
    }
}

async fn the_user_is_the_client_reference_or_else_in_the_metadata(language: Language) {
    let Some(host) = languages::stripe(language, Setup::dev()).await else { return };
    let cases = [
        ("both", json!("user-a"), json!({ "userId": "user-b" }), Some("user-a")),
        ("metadata", Value::Null, json!({ "userId": "user-b" }), Some("user-b")),
        ("blank", json!(" "), json!({ "userId": "user-b" }), Some("user-b")),
        ("none", Value::Null, json!({}), None),
    ];
    for (case, reference, metadata, user) in cases {
        let mut event = stripe::event("checkout.session.completed.payment");
        event["id"] = format!("evt_user_{case}").into();
        event["data"]["object"]["client_reference_id"] = reference;
        event["data"]["object"]["metadata"] = metadata;
        let body = stripe::pretty(&event);
        match user {
            Some(user) => {
                let done = run(&host, &body, CHECKOUT, "Completed").await;
                assert_eq!(done["output"]["userId"], user, "{case}");
            }
            None => {
                let failed = run(&host, &body, CHECKOUT, "Failed").await;
                assert_eq!(step(&failed, "validate-session")["attempts"].as_array().map(Vec::len), Some(1));
                assert!(text(&failed["error"], "message").contains("names no user"), "{failed:#}");
            }
        }
    }
}

async fn the_seeds_own_test_event_fails_for_good_with_a_sentence(language: Language) {
    // the session of the seed's curl example is empty
    let Some(host) = languages::stripe(language, Setup::dev()).await else { return };
    let body = r#"{"name":"stripe/checkout.session.completed","data":{"session":{}}}"#;
    let id = host.post("/api/inngest/test", body).await.expect(200).json()["ids"][0].clone();
    let failed = host.wait_for(id.as_str().expect("an id"), CHECKOUT, "Failed").await;
    assert_eq!(failed["error"]["name"], "NonRetriableError", "{failed:#}");
    assert_eq!(step(&failed, "validate-session")["attempts"].as_array().map(Vec::len), Some(1));
}
