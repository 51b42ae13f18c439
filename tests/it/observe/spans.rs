//! A run that has ended is a trace: its steps and their tries are the spans of it.

use super::{ended, exporting, id};
use pawl_tests::Setup;
use pawl_tests::collector::{Collector, Span};
use serde_json::json;
use std::collections::HashSet;

const FINE: i32 = 1;
const ERROR: i32 = 2;

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name} in {spans:#?}"))
}

/// What holds for the spans of every run.
fn check(spans: &[Span]) {
    let root = &spans[0];
    let ids: HashSet<_> = spans.iter().map(|span| &span.id).collect();
    assert_eq!(ids.len(), spans.len(), "each once: {spans:#?}");
    for span in spans {
        assert_eq!((span.trace.as_str(), span.trace.len(), span.id.len()), (root.trace.as_str(), 32, 16));
        assert!(span.times.0 <= span.times.1, "{span:#?}");
        let is_within = root.times.0 <= span.times.0 && span.times.1 <= root.times.1;
        assert!(is_within, "{span:#?} is not within {root:#?}");
    }
}

#[tokio::test]
async fn a_run_with_a_retry_is_a_trace_with_each_try() {
    let collector = Collector::start().await;
    let setup = Setup::dev().guests(&["steps"]).env("PAWL_RETRY_INTERVAL", "50ms");
    let setup = exporting(setup, &collector)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20key,x-tenant=north")
        .env("OTEL_SERVICE_NAME", "shop")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=other");
    let host = setup.start().await;
    let run = ended(&host, "flaky", json!({ "failures": 1 }), "Completed").await;
    let spans = collector.spans_of(id(&run)).await;
    check(&spans);
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["flaky", "queue", "try", "try #1", "try #2"]);
    let root = &spans[0];
    assert_eq!((root.parent.as_str(), root.status.0), ("", FINE));
    for (key, value) in [
        ("pawl.function.id", "flaky"),
        ("pawl.run.status", "Completed"),
        ("pawl.event.name", "test/flaky"),
        ("pawl.event.id", run["event_id"].as_str().expect("an id")),
        ("pawl.deployment.id", run["function_version"].as_str().expect("a deployment")),
    ] {
        assert_eq!(root.attributes[key], value, "{root:#?}");
    }
    assert_eq!(root.resource["service.name"], "shop");
    assert_eq!(root.resource["deployment.environment.name"], "test");
    let step = named(&spans, "try");
    assert_eq!((&step.parent, step.status.0), (&root.id, FINE));
    assert_eq!(
        (step.attributes["pawl.step.kind"].as_str(), &*step.attributes["pawl.step.attempts"]),
        ("run", "2")
    );
    let first = named(&spans, "try #1");
    assert_eq!((&first.parent, &first.status), (&step.id, &(ERROR, "FlakyError: attempt 0 fails".into())));
    let [(name, exception)] = &first.events[..] else { panic!("{first:#?}") };
    assert_eq!((name.as_str(), &*exception["exception.type"]), ("exception", "FlakyError"));
    assert_eq!(exception["exception.message"], "attempt 0 fails");
    assert!(exception["exception.stacktrace"].contains("retries.rs"), "{exception:#?}");
    assert_eq!((named(&spans, "try #2").status.0, named(&spans, "try #2").events.len()), (FINE, 0));
    let headers = &collector.headers()[0];
    assert_eq!(headers["authorization"], "Bearer key");
    assert_eq!(headers["x-tenant"], "north");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert!(!host.log().contains("Bearer"), "a header's value is a secret");
}

#[tokio::test]
async fn a_sleep_is_a_span_that_says_so_and_a_failed_run_an_error() {
    let collector = Collector::start().await;
    let host = exporting(Setup::dev().guests(&["steps"]), &collector).start().await;
    let run = ended(&host, "sleeper", json!({ "ms": 300 }), "Completed").await;
    let spans = collector.spans_of(id(&run)).await;
    check(&spans);
    let nap = named(&spans, "nap");
    assert_eq!((&*nap.attributes["pawl.step.kind"], &*nap.attributes["pawl.step.waits"]), ("sleep", "true"));
    assert!(nap.times.1 - nap.times.0 >= 300_000_000, "{nap:#?}");
    assert_eq!(named(&spans, "before").attributes["pawl.step.waits"], "false");

    let run = ended(&host, "flaky", json!({ "failures": 1, "retries": 0 }), "Failed").await;
    let spans = collector.spans_of(id(&run)).await;
    check(&spans);
    for name in ["flaky", "try", "try #1"] {
        assert_eq!(named(&spans, name).status, (ERROR, "FlakyError: attempt 0 fails".into()), "{name}");
    }
    assert_eq!(spans[0].attributes["pawl.run.status"], "Failed");
    assert_eq!(spans[0].events[0].1["exception.type"], "FlakyError");
}

#[tokio::test]
async fn what_events_and_outputs_say_is_never_exported() {
    let collector = Collector::start().await;
    let host = exporting(Setup::dev().guests(&["flow"]), &collector).start().await;
    let data = json!({ "answer": "4111-1111", "fail": "no mail to ada@example.org" });
    let run = ended(&host, "answerer", data, "Failed").await;
    let spans = collector.spans_of(id(&run)).await;
    let all = format!("{spans:?}");
    assert!(!all.contains("4111-1111") && !all.contains("ada@"), "{all}");
    assert_eq!(spans[0].status.1, "AnswerError: no mail to [masked]");
}

#[tokio::test]
async fn the_last_spans_are_sent_before_a_host_ends() {
    let collector = Collector::start().await;
    let setup = exporting(Setup::dev().guests(&["steps"]), &collector);
    let mut host = setup.env("OTEL_BSP_SCHEDULE_DELAY", "60000").start().await;
    let run = ended(&host, "ten-steps", json!({}), "Completed").await;
    assert_eq!(collector.spans().len(), 0, "they wait for others");
    assert!(host.stop().await.success());
    assert_eq!(collector.spans_of(id(&run)).await.len(), 22, "the run, its queue, ten steps, ten tries");
}
