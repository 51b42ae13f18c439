//! The code of several steps at once.

use super::{another_run_completes, begin, completed, step, step_ids, text, tries, wait_for_under_way};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::components::by_hand::{self, Ask};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

const FUNCTION: &str = "ten-at-once";

fn setup() -> Setup {
    Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "50ms")
}

/// Ten answers, each at its first try.
fn expect_ten(run: &Value) {
    assert_eq!(run["output"], json!({ "statuses": vec![200; 10], "attempts": vec![0; 10] }), "{run:#}");
    for n in 0..10 {
        assert_eq!(tries(run, &format!("get-{n}")), 1);
    }
    assert_eq!(step_ids(run).last(), Some(&"after"));
}

#[tokio::test]
async fn ten_steps_are_under_way_at_once() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = setup().start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    wait_for_under_way(&upstream, 10).await;
    let run = host.wait_for(&event, FUNCTION, "Running").await;
    another_run_completes(&host).await;
    upstream.release();
    expect_ten(&host.wait_for_run(text(&run, "run_id"), "Completed").await);
    assert_eq!(upstream.count(), 10, "each was called once");
}

#[tokio::test]
async fn with_one_slot_they_come_one_by_one() {
    let upstream = Upstream::start().await;
    let host = setup().env("PAWL_SLOTS", "1").start().await;
    expect_ten(&completed(&host, FUNCTION, json!({ "url": upstream.url("/") })).await);
    assert_eq!((upstream.count(), upstream.most_under_way()), (10, 1));
}

#[tokio::test]
async fn with_a_few_slots_as_many_are_under_way_as_there_are_and_others_come_to_their_turn() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = setup().env("PAWL_SLOTS", "3").start().await;
    let url = upstream.url("/");
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(begin(&host, FUNCTION, json!({ "url": url })).await);
    }
    until("calls", PATIENCE, async || match upstream.under_way() {
        0 => Err("none".into()),
        n => Ok(n),
    })
    .await;
    upstream.release();
    for event in &events {
        expect_ten(&host.wait_for(event, FUNCTION, "Completed").await);
    }
    assert!(upstream.most_under_way() <= 3, "{} at once", upstream.most_under_way());
    assert_eq!(upstream.count(), 30);
}

#[tokio::test]
async fn one_that_fails_is_tried_again_and_the_others_are_not() {
    let upstream = Upstream::start().await;
    let host = setup().start().await;
    let run = completed(&host, FUNCTION, json!({ "url": upstream.url("/"), "fail": 3 })).await;
    assert_eq!(run["output"]["attempts"], json!([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    for n in 0..10 {
        assert_eq!(tries(&run, &format!("get-{n}")), if n == 3 { 2 } else { 1 });
    }
    assert_eq!(upstream.count(), 11);
    let log = host.log();
    assert_eq!(log.matches("the first attempt fails").count(), 1, "it is told once");
}

#[tokio::test]
async fn one_that_fails_does_not_hold_the_others_up() {
    let upstream = Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "1h").start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/"), "fail": 0 })).await;
    let run = host.wait_for(&event, FUNCTION, "Sleeping").await;
    assert_eq!(step(&run, "get-0")["status"], "Retrying");
    for n in 1..10 {
        assert_eq!(step(&run, &format!("get-{n}"))["status"], "Completed", "{run:#}");
    }
    assert_eq!(run["wake_at"], step(&run, "get-0")["wake_at"]);
}

#[tokio::test]
async fn a_list_of_hundreds_comes_to_its_end_and_leaves_room_for_others() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = setup().start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/"), "n": 300 })).await;
    until("calls", PATIENCE, async || match upstream.under_way() {
        n if n >= 10 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    another_run_completes(&host).await;
    upstream.release();
    let run = host.wait_for(&event, FUNCTION, "Completed").await;
    assert_eq!(run["output"]["statuses"], json!(vec![200; 300]));
    assert_eq!((upstream.count(), step_ids(&run).len()), (300, 301));
}

#[tokio::test]
async fn what_a_kill_cut_off_is_done_again_and_what_had_ended_is_not() {
    let upstream = Upstream::start().await;
    let mut host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "1h").start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/"), "fail": 5 })).await;
    let asleep = host.wait_for(&event, FUNCTION, "Sleeping").await;
    host.kill();
    host.set_env("PAWL_RETRY_INTERVAL", "50ms");
    host.restart().await;
    let run = host.run(text(&asleep, "run_id")).await;
    assert_eq!(run["steps"], asleep["steps"]);
    assert_eq!(upstream.count(), 10);

    upstream.hold();
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    wait_for_under_way(&upstream, 10).await;
    host.kill();
    wait_for_under_way(&upstream, 0).await;
    upstream.release();
    host.restart().await;
    expect_ten(&host.wait_for(&event, FUNCTION, "Completed").await);
    assert_eq!(upstream.count(), 30);
}

#[tokio::test]
async fn a_cancelled_run_gives_all_of_them_up() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = setup().start().await;
    let event = begin(&host, FUNCTION, json!({ "url": upstream.url("/") })).await;
    wait_for_under_way(&upstream, 10).await;
    let run = host.runs_of(&event).await.remove(0);
    let cancelled = host.delete(&format!("/v1/runs/{}", text(&run, "run_id"))).await.expect(200).data();
    wait_for_under_way(&upstream, 0).await;
    upstream.release();
    another_run_completes(&host).await;
    assert_eq!(host.run(text(&run, "run_id")).await, cancelled);
    assert_eq!(cancelled["steps"], json!([]));
}

// ---- plugins by hand

async fn by_hand(host: &Host, id: &str, code: &str) -> Value {
    host.deploy(by_hand::doing(id, code)).await.expect(201);
    let event = begin(host, id, json!({})).await;
    until("the end", PATIENCE, async || {
        let run = host.runs_of(&event).await.remove(0);
        if run["ended_at"].is_null() { Err(run.to_string()) } else { Ok(run) }
    })
    .await
}

/// Traps when the last `select` was answered for this place with this case: 0 an output,
/// 1 a failure, 2 to execute.
fn trap_at(place: u32, case: u32) -> String {
    format!("(if {} (then unreachable))", is_at(place, case))
}

fn is_at(place: u32, case: u32) -> String {
    // where `select` says where its answers lie, see `by_hand`
    let answer = "(i32.load (i32.const 24000))";
    format!(
        "(i32.and (i32.eq (i32.load {answer}) (i32.const {place}))
            (i32.eq (i32.load8_u offset=8 {answer}) (i32.const {case})))"
    )
}

#[tokio::test]
async fn a_panic_in_one_fails_that_one_alone() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let all = [Ask::Run('a'), Ask::Run('b'), Ask::Run('c')];
    // executes what it is given, but for `b`; then asks for the rest, by what was answered
    let finish = format!(
        "(if (i32.eq (i32.load8_u offset=8 (i32.load (i32.const 24000))) (i32.const 2))
            (then {} {} {}))",
        by_hand::remember("$first"),
        by_hand::succeed("$first"),
        by_hand::drop_handle("$first"),
    );
    let code =
        format!("{}{}{finish}{}", by_hand::select(&all), trap_at(1, 2), by_hand::sleep(Some('z'), 200));
    let run = by_hand(&host, "panics-in-one", &code).await;
    assert_eq!(run["status"], "Completed", "{run:#}");
    let b = step(&run, "b");
    assert_eq!(b["status"], "Failed", "{run:#}");
    assert_eq!(tries(&run, "b"), 1);
    let one = step_ids(&run).into_iter().filter(|id| ["a", "c"].contains(id)).count();
    assert!(one >= 1, "the others came to their end beside it: {run:#}");
    for id in step_ids(&run).into_iter().filter(|id| ["a", "c"].contains(id)) {
        assert_eq!(step(&run, id)["status"], "Completed", "{run:#}");
    }
}

#[tokio::test]
async fn what_ended_first_is_answered_first_in_every_pass() {
    let host = Setup::dev().start().await;
    // listed last, over first: every pass has to be told so, or it traps
    let all = [Ask::Sleep('a', 900), Ask::Sleep('b', 600), Ask::Sleep('c', 300)];
    let other = |place| format!("(if (i32.eqz {}) (then unreachable))", is_at(place, 0));
    let code = format!(
        "{}{}{}{}{}{}{}{}",
        by_hand::select(&all),
        other(2),
        by_hand::select(&all[..2]),
        other(1),
        by_hand::sleep(Some('n'), 100),
        by_hand::select(&all[..1]),
        other(0),
        by_hand::sleep(Some('m'), 100),
    );
    let run = by_hand(&host, "out-of-order", &code).await;
    assert_eq!(run["status"], "Completed", "{run:#}");
    assert_eq!(step_ids(&run), ["a", "b", "c", "n", "m"]);
}
