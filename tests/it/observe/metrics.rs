//! `/metrics`: exact counts, in a text that every Prometheus reads, for those who may.

use super::ended;
use pawl_tests::setup::{EVENT_KEY, SIGNING_KEY};
use pawl_tests::{Host, Setup, paths, stripe};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Series and their values.
type Series = BTreeMap<String, f64>;

/// What the host counts now.
pub(super) async fn read(host: &Host) -> Series {
    let answer = host.get("/metrics").await.expect(200);
    parse(&answer.body)
}

/// A series's value.
pub(super) fn value(all: &Series, series: &str) -> f64 {
    *all.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", all.keys()))
}

/// Reads the text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>),
/// strictly: families in one piece, HELP and TYPE first, each series once.
fn parse(text: &str) -> Series {
    let mut all = Series::new();
    let mut families = BTreeSet::new();
    let mut family = (String::new(), String::new());
    let mut help = String::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').expect("a name and words");
            assert!(words.ends_with('.'), "a sentence: {line}");
            help = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert_eq!(help, name, "HELP comes before TYPE");
            assert!(families.insert(name.to_owned()), "{name} is in one piece");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(name.starts_with("pawl_") && (kind == "counter") == name.ends_with("_total"), "{line}");
            family = (name.to_owned(), kind.to_owned());
        } else {
            let (series, number) = line.rsplit_once(' ').expect("a series and a number");
            let name = series.split('{').next().expect("a name");
            let of = match family.1.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)),
                _ => Some(name),
            };
            assert_eq!(of, Some(family.0.as_str()), "{line}");
            if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                let inside = labels.strip_prefix('{').and_then(|l| l.strip_suffix('}')).expect("braces");
                for label in inside.split("\",") {
                    let (key, text) = label.split_once("=\"").expect("key=\"value\"");
                    assert!(key.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
                    assert!(!text.contains('\n'), "{line}");
                }
            }
            let number: f64 = number.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
            assert!(all.insert(series.to_owned(), number).is_none(), "twice: {line}");
        }
    }
    all
}

#[tokio::test]
async fn three_runs_a_retry_and_two_webhooks_are_counted_exactly() {
    let host = Setup::dev().guests(&["steps", "flow"]).env("PAWL_RETRY_INTERVAL", "20ms").start().await;
    ended(&host, "flaky", json!({ "failures": 2 }), "Completed").await;
    ended(&host, "flaky", json!({ "failures": 1, "retries": 0 }), "Failed").await;
    ended(&host, "sleeper", json!({ "ms": 1 }), "Completed").await;
    let event = json!({ "name": "test/nobody", "id": "once" });
    assert_eq!(host.send_event(&event).await, host.send_event(&event).await);
    let body = stripe::small("evt_metrics");
    for _ in 0..2 {
        host.deliver(&body).await.expect(200);
    }
    host.deliver_with(stripe::header("whsec_other", &body).as_bytes(), &body)
        .await
        .expect_refusal(400, "signature_mismatch");
    for _ in 0..2 {
        host.send("test/idempotent", json!({ "id": "same" })).await;
    }
    let all = read(&host).await;
    for (series, n) in [
        ("pawl_runs_made_total{function=\"flaky\"}", 2.0),
        ("pawl_runs_made_total{function=\"sleeper\"}", 1.0),
        ("pawl_runs_ended_total{function=\"flaky\",status=\"Completed\"}", 1.0),
        ("pawl_runs_ended_total{function=\"flaky\",status=\"Failed\"}", 1.0),
        ("pawl_runs_ended_total{function=\"sleeper\",status=\"Completed\"}", 1.0),
        ("pawl_run_duration_seconds_count{function=\"flaky\"}", 2.0),
        ("pawl_run_duration_seconds_bucket{function=\"flaky\",le=\"+Inf\"}", 2.0),
        ("pawl_step_attempts_total{kind=\"run\",outcome=\"retrying\"}", 2.0),
        ("pawl_step_attempts_total{kind=\"run\",outcome=\"failed\"}", 1.0),
        ("pawl_events_stored_total{source=\"stripe\"}", 1.0),
        ("pawl_events_duplicate_total{source=\"stripe\"}", 1.0),
        ("pawl_events_stored_total{source=\"api\"}", 1.0),
        ("pawl_events_duplicate_total{source=\"api\"}", 1.0),
        ("pawl_webhooks_total{code=\"\",outcome=\"accepted\",provider=\"stripe\"}", 1.0),
        ("pawl_webhooks_total{code=\"\",outcome=\"duplicate\",provider=\"stripe\"}", 1.0),
        ("pawl_webhooks_total{code=\"signature_mismatch\",outcome=\"refused\",provider=\"stripe\"}", 1.0),
        ("pawl_runs_skipped_total{reason=\"rate_limit\"}", 1.0),
        ("pawl_otlp_spans_sent_total", 0.0),
        ("pawl_instances_slots", 200.0),
        ("pawl_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(value(&all, series), n, "{series}");
    }
    let commits = value(&all, "pawl_commit_duration_seconds_count");
    assert_eq!(value(&all, "pawl_commit_writes_count"), commits);
    assert!(commits > 10.0 && value(&all, "pawl_commit_writes_sum") >= commits);
    for gauge in ["pawl_store_bytes{of=\"files\"}", "pawl_functions", "pawl_deployments_compiled"] {
        assert!(value(&all, gauge) > 0.0, "{gauge}");
    }
    assert!(value(&all, "pawl_process_resident_memory_bytes") > 10e6);
    assert!(!all.keys().any(|series| series.contains("test/")), "an event's name is no label");
}

#[tokio::test]
async fn where_runs_stand_is_told_by_function() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 600_000 })).await;
    host.wait_for(&event, "sleeper", "Sleeping").await;
    let all = read(&host).await;
    assert_eq!(value(&all, "pawl_queue_runs{function=\"sleeper\",state=\"later\"}"), 1.0);
    assert_eq!(value(&all, "pawl_queue_runs{function=\"sleeper\",state=\"ready\"}"), 0.0);
    assert_eq!(value(&all, "pawl_queue_oldest_age_seconds{function=\"sleeper\"}"), 0.0);
}

#[tokio::test]
async fn in_production_metrics_want_a_key() {
    const TOKEN: &str = "token-for-metrics";
    let host = Setup::serve().env("PAWL_METRICS_TOKEN", format!("{TOKEN}, another")).start().await;
    let ask = async |authorization: Option<String>| {
        let request = host.request(Method::GET, "/metrics");
        let request = match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        host.ask(request).await
    };
    let no =
        [None, Some(EVENT_KEY), Some("wrong"), Some("")].map(|key| key.map(|key| format!("Bearer {key}")));
    for wrong in no.into_iter().chain([Some(TOKEN.to_owned())]) {
        ask(wrong).await.expect_refusal(401, "invalid_metrics_token");
    }
    for good in [TOKEN, "another", SIGNING_KEY] {
        let answer = ask(Some(format!("Bearer {good}"))).await.expect(200);
        assert!(parse(&answer.body).contains_key("pawl_uptime_seconds"));
    }
    // not by `Host::request`, which brings the operator's key along
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = host.ask(client.get(host.url("/v1/runs")).bearer_auth(TOKEN)).await;
    assert_eq!(answer.status, 401, "it opens nothing else");
}

#[tokio::test]
async fn the_grafana_dashboard_asks_for_metrics_that_there_are() {
    let text =
        std::fs::read_to_string(paths::repository().join("docs/grafana-dashboard.json")).expect("reads");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 600_000 })).await;
    host.wait_for(&event, "sleeper", "Sleeping").await;
    ended(&host, "ten-steps", json!({}), "Completed").await;
    let there: BTreeSet<_> =
        read(&host).await.keys().map(|s| s.split('{').next().unwrap_or_default().to_owned()).collect();
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(panel["description"].as_str().is_some_and(|d| d.ends_with('.')), "{}", panel["title"]);
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            asked.extend(
                expression.split(|c| !is_name(c)).filter(|w| w.starts_with("pawl_")).map(str::to_owned),
            );
        }
    }
    let missing: Vec<_> = asked.difference(&there).collect();
    assert!(asked.len() > 15 && missing.is_empty(), "{missing:?}");
    // and nothing is counted that nobody sees there
    let base = |name: &String| {
        ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let shown: BTreeSet<_> = asked.iter().map(base).collect();
    let unseen: Vec<_> = there.iter().map(base).filter(|name| !shown.contains(name)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}
