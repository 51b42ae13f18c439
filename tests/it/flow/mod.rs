//! Flow control: how many runs events make, when they start, how many are at work at
//! once, what ends them, and what is told of their ends.

mod batch;
mod by_hand;
mod cancelling;
mod concurrency;
mod cron;
mod debounce;
mod features;
mod limits;
mod manifests;
mod news;
mod priority;
mod rates;
mod singleton;
mod starts;
mod timeouts;

use pawl_tests::Host;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use serde_json::{Value, json};

/// A text field.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

/// An RFC 3339 time of the host's as milliseconds since 1970.
fn millis(time: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| time[range].parse::<i64>().expect("a time");
    // days from the civil calendar: years begin in March here
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    let fraction = time.get(20..23).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    (((days * 24 + part(11..13)) * 60 + part(14..16)) * 60 + part(17..19)) * 1_000 + fraction
}

/// A time of a run or an event, as [`millis`].
pub(super) fn at(value: &Value, key: &str) -> i64 {
    millis(text(value, key))
}

/// Whether two times are so close that it cannot be told from outside which was first: an
/// event has its time a moment before it is stored.
fn is_close(one: i64, other: i64) -> bool {
    (one - other).abs() < 50
}

/// Sends events of this name with these data in one request, so that they come in at one
/// moment: their ids.
pub(super) async fn send_all(host: &Host, name: &str, data: impl IntoIterator<Item = Value>) -> Vec<String> {
    let events: Vec<_> = data.into_iter().map(|data| json!({ "name": name, "data": data })).collect();
    let answer = host.post("/e/k", json!(events).to_string()).await.expect(200).json();
    let ids = answer["ids"].as_array().expect("ids").iter();
    ids.map(|id| id.as_str().expect("an id").to_owned()).collect()
}

/// A function's runs with this status, oldest first.
pub(super) async fn by_status(host: &Host, function: &str, status: &str) -> Vec<Value> {
    let mut runs = host.all(&format!("/v1/runs?function_id={function}&status={status}")).await;
    runs.reverse();
    runs
}

/// Waits until so many of a function's runs have this status: those runs, oldest first.
pub(super) async fn wait_for_runs(host: &Host, function: &str, status: &str, n: usize) -> Vec<Value> {
    until(&format!("{n} runs of {function} to be {status}"), PATIENCE, async || {
        let runs = by_status(host, function, status).await;
        if runs.len() == n { Ok(runs) } else { Err(runs.len().to_string()) }
    })
    .await
}

/// All of a function's runs, oldest first.
pub(super) async fn runs_of(host: &Host, function: &str) -> Vec<Value> {
    let mut runs = host.all(&format!("/v1/runs?function_id={function}")).await;
    runs.reverse();
    runs
}

/// Waits until at least so many calls have come.
pub(super) async fn wait_for_calls(upstream: &Upstream, n: usize) {
    until(&format!("{n} calls"), PATIENCE, async || match upstream.count() {
        count if count >= n => Ok(()),
        count => Err(count.to_string()),
    })
    .await;
}

/// The paths that were called, in their order.
pub(super) fn paths(upstream: &Upstream) -> Vec<String> {
    let path = |line: &str| line.trim_start_matches("GET ").to_owned();
    upstream.calls().iter().map(|call| path(&call.line)).collect()
}

/// Lets the host do what it would do: other runs begin and end meanwhile.
async fn let_others_run(host: &Host) {
    for _ in 0..3 {
        let event = host.send("test/filtered.other", json!({})).await;
        host.wait_for(&event, "filtered", "Completed").await;
    }
}

/// Kills the host with nobody left who calls, and starts it again.
async fn kill_and_restart(host: &mut Host, upstream: &Upstream) {
    host.kill();
    until("the calls to break", PATIENCE, async || match upstream.under_way() {
        0 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    host.restart().await;
}

/// Asserts that no two of these runs held their step at the same time. They are ended.
pub(super) async fn expect_one_after_the_other(host: &Host, runs: &[&Value]) {
    let mut spans = Vec::new();
    for run in runs {
        let run = host.run(text(run, "run_id")).await;
        let step = &run["steps"][0];
        spans.push((at(step, "started_at"), at(step, "ended_at")));
    }
    spans.sort_unstable();
    for pair in spans.windows(2) {
        assert!(pair[1].0 >= pair[0].1, "two at once: {spans:?}");
    }
}

/// What the host says of the functions that an event made no run of.
pub(super) async fn skipped(host: &Host, event: &str) -> Value {
    let event = host.read(&format!("/v1/events/{event}")).await;
    event.get("skipped").cloned().unwrap_or_else(|| json!([]))
}

#[test]
fn times_are_read_as_they_are_written() {
    assert_eq!(millis("1970-01-01T00:00:00.000Z"), 0);
    assert_eq!(millis("2026-11-24T17:46:33.250Z"), 1_795_542_393_250);
    assert_eq!(millis("2024-02-29T00:00:00Z"), 1_709_164_800_000);
}
