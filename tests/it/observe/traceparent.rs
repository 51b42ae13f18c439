//! A trace comes in with an event, and goes on with what its runs send and ask for.

use super::{ended, exporting, id};
use pawl_tests::collector::Collector;
use pawl_tests::setup::EVENT_KEY;
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup, stripe};
use reqwest::Method;
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn header(flags: &str) -> String {
    format!("00-{TRACE}-{SPAN}-{flags}")
}

/// Sends an event that is part of a trace; its id.
async fn send(host: &Host, name: &str, data: Value, traceparent: &str) -> String {
    let request = host.request(Method::POST, &format!("/e/{EVENT_KEY}")).header("traceparent", traceparent);
    let answer = host.ask(request.body(json!({ "name": name, "data": data }).to_string())).await;
    answer.expect(200).json()["ids"][0].as_str().expect("an id").to_owned()
}

/// The trace, the span and the flags of a call's `traceparent`.
fn carried(upstream: &Upstream, n: usize) -> (String, String, String) {
    let call = &upstream.calls()[n];
    let text = call.headers.get("traceparent").unwrap_or_else(|| panic!("none in {call:#?}"));
    let parts: Vec<_> = text.to_str().expect("text").split('-').map(str::to_owned).collect();
    let [version, trace, span, flags] = parts.try_into().expect("four parts");
    assert_eq!(version, "00");
    (trace, span, flags)
}

#[tokio::test]
async fn a_webhooks_trace_goes_on_in_its_run_and_out_of_its_steps() {
    let (collector, upstream) = (Collector::start().await, Upstream::start().await);
    let setup = exporting(Setup::dev().three_functions(), &collector);
    let setup = setup
        .env("INSTANT_APP_ID", "app")
        .env("INSTANT_ADMIN_TOKEN", "token")
        .env("INSTANT_API_URI", upstream.url(""));
    let host = setup.start().await;
    let body = stripe::fixture("checkout.session.completed.subscription");
    let request = host
        .request(Method::POST, "/api/stripe/webhook")
        .header("stripe-signature", stripe::header(stripe::SECRET, &body))
        .header("traceparent", header("01"));
    host.ask(request.body(body)).await.expect(200);
    pawl_tests::clock::until("a call", pawl_tests::clock::PATIENCE, async || {
        if upstream.count() > 0 { Ok(()) } else { Err("none".into()) }
    })
    .await;
    let (trace, span, flags) = carried(&upstream, 0);
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE, "01"));
    assert_ne!(span, SPAN, "it names the try's own span");
    // whatever the answer did to it: the run ends, as a span under the sender's
    let runs = host.all("/v1/runs").await;
    host.delete(&format!("/v1/runs/{}", id(&runs[0]))).await;
    let spans = collector.spans_of(id(&runs[0])).await;
    assert_eq!((spans[0].trace.as_str(), spans[0].parent.as_str()), (TRACE, SPAN));
}

#[tokio::test]
async fn a_request_carries_the_span_of_its_try_that_is_exported_later() {
    let (collector, upstream) = (Collector::start().await, Upstream::start().await);
    let setup = Setup::dev().guests(&["flow", "steps"]).env("PAWL_RETRY_INTERVAL", "20ms");
    let host = exporting(setup, &collector).start().await;
    for function in ["durable-fetcher", "fetcher"] {
        let before = upstream.count();
        let run = ended(&host, function, json!({ "url": upstream.url("/") }), "Completed").await;
        let (trace, span, flags) = carried(&upstream, before);
        let spans = collector.spans_of(id(&run)).await;
        let attempt = spans.iter().find(|span| span.name == "fetch #1").expect("the try");
        assert_eq!((trace, span, flags), (attempt.trace.clone(), attempt.id.clone(), "01".into()));
    }
}

#[tokio::test]
async fn a_header_that_the_function_sets_is_left_alone() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = json!({ "url": upstream.url("/"), "header": ["Traceparent", header("00")] });
    ended(&host, "durable-fetcher", data, "Completed").await;
    let all = upstream.calls()[0].headers.get_all("traceparent").iter().cloned().collect::<Vec<_>>();
    assert_eq!(all, [header("00")]);
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_carried_on_and_not_exported() {
    let (collector, upstream) = (Collector::start().await, Upstream::start().await);
    let host = exporting(Setup::dev().guests(&["flow"]), &collector).start().await;
    let data = json!({ "url": upstream.url("/") });
    let event = send(&host, "test/durable-fetcher", data.clone(), &header("00")).await;
    host.wait_for(&event, "durable-fetcher", "Completed").await;
    let (trace, _, flags) = carried(&upstream, 0);
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE, "00"));
    // runs are looked at in the order of their ends: when this one is there, the first would be
    let later = ended(&host, "durable-fetcher", data, "Completed").await;
    collector.spans_of(id(&later)).await;
    assert!(collector.spans().iter().all(|span| span.trace != TRACE));
}

#[tokio::test]
async fn what_is_no_trace_context_is_ignored() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).start().await;
    for (n, odd) in ["", "nonsense", &header("01").to_uppercase(), &header("01")[..54]].iter().enumerate() {
        let event = send(&host, "test/durable-fetcher", json!({ "url": upstream.url("/") }), odd).await;
        host.wait_for(&event, "durable-fetcher", "Completed").await;
        let (trace, _, flags) = carried(&upstream, n);
        assert_ne!(trace, TRACE, "{odd}");
        assert_eq!(flags, "01");
    }
}

#[tokio::test]
async fn events_that_a_run_sends_and_runs_that_it_invokes_are_part_of_its_trace() {
    let collector = Collector::start().await;
    let host = exporting(Setup::dev().guests(&["flow"]), &collector).start().await;
    let event = send(&host, "test/asker", json!({ "data": { "answer": 7 } }), &header("01")).await;
    let asker = host.wait_for(&event, "asker", "Completed").await;
    let asking = collector.spans_of(id(&asker)).await;
    let ask = asking.iter().find(|span| span.name == "ask").expect("the step");
    let child = &ask.attributes["pawl.step.invoked"];
    let answering = collector.spans_of(child).await;
    assert_eq!((answering[0].trace.as_str(), &answering[0].parent), (TRACE, &ask.id));

    let event = send(&host, "test/teller", json!({ "name": "test/answerer" }), &header("01")).await;
    let teller = host.wait_for(&event, "teller", "Completed").await;
    let told = teller["output"][0].as_str().expect("an event's id");
    let answerer = host.wait_for(told, "answerer", "Completed").await;
    let telling = collector.spans_of(id(&teller)).await;
    let tell = telling.iter().find(|span| span.name == "tell").expect("the step");
    let answering = collector.spans_of(id(&answerer)).await;
    assert_eq!((answering[0].trace.as_str(), &answering[0].parent), (TRACE, &tell.id));
}
