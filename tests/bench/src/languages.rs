//! What each language costs, by the conformance app that is written in all of them.

use crate::clock::{now, unix_ms};
use crate::figures::{Figure, Latencies, ms};
use crate::instances::{Park, input_of};
use crate::load::{self, Connection};
use anyhow::Context;
use async_trait::async_trait;
use pawl::runtime::{Grant, KvCall, KvReply, Level, Limits, Plugin, Reply, Runtime, Steps, Stop};
use pawl_engine::replay::StepCall;
use pawl_engine::{Failure, Payload};
use pawl_tests::{Setup, paths};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LANGUAGES: [&str; 4] = ["rust", "go", "typescript", "python"];

/// Instances that are held at once, and what they may weigh together.
const HELD: usize = 50;
const HELD_BYTES: u64 = 2 << 30;

const PASSES: usize = 300;
const STEPS: usize = 10;
const RUNS: usize = 300;

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for language in LANGUAGES {
        let name = format!("conformance-{language}");
        let bytes = std::fs::read(paths::guest(&name)).with_context(|| name.clone())?;
        let cache = tempfile::tempdir()?;
        let runtime = Arc::new(Runtime::new(Limits::default(), Some(cache.path()))?);
        let from = now();
        let plugin = Arc::new(runtime.load(&bytes)?);
        let compiled = from.elapsed();
        figures.push(load(&runtime, &plugin, language, &bytes, compiled)?);
        figures.push(instance(&runtime, &plugin, language).await);
        figures.push(held(&runtime, &plugin, language).await?);
        figures.push(steps(&name, language).await?);
    }
    Ok(figures)
}

fn load(
    runtime: &Runtime,
    plugin: &Plugin,
    language: &str,
    bytes: &[u8],
    compiled: Duration,
) -> anyhow::Result<Figure> {
    let mut loads = Latencies::default();
    for _ in 0..30 {
        let from = now();
        runtime.load_known(bytes, plugin.manifests.clone())?;
        loads.push(from.elapsed());
    }
    let p99 = loads.quantile(0.99);
    Ok(Figure::new(
        format!("{language}: a component of {} KB from the compiled cache", bytes.len() / 1_000),
        format!("p99 {} (compiling it took {})", ms(p99), ms(compiled)),
        "500 ms",
        Some(p99 < Duration::from_millis(500)),
    ))
}

async fn instance(runtime: &Runtime, plugin: &Plugin, language: &str) -> Figure {
    let mut latencies = Latencies::default();
    let input = input_of("plain", json!({"name": "bench"}));
    for _ in 0..PASSES {
        let from = now();
        runtime.pass(plugin, &input, Grant::default(), Box::new(Park)).await;
        latencies.push(from.elapsed());
    }
    Figure::new(
        format!("{language}: instantiate, call, first step asked for, drop"),
        format!("p50 {}, p99 {}", ms(latencies.quantile(0.5)), ms(latencies.quantile(0.99))),
        "",
        None,
    )
}

/// Instances in the middle of a step, each a share of what the process weighs more.
async fn held(runtime: &Arc<Runtime>, plugin: &Arc<Plugin>, language: &str) -> anyhow::Result<Figure> {
    let before = own_bytes()?;
    let held = Arc::new(AtomicUsize::new(0));
    let passes: Vec<_> = (0..HELD)
        .map(|_| {
            let (runtime, plugin, held) = (runtime.clone(), plugin.clone(), held.clone());
            let input = input_of("plain", json!({"name": "bench"}));
            tokio::spawn(async move {
                runtime.pass(&plugin, &input, Grant::default(), Box::new(Hold(held))).await;
            })
        })
        .collect();
    while held.load(Ordering::SeqCst) < HELD {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let grown = own_bytes()?.saturating_sub(before);
    passes.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(Figure::new(
        format!("{language}: memory of {HELD} live instances"),
        format!("{} MB, {} KB each", grown >> 20, (grown >> 10) / HELD as u64),
        "2 GB",
        Some(grown < HELD_BYTES),
    ))
}

/// What this process weighs alone (Pss).
fn own_bytes() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("Pss")?;
    let kb: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kb * 1_024)
}

/// Never answers.
struct Hold(Arc<AtomicUsize>);

#[async_trait]
impl Steps for Hold {
    async fn ask(&mut self, _: &[StepCall]) -> Result<Reply, Stop> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn finish(&mut self, _: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        Ok(None)
    }
    fn log(&mut self, _: Level, _: &str, _: &[(String, String)]) {}
    async fn kv(&mut self, _: KvCall) -> Result<KvReply, String> {
        Ok(KvReply::Done)
    }
}

/// Durable steps a second of a host that has nothing else to do.
async fn steps(name: &str, language: &str) -> anyhow::Result<Figure> {
    let host = Setup::dev().guests(&[name]).env("PAWL_LOG", "warn").start().await;
    let mut connection = Connection::open(host.addr()).await?;
    // the first ones warm up
    let mut took = Duration::ZERO;
    for runs in [20, RUNS] {
        let due = unix_ms() + 1_000;
        let event = json!({"name": "test/thousand", "data": {"n": STEPS}, "ts": due});
        let body = Value::Array(vec![event; runs]).to_string();
        connection.exchange(&load::post("/e/bench", "", body.as_bytes())).await?;
        load::until_idle(&host, due).await?;
        took = Duration::from_millis(u64::try_from(unix_ms() - due)?);
    }
    let failed = host.read("/v1/runs?status=Failed&limit=1").await;
    anyhow::ensure!(failed.as_array().is_some_and(Vec::is_empty), "a run failed: {failed}");
    let per_second = (RUNS * STEPS) as f64 / took.as_secs_f64();
    Ok(Figure::new(
        format!("{language}: durable steps, in runs of {STEPS}"),
        format!("{per_second:.0}/s"),
        "",
        None,
    ))
}
