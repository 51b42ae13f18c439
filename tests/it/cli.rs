//! The command line against a running host.

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::setup::{EVENT_KEY, SIGNING_KEY};
use pawl_tests::{Host, Setup, components, paths, stripe};
use serde_json::{Value, json};
use std::process::Output;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that has to succeed and print JSON.
async fn json_of(host: &Host, args: &[&str]) -> Value {
    let output = host.cli(&[args, &["--json"]].concat()).await;
    assert!(output.status.success(), "{args:?}: {}{}", out(&output), err(&output));
    serde_json::from_str(&out(&output)).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", out(&output)))
}

/// Runs a command that has to succeed; what it printed for people.
async fn text_of(host: &Host, args: &[&str]) -> String {
    let output = host.cli(args).await;
    assert!(output.status.success(), "{args:?}: {}{}", out(&output), err(&output));
    let text = out(&output);
    assert!(!text.contains('\u{1b}'), "no colours off a terminal: {text:?}");
    text
}

/// Runs a command that has to fail; what it said.
async fn refusal_of(host: &Host, args: &[&str]) -> String {
    let output = host.cli(args).await;
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}{}", out(&output), err(&output));
    assert!(out(&output).is_empty(), "{args:?}: errors go to standard error: {}", out(&output));
    err(&output)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value:#}"))
}

#[tokio::test]
async fn an_event_is_sent_and_its_run_listed_shown_and_watched() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let sent = json_of(&host, &["send", "test/ten-steps", "--data", r#"{"n":2}"#, "--id", "mine"]).await;
    let event = sent["ids"][0].as_str().expect("an id");
    let run = host.wait_for(event, "ten-steps", "Completed").await;
    let id = text(&run, "run_id");

    assert_eq!(json_of(&host, &["runs", "show", id]).await, run);
    assert_eq!(json_of(&host, &["runs", "list"]).await[0]["run_id"], run["run_id"]);
    let filtered = ["runs", "list", "--status", "completed", "--function", "ten-steps", "--limit", "1"];
    assert_eq!(json_of(&host, &filtered).await.as_array().map(Vec::len), Some(1));
    assert_eq!(json_of(&host, &["runs", "list", "--status", "failed"]).await, json!([]));
    assert!(host.cli(&["runs", "watch", id]).await.status.success());

    assert_eq!(json_of(&host, &["events"]).await[0]["internal_id"], event);
    let shown = json_of(&host, &["events", "mine"]).await;
    assert_eq!((&shown["event"]["id"], &shown["runs"][0]["run_id"]), (&json!("mine"), &run["run_id"]));
    assert_eq!(json_of(&host, &["events", "--name", "nothing"]).await, json!([]));

    for (args, words) in [
        (vec!["runs", "show", id], vec![id, "ten-steps", "Completed", "s0", "s1"]),
        (vec!["runs", "list"], vec![id, "ten-steps", "Completed"]),
        (vec!["events"], vec![event, "test/ten-steps", "mine"]),
        (vec!["events", "mine"], vec![event, id]),
        (vec!["send", "test/nothing"], vec!["pawl events"]),
    ] {
        let shown = text_of(&host, &args).await;
        assert!(words.iter().all(|w| shown.contains(w)), "{args:?}: {shown}");
    }
}

#[tokio::test]
async fn data_comes_from_the_line_or_a_file_and_what_is_wrong_is_said() {
    let host = Setup::dev().start().await;
    std::fs::write(host.folder().join("order.json"), r#"{"big": 12345678901234567890.50}"#).expect("writes");
    let sent = json_of(&host, &["send", "a/b", "--data", "@order.json"]).await;
    let event = host.get(&format!("/v1/events/{}", sent["ids"][0].as_str().expect("an id"))).await;
    assert!(event.body.contains("12345678901234567890.50"), "a number keeps its digits: {}", event.body);

    for (args, word) in [
        (vec!["send", "a/b", "--data", "{"], "not valid JSON"),
        (vec!["send", "a/b", "--data", "[]"], "invalid_event"),
        (vec!["send", "a/b", "--data", "@nothing.json"], "nothing.json"),
        (vec!["send", "inngest/x"], "invalid_event"),
        (vec!["runs", "show", "nothing"], "not_found"),
        (vec!["runs", "cancel", "nothing"], "not_found"),
        (vec!["runs", "rerun", "nothing"], "not_found"),
        (vec!["runs", "watch", "nothing"], "not_found"),
        (vec!["runs", "list", "--status", "sleepy"], "invalid_query"),
        (vec!["events", "nothing"], "not_found"),
        (vec!["deploy", "nothing.wasm"], "nothing.wasm"),
        (vec!["check", "nothing.wasm"], "nothing.wasm"),
    ] {
        let said = refusal_of(&host, &args).await;
        assert!(said.contains(word), "{args:?}: {said}");
    }
    let output = host.cli(&["runs", "explode"]).await;
    assert_eq!(output.status.code(), Some(2), "wrong arguments");
}

#[tokio::test]
async fn a_run_is_cancelled_and_run_again() {
    let host = Setup::serve().guests(&["steps"]).start().await;
    let event = host.send("test/sleeper", json!({ "ms": 60_000 })).await;
    let sleeping = host.wait_for(&event, "sleeper", "Sleeping").await;
    let id = text(&sleeping, "run_id");
    assert!(text_of(&host, &["runs", "show", id]).await.contains("goes on at"));
    assert_eq!(json_of(&host, &["runs", "cancel", id]).await["status"], "Cancelled");
    assert!(refusal_of(&host, &["runs", "cancel", id]).await.contains("run_ended"));
    assert_eq!(host.cli(&["runs", "watch", id]).await.status.code(), Some(1), "it did not complete");
    let again = json_of(&host, &["runs", "rerun", id]).await;
    assert_ne!(again["run_id"], sleeping["run_id"]);
    host.wait_for_run(text(&again, "run_id"), "Sleeping").await;
}

#[tokio::test]
async fn a_failed_run_shows_every_try_and_the_error() {
    let host = Setup::dev().guests(&["steps"]).env("PAWL_RETRY_INTERVAL", "20ms").start().await;
    let event = host.send("test/flaky", json!({ "failures": 9, "retries": 2 })).await;
    let run = host.wait_for(&event, "flaky", "Failed").await;
    let shown = text_of(&host, &["runs", "show", text(&run, "run_id")]).await;
    for word in ["Failed", "FlakyError", "attempt 2 fails", "3"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
}

#[tokio::test]
async fn a_component_is_checked_without_a_host_and_deployed_to_one() {
    let host = Setup::serve().start().await;
    let file = paths::guest("steps");
    let file = file.to_str().expect("text");
    let checked = json_of(&host, &["check", file]).await;
    let functions = checked[0]["functions"].as_array().expect("functions");
    assert_eq!(functions.len(), 26);
    let wish = functions.iter().find(|f| f["id"] == "wish").expect("wish");
    assert_eq!(wish["wishes"]["secrets"], json!(["SHOP_TOKEN"]));
    let shown = text_of(&host, &["check", file]).await;
    for word in
        ["function limited on test/limited", "at most 2 at once", "wishes secrets: SHOP_TOKEN", "imports"]
    {
        assert!(shown.contains(word), "{word}: {shown}");
    }

    let deployed = json_of(&host, &["deploy", file]).await;
    assert_eq!(deployed["deployment"], checked[0]["deployment"]);
    let listed = json_of(&host, &["functions"]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(26));
    let shown = text_of(&host, &["functions"]).await;
    assert!(shown.contains("ten-steps") && shown.contains("test/ten-steps"), "{shown}");
    assert!(shown.contains("does not give") && shown.contains("secret SHOP_TOKEN"), "{shown}");

    for (name, bytes, code) in [
        ("empty.wasm", components::empty(), "no_functions"),
        ("way-out.wasm", components::wants_http(), "import_not_granted"),
        ("text.wasm", components::no_wasm(), "not_a_component"),
    ] {
        std::fs::write(host.folder().join(name), bytes).expect("writes");
        let output = host.cli(&["check", name, "--json"]).await;
        assert_eq!(output.status.code(), Some(1), "{name}");
        let checked: Value = serde_json::from_str(&out(&output)).expect("JSON");
        assert_eq!(checked[0]["code"], code);
        assert!(refusal_of(&host, &["deploy", name]).await.contains(code), "{name}");
    }
}

#[tokio::test]
async fn keys_come_from_the_environment_and_a_wrong_one_is_named() {
    let host = Setup::serve().start().await;
    let said = refusal_of(&host, &["runs", "list", "--signing-key", "wrong"]).await;
    assert!(said.contains("invalid_signing_key") && said.contains("INNGEST_SIGNING_KEY"), "{said}");
    let said = refusal_of(&host, &["send", "a/b", "--event-key", "wrong"]).await;
    assert!(said.contains("event_key_unknown"), "{said}");
    // help shows the variables' names and not what is in them
    for command in ["send", "runs", "serve", "doctor"] {
        let args: &[&str] =
            if command == "runs" { &["runs", "list", "--help"] } else { &[command, "--help"] };
        let help = text_of(&host, args).await;
        assert!(!help.contains(SIGNING_KEY) && !help.contains(EVENT_KEY), "{help}");
    }
    let help = text_of(&host, &["serve", "--help"]).await;
    for name in ["PAWL_ADDR", "PAWL_DATA", "PAWL_FUNCTIONS", "PAWL_STORE", "PAWL_LOG", "--addr", "pawl.toml"]
    {
        assert!(help.contains(name), "{name}: {help}");
    }
    assert!(text_of(&host, &["--version"]).await.starts_with("pawl "));
}

#[tokio::test]
async fn without_a_host_a_command_says_how_to_start_one() {
    let mut host = Setup::dev().start().await;
    host.stop().await;
    for args in [vec!["runs", "list"], vec!["functions"], vec!["events"], vec!["send", "a/b"]] {
        let said = refusal_of(&host, &args).await;
        assert!(said.contains("pawl dev"), "{args:?}: {said}");
    }
}

/// The findings of `pawl doctor`, and whether it was content.
async fn doctor(host: &Host, args: &[&str]) -> (bool, Vec<(String, String, String)>) {
    let output = host.cli(&[&["doctor", "--json"], args].concat()).await;
    let report: Value =
        serde_json::from_str(&out(&output)).unwrap_or_else(|e| panic!("{e}: {}", err(&output)));
    assert_eq!(report["good"].as_bool(), Some(output.status.success()), "{report:#}");
    let line =
        |f: &Value| (text(f, "topic").to_owned(), text(f, "weight").to_owned(), text(f, "text").to_owned());
    (output.status.success(), report["findings"].as_array().expect("findings").iter().map(line).collect())
}

fn finding(findings: &[(String, String, String)], topic: &str, weight: &str, word: &str) {
    let is_it = |f: &&(String, String, String)| f.0 == topic && f.1 == weight && f.2.contains(word);
    assert!(findings.iter().any(|f| is_it(&f)), "no {weight} `{word}` under {topic}: {findings:#?}");
}

#[tokio::test]
async fn the_doctor_is_content_with_a_good_set_up() {
    let host = Setup::serve().three_functions().start().await;
    host.deliver(&stripe::fixture("payment_intent.succeeded")).await.expect(200);
    let (is_good, findings) = doctor(&host, &["--serve"]).await;
    assert!(is_good, "{findings:#?}");
    finding(&findings, "Set-up", "good", "a host answers");
    finding(&findings, "Function not found", "good", "process-payment-succeeded");
    finding(&findings, "Invalid signing key", "good", "the running host");
    finding(&findings, "Webhook not triggering function", "good", "the last event came in");
    finding(&findings, "Steps not retrying", "good", "no run has failed");
    let shown = text_of(&host, &["doctor", "--serve"]).await;
    assert!(shown.contains("Webhook not triggering function"), "{shown}");
    for secret in [SIGNING_KEY, EVENT_KEY, stripe::SECRET] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn the_doctor_finds_each_trouble_of_the_seeds_list() {
    let host = Setup::dev().guests(&["steps"]).without("STRIPE_WEBHOOK_SECRET").start().await;
    host.place("broken.wasm", &components::broken());
    until("the host to know", PATIENCE, async || {
        let answer = host.get("/v1/deployments").await.json();
        let problems = answer["metadata"]["problems"].as_array().map_or(0, Vec::len);
        if problems == 1 { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
    let event = host.send("test/nester", json!({})).await;
    host.wait_for(&event, "nester", "Failed").await;
    host.send("test/nobody-listens", json!({})).await;
    let (is_good, findings) = doctor(&host, &[]).await;
    assert!(!is_good);
    finding(&findings, "Function not found", "bad", "broken.wasm");
    finding(&findings, "Webhook not triggering function", "note", "STRIPE_WEBHOOK_SECRET");
    finding(&findings, "Webhook not triggering function", "note", "test/nobody-listens");
    finding(&findings, "Steps not retrying", "note", "retries = 0");
    finding(&findings, "Steps not retrying", "note", "NestedStep");

    let (is_good, findings) = doctor(&host, &["--serve"]).await;
    assert!(!is_good);
    finding(&findings, "Invalid signing key", "bad", "INNGEST_SIGNING_KEY is not set");

    let serving = Setup::serve().start().await;
    let (is_good, findings) = doctor(&serving, &["--serve", "--signing-key", "wrong"]).await;
    assert!(!is_good);
    finding(&findings, "Invalid signing key", "bad", "does not know");
}

#[tokio::test]
async fn a_list_of_signing_keys_serves_the_host_and_its_command_line() {
    let list = "first-signing-key, second-signing-key";
    let mut host = Setup::serve().env("INNGEST_SIGNING_KEY", list).start().await;
    for key in ["first-signing-key", "second-signing-key"] {
        let url = host.url("/v1/runs");
        let request = reqwest::Client::builder().no_proxy().build().expect("a client").get(url);
        host.ask(request.bearer_auth(key)).await.expect(200);
    }
    for keys in [list, "second-signing-key", "first-signing-key"] {
        host.set_env("INNGEST_SIGNING_KEY", keys);
        assert_eq!(json_of(&host, &["runs", "list"]).await, json!([]), "{keys}");
    }
    host.set_env("INNGEST_SIGNING_KEY", "another-signing-key");
    assert!(refusal_of(&host, &["runs", "list"]).await.contains("INNGEST_SIGNING_KEY"));
}
