//! Sleeping runs: what one costs in memory, how fast a host starts with many, and how
//! late a sleep ends on an idle host.

use crate::clock::{now, unix_ms};
use crate::figures::{Figure, Latencies, ms};
use crate::load::{self, Connection};
use crate::steps::rfc3339_ms;
use anyhow::Context;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::time::Duration;

const SLEEPERS: usize = 100_000;
const DAY_MS: u64 = 86_400_000;

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut host = Setup::dev().guests(&["steps"]).env("PAWL_LOG", "warn").start().await;
    let mut figures = vec![lateness(&host).await?];
    // what serving and executing needs anyway is there before the count begins
    put_to_sleep(&host, 5_000).await?;
    let before = resident_bytes(&host)?;
    put_to_sleep(&host, SLEEPERS).await?;
    let grown = resident_bytes(&host)?.saturating_sub(before) as f64 / SLEEPERS as f64;
    figures.push(Figure::new(
        format!("memory of the host for a sleeping run, over {SLEEPERS}"),
        format!("{grown:.0} bytes"),
        "100 bytes",
        Some(grown < 100.0),
    ));
    host.stop().await;
    let from = now();
    host.restart().await;
    let took = from.elapsed();
    figures.push(Figure::new(
        format!("start with {SLEEPERS} sleeping runs, until /readyz"),
        ms(took),
        "1 s",
        Some(took < Duration::from_secs(1)),
    ));
    Ok(figures)
}

async fn put_to_sleep(host: &Host, runs: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(host.addr()).await?;
    for _ in 0..runs / 1_000 {
        let event = json!({"name": "test/sleeper", "data": {"ms": DAY_MS}});
        let body = Value::Array(vec![event; 1_000]).to_string();
        connection.exchange(&load::post("/e/bench", "", body.as_bytes())).await?;
    }
    load::idle(host).await;
    Ok(())
}

fn resident_bytes(host: &Host) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid()))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kb: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kb * 1_024)
}

/// Sleeps of one to three seconds, by the run's own record of when each was over.
async fn lateness(host: &Host) -> anyhow::Result<Figure> {
    let mut events = Vec::new();
    for n in 0..150_u64 {
        let sleep_ms = 1_000 + n * 13;
        events.push((host.send("test/sleeper", json!({"ms": sleep_ms})).await, sleep_ms));
    }
    let sent = unix_ms();
    let mut late = Latencies::default();
    for (event, sleep_ms) in events {
        let run = host.wait_for(&event, "sleeper", "Completed").await;
        let steps = run["steps"].as_array().context("steps")?;
        let nap = steps.iter().find(|s| s["op"] == "sleep").context("a sleep")?;
        let at = |key: &str| nap[key].as_str().and_then(rfc3339_ms);
        let took = at("ended_at").context("an end")? - at("started_at").context("a start")?;
        late.push(Duration::from_millis(u64::try_from(took).unwrap_or(0).saturating_sub(sleep_ms)));
    }
    anyhow::ensure!(unix_ms() > sent, "the clock went back");
    let (p50, p99) = (late.quantile(0.5), late.quantile(0.99));
    Ok(Figure::new(
        "a sleep ends late by",
        format!("p50 {}, p99 {}", ms(p50), ms(p99)),
        "20 ms at p99",
        Some(p99 <= Duration::from_millis(20)),
    ))
}
