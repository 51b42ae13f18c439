//! `wait_for_event`.

use super::{another_run_completes, begin, completed, failed_for_good, step, text, waiting};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

async fn start() -> Host {
    Setup::dev().guests(&["flow"]).start().await
}

async fn ended(host: &Host, waiting: &Value) -> Value {
    host.wait_for_run(text(waiting, "run_id"), "Completed").await
}

async fn status(host: &Host, run: &Value) -> String {
    text(&host.run(text(run, "run_id")).await, "status").to_owned()
}

#[tokio::test]
async fn a_run_that_waits_shows_for_what_and_is_given_the_event() {
    let host = start().await;
    let run = waiting(&host, "waiter", json!({ "ms": 50_000 })).await;
    let wait = step(&run, "wait");
    assert_eq!(
        (&wait["op"], &wait["status"], &wait["about"]),
        (&json!("wait_for_event"), &json!("Waiting"), &json!("test/awaited"))
    );
    assert!(wait["wake_at"].is_string() && wait["ended_at"].is_null(), "{wait:#}");
    assert_eq!(run["wake_at"], wait["wake_at"], "until then at the latest");

    let user = json!({ "email": "a@example.com" });
    let event = json!({ "name": "test/awaited", "id": "paid-7", "data": { "n": 7 }, "user": user, "v": "2" });
    let sent = host.send_event(&event).await;
    let done = ended(&host, &run).await;
    let given = &done["output"];
    assert_eq!(
        (&given["id"], &given["name"], &given["data"]),
        (&json!("paid-7"), &json!("test/awaited"), &json!({ "n": 7 }))
    );
    assert_eq!((&given["user"], &given["v"]), (&user, &json!("2")));
    assert_eq!(given["ts"], host.read(&format!("/v1/events/{sent}")).await["ts"]);
    let wait = step(&done, "wait");
    assert_eq!(
        (&wait["status"], &wait["output"], &wait["wake_at"]),
        (&json!("Completed"), given, &Value::Null)
    );
    assert_eq!(wait["attempts"], json!([]), "nothing was tried");
}

#[tokio::test]
async fn two_runs_that_wait_with_different_keys_get_their_own_events() {
    let host = start().await;
    let first = waiting(&host, "waiter", json!({ "match": "data.order", "order": 1 })).await;
    let second = waiting(&host, "waiter", json!({ "match": "data.order", "order": "1" })).await;
    host.send("test/awaited", json!({ "order": 2 })).await;
    host.send("test/awaited", json!({})).await;
    host.send("test/awaited", json!({ "order": "1", "n": 7 })).await;
    assert_eq!(ended(&host, &second).await["output"]["data"], json!({ "order": "1", "n": 7 }));
    assert_eq!(status(&host, &first).await, "Sleeping", "a text is no number");
    host.send("test/awaited", json!({ "order": 1.0, "n": 8 })).await;
    assert_eq!(ended(&host, &first).await["output"]["data"], json!({ "order": 1.0, "n": 8 }));
}

#[tokio::test]
async fn a_filter_is_asked_of_both_events() {
    let host = start().await;
    let filter = "async.data.total > event.data.least && async.data.kind in ['a', 'b']";
    let run = waiting(&host, "waiter", json!({ "filter": filter, "least": 10 })).await;
    for data in [
        json!({ "total": 10, "kind": "a" }),
        json!({ "total": 11, "kind": "c" }),
        // no number: an error of the filter takes nothing
        json!({ "total": "11", "kind": "a" }),
        json!({}),
    ] {
        host.send("test/awaited", data).await;
    }
    another_run_completes(&host).await;
    assert_eq!(status(&host, &run).await, "Sleeping");
    host.send("test/awaited", json!({ "total": 12, "kind": "b" })).await;
    assert_eq!(ended(&host, &run).await["output"]["data"], json!({ "total": 12, "kind": "b" }));
}

#[tokio::test]
async fn both_conditions_have_to_hold() {
    let host = start().await;
    let data =
        json!({ "match": "data.order", "filter": "async.data.n > 5 || async.data.sure", "order": "x" });
    let run = waiting(&host, "waiter", data).await;
    host.send("test/awaited", json!({ "order": "x", "n": 5 })).await;
    host.send("test/awaited", json!({ "order": "y", "sure": true })).await;
    host.send("test/awaited", json!({ "order": "x", "sure": true })).await;
    assert_eq!(ended(&host, &run).await["output"]["data"], json!({ "order": "x", "sure": true }));
}

#[tokio::test]
async fn an_event_that_came_before_the_wait_is_not_seen() {
    let host = start().await;
    host.send("test/awaited", json!({ "n": 1 })).await;
    let done = completed(&host, "waiter", json!({ "ms": 700 })).await;
    assert_eq!(done["output"], Value::Null);
}

#[tokio::test]
async fn the_first_event_wins_and_the_second_goes_nowhere() {
    let host = start().await;
    let run = waiting(&host, "waiter", json!({})).await;
    let two = json!([
        { "name": "test/awaited", "data": { "n": 1 } },
        { "name": "test/awaited", "data": { "n": 2 } },
    ]);
    host.post("/e/k", two.to_string()).await.expect(200);
    let done = ended(&host, &run).await;
    assert_eq!(done["output"]["data"], json!({ "n": 1 }));
    host.send("test/awaited", json!({ "n": 3 })).await;
    another_run_completes(&host).await;
    assert_eq!(host.run(text(&run, "run_id")).await, done, "nothing more is written");
    // nor is the second one kept for whoever waits next
    let next = completed(&host, "waiter", json!({ "ms": 500 })).await;
    assert_eq!(next["output"], Value::Null);
}

#[tokio::test]
async fn one_event_is_for_all_that_wait_for_it() {
    let host = start().await;
    let mut runs = Vec::new();
    for _ in 0..12 {
        runs.push(waiting(&host, "waiter", json!({})).await);
    }
    host.send("test/awaited", json!({ "n": 1 })).await;
    for run in &runs {
        assert_eq!(ended(&host, run).await["output"]["data"]["n"], 1);
    }
}

#[tokio::test]
async fn a_wait_that_is_over_gives_null_and_takes_no_event_any_more() {
    let host = start().await;
    let run = waiting(&host, "waiter", json!({ "ms": 900 })).await;
    let done = ended(&host, &run).await;
    assert_eq!(done["output"], Value::Null);
    let wait = step(&done, "wait");
    assert_eq!((&wait["status"], &wait["error"]), (&json!("Completed"), &Value::Null));
    assert!(text(wait, "ended_at") >= text(step(&run, "wait"), "wake_at"), "not too early: {wait:#}");
    host.send("test/awaited", json!({})).await;
    another_run_completes(&host).await;
    assert_eq!(host.run(text(&run, "run_id")).await, done);
    assert_eq!(completed(&host, "waiter", json!({ "ms": 0 })).await["output"], Value::Null);
}

#[tokio::test]
async fn an_event_whose_id_is_known_is_none() {
    let host = start().await;
    let event = |n: u64| json!({ "name": "test/awaited", "id": "same", "data": { "n": n } });
    host.send_event(&event(1)).await;
    let run = waiting(&host, "waiter", json!({})).await;
    host.send_event(&event(2)).await;
    another_run_completes(&host).await;
    assert_eq!(status(&host, &run).await, "Sleeping");
}

#[tokio::test]
async fn a_wait_outlives_a_kill_and_so_does_what_came_just_before_it() {
    let mut host = start().await;
    let early = waiting(&host, "waiter", json!({ "event": "test/early" })).await;
    let late = waiting(&host, "waiter", json!({ "event": "test/late" })).await;
    let over = waiting(&host, "waiter", json!({ "event": "test/never", "ms": 1_500 })).await;
    // acknowledged: whether its run has heard of it or not
    host.send("test/early", json!({ "n": 1 })).await;
    host.kill();
    host.restart().await;
    assert_eq!(ended(&host, &early).await["output"]["data"]["n"], 1);
    assert_eq!(ended(&host, &over).await["output"], Value::Null);
    assert_eq!(status(&host, &late).await, "Sleeping");
    host.send("test/late", json!({ "n": 2 })).await;
    let done = ended(&host, &late).await;
    assert_eq!(done["output"]["data"]["n"], 2);
    assert_eq!(step(&done, "wait")["started_at"], step(&late, "wait")["started_at"], "it is the same wait");
}

#[tokio::test]
async fn a_name_that_ends_in_a_star_takes_all_that_go_on_from_there() {
    let host = start().await;
    let dots = waiting(&host, "waiter", json!({ "event": "shop/order.*" })).await;
    let slash = waiting(&host, "waiter", json!({ "event": "shop/*", "match": "data.id", "id": 5 })).await;
    for name in ["shop/order", "shop/order.", "shop/orders.paid", "shops/order.paid", "shop/"] {
        host.send(name, json!({})).await;
    }
    another_run_completes(&host).await;
    assert_eq!(status(&host, &dots).await, "Sleeping");
    host.send("shop/order.paid.late", json!({ "id": 5 })).await;
    for run in [&dots, &slash] {
        assert_eq!(ended(&host, run).await["output"]["name"], "shop/order.paid.late");
    }
}

#[tokio::test]
async fn a_condition_that_is_no_cel_fails_the_step_for_good_and_says_where() {
    let host = start().await;
    for (filter, place) in [
        ("async.data.n ==", "line 1, column"),
        ("async.data.n == 1 &&\n other.data.n == 1", "line 2, column"),
        ("async.data.n == now()", "column"),
    ] {
        let failed = failed_for_good(&host, "waiter", json!({ "filter": filter })).await;
        assert_eq!(failed["error"]["name"], "InvalidStep", "{failed:#}");
        let said = text(&failed["error"], "message");
        assert!(said.contains("`wait`") && said.contains(place), "{filter}: {said}");
    }
    let failed = failed_for_good(&host, "waiter", json!({ "event": "" })).await;
    assert_eq!(failed["error"]["name"], "InvalidStep", "{failed:#}");
}

#[tokio::test]
async fn an_event_that_is_taken_starts_its_own_functions_as_well() {
    let host = start().await;
    let run = waiting(&host, "waiter", json!({ "event": "test/answerer" })).await;
    let event = begin(&host, "answerer", json!({ "answer": 3 })).await;
    assert_eq!(ended(&host, &run).await["output"]["data"], json!({ "answer": 3 }));
    assert_eq!(host.wait_for(&event, "answerer", "Completed").await["output"], 3);
}

#[tokio::test]
async fn a_cancelled_run_takes_no_event() {
    let host = start().await;
    let run = waiting(&host, "waiter", json!({})).await;
    let cancelled = host.delete(&format!("/v1/runs/{}", text(&run, "run_id"))).await.expect(200).data();
    assert_eq!(step(&cancelled, "wait")["status"], "Cancelled");
    host.send("test/awaited", json!({})).await;
    another_run_completes(&host).await;
    assert_eq!(host.run(text(&run, "run_id")).await, cancelled);
}
