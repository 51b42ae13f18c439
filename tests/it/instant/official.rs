//! The stub and the official clients: whatever a client is told here, it understands.

use pawl_tests::clients::{self, Language};
use pawl_tests::instant::{APP_ID, Fault, Instant, TOKEN};
use serde_json::{Value, json};

const ANN: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
const BOB: &str = "7f9619ff-8b86-4011-b42d-00c04fc964ff";
const PAY: &str = "8f9619ff-8b86-4011-b42d-00c04fc964ff";

/// What is expected of a call.
enum Expect {
    /// It goes through.
    Done,
    /// A query's answer.
    Rows(Value),
    /// 400, with this type and words of the message.
    Refused(&'static str, &'static str),
}

use Expect::{Done, Refused, Rows};

/// Writes of one row each, and what is read back. Later calls see what earlier ones did.
fn single_writes() -> Vec<(Value, Expect)> {
    let one = |step: Value| json!({ "transact": [step] });
    let by_email = json!({ "lookup": ["email", "ann@example.com"] });
    let ann_now = json!({ "query": { "users": { "$": { "where": { "id": ANN } } } } });
    vec![
        // strict and upserting writes
        (
            one(json!(["update", "users", ANN, { "plan": "pro" }, { "upsert": false }])),
            Refused("validation-failed", "Updating entities that don't exist"),
        ),
        (ann_now.clone(), Rows(json!({ "users": [] }))),
        (one(json!(["update", "users", ANN, { "email": "ann@example.com", "plan": "free" }])), Done),
        (one(json!(["update", "users", ANN, { "plan": "pro" }, { "upsert": false }])), Done),
        (
            ann_now.clone(),
            Rows(json!({ "users": [{ "id": ANN, "email": "ann@example.com", "plan": "pro" }] })),
        ),
        (
            one(json!(["create", "users", ANN, { "plan": "x" }])),
            Refused("validation-failed", "Creating entities that exist"),
        ),
        (one(json!(["create", "users", BOB, { "email": "bob@example.com" }])), Done),
        // lookups, unique attributes
        (one(json!(["update", "users", by_email, { "seats": 3 }, { "upsert": false }])), Done),
        (
            one(json!(["update", "users", BOB, { "email": "ann@example.com" }])),
            Refused("record-not-unique", "`email` is a unique attribute on `users`"),
        ),
        (
            one(json!(["update", "users", { "lookup": ["plan", "pro"] }, { "seats": 1 }])),
            Refused("validation-failed", "plan is not a unique attribute on users"),
        ),
        // merging
        (one(json!(["merge", "users", ANN, { "prefs": { "a": 1, "b": { "c": 2 } } }])), Done),
        (one(json!(["merge", "users", ANN, { "prefs": { "a": null, "b": { "d": 3 } } }])), Done),
        (
            ann_now,
            Rows(json!({ "users": [{
                "id": ANN, "email": "ann@example.com", "plan": "pro", "seats": 3,
                "prefs": { "b": { "c": 2, "d": 3 } },
            }] })),
        ),
    ]
}

/// Several writes at once, links, and what is no step; after [`single_writes`].
fn further_calls() -> Vec<(Value, Expect)> {
    let one = |step: Value| json!({ "transact": [step] });
    vec![
        // all or nothing
        (
            json!({ "transact": [
                ["update", "users", BOB, { "plan": "lost" }],
                ["update", "users", PAY, { "plan": "ghost" }, { "upsert": false }],
            ] }),
            Refused("validation-failed", "Updating entities that don't exist"),
        ),
        (
            json!({ "query": { "users": { "$": { "where": { "email": { "$in": ["bob@example.com"] } } } } } }),
            Rows(json!({ "users": [{ "id": BOB, "email": "bob@example.com" }] })),
        ),
        // links, deletion
        (
            json!({ "transact": [
                ["create", "payments", PAY, { "amount": 4_900 }],
                ["link", "users", ANN, { "payments": PAY }],
            ] }),
            Done,
        ),
        (
            json!({ "query": { "payments": { "users": {} } } }),
            Rows(json!({ "payments": [{ "id": PAY, "amount": 4_900, "users": [{
                "id": ANN, "email": "ann@example.com", "plan": "pro", "seats": 3,
                "prefs": { "b": { "c": 2, "d": 3 } },
            }] }] })),
        ),
        (one(json!(["delete", "payments", PAY])), Done),
        (json!({ "query": { "payments": {} } }), Rows(json!({ "payments": [] }))),
        // what is no step
        (
            one(json!(["update", "users", "user-1", { "plan": "pro" }])),
            Refused("validation-failed", "Entity IDs must be UUIDs or lookup references"),
        ),
        (one(json!(["update", "users", ANN, { "plan": "p\u{0}" }])), Refused("validation-failed", "\\u0000")),
        (
            one(json!(["update", "$users", ANN, { "plan": "pro" }])),
            Refused("validation-failed", "You can't create or modify attributes in the $users namespace"),
        ),
    ]
}

async fn drive(language: Language, script: &str) {
    let stub = Instant::start().await;
    stub.declare("users", "email", true);
    let cases = single_writes().into_iter().chain(further_calls());
    let (calls, expected): (Vec<_>, Vec<_>) = cases.unzip();
    let input = json!({ "uri": stub.uri(), "app": APP_ID, "token": TOKEN, "calls": calls });
    let Some(outcomes) = clients::run(language, script, &input).await else { return };
    for ((call, expected), outcome) in calls.iter().zip(expected).zip(outcomes.as_array().expect("a list")) {
        match expected {
            Done => assert!(outcome["ok"]["tx-id"].is_u64(), "{call}: {outcome}"),
            Rows(rows) => assert_eq!(outcome["ok"], rows, "{call}: {outcome}"),
            Refused(kind, words) => {
                assert_eq!(
                    (&outcome["status"], &outcome["type"]),
                    (&json!(400), &json!(kind)),
                    "{call}: {outcome}"
                );
                let message = outcome["message"].as_str().unwrap_or_default();
                assert!(message.contains(words), "{call}: {outcome}");
                assert!(outcome["hint"].is_object(), "{call}: {outcome}");
            }
        }
    }
    // both clients name the app in the header and say how strict they are
    let (path, body) = stub.requests().remove(0);
    assert_eq!(path, "/admin/transact");
    assert_eq!(body["throw-on-missing-attrs?"], false, "{body}");
}

async fn drive_into_trouble(language: Language, script: &str) {
    let stub = Instant::start().await;
    let troubles = [
        (Fault::RateLimited, 429, "rate-limited"),
        (Fault::Timeout, 429, "timeout"),
        (Fault::Broken, 500, "unknown"),
        (Fault::ReadOnly, 400, "app-read-only"),
    ];
    troubles.iter().for_each(|(fault, ..)| stub.fail_next(*fault));
    let call = json!({ "transact": [["update", "users", ANN, { "plan": "pro" }]] });
    let calls = vec![call; troubles.len()];
    let input = json!({ "uri": stub.uri(), "app": APP_ID, "token": TOKEN, "calls": calls });
    let Some(outcomes) = clients::run(language, script, &input).await else { return };
    for ((_, status, kind), outcome) in troubles.iter().zip(outcomes.as_array().expect("a list")) {
        assert_eq!((&outcome["status"], &outcome["type"]), (&json!(status), &json!(kind)), "{outcome}");
    }
    assert!(stub.rows("users").is_empty());

    let wrong = "ffffffff-91f3-4c8e-8a44-3b2f1e0d9c8b";
    let strangers = [
        (APP_ID, wrong, "record-not-found", "Record not found: app-admin-token"),
        (wrong, TOKEN, "record-not-found", "Record not found: app-admin-token"),
        (APP_ID, "no-uuid", "param-malformed", r#"Malformed parameter: ["headers" "authorization"]"#),
        ("no-uuid", TOKEN, "param-malformed", r#"Malformed parameter: ["headers" "app-id"]"#),
    ];
    for (app, token, kind, message) in strangers {
        let calls = json!([{ "query": { "users": {} } }]);
        let input = json!({ "uri": stub.uri(), "app": app, "token": token, "calls": calls });
        let Some(outcomes) = clients::run(language, script, &input).await else { return };
        let outcome = &outcomes[0];
        assert_eq!((&outcome["status"], &outcome["type"]), (&json!(400), &json!(kind)), "{outcome}");
        assert_eq!(outcome["message"], message);
        if kind == "record-not-found" {
            assert_eq!(outcome["hint"]["args"][0]["token"], token, "the server echoes it: {outcome}");
        }
    }
}

#[tokio::test]
async fn the_official_node_client_writes_and_reads_through_the_stub() {
    drive(Language::Node, "instant.js").await;
}

#[tokio::test]
async fn the_official_python_client_writes_and_reads_through_the_stub() {
    drive(Language::Python, "instant.py").await;
}

#[tokio::test]
async fn the_official_node_client_understands_the_stubs_troubles() {
    drive_into_trouble(Language::Node, "instant.js").await;
}

#[tokio::test]
async fn the_official_python_client_understands_the_stubs_troubles() {
    drive_into_trouble(Language::Python, "instant.py").await;
}
