//! The server's side of the protocol, written from its specification.

use hmac::{Hmac, Mac};
use pawl_tests::setup::SIGNING_KEY;
use pawl_tests::{Answer, Host, Setup, clock};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

/// A key that was the signing key before.
pub(super) const OLD_KEY: &str = "signkey-test-0123456789abcdef";

/// A host whose functions are those of the app `cap`, with a server at this URL.
pub(super) fn app(server: &str) -> Setup {
    Setup::serve()
        .guests(&["served"])
        .env("INNGEST_SIGNING_KEY_FALLBACK", OLD_KEY)
        .env("INNGEST_BASE_URL", server)
        .config("[inngest]\napp = \"cap\"\n[grants.fetcher]\nhosts = [\"127.0.0.1:*\"]\n")
}

/// The signature of a body at a time, under a key without its prefix.
pub(super) fn sign_at(key: &str, body: &str, t: u64) -> String {
    let bare = key.strip_prefix("signkey-test-").unwrap_or(key);
    let mut mac = Hmac::<Sha256>::new_from_slice(bare.as_bytes()).expect("any length is a key");
    mac.update(body.as_bytes());
    mac.update(t.to_string().as_bytes());
    format!("t={t}&s={}", hex::encode(mac.finalize().into_bytes()))
}

/// The same, now.
pub(super) fn sign(key: &str, body: &str) -> String {
    sign_at(key, body, clock::unix_seconds())
}

/// A request as a server sends it, with these headers.
pub(super) async fn ask(
    host: &Host,
    method: Method,
    query: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = host.request(method, &format!("/api/inngest{query}")).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    host.ask(request).await
}

/// A signed request. The answer is one of an app, and signed with the same key.
pub(super) async fn signed(host: &Host, method: Method, query: &str, body: &str) -> Answer {
    let answer = ask(host, method, query, body, &[("x-inngest-signature", &sign(SIGNING_KEY, body))]).await;
    is_signed(&answer, SIGNING_KEY);
    answer
}

/// A signed call.
pub(super) async fn call(host: &Host, function: &str, step: &str, body: &Value) -> Answer {
    let query = format!("?fnId={function}&stepId={step}");
    signed(host, Method::POST, &query, &body.to_string()).await
}

/// Asserts that an answer is an app's, and signed with this key.
pub(super) fn is_signed(answer: &Answer, key: &str) {
    assert!(answer.header("x-inngest-sdk").starts_with("pawl:v"), "{:?}", answer.headers);
    assert_eq!(answer.header("x-inngest-req-version"), "2");
    assert_eq!(answer.header("content-type"), "application/json");
    let given = answer.header("x-inngest-signature");
    let t = given.strip_prefix("t=").and_then(|rest| rest.split('&').next()).and_then(|t| t.parse().ok());
    let t: u64 = t.unwrap_or_else(|| panic!("not signed: {} {}", answer.status, answer.body));
    assert!(clock::unix_seconds().abs_diff(t) < 60, "{given}");
    assert_eq!(given, sign_at(key, &answer.body, t), "{}", answer.body);
}

/// A call's body for a run of this event whose steps have come to this, in this order.
pub(super) fn body(event: &str, steps: &[(&str, Value)]) -> Value {
    let ids: Vec<_> = steps.iter().map(|(id, _)| *id).collect();
    let event = json!({"name": event, "data": {}, "id": "e1", "ts": 1_795_434_208_000_u64, "user": {}});
    let steps: serde_json::Map<_, _> = steps.iter().map(|(id, v)| ((*id).to_owned(), v.clone())).collect();
    json!({
        "ctx": {"attempt": 0, "disable_immediate_execution": false, "max_attempts": 4,
            "run_id": "01M843FQAXAVNABWE0NR3XTW6B", "stack": {"current": ids.len(), "stack": ids},
            "step_id": "step", "use_api": false},
        "event": event, "events": [event], "steps": steps, "use_api": false, "version": 2,
    })
}
