//! The pages of events: finding, reading, sending and sending again.

use super::{page, submit};
use pawl_tests::{Host, Setup};
use serde_json::json;

async fn host() -> Host {
    Setup::dev().guests(&["steps"]).start().await
}

#[tokio::test]
async fn events_are_listed_with_their_runs_and_found_by_name_and_value() {
    let host = host().await;
    let empty = page(&host, "/events").await;
    assert!(empty.contains("No events yet") && empty.contains("pawl send"), "{empty}");
    let heard = host.send("test/sleeper", json!({ "ms": 1, "order": { "id": "o_77" } })).await;
    let other = host.send("shop/unheard", json!({})).await;
    let list = page(&host, "/events").await;
    assert!(list.contains(&heard) && list.contains(&other), "{list}");
    let found = page(&host, "/events?event=shop%2Funheard").await;
    assert!(found.contains(&other) && !found.contains(&heard), "{found}");
    let found = page(&host, "/events?q=data.order.id%3Ao_77").await;
    assert!(found.contains(&heard) && !found.contains(&other), "{found}");
    let none = page(&host, "/events?event=nobody").await;
    assert!(none.contains("No such events") && none.contains("value=\"nobody\""), "{none}");
}

#[tokio::test]
async fn an_event_shows_its_data_masked_and_the_runs_that_it_started() {
    let host = host().await;
    let data = json!({ "ms": 1, "email": "ann@example.com", "note": "<script>alert(1)</script>" });
    let event = host.send("test/sleeper", data).await;
    let run = host.wait_for(&event, "sleeper", "Completed").await;
    let path = format!("/events/{event}");
    let shown = page(&host, &path).await;
    assert!(shown.contains(run["run_id"].as_str().expect("an id")) && shown.contains("Completed"), "{shown}");
    assert!(!shown.contains("ann@example.com") && !shown.contains("<script>alert"), "{shown}");

    let subject = format!("event:{event}");
    submit(&host, &path, "/ui/reveal", &[("subject", &subject)]).await.expect(303);
    let shown = page(&host, &path).await;
    assert!(shown.contains("ann@example.com") && !shown.contains("<script>alert"), "{shown}");
    let audit = page(&host, "/audit").await;
    assert!(audit.contains("Looked at personal data") && audit.contains(&path), "{audit}");
}

#[tokio::test]
async fn an_event_nobody_takes_says_so() {
    let host = host().await;
    let event = host.send("shop/unheard", json!({})).await;
    let shown = page(&host, &format!("/events/{event}")).await;
    assert!(shown.contains("no function has a trigger for"), "{shown}");
    assert_eq!(host.get("/events/01ARZ3NDEKTSV4RRFFQ69G5FAV").await.status, 404);
}

#[tokio::test]
async fn resend_gives_the_same_event_a_new_id() {
    let host = host().await;
    let event = json!({ "name": "test/sleeper", "id": "mine", "data": { "ms": 1 }, "user": { "id": "u_1" } });
    let first = host.send_event(&event).await;
    let path = format!("/events/{first}");
    let sent = submit(&host, &path, &format!("/ui/events/{first}/resend"), &[]).await.expect(303);
    let second = sent.header("location").strip_prefix("/events/").expect("its page").to_owned();
    assert_ne!(first, second);
    host.wait_for(&second, "sleeper", "Completed").await;
    let (first, second) =
        (host.read(&format!("/v1/events/{first}")).await, host.read(&format!("/v1/events/{second}")).await);
    assert_eq!(
        (&first["data"], &first["user"], &first["name"]),
        (&second["data"], &second["user"], &second["name"])
    );
}

#[tokio::test]
async fn an_event_is_sent_from_its_form_and_what_is_masked_is_never_filled_in() {
    let host = host().await;
    let private = host.send("shop/sold", json!({ "email": "ann@example.com" })).await;
    let form = page(&host, &format!("/events/new?from={private}")).await;
    assert!(
        form.contains("value=\"shop/sold\"") && !form.contains("ann@") && !form.contains("[masked]"),
        "{form}"
    );
    let plain = host.send("shop/sold", json!({ "n": 7 })).await;
    let form = page(&host, &format!("/events/new?from={plain}")).await;
    assert!(form.contains("&#34;n&#34;: 7"), "{form}");

    let send = async |name: &str| {
        let fields = [("name", name), ("data", "{}"), ("user", "")];
        submit(&host, "/events/new", "/ui/events/send", &fields).await
    };
    let refused = send("pawl/alert.raised").await.expect(422).body;
    assert!(
        refused.contains("value=\"pawl/alert.raised\"") && refused.contains("the host&#39;s own"),
        "{refused}"
    );
    let sent = send("shop/sent").await.expect(303);
    assert!(page(&host, sent.header("location")).await.contains("The event is sent."));
}
