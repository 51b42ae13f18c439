//! When runs may start: gates, throttles, priorities, pauses.

use super::*;

cases![
    a_full_gate_holds_up_its_own_runs_and_nobody_elses,
    keys_of_one_function_take_turns,
    a_gate_is_shared_by_all_that_name_it,
    a_lane_that_cannot_use_a_gate_lets_the_next_one_go,
    a_changed_limit_holds_for_queued_runs,
    a_wide_claim_counts_for_more,
    a_throttle_spreads_starts_and_nothing_else,
    a_throttled_run_that_comes_back_unstarted_is_throttled_again,
    a_rerun_with_a_journal_is_fresh,
    a_priority_is_a_place_in_the_lane,
    a_paused_function_gives_no_runs,
    a_seized_run_counts_at_its_gate,
];

pub(in crate::store) fn limit(id: &str, n: u32) -> Gate {
    Gate { id: id.into(), rule: id.into(), then: GateRule::Limit(n) }
}

pub(in crate::store) fn throttle(id: &str, limit: u32, ms: u64, at_once: u32) -> Gate {
    let rate = Rate { limit, period: Span::from_millis(ms), at_once };
    Gate { id: id.into(), rule: id.into(), then: GateRule::Rate(rate) }
}

/// Terms with these gates; throttles hold for the start alone.
pub(in crate::store) fn gated(function: &str, gates: &[Gate]) -> Terms {
    let lane = |gates| Lane { function: FunctionId::new(function), gates };
    let lasting = gates.iter().filter(|g| matches!(g.then, GateRule::Limit(_))).cloned().collect();
    Terms { fresh: lane(gates.to_vec()), lane: lane(lasting), ..plain(function) }
}

async fn a_full_gate_holds_up_its_own_runs_and_nobody_elses(mut h: Host) {
    for _ in 0..4 {
        h.begin("f", 0, gated("f", &[limit("f", 2)])).await;
        h.begin("g", 0, plain("g")).await;
    }
    let claimed = h.claim(9, 99).await;
    let of = |f: &str| claimed.iter().filter(|c| c.function.as_str() == f).count();
    assert_eq!((of("f"), of("g")), (2, 4));
    assert!(h.claim(9, 99).await.is_empty());
    let f = claimed.iter().find(|c| c.function.as_str() == "f").expect("one");
    h.commit(&f.claim, 0, vec![started()]).await.expect("commits");
    h.park(&f.claim, 1, 100).await;
    assert_eq!(h.claim(9, 99).await.len(), 1, "a sleeping run leaves its place");
}

async fn keys_of_one_function_take_turns(mut h: Host) {
    for (key, n) in [("a", 5), ("b", 2), ("c", 1)] {
        for _ in 0..n {
            h.begin("f", 0, gated("f", &[limit(key, 9)])).await;
        }
    }
    h.begin("g", 0, plain("g")).await;
    let claimed = h.claim(0, 4).await;
    let functions: Vec<_> = claimed.iter().map(|c| c.function.as_str()).collect();
    assert!(functions.contains(&"g"), "{functions:?}");
    let mut first = ids(&claimed);
    first.retain(|id| id.ends_with('f'));
    first.sort_unstable();
    assert_eq!(first, ["r00001-f", "r00006-f", "r00008-f"], "one of each key");
}

async fn a_gate_is_shared_by_all_that_name_it(mut h: Host) {
    // one function sees the gate as narrower than the other
    h.begin("f", 0, gated("f", &[limit("shared", 1)])).await;
    h.begin("f", 1, gated("f", &[limit("shared", 1)])).await;
    for ms in [2, 3, 4] {
        h.begin("g", ms, gated("g", &[limit("shared", 3)])).await;
    }
    let claimed = h.claim(4, 9).await;
    assert_eq!(ids(&claimed), ["r00001-f", "r00003-g", "r00004-g"]);
    h.finish(&claimed[1].claim, 0, Status::Completed).await;
    let more = h.claim_one(4).await;
    assert_eq!(more.claim.run.as_str(), "r00005-g", "there is room for this function");
    for claim in [&claimed[0].claim, &claimed[2].claim, &more.claim] {
        assert!(h.claim(4, 9).await.is_empty());
        h.finish(claim, 0, Status::Completed).await;
    }
    assert_eq!(h.claim_one(4).await.claim.run.as_str(), "r00002-f");
}

async fn a_lane_that_cannot_use_a_gate_lets_the_next_one_go(mut h: Host) {
    let (all, a, b) = (limit("all", 2), limit("a", 1), limit("b", 1));
    h.begin("f", 0, gated("f", &[all.clone(), a.clone()])).await;
    h.begin("g", 0, gated("g", std::slice::from_ref(&all))).await;
    let claimed = h.claim(0, 9).await;
    assert_eq!(claimed.len(), 2);
    h.begin("f", 1, gated("f", &[all.clone(), a])).await;
    h.begin("f", 2, gated("f", &[all.clone(), b])).await;
    assert!(h.claim(2, 9).await.is_empty());
    // the first that waits for `all` cannot go: `a` is full
    h.finish(&claimed.iter().find(|c| c.function.as_str() == "g").expect("g").claim, 0, Status::Failed).await;
    let next = h.claim_one(2).await;
    assert_eq!(next.claim.run.as_str(), "r00004-f");
    h.finish(&claimed.iter().find(|c| c.function.as_str() == "f").expect("f").claim, 0, Status::Failed).await;
    assert_eq!(h.claim_one(2).await.claim.run.as_str(), "r00003-f");
}

async fn a_changed_limit_holds_for_queued_runs(mut h: Host) {
    for _ in 0..6 {
        h.begin("f", 0, gated("f", &[limit("c", 1)])).await;
    }
    let rules = |n| Rules::from([(FunctionId::new("f"), [("c".into(), GateRule::Limit(n))].into())]);
    assert_eq!(h.claim_by(0, 9, rules(3)).await.len(), 3);
    assert!(h.claim_by(0, 9, rules(2)).await.is_empty());
    assert_eq!(h.claim_by(0, 9, rules(4)).await.len(), 1);
    assert!(h.claim(0, 9).await.is_empty(), "as it was when the run was made");
}

async fn a_wide_claim_counts_for_more(mut h: Host) {
    let terms = || gated("f", &[limit("a", 4), limit("b", 9)]);
    h.begin("f", 0, terms()).await;
    let wide = h.claim_one(0).await;
    assert_eq!(h.store.widen(&wide.claim, 2).await, 2);
    assert_eq!(h.store.widen(&wide.claim, 9).await, 1);
    assert_eq!(h.store.widen(&wide.claim, 9).await, 0);
    for _ in 0..4 {
        h.begin("f", 0, terms()).await;
    }
    assert!(h.claim(0, 9).await.is_empty());
    h.store.narrow(&wide.claim, 1).await;
    assert_eq!(h.claim(0, 9).await.len(), 1);
    h.commit(&wide.claim, 0, vec![started()]).await.expect("commits");
    h.park(&wide.claim, 1, 500).await;
    assert_eq!(h.claim(0, 9).await.len(), 3, "all of it ends with the claim");
    assert_eq!(h.store.widen(&wide.claim, 9).await, 0, "who holds nothing gets nothing");
    h.begin("g", 0, plain("g")).await;
    assert_eq!(h.store.widen(&h.claim_one(0).await.claim, 7).await, 7, "without gates: as many as wanted");
}

async fn a_throttle_spreads_starts_and_nothing_else(mut h: Host) {
    // two at once, then one each 50
    for _ in 0..4 {
        h.begin("f", 0, gated("f", &[throttle("t", 2, 100, 2)])).await;
    }
    let first = h.claim(0, 9).await;
    assert_eq!(ids(&first), ["r00001-f", "r00002-f"]);
    assert_eq!(h.next_due(0).await, Some(50));
    h.commit(&first[0].claim, 0, vec![started()]).await.expect("commits");
    h.park(&first[0].claim, 1, 10).await;
    h.commit(&first[1].claim, 0, vec![started()]).await.expect("commits");
    h.store.release(&first[1].claim).await;
    let mut going_on = Vec::new();
    for ms in [9, 10] {
        going_on.extend(h.claim(ms, 9).await);
    }
    assert_eq!(ids(&going_on), ["r00002-f", "r00001-f"], "who has started is not held up");
    assert!(h.claim(49, 9).await.is_empty());
    assert_eq!(ids(&h.claim(50, 9).await), ["r00003-f"]);
    assert_eq!(h.next_due(50).await, Some(100));
    assert_eq!(ids(&h.claim(100, 9).await), ["r00004-f"]);
}

async fn a_throttled_run_that_comes_back_unstarted_is_throttled_again(mut h: Host) {
    h.begin("f", 0, gated("f", &[throttle("t", 1, 100, 1)])).await;
    let first = h.claim_one(0).await;
    h.give_back(&first.claim, 0, 0).await;
    assert!(h.claim(99, 9).await.is_empty());
    let again = h.claim_one(100).await;
    h.store.release(&again.claim).await;
    assert!(h.claim(199, 9).await.is_empty());
    assert_eq!(h.claim(200, 9).await.len(), 1);
}

async fn a_rerun_with_a_journal_is_fresh(mut h: Host) {
    let terms = || gated("f", &[throttle("t", 1, 100, 1)]);
    h.begin("f", 0, terms()).await;
    assert_eq!(h.claim(0, 9).await.len(), 1);
    let run = NewRun { id: RunId::new("again"), journal: vec![started()], ..h.run_of("f", 1, terms()) };
    h.store.start(&[EventId::new("e00001")], run).await.expect("starts");
    assert!(h.claim(99, 9).await.is_empty());
    let again = h.claim_one(100).await;
    assert_eq!((again.claim.run.as_str(), again.journal.len()), ("again", 1));
    h.commit(&again.claim, 1, vec![started()]).await.expect("commits");
    h.store.release(&again.claim).await;
    assert_eq!(h.claim(101, 9).await.len(), 1, "it has started");
}

async fn a_priority_is_a_place_in_the_lane(mut h: Host) {
    let terms = |ahead| Terms { ahead, ..gated("f", &[limit("c", 1)]) };
    for (ms, ahead) in [(0, 0), (1, 0), (2, 100), (3, -100), (50, 0), (90, 500)] {
        h.begin("f", ms, terms(ahead)).await;
    }
    let mut order = Vec::new();
    for ms in [60, 60, 60, 60, 60, 90] {
        let next = h.claim_one(ms).await;
        order.push(next.claim.run.to_string());
        if order.len() == 1 {
            h.begin("f", 91, terms(10_000)).await;
            assert!(h.claim(60, 9).await.is_empty());
        }
        h.finish(&next.claim, 0, Status::Completed).await;
    }
    let expected = ["r00003-f", "r00001-f", "r00002-f", "r00005-f", "r00004-f", "r00006-f"];
    assert_eq!(order, expected, "ahead of others, but not before its time");
    assert_eq!(h.claim_one(91).await.claim.run.as_str(), "r00007-f");
}

async fn a_paused_function_gives_no_runs(mut h: Host) {
    let f = FunctionId::new("f");
    h.begin("f", 0, plain("f")).await;
    h.begin("g", 0, plain("g")).await;
    assert!(h.store.pause(&f, at(1)).await.expect("pauses"));
    assert!(!h.store.pause(&f, at(2)).await.expect("pauses"), "it was");
    assert_eq!(h.store.paused().await.expect("lists"), [(f.clone(), at(1))]);
    assert_eq!(h.claim_one(2).await.function.as_str(), "g");
    h.begin("f", 3, plain("f")).await;
    assert!(h.claim(3, 9).await.is_empty());
    assert!(h.store.resume(&f).await.expect("resumes"));
    assert!(!h.store.resume(&f).await.expect("resumes"), "it was not paused");
    assert!(h.store.paused().await.expect("lists").is_empty());
    assert_eq!(ids(&h.claim(3, 9).await), ["r00001-f", "r00003-f"]);
}

async fn a_seized_run_counts_at_its_gate(mut h: Host) {
    let first = h.begin("f", 0, gated("f", &[limit("c", 1)])).await;
    h.begin("f", 1, gated("f", &[limit("c", 1)])).await;
    let seized = h.store.seize(&first).await.expect("seizes").expect("not over");
    assert!(h.claim(1, 9).await.is_empty());
    let again = h.store.seize(&first).await.expect("seizes").expect("not over");
    h.store.release(&seized.claim).await;
    assert!(h.claim(1, 9).await.is_empty());
    h.store.release(&again.claim).await;
    assert_eq!(ids(&h.claim(1, 9).await), ["r00001-f"]);
}
