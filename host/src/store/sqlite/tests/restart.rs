//! What survives the end of a host, and what a database of the former version becomes.

use super::*;
use crate::store::conformance::gates::{gated, limit, throttle};
use crate::store::conformance::{Host, at, cancelled, checked, ids, key, plain, started};
use pawl_engine::flow::{Check, Gather, Rate, SingletonMode};
use pawl_engine::{Outcome, Span};

/// A host that can be ended.
struct Reopened {
    host: Host,
    folder: tempfile::TempDir,
}

impl Reopened {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(folder.path()).expect("opens");
        Self { host: Host::new(Arc::new(store) as Arc<dyn Store>).await, folder }
    }

    /// Ends the host, whatever it is about, and starts the next one.
    fn restart(&mut self) {
        self.host.store = Arc::new(crate::store::memory::Memory::default());
        self.host.store = Arc::new(Sqlite::open(self.folder.path()).expect("opens"));
    }
}

fn watch(name: &str) -> Watch {
    Watch { name: name.into(), filter: None, index: None, rival: None, until: at(1_000) }
}

#[tokio::test]
async fn checks_and_gathering_runs_survive() {
    let mut r = Reopened::new().await;
    let rate = Rate { limit: 1, period: Span::from_millis(100), at_once: 1 };
    let limited = || checked("f", Check::Rate { key: "r".into(), rate });
    let single = || checked("g", Check::Single { key: "s".into(), mode: SingletonMode::Skip });
    let gather = Some(Gather::Batch { key: "b".into(), max: 3, timeout: Span::from_millis(500) });
    let batched = || Terms { gather: gather.clone(), ..plain("h") };
    for (function, terms) in [("f", limited()), ("g", single()), ("h", batched())] {
        r.host.begin(function, 0, terms).await;
    }
    r.restart();
    for (function, terms) in [("f", limited()), ("g", single()), ("h", batched())] {
        r.host.begin(function, 50, terms).await;
    }
    assert_eq!(r.host.runs().await, ["r00001-f", "r00002-g", "r00003-h"]);
    assert_eq!(r.host.skips("e00006").await, ["h Batched r00003-h"]);
    r.restart();
    r.host.begin("h", 60, batched()).await;
    let claimed = r.host.claim(60, 9).await;
    let batch = claimed.iter().find(|c| c.function.as_str() == "h").expect("full");
    assert_eq!(batch.events.len(), 3);
}

#[tokio::test]
async fn a_throttle_lets_no_more_starts_through() {
    let mut r = Reopened::new().await;
    for _ in 0..3 {
        r.host.begin("f", 0, gated("f", &[throttle("t", 1, 100, 1)])).await;
    }
    let first = r.host.claim_one(0).await;
    r.host.commit(&first.claim, 0, vec![started()]).await.expect("commits");
    r.restart();
    assert_eq!(ids(&r.host.claim(99, 9).await), ["r00001-f"], "it had started: its journal says so");
    assert_eq!(r.host.next_due(99).await, Some(100));
    r.restart();
    let claimed = r.host.claim(100, 9).await;
    let mut both = ids(&claimed);
    both.sort_unstable();
    assert_eq!(both, ["r00001-f", "r00002-f"]);
    r.restart();
    // claimed once more and never started: it counts once more
    assert_eq!(ids(&r.host.claim(199, 9).await), ["r00001-f"]);
    assert_eq!(ids(&r.host.claim(200, 9).await), ["r00002-f"]);
}

#[tokio::test]
async fn nobody_holds_anything_and_gates_are_as_they_were() {
    let mut r = Reopened::new().await;
    for ms in 0..3 {
        r.host.begin("f", ms, gated("f", &[limit("c", 1)])).await;
    }
    assert_eq!(r.host.claim(5, 9).await.len(), 1);
    r.host.store.pause(&FunctionId::new("g"), at(5)).await.expect("pauses");
    r.host.begin("g", 5, plain("g")).await;
    r.restart();
    let claimed = r.host.claim_one(5).await;
    assert_eq!(claimed.claim.run.as_str(), "r00001-f");
    r.host.finish(&claimed.claim, 0, Status::Completed).await;
    assert_eq!(r.host.claim_one(5).await.claim.run.as_str(), "r00002-f");
    assert!(r.host.store.resume(&FunctionId::new("g")).await.expect("resumes"));
    assert_eq!(r.host.claim_one(5).await.claim.run.as_str(), "r00004-g");
}

#[tokio::test]
async fn watches_mail_and_alarms_survive() {
    let mut r = Reopened::new().await;
    r.host.begin("f", 0, plain("f")).await;
    let claimed = r.host.claim_one(0).await;
    let also = Also {
        watches: vec![(key("a"), watch("one"))],
        cancel_at: Some((at(700), "late".into())),
        ..Also::default()
    };
    r.host.park_with(&claimed.claim, 0, 900, also).await;
    let start_within = Some(Span::from_millis(650));
    let terms = Terms { cancel_on: vec![watch("stop")], start_within, ..plain("g") };
    r.host.store.pause(&FunctionId::new("g"), at(0)).await.expect("pauses");
    r.host.begin("g", 0, terms.clone()).await;
    r.host.begin("g", 0, Terms { cancel_on: Vec::new(), ..terms }).await;
    r.restart();
    r.host.send("one", "{}", 10).await;
    r.host.send("stop", "{}", 11).await;
    r.restart();
    let told = r.host.claim(11, 9).await;
    assert_eq!(ids(&told), ["r00002-g", "r00001-f"]);
    assert!(cancelled(&told[0]).is_some());
    assert!(matches!(&told[1].mail[..], [Mail::Event { step, .. }] if *step == key("a")));
    r.host.finish(&told[0].claim, 0, Status::Cancelled).await;
    r.host.park_with(&told[1].claim, 1, 900, Also { read: 1, ..Also::default() }).await;
    r.restart();
    assert_eq!(r.host.next_due(11).await, Some(650));
    assert_eq!(r.host.claim_one(650).await.claim.run.as_str(), "r00003-g", "not started");
    r.restart();
    assert_eq!(r.host.claim_one(660).await.claim.run.as_str(), "r00003-g", "it was not read");
    assert_eq!(cancelled(&r.host.claim_one(700).await), Some("late"));
}

#[tokio::test]
async fn a_database_of_the_former_version_opens_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = connect(&folder.path().join("pawl.db")).expect("opens");
    db.execute_batch(schema::MIGRATIONS[0]).expect("migrates");
    db.pragma_update(None, "user_version", 1).expect("sets");
    db.execute_batch(
        "INSERT INTO deployments VALUES ('d', x'00', '[]', 1);
         INSERT INTO sources VALUES ('file:a.wasm', 'd', 1);
         INSERT INTO events (id, name, data, at, source, sender_id, received_at)
            VALUES ('e1', 'test/x', '{}', 1, 'github', 'x1', 1);
         INSERT INTO senders VALUES ('x1', 'github', 'e1', 1);
         INSERT INTO runs VALUES ('r1', 'e1', 'f', 'd', 'Queued', 1, NULL, NULL),
            ('r2', 'e1', 'f', 'd', 'Sleeping', 1, 2, NULL), ('r3', 'e1', 'g', 'd', 'Completed', 1, 2, 3);
         INSERT INTO journal VALUES ('r2', 0, '{\"Started\":{\"at\":2}}');
         INSERT INTO queue VALUES ('f', 1, 'r1'), ('f', 50, 'r2');",
    )
    .expect("fills");
    drop(db);
    let store = Sqlite::open(folder.path()).expect("opens");
    let ask = |now| Ask { now: Timestamp::from_millis(now), max: 9, rules: Arc::default() };
    assert_eq!(ids(&store.claim(ask(1)).await.expect("claims")), ["r1"]);
    let claimed = store.claim(ask(50)).await.expect("claims").remove(0);
    assert_eq!((claimed.claim.run.as_str(), claimed.journal.len()), ("r2", 1));
    assert_eq!(claimed.events[0].sender.as_ref().map(|s| s.source), Some("github"), "any name is kept");
    let ended = Timestamp::from_millis(60);
    let entries = vec![Entry::Finished { at: ended, outcome: Outcome::Cancelled("by hand".into()) }];
    let index =
        Index { status: Status::Cancelled, wake_at: None, started_at: Some(ended), ended_at: Some(ended) };
    let commit = Commit { expect: 1, entries, then: Then::Release(index), also: Also::default() };
    store.commit(&claimed.claim, commit).await.expect("commits");
    let all = store.runs(RunFilter { limit: 9, ..RunFilter::default() }).await.expect("lists");
    let shown: Vec<_> = all.iter().map(|run| (run.id.as_str(), run.index.status)).collect();
    let (over, cancelled, running) = (Status::Completed, Status::Cancelled, Status::Running);
    assert_eq!(shown, [("r3", over), ("r2", cancelled), ("r1", running)]);
    drop(store);
    let again = Sqlite::open(folder.path()).expect("opens again");
    assert_eq!(ids(&again.claim(ask(99)).await.expect("claims")), ["r1"]);
}
