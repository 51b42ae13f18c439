//! `process-checkout-completed` with InstantDB's settings: what it writes, which
//! troubles it sits out, which end it, and that the token is nowhere to be seen.

use pawl_tests::instant::{APP_ID, Fault, Instant, TOKEN};
use pawl_tests::{Host, Language, Setup, in_languages, languages, stripe};
use serde_json::{Value, json};

const FUNCTION: &str = "process-checkout-completed";
const FIXTURE: &str = "checkout.session.completed.subscription";
/// Everything that could tell a token: also what the HTTP libraries say of themselves.
const LOUD: &str = "info,pawl=trace,guest=trace,reqwest=trace,hyper=trace,hyper_util=trace";
/// The user of the recorded sessions.
const USER: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

// the same in each language that the function is written in
in_languages!(
    [Rust, TypeScript, Python];
    a_paid_checkout_updates_the_user_in_one_strict_step,
    an_unpaid_checkout_asks_nothing_of_the_database,
    a_user_that_nobody_knows_fails_the_run_for_good_and_is_not_made,
    troubles_of_the_database_are_sat_out,
    a_wrong_token_fails_the_run_for_good_and_is_never_shown,
);

/// With InstantDB's settings.
fn with(setup: Setup, stub: &Instant, token: &str) -> Setup {
    setup
        .env("INSTANT_APP_ID", APP_ID)
        .env("INSTANT_ADMIN_TOKEN", token)
        // a slash too many is easily copied
        .env("INSTANT_API_URI", format!("{}/", stub.uri()))
        .env("PAWL_RETRY_INTERVAL", "50ms")
}

async fn stub_with_user() -> Instant {
    let stub = Instant::start().await;
    stub.declare("users", "email", true);
    stub.put("users", USER, json!({ "email": "ann@example.com" }));
    stub
}

/// Delivers the recorded checkout under this id, and waits for its run's end.
async fn check_out(host: &Host, id: &str, end: &str) -> Value {
    host.deliver(&stripe::with_id(FIXTURE, id)).await.expect(200);
    host.wait_for(id, FUNCTION, end).await
}

fn step<'a>(run: &'a Value, id: &str) -> &'a Value {
    let steps = run["steps"].as_array().expect("steps");
    steps.iter().find(|s| s["id"] == id).unwrap_or_else(|| panic!("no step {id} in {run:#}"))
}

fn attempts(run: &Value) -> usize {
    step(run, "update-subscription")["attempts"].as_array().expect("attempts").len()
}

async fn a_paid_checkout_updates_the_user_in_one_strict_step(language: Language) {
    // in production, where only what the operator set is granted
    let stub = stub_with_user().await;
    let setup = with(Setup::serve(), &stub, TOKEN);
    let Some(host) = languages::stripe(language, setup).await else { return };
    let run = check_out(&host, "evt_paid", "Completed").await;
    assert_eq!(run["output"]["activated"], true);
    assert_eq!(run["output"]["store"], "instantdb");
    assert_eq!(attempts(&run), 1);

    let row = stub.row("users", USER).expect("the user");
    let session = &stripe::event(FIXTURE)["data"]["object"];
    assert_eq!(row["subscriptionStatus"], "active");
    assert_eq!(row["stripeCustomerId"], session["customer"]);
    assert_eq!(row["stripeSubscriptionId"], session["subscription"]);
    assert_eq!(row["lastSessionId"], session["id"]);
    assert_eq!(row["email"], "ann@example.com", "the rest stays");

    let [(path, body)] = stub.requests().try_into().expect("one request a run");
    assert_eq!(path, "/admin/transact");
    assert_eq!(body["steps"].as_array().map(Vec::len), Some(1));
    assert_eq!(body["steps"][0][4], json!({ "upsert": false }));
}

#[tokio::test]
async fn a_second_event_of_the_same_checkout_changes_nothing() {
    let stub = stub_with_user().await;
    let host = with(Setup::dev(), &stub, TOKEN).functions(&[FUNCTION]).start().await;
    check_out(&host, "evt_first", "Completed").await;
    let before = stub.row("users", USER);
    check_out(&host, "evt_second", "Completed").await;
    assert_eq!(stub.row("users", USER), before);
    assert_eq!(stub.rows("users").len(), 1);
}

async fn an_unpaid_checkout_asks_nothing_of_the_database(language: Language) {
    let stub = stub_with_user().await;
    let setup = with(Setup::dev(), &stub, TOKEN);
    let Some(host) = languages::stripe(language, setup).await else { return };
    let fixture = "checkout.session.completed.unpaid_async";
    host.deliver(&stripe::with_id(fixture, "evt_unpaid")).await.expect(200);
    let run = host.wait_for("evt_unpaid", FUNCTION, "Completed").await;
    assert_eq!(run["output"]["activated"], false);
    assert!(stub.requests().is_empty());
    // the money comes later, by another event
    let later = "checkout.session.async_payment_succeeded";
    host.deliver(&stripe::with_id(later, "evt_later")).await.expect(200);
    let run = host.wait_for("evt_later", FUNCTION, "Completed").await;
    assert_eq!(run["output"]["activated"], true);
    assert_eq!(stub.row("users", USER).expect("the user")["subscriptionStatus"], "active");
}

async fn a_user_that_nobody_knows_fails_the_run_for_good_and_is_not_made(language: Language) {
    let stub = Instant::start().await;
    let setup = with(Setup::dev(), &stub, TOKEN);
    let Some(host) = languages::stripe(language, setup).await else { return };
    let run = check_out(&host, "evt_ghost", "Failed").await;
    assert_eq!(attempts(&run), 1, "another try would not know the user either");
    let error = &run["error"];
    assert_eq!(error["name"], "UnknownUser");
    assert!(error["message"].as_str().unwrap_or_default().contains(USER), "{error}");
    assert!(stub.rows("users").is_empty());
}

async fn troubles_of_the_database_are_sat_out(language: Language) {
    let stub = stub_with_user().await;
    [Fault::Broken, Fault::RateLimited, Fault::Timeout].into_iter().for_each(|f| stub.fail_next(f));
    let setup = with(Setup::dev(), &stub, TOKEN);
    let Some(host) = languages::stripe(language, setup).await else { return };
    let run = check_out(&host, "evt_trouble", "Completed").await;
    assert_eq!(attempts(&run), 4);
    let update = step(&run, "update-subscription");
    let failed: Vec<_> = update["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|a| a["error"]["message"].as_str().unwrap_or("fine").to_owned())
        .collect();
    for (message, word) in failed.iter().zip(["500", "429", "429", "fine"]) {
        assert!(message.contains(word), "{failed:?}");
    }
    // what was finished before is not done again
    assert_eq!(step(&run, "validate-session")["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(stub.row("users", USER).expect("the user")["subscriptionStatus"], "active");
}

#[tokio::test]
async fn a_database_that_stays_in_trouble_fails_the_run_after_four_tries() {
    let stub = stub_with_user().await;
    (0..4).for_each(|_| stub.fail_next(Fault::Broken));
    let host = with(Setup::dev(), &stub, TOKEN).functions(&[FUNCTION]).start().await;
    let run = check_out(&host, "evt_broken", "Failed").await;
    assert_eq!(attempts(&run), 4, "retries: 3");
    assert_eq!(run["error"]["name"], "HttpStatus");
    assert_eq!(stub.requests().len(), 4);
    // once it is well again the operator runs it again
    let path = format!("/v1/runs/{}/rerun", run["run_id"].as_str().expect("an id"));
    let again = host.post(&path, "").await.expect(201).data();
    let again = host.wait_for_run(again["run_id"].as_str().expect("an id"), "Completed").await;
    assert_eq!(again["event_id"], run["event_id"]);
    assert_eq!(stub.row("users", USER).expect("the user")["subscriptionStatus"], "active");
}

#[tokio::test]
async fn a_database_that_is_closed_or_absent_is_told_apart() {
    let stub = stub_with_user().await;
    stub.fail_next(Fault::ReadOnly);
    let host = with(Setup::dev(), &stub, TOKEN).functions(&[FUNCTION]).start().await;
    let run = check_out(&host, "evt_read_only", "Failed").await;
    assert_eq!(attempts(&run), 1);
    assert!(run["error"]["message"].as_str().unwrap_or_default().contains("read-only"), "{run:#}");
    drop(stub);
    let run = check_out(&host, "evt_absent", "Failed").await;
    assert_eq!(attempts(&run), 4, "a connection may come back");
    assert_eq!(run["error"]["name"], "HttpNetwork");
}

async fn a_wrong_token_fails_the_run_for_good_and_is_never_shown(language: Language) {
    // the server's answer repeats it, in a hint
    let wrong = "ffffffff-91f3-4c8e-8a44-3b2f1e0d9c8b";
    let stub = stub_with_user().await;
    let setup = with(Setup::serve(), &stub, wrong).env("PAWL_LOG", LOUD);
    let Some(mut host) = languages::stripe(language, setup).await else { return };
    let run = check_out(&host, "evt_stranger", "Failed").await;
    assert_eq!(attempts(&run), 1);
    let message = run["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("INSTANT_ADMIN_TOKEN"), "the cure is named: {message}");

    let run_path = format!("/v1/runs/{}", run["run_id"].as_str().expect("an id"));
    let paths =
        ["/v1/events", "/v1/events/evt_stranger/runs", "/v1/runs", "/v1/functions", "/v1/deployments"];
    for path in paths.into_iter().chain([run_path.as_str()]) {
        let answer = host.get(path).await.expect(200);
        assert!(!answer.body.contains(wrong), "{path} shows the token: {}", answer.body);
    }
    host.stop().await;
    assert!(!host.log().contains(wrong), "the log shows the token");
    for file in std::fs::read_dir(host.data()).expect("reads").filter_map(Result::ok) {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let is_there = bytes.windows(wrong.len()).any(|w| w == wrong.as_bytes());
        assert!(!is_there, "{} holds the token", file.path().display());
    }
}

#[tokio::test]
async fn a_user_id_that_is_none_of_the_databases_is_refused_without_asking_it() {
    let stub = stub_with_user().await;
    let host = with(Setup::dev(), &stub, TOKEN).functions(&[FUNCTION]).start().await;
    let mut event = stripe::event(FIXTURE);
    event["id"] = "evt_odd_user".into();
    event["data"]["object"]["client_reference_id"] = "users; drop".into();
    host.deliver(&stripe::pretty(&event)).await.expect(200);
    let run = host.wait_for("evt_odd_user", FUNCTION, "Failed").await;
    assert_eq!(attempts(&run), 1);
    assert!(stub.requests().is_empty());
    // a lookup on a unique attribute is an id too
    event["id"] = "evt_lookup".into();
    event["data"]["object"]["client_reference_id"] = r#"lookup__email__"ann@example.com""#.into();
    host.deliver(&stripe::pretty(&event)).await.expect(200);
    host.wait_for("evt_lookup", FUNCTION, "Completed").await;
    assert_eq!(stub.row("users", USER).expect("the user")["subscriptionStatus"], "active");
}
