//! The list of runs.

use super::{Browser, dev, does_not_say, says};
use pawl_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn without_functions_and_without_runs_it_says_how_to_come_to_some() {
    let host = Setup::dev().start().await;
    says(&host.get("/").await.expect(200).body, "pawl new ship-order");
    let host = dev().start().await;
    let page = host.get("/").await.expect(200).body;
    says(&page, "No runs yet");
    says(&page, "pawl send");
    says(&host.get("/runs?status=Failed").await.expect(200).body, "No such runs");
}

#[tokio::test]
async fn runs_are_found_by_status_function_event_id_and_any_value() {
    let host = dev().start().await;
    let browser = Browser::new(&host);
    let done = host.send("test/ten-steps", json!({ "order": "o_17" })).await;
    let done = host.wait_for(&done, "ten-steps", "Completed").await;
    let failed = host.send("test/flaky", json!({ "failures": 1, "kind": "no-retry" })).await;
    let failed_run = host.wait_for(&failed, "flaky", "Failed").await;
    let asleep = host.send("test/sleeper", json!({ "ms": 600_000 })).await;
    let asleep_run = host.wait_for(&asleep, "sleeper", "Sleeping").await;
    let link = |run: &serde_json::Value| format!("href=\"/runs/{}\"", run["run_id"].as_str().expect("an id"));
    let (done, failed_run, asleep_run) = (link(&done), link(&failed_run), link(&asleep_run));

    let all = browser.read("/runs").await;
    [&done, &failed_run, &asleep_run].iter().for_each(|run| says(&all, run));
    for badge in ["badge-completed", "badge-failed", "badge-sleeping"] {
        says(&all, badge);
    }
    let by_id = format!("/runs?q={failed}");
    for (query, found) in [
        ("/runs?status=Completed", &done),
        ("/runs?function=sleeper", &asleep_run),
        ("/runs?event=test%2Fflaky", &failed_run),
        ("/runs?q=data.order%3Ao_17", &done),
        ("/runs?q=o_17", &done),
        (by_id.as_str(), &failed_run),
    ] {
        let page = browser.read(query).await;
        for run in [&done, &failed_run, &asleep_run] {
            assert_eq!(page.contains(run), run == found, "{query}: {run}");
        }
    }
    // what was asked for stays in the form
    let page = browser.read("/runs?status=Failed&q=a%22b&from=yesterday").await;
    says(&page, "<option value=\"Failed\" selected>");
    says(&page, "value=\"a&#34;b\"");
    says(&page, "aria-invalid=\"true\"");
}

#[tokio::test]
async fn what_a_sender_writes_is_text_and_never_markup() {
    let host = dev().start().await;
    let evil = "<script>alert(1)</script>\"'><img src=x>";
    let event = host.send_event(&json!({ "name": evil, "data": { evil: evil } })).await;
    let flaky = host.send("test/flaky", json!({ "failures": 1, "kind": evil, "more": evil })).await;
    let run = host.wait_for(&flaky, "flaky", "Failed").await;
    let run = format!("/runs/{}", run["run_id"].as_str().expect("an id"));
    for page in ["/events", &format!("/events/{event}"), "/runs", &run, &format!("/events/{flaky}")] {
        let text = host.get(page).await.expect(200).body;
        does_not_say(&text, "<script>alert");
        does_not_say(&text, "<img src=x");
    }
    let query: String = "q=%3Cscript%3Ealert(1)%3C/script%3E&function=%22%3E%3Cimg%20src=x%3E".into();
    let text = host.get(&format!("/runs?{query}")).await.expect(200).body;
    does_not_say(&text, "<script>alert");
    does_not_say(&text, "<img src=x");
}
