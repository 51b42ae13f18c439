//! Events that runs watch for, and what runs are told.

use super::*;
use pawl_engine::flow::{Only, Rival};
use pawl_engine::{Kind, Retry};

cases![
    an_event_wakes_the_runs_that_wait_for_it_once,
    a_filter_and_its_equation_decide_who_is_told,
    patterns_watch_too_and_times_end,
    an_event_cancels_runs_but_not_those_that_it_starts,
    a_cancelled_run_comes_first_and_past_every_gate,
    mail_is_kept_until_it_is_read,
    unread_mail_wakes_a_run_that_parks,
    mail_to_a_claimed_run_leaves_it_its_claim,
    a_paused_run_hears_of_nothing_but_its_end,
    a_run_that_is_over_hears_nothing_and_watches_for_nothing,
    mail_that_cancels_outlives_a_claim_that_is_lost,
    an_event_for_one_is_told_to_the_first_that_waits_for_it_by_name_and_equation,
    of_waits_that_have_to_be_the_only_one_the_later_fails_or_the_earlier_is_given_up,
    a_wait_with_a_filter_is_in_nobodys_way,
    a_wait_is_given_up_unless_it_was_told_meanwhile_and_is_told_nothing_then,
];

fn watch(name: &str, until: i64) -> Watch {
    Watch { name: name.into(), filter: None, index: None, rival: None, until: at(until) }
}

fn filtered(name: &str, filter: &str, own: &Event) -> Watch {
    let filter = Expr::parse(filter, Scope::Pair).expect("an expression");
    Watch::new(name.into(), Some(filter), own, at(1_000))
}

/// A run that waits until 900, with steps that watch.
async fn waiting(h: &mut Host, function: &str, watches: Vec<(&str, Watch)>) -> RunId {
    h.begin(function, 0, plain(function)).await;
    let claimed = h.claim_one(0).await;
    h.commit(&claimed.claim, 0, vec![started()]).await.expect("commits");
    let watches = watches.into_iter().map(|(step, watch)| (key(step), watch)).collect();
    h.park_with(&claimed.claim, 1, 900, Also { watches, ..Also::default() }).await;
    claimed.claim.run
}

fn steps(claimed: &Claimed) -> Vec<String> {
    let step = |mail: &Mail| match mail {
        Mail::Event { step, .. } | Mail::Ended { step, .. } | Mail::Lost { step, .. } => step.to_string(),
        Mail::Cancel { .. } => "cancel".into(),
    };
    claimed.mail.iter().map(step).collect()
}

async fn an_event_wakes_the_runs_that_wait_for_it_once(mut h: Host) {
    waiting(&mut h, "f", vec![("a", watch("paid", 800)), ("b", watch("other", 800))]).await;
    waiting(&mut h, "f", vec![("c", watch("paid", 800))]).await;
    assert!(h.claim(9, 9).await.is_empty());
    h.send("paid", "{\"n\": 1.50}", 10).await;
    let claimed = h.claim(10, 9).await;
    assert_eq!(ids(&claimed), ["r00001-f", "r00002-f"]);
    let [Mail::Event { step, event }] = &claimed[0].mail[..] else { panic!("{:?}", claimed[0].mail) };
    assert_eq!(*step, key("a"));
    assert_eq!(event.as_str(), h.store.event("e00003").await.expect("stored").to_payload().as_str());
    assert_eq!(steps(&claimed[1]), ["c"]);
    for c in &claimed {
        h.also(&c.claim, Also { read: 1, ..Also::default() }).await;
        h.park(&c.claim, 2, 900).await;
    }
    h.send("paid", "{}", 20).await;
    assert!(h.claim(20, 9).await.is_empty(), "the first event was it");
    h.send("other", "{}", 30).await;
    assert_eq!(steps(&h.claim_one(30).await), ["b"]);
}

async fn a_filter_and_its_equation_decide_who_is_told(mut h: Host) {
    for order in 1..=3 {
        let own = h.event("order", &format!("{{\"id\": {order}, \"min\": 10}}"), 0);
        let run = h.run_of("f", 0, plain("f"));
        h.store
            .accept(vec![Accept { event: own.clone(), runs: vec![run], keep: Keep::Always }])
            .await
            .expect("accepts");
        let claimed = h.claim_one(0).await;
        let filter = "async.data.id == event.data.id && async.data.sum >= event.data.min";
        let watches = vec![(key("paid"), filtered("paid", filter, &own))];
        assert_eq!(watches[0].1.index, Some(("data.id".into(), order.to_string())));
        h.park_with(&claimed.claim, 0, 900, Also { watches, ..Also::default() }).await;
    }
    h.send("paid", "{\"id\": 2, \"sum\": 9}", 1).await;
    h.send("paid", "{\"id\": \"2\", \"sum\": 10}", 1).await;
    h.send("paid", "{\"id\": 4, \"sum\": 10}", 1).await;
    h.send("paid", "{\"sum\": 10}", 1).await;
    assert!(h.claim(1, 9).await.is_empty());
    h.send("paid", "{\"id\": 2, \"sum\": 10}", 2).await;
    assert_eq!(h.claim_one(2).await.claim.run.as_str(), "r00002-f");
}

async fn patterns_watch_too_and_times_end(mut h: Host) {
    let all =
        vec![("a", watch("shop/*", 100)), ("b", watch("shop/order.*", 50)), ("c", watch("shop/order", 100))];
    waiting(&mut h, "f", all).await;
    h.send("shop/order.placed", "{}", 50).await;
    let claimed = h.claim_one(50).await;
    assert_eq!(steps(&claimed), ["a"], "the time of the other one was over");
    h.also(&claimed.claim, Also { read: 1, ..Also::default() }).await;
    h.park(&claimed.claim, 2, 900).await;
    h.send("shop/order", "{}", 99).await;
    assert_eq!(steps(&h.claim_one(99).await), ["c"]);
}

async fn an_event_cancels_runs_but_not_those_that_it_starts(mut h: Host) {
    let own = h.event("order", "{\"id\": 1}", 0);
    let stop = || filtered("order", "async.data.id == event.data.id", &own);
    let terms = Terms { cancel_on: vec![stop()], ..plain("f") };
    let accept = |event: Event, run: NewRun| vec![Accept { event, runs: vec![run], keep: Keep::Always }];
    let run = h.run_of("f", 0, terms.clone());
    h.store.accept(accept(own.clone(), run)).await.expect("accepts");
    let first = h.claim_one(0).await;
    assert!(first.mail.is_empty(), "its own event cancels no run");
    h.send("order", "{\"id\": 2}", 1).await;
    assert!(!first.claim.revoked.is_cancelled());
    let again = h.event("order", "{\"id\": 1}", 2);
    let run = h.run_of("f", 2, terms);
    h.store.accept(accept(again, run)).await.expect("accepts");
    assert!(first.claim.revoked.is_cancelled());
    let claimed = h.claim(2, 9).await;
    assert_eq!(ids(&claimed), ["r00001-f", "r00003-f"]);
    assert_eq!(cancelled(&claimed[0]), Some("cancelled by event order e00003"));
    assert_eq!(cancelled(&claimed[1]), None);
}

async fn a_cancelled_run_comes_first_and_past_every_gate(mut h: Host) {
    let gate = Gate { id: "g".into(), rule: "c".into(), then: GateRule::Limit(1) };
    let lane = Lane { function: FunctionId::new("f"), gates: vec![gate] };
    let terms = || Terms {
        fresh: lane.clone(),
        lane: lane.clone(),
        cancel_on: vec![watch("stop", 1_000)],
        ..plain("f")
    };
    h.begin("f", 0, terms()).await;
    let _first = h.claim_one(0).await;
    h.begin("f", 1, Terms { cancel_on: Vec::new(), ..terms() }).await;
    h.begin("f", 2, terms()).await;
    h.begin("g", 0, plain("g")).await;
    h.store.pause(&FunctionId::new("f"), at(2)).await.expect("pauses");
    h.send("stop", "{}", 3).await;
    let claimed = h.claim(3, 9).await;
    assert_eq!(ids(&claimed), ["r00001-f", "r00003-f", "r00004-g"]);
    assert!(cancelled(&claimed[0]).is_some() && cancelled(&claimed[1]).is_some());
    h.finish(&claimed[0].claim, 0, Status::Cancelled).await;
    h.finish(&claimed[1].claim, 0, Status::Cancelled).await;
    h.store.resume(&FunctionId::new("f")).await.expect("resumes");
    assert_eq!(h.claim_one(4).await.claim.run.as_str(), "r00002-f");
}

async fn mail_is_kept_until_it_is_read(mut h: Host) {
    let run = waiting(&mut h, "f", Vec::new()).await;
    h.begin("g", 0, plain("g")).await;
    let sender = h.claim_one(1).await;
    let mail = |step: &str| (run.clone(), Mail::Ended { step: key(step), result: Ok(json("1")) });
    h.also(&sender.claim, Also { mail: vec![mail("a"), mail("b"), mail("c")], ..Also::default() }).await;
    let told = h.claim_one(2).await;
    assert_eq!(steps(&told), ["a", "b", "c"]);
    h.store.release(&told.claim).await;
    let told = h.claim_one(2).await;
    assert_eq!(steps(&told), ["a", "b", "c"], "oldest first");
    h.also(&sender.claim, Also { mail: vec![mail("d")], ..Also::default() }).await;
    h.also(&told.claim, Also { read: 2, ..Also::default() }).await;
    h.store.release(&told.claim).await;
    let told = h.claim_one(2).await;
    assert_eq!(steps(&told), ["c", "d"]);
    h.also(&told.claim, Also { read: 2, ..Also::default() }).await;
    h.also(&sender.claim, Also { mail: vec![mail("e")], ..Also::default() }).await;
    h.store.release(&told.claim).await;
    assert_eq!(steps(&h.claim_one(2).await), ["e"]);
}

async fn unread_mail_wakes_a_run_that_parks(mut h: Host) {
    waiting(&mut h, "f", vec![("a", watch("one", 800)), ("b", watch("two", 800))]).await;
    h.send("one", "{}", 5).await;
    let told = h.claim_one(5).await;
    h.send("two", "{}", 6).await;
    h.park_with(&told.claim, 2, 700, Also { read: 1, ..Also::default() }).await;
    let told = h.claim_one(6).await;
    assert_eq!(steps(&told), ["b"], "it does not sleep on it");
    h.park_with(&told.claim, 3, 700, Also { read: 1, ..Also::default() }).await;
    assert!(h.claim(699, 9).await.is_empty());
    assert!(h.claim_one(700).await.mail.is_empty());
}

async fn mail_to_a_claimed_run_leaves_it_its_claim(mut h: Host) {
    let run = waiting(&mut h, "f", vec![("a", watch("one", 800))]).await;
    let seized = h.store.seize(&run).await.expect("seizes").expect("not over");
    h.send("one", "{}", 5).await;
    assert!(!seized.claim.revoked.is_cancelled());
    tokio::time::timeout(std::time::Duration::from_secs(9), seized.claim.told.notified())
        .await
        .expect("told");
    let unread = h.store.unread(&run).await.expect("reads");
    assert!(matches!(&unread[..], [Mail::Event { step, .. }] if *step == key("a")), "{unread:?}");
    assert!(h.store.unread(&RunId::new("unknown")).await.expect("reads").is_empty());
    assert!(h.claim(5, 9).await.is_empty());
    h.store.release(&seized.claim).await;
    assert_eq!(steps(&h.claim_one(5).await), ["a"]);
}

async fn a_paused_run_hears_of_nothing_but_its_end(mut h: Host) {
    let paused = async |h: &mut Host, n: u32| {
        let terms = Terms { cancel_on: vec![watch("stop", 1_000)], ..plain("f") };
        h.begin("f", 0, terms).await;
        let claimed = h.claim_one(n.into()).await;
        let index = Index { status: Status::Paused, wake_at: None, started_at: Some(at(1)), ended_at: None };
        let also = Also { watches: vec![(key("a"), watch("one", 1_000))], ..Also::default() };
        let commit = Commit { expect: 0, entries: vec![started()], then: Then::Release(index), also };
        h.store.commit(&claimed.claim, commit).await.expect("pauses");
        claimed.claim.run
    };
    let run = paused(&mut h, 0).await;
    assert_eq!(h.store.run(&run).await.expect("found").index.status, Status::Paused);
    h.send("one", "{}", 5).await;
    assert!(h.claim(6, 9).await.is_empty() && h.next_due(0).await.is_none());
    // it goes on: what it was told meanwhile is there at once
    let seized = h.store.seize(&run).await.expect("seizes").expect("not over");
    assert_eq!(steps(&seized), ["a"]);
    h.park(&seized.claim, 1, 500).await;
    let told = h.claim_one(7).await;
    h.finish(&told.claim, 2, Status::Completed).await;
    let run = paused(&mut h, 8).await;
    h.send("stop", "{}", 9).await;
    let told = h.claim_one(9).await;
    assert_eq!((told.claim.run.clone(), cancelled(&told).is_some()), (run, true));
}

async fn a_run_that_is_over_hears_nothing_and_watches_for_nothing(mut h: Host) {
    let run = waiting(&mut h, "f", vec![("a", watch("one", 800))]).await;
    let seized = h.store.seize(&run).await.expect("seizes").expect("not over");
    let also = Also { cancel_at: Some((at(50), "late".into())), ..Also::default() };
    h.finish_with(&seized.claim, 2, Status::Cancelled, also).await;
    h.send("one", "{}", 5).await;
    h.begin("g", 0, plain("g")).await;
    let sender = h.claim_one(5).await;
    let cancel = || Mail::Cancel { reason: "no".into() };
    let mail = vec![(run.clone(), cancel()), (RunId::new("unknown"), cancel())];
    h.also(&sender.claim, Also { mail, ..Also::default() }).await;
    assert!(h.claim(60, 9).await.is_empty());
    assert_eq!(h.next_due(0).await, None, "nothing is due");
    assert_eq!(h.store.run(&run).await.expect("found").index.status, Status::Cancelled);
}

async fn mail_that_cancels_outlives_a_claim_that_is_lost(mut h: Host) {
    let terms = Terms { cancel_on: vec![watch("stop", 1_000)], ..plain("f") };
    h.begin("f", 0, terms).await;
    h.send("stop", "{}", 1).await;
    let told = h.claim_one(1).await;
    h.store.release(&told.claim).await;
    let told = h.claim_one(1).await;
    assert!(cancelled(&told).is_some());
    h.park(&told.claim, 0, 500).await;
    let told = h.claim_one(2).await;
    assert!(cancelled(&told).is_some(), "it was not read");
    h.park_with(&told.claim, 1, 500, Also { read: 1, ..Also::default() }).await;
    assert!(h.claim(499, 9).await.is_empty());
    assert!(h.claim_one(500).await.mail.is_empty(), "it was read, and the run went on");
}

/// A wait for `one` by an equation; with a rival the only one for it.
fn only(h: &mut Host, name: &str, until: i64, rival: Option<Rival>) -> Watch {
    let own = h.event("own", "{}", 0);
    let filter = format!("async.data.signal == \"{name}\"");
    let plain = Watch { until: at(until), ..filtered("one", &filter, &own) };
    match (rival, plain.index.clone()) {
        (Some(rival), Some(index)) => Watch::only("one".into(), Only { index, rival }, at(until)),
        _ => plain,
    }
}

async fn for_one(h: &mut Host, name: &str, ms: i64) -> Accepted {
    let event = h.event("one", &format!("{{\"signal\": \"{name}\"}}"), ms);
    let accept = Accept { event, runs: Vec::new(), keep: Keep::ForOne };
    h.store.accept(vec![accept]).await.expect("accepts").remove(0)
}

async fn an_event_for_one_is_told_to_the_first_that_waits_for_it_by_name_and_equation(mut h: Host) {
    let all = vec![("a", watch("one", 800)), ("b", watch("*", 800))];
    let others = waiting(&mut h, "f", all).await;
    let cancels = only(&mut h, "x", 800, None);
    h.begin("g", 0, Terms { cancel_on: vec![cancels], ..plain("g") }).await;
    let cancelled = h.claim_one(0).await;
    assert_eq!(for_one(&mut h, "x", 10).await, Accepted::Unheard);
    assert_eq!(h.store.event("e00004").await.expect_err("not stored"), StoreError::NotFound);
    let mut runs = Vec::new();
    for until in [11, 800, 800] {
        let only = only(&mut h, "x", until, None);
        runs.push(waiting(&mut h, "f", vec![("w", only)]).await);
    }
    assert_eq!(for_one(&mut h, "y", 11).await, Accepted::Unheard);
    assert_eq!(for_one(&mut h, "x", 11).await, Accepted::Taken(runs[1].clone()), "the first's time was over");
    assert_eq!(h.claim_one(11).await.claim.run, runs[1]);
    assert_eq!(for_one(&mut h, "x", 12).await, Accepted::Taken(runs[2].clone()));
    assert_eq!(for_one(&mut h, "x", 13).await, Accepted::Unheard, "each is told once");
    assert!(h.store.unread(&others).await.expect("reads").is_empty());
    assert!(!cancelled.claim.revoked.is_cancelled());
}

async fn of_waits_that_have_to_be_the_only_one_the_later_fails_or_the_earlier_is_given_up(mut h: Host) {
    let mut wait = async |until, rival| {
        let watch = only(&mut h, "x", until, rival);
        waiting(&mut h, "f", vec![("w", watch)]).await
    };
    // at 1 these wait, and the time of the first is over
    wait(1, Some(Rival::Fail)).await;
    let first = wait(800, Some(Rival::Fail)).await;
    let second = wait(800, Some(Rival::Fail)).await;
    let third = wait(800, Some(Rival::Replace)).await;
    let told = h.claim(1, 9).await;
    let of = |run: &RunId| told.iter().find(|c| c.claim.run == *run).map(|c| c.mail.clone());
    assert_eq!(of(&first), Some(vec![Mail::Lost { step: key("w"), failure: None }]));
    let lost = of(&second).expect("it was told");
    let [Mail::Lost { failure: Some(failure), .. }] = &lost[..] else { panic!("{lost:?}") };
    assert!(failure.name == "WaitConflict" && failure.retry == Retry::Never, "{failure:?}");
    assert_eq!(told.len(), 2);
    assert_eq!(for_one(&mut h, "x", 2).await, Accepted::Taken(third));
    assert_eq!(for_one(&mut h, "x", 2).await, Accepted::Unheard);
}

async fn a_wait_with_a_filter_is_in_nobodys_way(mut h: Host) {
    let mut wait = async |rival| {
        let watch = only(&mut h, "x", 800, rival);
        waiting(&mut h, "f", vec![("w", watch)]).await
    };
    let first = wait(None).await;
    let second = wait(Some(Rival::Fail)).await;
    let third = wait(Some(Rival::Replace)).await;
    let fourth = wait(None).await;
    let told = h.claim_one(1).await;
    assert_eq!(
        (&told.claim.run, &told.mail[..]),
        (&second, &[Mail::Lost { step: key("w"), failure: None }][..])
    );
    for run in [first, third, fourth] {
        assert_eq!(for_one(&mut h, "x", 2).await, Accepted::Taken(run));
    }
}

async fn a_wait_is_given_up_unless_it_was_told_meanwhile_and_is_told_nothing_then(mut h: Host) {
    let given_up = || Entry::StepCompleted {
        step: key("w"),
        op: Kind::Wait,
        attempt: 0,
        started_at: at(0),
        at: at(900),
        output: Payload::null(),
    };
    // received in time, and stored when the run was claimed without it
    let first = only(&mut h, "x", 800, None);
    let told = waiting(&mut h, "f", vec![("w", first), ("other", watch("two", 950))]).await;
    let claimed = h.claim_one(900).await;
    assert_eq!((&claimed.claim.run, claimed.mail.len()), (&told, 0));
    assert_eq!(for_one(&mut h, "x", 799).await, Accepted::Taken(told.clone()));
    let late = h.commit(&claimed.claim, 2, vec![given_up()]).await;
    assert_eq!(late.expect_err("it was told"), StoreError::Conflict);
    assert_eq!(h.store.run(&told).await.expect("found").journal.len(), 2, "nothing was written");
    assert_eq!(h.store.unread(&told).await.expect("reads").len(), 1);
    // what it has read is no reason, nor is what another step was told
    h.send("two", "{}", 901).await;
    let also = Also { read: 1, ..Also::default() };
    let commit = Commit { expect: 2, entries: vec![given_up()], then: Then::Keep, also };
    h.store.commit(&claimed.claim, commit).await.expect("commits");

    let second = only(&mut h, "x", 800, None);
    waiting(&mut h, "f", vec![("w", second)]).await;
    let claimed = h.claim_one(900).await;
    h.commit(&claimed.claim, 2, vec![given_up()]).await.expect("nobody told it");
    assert_eq!(for_one(&mut h, "x", 799).await, Accepted::Unheard);
}
