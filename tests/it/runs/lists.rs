//! Runs as they are listed.

use super::text;
use pawl_tests::Setup;
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

    for bad in ["status=Sleepy", "limit=many", "stauts=Failed", "status="] {
        host.get(&format!("/v1/runs?{bad}")).await.expect_refusal(400, "invalid_query");
    }
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
