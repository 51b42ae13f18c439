//! How many runs are at work at once.

use super::by_hand::Description;
use super::{
    by_status, expect_one_after_the_other, kill_and_restart, let_others_run, paths, send_all, text,
    wait_for_calls, wait_for_runs,
};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup, paths as files};
use serde_json::{Value, json};

/// Data for a run of this user that calls `/USER/N`.
fn call(upstream: &Upstream, user: &str, n: usize) -> Value {
    json!({ "url": upstream.url(&format!("/{user}/{n}")), "user": user })
}

async fn start() -> (Upstream, Host) {
    let upstream = Upstream::start().await;
    upstream.hold();
    (upstream, Setup::dev().guests(&["flow"]).start().await)
}

#[tokio::test]
async fn one_users_runs_go_one_at_a_time_and_others_beside_them() {
    let (upstream, host) = start().await;
    let data = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1)].map(|(user, n)| call(&upstream, user, n));
    send_all(&host, "test/limited-by-key", data).await;
    wait_for_calls(&upstream, 3).await;
    let_others_run(&host).await;
    let mut called = paths(&upstream);
    called.sort();
    assert_eq!(called, ["/a/1", "/b/1", "/c/1"], "the first of each");
    assert_eq!(by_status(&host, "limited-by-key", "Queued").await.len(), 2);
    upstream.release();
    let runs = wait_for_runs(&host, "limited-by-key", "Completed", 5).await;
    expect_one_after_the_other(&host, &[&runs[0], &runs[1], &runs[2]]).await;
    assert_eq!(paths(&upstream)[3..], ["/a/2", "/a/3"], "in the order of their making");
}

#[tokio::test]
async fn a_limit_of_an_app_is_shared_by_its_functions() {
    let (upstream, host) = start().await;
    let a = host.send("test/limited-by-app", call(&upstream, "a", 1)).await;
    wait_for_calls(&upstream, 1).await;
    let a_too = host.send("test/limited-by-app-too", call(&upstream, "a", 2)).await;
    let b_too = host.send("test/limited-by-app-too", call(&upstream, "b", 1)).await;
    wait_for_calls(&upstream, 2).await;
    let_others_run(&host).await;
    assert_eq!(paths(&upstream), ["/a/1", "/b/1"]);
    host.wait_for(&a_too, "limited-by-app-too", "Queued").await;
    upstream.release();
    let first = host.wait_for(&a, "limited-by-app", "Completed").await;
    let second = host.wait_for(&a_too, "limited-by-app-too", "Completed").await;
    host.wait_for(&b_too, "limited-by-app-too", "Completed").await;
    expect_one_after_the_other(&host, &[&first, &second]).await;
}

#[tokio::test]
async fn a_limit_of_the_account_is_shared_by_all_functions_with_its_key() {
    let (upstream, host) = start().await;
    // of another component and app
    let mut other = Description::new("of-the-lot");
    other.event("test/of-the-lot", None).concurrency(1, Some("'the lot'"), 2);
    let mut apart = Description::new("of-another-lot");
    apart.event("test/of-another-lot", None).concurrency(1, Some("'another'"), 2);
    for function in [other, apart] {
        host.deploy(function.plugin()).await.expect(201);
    }
    send_all(&host, "test/limited-by-account", [1, 2].map(|n| call(&upstream, "a", n))).await;
    wait_for_calls(&upstream, 1).await;
    let waiting = host.send("test/of-the-lot", json!({})).await;
    let free = host.send("test/of-another-lot", json!({})).await;
    host.wait_for(&free, "of-another-lot", "Failed").await;
    let_others_run(&host).await;
    assert_eq!(host.runs_of(&waiting).await[0]["status"], "Queued");
    assert_eq!(upstream.count(), 1);
    upstream.release();
    let runs = wait_for_runs(&host, "limited-by-account", "Completed", 2).await;
    host.wait_for(&waiting, "of-the-lot", "Failed").await;
    expect_one_after_the_other(&host, &[&runs[0], &runs[1]]).await;
}

#[tokio::test]
async fn of_two_limits_both_hold() {
    let (upstream, host) = start().await;
    let users = [("a", 1), ("a", 2), ("b", 1), ("c", 1), ("d", 1)];
    send_all(&host, "test/limited-by-two", users.map(|(user, n)| call(&upstream, user, n))).await;
    wait_for_calls(&upstream, 3).await;
    let_others_run(&host).await;
    let mut called = paths(&upstream);
    called.sort();
    assert_eq!(called.len(), 3, "three at once: {called:?}");
    assert!(!called.contains(&"/a/2".to_owned()), "one of each user: {called:?}");
    upstream.release();
    let runs = wait_for_runs(&host, "limited-by-two", "Completed", 5).await;
    expect_one_after_the_other(&host, &[&runs[0], &runs[1]]).await;
    assert!(upstream.most_under_way() <= 3, "{} at once", upstream.most_under_way());
}

#[tokio::test]
async fn limits_with_keys_hold_over_kills() {
    let (upstream, mut host) = start().await;
    let data = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)].map(|(user, n)| call(&upstream, user, n));
    send_all(&host, "test/limited-by-key", data).await;
    wait_for_calls(&upstream, 2).await;
    for n in 1..=2 {
        kill_and_restart(&mut host, &upstream).await;
        wait_for_calls(&upstream, 2 + 2 * n).await;
        let_others_run(&host).await;
        assert_eq!(upstream.under_way(), 2, "one of each user: {:?}", paths(&upstream));
    }
    let mut again = paths(&upstream)[4..].to_vec();
    again.sort();
    assert_eq!(again, ["/a/1", "/b/1"], "those that were at work go on");
    upstream.release();
    let runs = wait_for_runs(&host, "limited-by-key", "Completed", 5).await;
    expect_one_after_the_other(&host, &[&runs[0], &runs[1], &runs[2]]).await;
    expect_one_after_the_other(&host, &[&runs[3], &runs[4]]).await;
}

#[tokio::test]
async fn a_run_that_sleeps_counts_for_no_limit() {
    let host = Setup::dev().guests(&["queue-a"]).start().await;
    // with a limit of one, all three are asleep at once
    send_all(&host, "test/queued", [1, 2, 3].map(|_| json!({ "ms": 60_000 }))).await;
    wait_for_runs(&host, "queued", "Sleeping", 3).await;
}

#[tokio::test]
async fn a_changed_limit_holds_for_runs_that_were_queued_before() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["queue-a", "flow"]).start().await;
    let events = send_all(&host, "test/queued", (1..=5).map(|n| call(&upstream, "a", n))).await;
    wait_for_calls(&upstream, 1).await;
    let_others_run(&host).await;
    assert_eq!(upstream.count(), 1, "one at once");
    // three at once in the other version, which the queued runs are not of
    let before = host.runs_of(&events[0]).await[0]["function_version"].clone();
    host.deploy(std::fs::read(files::guest("queue-b")).expect("reads")).await.expect(201);
    wait_for_calls(&upstream, 3).await;
    let_others_run(&host).await;
    assert_eq!(upstream.count(), 3);
    assert_eq!(by_status(&host, "queued", "Queued").await.len(), 2);
    // and back: nobody is thrown out, but the next has to wait until there is room
    host.deploy(std::fs::read(files::guest("queue-a")).expect("reads")).await.expect(201);
    let_others_run(&host).await;
    assert_eq!(upstream.count(), 3);
    upstream.release();
    let runs = wait_for_runs(&host, "queued", "Completed", 5).await;
    assert!(runs.iter().all(|run| run["function_version"] == before), "each on the bytes that it began with");
    until("no call", PATIENCE, async || if upstream.under_way() == 0 { Ok(()) } else { Err("one".into()) })
        .await;
    assert!(upstream.most_under_way() <= 3);
}

#[tokio::test]
async fn a_rerun_waits_at_the_limit_like_any_other_run() {
    let (upstream, host) = start().await;
    upstream.release();
    let event = host.send("test/limited-by-key", call(&upstream, "a", 1)).await;
    let run = host.wait_for(&event, "limited-by-key", "Completed").await;
    upstream.hold();
    host.send("test/limited-by-key", call(&upstream, "a", 2)).await;
    wait_for_calls(&upstream, 2).await;
    let path = format!("/v1/runs/{}/rerun", text(&run, "run_id"));
    let again = host.post(&path, "").await.expect(201).data();
    let_others_run(&host).await;
    assert_eq!(host.run(text(&again, "run_id")).await["status"], "Queued");
    upstream.release();
    host.wait_for_run(text(&again, "run_id"), "Completed").await;
    assert_eq!(paths(&upstream), ["/a/1", "/a/2", "/a/1"]);
}
