//! Descriptions, right and wrong.

use super::*;
use crate::flow::{Batch, CancelOn, Debounce, RateLimit, Singleton, SingletonMode, Throttle, Timeouts};

fn event(name: &str) -> DraftTrigger {
    DraftTrigger::Event { name: name.into(), filter: None }
}

fn cron(schedule: &str, jitter: Option<Span>) -> DraftTrigger {
    DraftTrigger::Cron { schedule: schedule.into(), jitter }
}

fn draft() -> Draft {
    Draft { id: "charge".into(), triggers: vec![event("shop/order.placed")], ..Draft::default() }
}

fn with(flow: Flow<String>) -> Draft {
    Draft { flow, ..draft() }
}

fn s(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

fn key(text: &str) -> Option<String> {
    Some(text.into())
}

fn limit(limit: u32, key: Option<&str>, scope: Scope) -> Concurrency<String> {
    Concurrency { limit, key: key.map(Into::into), scope }
}

/// One of everything that may stand together.
fn everything() -> Flow<String> {
    Flow {
        concurrency: vec![limit(5, None, Scope::Function), limit(1, Some("event.data.a"), Scope::App)],
        throttle: Some(Throttle { limit: 2, period: s(60), burst: 1, key: key("event.data.a") }),
        rate_limit: Some(RateLimit { limit: 10, period: s(60), key: None }),
        debounce: Some(Debounce { period: s(5), timeout: Some(s(60)), key: None }),
        batch: None,
        priority: key("event.data.urgent ? 100 : 0"),
        idempotency: None,
        cancel_on: vec![CancelOn {
            event: "a/*".into(),
            filter: key("async.data.a == event.data.a"),
            timeout: None,
        }],
        singleton: Some(Singleton { key: None, mode: SingletonMode::Cancel }),
        timeouts: Timeouts { start: Some(s(1)), finish: None },
    }
}

fn batch() -> Batch<String> {
    Batch { max_size: 10, timeout: s(5), key: None, filter: None }
}

/// The field that is wrong, and why.
fn wrong(draft: Draft) -> (String, String) {
    let bad = draft.parse().expect_err("refused");
    (bad.field, bad.why)
}

fn field(draft: Draft) -> String {
    wrong(draft).0
}

#[test]
fn what_is_left_out_takes_the_documented_defaults() {
    let m = draft().parse().expect("valid");
    assert_eq!((m.name.as_str(), m.app.as_str(), m.retries), ("charge", "charge", 3));
    assert_eq!((m.step_timeout, m.flow), (s(300), Flow::default()));
}

#[test]
fn all_that_may_be_said_together_is_taken() {
    let m = with(everything()).parse().expect("valid");
    assert_eq!(m.flow.concurrency[1].key.as_ref().map(Expr::source), Some("event.data.a"));
    let alone = Flow { batch: Some(batch()), throttle: everything().throttle, ..Flow::default() };
    assert!(with(Flow { concurrency: everything().concurrency, ..alone }).parse().is_ok());
}

#[test]
fn each_wrong_field_is_named() {
    assert_eq!(field(Draft { id: "a b".into(), ..draft() }), "id");
    assert_eq!(field(Draft { id: String::new(), ..draft() }), "id");
    assert_eq!(field(Draft { app: key("a:b"), ..draft() }), "app");
    assert_eq!(field(Draft { retries: Some(21), ..draft() }), "retries");
    assert_eq!(field(Draft { step_timeout: Some(Span::ZERO), ..draft() }), "step-timeout");
}

#[test]
fn triggers_are_few_and_different_and_each_is_valid() {
    let field = |triggers| field(Draft { triggers, ..draft() });
    assert_eq!(field((0..=10).map(|n| event(&format!("e{n}"))).collect()), "triggers");
    assert_eq!(field(vec![event("a"), event("b"), event("a")]), "triggers[2]");
    assert_eq!(field(vec![event("")]), "triggers[0].name");
    assert_eq!(field(vec![event("a"), event(&"é".repeat(256))]), "triggers[1].name");
    assert_eq!(field(vec![cron("* *", None)]), "triggers[0].schedule");
    assert_eq!(field(vec![cron("@daily", Some(s(301)))]), "triggers[0].jitter");
    assert_eq!(field(vec![cron("@daily", Some(Span::from_millis(999)))]), "triggers[0].jitter");
    let filter = |filter: &str| DraftTrigger::Event { name: "a".into(), filter: key(filter) };
    assert_eq!(field(vec![filter("async.x == 1")]), "triggers[0].filter");
    let triggers =
        vec![filter("event.data.a"), filter("event.data.b"), event("a"), cron("@daily", Some(Span::ZERO))];
    assert!(Draft { triggers, ..draft() }.parse().is_ok(), "a name with another filter is another trigger");
}

#[test]
fn an_expression_that_is_wrong_is_told_with_its_place() {
    let flow = Flow {
        concurrency: vec![limit(1, None, Scope::Function), limit(1, Some("event.x == nope"), Scope::App)],
        ..Flow::default()
    };
    let bad = with(flow).parse().expect_err("refused").to_string();
    assert_eq!(
        bad,
        "function `charge`, flow.concurrency[1].key: there is no `nope`, only `event` \
         (line 1, column 12 of the expression)"
    );
}

#[test]
fn limits_of_concurrency_are_two_and_count_something() {
    let field = |concurrency| field(with(Flow { concurrency, ..Flow::default() }));
    let key = Some("event.data.a");
    assert_eq!(field(vec![limit(1, key, Scope::App); 3]), "flow.concurrency");
    assert_eq!(field(vec![limit(0, None, Scope::Function)]), "flow.concurrency[0].limit");
    assert_eq!(field(vec![limit(1, None, Scope::App)]), "flow.concurrency[0].key");
    assert_eq!(field(vec![limit(1, None, Scope::Account)]), "flow.concurrency[0].key");
    assert_eq!(field(vec![limit(1, key, Scope::App), limit(2, key, Scope::App)]), "flow.concurrency[1]");
}

#[test]
fn rates_and_periods_are_in_bounds() {
    let full = everything;
    let throttle = |limit, period| {
        field(with(Flow { throttle: Some(Throttle { limit, period, burst: 0, key: None }), ..full() }))
    };
    assert_eq!(throttle(0, s(1)), "flow.throttle.limit");
    assert_eq!(throttle(1, Span::from_millis(999)), "flow.throttle.period");
    assert_eq!(throttle(1, s(7 * 86_400 + 1)), "flow.throttle.period");
    let rate = |limit, period| {
        field(with(Flow { rate_limit: Some(RateLimit { limit, period, key: None }), ..full() }))
    };
    assert_eq!(rate(0, s(1)), "flow.rate-limit.limit");
    assert_eq!(rate(1, s(86_401)), "flow.rate-limit.period");
    let debounce = |period, timeout| {
        field(with(Flow { debounce: Some(Debounce { period, timeout, key: None }), ..full() }))
    };
    assert_eq!(debounce(Span::ZERO, None), "flow.debounce.period");
    assert_eq!(debounce(s(8 * 86_400), None), "flow.debounce.period");
    assert_eq!(debounce(s(5), Some(s(4))), "flow.debounce.timeout");
    let batch = |max_size, timeout| {
        field(with(Flow { batch: Some(Batch { max_size, timeout, ..batch() }), ..Flow::default() }))
    };
    assert_eq!(
        (batch(1, s(1)).as_str(), batch(101, s(1)).as_str()),
        ("flow.batch.max-size", "flow.batch.max-size")
    );
    assert_eq!(
        (batch(2, s(0)).as_str(), batch(2, s(61)).as_str()),
        ("flow.batch.timeout", "flow.batch.timeout")
    );
}

#[test]
fn cancelling_events_and_timeouts_are_in_bounds() {
    let cancel = |event: &str, filter: Option<&str>, timeout| CancelOn {
        event: event.into(),
        filter: filter.map(Into::into),
        timeout,
    };
    let field_of = |cancel_on| field(with(Flow { cancel_on, ..Flow::default() }));
    assert_eq!(field_of(vec![cancel("a", None, None); 6]), "flow.cancel-on");
    assert_eq!(field_of(vec![cancel("", None, None)]), "flow.cancel-on[0].event");
    assert_eq!(field_of(vec![cancel("a", Some("x"), None)]), "flow.cancel-on[0].filter");
    assert_eq!(field_of(vec![cancel("a", None, Some(Span::ZERO))]), "flow.cancel-on[0].timeout");
    assert_eq!(field_of(vec![cancel("a", None, Some(Span::from_days(367)))]), "flow.cancel-on[0].timeout");
    let timeouts =
        |start, finish| field(with(Flow { timeouts: Timeouts { start, finish }, ..Flow::default() }));
    assert_eq!(timeouts(Some(Span::ZERO), None), "flow.timeouts.start");
    assert_eq!(timeouts(None, Some(Span::ZERO)), "flow.timeouts.finish");
}

#[test]
fn a_batch_stands_alone_and_idempotency_without_a_rate_limit() {
    let batch = || Flow { batch: Some(batch()), ..Flow::default() };
    let full = everything;
    for (flow, other) in [
        (Flow { cancel_on: full().cancel_on, ..batch() }, "cancel-on"),
        (Flow { debounce: full().debounce, ..batch() }, "debounce"),
        (Flow { singleton: full().singleton, ..batch() }, "singleton"),
        (Flow { rate_limit: full().rate_limit, ..batch() }, "rate-limit"),
        (Flow { priority: full().priority, ..batch() }, "priority"),
        (Flow { idempotency: key("event.id"), ..batch() }, "idempotency"),
    ] {
        let (field, why) = wrong(with(flow));
        assert!(field == "flow.batch" && why.contains(other), "{field}: {why}");
    }
    assert_eq!(field(with(Flow { idempotency: key("event.id"), ..full() })), "flow.idempotency");
}

#[test]
fn the_stored_form_of_a_manifest_stays_as_it_is_and_reads_back() {
    let filter = DraftTrigger::Event { name: "a/b".into(), filter: key("event.data.n > 1") };
    let triggers =
        vec![event("a/*"), filter, cron("TZ=Europe/Paris @daily", Some(s(5))), cron("@every 1h", None)];
    let full = Draft { triggers, app: key("shop"), ..with(everything()) }.parse().expect("valid");
    let alone = Flow { batch: Some(batch()), ..Flow::default() };
    for manifest in [full.clone(), draft().parse().expect("valid"), with(alone).parse().expect("valid")] {
        let json = serde_json::to_string(&manifest).expect("serialises");
        assert_eq!(serde_json::from_str::<Manifest>(&json).expect("reads"), manifest, "{json}");
    }
    let json = serde_json::to_string_pretty(&full).expect("serialises");
    expect_test::expect![[r#"
        {
          "id": "charge",
          "name": "charge",
          "app": "shop",
          "triggers": [
            {
              "event": "a/*"
            },
            {
              "event": "a/b",
              "filter": "event.data.n > 1"
            },
            {
              "cron": "TZ=Europe/Paris @daily",
              "jitter": 5000
            },
            {
              "cron": "@every 1h"
            }
          ],
          "retries": 3,
          "flow": {
            "concurrency": [
              {
                "limit": 5,
                "scope": "function"
              },
              {
                "limit": 1,
                "key": "event.data.a",
                "scope": "app"
              }
            ],
            "throttle": {
              "limit": 2,
              "period": 60000,
              "burst": 1,
              "key": "event.data.a"
            },
            "rate_limit": {
              "limit": 10,
              "period": 60000
            },
            "debounce": {
              "period": 5000,
              "timeout": 60000
            },
            "priority": "event.data.urgent ? 100 : 0",
            "cancel_on": [
              {
                "event": "a/*",
                "filter": "async.data.a == event.data.a"
              }
            ],
            "singleton": {
              "mode": "cancel"
            },
            "timeouts": {
              "start": 1000
            }
          },
          "step_timeout": 300000,
          "wishes": {
            "hosts": [],
            "settings": [],
            "secrets": []
          }
        }"#]]
    .assert_eq(&json);
}

#[test]
fn manifests_of_the_first_version_still_read() {
    let stored = r#"{"id":"f","name":"F","triggers":[{"event":"a/b"}],"retries":3,"concurrency":5,
        "step_timeout":300000,"wishes":{"hosts":[],"settings":[],"secrets":["K"]}}"#;
    let read: Manifest = serde_json::from_str(stored).expect("reads");
    assert_eq!(read.triggers, [Trigger::Event { name: "a/b".into(), filter: None }]);
    assert_eq!(read.flow.concurrency, [Concurrency { limit: 5, key: None, scope: Scope::Function }]);
    assert_eq!((read.app.as_str(), read.step_timeout), ("f", s(300)));
    let none = stored.replace(":5,", ":null,");
    assert_eq!(serde_json::from_str::<Manifest>(&none).expect("reads").flow, Flow::default());
}
