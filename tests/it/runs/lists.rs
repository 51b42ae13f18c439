//! Runs as they are listed.

use super::text;
use pawl_tests::Setup;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::Upstream;
use serde_json::{Value, json};

#[tokio::test]
async fn runs_are_listed_newest_first_by_status_and_by_function() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let mut ids = Vec::new();
    for (function, end) in
        [("repeat", "Completed"), ("nester", "Failed"), ("sleeper", "Sleeping"), ("repeat", "Completed")]
    {
        let event = host.send(&format!("test/{function}"), json!({ "ms": 60_000 })).await;
        let run = host.wait_for(&event, function, end).await;
        ids.insert(0, text(&run, "run_id").to_owned());
    }
    let listed = async |query: &str| {
        let runs = host.all(&format!("/v1/runs{query}")).await;
        runs.iter().map(|r| text(r, "run_id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ids);
    assert_eq!(listed("?status=Completed").await, [ids[0].clone(), ids[3].clone()]);
    assert_eq!(listed("?status=failed").await, [ids[2].clone()], "in any case");
    assert_eq!(listed("?function_id=repeat").await, [ids[0].clone(), ids[3].clone()]);
    assert_eq!(listed("?function_id=sleeper&status=Sleeping").await, [ids[1].clone()]);
    assert!(listed("?function_id=sleeper&status=Failed").await.is_empty());
    assert!(listed("?function_id=nothing").await.is_empty());

    let page = host.get("/v1/runs?limit=3").await.expect(200).json();
    let cursor = text(&page["metadata"], "cursor");
    let rest = host.get(&format!("/v1/runs?limit=3&cursor={cursor}")).await.expect(200).json();
    assert_eq!(rest["data"][0]["run_id"], ids[3]);
    assert_eq!(rest["metadata"]["cursor"], Value::Null);

    assert_eq!(listed("?event=test/repeat").await, [ids[0].clone(), ids[3].clone()]);
    assert_eq!(listed("?q=data.ms:60000&status=failed").await, [ids[2].clone()]);
    assert_eq!(listed(&format!("?q={}", ids[1])).await, [ids[1].clone()], "by its own id");
    assert!(listed("?q=data.ms:60001").await.is_empty());
    assert!(listed("?until=2001-01-31T12:00:00Z").await.is_empty());
    assert_eq!(listed("?from=980942400000").await, ids);
    let first = host.run(&ids[3]).await;
    let event = text(&first, "event_id");
    assert_eq!(listed(&format!("?q={event}&event=test/repeat")).await, [ids[3].clone()], "by its event's id");

    for bad in ["status=Sleepy", "limit=many", "stauts=Failed", "status=", "from=yesterday", "until="] {
        host.get(&format!("/v1/runs?{bad}")).await.expect_refusal(400, "invalid_query");
    }
    host.get("/v1/runs?cursor=no+page").await.expect_refusal(400, "invalid_cursor");
    let one = host.run(&ids[3]).await;
    for key in [
        "run_id",
        "function_id",
        "function_version",
        "event_id",
        "status",
        "run_started_at",
        "ended_at",
        "output",
        "error",
        "steps",
    ] {
        assert!(one.get(key).is_some(), "{key} is always there: {one:#}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_404() {
    let host = Setup::dev().start().await;
    for id in ["nothing", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "%00", "'%20OR%201=1", "..%2F..", "ż"] {
        host.get(&format!("/v1/runs/{id}")).await.expect_refusal(404, "not_found");
        host.get(&format!("/v1/events/{id}")).await.expect_refusal(404, "not_found");
        host.get(&format!("/v1/events/{id}/runs")).await.expect_refusal(404, "not_found");
        host.delete(&format!("/v1/runs/{id}")).await.expect_refusal(404, "not_found");
        host.post(&format!("/v1/runs/{id}/rerun"), "").await.expect_refusal(404, "not_found");
    }
}

#[tokio::test]
async fn pages_of_what_is_queued_have_every_queued_run_once_while_others_run() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).env("PAWL_SLOTS", "4").start().await;
    let send = async |function: &str, n: usize| {
        let event = json!({ "name": format!("test/{function}"), "data": { "url": upstream.url("/") } });
        host.post("/e/k", json!(vec![event; n]).to_string()).await.expect(200);
    };
    let calls = async |n: usize| {
        until("the calls", PATIENCE, async || {
            if upstream.count() == n { Ok(()) } else { Err(upstream.count().to_string()) }
        })
        .await;
    };
    // running ones before, among and behind those that wait: two of seven, then two more
    send("limited", 7).await;
    calls(2).await;
    send("fetcher", 1).await;
    calls(3).await;
    send("limited", 9).await;
    send("fetcher", 1).await;
    calls(4).await;
    send("ten-steps", 20).await;
    let expected = 5 + 9 + 20;
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = host.get(&format!("/v1/runs?status=Queued&limit=7{cursor}")).await.expect(200).json();
        for run in page["data"].as_array().expect("a list") {
            assert_eq!(run["status"], "Queued");
            ids.push(text(run, "run_id").to_owned());
        }
        match page["metadata"]["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let listed = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((listed, ids.len()), (expected, expected));
    assert_eq!(host.all("/v1/runs?status=Running").await.len(), 4);
    upstream.release();
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused_in_the_usual_shape() {
    let host = Setup::dev().start().await;
    let expect_refusal = |case: &str, answer: &pawl_tests::Answer| {
        assert!((400..500).contains(&answer.status), "{case}: {} {}", answer.status, answer.body);
        answer.expect_refusal(answer.status, &answer.code());
    };
    for path in ["/v1/runs/%FF", "/v1/events/%FF", "/v1/events/%FF/runs"] {
        expect_refusal(path, &host.get(path).await);
    }
    expect_refusal("cancel", &host.delete("/v1/runs/%FF").await);
    expect_refusal("rerun", &host.post("/v1/runs/%FF/rerun", "").await);
    let answer = host.post("/e/%FF", r#"{"name":"a"}"#).await;
    expect_refusal("/e", &answer);
    assert_eq!(answer.json()["ids"], json!([]), "{}", answer.body);
}
