//! What people's pages cost, and cost others, with a million finished runs in the database
//! and a hundred more each second.
//!
//! `PAWL_BENCH_HISTORY=<folder>` keeps the database for another time.

mod fill;
mod pages;

use crate::clock::now;
use crate::figures::{Figure, Latencies, ms};
use crate::load::{self, Connection};
use anyhow::Context;
use fill::History;
use pawl_tests::{Host, Setup, stripe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The function whose runs go on meanwhile.
const LIVE: &str = "process-payment-succeeded";

/// Runs that are started each second.
const RATE: u32 = 100;

/// Deliveries that may be on their way at once.
const SENDERS: u32 = 4;

/// How long ingest is measured by itself, before people come and when they have gone.
const ALONE: Duration = Duration::from_secs(20);

/// Requests for each page, and the time from one to the next: a few people who read, each
/// with a page that renews itself.
const ASKED: u64 = 40;
const PACE: Duration = Duration::from_millis(50);

/// Within this, at p95.
const TARGET: Duration = Duration::from_millis(100);

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let made = tempfile::tempdir()?;
    let kept = std::env::var_os("PAWL_BENCH_HISTORY").map(PathBuf::from);
    let folder = kept.as_deref().unwrap_or(made.path());
    std::fs::create_dir_all(folder)?;
    let history = fill::fill(folder).await?;
    let setup = Setup::dev().functions(&[LIVE]).env("PAWL_LOG", "warn");
    let data = setup.functions_folder().with_file_name("data");
    std::os::unix::fs::symlink(folder.canonicalize()?, data)?;
    let _gone = std::fs::remove_file(folder.join("addr"));
    let host = setup.start().await;
    let mut figures = vec![index(&host, folder).await?];
    let nobody = async || {
        tokio::time::sleep(ALONE).await;
        Ok(())
    };
    let (mut alone, ()) = beside(&host, nobody).await?;
    let (mut busy, pages) = beside(&host, async || read_all(&host, &history).await).await?;
    alone.extend(beside(&host, nobody).await?.0);
    figures.extend(pages);
    let moved = busy.quantile(0.99).as_secs_f64() / alone.quantile(0.99).as_secs_f64();
    let of = |l: &mut Latencies| format!("p50 {}, p99 {}", ms(l.quantile(0.5)), ms(l.quantile(0.99)));
    figures.push(Figure::new(
        format!("a webhook that starts a run, {RATE}/s, while {} pages/s are read", 1_000 / PACE.as_millis()),
        of(&mut busy),
        format!("{moved:.2} × the p99 without a reader ({}); target 1.5", of(&mut alone)),
        Some(moved < 1.5),
    ));
    Ok(figures)
}

/// Waits until every event is in the search index.
async fn index(host: &Host, folder: &Path) -> anyhow::Result<Figure> {
    let from = now();
    loop {
        let answer = host.get("/v1/runs?q=nobody-has-this&limit=1").await.expect(200).json();
        if answer["metadata"]["cursor"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let took = from.elapsed();
    let mb = |file: &str| std::fs::metadata(folder.join(file)).map_or(0, |m| m.len()) / 1_000_000;
    Ok(Figure::new(
        format!("the search index of {} events, made while nothing else is to do", fill::RUNS),
        format!("{:.0} s, {} MB", took.as_secs_f64(), mb("search.db")),
        format!("the database has {} MB", mb("pawl.db")),
        None,
    ))
}

/// Does `work` while runs are started at their rate; how long their webhooks took.
async fn beside<T>(
    host: &Host,
    work: impl AsyncFnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(Latencies, T)> {
    static DELIVERIES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let is_over = Arc::new(AtomicBool::new(false));
    let begun = now();
    let tag = host.pid();
    let senders = (0..SENDERS).map(|_| {
        let (is_over, addr) = (is_over.clone(), host.addr());
        tokio::spawn(async move {
            let mut connection = Connection::open(addr).await?;
            let mut took = Latencies::default();
            let mut ticks = tokio::time::interval(Duration::from_secs(1) * SENDERS / RATE);
            while !is_over.load(Ordering::Relaxed) {
                let due = ticks.tick().await.into_std();
                let n = DELIVERIES.fetch_add(1, Ordering::Relaxed);
                let id = format!("\"evt_live{tag}x{n}x{}x", begun.elapsed().as_nanos());
                let body = FIXTURE.replacen("\"evt_", &id, 1);
                let signature = stripe::header(stripe::SECRET, body.as_bytes());
                let headers = format!("stripe-signature: {signature}\r\n");
                connection.exchange(&load::post("/api/stripe/webhook", &headers, body.as_bytes())).await?;
                // from when it was due: one that had to wait for another is late
                took.push(due.elapsed());
            }
            anyhow::Ok(took)
        })
    });
    let senders: Vec<_> = senders.collect();
    let done = work().await;
    is_over.store(true, Ordering::Relaxed);
    let mut took = Latencies::default();
    for sender in senders {
        took.extend(sender.await.context("a sender")??);
    }
    Ok((took, done?))
}

const FIXTURE: &str = include_str!("../../../fixtures/stripe/payment_intent.succeeded.json");

async fn read_all(host: &Host, history: &History) -> anyhow::Result<Vec<Figure>> {
    let (mut figures, mut ticks) = (Vec::new(), tokio::time::interval(PACE));
    let mut connection = Connection::open(host.addr()).await?;
    for (what, path) in pages::ALL {
        // what this host does not serve is left out
        let probe = host.get(&path(history, 0)).await;
        if probe.status != 200 {
            println!("  {what}: {} answers {}", path(history, 0), probe.status);
            continue;
        }
        let mut took = Latencies::default();
        for n in 0..ASKED {
            let request =
                format!("GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n", path(history, n * 7_919 + 13));
            ticks.tick().await;
            let from = now();
            connection.exchange(request.as_bytes()).await?;
            took.push(from.elapsed());
        }
        let (p50, p95, p99) = (took.quantile(0.5), took.quantile(0.95), took.quantile(0.99));
        figures.push(Figure::new(
            *what,
            format!("p50 {}, p95 {}, p99 {}", ms(p50), ms(p95), ms(p99)),
            "100 ms at p95",
            Some(p95 < TARGET),
        ));
    }
    Ok(figures)
}
