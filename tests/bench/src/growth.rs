//! Whether a claim and a step cost the same however many runs have finished: the
//! store by itself, in processor time, which no busy disk disturbs.

use crate::clock::now;
use crate::figures::{Figure, Latencies, ms};
use anyhow::Context;
use pawl::store::sqlite::Sqlite;
use pawl::store::{Accept, Also, Ask, Claimed, Commit, Deploy, Keep, NewRun, Store, Then};
use pawl_engine::flow::Terms;
use pawl_engine::journal::Kind;
use pawl_engine::{
    DeploymentId, Entry, Event, EventId, FunctionId, Index, Outcome, Payload, Run, RunId, StepKey, Timestamp,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const STEPS: u32 = 10;
const AT_ONCE: usize = 50;
const ROUNDS: usize = 60;
const T: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Finished runs in the small and in the large store.
const SMALL: usize = 1_000;
const LARGE: usize = 1_000_000;

struct Cost {
    cpu_us_per_step: f64,
    claim: Latencies,
}

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let (small, large) = (tempfile::tempdir()?, tempfile::tempdir()?);
    fill(small.path(), SMALL).await?;
    fill(large.path(), LARGE).await?;
    // in turns; the first round of each only warms up
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        costs[0].push(cost(small.path()).await?);
        costs[1].push(cost(large.path()).await?);
    }
    let [small, large] = costs.map(best);
    let step = large.0 / small.0;
    let claim = large.1.as_secs_f64() / small.1.as_secs_f64();
    Ok(vec![
        Figure::new(
            format!("processor time of a step with {LARGE} finished runs"),
            format!("{:.1} µs", large.0),
            format!("{step:.2} × that with {SMALL} ({:.1} µs); target 1.3", small.0),
            Some(step < 1.3),
        ),
        Figure::new(
            format!("a claim of {AT_ONCE} runs with {LARGE} finished runs, p50"),
            ms(large.1),
            format!("{claim:.2} × that with {SMALL} ({}); target 1.5", ms(small.1)),
            Some(claim < 1.5),
        ),
    ])
}

fn best(costs: Vec<Cost>) -> (f64, Duration) {
    let step = costs.iter().map(|c| c.cpu_us_per_step).fold(f64::INFINITY, f64::min);
    let claim = costs.into_iter().map(|mut c| c.claim.quantile(0.5)).min().unwrap_or_default();
    (step, claim)
}

/// A store with so many finished runs, each with its event and a short journal.
async fn fill(folder: &Path, runs: usize) -> anyhow::Result<()> {
    let store = Sqlite::open(folder)?;
    let deploy = Deploy {
        id: DeploymentId::new("d"),
        bytes: Vec::new(),
        manifests: Vec::new(),
        source: "bench".into(),
        at: T,
    };
    store.deploy(deploy).await?;
    drop(store);
    let mut db = rusqlite::Connection::open(folder.join("pawl.db"))?;
    db.pragma_update(None, "synchronous", "OFF")?;
    let tx = db.transaction()?;
    for n in 0..runs {
        let (event, run) = (format!("01E{n:023}"), format!("01R{n:023}"));
        let function = format!("f{}", n % 10);
        tx.prepare_cached(
            "INSERT INTO events (id, name, data, at, received_at) VALUES (?1, 'bench/x', '{\"n\":1}', ?2, ?2)",
        )?
        .execute(rusqlite::params![event, T.as_millis()])?;
        tx.prepare_cached(
            "INSERT INTO runs (id, event, function, deployment, status, created_at, started_at, ended_at) \
             VALUES (?1, ?2, ?3, 'd', 'Completed', ?4, ?4, ?4)",
        )?
        .execute(rusqlite::params![run, event, function, T.as_millis()])?;
        for seq in 0..3 {
            let entry = step(seq).to_json();
            tx.prepare_cached("INSERT INTO journal (run, seq, entry) VALUES (?1, ?2, ?3)")?
                .execute(rusqlite::params![run, seq, entry])?;
        }
    }
    tx.commit()?;
    indexed(folder, runs).await
}

/// Waits until so many events are in the search index: what is measured is the steps, not the
/// thread that makes up for a million events at once.
async fn indexed(folder: &Path, events: usize) -> anyhow::Result<()> {
    let _store = Sqlite::open(folder)?;
    let index = rusqlite::Connection::open(folder.join("search.db"))?;
    while index.query_row("SELECT n FROM last", [], |row| row.get::<_, i64>(0))? < i64::try_from(events)? {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn step(seq: u32) -> Entry {
    Entry::StepCompleted {
        step: StepKey { name: "s".into(), occurrence: seq },
        op: Kind::Run,
        attempt: 0,
        started_at: T,
        at: T,
        output: Payload::null(),
    }
}

async fn cost(folder: &Path) -> anyhow::Result<Cost> {
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder)?);
    let mut claim = Latencies::default();
    let before = cpu_us()?;
    for _ in 0..ROUNDS {
        store.accept((0..AT_ONCE).map(|_| accept()).collect()).await?;
        let ask = Ask { now: T, max: AT_ONCE, rules: Arc::default() };
        let from = now();
        let claimed = store.claim(ask).await?;
        claim.push(from.elapsed());
        anyhow::ensure!(claimed.len() == AT_ONCE, "{} claimed", claimed.len());
        let runs: Vec<_> = claimed.into_iter().map(|c| tokio::spawn(finish(store.clone(), c))).collect();
        for run in runs {
            run.await??;
        }
    }
    let spent = cpu_us()? - before;
    Ok(Cost { cpu_us_per_step: spent / (ROUNDS * AT_ONCE) as f64 / f64::from(STEPS), claim })
}

fn accept() -> Accept {
    let id = pawl::ids::event(T);
    let event = Event {
        id: EventId::new(id.as_str()),
        name: "bench/x".into(),
        data: Payload::from_value(&serde_json::json!({"n": 1})),
        user: None,
        at: T,
        version: None,
        sender: None,
        trace: None,
        received_at: T,
    };
    let run = NewRun {
        id: RunId::new(id.as_str()),
        function: FunctionId::new("f1"),
        deployment: DeploymentId::new("d"),
        created_at: T,
        terms: Terms::plain(FunctionId::new("f1")),
        parent: None,
        journal: Vec::new(),
    };
    Accept { event, runs: vec![run], keep: Keep::Always }
}

/// Ten steps and an end, as a worker commits them.
async fn finish(store: Arc<dyn Store>, claimed: Claimed) -> anyhow::Result<()> {
    let mut run = Run::new(T);
    let mut entries = vec![Entry::Started { at: T }];
    for seq in 0..STEPS {
        entries.push(step(seq));
        let expect = run.seq;
        entries.iter().try_for_each(|e| run.apply(e))?;
        store
            .commit(
                &claimed.claim,
                Commit {
                    expect,
                    entries: std::mem::take(&mut entries),
                    then: Then::Keep,
                    also: Also::default(),
                },
            )
            .await?;
    }
    let end = Entry::Finished { at: T, outcome: Outcome::Completed(Payload::null()) };
    let expect = run.seq;
    run.apply(&end)?;
    let then = Then::Release(Index::of(&run));
    Ok(store
        .commit(&claimed.claim, Commit { expect, entries: vec![end], then, also: Also::default() })
        .await?)
}

/// This process's processor time in microseconds.
fn cpu_us() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    // Linux counts in hundredths of a second for every program
    Ok(ticks * 10_000.0)
}
