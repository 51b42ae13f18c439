//! What a host tells of itself: metrics, and spans of its runs.

mod collector_away;
mod logs;
mod metrics;
mod spans;
mod traceparent;

use pawl_tests::collector::Collector;
use pawl_tests::{Host, Setup};
use serde_json::Value;

/// A host that sends its spans to this collector, soon.
fn exporting(setup: Setup, to: &Collector) -> Setup {
    setup.env("OTEL_EXPORTER_OTLP_ENDPOINT", to.url()).env("OTEL_BSP_SCHEDULE_DELAY", "20")
}

/// Starts a function of a test guest and waits for its end; the run.
async fn ended(host: &Host, function: &str, data: Value, status: &str) -> Value {
    let event = host.send(&format!("test/{function}"), data).await;
    host.wait_for(&event, function, status).await
}

/// A run's id.
fn id(run: &Value) -> &str {
    run["run_id"].as_str().expect("an id")
}
