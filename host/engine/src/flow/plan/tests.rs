//! Terms, option by option.

use super::*;
use crate::flow::{
    Batch, CancelOn, Concurrency, Debounce, Flow, RateLimit, Singleton, SingletonMode, Timeouts,
};
use crate::manifest::Draft;
use crate::{EventId, NewEvent, Payload, Span, Timestamp};

fn manifest(id: &str, flow: Flow<String>) -> Manifest {
    Draft { id: id.into(), app: Some("shop".into()), flow, ..Draft::default() }.parse().expect("valid")
}

fn event(data: &str) -> Event {
    let data = Payload::parse(data.into(), 10_000).expect("JSON");
    let name = "a/b".into();
    let new = NewEvent { name, data, user: None, at: None, version: None, sender: None, trace: None };
    new.accept(EventId::new("e"), Timestamp::from_millis(1_000))
}

fn terms(flow: Flow<String>, data: &str) -> Terms {
    let event = event(data);
    Terms::of(&manifest("f", flow), &event, &Vars::new(&event.to_value()))
}

fn limit(limit: u32, key: Option<&str>, scope: Scope) -> Concurrency<String> {
    Concurrency { limit, key: key.map(Into::into), scope }
}

fn ids(lane: &Lane) -> Vec<&str> {
    lane.gates.iter().map(|gate| gate.id.as_str()).collect()
}

fn s(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

const A: &str = "event.data.a";

#[test]
fn without_wishes_there_is_nothing_to_pass() {
    assert_eq!(terms(Flow::default(), "{}"), Terms::plain(FunctionId::new("f")));
}

#[test]
fn a_limit_is_counted_for_those_whom_its_scope_names() {
    let gates = |scope, data| {
        let flow = Flow { concurrency: vec![limit(2, Some(A), scope)], ..Flow::default() };
        ids(&terms(flow, data).lane).join(" ")
    };
    assert_eq!(gates(Scope::Function, r#"{"a": "x"}"#), "c:f:event.data.a:x");
    assert_eq!(gates(Scope::App, r#"{"a": 1.0}"#), "c@shop:event.data.a:1");
    assert_eq!(gates(Scope::Account, "{}"), "c@:event.data.a:null");
    let flow = Flow { concurrency: vec![limit(2, None, Scope::Function)], ..Flow::default() };
    assert_eq!(ids(&terms(flow, "{}").lane), ["c:f:"]);
}

#[test]
fn long_keys_are_replaced_by_a_hash_and_stay_different() {
    let id = |c: &str| {
        let flow = Flow { concurrency: vec![limit(2, Some(A), Scope::Function)], ..Flow::default() };
        ids(&terms(flow, &format!(r#"{{"a": "{}"}}"#, c.repeat(100))).lane).concat()
    };
    assert!(id("x").len() < 100 && id("x") != id("y"), "{}", id("x"));
}

#[test]
fn a_key_without_a_value_is_null() {
    let flow =
        Flow { concurrency: vec![limit(1, Some("1 / event.data.a"), Scope::Function)], ..Flow::default() };
    assert_eq!(ids(&terms(flow, r#"{"a": 0}"#).lane), ["c:f:1 / event.data.a:null"]);
}

#[test]
fn a_throttle_is_passed_once_and_its_burst_comes_on_top() {
    let throttle = Throttle { limit: 2, period: s(60), burst: 3, key: Some(A.into()) };
    let flow = Flow {
        throttle: Some(throttle),
        concurrency: vec![limit(5, None, Scope::Function)],
        ..Flow::default()
    };
    let terms = terms(flow.clone(), r#"{"a": true}"#);
    assert_eq!(ids(&terms.fresh), ["c:f:", "t:f:event.data.a:true"]);
    assert_eq!(ids(&terms.lane), ["c:f:"]);
    let rate = GateRule::Rate(Rate { limit: 2, period: s(60), at_once: 5 });
    assert_eq!(terms.fresh.gates[1].then, rate);
    // every gate finds its rule, and a changed one holds
    let rules = rules(&manifest("f", flow));
    assert_eq!(rules.len(), 2);
    for gate in &terms.fresh.gates {
        assert_eq!(rules.get(&gate.rule), Some(&gate.then), "{}", gate.rule);
    }
}

#[test]
fn checks_are_how_often_and_then_whether_one_is_there() {
    let rate_limit = Some(RateLimit { limit: 25, period: s(10), key: Some(A.into()) });
    let singleton = Some(Singleton { key: Some("event.data.one".into()), mode: SingletonMode::Skip });
    let flow = Flow { rate_limit, singleton, ..Flow::default() };
    let rate =
        Check::Rate { key: "r:f:event.data.a:1".into(), rate: Rate { limit: 25, period: s(10), at_once: 3 } };
    let single =
        |value: &str| Check::Single { key: format!("s:f:event.data.one:{value}"), mode: SingletonMode::Skip };
    assert_eq!(terms(flow.clone(), r#"{"a": 1, "one": "x"}"#).checks, [rate.clone(), single("x")]);
    assert_eq!(terms(flow.clone(), r#"{"a": 1, "one": "false"}"#).checks, [rate.clone(), single("false")]);
    assert_eq!(terms(flow.clone(), r#"{"a": 1, "one": false}"#).checks, std::slice::from_ref(&rate));
    assert_eq!(terms(flow, r#"{"a": 1}"#).checks, [rate, single("null")]);
}

#[test]
fn idempotency_is_one_in_a_day_for_each_value() {
    let flow = Flow { idempotency: Some(A.into()), ..Flow::default() };
    let rate = Rate { limit: 1, period: Span::from_days(1), at_once: 1 };
    assert_eq!(terms(flow, r#"{"a": "k"}"#).checks, [Check::Rate { key: "i:f:event.data.a:k".into(), rate }]);
}

#[test]
fn a_debounce_gathers_by_its_key_and_a_batch_what_its_filter_takes() {
    let debounce = Some(Debounce { period: s(5), timeout: Some(s(60)), key: Some(A.into()) });
    let gather = terms(Flow { debounce, ..Flow::default() }, r#"{"a": "k"}"#).gather;
    let key = "d:f:event.data.a:k".into();
    assert_eq!(gather, Some(Gather::Debounce { key, period: s(5), timeout: Some(s(60)) }));
    let batch = Batch { max_size: 10, timeout: s(5), key: None, filter: Some(A.into()) };
    let flow = Flow { batch: Some(batch), ..Flow::default() };
    let all = Some(Gather::Batch { key: "b:f:".into(), max: 10, timeout: s(5) });
    assert_eq!(terms(flow.clone(), r#"{"a": true}"#).gather, all);
    assert_eq!(terms(flow.clone(), r#"{"a": false}"#).gather, None);
    assert_eq!(terms(flow, "{}").gather, None);
}

#[test]
fn a_priority_moves_ten_minutes_at_most() {
    let ahead = |data: &str| terms(Flow { priority: Some(A.into()), ..Flow::default() }, data).ahead;
    assert_eq!((ahead(r#"{"a": 20}"#), ahead(r#"{"a": -5.5}"#)), (20_000, -5_000));
    assert_eq!((ahead(r#"{"a": 1e18}"#), ahead(r#"{"a": -601}"#)), (600_000, -600_000));
    assert_eq!((ahead("{}"), ahead(r#"{"a": "x"}"#)), (0, 0));
}

#[test]
fn cancelling_events_are_watched_for_from_the_receipt_on() {
    let filter = Some("async.data.a == event.data.a".to_owned());
    let cancel_on = vec![
        CancelOn { event: "a/*".into(), filter, timeout: Some(s(60)) },
        CancelOn { event: "b".into(), filter: None, timeout: None },
    ];
    let timeouts = Timeouts { start: Some(s(7)), finish: None };
    let terms = terms(Flow { cancel_on, timeouts, ..Flow::default() }, r#"{"a": 5.0}"#);
    assert_eq!(terms.start_within, Some(s(7)));
    let [first, second] = &terms.cancel_on[..] else { panic!("two watches") };
    assert_eq!((&*first.name, first.until), ("a/*", Timestamp::from_millis(61_000)));
    assert_eq!(first.index, Some(("data.a".into(), "5".into())));
    assert_eq!((&second.filter, &second.index), (&None, &None));
    assert_eq!(second.until, Timestamp::from_millis(1_000) + Span::from_days(366));
    let takes = |data: &str| Watch::takes(first.filter.as_ref(), &event(r#"{"a": 5.0}"#), &event(data));
    assert!(takes(r#"{"a": 5}"#) && !takes(r#"{"a": 6}"#) && !takes("{}"));
}

#[test]
fn a_run_that_is_wanted_again_is_neither_checked_nor_kept_waiting() {
    let flow = Flow {
        rate_limit: Some(RateLimit { limit: 1, period: s(10), key: None }),
        debounce: Some(Debounce { period: s(5), timeout: None, key: None }),
        concurrency: vec![limit(1, None, Scope::Function)],
        ..Flow::default()
    };
    let again = terms(flow, "{}").again();
    assert_eq!((again.checks, again.gather), (vec![], None));
    assert_eq!(ids(&again.lane), ["c:f:"]);
}
