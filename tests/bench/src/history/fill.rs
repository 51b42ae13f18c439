//! A database as a busy month leaves it: a million finished runs with their events,
//! journals and counts, written by SQL into the schema that the store makes.

use crate::clock::{now, unix_ms};
use anyhow::Context;
use pawl::store::Store;
use pawl::store::sqlite::Sqlite;
use pawl_engine::journal::Kind;
use pawl_engine::stats::Bucket;
use pawl_engine::{Entry, Failure, Outcome, Payload, Span, StepKey, Timestamp};
use rusqlite::{Transaction, params};
use std::path::Path;

/// Finished runs.
pub(super) const RUNS: u64 = 1_000_000;

/// The time over which they are spread.
const DAYS: u64 = 20;
const APART: u64 = DAYS * 86_400_000 / RUNS;

const FUNCTIONS: u64 = 10;

/// Names of events, the first ones often.
const NAMES: [&str; 6] = [
    "stripe/payment_intent.succeeded",
    "stripe/checkout.session.completed",
    "stripe/invoice.paid",
    "shop/order.placed",
    "shop/order.shipped",
    "user/signed.up",
];

/// The name of one event in so many.
pub(super) const RARE: &str = "shop/order.lost";
const RARE_EVERY: u64 = 20_000;

const FIXTURE: &str = include_str!("../../../fixtures/stripe/payment_intent.succeeded.json");

/// Where everything of one run is to be found.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    /// When the first one was made.
    pub(super) start: i64,
}

impl History {
    /// The time of the n-th event, in Unix milliseconds.
    pub(super) fn at(&self, n: u64) -> i64 {
        self.start + (n * APART) as i64
    }

    /// The id of the n-th event.
    pub(super) fn event(&self, n: u64) -> String {
        pawl::ids::first_at(Timestamp::from_millis(self.at(n))).to_string()
    }

    /// The id of its run.
    pub(super) fn run(&self, n: u64) -> String {
        pawl::ids::first_at(Timestamp::from_millis(self.at(n) + 1)).to_string()
    }
}

/// Fills the folder, or takes it as it is when it was filled before.
pub(super) async fn fill(folder: &Path) -> anyhow::Result<History> {
    let marker = folder.join("history");
    if let Ok(start) = std::fs::read_to_string(&marker) {
        return Ok(History { start: start.trim().parse().context("the marker of a history")? });
    }
    let from = now();
    let history = History { start: unix_ms() - (RUNS * APART) as i64 - 60_000 };
    let store = Sqlite::open(folder)?;
    store.ready().await?;
    drop(store);
    let mut db = rusqlite::Connection::open(folder.join("pawl.db"))?;
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "cache_size", -200_000)?;
    let object = object()?;
    for part in 0..20 {
        let tx = db.transaction()?;
        if part == 0 {
            let sql = "INSERT INTO deployments (id, bytes, manifests, at) VALUES ('history', x'', '[]', ?1)";
            tx.execute(sql, [history.start])?;
        }
        for n in RUNS / 20 * part..RUNS / 20 * (part + 1) {
            write(&tx, &history, &object, n)?;
        }
        tx.commit()?;
    }
    counts(&mut db, &history)?;
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    std::fs::write(&marker, history.start.to_string())?;
    println!("  filled {} in {:.0} s", folder.display(), from.elapsed().as_secs_f64());
    Ok(history)
}

/// A real object of Stripe's, in one line.
fn object() -> anyhow::Result<String> {
    let event: serde_json::Value = serde_json::from_str(FIXTURE)?;
    Ok(event["data"]["object"].to_string())
}

/// How the n-th run ended.
fn end(n: u64) -> &'static str {
    match n % 100 {
        0..3 => "Failed",
        3 => "Cancelled",
        _ => "Completed",
    }
}

fn function(n: u64) -> String {
    format!("function-{}", n / 7 % FUNCTIONS)
}

fn name(n: u64) -> &'static str {
    match n {
        n if n % RARE_EVERY == 7 => RARE,
        n => NAMES[(n % 17 % 6) as usize],
    }
}

/// Two fifths are Stripe's, of about 2 KB; the others are short.
fn data(object: &str, n: u64) -> String {
    let customer = format!("cus_{}", n % 20_000);
    if n % 5 < 2 {
        let object = object
            .replace("3QxTn0B7WZ01zgkW0aBcDeFg", &format!("hist{n}"))
            .replace("cus_Q9dLm3XwR7vKzT", &customer)
            .replace("ord_000123", &format!("ord_{n}"));
        format!("{{\"paymentIntent\":{object},\"eventId\":\"evt_hist{n}\",\"livemode\":true}}")
    } else {
        format!(
            "{{\"order\":{{\"id\":\"ord_{n}\",\"customer\":\"{customer}\",\"total\":{},\"currency\":\"usd\",\
             \"items\":[{{\"sku\":\"sku_{}\",\"quantity\":{}}}]}},\"source\":\"shop\"}}",
            n % 40_000,
            n % 900,
            n % 5 + 1
        )
    }
}

fn write(tx: &Transaction<'_>, history: &History, object: &str, n: u64) -> anyhow::Result<()> {
    let (event, run, at) = (history.event(n), history.run(n), history.at(n));
    let sender = (n % 5 < 2).then(|| format!("evt_hist{n}"));
    let user = format!("{{\"id\":\"u_{}\"}}", n % 50_000);
    tx.prepare_cached(
        "INSERT INTO events (id, name, data, user, at, source, sender_id, received_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?5)",
    )?
    .execute(params![
        event,
        name(n),
        data(object, n),
        user,
        at,
        sender.as_ref().map(|_| "stripe"),
        sender
    ])?;
    if let Some(sender) = sender {
        tx.prepare_cached(
            "INSERT INTO senders (sender_id, source, event, received_at) VALUES (?1, 'stripe', ?2, ?3)",
        )?
        .execute(params![sender, event, at])?;
    }
    let took = 20 + (n % 50) as i64;
    tx.prepare_cached(
        "INSERT INTO runs (id, event, function, deployment, status, created_at, started_at, ended_at) \
         VALUES (?1, ?2, ?3, 'history', ?4, ?5, ?6, ?7)",
    )?
    .execute(params![run, event, function(n), end(n), at + 1, at + 3, at + took])?;
    for (seq, entry) in journal(n, at, took).iter().enumerate() {
        tx.prepare_cached("INSERT INTO journal (run, seq, entry) VALUES (?1, ?2, ?3)")?.execute(params![
            run,
            seq,
            entry.to_json()
        ])?;
    }
    Ok(())
}

fn journal(n: u64, at: i64, took: i64) -> Vec<Entry> {
    let at = |ms: i64| Timestamp::from_millis(at + ms);
    let mut entries = vec![Entry::Started { at: at(3) }];
    for (place, step) in (0..).zip(["load-user", "charge", "send-receipt"]) {
        let output = serde_json::json!({"id": format!("{step}-{n}"), "ok": true, "amount": n % 9_999});
        entries.push(Entry::StepCompleted {
            step: StepKey { name: step.into(), occurrence: 0 },
            op: Kind::Run,
            attempt: 0,
            started_at: at(4 + place * 5),
            at: at(8 + place * 5),
            output: Payload::from_value(&output),
        });
    }
    let outcome = match end(n) {
        "Failed" => Outcome::Failed(Failure::new("Error", "the card was declined")),
        "Cancelled" => Outcome::Cancelled("by its operator".into()),
        _ => Outcome::Completed(Payload::from_value(&serde_json::json!({"done": n}))),
    };
    entries.push(Entry::Finished { at: at(took), outcome });
    entries
}

/// What the store would have counted: minutes of the last two days, hours of all.
fn counts(db: &mut rusqlite::Connection, history: &History) -> anyhow::Result<()> {
    const KEPT: [(i64, i64); 2] = [(60_000, 2 * 86_400_000), (3_600_000, i64::MAX)];
    let tx = db.transaction()?;
    for n in 0..RUNS {
        let at = history.at(n);
        let took = Bucket::of(Span::from_millis(17 + n % 50)).number();
        for (grain, _) in KEPT.into_iter().filter(|(_, kept)| history.at(RUNS) - at < *kept) {
            for (status, took) in [("Queued", 0), (end(n), took)] {
                tx.prepare_cached(
                    "INSERT INTO run_counts (grain, at, function, status, took, n) VALUES (?1, ?2, ?3, ?4, ?5, 1) \
                     ON CONFLICT DO UPDATE SET n = n + 1",
                )?
                .execute(params![grain, at / grain * grain, function(n), status, took])?;
            }
            tx.prepare_cached(
                "INSERT INTO event_counts (grain, at, name, n) VALUES (?1, ?2, ?3, 1) \
                 ON CONFLICT DO UPDATE SET n = n + 1",
            )?
            .execute(params![grain, at / grain * grain, name(n)])?;
        }
    }
    Ok(tx.commit()?)
}
