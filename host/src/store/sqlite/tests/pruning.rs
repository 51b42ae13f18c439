//! Forgetting for want of room.

use super::*;
use crate::store::conformance::{Host, at, plain};
use crate::store::records::{Pruned, Retention};
use pawl_engine::index::Status;

const DAY: i64 = 86_400_000;

async fn round(host: &Host, keep: Retention, ms: i64) -> Pruned {
    let mut all = Pruned::default();
    while !all.is_done {
        let one = host.store.records().prune(keep, at(ms)).await.expect("forgets");
        (all.runs, all.events, all.is_done) = (all.runs + one.runs, all.events + one.events, one.is_done);
    }
    all
}

#[tokio::test]
async fn without_room_what_is_over_goes_and_what_is_of_today_or_live_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Box<dyn Store> = Box::new(Sqlite::open(folder.path()).expect("opens"));
    let mut host = Host::new(store).await;
    let old = host.begin("f", 0, plain("f")).await;
    let claimed = host.claim_one(0).await;
    host.finish(&claimed.claim, 0, Status::Completed).await;
    let live = host.begin("g", 1, plain("g")).await;
    host.send("lonely", "{}", 2).await;
    host.send("lonely", "{}", 3 * DAY).await;
    let keep = Retention { runs: None, events: None, lines: None, bytes: Some(1) };
    let none = round(&host, Retention { bytes: Some(u64::MAX), ..keep }, 3 * DAY).await;
    assert_eq!((none.runs, none.events), (0, 0), "there is room");
    let today = round(&host, keep, DAY / 2).await;
    assert_eq!((today.runs, today.events), (0, 0), "all of it is of today");
    let gone = round(&host, keep, 3 * DAY).await;
    assert_eq!((gone.runs, gone.events), (1, 2));
    assert_eq!(host.store.run(&old).await.err(), Some(StoreError::NotFound));
    assert!(host.store.run(&live).await.is_ok());
}
