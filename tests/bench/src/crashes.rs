//! After `kill -9`: how soon the host has its own runs back. And how often it has to
//! wait for the disk.

use crate::clock::now;
use crate::figures::{Figure, ms};
use anyhow::Context;
use pawl_tests::{Host, Setup};
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let setup = Setup::dev().guests(&["steps"]).env("PAWL_LOG", "warn");
    let mut host = setup.env("PAWL_SLOTS", "64").start().await;
    let mut figures = fsyncs(&host).await?;
    let long = host.send("test/ten-steps", json!({"n": 900})).await;
    host.wait_for(&long, "ten-steps", "Running").await;
    host.kill();
    let from = now();
    host.restart().await;
    let ready = from.elapsed();
    host.wait_for(&long, "ten-steps", "Completed").await;
    let done = from.elapsed();
    figures.push(Figure::new(
        "start after kill -9, until /readyz",
        ms(ready),
        "1 s",
        Some(ready < Duration::from_secs(1)),
    ));
    figures.push(Figure::new(
        "a run of 900 steps killed in the middle is completed, counted from the start after the kill",
        ms(done),
        "5.4 s (Obelisk waits for its own lease of 5 s)",
        Some(done < Duration::from_secs(5)),
    ));
    Ok(figures)
}

/// fsyncs a step, counted by strace where it is installed: alone and under load.
async fn fsyncs(host: &Host) -> anyhow::Result<Vec<Figure>> {
    const ALONE: usize = 200;
    const RUNS: usize = 200;
    let one = async {
        let event = host.send("test/ten-steps", json!({"n": ALONE})).await;
        host.wait_for(&event, "ten-steps", "Completed").await;
    };
    let Some(alone) = counted(host, one).await? else {
        println!("  (strace is not installed: fsyncs are not counted)");
        return Ok(Vec::new());
    };
    let many = async {
        let event = json!({"name": "test/ten-steps", "data": {"n": 10}});
        let events = serde_json::Value::Array(vec![event; RUNS]).to_string();
        let ids = host.post("/e/bench", events).await.expect(200).json()["ids"].clone();
        for id in ids.as_array().into_iter().flatten() {
            host.wait_for(id.as_str().unwrap_or_default(), "ten-steps", "Completed").await;
        }
    };
    let under_load = counted(host, many).await?.unwrap_or_default();
    let alone = alone as f64 / ALONE as f64;
    let under_load = under_load as f64 / (RUNS * 10) as f64;
    Ok(vec![
        Figure::new(
            format!("fsyncs a step, a run of {ALONE} steps alone (event, claim and end included)"),
            format!("{alone:.2}"),
            "1, and what the event and the end need",
            Some(alone < 1.1),
        ),
        Figure::new(
            format!("fsyncs a step, {RUNS} runs of 10 steps at once, their events and ends included"),
            format!("{under_load:.3}"),
            "far fewer than 1",
            Some(under_load < 0.25),
        ),
    ])
}

/// How often the host waits for the disk during this work; `None` without strace.
async fn counted(host: &Host, work: impl Future<Output = ()>) -> anyhow::Result<Option<usize>> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("strace");
    let strace = Command::new("strace")
        .args(["-f", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&log)
        .args(["-p", &host.pid().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut strace) = strace else { return Ok(None) };
    // it says so once it is attached
    let mut said = [0; 1];
    std::io::Read::read_exact(strace.stderr.as_mut().context("its output")?, &mut said)?;
    work.await;
    strace.kill()?;
    strace.wait()?;
    let text = std::fs::read_to_string(&log)?;
    Ok(Some(text.lines().filter(|l| l.contains("sync(") && !l.contains("resumed")).count()))
}
