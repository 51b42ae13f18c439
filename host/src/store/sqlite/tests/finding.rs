//! Finding among many: by which index, and how much is looked at for one page.

use super::*;
use crate::store::conformance::find::id_at;
use crate::store::find::Search;

/// A store with so many runs that `status` says of, each with an event of its own.
fn filled(runs: u32, data: &str, status: impl Fn(u32) -> &'static str) -> (Sqlite, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Sqlite::open(folder.path()).expect("opens"));
    let mut db = connect(&folder.path().join("pawl.db")).expect("opens");
    db.pragma_update(None, "synchronous", "OFF").expect("sets");
    let tx = db.transaction().expect("begins");
    tx.execute("INSERT INTO deployments (id, bytes, manifests, at) VALUES ('d', x'', '[]', 0)", [])
        .expect("inserts");
    for n in 0..runs {
        let (event, run) = (id_at(i64::from(n), 0), id_at(i64::from(n), 1));
        let sql = "INSERT INTO events (id, name, data, at, received_at) VALUES (?1, 'x', ?2, 0, 0)";
        tx.prepare_cached(sql).and_then(|mut s| s.execute([event.as_str(), data])).expect("inserts");
        let sql = "INSERT INTO runs (id, event, function, deployment, status, created_at) \
                   VALUES (?1, ?2, 'f', 'd', ?3, 0)";
        tx.prepare_cached(sql)
            .and_then(|mut s| s.execute([run.as_str(), &event, status(n)]))
            .expect("inserts");
    }
    tx.commit().expect("commits");
    drop(db);
    (Sqlite::open(folder.path()).expect("opens"), folder)
}

#[test]
fn every_walk_goes_by_the_index_that_is_made_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = connect(&folder.path().join("pawl.db")).expect("opens");
    schema::migrate(&mut db).expect("migrates");
    let f = || Some(FunctionId::new("f"));
    for (status, function, wanted) in [
        (None, None, "INDEX sqlite_autoindex_runs_1 (id>? AND id<?)"),
        (None, f(), "INDEX runs_by_function (function=? AND id>? AND id<?)"),
        (Some(Status::Completed), f(), "INDEX runs_by_function (function=? AND id>? AND id<?)"),
        (Some(Status::Failed), None, "INDEX runs_by_status (status=? AND id>? AND id<?)"),
        (Some(Status::Queued), None, "INDEX runs_by_status (status=? AND id>? AND id<?)"),
        (Some(Status::Sleeping), f(), "INDEX runs_by_status (status=? AND id>? AND id<?)"),
        (Some(Status::Failed), f(), "INDEX runs_by_bad_end (function=? AND status=? AND id>? AND id<?)"),
        (Some(Status::Cancelled), f(), "INDEX runs_by_bad_end (function=? AND status=? AND id>? AND id<?)"),
    ] {
        let query = RunQuery { status, function, ..RunQuery::default() };
        assert_eq!(plan(&db, &find::walk_sql(&query)), format!("SEARCH r USING {wanted}"), "{query:?}");
    }
    for (name, wanted) in [
        (None, "INDEX sqlite_autoindex_events_1 (id>? AND id<?)"),
        (Some("x".to_owned()), "INDEX events_by_name (name=? AND id>? AND id<?)"),
    ] {
        let sql = find::events_sql(&EventQuery { name, ..EventQuery::default() });
        assert_eq!(plan(&db, &sql), format!("SEARCH e USING {wanted}"), "{sql}");
    }
    for sql in [find::RUNNING, find::NAMED, find::RUNS_OF, find::OWN, find::NEW_ONES, find::FIRST, find::LAST]
    {
        let plan = plan(&db, sql);
        assert!(!plan.contains("SCAN"), "{sql}:\n{plan}");
        assert!(!plan.contains("TEMP B-TREE") || sql == find::OWN, "{sql}:\n{plan}");
    }
}

#[tokio::test]
async fn a_page_that_takes_too_long_says_how_far_it_has_come() {
    let runs = find::LOOKS as u32 + 1_000;
    let (store, _folder) = filled(runs, "{}", |n| if n == 5 || n == 900 { "Completed" } else { "Failed" });
    let query = RunQuery { status: Some(Status::Completed), limit: 2, ..RunQuery::default() };
    let first = store.find_runs(query.clone()).await.expect("finds");
    assert_eq!(first.rows.len(), 0);
    assert_eq!(first.looked_back_to, Some(crate::store::conformance::at(1_000)));
    let rest = store.find_runs(RunQuery { cursor: first.cursor, ..query.clone() }).await.expect("finds");
    assert_eq!(rest.rows.len(), 2);
    assert_eq!((rest.cursor, rest.looked_back_to), (None, None));
    // where there is an index, nothing is looked at in vain
    let query = RunQuery { status: Some(Status::Cancelled), ..query };
    let none = store.find_runs(query.clone()).await.expect("finds");
    assert_eq!((none.rows.len(), none.cursor), (0, None));
    let query = RunQuery { function: Some(FunctionId::new("f")), ..query };
    assert_eq!(store.find_runs(query).await.expect("finds").cursor, None);
}

#[tokio::test]
async fn a_value_of_many_events_is_met_on_the_way_and_one_of_few_is_gathered() {
    let (store, _folder) = filled(10_000, r#"{"same": "here"}"#, |_| "Completed");
    store.indexer.index().settle();
    let search = |text: &str| RunQuery { text: Search::parse(text), limit: 900, ..RunQuery::default() };
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.find_runs(RunQuery { cursor, ..search("data.same:here") }).await.expect("finds");
        seen.extend(page.rows.into_iter().map(|run| run.id));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 10_000);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, each once");
    // the value is there often, the path never: the end is not reached within one page
    let page = store.find_runs(search("data.other:here")).await.expect("finds");
    assert!(page.rows.is_empty() && page.looked_back_to.is_some());
    let page = store.find_runs(search("nowhere")).await.expect("finds");
    assert!(page.rows.is_empty() && page.cursor.is_none(), "the index knows that there is none");
    let oldest = store.find_runs(search(&id_at(0, 1))).await.expect("finds");
    assert_eq!(oldest.rows.len(), 1);
    let query = EventQuery { text: Search::parse("here"), limit: 2, ..EventQuery::default() };
    let cursor = Some(id_at(5_000, 0));
    let page = store.find_events(EventQuery { cursor, ..query }).await.expect("finds");
    let found: Vec<_> = page.rows.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(found, [id_at(4_999, 0), id_at(4_998, 0)]);
}
