//! The index of values: that it finds what looking at everything finds, and that it may
//! be lost.

use super::*;
use crate::store::conformance::find::{accept_at, id_at};
use crate::store::conformance::{Host, at};
use crate::store::find::Search;
use crate::store::memory::Memory;

const EVENTS: i64 = 1_203;

/// Values that few, some and many events have.
fn accept(n: i64) -> Accept {
    let data = serde_json::json!({
        "order": {"id": format!("or_{n}"), "items": [{"sku": format!("s{}", n % 7)}]},
        "amount": n % 11, "paid": n % 2 == 0, "note": "quote \" and ü",
    });
    let functions: &[&str] = if n % 5 == 0 { &[] } else { &["f", "g"] };
    accept_at(n, if n % 3 == 0 { "three" } else { "other" }, &data.to_string(), functions)
}

async fn fill(store: &dyn Store) {
    store.accept((0..EVENTS).map(accept).collect()).await.expect("accepts");
}

/// A store in this folder with the events, and a model that has the same.
async fn both(folder: &Path) -> (Arc<Sqlite>, Arc<Memory>) {
    let (sqlite, model) = (Arc::new(Sqlite::open(folder).expect("opens")), Arc::new(Memory::default()));
    Host::new(sqlite.clone() as Arc<dyn Store>).await;
    Host::new(model.clone() as Arc<dyn Store>).await;
    fill(&*sqlite).await;
    fill(&*model).await;
    (sqlite, model)
}

/// What a search finds, to its end, by small pages.
async fn found(store: &dyn Store, text: &str, name: Option<&str>, from: Option<i64>) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None);
    let text = Search::parse(text);
    loop {
        let query = RunQuery {
            text: text.clone(),
            event_name: name.map(Into::into),
            from: from.map(at),
            cursor: cursor.take(),
            limit: 70,
            ..RunQuery::default()
        };
        let page = store.find_runs(query).await.expect("finds");
        found.extend(page.rows.into_iter().map(|run| run.id.to_string()));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    loop {
        let (text, name) = (text.clone(), name.map(Into::into));
        let query =
            EventQuery { text, name, from: from.map(at), until: None, cursor: cursor.take(), limit: 70 };
        let page = store.find_events(query).await.expect("finds");
        found.extend(page.rows.into_iter().map(|event| event.id.to_string()));
        cursor = page.cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn compare(sqlite: &dyn Store, model: &dyn Store) {
    let (event, run) = (id_at(77, 0), id_at(77, 2));
    for text in [
        "or_1",
        "data.order.id:or_1202",
        "user.order.id:or_7",
        "user.id:u_1",
        "data.order.items.sku:s3",
        "data.order.items.0.sku:s3",
        "s3",
        "data.amount:7",
        "data.paid:true",
        "quote \" and ü",
        "evt_600",
        &event,
        &run,
        "nobody",
        "data.note:nobody",
    ] {
        for (name, from) in
            [(None, None), (Some("three"), None), (None, Some(601)), (Some("other"), Some(900))]
        {
            let (ours, theirs) =
                (found(sqlite, text, name, from).await, found(model, text, name, from).await);
            assert_eq!(ours, theirs, "{text} {name:?} {from:?}");
        }
    }
}

/// How many events are in the index.
fn entries(folder: &Path) -> i64 {
    let db = connect(&folder.join(search::FILE)).expect("opens");
    db.query_row("SELECT count(*) FROM words_docsize", [], |row| row.get(0)).expect("counts")
}

#[tokio::test]
async fn it_finds_what_looking_at_everything_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sqlite, model) = both(folder.path()).await;
    // however far the index has come
    compare(&*sqlite, &*model).await;
    sqlite.indexer.index().settle();
    assert_eq!(sqlite.indexer.index().indexed(), EVENTS);
    compare(&*sqlite, &*model).await;
}

#[tokio::test]
async fn an_index_that_is_lost_broken_or_of_another_database_is_made_anew() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (sqlite, model) = both(folder.path()).await;
    sqlite.indexer.index().settle();
    drop(sqlite);
    let file = folder.path().join(search::FILE);
    let store = Sqlite::open(other.path()).expect("opens");
    store.accept(vec![accept_at(1, "x", "{}", &[])]).await.expect("accepts");
    store.indexer.index().settle();
    drop(store);
    let another = std::fs::read(other.path().join(search::FILE)).expect("reads");
    let reopened = async |what: &str| {
        let store = Sqlite::open(folder.path()).expect("opens");
        store.indexer.index().settle();
        assert_eq!(
            found(&store, "or_9", None, None).await,
            found(&*model, "or_9", None, None).await,
            "{what}"
        );
        drop(store);
        assert_eq!(entries(folder.path()), EVENTS, "{what}");
    };
    std::fs::remove_file(&file).expect("removes");
    reopened("lost").await;
    std::fs::write(&file, "no database at all, but some text that is long enough for a page".repeat(99))
        .expect("writes");
    reopened("broken").await;
    std::fs::write(&file, another).expect("writes");
    reopened("of another database").await;
}

#[tokio::test]
async fn one_that_breaks_while_it_is_used_is_made_anew_and_nothing_is_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sqlite, model) = both(folder.path()).await;
    sqlite.indexer.index().settle();
    let db = connect(&folder.path().join(search::FILE)).expect("opens");
    db.execute_batch("DELETE FROM words_data").expect("breaks it");
    compare(&*sqlite, &*model).await;
    sqlite.indexer.index().settle();
    compare(&*sqlite, &*model).await;
}

#[tokio::test]
async fn a_host_that_ends_between_two_batches_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sqlite, model) = both(folder.path()).await;
    drop(sqlite);
    let file = folder.path().join(search::FILE);
    std::fs::remove_file(&file).expect("removes");
    let filling = |passes: usize| {
        let mut filling = search::Filling::open(&folder.path().join("pawl.db")).expect("opens");
        for _ in 0..passes {
            assert!(filling.pass().expect("takes a batch in"), "there is more");
        }
    };
    filling(1);
    assert_eq!(entries(folder.path()), 500);
    filling(1);
    assert_eq!(entries(folder.path()), 1_000);
    let store = Sqlite::open(folder.path()).expect("opens");
    store.indexer.index().settle();
    compare(&store, &*model).await;
    drop(store);
    assert_eq!(entries(folder.path()), EVENTS, "each of them once");
}

#[tokio::test]
async fn events_that_are_forgotten_leave_the_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sqlite, _) = both(folder.path()).await;
    let index = sqlite.indexer.index();
    index.settle();
    let forget = |sql: &'static str| sqlite.writer.between(move |db, _| db.execute_batch(sql).map_err(error));
    forget("PRAGMA foreign_keys = OFF; DELETE FROM runs; DELETE FROM events WHERE n <= 1100 OR n = 1150")
        .await
        .expect("forgets");
    index.events_went();
    index.settle();
    assert_eq!(entries(folder.path()), EVENTS - 1_101);
    assert_eq!(found(&*sqlite, "or_5", None, None).await, [""; 0]);
    forget("DELETE FROM events").await.expect("forgets");
    index.settle();
    assert_eq!(entries(folder.path()), 0);
    // numbers are not given twice: the next one is new to the index
    sqlite.accept(vec![accept_at(5_000, "x", r#"{"k": "new"}"#, &[])]).await.expect("accepts");
    index.settle();
    assert_eq!((entries(folder.path()), index.indexed()), (1, EVENTS + 1));
    assert_eq!(found(&*sqlite, "new", None, None).await, [id_at(5_000, 0)]);
}
