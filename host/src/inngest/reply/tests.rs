//! Answers as they were recorded from official SDKs, and what is none.

use super::*;
use crate::inngest::step_id;
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_434_208_000)
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    let mut map = HeaderMap::new();
    map.insert("x-inngest-sdk", "inngest-js:v4.24.0".parse().expect("a value"));
    for (name, value) in pairs {
        let name: http::HeaderName = name.parse().expect("a name");
        map.insert(name, value.parse().expect("a value"));
    }
    Headers::of(&map, now())
}

fn told(body: &str) -> Told {
    told_with(&[], body)
}

fn told_with(pairs: &[(&str, &str)], body: &str) -> Told {
    match read(206, &headers(pairs), body.as_bytes(), now()).expect("an answer") {
        Reply::Steps(mut steps) => steps.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_step_that_was_executed_keeps_its_output_and_its_authors_id() {
    let told = told(&format!(
        r#"[{{"id":"{}","op":"StepRun","name":"first-step","opts":{{}},"displayName":"first-step","userland":{{"id":"first-step"}},"data":{{"n":1.50}},"timing":{{"a":1795434208743000000,"b":0}}}}]"#,
        step_id("first-step")
    ));
    assert_eq!(told.call.id, "first-step");
    assert_eq!(told.result.expect("a result").expect("an output").as_str(), r#"{"n":1.50}"#);
}

#[test]
fn a_repeat_is_known_by_its_index_and_an_unknown_id_by_its_hash() {
    let repeat = format!(
        r#"[{{"id":"{}","op":"StepRun","userland":{{"id":"a","index":2}},"data":1}}]"#,
        step_id("a:2")
    );
    assert_eq!(told(&repeat).call.id, "a:2");
    let odd = format!(r#"[{{"id":"{}","op":"StepPlanned","name":"other","opts":null}}]"#, step_id("x"));
    assert_eq!(told(&odd).call.id, step_id("x"));
}

#[test]
fn an_id_that_would_not_come_to_itself_again_is_known_by_its_hash() {
    for id in ["item:0", "x:007", "slot 10:00", "0737c22d3bfae812339732d14d8c7dbd6dc4e09c"] {
        let body =
            format!(r#"[{{"id":"{}","op":"StepRun","userland":{{"id":"{id}"}},"data":1}}]"#, step_id(id));
        let key = pawl_engine::StepKey::parse(&told(&body).call.id);
        assert_eq!(wire_id(&key), step_id(id), "{id}");
    }
}

#[test]
fn steps_that_come_with_the_functions_end_are_not_lost() {
    let body = r#"[{"id":"x","op":"StepRun","data":1},{"op":"RunComplete","id":"0737","data":2}]"#;
    let Ok(Reply::Steps(steps)) = read(206, &headers(&[]), body.as_bytes(), now()) else {
        panic!("no steps")
    };
    assert_eq!(steps.len(), 1);
}

#[test]
fn sleeps_are_spans_or_moments() {
    let sleep =
        |name: &str| told(&format!(r#"[{{"id":"x","op":"Sleep","name":"{name}","opts":{{}}}}]"#)).call.op;
    assert!(matches!(sleep("1h30m"), Op::Sleep(span) if span == Span::from_secs(5_400)));
    assert!(
        matches!(sleep("2026-11-23T11:43:32.116Z"), Op::SleepUntil(at) if at.as_millis() == 1_795_434_212_116)
    );
    // what has passed is no wait
    assert!(matches!(sleep("2020-01-01T00:00:00Z"), Op::SleepUntil(at) if at == now()));
}

#[test]
fn a_span_of_nothing_or_less_is_an_empty_text_and_means_now() {
    let op = |op: &str, name: &str| {
        told(&format!(
            r#"[{{"id":"x","op":"{op}","name":"{name}","opts":{{"signal":"s","timeout":"","function_id":"f"}}}}]"#
        ))
        .call
        .op
    };
    assert!(matches!(op("Sleep", ""), Op::Sleep(Span::ZERO)));
    assert!(matches!(op("WaitForEvent", "e"), Op::Wait(WaitFor { timeout: Span::ZERO, .. })));
    assert!(matches!(op("WaitForSignal", "s"), Op::Wait(WaitFor { timeout: Span::ZERO, .. })));
    assert!(matches!(op("InvokeFunction", "f"), Op::Invoke(Invocation { timeout: Some(Span::ZERO), .. })));
}

#[test]
fn waits_calls_and_requests_say_what_they_are_for() {
    let wait = told(
        r#"[{"id":"w","op":"WaitForEvent","name":"cap/go","opts":{"timeout":"10s","if":"event.data.k == async.data.k"}}]"#,
    );
    let Op::Wait(wait) = wait.call.op else { panic!("no wait") };
    assert_eq!((&*wait.event, wait.timeout), ("cap/go", Span::from_secs(10)));
    assert_eq!(wait.filter.as_deref(), Some("event.data.k == async.data.k"));
    let call = told(
        r#"[{"id":"c","op":"InvokeFunction","opts":{"payload":{"data":{"hi":1}},"function_id":"cap-two-steps"}}]"#,
    );
    let Op::Invoke(call) = call.call.op else { panic!("no call") };
    assert_eq!((call.function.as_str(), call.data.as_str()), ("cap-two-steps", r#"{"hi":1}"#));
    let fetch = told(
        r#"[{"id":"f","op":"Gateway","opts":{"url":"http://a/","method":"post","headers":{"x-a":"b"},"body":"{}"}}]"#,
    );
    let Op::Fetch(fetch) = fetch.call.op else { panic!("no request") };
    assert_eq!((&*fetch.method, fetch.body.as_deref()), ("POST", Some("{}")));
}

#[test]
fn a_signal_is_a_wait_that_has_to_be_the_only_one() {
    let wait = |conflict: &str| {
        let body = format!(
            r#"[{{"id":"s","op":"WaitForSignal","name":"sig-1","opts":{{"signal":"sig-1","timeout":"5s"{conflict}}}}}]"#
        );
        let Op::Wait(wait) = told(&body).call.op else { panic!("no wait") };
        wait
    };
    let plain = wait("");
    assert_eq!(plain, signal::wait("sig-1", Span::from_secs(5), Rival::Fail));
    assert_eq!(wait(r#","conflict":"fail""#), plain);
    assert_eq!(wait(r#","conflict":"replace""#).only.map(|only| only.rival), Some(Rival::Replace));
}

#[test]
fn a_question_to_a_model_is_a_request_of_the_hosts() {
    let infer = told(
        r#"[{"id":"i","op":"AIGateway","opts":{"type":"step.ai.infer","url":"http://a/chat/completions","auth_key":"sk-x","format":"openai-chat","body":{"model":"gpt-4o"}}}]"#,
    );
    let Op::Fetch(fetch) = infer.call.op else { panic!("no request") };
    assert_eq!(
        (&*fetch.url, fetch.body.as_deref()),
        ("http://a/chat/completions", Some(r#"{"model":"gpt-4o"}"#))
    );
    assert!(fetch.infer.is_some());
    // a URL that would be seen with its key fails the step
    let odd = told(
        r#"[{"id":"i","op":"AIGateway","opts":{"url":"/models/m?key=sk-x","auth_key":"sk-x","format":"gemini","body":{}}}]"#,
    );
    let failure = odd.result.expect("a result").expect_err("refused");
    assert!(failure.retry == Retry::Never && !failure.message.contains("sk-x"), "{failure:?}");
}

#[test]
fn a_failed_step_says_whether_and_when_it_may_be_tried_again() {
    let body = r#"[{"id":"x","op":"StepError","error":{"name":"RetryAfterError","message":"later","stack":"at a"},"data":null}]"#;
    let failure =
        |pairs: &[(&str, &str)], body| told_with(pairs, body).result.expect("a result").expect_err("failed");
    let later = failure(&[("x-inngest-no-retry", "false"), ("retry-after", "7")], body);
    assert_eq!((later.retry, later.stack.as_deref()), (Retry::After(Span::from_secs(7)), Some("at a")));
    let dated = failure(&[("retry-after", "2026-11-23T11:43:38.000Z")], body);
    assert_eq!(dated.retry, Retry::After(Span::from_secs(10)));
    assert_eq!(failure(&[], body).retry, Retry::ByPolicy);
    assert_eq!(failure(&[], &body.replace("StepError", "StepFailed")).retry, Retry::Never);
}

#[test]
fn a_function_ends_by_200_by_run_complete_or_with_its_error() {
    let reply =
        |status, pairs: &[(&str, &str)], body: &str| read(status, &headers(pairs), body.as_bytes(), now());
    assert!(
        matches!(reply(200, &[], "{\"ok\":true}"), Ok(Reply::Returned(o)) if o.as_str() == "{\"ok\":true}")
    );
    let complete = r#"[{"op":"RunComplete","id":"0737","data":{"x":"AB"}}]"#;
    assert!(matches!(reply(206, &[], complete), Ok(Reply::Returned(o)) if o.as_str() == r#"{"x":"AB"}"#));
    let error = r#"{"name":"NonRetriableError","message":"no","stack":"s","__serialized":true}"#;
    let Ok(Reply::Failed(failure)) = reply(400, &[("x-inngest-no-retry", "true")], error) else {
        panic!("no failure")
    };
    assert_eq!((&*failure.name, failure.retry), ("NonRetriableError", Retry::Never));
    let streamed = r#"   {"status":206,"headers":{"x-inngest-no-retry":"true"},"body":"[{\"id\":\"x\",\"op\":\"StepError\",\"error\":{\"message\":\"m\"}}]"}"#;
    let Ok(Reply::Steps(steps)) = reply(201, &[], streamed) else { panic!("no steps") };
    assert_eq!(steps[0].result.as_ref().expect("a result").as_ref().expect_err("failed").retry, Retry::Never);
}

#[test]
fn what_is_no_app_is_worth_another_try_and_says_what_to_look_at() {
    let failure = read(200, &Headers::default(), b"<html>", now()).expect_err("no app");
    assert_eq!((&*failure.name, failure.retry), ("NotAnApp", Retry::ByPolicy));
    assert!(failure.message.contains("serve handler"));
    let refused = read(401, &headers(&[]), b"{}", now()).expect_err("refused");
    assert!(refused.message.contains("INNGEST_SIGNING_KEY"));
}

#[test]
fn a_step_that_this_host_does_not_know_fails_by_name() {
    let told = told(r#"[{"id":"x","op":"Teleport"}]"#);
    let failure = told.result.expect("a result").expect_err("unknown");
    assert!(failure.message.contains("`Teleport`") && failure.retry == Retry::Never);
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _reply = read(status, &headers(&[]), &body, now());
    }

    #[test]
    fn no_step_makes_it_panic(op in "(StepRun|Sleep|WaitForEvent|WaitForSignal|AIGateway|InvokeFunction|Gateway|StepError|[a-z]*)", name in ".{0,30}", opts in r#"(null|\{\}|\{"timeout":"[0-9a-z]{0,5}"\}|\[\]|5)"#) {
        let body = serde_json::json!([{"id": "x", "op": op, "name": name}]).to_string();
        let body = body.replacen("\"id\"", &format!("\"opts\":{opts},\"id\""), 1);
        let _reply = read(206, &headers(&[]), body.as_bytes(), now());
    }
}
