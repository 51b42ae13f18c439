//! What is kept for people, and how it is forgotten.

use super::*;
use crate::pulse::Fact;
use crate::store::records::*;
use pawl_engine::stats::Bucket;
use pawl_engine::{Level, Line};

cases![
    runs_are_counted_when_they_are_made_and_when_they_end,
    what_is_undone_is_not_counted,
    events_are_counted_by_their_names,
    lines_stay_in_their_order_behind_those_that_were_there,
    depths_tell_who_waits_who_runs_and_who_sleeps,
    the_deepest_moment_of_a_minute_is_kept,
    webhooks_are_listed_and_counted_as_they_were_answered,
    what_people_did_is_listed_newest_first,
    facts_are_told_once_they_are_true,
    old_runs_go_with_all_that_was_theirs_and_live_ones_stay,
    an_event_stays_as_long_as_a_run_has_it,
    lines_go_before_their_run_and_stay_while_it_goes_on,
    gates_show_who_is_through_and_who_waits,
];

const DAY: i64 = 86_400_000;

fn hour(from: i64, until: i64) -> Period {
    Period { from: at(from), until: at(until), every: Span::from_secs(3_600) }
}

/// The status, the bucket and how many; added up over time.
fn added(counts: &[RunCount]) -> Vec<(Status, Bucket, u64)> {
    let mut all = std::collections::BTreeMap::new();
    counts.iter().for_each(|c| *all.entry((c.status, c.took)).or_insert(0) += c.n);
    all.into_iter().map(|((status, took), n)| (status, took, n)).collect()
}

/// A run that was started at `from` and completed at `to`.
async fn completed(host: &mut Host, function: &str, from: i64, to: i64) -> RunId {
    let run = host.begin(function, from, plain(function)).await;
    let claimed = host.claim_one(from).await;
    let end = Index {
        status: Status::Completed,
        wake_at: None,
        started_at: Some(at(from)),
        ended_at: Some(at(to)),
    };
    let entries = vec![
        Entry::Started { at: at(from) },
        Entry::Finished { at: at(to), outcome: Outcome::Completed(json("1")) },
    ];
    release(host, &claimed.claim, entries, end).await.expect("commits");
    run
}

async fn release(host: &Host, claim: &Claim, entries: Vec<Entry>, index: Index) -> Result<(), StoreError> {
    let commit = Commit { expect: 0, entries, then: Then::Release(index), also: Also::default() };
    host.store.commit(claim, commit).await
}

async fn runs_are_counted_when_they_are_made_and_when_they_end(mut host: Host) {
    completed(&mut host, "f", 0, 1_000).await;
    completed(&mut host, "g", 60_000, 60_001).await;
    host.begin("f", 120_000, plain("f")).await;
    let records = host.store.records();
    let all = records.run_counts(hour(0, DAY), None, By::All).await.expect("reads");
    let (queued, long, short) =
        (Bucket::of(Span::ZERO), Bucket::of(Span::from_secs(1)), Bucket::of(Span::from_millis(1)));
    let ended = [(Status::Completed, short, 1), (Status::Completed, long, 1)];
    assert_eq!(added(&all), [&[(Status::Queued, queued, 3)][..], &ended].concat());
    assert!(all.iter().all(|count| count.function.is_none()));
    let one = records.run_counts(hour(0, DAY), Some(&FunctionId::new("f")), By::All).await.expect("reads");
    assert_eq!(added(&one), [(Status::Queued, queued, 2), (Status::Completed, long, 1)]);
    let by = records.run_counts(hour(0, DAY), None, By::Function).await.expect("reads");
    let of_g: Vec<_> =
        by.into_iter().filter(|c| c.function.as_ref().is_some_and(|f| f.as_str() == "g")).collect();
    assert_eq!(added(&of_g), [(Status::Queued, queued, 1), (Status::Completed, short, 1)]);
    // by the minute, and no more than was asked for
    let minutes = Period { from: at(0), until: at(60_000), every: Span::from_secs(60) };
    let first = records.run_counts(minutes, None, By::All).await.expect("reads");
    assert_eq!(added(&first), [(Status::Queued, queued, 1), (Status::Completed, long, 1)]);
    assert!(first.iter().all(|count| count.at == at(0)));
    assert_eq!(records.run_counts(hour(-2 * DAY, -DAY), None, By::All).await.expect("reads"), []);
}

async fn what_is_undone_is_not_counted(mut host: Host) {
    host.begin("f", 0, plain("f")).await;
    let claimed = host.claim_one(0).await;
    let finish = |outcome| vec![Entry::Finished { at: at(1), outcome }];
    let end = Index { status: Status::Failed, wake_at: None, started_at: None, ended_at: Some(at(1)) };
    let failed = finish(Outcome::Failed(Failure::new("E", "m")));
    host.commit(&claimed.claim, 0, vec![Entry::Started { at: at(0) }]).await.expect("commits");
    // its place in the journal is taken
    let refused = release(&host, &claimed.claim, failed, end).await;
    assert_eq!(refused, Err(StoreError::Conflict));
    let sent = host.accept_of(Some("same"), &["f"], 5);
    host.store.accept(vec![sent.clone()]).await.expect("accepts");
    assert!(matches!(host.store.accept(vec![sent]).await.expect("answers")[..], [Accepted::Duplicate(_)]));
    let all = host.store.records().run_counts(hour(0, DAY), None, By::All).await.expect("reads");
    assert_eq!(added(&all), [(Status::Queued, Bucket::of(Span::ZERO), 2)]);
    let events = host.store.records().event_counts(hour(0, DAY)).await.expect("reads");
    assert_eq!(events.iter().map(|count| count.n).sum::<u64>(), 2);
}

async fn events_are_counted_by_their_names(mut host: Host) {
    for (name, ms) in [("a", 0), ("a", 1), ("b", 2), ("a", 3_600_000)] {
        host.send(name, "{}", ms).await;
    }
    let counted = host.store.records().event_counts(hour(0, DAY)).await.expect("reads");
    let seen: Vec<_> = counted.iter().map(|c| (c.at, c.name.as_str(), c.n)).collect();
    assert_eq!(seen, [(at(0), "a", 2), (at(0), "b", 1), (at(3_600_000), "a", 1)]);
}

fn line(ms: i64, message: &str) -> Line {
    let fields = vec![("k".into(), "\"v\"".into())];
    Line { at: at(ms), level: Level::Warn, step: Some(key("s")), message: message.into(), fields }
}

async fn commit_lines(host: &Host, claim: &Claim, expect: u32, entries: Vec<Entry>, lines: Vec<Line>) {
    let also = Also { lines, ..Also::default() };
    host.store.commit(claim, Commit { expect, entries, then: Then::Keep, also }).await.expect("commits");
}

async fn lines_stay_in_their_order_behind_those_that_were_there(mut host: Host) {
    let run = host.begin("f", 0, plain("f")).await;
    let claimed = host.claim_one(0).await;
    let started = vec![Entry::Started { at: at(0) }];
    commit_lines(&host, &claimed.claim, 0, started, vec![line(1, "one"), line(2, "two")]).await;
    commit_lines(&host, &claimed.claim, 1, Vec::new(), vec![line(3, "three\n\u{1F600}")]).await;
    let records = host.store.records();
    let all = records.lines(&run, None, 9).await.expect("reads");
    assert_eq!(all, [(0, line(1, "one")), (1, line(2, "two")), (2, line(3, "three\n\u{1F600}"))]);
    assert_eq!(records.lines(&run, Some(0), 1).await.expect("reads"), all[1..2]);
    assert_eq!(records.lines(&RunId::new("none"), None, 9).await.expect("reads"), []);
}

async fn depths_tell_who_waits_who_runs_and_who_sleeps(mut host: Host) {
    for ms in [0, 10, 20] {
        host.begin("f", ms, plain("f")).await;
    }
    host.begin("g", 90_000, plain("g")).await;
    let claimed = host.claim(5, 9).await;
    assert_eq!(claimed.len(), 1);
    let depth = |function: &str, ready, oldest: Option<i64>, running, later| Depth {
        function: FunctionId::new(function),
        ready,
        oldest: oldest.map(at),
        running,
        later,
    };
    let records = host.store.records();
    let found = records.depths(at(50)).await.expect("reads");
    assert_eq!(found, [depth("f", 2, Some(10), 1, 0), depth("g", 0, None, 0, 1)]);
    host.store.release(&claimed[0].claim).await;
    let found = records.depths(at(95_000)).await.expect("reads");
    assert_eq!(found, [depth("f", 3, Some(0), 0, 0), depth("g", 1, Some(90_000), 0, 0)]);
}

async fn the_deepest_moment_of_a_minute_is_kept(host: Host) {
    let depth = |ready, oldest: i64| Depth {
        function: FunctionId::new("f"),
        ready,
        oldest: Some(at(oldest)),
        running: 0,
        later: 0,
    };
    let records = host.store.records();
    for (ms, ready) in [(1_000, 3), (2_000, 9), (3_000, 4), (61_000, 0)] {
        records.keep_depths(at(ms), vec![depth(ready, 0)]).await.expect("keeps");
    }
    let minutes = Period { from: at(0), until: at(DAY), every: Span::from_secs(60) };
    let kept = records.backlog(minutes, None).await.expect("reads");
    let seen: Vec<_> = kept.iter().map(|p| (p.at, p.ready, p.age.as_millis())).collect();
    assert_eq!(seen, [(at(0), 9, 3_000)]);
    assert_eq!(records.backlog(minutes, Some(&FunctionId::new("g"))).await.expect("reads"), []);
}

async fn webhooks_are_listed_and_counted_as_they_were_answered(host: Host) {
    let delivery = |ms, provider: &str, answered, reason: Option<&str>| Delivery {
        n: 0,
        at: at(ms),
        provider: provider.into(),
        answered,
        reason: reason.map(Into::into),
        detail: reason.map(|_| "a sentence".into()),
        sender_id: Some("evt_1".into()),
        event: Some(EventId::new("e")),
        event_name: Some("stripe/x".into()),
    };
    let came = vec![
        delivery(0, "stripe", Answered::Accepted, None),
        delivery(1, "stripe", Answered::Duplicate, None),
        delivery(2, "github", Answered::Refused, Some("bad_signature")),
        delivery(3, "github", Answered::Ignored, Some("ping")),
    ];
    let records = host.store.records();
    records.keep_deliveries(came.clone()).await.expect("keeps");
    let all =
        records.deliveries(DeliveryFilter { limit: 9, ..DeliveryFilter::default() }).await.expect("reads");
    let as_new: Vec<_> = all.iter().rev().map(|d| Delivery { n: 0, ..d.clone() }).collect();
    assert_eq!(as_new, came);
    let filtered = async |answered, provider: Option<&str>, before| {
        let filter = DeliveryFilter { answered, provider: provider.map(Into::into), before, limit: 9 };
        let found = records.deliveries(filter).await.expect("reads");
        found.into_iter().map(|d| d.at).collect::<Vec<_>>()
    };
    assert_eq!(filtered(Some(Answered::Refused), None, None).await, [at(2)]);
    assert_eq!(filtered(None, Some("stripe"), None).await, [at(1), at(0)]);
    assert_eq!(filtered(Some(Answered::Ignored), None, None).await, [at(3)]);
    assert_eq!(filtered(None, None, Some(all[0].n)).await, [at(2), at(1), at(0)]);
    let counted = records.delivery_counts(hour(0, DAY)).await.expect("reads");
    let seen: Vec<_> = counted.iter().map(|c| (c.provider.as_str(), c.answered, c.n)).collect();
    let wanted = [
        ("github", Answered::Ignored, 1),
        ("github", Answered::Refused, 1),
        ("stripe", Answered::Accepted, 1),
        ("stripe", Answered::Duplicate, 1),
    ];
    assert_eq!(seen, wanted);
}

async fn what_people_did_is_listed_newest_first(host: Host) {
    let records = host.store.records();
    for n in 0..3 {
        let subject = format!("r{n}");
        let audit =
            Audit { n: 0, at: at(n), who: "dev".into(), action: "rerun".into(), subject, detail: "'".into() };
        records.keep_audit(audit).await.expect("keeps");
        let state = if n % 2 == 0 { AlertState::Raised } else { AlertState::Resolved };
        let record = AlertRecord {
            n: 0,
            at: at(n),
            rule: "slow".into(),
            subject: "f".into(),
            state,
            text: "t".into(),
        };
        records.keep_alert(record).await.expect("keeps");
    }
    let newest = records.audits(None, 2).await.expect("reads");
    assert_eq!(newest.iter().map(|a| a.subject.as_str()).collect::<Vec<_>>(), ["r2", "r1"]);
    let older = records.audits(Some(newest[1].n), 2).await.expect("reads");
    assert_eq!(
        older.iter().map(|a| (a.subject.as_str(), a.detail.as_str())).collect::<Vec<_>>(),
        [("r0", "'")]
    );
    let alerts = records.alert_records(None, 2).await.expect("reads");
    assert_eq!(
        alerts.iter().map(|a| (a.at, a.state)).collect::<Vec<_>>(),
        [(at(2), AlertState::Raised), (at(1), AlertState::Resolved)]
    );
    assert_eq!(records.alert_records(Some(alerts[1].n), 2).await.expect("reads").len(), 1);
}

async fn facts_are_told_once_they_are_true(mut host: Host) {
    let mut facts = host.store.pulse().listen();
    let run = completed(&mut host, "f", 0, 7).await;
    let function = FunctionId::new("f");
    let mut told = Vec::new();
    while let Ok(fact) = facts.try_recv() {
        told.push(fact);
    }
    let [Fact::Accepted { event, name, at: received, .. }, made, moved, ended] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((&**name, *received), ("test/x", at(0)));
    assert_eq!(
        *made,
        Fact::Made { run: run.clone(), function: function.clone(), event: event.clone(), at: at(0) }
    );
    assert_eq!(*moved, Fact::Moved { run: run.clone() });
    let (status, started_at) = (Status::Completed, Some(at(0)));
    assert_eq!(*ended, Fact::Ended { run, function, status, started_at, at: at(7) });
}

/// Forgets until there is nothing more to forget.
async fn pruned(host: &Host, keep: Retention, ms: i64) -> Pruned {
    let mut all = Pruned::default();
    loop {
        let one = host.store.records().prune(keep, at(ms)).await.expect("forgets");
        (all.runs, all.events, all.lines) =
            (all.runs + one.runs, all.events + one.events, all.lines + one.lines);
        if one.is_done {
            return all;
        }
    }
}

const KEEP_ALL: Retention = Retention { runs: None, events: None, lines: None, bytes: None };

fn days(n: u64) -> Option<Span> {
    Some(Span::from_days(n))
}

async fn old_runs_go_with_all_that_was_theirs_and_live_ones_stay(mut host: Host) {
    let old = completed(&mut host, "f", 0, 10).await;
    let live = host.begin("f", 20, plain("f")).await;
    let claimed = host.claim_one(20).await;
    let late = completed(&mut host, "f", 30, 9 * DAY).await;
    host.store.release(&claimed.claim).await;
    assert_eq!(pruned(&host, KEEP_ALL, 10 * DAY).await.runs, 0);
    let keep = Retention { runs: days(5), events: days(5), ..KEEP_ALL };
    let gone = pruned(&host, keep, 10 * DAY).await;
    assert_eq!((gone.runs, gone.events), (1, 1));
    assert_eq!(host.store.run(&old).await.err(), Some(StoreError::NotFound));
    assert_eq!(host.store.run(&live).await.expect("stays").index.status, Status::Queued);
    assert_eq!(host.store.run(&late).await.expect("stays").journal.len(), 2);
    // and it can still be claimed
    assert_eq!(host.claim_one(11 * DAY).await.claim.run, live);
}

async fn an_event_stays_as_long_as_a_run_has_it(mut host: Host) {
    let run = completed(&mut host, "f", 0, 10).await;
    host.send("lonely", "{}", 20).await;
    host.send("newest", "{}", 9 * DAY).await;
    let keep = Retention { events: days(5), ..KEEP_ALL };
    assert_eq!(pruned(&host, keep, 10 * DAY).await.events, 1);
    let event = host.store.run(&run).await.expect("stays").event;
    assert!(host.store.event(event.as_str()).await.is_ok());
    // when the run is forgotten its event is, too
    assert_eq!(pruned(&host, Retention { runs: days(5), ..keep }, 10 * DAY).await.events, 1);
    assert_eq!(host.store.event(event.as_str()).await.err(), Some(StoreError::NotFound));
}

async fn lines_go_before_their_run_and_stay_while_it_goes_on(mut host: Host) {
    let run = host.begin("f", 0, plain("f")).await;
    let live = host.begin("g", 0, plain("g")).await;
    for claimed in host.claim(0, 9).await {
        commit_lines(&host, &claimed.claim, 0, vec![Entry::Started { at: at(0) }], vec![line(1, "one")])
            .await;
        if claimed.claim.run == run {
            host.finish(&claimed.claim, 1, Status::Completed).await;
        }
    }
    let keep = Retention { lines: days(1), ..KEEP_ALL };
    assert_eq!(pruned(&host, keep, DAY / 2).await.lines, 0);
    assert_eq!(pruned(&host, keep, 2 * DAY).await.lines, 1);
    assert_eq!(host.store.records().lines(&run, None, 9).await.expect("reads"), []);
    assert_eq!(host.store.run(&run).await.expect("stays").journal.len(), 2);
    assert_eq!(host.store.records().lines(&live, None, 9).await.expect("reads").len(), 1);
}

async fn gates_show_who_is_through_and_who_waits(mut host: Host) {
    let gate = Gate { id: "f".into(), rule: "r".into(), then: GateRule::Limit(1) };
    let lane = Lane { function: FunctionId::new("f"), gates: vec![gate] };
    let terms = Terms { lane: lane.clone(), fresh: lane, ..plain("f") };
    host.begin("f", 0, terms.clone()).await;
    host.begin("f", 0, terms).await;
    let gates = async || host.store.records().gates(&FunctionId::new("f")).await.expect("reads");
    assert_eq!(gates().await, []);
    assert_eq!(host.claim(0, 9).await.len(), 1);
    let state = GateState { id: "f".into(), limit: Some(1), used: 1, waiting: 1 };
    assert_eq!(gates().await, [state]);
    assert_eq!(host.store.records().gates(&FunctionId::new("g")).await.expect("reads"), []);
}
