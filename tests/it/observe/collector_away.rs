//! A collector that is away, busy or unwilling: runs go on, what is lost is counted, and what
//! can be sent later is.

use super::metrics::{read, value};
use super::{ended, exporting, id};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::collector::Collector;
use pawl_tests::{Host, Setup};
use serde_json::json;

/// Waits until so many spans are counted as dropped for this reason, or more.
async fn dropped(host: &Host, reason: &str, at_least: f64) {
    until("dropped spans", PATIENCE, async || {
        let name = format!("pawl_otlp_spans_dropped_total{{reason=\"{reason}\"}}");
        match value(&read(host).await, &name) {
            n if n >= at_least => Ok(()),
            n => Err(n.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn runs_go_on_without_their_collector_and_spans_come_when_it_is_back() {
    let collector = Collector::start().await;
    let addr = collector.addr();
    let setup = exporting(Setup::dev().guests(&["steps"]), &collector).env("OTEL_BSP_MAX_QUEUE_SIZE", "8");
    let host = setup.start().await;
    drop(collector);
    // the first to go out is tried again and again, the next fill the queue
    let first = ended(&host, "sleeper", json!({ "ms": 1 }), "Completed").await;
    until("trouble in the log", PATIENCE, async || match host.log() {
        log if log.contains("the collector did not take spans") => Ok(()),
        log => Err(log),
    })
    .await;
    for _ in 0..3 {
        ended(&host, "ten-steps", json!({}), "Completed").await;
    }
    dropped(&host, "queue_full", 3.0 * 22.0 - 8.0).await;
    let collector = Collector::start_at(addr).await;
    assert_eq!(collector.spans_of(id(&first)).await[0].name, "sleeper", "it was kept for later");
    let told = host.log().matches("the collector did not take spans").count();
    assert_eq!(told, 1, "once a minute at most");
    let last = ended(&host, "sleeper", json!({ "ms": 1 }), "Completed").await;
    collector.spans_of(id(&last)).await;
}

#[tokio::test]
async fn a_busy_collector_is_asked_again_and_an_unwilling_one_is_not() {
    let collector = Collector::start().await;
    let host = exporting(Setup::dev().guests(&["steps"]), &collector).start().await;
    collector.refuse(429);
    collector.refuse(503);
    let run = ended(&host, "sleeper", json!({ "ms": 1 }), "Completed").await;
    collector.spans_of(id(&run)).await;
    assert!(collector.headers().len() >= 3);
    collector.refuse(401);
    ended(&host, "ten-steps", json!({}), "Completed").await;
    dropped(&host, "refused", 1.0).await;
}
