//! Costs with many runs, counted in steps of SQLite's machine and not in time.

use super::*;
use crate::store::conformance::gates::{gated, limit};
use crate::store::conformance::{Host, at, ids, plain};
use rusqlite::StatementStatus;

const MANY: u32 = 100_000;

/// Steps that the writer's statement has taken since this was last asked.
async fn steps(store: &Sqlite, sql: &'static str) -> i32 {
    let count = move |db: &Connection, _: &mut State| {
        let statement = db.prepare_cached(sql).map_err(error)?;
        Ok(statement.reset_status(StatementStatus::VmStep))
    };
    store.writer.between(count).await.expect("counts")
}

async fn host() -> (Host, Arc<Sqlite>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Sqlite::open(folder.path()).expect("opens"));
    let shared: Arc<dyn Store> = store.clone();
    (Host::new(shared).await, store, folder)
}

#[tokio::test]
async fn a_blocked_key_with_many_runs_costs_the_others_nothing() {
    let (mut h, store, _folder) = host().await;
    let blocked = || gated("f", &[limit("blocked", 1)]);
    h.begin("f", 0, blocked()).await;
    let holder = h.claim_one(0).await;
    let lane = blocked().lane.to_json();
    let fill = move |db: &Connection, _: &mut State| {
        let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) \
                   INSERT INTO queue (lane, place, run, ready_at) \
                   SELECT ?1, ?3 + i % 1000, 'x' || i, ?3 + i % 1000 FROM n";
        writes::execute(db, sql, rusqlite::params![lane, MANY, at(1).as_millis()])
    };
    assert_eq!(store.writer.between(fill).await.expect("fills"), MANY as usize);
    // each of them becomes ready once
    assert!(h.claim(2_000, 9).await.is_empty());
    assert!(steps(&store, txn::DUE).await > MANY as i32);
    steps(&store, txn::NEXT).await;
    for (n, ms) in (2_001..2_101).enumerate() {
        h.begin("f", ms, gated("f", &[limit("free", 1)])).await;
        if n % 2 == 0 {
            h.begin("f", ms, blocked()).await;
        }
        h.begin("g", ms, plain("g")).await;
        let claimed = h.claim(ms, 9).await;
        assert_eq!(claimed.len(), 2, "{:?}", ids(&claimed));
        for c in claimed {
            h.finish(&c.claim, 0, Status::Completed).await;
        }
    }
    let (seen, walked) = (steps(&store, txn::DUE).await, steps(&store, txn::NEXT).await);
    assert!(seen < 20_000 && walked < 20_000, "{seen} and {walked} steps for 100 claims");
    assert_eq!(store.next_due(at(2_200)).await.expect("known"), None);
    assert!(steps(&store, reads::NEXT_READY).await < 1_000);
    // its gate opens: the first of all that wait there, by an index
    h.finish(&holder.claim, 0, Status::Completed).await;
    let rest = store
        .writer
        .between(|db, state| claim(db, state, &Ask { now: at(2_200), max: 9, rules: Arc::default() }));
    assert_eq!(rest.await.expect("claims").len(), 1);
    assert!(steps(&store, txn::NEXT).await < 1_000);
}

#[tokio::test]
async fn many_runs_that_wait_by_an_equation_cost_an_event_nothing() {
    let (mut h, store, _folder) = host().await;
    let own = h.event("order", "{\"id\": 7}", 0);
    let run = h.run_of("f", 0, plain("f"));
    h.store.accept(vec![Accept { event: own, runs: vec![run], keep: Keep::Always }]).await.expect("accepts");
    let claimed = h.claim_one(0).await;
    let watch = Watch {
        name: "paid".into(),
        filter: None,
        index: Some(("data.id".into(), "7".into())),
        until: at(1_000),
        rival: None,
    };
    let also = Also { watches: vec![(crate::store::conformance::key("a"), watch)], ..Also::default() };
    h.park_with(&claimed.claim, 0, 900, also).await;
    let fill = |db: &Connection, _: &mut State| {
        let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                   INSERT INTO watches (name, path, value, run, step, until) \
                   SELECT 'paid', 'data.' || (i % 3), i, 'x' || i, 'a', ?2 FROM n";
        writes::execute(db, sql, rusqlite::params![MANY, at(1_000).as_millis()])
    };
    assert_eq!(store.writer.between(fill).await.expect("fills"), MANY as usize);
    steps(&store, txn::PATHS).await;
    steps(&store, txn::WATCHINGS).await;
    for ms in 1..100 {
        h.send("paid", "{\"id\": 8}", ms).await;
    }
    let (paths, found) = (steps(&store, txn::PATHS).await, steps(&store, txn::WATCHINGS).await);
    assert!(paths < 30_000 && found < 30_000, "{paths} and {found} steps for 99 events");
    h.send("paid", "{\"id\": 7}", 100).await;
    assert_eq!(h.claim(100, 9).await.len(), 1);
}

#[tokio::test]
async fn a_run_without_terms_takes_no_statement_too_many() {
    let (mut h, store, _folder) = host().await;
    // statements of what there is none of are not even prepared
    for _ in 0..3 {
        h.begin("f", 0, plain("f")).await;
        let claimed = h.claim_one(0).await;
        h.commit(&claimed.claim, 0, vec![crate::store::conformance::started()]).await.expect("commits");
        h.park(&claimed.claim, 1, 10).await;
        let claimed = h.claim_one(10).await;
        h.finish(&claimed.claim, 2, Status::Completed).await;
    }
    for sql in [txn::PATHS, txn::WATCHINGS, txn::PLACE, txn::DUE_ALARMS, txn::FORGET_RATES] {
        let runs = move |db: &Connection, _: &mut State| {
            let statement = db.prepare_cached(sql).map_err(error)?;
            Ok(statement.get_status(StatementStatus::Run))
        };
        assert_eq!(store.writer.between(runs).await.expect("counts"), 0, "{sql}");
    }
    for (sql, times) in [(txn::MOVE, 3), (txn::DUE, 6)] {
        let runs = move |db: &Connection, _: &mut State| {
            let statement = db.prepare_cached(sql).map_err(error)?;
            Ok(statement.get_status(StatementStatus::Run))
        };
        let ran = store.writer.between(runs).await.expect("counts");
        assert!(ran <= times, "{sql}: {ran}");
    }
}
