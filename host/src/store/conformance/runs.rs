//! Events, runs, claims and journals, without terms.

use super::*;

cases![
    an_accepted_event_reads_back_as_it_came,
    a_known_sender_id_is_a_duplicate_for_31_days_and_stores_nothing,
    many_events_are_accepted_together_or_not_at_all,
    a_claim_is_exclusive_and_brings_event_and_journal,
    runs_come_in_the_order_of_their_time,
    a_parked_run_comes_back_at_its_time,
    functions_take_turns,
    a_released_run_is_claimed_again,
    a_seized_run_refuses_its_former_holder,
    a_journal_grows_only_at_its_end,
    a_finished_run_is_over,
    runs_are_listed_by_filter_newest_first,
    one_more_run_of_a_stored_event,
    a_source_offers_its_last_deployment,
    key_value_buckets_are_apart,
];

async fn an_accepted_event_reads_back_as_it_came(mut h: Host) {
    let accepted = h.accept(Some("evt_1"), &["f", "g"], 0).await;
    assert_eq!(accepted, Accepted::New(EventId::new("e00001")));
    for id in ["e00001", "evt_1"] {
        let event = h.store.event(id).await.expect("found");
        assert_eq!(
            (event.id.as_str(), &*event.name, event.data.as_str()),
            ("e00001", "test/x", "{\"n\": 1.50}")
        );
        assert_eq!(event.sender.map(|s| s.id).as_deref(), Some("evt_1"));
        assert_eq!((event.version.as_deref(), event.received_at), (Some("v1"), at(0)));
        assert_eq!(event.trace.map(|trace| trace.to_string()).as_deref(), Some(TRACE));
    }
    assert_eq!(h.store.event("e9").await.expect_err("unknown"), StoreError::NotFound);
    let filter = EventFilter { name: Some("other".into()), limit: 9, ..EventFilter::default() };
    assert!(h.store.events(filter).await.expect("lists").is_empty());
    assert_eq!(
        h.store.events(EventFilter { limit: 9, ..EventFilter::default() }).await.expect("lists").len(),
        1
    );
}

async fn a_known_sender_id_is_a_duplicate_for_31_days_and_stores_nothing(mut h: Host) {
    let kept = limits::SENDER_ID_KEPT.as_millis() as i64;
    h.accept(Some("evt_1"), &["f"], 0).await;
    for ms in [0, 1, kept] {
        let again = h.accept(Some("evt_1"), &["f"], ms).await;
        assert_eq!(again, Accepted::Duplicate(EventId::new("e00001")), "{ms}");
    }
    assert_eq!(h.store.runs(RunFilter { limit: 9, ..RunFilter::default() }).await.expect("lists").len(), 1);
    assert!(matches!(h.accept(Some("evt_1"), &["f"], kept + 1).await, Accepted::New(_)));
    assert!(matches!(h.accept(Some("evt_2"), &[], 0).await, Accepted::New(_)), "another id");
    assert!(matches!(h.accept(None, &[], 0).await, Accepted::New(_)), "no id");
}

async fn many_events_are_accepted_together_or_not_at_all(mut h: Host) {
    let mut bad = h.accept_of(None, &["f"], 0);
    bad.runs[0].deployment = DeploymentId::new("unknown");
    let good = h.accept_of(None, &["f"], 0);
    h.store.accept(vec![good, bad]).await.expect_err("refused");
    assert!(
        h.store.events(EventFilter { limit: 9, ..EventFilter::default() }).await.expect("lists").is_empty()
    );
    let twice = [Some("evt_1"), Some("evt_1")].map(|s| h.accept_of(s, &["f"], 0));
    let accepted = h.store.accept(twice.to_vec()).await.expect("accepts");
    assert!(matches!(accepted[..], [Accepted::New(_), Accepted::Duplicate(_)]), "{accepted:?}");
}

async fn a_claim_is_exclusive_and_brings_event_and_journal(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    assert!(h.claim(-1, 9).await.is_empty(), "its time has not come");
    let claimed = h.claim(0, 9).await;
    assert_eq!(ids(&claimed), ["r00001-f"]);
    assert_eq!(claimed[0].events[0].data.as_str(), "{\"n\": 1.50}");
    assert_eq!((claimed[0].deployment.as_str(), claimed[0].created_at), ("d", at(0)));
    assert!(claimed[0].journal.is_empty());
    assert!(h.claim(99, 9).await.is_empty(), "it is taken");
    let shown = h.store.run(&claimed[0].claim.run).await.expect("found");
    assert_eq!(shown.index.status, Status::Running, "people see that it runs");
    let running = RunFilter { status: Some(Status::Running), limit: 9, ..RunFilter::default() };
    assert_eq!(h.store.runs(running).await.expect("lists").len(), 1);
}

async fn runs_come_in_the_order_of_their_time(mut h: Host) {
    for ms in [5, 3, 4, 3] {
        h.accept(None, &["f"], ms).await;
    }
    assert_eq!(h.store.next_due(at(3)).await.expect("known"), Some(at(4)));
    assert_eq!(ids(&h.claim(9, 2).await), ["r00002-f", "r00004-f"]);
    h.accept(None, &["f"], 1).await;
    assert_eq!(ids(&h.claim(9, 9).await), ["r00005-f", "r00003-f", "r00001-f"]);
}

async fn a_parked_run_comes_back_at_its_time(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    let claimed = h.claim(0, 1).await.remove(0);
    h.commit(&claimed.claim, 0, vec![started()]).await.expect("commits");
    h.park(&claimed.claim, 1, 100).await;
    assert_eq!(h.store.next_due(at(1)).await.expect("known"), Some(at(100)));
    assert!(h.claim(99, 9).await.is_empty());
    let run = h.store.run(&claimed.claim.run).await.expect("found");
    assert_eq!((run.index.status, run.index.wake_at), (Status::Sleeping, Some(at(100))));
    let back = h.claim(100, 9).await.remove(0);
    assert_eq!(back.journal, [started(), Entry::Parked { at: at(1), until: at(100), lines: 0 }]);
    assert!(back.claim.fence > claimed.claim.fence);
    let refused = h.commit(&claimed.claim, 2, vec![started()]).await;
    assert_eq!(refused, Err(StoreError::Fenced), "the first claim ended when it parked");
}

async fn functions_take_turns(mut h: Host) {
    for _ in 0..6 {
        h.accept(None, &["f"], 0).await;
    }
    h.accept(None, &["g", "h"], 1).await;
    let claimed = h.claim(9, 3).await;
    let functions: std::collections::BTreeSet<_> = claimed.iter().map(|c| c.function.as_str()).collect();
    assert_eq!(functions.len(), 3, "a busy function does not go first with all of its runs");
}

async fn a_released_run_is_claimed_again(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    h.accept(None, &["f"], 1).await;
    let claimed = h.claim(9, 9).await;
    h.commit(&claimed[0].claim, 0, vec![started()]).await.expect("commits");
    h.store.release(&claimed[0].claim).await;
    assert!(!claimed[0].claim.revoked.is_cancelled(), "nobody took it: its holder gave it back");
    let again = h.claim(9, 9).await;
    assert_eq!(ids(&again), ["r00001-f"]);
    assert_eq!(again[0].journal, [started()]);
}

async fn a_seized_run_refuses_its_former_holder(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    let first = h.claim(0, 1).await.remove(0);
    let second = h.store.seize(&first.claim.run).await.expect("seizes").expect("not over");
    assert!(first.claim.revoked.is_cancelled() && !second.claim.revoked.is_cancelled());
    assert_eq!(h.commit(&first.claim, 0, vec![started()]).await, Err(StoreError::Fenced));
    h.store.release(&first.claim).await;
    h.commit(&second.claim, 0, vec![started()]).await.expect("the new holder writes");
    h.finish(&second.claim, 1, Status::Failed).await;
    assert!(h.store.seize(&first.claim.run).await.expect("answers").is_none(), "it is over");
    let unknown = h.store.seize(&RunId::new("r9")).await;
    assert_eq!(unknown.expect_err("unknown"), StoreError::NotFound);
}

async fn a_journal_grows_only_at_its_end(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    let claim = h.claim(0, 1).await.remove(0).claim;
    h.commit(&claim, 0, vec![started()]).await.expect("commits");
    assert_eq!(h.commit(&claim, 0, vec![started()]).await, Err(StoreError::Conflict));
    let step = StepKey::new("a", 2).expect("a key");
    let slept = Entry::SleepStarted { step, at: at(1), until: at(1) + Span::from_days(3) };
    h.commit(&claim, 1, vec![slept.clone(), slept.clone()]).await.expect("commits");
    let run = h.store.run(&claim.run).await.expect("found");
    assert_eq!(run.journal, [started(), slept.clone(), slept]);
}

async fn a_finished_run_is_over(mut h: Host) {
    h.accept(None, &["f"], 0).await;
    let claim = h.claim(0, 1).await.remove(0).claim;
    h.commit(&claim, 0, vec![started()]).await.expect("commits");
    h.finish(&claim, 1, Status::Completed).await;
    assert!(h.claim(999, 9).await.is_empty());
    assert_eq!(h.store.next_due(at(-1)).await.expect("known"), None);
    let run = h.store.run(&claim.run).await.expect("found");
    assert_eq!(
        (run.index.status, run.index.ended_at, run.index.wake_at),
        (Status::Completed, Some(at(2)), None)
    );
}

async fn runs_are_listed_by_filter_newest_first(mut h: Host) {
    for _ in 0..3 {
        h.accept(None, &["f", "g"], 0).await;
    }
    let claim = h.claim(0, 1).await.remove(0).claim;
    h.commit(&claim, 0, vec![started()]).await.expect("commits");
    h.finish(&claim, 1, Status::Completed).await;
    let list = async |filter: RunFilter| {
        let filter = RunFilter { limit: filter.limit.max(9), ..filter };
        h.store.runs(filter).await.expect("lists").into_iter().map(|r| r.id).collect::<Vec<_>>()
    };
    let all = list(RunFilter::default()).await;
    assert_eq!(all.len(), 6);
    assert!(all.is_sorted_by(|a, b| a > b), "{all:?}");
    let f = Some(FunctionId::new("f"));
    assert_eq!(list(RunFilter { function: f.clone(), ..RunFilter::default() }).await.len(), 3);
    let older = RunFilter { function: f, before: Some(RunId::new("r00003-f")), ..RunFilter::default() };
    assert_eq!(list(older).await.len(), 2);
    let event = RunFilter { event: Some(EventId::new("e00002")), ..RunFilter::default() };
    assert_eq!(list(event).await.len(), 2);
    let since = RunFilter { since: Some(RunId::new("r00002-g")), ..RunFilter::default() };
    assert_eq!(list(since).await.len(), 3, "that one and newer ones");
    let completed = RunFilter { status: Some(Status::Completed), ..RunFilter::default() };
    assert_eq!(list(completed).await, std::slice::from_ref(&claim.run));
    let queued = RunFilter { status: Some(Status::Queued), ..RunFilter::default() };
    assert_eq!(list(queued).await.len(), 5);
    let run = h.store.runs(RunFilter { status: Some(Status::Completed), limit: 1, ..RunFilter::default() });
    let run = run.await.expect("lists").remove(0);
    assert!(matches!(run.journal[..], [Entry::Finished { .. }]), "a list brings the last entry");
}

async fn one_more_run_of_a_stored_event(mut h: Host) {
    h.accept(None, &[], 0).await;
    h.accept(None, &[], 0).await;
    let run = NewRun { id: RunId::new("again"), ..h.run_of("f", 5, plain("f")) };
    h.store.start(&[EventId::new("e00001")], run.clone()).await.expect("starts");
    h.store.start(&[EventId::new("e9")], run.clone()).await.expect_err("no such event");
    h.store.start(&[], run.clone()).await.expect_err("no event");
    let both = [EventId::new("e00002"), EventId::new("e00001")];
    h.store.start(&both, NewRun { id: RunId::new("both"), ..run }).await.expect("starts");
    let claimed = h.claim(5, 9).await;
    assert_eq!(ids(&claimed), ["again", "both"]);
    let events: Vec<_> = claimed[1].events.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(events, ["e00002", "e00001"], "in their order");
    let row = h.store.run(&RunId::new("both")).await.expect("found");
    assert_eq!((row.event.as_str(), row.batch.as_slice()), ("e00002", &both[..]));
}

async fn a_source_offers_its_last_deployment(h: Host) {
    h.deploy("d2", "file:a.wasm", 1).await;
    h.deploy("d3", "file:b.wasm", 2).await;
    h.store.withdraw("file:b.wasm").await.expect("withdraws");
    let (deployments, sources) = h.store.deployments().await.expect("lists");
    let known: Vec<_> = deployments.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(known, ["d3", "d2", "d"], "bytes stay for the runs that need them");
    let offered: Vec<_> = sources.iter().map(|s| (s.name.as_str(), s.deployment.as_str())).collect();
    assert_eq!(offered, [("file:a.wasm", "d2")]);
    assert_eq!(h.store.artifact(&DeploymentId::new("d3")).await.expect("kept"), b"d3");
    let unknown = h.store.artifact(&DeploymentId::new("d9")).await;
    assert_eq!(unknown.expect_err("unknown"), StoreError::NotFound);
}

async fn key_value_buckets_are_apart(h: Host) {
    for key in ["a", "b", "c"] {
        h.store.kv_set("f", key, Some(key.as_bytes().to_vec())).await.expect("sets");
    }
    h.store.kv_set("f", "b", None).await.expect("deletes");
    h.store.kv_set("f", "a", Some(vec![0, 255])).await.expect("replaces");
    assert_eq!(h.store.kv_get("f", "a").await.expect("reads"), Some(vec![0, 255]));
    assert_eq!(h.store.kv_get("f", "b").await.expect("reads"), None);
    assert_eq!(h.store.kv_get("g", "a").await.expect("reads"), None);
    assert_eq!(h.store.kv_keys("f", "", 9).await.expect("lists"), ["a", "c"]);
    assert_eq!(h.store.kv_keys("f", "a", 9).await.expect("lists"), ["c"]);
    h.store.ready().await.expect("ready");
}
