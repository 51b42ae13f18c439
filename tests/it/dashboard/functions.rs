//! The pages of functions: what they say, pausing, test events.

use super::{page, page_that_says, submit};
use pawl_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn the_list_says_what_there_is_and_what_could_not_be_deployed() {
    let host = Setup::dev().start().await;
    let empty = page(&host, "/functions").await;
    assert!(empty.contains("No functions yet") && empty.contains("pawl deploy"), "{empty}");
    drop(host);

    let host = Setup::dev().guests(&["steps"]).start().await;
    host.place("broken.wasm", b"this is no component");
    let list = page_that_says(&host, "/functions", "Not deployed").await;
    for said in ["broken.wasm", "href=\"/functions/sleeper\"", "test/sleeper", "steps.wasm"] {
        assert!(list.contains(said), "{said}: {list}");
    }
}

#[tokio::test]
async fn a_function_says_what_starts_it_what_it_may_and_what_failed() {
    let host = Setup::dev().guests(&["steps", "flow"]).start().await;
    let event = host.send("test/flaky", json!({ "failures": 9, "kind": "no-retry" })).await;
    let run = host.wait_for(&event, "flaky", "Failed").await;
    let shown = page(&host, "/functions/flaky").await;
    for said in
        ["test/flaky", "Retries", "Current", "attempt 0 fails", run["run_id"].as_str().expect("an id")]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(page(&host, "/functions/flaky?period=7d").await.contains("aria-current=\"true\">7 days"));
    assert_eq!(host.get("/functions/nobody").await.status, 404);
}

#[tokio::test]
async fn a_function_is_paused_and_resumed_by_forms_and_that_is_on_record() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    for (verb, then) in [("pause", "Resume function"), ("resume", "Pause function")] {
        let action = format!("/ui/functions/sleeper/{verb}");
        let answer = submit(&host, "/functions/sleeper", &action, &[]).await.expect(303);
        assert_eq!(answer.header("location"), "/functions/sleeper");
        let shown = page(&host, "/functions/sleeper").await;
        assert!(shown.contains(then) && shown.contains("role=\"status\""), "{shown}");
    }
    let gone = submit(&host, "/functions/sleeper", "/ui/functions/nobody/pause", &[]).await.expect(303);
    assert_eq!(gone.header("location"), "/functions/nobody");
}

#[tokio::test]
async fn a_test_event_starts_the_function_and_a_wrong_one_is_kept_with_what_is_wrong() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let shown = page(&host, "/functions/sleeper").await;
    assert!(shown.contains("value=\"test/sleeper\"") && shown.contains("Send test event"), "{shown}");

    let to = "/ui/functions/sleeper/test";
    let typed = [("name", "test/sleeper"), ("data", "{\"ms\": <oops>}"), ("user", "")];
    let wrong = submit(&host, "/functions/sleeper", to, &typed).await.expect(422).body;
    assert!(wrong.contains("Not valid JSON") && wrong.contains("&#60;oops&#62;"), "{wrong}");

    let typed = [("name", "test/sleeper"), ("data", "{\"ms\": 1}"), ("user", "{\"id\": \"u_1\"}")];
    let sent = submit(&host, "/functions/sleeper", to, &typed).await.expect(303);
    let event = sent.header("location").strip_prefix("/events/").expect("the event's page").to_owned();
    host.wait_for(&event, "sleeper", "Completed").await;
    let again = page(&host, "/functions/sleeper").await;
    assert!(again.contains("&#34;ms&#34;: 1"), "the next form begins with its data: {again}");
}

#[tokio::test]
async fn personal_data_never_gets_into_a_form_by_itself() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    host.send("test/sleeper", json!({ "ms": 1, "email": "ann@example.com" })).await;
    let shown = page(&host, "/functions/sleeper").await;
    assert!(!shown.contains("ann@example.com") && !shown.contains("[masked]"), "{shown}");
}
