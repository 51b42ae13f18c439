//! What a component says of its functions.

use super::{start, text};
use pawl_tests::{Language, in_languages};
use serde_json::{Value, json};
use std::collections::BTreeMap;

in_languages!([TypeScript, Python, Go]; every_option_says_the_same_as_in_rust);

/// What the host lists of the app's functions, by their ids.
async fn functions(language: Language) -> Option<BTreeMap<String, Value>> {
    let host = start(language).await?;
    let mut functions = BTreeMap::new();
    for mut function in host.all("/v1/functions").await {
        let fields = function.as_object_mut().expect("an object");
        // of the file, not of the function
        fields.remove("deployment");
        fields.remove("source");
        functions.insert(text(&function, "id").to_owned(), function);
    }
    Some(functions)
}

async fn every_option_says_the_same_as_in_rust(language: Language) {
    let Some(own) = functions(language).await else { return };
    for (id, function) in functions(Language::Rust).await.expect("it is always built") {
        assert_eq!(own.get(&id), Some(&function), "{id}");
    }
}

#[tokio::test]
async fn in_rust_they_are_those_of_the_apps_table() {
    let functions = functions(Language::Rust).await.expect("it is always built");
    assert_eq!(functions.len(), 31, "the table's thirty, and what is done when `parting` fails");
    assert!(functions.values().all(|function| function["app"] == "conformance"));
    let expected = json!({
        "id": "everything",
        "name": "Everything at once",
        "app": "conformance",
        "retries": 7,
        "step_timeout_ms": 120_000,
        "triggers": [
            { "event": "test/everything", "if": "event.data.n > 1" },
            { "event": "test/also" },
            { "cron": "TZ=Europe/Paris 0 9 * * 1-5", "jitter_ms": 30_000 },
        ],
        "concurrency": 5,
        "flow": {
            "concurrency": [
                { "limit": 5, "scope": "function" },
                { "limit": 1, "scope": "account", "key": "event.data.user" },
            ],
            "throttle": { "limit": 10, "period": 60_000, "burst": 2, "key": "event.data.user" },
            "rate_limit": { "limit": 100, "period": 3_600_000, "key": "event.data.user" },
            "debounce": { "period": 5_000, "timeout": 60_000, "key": "event.data.user" },
            "priority": "event.data.paid ? 120 : 0",
            "cancel_on": [{
                "event": "test/cancelled",
                "filter": "event.data.id == async.data.id",
                "timeout": 3_600_000,
            }],
            "singleton": { "mode": "skip", "key": "event.data.user" },
            "timeouts": { "start": 60_000, "finish": 3_600_000 },
        },
        "wishes": { "hosts": ["api.example.com"], "settings": ["GREETING"], "secrets": ["TOKEN"] },
        "not_granted": functions["everything"]["not_granted"],
        "paused_since": null,
    });
    assert_eq!(functions["everything"], expected);
    let option = |id: &str, option: &str| functions[id]["flow"][option].clone();
    assert_eq!(option("gathered", "batch"), json!({ "max_size": 3, "timeout": 1_000 }));
    assert_eq!(option("frugal", "idempotency"), "event.data.id");
    assert_eq!(functions["callee"]["triggers"], json!([]));
    let failed = json!([{ "event": "inngest/function.failed", "if": "event.data.function_id == 'parting'" }]);
    assert_eq!(functions["parting-failure"]["triggers"], failed);
}
