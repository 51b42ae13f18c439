//! The suite on a real file, what survives a reopening, and the plans of hot queries.

use super::*;
use crate::store::conformance::{self, Host, json, key, plain};

mod finding;
mod pruning;
mod restart;
mod searching;
mod size;
mod trial;

#[tokio::test]
async fn sqlite_passes_the_suite() {
    let folders = std::cell::RefCell::new(Vec::new());
    conformance::check_all(async || {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(folder.path()).expect("opens");
        folders.borrow_mut().push(folder);
        Box::new(store) as Box<dyn Store>
    })
    .await;
}

#[test]
fn a_second_host_is_kept_out_of_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _guard = runtime.enter();
    let _first = Sqlite::open(folder.path()).expect("opens");
    let second = Sqlite::open(folder.path()).err().expect("refused");
    assert!(second.to_string().contains("another pawl uses the data folder"), "{second}");
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = connect(&folder.path().join("pawl.db")).expect("opens");
    db.pragma_update(None, "user_version", 99).expect("sets");
    drop(db);
    assert!(matches!(Sqlite::open(folder.path()), Err(StoreError::Corrupt(_))));
}

fn accept(n: u32) -> Accept {
    let at = Timestamp::from_millis(1_800_000_000_000);
    let data = pawl_engine::Payload::from_value(&serde_json::json!({ "filler": "x".repeat(20_000) }));
    let event = Event {
        id: EventId::new(format!("e{n:05}")),
        name: "test/x".into(),
        data,
        user: None,
        at,
        version: None,
        sender: None,
        trace: None,
        received_at: at,
    };
    Accept { event, runs: Vec::new(), keep: Keep::Always }
}

async fn stored(store: &Sqlite) -> usize {
    store.events(EventFilter { limit: 9_999, ..EventFilter::default() }).await.expect("reads").len()
}

#[tokio::test]
async fn a_full_disk_is_said_loses_nothing_and_is_over_when_there_is_room_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Sqlite::open(folder.path()).expect("opens");
    let pages = |n: u32| {
        store.writer.between(move |db, _| db.pragma_update(None, "max_page_count", n).map_err(error))
    };
    // SQLite's own bound answers as a full disk does: SQLITE_FULL
    pages(60).await.expect("sets");
    let mut accepted = 0;
    let refused = loop {
        match store.accept(vec![accept(accepted)]).await {
            Ok(_) => accepted += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(accepted > 0 && stored(&store).await == accepted as usize, "what was acknowledged is there");
    pages(100_000).await.expect("sets");
    store.accept(vec![accept(accepted)]).await.expect("there is room again");
    assert_eq!(stored(&store).await, accepted as usize + 1);
}

#[tokio::test]
async fn a_locked_database_is_said_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Sqlite::open(folder.path()).expect("opens");
    store.accept(vec![accept(0)]).await.expect("accepts");
    let other = connect(&folder.path().join("pawl.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let refused = store.accept(vec![accept(1)]).await.expect_err("refused");
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    other.execute_batch("ROLLBACK").expect("unlocks");
    store.accept(vec![accept(2)]).await.expect("accepts");
    assert_eq!(stored(&store).await, 2);
}

#[tokio::test]
async fn who_reads_what_a_run_was_told_waits_for_what_is_being_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Sqlite::open(folder.path()).expect("opens"));
    let mut host = Host::new(store.clone() as Arc<dyn Store>).await;
    let run = host.begin("f", 0, plain("f")).await;
    let claim = host.claim_one(0).await.claim;
    // the writer is about something else
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let (tell, is_held) = tokio::sync::oneshot::channel();
    let writer = store.writer.clone();
    let hold = move |_: &Connection, _: &mut State| Ok((tell.send(()), gate.recv()));
    let holding = tokio::spawn(async move { writer.between(hold).await.map(drop) });
    is_held.await.expect("it holds");
    let queued = async |n: usize| {
        while store.waiting() < n {
            tokio::task::yield_now().await;
        }
    };
    let mail = Mail::Ended { step: key("a"), result: Ok(json("1")) };
    let also = Also { mail: vec![(run.clone(), mail.clone())], ..Also::default() };
    let (other, commit) = (store.clone(), Commit { expect: 0, entries: Vec::new(), then: Then::Keep, also });
    let telling = tokio::spawn(async move { other.commit(&claim, commit).await });
    queued(1).await;
    let mut unread = store.unread(&run);
    tokio::select! {
        early = &mut unread => panic!("{early:?}"),
        () = queued(2) => {}
    }
    open.send(()).expect("it waits");
    assert_eq!(unread.await.expect("reads"), [mail]);
    telling.await.expect("ends").expect("commits");
    holding.await.expect("ends").expect("ends");
}

/// The plan of a query, without the parts that depend on nothing of ours.
fn plan(db: &Connection, sql: &str) -> String {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a query");
    let rows = statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>();
    rows.expect("a plan").join("\n")
}

#[test]
fn every_hot_query_goes_by_its_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = connect(&folder.path().join("pawl.db")).expect("opens");
    schema::migrate(&mut db).expect("migrates");
    for (sql, wanted) in [
        (txn::DUE, "SEARCH queue USING COVERING INDEX queue_by_time (ready_at>? AND ready_at<?)"),
        (txn::NEXT, "SEARCH queue USING PRIMARY KEY (lane=? AND (place,run)>(?,?) AND place<?)"),
        (txn::PLACE, "SEARCH queue USING INDEX queue_by_run (run=?)"),
        (reads::NEXT_READY, "SEARCH queue USING COVERING INDEX queue_by_time (ready_at>?)"),
        (reads::NEXT_ALARM, "SEARCH alarms USING COVERING INDEX alarms_by_time (at>?)"),
        (txn::DUE_ALARMS, "SEARCH alarms USING INDEX alarms_by_time (at<?)"),
        (txn::WATCHINGS, "SEARCH watches USING INDEX watches_by_value (name=? AND path=? AND value=?)"),
        (
            "DELETE FROM watches WHERE run = ?1 AND (?2 IS NULL OR step = ?2)",
            "SEARCH watches USING INDEX watches_by_run (run=?)",
        ),
        (
            "DELETE FROM holds WHERE run = ?1 AND (?2 IS NULL OR kind = ?2)",
            "SEARCH holds USING INDEX holds_by_run (run=?)",
        ),
        (
            "DELETE FROM alarms WHERE run = ?1 AND (?2 IS NULL OR bell = ?2)",
            "SEARCH alarms USING PRIMARY KEY (run=?)",
        ),
        ("SELECT mail FROM mail WHERE run = ?1 ORDER BY n", "SEARCH mail USING PRIMARY KEY (run=?)"),
        ("SELECT entry FROM journal WHERE run = ?1 ORDER BY seq", "SEARCH journal USING PRIMARY KEY (run=?)"),
        ("DELETE FROM queue WHERE run = ?1", "SEARCH queue USING COVERING INDEX queue_by_run (run=?)"),
        (txn::MOVE, "SEARCH queue USING COVERING INDEX queue_by_run (run=?)"),
        (
            "UPDATE runs SET status = ?2 WHERE id = ?1",
            "SEARCH runs USING INDEX sqlite_autoindex_runs_1 (id=?)",
        ),
    ] {
        let plan = plan(&db, sql);
        assert!(plan == wanted, "{sql}: {plan}");
    }
    for (sql, table) in [(txn::PATHS, "watches"), (reads::WATCHED, "watches"), (txn::FORGET_RATES, "rates")] {
        let plan = plan(&db, sql);
        assert!(
            plan.contains(&format!("SEARCH {table}")) && !plan.contains(&format!("SCAN {table}")),
            "{plan}"
        );
    }
    for filter in [
        RunFilter::default(),
        RunFilter { status: Some(Status::Failed), ..RunFilter::default() },
        RunFilter { status: Some(Status::Running), ..RunFilter::default() },
        RunFilter { function: Some(FunctionId::new("f")), ..RunFilter::default() },
        RunFilter { event: Some(EventId::new("e")), ..RunFilter::default() },
    ] {
        let sql = reads::runs_sql(&filter);
        let plan = plan(&db, &sql);
        // few runs execute at once, and few belong to one event: those may be sorted
        let is_small = filter.event.is_some() || filter.status == Some(Status::Running);
        assert!(!plan.contains("TEMP B-TREE") || is_small, "{filter:?} sorts:\n{plan}");
    }
}
