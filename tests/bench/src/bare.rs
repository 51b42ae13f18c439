//! The measure for everything durable: a bare group-commit loop. One thread, one
//! SQLite connection with the host's pragmas, one insert a request, as many requests
//! a transaction as wait (at most the host's limit), one answer a request after the
//! commit. Nothing could acknowledge rows of this size faster on this disk without
//! giving up the fsync.

use crate::clock::now;
use crate::figures::Latencies;
use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Rows in one transaction: the host's own limit.
const BATCH: usize = 512;

struct Row {
    key: String,
    seq: u32,
    entry: String,
    done: oneshot::Sender<()>,
}

/// What the loop did.
pub(crate) struct Bare {
    pub(crate) latencies: Latencies,
    pub(crate) per_second: f64,
}

/// `clients` tasks, each with one row of `bytes` on its way at a time, for so long.
pub(crate) async fn run(folder: &Path, clients: usize, bytes: usize, time: Duration) -> anyhow::Result<Bare> {
    let db = open(&folder.join("bare.db"))?;
    let (rows, waiting) = mpsc::channel(4_096);
    let writer = std::thread::spawn(move || write(&db, waiting));
    let begin = now();
    let tasks: Vec<_> =
        (0..clients).map(|n| tokio::spawn(client(n, rows.clone(), bytes, begin + time))).collect();
    drop(rows);
    let mut latencies = Latencies::default();
    for task in tasks {
        latencies.extend(task.await?);
    }
    let per_second = latencies.len() as f64 / begin.elapsed().as_secs_f64();
    writer.join().map_err(|_| anyhow::anyhow!("the bare writer broke"))??;
    Ok(Bare { latencies, per_second })
}

async fn client(n: usize, rows: mpsc::Sender<Row>, bytes: usize, end: Instant) -> Latencies {
    let mut latencies = Latencies::default();
    // each run has its own key and its own entries, as in the host
    let filler = "x".repeat(bytes);
    for seq in 0.. {
        let from = now();
        if from >= end {
            break;
        }
        let (done, told) = oneshot::channel();
        let row = Row { key: format!("run{n:023}-{}", seq / 10), seq: seq % 10, entry: filler.clone(), done };
        if rows.send(row).await.is_err() || told.await.is_err() {
            break;
        }
        latencies.push(from.elapsed());
    }
    latencies
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    db.pragma_update(None, "cache_size", -4_000)?;
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS journal (run TEXT NOT NULL, seq INTEGER NOT NULL, entry TEXT NOT NULL, \
         PRIMARY KEY (run, seq)) WITHOUT ROWID",
    )?;
    Ok(db)
}

fn write(db: &Connection, mut waiting: mpsc::Receiver<Row>) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO journal (run, seq, entry) VALUES (?1, ?2, ?3)";
    while let Some(first) = waiting.blocking_recv() {
        let mut answers = Vec::new();
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut next = Some(first);
        while let Some(row) = next {
            db.prepare_cached(sql)?.execute(rusqlite::params![row.key, row.seq, row.entry])?;
            answers.push(row.done);
            next = if answers.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        db.prepare_cached("COMMIT")?.execute([])?;
        answers.into_iter().for_each(|done| done.send(()).unwrap_or_default());
    }
    Ok(())
}
