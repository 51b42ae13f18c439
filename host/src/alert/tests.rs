//! What is told when, and that nothing is lost between a turn and its telling.

use super::*;
use crate::config::alerts::{Channel, Shape};
use crate::secret::Secret;
use crate::store::memory::Memory;
use crate::store::{Accept, Keep};
use pawl_engine::alert::{Above, Pattern};
use pawl_engine::{EventId, NewEvent, Span};
use std::collections::BTreeMap;
use tokio::sync::Notify;

fn rule(when: When, subject: Subject) -> Rule {
    Rule {
        name: "r".into(),
        when,
        subject,
        within: Span::from_secs(300),
        hold_for: Span::ZERO,
        resolve_after: Span::ZERO,
        repeat: Span::from_secs(3_600),
        to: vec!["ops".into()],
    }
}

fn event(name: &str) -> Subject {
    Subject::Event(Pattern::new(name))
}

/// Rules over an empty store, with a channel that nothing can be reached at.
fn rules(all: Vec<Rule>) -> (Rules, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(Memory::default());
    (rules_of(all, store.clone()), store)
}

fn rules_of(all: Vec<Rule>, store: Arc<dyn Store>) -> Rules {
    let functions: Functions = Arc::new(|| Arc::new(Snapshot::default()));
    let intake = Intake::new(store.clone(), functions.clone(), Arc::new(Notify::new()));
    let (url, _) = Secret::load("http://127.0.0.1:1/").expect("a text");
    let channels = BTreeMap::from([("ops".to_owned(), Channel { kind: Shape::Slack, url, secret: None })]);
    let alerts = Alerts { rules: all, channels, every: Span::from_secs(10), url: None };
    Rules::new(alerts, store, functions, intake)
}

fn new_event(name: &str) -> NewEvent {
    let data = Payload::from_value(&serde_json::json!({}));
    NewEvent { name: name.into(), data, user: None, at: None, version: None, sender: None, trace: None }
}

fn later(from: Timestamp, seconds: u64) -> Timestamp {
    from + Span::from_secs(seconds)
}

async fn waiting(store: &dyn Store) -> Vec<String> {
    store.kv_keys("pawl:alerts:outbox", "", 100).await.expect("keys")
}

#[tokio::test]
async fn a_silence_is_told_once_and_its_end_too() {
    let (rules, store) = rules(vec![rule(When::Silence, event("shop/*"))]);
    let start = rules.0.started_at;
    rules.0.evaluate(start).await.expect("looks");
    rules.0.evaluate(later(start, 299)).await.expect("looks");
    assert_eq!(waiting(&*store).await.len(), 0, "it has not listened for long enough");
    for seconds in [300, 310, 320] {
        rules.0.evaluate(later(start, seconds)).await.expect("looks");
    }
    let keys = waiting(&*store).await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    let view = rules.view();
    assert_eq!((view[0].state, view[0].since), (RuleState::Raised, Some(later(start, 300))));
    let [record] = &store.records().alert_records(None, 10).await.expect("reads")[..] else { panic!() };
    assert_eq!((record.state, record.subject.as_str()), (AlertState::Raised, "shop/*"));
    assert!(record.text.contains("no events within 5m"), "{}", record.text);

    let event = new_event("shop/order.placed").accept(EventId::new("e"), later(start, 325));
    let accept = Accept { event, runs: Vec::new(), keep: Keep::Always };
    store.accept(vec![accept]).await.expect("accepts");
    rules.0.evaluate(later(start, 330)).await.expect("looks");
    assert_eq!(waiting(&*store).await.len(), 2);
    assert_eq!(rules.view()[0].state, RuleState::Ok);
}

#[tokio::test]
async fn what_a_crash_left_to_be_told_is_told_once_at_the_next_start() {
    let (before, store) = rules(vec![rule(When::Silence, event("a"))]);
    let start = before.0.started_at;
    before.0.evaluate(start).await.expect("looks");
    before.0.evaluate(later(start, 400)).await.expect("looks");
    let [key] = &waiting(&*store).await[..] else { panic!("one") };
    // as if the host had ended before anything but the state was written
    let bytes = store.kv_get("pawl:alerts:outbox", key).await.expect("reads").expect("is there");
    store.kv_set("pawl:alerts:outbox", key, None).await.expect("deletes");
    let kept = store.kv_get(BUCKET, "r\na").await.expect("reads").expect("is there");
    let mut kept: Kept = serde_json::from_slice(&kept).expect("its shape");
    assert_eq!(kept.telling, None);
    kept.telling = Some(serde_json::from_slice(&bytes).expect("a notice"));
    store.kv_set(BUCKET, "r\na", serde_json::to_vec(&kept).ok()).await.expect("writes");

    let after = rules_of(vec![rule(When::Silence, event("a"))], store.clone());
    after.0.restore().await.expect("reads");
    after.0.evaluate(later(start, 410)).await.expect("looks");
    after.0.evaluate(later(start, 420)).await.expect("looks");
    assert_eq!(waiting(&*store).await, [key.as_str()], "under the same id");
    assert_eq!(
        store.records().alert_records(None, 10).await.expect("reads").len(),
        1,
        "and no second record"
    );
}

#[tokio::test]
async fn the_state_of_a_rule_that_has_gone_goes() {
    let (before, store) = rules(vec![rule(When::Silence, event("a"))]);
    before.0.evaluate(clock::now()).await.expect("looks");
    assert_eq!(store.kv_keys(BUCKET, "", 10).await.expect("keys"), ["r\na"]);
    rules_of(Vec::new(), store.clone()).0.restore().await.expect("reads");
    assert!(store.kv_keys(BUCKET, "", 10).await.expect("keys").is_empty());
}

#[tokio::test]
async fn too_many_are_too_many_by_number_and_what_is_usual_has_to_be_known() {
    let count = When::Spike { above: Above::Count(2), at_least: 1 };
    let times =
        Rule { name: "t".into(), ..rule(When::Spike { above: Above::Times(10.0), at_least: 1 }, event("a")) };
    let (rules, _store) = rules(vec![rule(count, event("a")), times]);
    let new = || new_event("a");
    rules.0.intake.accept(vec![new(), new()]).await.expect("accepts");
    rules.0.evaluate(clock::now()).await.expect("looks");
    assert!(rules.view().iter().all(|v| v.state == RuleState::Ok), "{:?}", rules.view());
    rules.0.intake.accept(vec![new()]).await.expect("accepts");
    rules.0.evaluate(clock::now()).await.expect("looks");
    let states: Vec<_> = rules.view().iter().map(|v| v.state).collect();
    assert_eq!(states, [RuleState::Raised, RuleState::Ok]);
    assert_eq!(rules.view()[1].value, "not known yet");
}

#[tokio::test]
async fn what_waits_for_a_channel_that_has_gone_goes() {
    let (rules, store) = rules(vec![rule(When::Silence, event("a"))]);
    for key in ["gone\n1", "ops\n2"] {
        store.kv_set("pawl:alerts:outbox", key, Some(b"{}".to_vec())).await.expect("writes");
    }
    let end = CancellationToken::new();
    end.cancel();
    rules.0.outbox.clone().run(end).await;
    assert_eq!(waiting(&*store).await, ["ops\n2"]);
}

#[test]
fn many_at_once_are_one_message_that_counts_and_names_them() {
    let rule = Rule {
        name: "a <b> & c".into(),
        ..rule(When::Failed { at_least: 1 }, Subject::Function(Pattern::new("*")))
    };
    let at = Timestamp::from_millis(1_795_521_600_000);
    let reading = Reading::Is { value: 2.0, limit: 1.0 };
    let notice =
        |n: u64, turn| Notice::new(&rule, &format!("f{n}"), turn, reading, later(at, n), Some("https://p"));
    let all: Vec<_> =
        (0..25).map(|n| notice(n, if n < 20 { Turn::Raised } else { Turn::Resolved })).collect();
    let sum = message::Message::of(&all, at).expect("a message");
    let webhook: serde_json::Value = serde_json::from_str(&sum.webhook()).expect("JSON");
    assert_eq!(webhook["type"], "pawl.alert.summary");
    let data = &webhook["data"];
    let counts = ["count", "raised", "repeated", "resolved"].map(|key| data[key].as_u64());
    assert_eq!(counts, [Some(25), Some(20), Some(0), Some(5)]);
    assert_eq!(data["alerts"][0], serde_json::json!({"rule": rule.name, "subject": "f0", "state": "raised"}));
    let one = message::Message::of(&all[..1], at).expect("a message");
    let slack: serde_json::Value = serde_json::from_str(&one.slack()).expect("JSON");
    let text = slack["blocks"][0]["text"]["text"].as_str().expect("a text");
    assert!(text.starts_with("*🔴 a &lt;b&gt; &amp; c raised*\nf0: 2 runs failed within 5m"), "{text}");
    assert!(text.ends_with("<https://p/alerts|Open>"), "{text}");
    assert_ne!(one.id, sum.id);
}
