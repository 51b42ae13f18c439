//! Descriptions that make no sense are refused when a component is loaded, with the
//! function, the field and the place.

use super::by_hand::Description;
use pawl_tests::Setup;
use serde_json::{Value, json};

/// A change to a function's description.
type Change = fn(&mut Description) -> &mut Description;

/// What is wrong: how, the field that is named, and words of the sentence.
const CASES: &[(Change, &str, &str)] = &[
    // triggers
    (|f| f.event("", None), "triggers[0].name", "no name"),
    (|f| f.event("a", Some("event.data.n >")), "triggers[0].filter", "(line 1, column "),
    (|f| f.event("a", Some("evnt.data.n > 1")), "triggers[0].filter", "there is no `evnt`"),
    (|f| f.event("a", Some("async.data.n > 1")), "triggers[0].filter", "there is no `async`"),
    (|f| f.event("a", None).event("b", None).event("a", None), "triggers[2]", "twice"),
    (|f| f.cron("* * * *", None), "triggers[0].schedule", "has 4 fields and needs five"),
    (|f| f.cron("61 * * * *", None), "triggers[0].schedule", "61 * * * *"),
    (|f| f.cron("0 0 31 2 *", None), "triggers[0].schedule", "never comes"),
    (|f| f.cron("@sometimes", None), "triggers[0].schedule", "no schedule named `@sometimes`"),
    (|f| f.cron("@every 1x", None), "triggers[0].schedule", "is no time"),
    (|f| f.cron("@every 1ms", None), "triggers[0].schedule", "a second to 366 days"),
    (|f| f.cron("TZ=Europe/Atlantis @daily", None), "triggers[0].schedule", "no time zone `Europe/Atlantis`"),
    (|f| f.cron("@daily", Some(1)), "triggers[0].jitter", "a second to 5 minutes"),
    // limits
    (|f| f.concurrency(0, None, 0), "flow.concurrency[0].limit", "a limit of 0"),
    (|f| f.concurrency(1, None, 2), "flow.concurrency[0].key", "`account` needs a key"),
    (|f| f.concurrency(1, None, 1), "flow.concurrency[0].key", "`app` needs a key"),
    (
        |f| f.concurrency(1, None, 0).concurrency(2, Some("event.data."), 0),
        "flow.concurrency[1].key",
        "column ",
    ),
    (|f| f.concurrency(1, None, 0).concurrency(2, None, 0), "flow.concurrency[1]", "twice"),
    (
        |f| f.concurrency(1, None, 0).concurrency(1, Some("event.id"), 0).concurrency(1, Some("event.ts"), 0),
        "flow.concurrency",
        "there may be 2",
    ),
    (|f| f.throttle(0, 1_000, None), "flow.throttle.limit", "a limit of 0"),
    (|f| f.throttle(1, 999, None), "flow.throttle.period", "a second to 7 days"),
    (|f| f.throttle(1, 1_000, Some("1 +")), "flow.throttle.key", "column "),
    (|f| f.rate_limit(0, 1_000, None), "flow.rate-limit.limit", "a limit of 0"),
    (|f| f.rate_limit(1, 86_400_001, None), "flow.rate-limit.period", "a second to 24 hours"),
    (
        |f| f.rate_limit(1, 1_000, None).idempotency("event.id"),
        "flow.idempotency",
        "leave one of the two out",
    ),
    (|f| f.idempotency("event.data.["), "flow.idempotency", "column "),
    (|f| f.priority("nothing"), "flow.priority", "there is no `nothing`"),
    // events that come together
    (|f| f.debounce(0, None), "flow.debounce.period", "a second to 7 days"),
    (|f| f.debounce(5_000, Some(4_999)), "flow.debounce.timeout", "shorter than the period"),
    (|f| f.batch(1, 1_000, None), "flow.batch.max-size", "2 to 100"),
    (|f| f.batch(101, 1_000, None), "flow.batch.max-size", "2 to 100"),
    (|f| f.batch(2, 0, None), "flow.batch.timeout", "a second to a minute"),
    (|f| f.batch(2, 60_001, None), "flow.batch.timeout", "a second to a minute"),
    (|f| f.batch(2, 1_000, Some("")), "flow.batch.filter", "column "),
    (|f| f.batch(2, 1_000, None).singleton("event.id"), "flow.batch", "cannot have singleton"),
    (|f| f.batch(2, 1_000, None).cancel_on("a", None, None), "flow.batch", "cannot have cancel-on"),
    // ends
    (|f| f.cancel_on("", None, None), "flow.cancel-on[0].event", "no name"),
    (|f| f.cancel_on("a", Some("other.data"), None), "flow.cancel-on[0].filter", "there is no `other`"),
    (|f| f.cancel_on("a", None, Some(0)), "flow.cancel-on[0].timeout", "at most 366 days"),
    (|f| f.singleton("event.data.x == "), "flow.singleton.key", "column "),
    (|f| f.timeouts(Some(0), None), "flow.timeouts.start", "in no time"),
    (|f| f.timeouts(None, Some(0)), "flow.timeouts.finish", "in no time"),
];

fn bad(n: usize) -> Vec<u8> {
    let mut function = Description::new(&format!("wrong-{n}"));
    CASES[n].0(&mut function);
    function.plugin()
}

fn expect_named(n: usize, sentence: &str) {
    let (_, field, words) = CASES[n];
    let named = format!("function `wrong-{n}`, {field}: ");
    assert!(sentence.contains(&named), "{n}: {sentence:?} does not name {named:?}");
    assert!(sentence.contains(words), "{n}: {sentence:?} does not say {words:?}");
}

#[tokio::test]
async fn an_upload_with_a_wrong_description_is_refused_with_function_field_and_place() {
    let host = Setup::dev().start().await;
    for (n, (_, field, _)) in CASES.iter().enumerate() {
        let refused = host.deploy(bad(n)).await;
        assert_eq!(refused.status, 422, "{field}: {}", refused.body);
        refused.expect_refusal(422, "invalid_manifest");
        expect_named(n, refused.json()["error"].as_str().expect("a sentence"));
    }
    assert_eq!(host.read("/v1/functions").await, json!([]));
}

#[tokio::test]
async fn a_file_with_a_wrong_description_is_told_by_check_without_a_host() {
    let host = Setup::dev().start().await;
    let mut arguments = vec!["check".to_owned(), "--json".to_owned()];
    for n in 0..CASES.len() {
        let name = format!("{n}.wasm");
        std::fs::write(host.folder().join(&name), bad(n)).expect("writes");
        arguments.push(name);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let output = host.cli(&arguments).await;
    assert_eq!(output.status.code(), Some(1));
    let views: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(views.as_array().map(Vec::len), Some(CASES.len()));
    for (n, view) in views.as_array().expect("a list").iter().enumerate() {
        assert_eq!(view["code"], "invalid_manifest", "{view:#}");
        expect_named(n, view["error"].as_str().expect("a sentence"));
    }
}

#[tokio::test]
async fn a_sound_description_is_shown_as_it_was_written() {
    let host = Setup::dev().start().await;
    let mut function = Description::new("sound");
    function
        .event("a/b", Some("event.data.n > 1"))
        .cron("TZ=Europe/Paris 0 9 * * 1-5", Some(30_000))
        .concurrency(3, None, 0)
        .concurrency(1, Some("event.data.user"), 2)
        .throttle(2, 60_000, Some("event.data.user"))
        .debounce(5_000, Some(60_000))
        .priority("event.data.p")
        .idempotency("event.data.id")
        .cancel_on("a/c", Some("async.data.id == event.data.id"), Some(1_000))
        .singleton("event.data.user")
        .timeouts(Some(1_000), Some(2_000));
    host.deploy(function.plugin()).await.expect(201);
    let shown = host.read("/v1/functions").await[0].clone();
    let triggers = json!([
        { "event": "a/b", "if": "event.data.n > 1" },
        { "cron": "TZ=Europe/Paris 0 9 * * 1-5", "jitter_ms": 30_000 },
    ]);
    assert_eq!(
        (&shown["triggers"], &shown["retries"], &shown["app"]),
        (&triggers, &json!(0), &json!("sound"))
    );
    let flow = json!({
        "concurrency": [
            { "limit": 3, "scope": "function" },
            { "limit": 1, "scope": "account", "key": "event.data.user" },
        ],
        "throttle": { "limit": 2, "period": 60_000, "burst": 0, "key": "event.data.user" },
        "debounce": { "period": 5_000, "timeout": 60_000 },
        "priority": "event.data.p",
        "idempotency": "event.data.id",
        "cancel_on": [{ "event": "a/c", "filter": "async.data.id == event.data.id", "timeout": 1_000 }],
        "singleton": { "key": "event.data.user", "mode": "skip" },
        "timeouts": { "start": 1_000, "finish": 2_000 },
    });
    assert_eq!(shown["flow"], flow);
}
