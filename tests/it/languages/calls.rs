//! Waits, calls of functions, events sent, events that come together.

use super::{begin, completed, output, start, step, step_ids, text};
use pawl_tests::{Language, in_every_language};
use serde_json::{Value, json};

in_every_language!(
    sleeps_end_in_time_and_waits_get_their_own_events,
    calls_give_outputs_and_failures_and_sent_events_are_heard,
    a_batch_is_one_run_and_an_idempotency_key_one_as_well,
);

async fn sleeps_end_in_time_and_waits_get_their_own_events(language: Language) {
    let Some(host) = start(language).await else { return };
    let (a, b) = (
        begin(&host, "waiter", json!({ "order": "a" })).await,
        begin(&host, "waiter", json!({ "order": "b" })).await,
    );
    for event in [&a, &b] {
        host.wait_for(event, "waiter", "Sleeping").await;
    }
    host.send("test/approved", json!({ "order": "c", "by": "nobody" })).await;
    host.send("test/approved", json!({ "order": "b", "by": "ben" })).await;
    host.send("test/approved", json!({ "order": "a", "by": "ann" })).await;

    let sleepy = completed(&host, "sleepy", json!({})).await;
    assert_eq!(sleepy["output"], json!([1, 2]));
    assert_eq!(step_ids(&sleepy), ["before", "nap", "moment", "after"]);
    let (before, after) = (step(&sleepy, "before"), step(&sleepy, "after"));
    let napped = super::between(text(before, "ended_at"), text(after, "started_at"));
    assert!((200..30_000).contains(&napped), "{sleepy:#}");

    for (event, by) in [(a, "ann"), (b, "ben")] {
        let run = host.wait_for(&event, "waiter", "Completed").await;
        assert_eq!(run["output"], json!({ "by": by, "name": "test/approved", "nothing": null }));
    }
}

async fn calls_give_outputs_and_failures_and_sent_events_are_heard(language: Language) {
    let Some(host) = start(language).await else { return };
    let caller = begin(&host, "caller", json!({ "n": 21 })).await;
    let told = output(&host, "teller", json!({ "n": 3 })).await;
    let ids = told["ids"].as_array().expect("ids");
    assert_eq!(ids.len(), 3);
    for (i, id) in ids.iter().enumerate() {
        let heard = host.wait_for(id.as_str().expect("an id"), "listener", "Completed").await;
        assert_eq!(heard["output"], json!(i));
    }
    let caller = host.wait_for(&caller, "caller", "Completed").await;
    assert_eq!(caller["output"], json!({ "doubled": 42, "failed": "n is negative" }));
    let bad = host.run(text(step(&caller, "bad"), "invoked_run_id")).await;
    assert_eq!((&bad["function_id"], &bad["status"]), (&json!("callee"), &json!("Failed")));
}

async fn a_batch_is_one_run_and_an_idempotency_key_one_as_well(language: Language) {
    let Some(host) = start(language).await else { return };
    let events: Vec<_> = (4..7).map(|i| json!({ "name": "test/gathered", "data": { "i": i } })).collect();
    let sent = host.post("/e/k", json!(events).to_string()).await.expect(200).json();
    let run = host.wait_for(sent["ids"][0].as_str().expect("an id"), "gathered", "Completed").await;
    assert_eq!(run["output"], json!({ "n": 3, "values": [4, 5, 6] }));
    assert_eq!(run["event_ids"], sent["ids"]);

    let once = completed(&host, "frugal", json!({ "id": "x" })).await;
    assert_eq!(once["output"], Value::Null);
    let again = begin(&host, "frugal", json!({ "id": "x" })).await;
    assert!(host.runs_of(&again).await.is_empty(), "its id was seen");
    let unfit = begin(&host, "everything", json!({ "n": 1 })).await;
    assert!(host.runs_of(&unfit).await.is_empty(), "its condition does not hold");
}
