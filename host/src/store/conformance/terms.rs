//! Which runs there are under their terms: checks, debounce, batches, unheard events.

use super::*;

cases![
    a_rate_lets_no_more_runs_through_and_says_so,
    a_rate_is_not_used_up_by_what_a_later_check_refuses,
    checks_hold_for_one_more_run_too,
    a_singleton_that_skips_makes_no_second_run,
    a_singleton_that_cancels_ends_the_former_run_at_once,
    a_debounced_run_starts_a_time_after_its_last_event_with_that_one,
    a_debounced_run_waits_no_longer_than_its_timeout,
    a_run_that_has_been_claimed_takes_no_further_events,
    a_batch_starts_when_it_is_full_or_at_its_time,
    a_batch_is_full_by_its_bytes_too,
    a_cancelled_run_takes_no_further_events,
    a_gathering_run_is_its_own_singleton,
    a_run_that_somebody_waits_for_stands_alone,
    who_waits_for_a_run_hears_that_there_is_none,
    a_debounced_run_is_under_its_last_events_terms,
    an_unheard_event_is_not_stored,
    a_run_that_does_not_start_in_time_is_cancelled,
];

fn rate(key: &str, limit: u32, ms: u64) -> Check {
    Check::Rate { key: key.into(), rate: Rate { limit, period: Span::from_millis(ms), at_once: 1 } }
}

fn single(key: &str, mode: SingletonMode) -> Check {
    Check::Single { key: key.into(), mode }
}

fn debounced(period: u64, timeout: Option<u64>) -> Terms {
    let (period, timeout) = (Span::from_millis(period), timeout.map(Span::from_millis));
    Terms { gather: Some(Gather::Debounce { key: "d".into(), period, timeout }), ..plain("f") }
}

fn batched(max: u32, timeout: u64) -> Terms {
    let timeout = Span::from_millis(timeout);
    Terms { gather: Some(Gather::Batch { key: "b".into(), max, timeout }), ..plain("f") }
}

async fn a_rate_lets_no_more_runs_through_and_says_so(mut h: Host) {
    for ms in [0, 1, 99, 100] {
        h.begin("f", ms, checked("f", rate("r", 1, 100))).await;
    }
    h.begin("f", 101, checked("f", rate("another", 1, 100))).await;
    assert_eq!(h.runs().await, ["r00001-f", "r00004-f", "r00005-f"]);
    assert_eq!(h.skips("e00002").await, ["f RateLimit -"]);
    assert!(h.skips("e00001").await.is_empty() && h.store.event("e00002").await.is_ok());
}

async fn a_rate_is_not_used_up_by_what_a_later_check_refuses(mut h: Host) {
    let one = |mode| single("s", mode);
    h.begin("f", 0, checked("f", one(SingletonMode::Skip))).await;
    let both = || Terms { checks: vec![rate("r", 1, 100), one(SingletonMode::Skip)], ..plain("f") };
    h.begin("f", 1, both()).await;
    assert_eq!(h.skips("e00002").await, ["f Singleton r00001-f"]);
    let first = h.claim_one(1).await;
    h.finish(&first.claim, 0, Status::Completed).await;
    h.begin("f", 2, both()).await;
    assert_eq!(h.runs().await, ["r00001-f", "r00003-f"], "the rate was free");
}

async fn checks_hold_for_one_more_run_too(mut h: Host) {
    h.begin("f", 0, checked("f", rate("r", 1, 100))).await;
    let run =
        |id: &str, ms| NewRun { id: RunId::new(id), ..h.run_of("f", ms, checked("f", rate("r", 1, 100))) };
    let event = [EventId::new("e00001")];
    assert_eq!(h.store.start(&event, run("early", 99)).await, Err(StoreError::Conflict));
    h.store.start(&event, run("late", 100)).await.expect("starts");
    assert_eq!(h.runs().await, ["late", "r00001-f"].map(String::from).to_vec());
}

async fn a_singleton_that_skips_makes_no_second_run(mut h: Host) {
    let terms = || checked("f", single("s", SingletonMode::Skip));
    h.begin("f", 0, terms()).await;
    h.begin("f", 1, terms()).await;
    h.begin("g", 1, checked("g", single("another", SingletonMode::Skip))).await;
    assert_eq!(h.runs().await, ["r00001-f", "r00003-g"]);
    assert_eq!(h.skips("e00002").await, ["f Singleton r00001-f"]);
    for claimed in h.claim(1, 9).await {
        h.finish(&claimed.claim, 0, Status::Failed).await;
    }
    h.begin("f", 2, terms()).await;
    assert_eq!(h.claim_one(2).await.claim.run.as_str(), "r00004-f", "the first one is over");
}

async fn a_singleton_that_cancels_ends_the_former_run_at_once(mut h: Host) {
    let terms = || checked("f", single("s", SingletonMode::Cancel));
    h.begin("f", 0, terms()).await;
    let first = h.claim_one(0).await;
    h.begin("f", 1, terms()).await;
    assert!(first.claim.revoked.is_cancelled());
    assert_eq!(h.commit(&first.claim, 0, vec![started()]).await, Err(StoreError::Fenced));
    let claimed = h.claim(1, 9).await;
    assert_eq!(ids(&claimed), ["r00001-f", "r00002-f"], "who is to end comes first");
    assert!(cancelled(&claimed[0]).is_some_and(|why| why.contains("r00002-f")), "{:?}", claimed[0].mail);
    assert_eq!(cancelled(&claimed[1]), None);
    h.finish(&claimed[0].claim, 0, Status::Cancelled).await;
    // the end of the former holder leaves the key with the new one
    h.begin("f", 2, checked("f", single("s", SingletonMode::Skip))).await;
    assert_eq!(h.skips("e00003").await, ["f Singleton r00002-f"]);
}

async fn a_debounced_run_starts_a_time_after_its_last_event_with_that_one(mut h: Host) {
    for ms in [0, 60, 90] {
        h.begin("f", ms, debounced(100, None)).await;
    }
    assert_eq!(h.next_due(90).await, Some(190));
    assert!(h.claim(189, 9).await.is_empty());
    let claimed = h.claim_one(190).await;
    assert_eq!((claimed.claim.run.as_str(), claimed.events[0].id.as_str()), ("r00001-f", "e00003"));
    assert_eq!(claimed.events.len(), 1);
    assert_eq!(h.skips("e00001").await, ["f Debounced r00001-f"]);
    assert_eq!(h.skips("e00002").await, ["f Debounced r00001-f"]);
    assert!(h.skips("e00003").await.is_empty());
    let row = h.store.run(&claimed.claim.run).await.expect("found");
    assert_eq!((row.event.as_str(), row.batch.len()), ("e00003", 0));
}

async fn a_debounced_run_waits_no_longer_than_its_timeout(mut h: Host) {
    for ms in [0, 90, 170] {
        h.begin("f", ms, debounced(100, Some(200))).await;
    }
    assert!(h.claim(199, 9).await.is_empty());
    assert_eq!(h.claim_one(200).await.events[0].id.as_str(), "e00003");
    h.begin("f", 201, debounced(100, Some(200))).await;
    assert_eq!(h.claim_one(301).await.claim.run.as_str(), "r00004-f", "a new one");
}

async fn a_run_that_has_been_claimed_takes_no_further_events(mut h: Host) {
    h.begin("f", 0, debounced(100, None)).await;
    let seized = h.store.seize(&RunId::new("r00001-f")).await.expect("seizes").expect("not over");
    h.begin("f", 1, debounced(100, None)).await;
    assert_eq!(h.runs().await.len(), 2, "it is claimed");
    h.commit(&seized.claim, 0, vec![started()]).await.expect("commits");
    h.store.release(&seized.claim).await;
    h.begin("f", 2, debounced(100, None)).await;
    assert_eq!(h.runs().await.len(), 2, "the second one takes them");
    assert_eq!(h.skips("e00002").await, ["f Debounced r00002-f"]);
    // time alone ends it, claimed or not
    h.begin("f", 102, debounced(100, None)).await;
    assert_eq!(h.runs().await.len(), 3);
}

async fn a_batch_starts_when_it_is_full_or_at_its_time(mut h: Host) {
    for ms in [0, 1, 2, 3] {
        h.begin("f", ms, batched(3, 100)).await;
    }
    assert_eq!(h.runs().await, ["r00001-f", "r00004-f"]);
    let full = h.claim_one(3).await;
    let events: Vec<_> = full.events.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(events, ["e00001", "e00002", "e00003"]);
    assert_eq!(h.skips("e00001").await, Vec::<String>::new());
    assert_eq!(h.skips("e00003").await, ["f Batched r00001-f"]);
    let row = h.store.run(&full.claim.run).await.expect("found");
    assert_eq!((row.event.as_str(), row.batch.len()), ("e00001", 3));
    let of_last = RunFilter { event: Some(EventId::new("e00003")), limit: 9, ..RunFilter::default() };
    let listed = h.store.runs(of_last).await.expect("lists").remove(0);
    assert_eq!((listed.id, listed.batch.len()), (full.claim.run.clone(), 0), "each of its events has it");
    assert!(h.claim(102, 9).await.is_empty());
    let timed = h.claim_one(103).await;
    assert_eq!((timed.claim.run.as_str(), timed.events.len()), ("r00004-f", 1));
    assert!(h.store.run(&timed.claim.run).await.expect("found").batch.is_empty(), "one event is no batch");
}

async fn a_batch_is_full_by_its_bytes_too(mut h: Host) {
    let data = format!("{{\"x\": \"{}\"}}", "x".repeat(3_000_000));
    for ms in 0..4 {
        let event = h.event("test/x", &data, ms);
        let runs = vec![h.run_of("f", ms, batched(50, 1_000))];
        h.store.accept(vec![Accept { event, runs, keep: Keep::Always }]).await.expect("accepts");
        assert_eq!(h.claim(ms, 9).await.len(), usize::from(ms == 3), "{ms}");
    }
}

async fn a_cancelled_run_takes_no_further_events(mut h: Host) {
    let terms = || Terms {
        cancel_on: vec![Watch {
            name: "stop".into(),
            filter: None,
            index: None,
            rival: None,
            until: at(1_000),
        }],
        ..batched(9, 100)
    };
    h.begin("f", 0, terms()).await;
    h.send("stop", "{}", 1).await;
    h.begin("f", 2, terms()).await;
    assert_eq!(h.runs().await, ["r00001-f", "r00003-f"]);
    let cancelled_run = h.claim_one(2).await;
    assert!(cancelled(&cancelled_run).is_some() && cancelled_run.claim.run.as_str() == "r00001-f");
    h.finish(&cancelled_run.claim, 0, Status::Cancelled).await;
    h.begin("f", 3, terms()).await;
    assert_eq!(h.runs().await.len(), 2, "the second batch goes on");
}

async fn a_gathering_run_is_its_own_singleton(mut h: Host) {
    let terms = || Terms { checks: vec![single("s", SingletonMode::Skip)], ..debounced(100, None) };
    h.begin("f", 0, terms()).await;
    h.begin("f", 50, terms()).await;
    assert_eq!(h.skips("e00001").await, ["f Debounced r00001-f"]);
    let claimed = h.claim_one(150).await;
    h.begin("f", 151, terms()).await;
    assert_eq!(h.skips("e00003").await, ["f Singleton r00001-f"]);
    h.finish(&claimed.claim, 0, Status::Completed).await;
    h.begin("f", 152, terms()).await;
    assert_eq!(h.runs().await.len(), 2);
}

async fn a_run_that_somebody_waits_for_stands_alone(mut h: Host) {
    h.begin("f", 0, batched(9, 100)).await;
    let event = h.event("test/x", "{}", 1);
    let parent = Some(Parent { run: RunId::new("r00001-f"), step: key("ask") });
    let run = NewRun { parent: parent.clone(), ..h.run_of("f", 1, batched(9, 100)) };
    let accept = Accept { event, runs: vec![run], keep: Keep::Always };
    h.store.accept(vec![accept]).await.expect("accepts");
    let claimed = h.claim_one(1).await;
    assert_eq!((claimed.claim.run.as_str(), claimed.parent), ("r00002-f", parent));
}

async fn who_waits_for_a_run_hears_that_there_is_none(mut h: Host) {
    let terms = || checked("f", single("s", SingletonMode::Skip));
    h.begin("f", 0, terms()).await;
    h.begin("p", 0, plain("p")).await;
    let claimed = h.claim(0, 9).await;
    let parent = claimed.iter().find(|c| c.function.as_str() == "p").expect("the parent");
    h.commit(&parent.claim, 0, vec![started()]).await.expect("commits");
    h.park(&parent.claim, 1, 1_000).await;
    let event = h.event("test/x", "{}", 5);
    let to = Some(Parent { run: parent.claim.run.clone(), step: key("ask") });
    let run = NewRun { parent: to, ..h.run_of("f", 5, terms()) };
    h.store.accept(vec![Accept { event, runs: vec![run], keep: Keep::Always }]).await.expect("accepts");
    let told = h.claim_one(5).await;
    let [Mail::Ended { step, result: Err(failure) }] = &told.mail[..] else { panic!("{:?}", told.mail) };
    assert_eq!((step, failure.name.as_str()), (&key("ask"), "InvokeSkipped"));
}

async fn a_debounced_run_is_under_its_last_events_terms(mut h: Host) {
    h.deploy("d2", "file:a.wasm", 1).await;
    let watch =
        |name: &str| Watch { name: name.into(), filter: None, index: None, rival: None, until: at(1_000) };
    let terms = |stop: &str| Terms {
        cancel_on: vec![watch(stop)],
        start_within: Some(Span::from_millis(100)),
        ..debounced(100, None)
    };
    h.begin("f", 0, terms("stop/1")).await;
    let event = h.event("test/x", "{}", 50);
    let run = NewRun { deployment: DeploymentId::new("d2"), ..h.run_of("f", 50, terms("stop/2")) };
    h.store.accept(vec![Accept { event, runs: vec![run], keep: Keep::Always }]).await.expect("accepts");
    h.send("stop/1", "{}", 51).await;
    assert!(h.claim(51, 9).await.is_empty(), "that is not watched for any more");
    h.store.pause(&FunctionId::new("f"), at(52)).await.expect("pauses");
    assert!(h.claim(249, 9).await.is_empty(), "it is in time");
    let claimed = h.claim_one(250).await;
    assert_eq!(claimed.deployment.as_str(), "d2");
    assert!(cancelled(&claimed).is_some());
}

async fn an_unheard_event_is_not_stored(mut h: Host) {
    let quiet = |event: Event, runs| vec![Accept { event, runs, keep: Keep::IfHeard }];
    let sender = || Some(SenderId { source: "pawl", id: "s1".into() });
    let event = Event { sender: sender(), ..h.event("pawl/ended", "{}", 0) };
    assert_eq!(h.store.accept(quiet(event, Vec::new())).await.expect("accepts"), [Accepted::Unheard]);
    assert_eq!(h.store.event("e00001").await.expect_err("not stored"), StoreError::NotFound);
    // its sender's id is free
    let event = Event { sender: sender(), ..h.event("pawl/ended", "{}", 1) };
    let runs = vec![h.run_of("f", 1, checked("f", rate("r", 1, 100)))];
    let accepted = h.store.accept(quiet(event, runs)).await.expect("accepts");
    assert_eq!(accepted, [Accepted::New(EventId::new("e00002"))]);
    let event = Event { sender: sender(), ..h.event("pawl/ended", "{}", 2) };
    let accepted = h.store.accept(quiet(event, Vec::new())).await.expect("accepts");
    assert_eq!(accepted, [Accepted::Duplicate(EventId::new("e00002"))]);
    // no run comes of it
    let event = h.event("pawl/ended", "{}", 3);
    let runs = vec![h.run_of("f", 3, checked("f", rate("r", 1, 100)))];
    assert_eq!(h.store.accept(quiet(event, runs)).await.expect("accepts"), [Accepted::Unheard]);
    assert_eq!(h.store.event("e00004").await.expect_err("not stored"), StoreError::NotFound);
    assert!(h.skips("e00004").await.is_empty());
    // somebody waits for it
    let claimed = h.claim_one(4).await;
    let watch = Watch { name: "pawl/*".into(), filter: None, index: None, rival: None, until: at(100) };
    h.also(&claimed.claim, Also { watches: vec![(key("w"), watch)], ..Also::default() }).await;
    let event = h.event("pawl/ended", "{}", 5);
    let accepted = h.store.accept(quiet(event, Vec::new())).await.expect("accepts");
    assert_eq!(accepted, [Accepted::New(EventId::new("e00005"))]);
    let source = h.store.event("e00002").await.expect("stored").sender.map(|sender| sender.source);
    assert_eq!(source, Some("pawl"));
}

async fn a_run_that_does_not_start_in_time_is_cancelled(mut h: Host) {
    let terms = |f: &str| Terms { start_within: Some(Span::from_millis(100)), ..plain(f) };
    h.begin("f", 0, terms("f")).await;
    h.begin("g", 0, terms("g")).await;
    let claimed = h.claim(0, 9).await;
    let [f, g] = &claimed[..] else { panic!("{:?}", ids(&claimed)) };
    h.commit(&f.claim, 0, vec![started()]).await.expect("commits");
    h.store.release(&f.claim).await;
    h.begin("h", 0, terms("h")).await;
    h.store.pause(&FunctionId::new("h"), at(0)).await.expect("pauses");
    assert_eq!(h.next_due(1).await, Some(100));
    assert_eq!(h.claim_one(99).await.function.as_str(), "f");
    let late = h.claim_one(100).await;
    assert_eq!((late.claim.run.as_str(), cancelled(&late)), ("r00003-h", Some("not started within 100 ms")));
    h.finish(&late.claim, 0, Status::Cancelled).await;
    // one that is claimed is about to start: if it does not, its time is up
    h.store.release(&g.claim).await;
    let later = h.claim(100_000, 9).await;
    assert_eq!((ids(&later), cancelled(&later[0]).is_some()), (vec!["r00002-g"], true));
}
