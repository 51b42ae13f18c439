//! Runs that are moved to other bytes.

use super::{begin, id, replace, run, step, step_ids, text};
use pawl_tests::components::by_hand;
use pawl_tests::{Answer, Host, Setup, components};
use serde_json::{Value, json};

async fn try_to_move(host: &Host, run: &Value, to: Option<&str>) -> Answer {
    let body = to.map(|to| json!({ "deployment": to }).to_string()).unwrap_or_default();
    host.post(&format!("/v1/runs/{}/move", id(run)), body).await
}

async fn move_to(host: &Host, run: &Value, to: Option<&str>) -> Value {
    try_to_move(host, run, to).await.expect(200).data()
}

#[tokio::test]
async fn a_sleeping_run_goes_on_on_the_newest_bytes_where_it_was() {
    let host = Setup::dev().guests(&["moving-a"]).start().await;
    let asleep = run(&host, "compatible", json!({ "ms": 4_000 }), "Sleeping").await;
    let (a, b) = replace(&host, "compatible").await;
    assert_eq!(asleep["function_version"], a);
    let moved = move_to(&host, &asleep, None).await;
    assert_eq!((&moved["function_version"], &moved["status"]), (&json!(b), &json!("Sleeping")));
    assert_eq!((&moved["wake_at"], &moved["steps"]), (&asleep["wake_at"], &asleep["steps"]));
    let done = host.wait_for_run(id(&asleep), "Completed").await;
    assert_eq!(done["output"], json!({ "first": "a", "second": "b", "third": "b" }), "{done:#}");
    assert_eq!((step(&done, "first"), &done["function_version"]), (step(&asleep, "first"), &json!(b)));
    assert!(text(step(&done, "second"), "started_at") >= text(&asleep, "wake_at"), "not too early");
}

#[tokio::test]
async fn a_run_whose_steps_come_to_something_else_there_is_not_moved_and_goes_on_as_before() {
    let host = Setup::dev().guests(&["moving-a"]).start().await;
    let asleep = run(&host, "diverging", json!({ "ms": 4_000 }), "Sleeping").await;
    let (a, b) = replace(&host, "diverging").await;
    let answer = try_to_move(&host, &asleep, None).await;
    answer.expect_refusal(409, "diverges");
    for word in ["`first`", "`begin`", &b] {
        assert!(answer.body.contains(word), "{word}: {}", answer.body);
    }
    assert_eq!(host.run(id(&asleep)).await, asleep, "nothing was written");
    let done = host.wait_for_run(id(&asleep), "Completed").await;
    assert_eq!(done["output"], json!({ "first": "a", "second": "a" }));
    assert_eq!(done["function_version"], a);
}

#[tokio::test]
async fn bytes_that_end_too_early_break_or_ask_for_another_kind_are_refused_as_well() {
    let host = Setup::dev().start().await;
    host.deploy(by_hand::doing("letters", &by_hand::sleep(Some('a'), 60_000))).await.expect(201);
    let asleep = run(&host, "letters", json!({}), "Sleeping").await;
    for (bytes, words) in [
        (components::describing(&["letters"], Some(0), "null"), vec!["`a`", "end"]),
        (by_hand::doing("letters", "unreachable"), vec!["Trap"]),
        (by_hand::doing("letters", &by_hand::select(&[by_hand::Ask::Run('a')])), vec!["`a`", "sleep", "run"]),
        (by_hand::doing("letters", &by_hand::sleep(Some('b'), 1)), vec!["`a`", "`b`"]),
    ] {
        host.deploy(bytes).await.expect(201);
        let answer = try_to_move(&host, &asleep, None).await;
        answer.expect_refusal(409, "diverges");
        let said = answer.body.to_lowercase();
        assert!(words.iter().all(|word| said.contains(&word.to_lowercase())), "{words:?}: {}", answer.body);
        assert_eq!(host.run(id(&asleep)).await, asleep);
    }
    // one that asks for more behind it is fine
    let longer = format!("{}{}", by_hand::sleep(Some('a'), 1), by_hand::sleep(Some('b'), 1));
    host.deploy(by_hand::doing("letters", &longer)).await.expect(201);
    move_to(&host, &asleep, None).await;
}

#[tokio::test]
async fn a_deployment_is_named_by_its_beginning() {
    let host = Setup::dev().guests(&["moving-a", "steps"]).start().await;
    let asleep = run(&host, "compatible", json!({ "ms": 60_000 }), "Sleeping").await;
    let (a, b) = replace(&host, "compatible").await;
    let moved = move_to(&host, &asleep, Some(&b[..6])).await;
    assert_eq!(moved["function_version"], b);
    // and back, since it has done nothing there yet
    let moved = move_to(&host, &asleep, Some(&a)).await;
    assert_eq!(moved["function_version"], a);
    let steps = super::deployment(&host, "repeat").await;
    for (to, word) in
        [("nothing", "nothing"), ("", "/v1/deployments"), (&b[..5], &b[..5]), (&steps, "compatible")]
    {
        let answer = try_to_move(&host, &asleep, Some(to)).await;
        answer.expect_refusal(404, "no_such_deployment");
        assert!(answer.body.contains(word), "{to}: {}", answer.body);
    }
    for body in ["{", r#"{"to":"x"}"#, r#"{"deployment":1}"#] {
        let answer = host.post(&format!("/v1/runs/{}/move", id(&asleep)), body).await;
        answer.expect_refusal(400, "invalid_body");
    }
    assert_eq!(host.run(id(&asleep)).await["function_version"], a);
}

#[tokio::test]
async fn a_run_that_has_not_begun_goes_to_any_bytes_that_have_its_function() {
    let host = Setup::dev().guests(&["moving-a"]).start().await;
    host.post("/v1/functions/diverging/pause", "").await.expect(200);
    let queued = begin(&host, "diverging", json!({ "ms": 1 })).await;
    let (_, b) = replace(&host, "diverging").await;
    let moved = move_to(&host, &queued, None).await;
    assert_eq!((&moved["function_version"], &moved["status"]), (&json!(b), &json!("Queued")));
    host.post("/v1/functions/diverging/resume", "").await.expect(200);
    let done = host.wait_for_run(id(&queued), "Completed").await;
    assert_eq!(done["output"], json!({ "begin": "b", "second": "b" }));
}

#[tokio::test]
async fn a_paused_run_is_moved_and_stays_paused() {
    let host = Setup::dev().guests(&["moving-a"]).start().await;
    let asleep = run(&host, "compatible", json!({ "ms": 900 }), "Sleeping").await;
    super::pause(&host, &asleep).await;
    let (_, b) = replace(&host, "compatible").await;
    let moved = move_to(&host, &asleep, None).await;
    assert_eq!((&moved["function_version"], &moved["status"]), (&json!(b), &json!("Paused")));
    super::steer(&host, &asleep, "resume").await;
    let done = host.wait_for_run(id(&asleep), "Completed").await;
    assert_eq!(done["output"], json!({ "first": "a", "second": "b", "third": "b" }));
    assert_eq!(step_ids(&done), ["first", "nap", "second", "third"]);
}

#[tokio::test]
async fn a_moved_run_stays_where_it_was_moved_over_a_kill() {
    let mut host = Setup::dev().guests(&["moving-a"]).start().await;
    let asleep = run(&host, "compatible", json!({ "ms": 4_000 }), "Sleeping").await;
    let (_, b) = replace(&host, "compatible").await;
    move_to(&host, &asleep, None).await;
    host.kill();
    host.restart().await;
    let done = host.wait_for_run(id(&asleep), "Completed").await;
    assert_eq!((&done["function_version"], &done["output"]["third"]), (&json!(b), &json!("b")));
}

#[tokio::test]
async fn a_run_that_is_moved_in_the_middle_of_a_step_begins_that_step_anew() {
    let upstream = pawl_tests::upstream::Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).start().await;
    let running = begin(&host, "fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    move_to(&host, &running, None).await;
    upstream.release();
    let done = host.wait_for_run(id(&running), "Completed").await;
    assert_eq!(done["steps"][0]["attempts"].as_array().map(Vec::len), Some(1), "{done:#}");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn trying_out_does_nothing_to_the_world() {
    let upstream = pawl_tests::upstream::Upstream::start().await;
    let host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "1h").start().await;
    let data = json!({ "url": upstream.url("/"), "fail": 2 });
    let asleep = run(&host, "ten-at-once", data, "Sleeping").await;
    let before = host.all("/v1/runs?function_id=ten-at-once").await.len();
    let moved = move_to(&host, &asleep, None).await;
    assert_eq!((&moved["steps"], &moved["status"]), (&asleep["steps"], &asleep["status"]));
    assert_eq!(host.all("/v1/runs?function_id=ten-at-once").await.len(), before);
    assert_eq!(upstream.count(), 10, "nobody was called");

    // nor is anybody called, or told, who comes after what the run has done
    let old = run(&host, "looped", json!({ "n": 1 }), "Completed").await;
    let body = json!({ "from_step": "tell" }).to_string();
    host.post("/v1/functions/looped/pause", "").await.expect(200);
    let new = host.post(&format!("/v1/runs/{}/rerun", id(&old)), body).await.expect(201).data();
    move_to(&host, &new, None).await;
    assert_eq!(host.all("/v1/events?name=test/looped.told").await.len(), 1);
    assert_eq!(host.all("/v1/runs?function_id=answerer").await.len(), 1);
    host.post("/v1/functions/looped/resume", "").await.expect(200);
    host.wait_for_run(id(&new), "Completed").await;
    assert_eq!(host.all("/v1/events?name=test/looped.told").await.len(), 2);
}
