//! What becomes true with a commit beside the run's own entries.

use super::*;

cases![
    a_commit_brings_events_and_runs_with_it,
    a_refused_commit_leaves_nothing,
    a_run_is_cancelled_when_its_time_is_up,
    a_run_goes_on_on_other_bytes,
    a_run_knows_who_waits_for_it,
    a_finished_run_frees_its_key_before_its_last_events,
    an_event_of_the_same_commit_is_not_waited_for,
    a_rerun_begins_with_what_it_keeps,
];

async fn a_commit_brings_events_and_runs_with_it(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    let claimed = h.claim_one(0).await;
    let accept = h.accept_of(None, &["g"], 1);
    let also = Also { accepts: vec![accept], ..Also::default() };
    let commit = Commit { expect: 0, entries: vec![started()], then: Then::Keep, also };
    h.store.commit(&claimed.claim, commit).await.expect("commits");
    assert!(h.store.event("e00002").await.is_ok());
    assert_eq!(h.claim_one(1).await.claim.run.as_str(), "r00002-g");
}

async fn a_refused_commit_leaves_nothing(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    let claimed = h.claim_one(0).await;
    h.commit(&claimed.claim, 0, vec![started()]).await.expect("commits");
    let mut bad = h.accept_of(None, &["g"], 1);
    bad.runs[0].deployment = DeploymentId::new("unknown");
    let good = h.accept_of(None, &["g"], 1);
    let watch = Watch { name: "one".into(), filter: None, index: None, rival: None, until: at(99) };
    let also = Also {
        accepts: vec![good.clone(), bad],
        watches: vec![(key("w"), watch)],
        cancel_at: Some((at(5), "late".into())),
        ..Also::default()
    };
    let commit = Commit { expect: 1, entries: vec![started()], then: Then::Keep, also };
    assert_eq!(h.store.commit(&claimed.claim, commit).await, Err(StoreError::Conflict));
    let also = Also { accepts: vec![good], ..Also::default() };
    let commit = Commit { expect: 0, entries: vec![started()], then: Then::Keep, also };
    assert_eq!(h.store.commit(&claimed.claim, commit).await, Err(StoreError::Conflict));
    assert_eq!(h.runs().await, ["r00001-f"]);
    let journal = h.store.run(&claimed.claim.run).await.expect("found").journal;
    assert_eq!(journal, [started()]);
    h.send("one", "{}", 2).await;
    assert!(h.claim(9, 9).await.is_empty() && h.next_due(0).await.is_none());
    assert!(!claimed.claim.revoked.is_cancelled());
}

async fn a_run_is_cancelled_when_its_time_is_up(mut h: Host) {
    h.accept(None, &["f", "g"], 0).await;
    let claimed = h.claim(0, 9).await;
    for c in &claimed {
        let also = Also { cancel_at: Some((at(50), "not over within 50 ms".into())), ..Also::default() };
        h.also(&c.claim, also).await;
    }
    h.commit(&claimed[0].claim, 0, vec![started()]).await.expect("commits");
    h.park(&claimed[0].claim, 1, 800).await;
    assert_eq!(h.next_due(0).await, Some(50));
    assert!(h.claim(49, 9).await.is_empty());
    let late = h.claim(50, 9).await;
    assert_eq!(late.len(), 2, "a sleeping one and a claimed one");
    assert!(claimed[1].claim.revoked.is_cancelled());
    for c in &late {
        assert_eq!(cancelled(c), Some("not over within 50 ms"));
        let expect = c.journal.len() as u32;
        h.finish(&c.claim, expect, Status::Cancelled).await;
    }
    assert!(h.claim(999, 9).await.is_empty() && h.next_due(0).await.is_none());
}

async fn a_run_goes_on_on_other_bytes(mut h: Host) {
    h.deploy("d2", "file:a.wasm", 1).await;
    h.accept(None, &["f"], 0).await;
    let claimed = h.claim_one(0).await;
    h.also(&claimed.claim, Also { deployment: Some(DeploymentId::new("d2")), ..Also::default() }).await;
    h.store.release(&claimed.claim).await;
    assert_eq!(h.claim_one(0).await.deployment.as_str(), "d2");
}

async fn a_run_knows_who_waits_for_it(mut h: Host) {
    let event = h.event("test/x", "{}", 0);
    let step = StepKey::new("ask", 2).expect("a key");
    let parent = Some(Parent { run: RunId::new("r0"), step });
    let run = NewRun { parent: parent.clone(), ..h.run_of("f", 0, plain("f")) };
    h.store.accept(vec![Accept { event, runs: vec![run], keep: Keep::Always }]).await.expect("accepts");
    let claimed = h.claim_one(0).await;
    assert_eq!(claimed.parent, parent);
    assert_eq!(h.store.run(&claimed.claim.run).await.expect("found").parent, parent);
}

async fn a_finished_run_frees_its_key_before_its_last_events(mut h: Host) {
    let terms = || checked("f", Check::Single { key: "s".into(), mode: SingletonMode::Skip });
    h.begin("f", 0, terms()).await;
    let claimed = h.claim_one(0).await;
    let event = h.event("test/ended", "{}", 2);
    let runs = vec![h.run_of("f", 2, terms())];
    let also = Also { accepts: vec![Accept { event, runs, keep: Keep::IfHeard }], ..Also::default() };
    h.finish_with(&claimed.claim, 0, Status::Completed, also).await;
    assert_eq!(h.claim_one(2).await.claim.run.as_str(), "r00002-f");
}

async fn an_event_of_the_same_commit_is_not_waited_for(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    let claimed = h.claim_one(0).await;
    let event = h.event("one", "{}", 1);
    let watch = Watch { name: "one".into(), filter: None, index: None, rival: None, until: at(99) };
    let also = Also {
        accepts: vec![Accept { event, runs: Vec::new(), keep: Keep::Always }],
        watches: vec![(key("w"), watch)],
        ..Also::default()
    };
    h.park_with(&claimed.claim, 0, 500, also).await;
    assert!(h.claim(2, 9).await.is_empty());
    h.send("one", "{}", 3).await;
    assert_eq!(h.claim(3, 9).await.len(), 1);
}

async fn a_rerun_begins_with_what_it_keeps(mut h: Host) {
    h.accept(None, &[], 0).await;
    let kept = vec![started(), Entry::Parked { at: at(2), until: at(3), lines: 1 }];
    let run = NewRun { id: RunId::new("again"), journal: kept.clone(), ..h.run_of("f", 4, plain("f")) };
    h.store.start(&[EventId::new("e00001")], run).await.expect("starts");
    let claimed = h.claim_one(4).await;
    assert_eq!(claimed.journal, kept);
    assert_eq!(h.commit(&claimed.claim, 1, vec![started()]).await, Err(StoreError::Conflict));
    h.commit(&claimed.claim, 2, vec![started()]).await.expect("commits");
}
