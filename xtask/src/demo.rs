//! `cargo xtask demo`: from nothing to three finished runs.
//!
//! Builds the host and the functions, starts a host in a folder of its own, delivers
//! three signed Stripe events to it over HTTP, waits for their runs and shows them.

mod client;
mod host;
mod timeline;

use crate::process::{cargo, repository, shown, succeed, target_dir};
use crate::{clock, functions};
use anyhow::{Context, Result, bail};
use client::Client;
use host::Host;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// How the demo is to be.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Goes on serving.
    pub(crate) is_kept: bool,
    /// The host's data folder, which then stays.
    pub(crate) data: Option<PathBuf>,
}

/// Stripe's own events, in `tests/fixtures/stripe`.
const EVENTS: [&str; 3] = [
    "checkout.session.completed.payment.json",
    "payment_intent.succeeded.json",
    "payment_intent.payment_failed.json",
];

/// How long the runs of one event may take: they take milliseconds.
const RUNS_LIMIT: Duration = Duration::from_secs(60);

/// Runs the demo. An error when anything in it is not as it should be.
pub(crate) fn run(options: &Options) -> Result<()> {
    println!("== functions");
    functions::build(&functions::FUNCTIONS)?;
    println!("\n== host");
    let mut build = Command::new(cargo());
    build.current_dir(repository()).args(["build", "--release", "--locked", "-p", "pawl"]);
    println!("$ {}", shown(&build));
    succeed(&mut build)?;
    let binary = target_dir()?.join("release").join(format!("pawl{}", std::env::consts::EXE_SUFFIX));

    let host = Host::start(&binary, options.data.as_deref())?;
    let client = Client::new(host.addr());
    println!("\n== three events from Stripe, signed, to http://{}/api/stripe/webhook", host.addr());
    match deliver_all(&client, host.stripe_secret()) {
        Ok(()) => {}
        // what the host says of it is worth more than what we see
        Err(e) => return Err(e.context(format!("the host's log ends with:\n{}", host.log_end()))),
    }
    if options.is_kept {
        println!("\nserving on, until Ctrl-C: http://{}/ (the dashboard)", host.addr());
        println!("a run and its steps: http://{}/v1/runs/<run>", host.addr());
        println!("the host's log: {}", host.log().display());
        return host.wait();
    }
    let is_data_kept = host.stop()?;
    println!("\nall three runs completed, and the host has stopped.");
    if let Some(folder) = is_data_kept {
        println!("its data: {}", folder.display());
    }
    println!("to look around in its dashboard: cargo xtask demo --keep");
    Ok(())
}

fn deliver_all(client: &Client, secret: &str) -> Result<()> {
    let mut ids = Vec::new();
    for name in EVENTS {
        let event = Event::read(name)?;
        let answer = client.deliver(&event.body, secret)?;
        let word = if answer["duplicate"] == true { "known from before" } else { "stored" };
        println!("  {:<34} {}  {word}", event.kind, event.id);
        ids.push(event.id);
    }
    // Stripe delivers at least once: the same event again starts nothing
    let first = Event::read(EVENTS[0])?;
    if client.deliver(&first.body, secret)?["duplicate"] != true {
        bail!("an event that was delivered twice was taken for a new one");
    }
    println!("  {:<34} {}  again: known, starts nothing", first.kind, first.id);
    println!("\n== their runs");
    for id in &ids {
        let runs = finished_runs(client, id)?;
        for run in &runs {
            timeline::print(run);
        }
        if let [only] = runs.as_slice()
            && only["status"] == "Completed"
        {
            continue;
        }
        bail!("event {id} should have led to one completed run");
    }
    Ok(())
}

/// The runs of an event with their steps, once they have ended.
fn finished_runs(client: &Client, event_id: &str) -> Result<Vec<Value>> {
    let runs = clock::wait_for(RUNS_LIMIT, || {
        let listed = client.get(&format!("/v1/events/{event_id}/runs"))?;
        let listed = listed.as_array().context("the list of runs is none")?;
        let has_ended =
            |run: &Value| matches!(run["status"].as_str(), Some("Completed" | "Failed" | "Cancelled"));
        if listed.is_empty() || !listed.iter().all(has_ended) {
            return Ok(None);
        }
        let whole =
            |run: &Value| client.get(&format!("/v1/runs/{}", run["run_id"].as_str().unwrap_or_default()));
        listed.iter().map(whole).collect::<Result<Vec<Value>>>().map(Some)
    })?;
    runs.with_context(|| format!("the runs of event {event_id} did not end within {RUNS_LIMIT:?}"))
}

/// A fixture.
struct Event {
    id: String,
    kind: String,
    /// The bytes as Stripe would send them: they are what is signed.
    body: String,
}

impl Event {
    fn read(name: &str) -> Result<Self> {
        let path = repository().join("tests/fixtures/stripe").join(name);
        let body = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let value: Value = serde_json::from_str(&body).with_context(|| format!("{}", path.display()))?;
        let text = |field: &str| {
            value[field].as_str().map(str::to_owned).with_context(|| format!("{name}: no {field}"))
        };
        Ok(Self { id: text("id")?, kind: text("type")?, body })
    }
}
