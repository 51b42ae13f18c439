//! Flow control that an app asks for: each option as the SDKs send it, and what it does.

use super::{App, Sdk, for_each_sdk};
use crate::flow::{
    at, by_status, expect_one_after_the_other, paths, runs_of, send_all, skipped, text, wait_for_calls,
    wait_for_runs,
};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

/// A host in development and the app of `flow.js` or `flow.py`, registered.
async fn start(sdk: Sdk, args: &[&str]) -> Option<(Host, App)> {
    let host = Setup::dev().start().await;
    let app = App::start_script("flow", sdk, args, &[("INNGEST_DEV", &host.url(""))]).await?;
    app.register().await;
    Some((host, app))
}

async fn begun(sdk: Sdk) -> Option<(Host, App)> {
    start(sdk, &[]).await
}

/// Events of these users, in one request: their ids.
async fn of_users<const N: usize>(host: &Host, name: &str, users: [&str; N]) -> Vec<String> {
    let numbered = (0..).zip(users).map(|(n, user)| json!({"user": user, "n": n}));
    send_all(host, &format!("flow/{name}"), numbered).await
}

/// Other functions of the app begin and end meanwhile.
async fn let_others_run(host: &Host) {
    for _ in 0..3 {
        let event = host.send("flow/also", json!({})).await;
        host.wait_for(&event, "flow-filtered", "Completed").await;
    }
}

/// Waits until a run has its reason in its error, and gives it.
async fn cancelled(host: &Host, event: &str, function: &str) -> String {
    let run = host.wait_for(event, function, "Cancelled").await;
    text(&run["error"], "message").to_owned()
}

/// A call of an upstream, by this path.
fn call(upstream: &Upstream, user: &str, n: u32) -> Value {
    json!({"user": user, "url": upstream.url(&format!("/{user}/{n}"))})
}

for_each_sdk! {
    fn a_throttle_spaces_the_starts_of_a_key_and_drops_none(host, _sdk) {
        of_users(&host, "throttled", ["a", "a", "b", "a"]).await;
        let mut runs = wait_for_runs(&host, "flow-throttled", "Completed", 4).await;
        runs.retain(|run| run["output"]["user"] == "a");
        let first = at(&runs[0], "created_at");
        let mut starts: Vec<_> = runs.iter().map(|run| at(run, "run_started_at") - first).collect();
        starts.sort_unstable();
        assert!(starts[1] >= 1_000 && starts[2] >= 2_000, "too early: {starts:?}");
    }

    fn what_goes_beyond_a_rate_limit_makes_no_run(host, _sdk) {
        let events = of_users(&host, "rate-limited", ["a", "a", "b"]).await;
        host.wait_for(&events[0], "flow-rate-limited", "Completed").await;
        host.wait_for(&events[2], "flow-rate-limited", "Completed").await;
        assert!(host.runs_of(&events[1]).await.is_empty());
        assert_eq!(skipped(&host, &events[1]).await[0]["reason"], "rate_limit");
    }

    fn a_value_of_an_idempotency_key_makes_one_run(host, _sdk) {
        let data = ["x", "x", "y"].map(|id| json!({"id": id}));
        let events = send_all(&host, "flow/idempotent", data).await;
        host.wait_for(&events[0], "flow-idempotent", "Completed").await;
        host.wait_for(&events[2], "flow-idempotent", "Completed").await;
        assert!(host.runs_of(&events[1]).await.is_empty());
    }

    fn debounced_events_of_a_key_make_one_run_with_the_last_of_them(host, _sdk) {
        let events = of_users(&host, "debounced", ["a", "b", "a", "a"]).await;
        let runs = wait_for_runs(&host, "flow-debounced", "Completed", 2).await;
        let a = host.wait_for(&events[3], "flow-debounced", "Completed").await;
        assert_eq!(a["output"], json!({"user": "a", "n": 3}));
        host.wait_for(&events[1], "flow-debounced", "Completed").await;
        let received = at(&host.read(&format!("/v1/events/{}", events[3])).await, "received_at");
        assert!(at(&a, "run_started_at") >= received + 1_000, "{runs:#?}");
    }

    fn a_batch_is_called_with_all_of_its_events(host, _sdk) {
        let events = of_users(&host, "batched", ["a", "b", "a", "a"]).await;
        let full = host.wait_for(&events[0], "flow-batched", "Completed").await;
        let users = [0, 2, 3].map(|n| json!({"user": "a", "n": n}));
        assert_eq!(full["output"], json!(users));
        assert_eq!(full["event_ids"], json!([events[0], events[2], events[3]]));
        let timed = host.wait_for(&events[1], "flow-batched", "Completed").await;
        assert_eq!(timed["output"], json!([{"user": "b", "n": 1}]));
    }

    fn a_keys_runs_are_called_one_at_a_time_and_others_beside_them(host, _sdk) {
        let upstream = Upstream::start().await;
        upstream.hold();
        let data = [("a", 1), ("a", 2), ("a", 3), ("b", 1)].map(|(user, n)| call(&upstream, user, n));
        send_all(&host, "flow/in-turn", data).await;
        wait_for_calls(&upstream, 2).await;
        let_others_run(&host).await;
        let mut called = paths(&upstream);
        called.sort();
        assert_eq!(called, ["/a/1", "/b/1"]);
        assert_eq!(by_status(&host, "flow-in-turn", "Queued").await.len(), 2);
        upstream.release();
        let runs = wait_for_runs(&host, "flow-in-turn", "Completed", 4).await;
        expect_one_after_the_other(&host, &[&runs[0], &runs[1], &runs[2]]).await;
    }

    fn queued_runs_are_called_in_the_order_of_their_priority(host, _sdk) {
        let upstream = Upstream::start().await;
        upstream.hold();
        let of = |name: &str, p: i32| json!({"url": upstream.url(&format!("/{name}")), "p": p});
        host.send("flow/prioritised", of("busy", 0)).await;
        wait_for_calls(&upstream, 1).await;
        let data = [of("none", 0), of("less", -10), of("most", 300), of("more", 10)];
        send_all(&host, "flow/prioritised", data).await;
        upstream.release();
        wait_for_runs(&host, "flow-prioritised", "Completed", 5).await;
        assert_eq!(paths(&upstream), ["/busy", "/most", "/more", "/none", "/less"]);
    }

    fn while_a_singleton_is_not_over_another_event_of_its_key_makes_none(host, _sdk) {
        let events = of_users(&host, "single-skip", ["a", "a", "b"]).await;
        let first = host.wait_for(&events[0], "flow-single-skip", "Sleeping").await;
        host.wait_for(&events[2], "flow-single-skip", "Sleeping").await;
        let why = skipped(&host, &events[1]).await;
        assert_eq!((&why[0]["reason"], &why[0]["run_id"]), (&json!("singleton"), &first["run_id"]));
    }

    fn another_event_of_a_singletons_key_cancels_the_run_before_it(host, _sdk) {
        let first = host.send("flow/single-cancel", json!({"user": "a"})).await;
        host.wait_for(&first, "flow-single-cancel", "Sleeping").await;
        let second = host.send("flow/single-cancel", json!({"user": "a", "rest": "1s"})).await;
        let why = cancelled(&host, &first, "flow-single-cancel").await;
        assert!(why.contains("one at a time"), "{why}");
        host.wait_for(&second, "flow-single-cancel", "Completed").await;
    }

    fn runs_that_do_not_start_or_end_in_time_are_cancelled(host, _sdk) {
        let upstream = Upstream::start().await;
        upstream.hold();
        let events = send_all(&host, "flow/late-start", [1, 2].map(|n| call(&upstream, "a", n))).await;
        wait_for_calls(&upstream, 1).await;
        let long = host.send("flow/long-run", json!({})).await;
        let why = cancelled(&host, &events[1], "flow-late-start").await;
        assert!(why.contains("not started within 1 s"), "{why}");
        let why = cancelled(&host, &long, "flow-long-run").await;
        assert!(why.contains("not finished within 1s"), "{why}");
        upstream.release();
        host.wait_for(&events[0], "flow-late-start", "Completed").await;
        assert_eq!(upstream.count(), 1);
    }

    fn events_cancel_the_runs_that_they_fit_and_no_others(host, _sdk) {
        let events = send_all(
            &host,
            "flow/cancelled",
            [("a", 1), ("b", 5)].map(|(user, n)| json!({"user": user, "n": n})),
        )
        .await;
        for event in &events {
            host.wait_for(event, "flow-cancelled", "Sleeping").await;
        }
        host.send("flow/stop", json!({"user": "a", "n": 9})).await;
        cancelled(&host, &events[0], "flow-cancelled").await;
        host.send("flow/stop-if", json!({"n": 5})).await;
        let_others_run(&host).await;
        assert_eq!(by_status(&host, "flow-cancelled", "Sleeping").await.len(), 1);
        host.send("flow/stop-if", json!({"n": 6})).await;
        cancelled(&host, &events[1], "flow-cancelled").await;
    }

    fn a_function_starts_at_each_of_its_triggers_for_which_its_condition_holds(host, _sdk) {
        let events = send_all(&host, "flow/filtered", [1, 2].map(|n| json!({"n": n}))).await;
        let run = host.wait_for(&events[1], "flow-filtered", "Completed").await;
        assert_eq!(run["output"], "flow/filtered");
        let also = host.send("flow/also", json!({})).await;
        let run = host.wait_for(&also, "flow-filtered", "Completed").await;
        assert_eq!(run["output"], "flow/also");
        assert_eq!(runs_of(&host, "flow-filtered").await.len(), 2, "not of the first event");
    }
}

#[tokio::test]
async fn a_function_of_an_app_starts_by_the_clock() {
    for sdk in [Sdk::Js4, Sdk::Js3, Sdk::Python] {
        let Some((host, _app)) = start(sdk, &["cron"]).await else { return };
        let runs = until("two ticks", PATIENCE, async || {
            let runs = by_status(&host, "flow-timed", "Completed").await;
            if runs.len() >= 2 { Ok(runs) } else { Err(runs.len().to_string()) }
        })
        .await;
        let expected = json!({"name": "inngest/scheduled.timer", "cron": "@every 1s"});
        assert_eq!((&runs[0]["output"], &runs[1]["output"]), (&expected, &expected), "{sdk:?}");
        assert_ne!(runs[0]["event_id"], runs[1]["event_id"]);
    }
}
