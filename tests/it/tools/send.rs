//! `send_event`: events that functions send, once each.

use super::{begin, completed, events, failed_for_good, step, step_ids, text, waiting};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text")).collect()
}

#[tokio::test]
async fn what_was_sent_is_there_under_the_ids_that_the_step_gave() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let run = completed(&host, "teller", json!({ "n": 3 })).await;
    let tell = step(&run, "tell");
    assert_eq!((&tell["op"], &tell["status"]), (&json!("send_event"), &json!("Completed")));
    assert_eq!(tell["output"], run["output"]);
    let ids = texts(&run["output"]);
    for (n, id) in ids.iter().enumerate() {
        let event = host.read(&format!("/v1/events/{id}")).await;
        assert_eq!((&event["internal_id"], &event["name"]), (&json!(id), &json!("test/told")));
        assert_eq!(event["data"], json!({ "n": n }));
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(events(&host, "test/told").await.len(), 3);
}

#[tokio::test]
async fn an_event_with_an_id_of_its_own_is_known_by_it_and_is_sent_once() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data =
        json!({ "name": "test/answerer", "n": 2, "ids": ["order-7", "order-8"], "data": { "answer": 1 } });
    let run = completed(&host, "teller", data.clone()).await;
    for (id, ours) in ["order-7", "order-8"].iter().zip(texts(&run["output"])) {
        let event = host.read(&format!("/v1/events/{id}")).await;
        assert_eq!((&event["id"], &event["internal_id"]), (&json!(id), &json!(ours)));
    }
    // somebody tells of the same again
    completed(&host, "teller", data).await;
    assert_eq!(events(&host, "test/answerer").await.len(), 2);
    assert_eq!(host.all("/v1/runs?function_id=answerer").await.len(), 2);
}

#[tokio::test]
async fn an_id_that_a_step_gave_leads_to_an_event_also_when_that_was_known_before() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let data = json!({ "ids": ["known"] });
    completed(&host, "teller", data.clone()).await;
    let again = completed(&host, "teller", data).await;
    let id = texts(&again["output"])[0];
    let event = host.get(&format!("/v1/events/{id}")).await.expect(200).data();
    assert_eq!(event["id"], "known");
}

#[tokio::test]
async fn a_sent_event_starts_functions_and_is_heard_by_those_that_wait() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let waiter =
        waiting(&host, "waiter", json!({ "event": "test/answerer", "match": "data.key", "key": 4 })).await;
    let data = json!({ "name": "test/answerer", "data": { "key": 4, "answer": "yes" } });
    let teller = completed(&host, "teller", data).await;
    let event = texts(&teller["output"])[0];
    assert_eq!(host.wait_for(event, "answerer", "Completed").await["output"], "yes");
    let heard = host.wait_for_run(text(&waiter, "run_id"), "Completed").await;
    assert_eq!(heard["output"]["id"], event);
}

#[tokio::test]
async fn a_run_that_fails_after_it_has_told_tells_no_second_time() {
    let host = Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "50ms").start().await;
    let data = json!({ "name": "test/answerer", "n": 3, "fail": true, "data": { "answer": 1 } });
    let run = completed(&host, "teller", data).await;
    assert!(host.log().contains("function failed outside of its steps"), "it has failed once");
    let sent: BTreeSet<_> =
        events(&host, "test/answerer").await.iter().map(|e| text(e, "internal_id").to_owned()).collect();
    assert_eq!(sent, texts(&run["output"]).into_iter().map(str::to_owned).collect());
    assert_eq!(sent.len(), 3);
    until("their runs", PATIENCE, async || {
        let runs = host.all("/v1/runs?function_id=answerer&status=Completed").await;
        if runs.len() == 3 { Ok(()) } else { Err(runs.len().to_string()) }
    })
    .await;
}

/// The numbers that the run `looped` has told of so far, each with its event.
async fn told(host: &Host) -> Vec<u64> {
    let told = events(host, "test/looped.told").await;
    let mut numbers: Vec<_> = told.iter().map(|e| e["data"]["n"].as_u64().expect("a number")).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn kills_lose_no_event_and_double_none() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let event = begin(&host, "looped", json!({ "n": 40 })).await;
    for least in [3, 11, 25] {
        until("a part of them", PATIENCE, async || match told(&host).await.len() {
            n if n >= least => Ok(()),
            n => Err(n.to_string()),
        })
        .await;
        host.kill();
        host.restart().await;
    }
    let run = host.wait_for(&event, "looped", "Completed").await;
    assert_eq!(run["output"], json!((0..40).collect::<Vec<_>>()));
    assert_eq!(told(&host).await, (0..40).collect::<Vec<_>>());
    assert_eq!(host.all("/v1/runs?function_id=answerer").await.len(), 40, "nor is anybody called twice");
    assert_eq!(step_ids(&run).len(), 160);
}

#[tokio::test]
async fn names_that_are_the_hosts_own_are_refused_and_nothing_is_sent() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    for name in ["inngest/function.failed", "pawl/anything", "", "with\nbreak"] {
        let failed = failed_for_good(&host, "teller", json!({ "name": name, "n": 2 })).await;
        assert_eq!(failed["error"]["name"], "InvalidStep", "{name:?}: {failed:#}");
        let said = text(&failed["error"], "message");
        assert!(said.contains("`tell`") && said.contains("event name"), "{name:?}: {said}");
    }
    let failed = failed_for_good(&host, "teller", json!({ "n": 0 })).await;
    assert!(text(&failed["error"], "message").contains("0 events"), "{}", failed["error"]);
    let mut sent = host.all("/v1/events").await;
    // another function's ticks, when a second passes meanwhile
    sent.retain(|event| event["source"] != "cron");
    assert!(sent.iter().all(|event| event["name"] == "test/teller"), "{sent:#?}");
}
