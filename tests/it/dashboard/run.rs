//! One run's page: what it shows, what it hides, and what can be done on it.

use super::{Browser, dev, does_not_say, says};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, Setup};
use reqwest::Method;
use serde_json::{Value, json};

async fn run_of(host: &Host, function: &str, data: Value, status: &str) -> String {
    let event = host.send(&format!("test/{function}"), data).await;
    let run = host.wait_for(&event, function, status).await;
    run["run_id"].as_str().expect("an id").to_owned()
}

/// The run that an answer leads to.
fn led_to(answer: &pawl_tests::answer::Answer) -> String {
    let to = answer.clone().expect(303).header("location").to_owned();
    to.strip_prefix("/runs/").unwrap_or_else(|| panic!("{to}")).to_owned()
}

#[tokio::test]
async fn a_run_is_shown_with_its_tries_its_error_and_its_lines() {
    let host = dev().env("PAWL_RETRY_INTERVAL", "10ms").start().await;
    let browser = Browser::new(&host);
    let run = run_of(&host, "flaky", json!({ "failures": 9, "retries": 1 }), "Failed").await;
    let page = browser.read(&format!("/runs/{run}")).await;
    says(&page, "data-testid=\"run-status\"><span class=\"badge badge-failed\"");
    says(&page, "<strong>FlakyError</strong> attempt 1 fails");
    says(&page, "Tries of try");
    says(&page, "FlakyError: attempt 0 fails");
    for class in ["b-queue", "b-failed", "b-backoff"] {
        says(&page, &format!("class=\"bar {class}\""));
    }
    says(&page, "$\u{7b}INNGEST_EVENT_KEY:-dev\u{7d}");

    let run = run_of(&host, "logger", json!({ "ms": 1 }), "Completed").await;
    let path = format!("/runs/{run}");
    let page = until("the lines on the page", PATIENCE, async || {
        let page = browser.read(&path).await;
        if page.contains("after all steps") { Ok(page) } else { Err(page) }
    })
    .await;
    let inside = page.find("a warn line").expect("a line of the step");
    let outside = page.find("before all steps").expect("a line outside of it");
    assert!(inside < page.find("</table>").expect("steps") && outside > inside);
    says(&page, "aria-label=\"Logs of the step\"");
    says(&page, "class=\"bar b-sleep\"");
}

#[tokio::test]
async fn a_run_that_is_not_there_is_said_so() {
    let host = Setup::dev().start().await;
    says(&host.get("/runs/none").await.expect(404).body, "There is no run with this id");
}

#[tokio::test]
async fn personal_data_is_masked_until_it_is_asked_for_and_that_is_on_record() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let data = json!({ "failures": 1, "kind": "ann@example.com", "phone": "555-0100" });
    let run = run_of(&host, "flaky", data, "Failed").await;
    let (path, subject) = (format!("/runs/{run}"), format!("run:{run}"));
    let browser = Browser::logged_in(&host).await;
    let masked = browser.read(&path).await;
    for private in ["ann@example.com", "555-0100"] {
        does_not_say(&masked, private);
    }
    says(&masked, "Show personal data");
    browser.submit(&path, "/ui/reveal", &[("subject", &subject)]).await.expect(303);
    let open = browser.read(&path).await;
    for private in ["ann@example.com", "555-0100"] {
        says(&open, private);
    }
    says(&open, "on record");
    let audit = browser.read("/audit").await;
    says(&audit, "Looked at personal data");
    says(&audit, &run);
    // for this login alone, and until it is masked again
    let other = Browser::logged_in(&host).await;
    does_not_say(&other.read(&path).await, "555-0100");
    browser.submit(&path, "/ui/conceal", &[("subject", &subject)]).await.expect(303);
    does_not_say(&browser.read(&path).await, "555-0100");
}

#[tokio::test]
async fn a_run_is_paused_resumed_cancelled_and_run_again_from_its_page() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let browser = Browser::logged_in(&host).await;
    let run = run_of(&host, "sleeper", json!({ "ms": 600_000 }), "Sleeping").await;
    let path = format!("/runs/{run}");
    let act = async |verb: &str, fields: &[(&str, &str)]| {
        browser.submit(&path, &format!("/ui/runs/{run}/{verb}"), fields).await
    };
    for (verb, status, said) in [
        ("pause", "Paused", "The run is paused"),
        ("resume", "Sleeping", "The run goes on"),
        ("cancel", "Cancelled", "The run is cancelled"),
    ] {
        assert_eq!(led_to(&act(verb, &[]).await), run);
        let page = browser.read(&path).await;
        says(&page, said);
        host.wait_for_run(&run, status).await;
        // it is said once
        does_not_say(&browser.read(&path).await, said);
    }
    assert_eq!(led_to(&act("cancel", &[]).await), run);
    says(&browser.read(&path).await, "The run has ended already");
    let again = led_to(&act("rerun", &[]).await);
    assert_ne!(again, run);
    let from = led_to(&act("rerun", &[("from", "nap")]).await);
    says(&browser.read(&format!("/runs/{from}")).await, "from nap on");
    assert_eq!(host.wait_for_run(&from, "Sleeping").await["steps"][0]["id"], "before");
    let audit = browser.read("/audit").await;
    for verb in ["Paused", "Resumed", "Cancelled", "Reran", "from nap"] {
        says(&audit, verb);
    }
}

#[tokio::test]
async fn a_form_that_is_not_of_a_page_of_its_viewer_does_nothing() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let run = run_of(&host, "sleeper", json!({ "ms": 600_000 }), "Sleeping").await;
    let path = format!("/runs/{run}");
    let (ann, bob) = (Browser::logged_in(&host).await, Browser::logged_in(&host).await);
    let bobs = bob.read(&path).await;
    let bobs = super::token(&bobs);
    let cancel = format!("/ui/runs/{run}/cancel");
    for fields in [&[][..], &[("csrf", "")], &[("csrf", bobs)]] {
        ann.send(&cancel, fields).await.expect(403);
    }
    let own = ann.read(&path).await;
    let request = host.request(Method::POST, &cancel).header("cookie", &ann.cookie);
    let foreign = request.header("origin", "https://evil.example").form(&[("csrf", super::token(&own))]);
    host.ask(foreign).await.expect(403);
    assert_eq!(host.run(&run).await["status"], "Sleeping");
}

#[tokio::test]
async fn pages_that_are_open_hear_which_runs_have_changed() {
    let mut host = dev().start().await;
    let mut stream = host.request(Method::GET, "/live").send().await.expect("an answer");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let run = run_of(&host, "ten-steps", json!({}), "Completed").await;
    let mut told = String::new();
    while !told.contains(&run) {
        let chunk = stream.chunk().await.expect("goes on").expect("has not ended");
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    says(&told, "\"functions\":[\"ten-steps\"]");
    // and it does not hold up the end of the host
    host.stop().await;
    while let Ok(Some(_)) = stream.chunk().await {}
}
