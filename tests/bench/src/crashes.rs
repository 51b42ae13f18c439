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
    let mut figures = Vec::new();
    if let Some(figure) = fsyncs(&host).await? {
        figures.push(figure);
    }
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

/// fsyncs of a run of steps alone, counted by strace where it is installed.
async fn fsyncs(host: &Host) -> anyhow::Result<Option<Figure>> {
    const STEPS: usize = 200;
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("strace");
    let strace = Command::new("strace")
        .args(["-f", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&log)
        .args(["-p", &host.pid().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut strace) = strace else {
        println!("  (strace is not installed: fsyncs are not counted)");
        return Ok(None);
    };
    // it says so once it is attached
    let mut said = [0; 1];
    std::io::Read::read_exact(strace.stderr.as_mut().context("its output")?, &mut said)?;
    let event = host.send("test/ten-steps", json!({"n": STEPS})).await;
    host.wait_for(&event, "ten-steps", "Completed").await;
    strace.kill()?;
    strace.wait()?;
    let text = std::fs::read_to_string(&log)?;
    let syncs = text.lines().filter(|l| l.contains("sync(") && !l.contains("resumed")).count();
    let each = syncs as f64 / STEPS as f64;
    Ok(Some(Figure::new(
        format!("fsyncs a step, a run of {STEPS} steps alone (event, claim and end included)"),
        format!("{each:.2}"),
        "1, and what the event and the end need",
        Some(each < 1.1),
    )))
}
