//! Durable steps a second, against the acknowledgements of a bare group-commit loop;
//! and a single run's steps, one after the other.

use crate::figures::{Figure, Latencies, ms};
use crate::load::{self, Connection};
use crate::{bare, clock};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::time::Duration;

/// Runs in flight: the host's slots.
const IN_FLIGHT: usize = 200;
const STEPS: usize = 10;
const RUNS: usize = 6_000;
const SLICE: Duration = Duration::from_secs(2);

/// How long sending all events may take, before their common time comes.
const HEAD_START_MS: i64 = 4_000;

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let setup = Setup::dev().guests(&["steps"]).env("PAWL_LOG", "warn");
    let host = setup.env("PAWL_SLOTS", IN_FLIGHT.to_string()).start().await;
    let folder = tempfile::tempdir()?;
    let before = bare::run(folder.path(), IN_FLIGHT, entry_bytes(), SLICE).await?.per_second;
    let ours = burst(&host).await?;
    let after = bare::run(folder.path(), IN_FLIGHT, entry_bytes(), SLICE).await?.per_second;
    let bare = f64::midpoint(before, after);
    let ratio = ours / bare;
    let under_load = Figure::new(
        format!("runs of {STEPS} steps, {IN_FLIGHT} in flight"),
        format!("{ours:.0} durable steps/s ({:.0} runs/s)", ours / STEPS as f64),
        format!("{ratio:.2} × the acknowledgements of a bare group-commit loop ({bare:.0}/s); target 0.5"),
        Some(ratio >= 0.5),
    );
    Ok(vec![under_load, alone(&host).await?])
}

/// A journal entry of the measured function: what a row of the bare loop holds.
fn entry_bytes() -> usize {
    r#"{"StepCompleted":{"step":"s5","attempt":0,"started_at":1800000000000,"at":1800000000000,"output":{"i":5,"p":4}}}"#
        .len()
}

/// Steps a second.
async fn burst(host: &Host) -> anyhow::Result<f64> {
    let event = json!({"name": "test/ten-steps", "data": {"n": STEPS}});
    Ok(burst_of(host, &event, RUNS).await? * STEPS as f64)
}

/// The runs of so many thousands of this event become due at one moment: runs a second from
/// then to the last one's end.
pub(crate) async fn burst_of(host: &Host, event: &Value, runs: usize) -> anyhow::Result<f64> {
    let due = clock::unix_ms() + HEAD_START_MS;
    let mut connection = Connection::open(host.addr()).await?;
    let mut event = event.clone();
    event["ts"] = due.into();
    for _ in 0..runs / 1_000 {
        let body = Value::Array(vec![event.clone(); 1_000]).to_string();
        connection.exchange(&load::post("/e/bench", "", body.as_bytes())).await?;
    }
    load::until_idle(host, due).await?;
    let seconds = (clock::unix_ms() - due) as f64 / 1_000.0;
    let failed = host.read("/v1/runs?status=Failed&limit=1").await;
    anyhow::ensure!(failed.as_array().is_some_and(Vec::is_empty), "a run failed: {failed}");
    Ok(runs as f64 / seconds)
}

/// One run at a time, from its event to its end, as its own times tell.
async fn alone(host: &Host) -> anyhow::Result<Figure> {
    let mut latencies = Latencies::default();
    for _ in 0..100 {
        let event = host.send("test/ten-steps", json!({"n": STEPS})).await;
        let run = host.wait_for(&event, "ten-steps", "Completed").await;
        let at = |key: &str| run[key].as_str().and_then(rfc3339_ms).unwrap_or(0);
        let took = at("ended_at") - at("created_at");
        latencies.push(Duration::from_millis(u64::try_from(took).unwrap_or(0)));
    }
    let (p50, p99) = (latencies.quantile(0.5), latencies.quantile(0.99));
    let is_met = Some(p50 < Duration::from_millis(25));
    Ok(Figure::new(
        format!("a run of {STEPS} steps alone, from event to end"),
        format!("p50 {}, p99 {}", ms(p50), ms(p99)),
        "25 ms p50 (Obelisk 0.41 on such a machine)",
        is_met,
    ))
}

/// Milliseconds within the day: enough for differences.
pub(crate) fn rfc3339_ms(text: &str) -> Option<i64> {
    let time = text.split_once('T')?.1.trim_end_matches('Z');
    let (clock, millis) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.split(':').map(|p| p.parse::<i64>().ok());
    let (h, m, s) = (parts.next()??, parts.next()??, parts.next()??);
    Some(((h * 60 + m) * 60 + s) * 1_000 + millis.parse::<i64>().ok()?)
}
