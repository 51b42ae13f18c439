//! Runs of apps: every step tool of the SDKs, retries, and functions that call each other
//! across the kinds.

use super::{App, Sdk, for_each_sdk, pair, stub};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

fn setup() -> Setup {
    Setup::dev().guests(&["flow"]).env("PAWL_RETRY_INTERVAL", "50ms")
}

async fn begun(sdk: Sdk) -> Option<(Host, App)> {
    pair(sdk, setup()).await
}

/// The end of the run that such an event starts.
async fn ended(host: &Host, function: &str, data: Value, status: &str) -> Value {
    let event = host.send(&format!("shop/{function}"), data).await;
    host.wait_for(&event, &format!("shop-{function}"), status).await
}

async fn output(host: &Host, function: &str, data: Value) -> Value {
    ended(host, function, data, "Completed").await["output"].clone()
}

/// The run's steps: id, operation, status.
fn steps(run: &Value) -> Vec<(String, String, String)> {
    let text = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let steps = run["steps"].as_array().expect("steps");
    steps.iter().map(|s| (text(s, "id"), text(s, "op"), text(s, "status"))).collect()
}

fn step(run: &Value, id: &str) -> Value {
    run["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .find(|s| s["id"] == id)
        .unwrap_or_else(|| panic!("{id}: {run}"))
        .clone()
}

for_each_sdk! {
    fn steps_run_once_in_their_order_and_the_function_gives_its_output(host, sdk) {
        let event = json!({"name": "shop/plain", "data": {"word": "hi"}, "user": {"id": "u1"}});
        let event = host.send_event(&event).await;
        let run = host.wait_for(&event, "shop-plain", "Completed").await;
        let mut expected = json!({
            "b": {"from": "hi-a1", "n": 1.5, "none": null}, "user": "u1", "attempt": 0, "calls": 1, "passes": 3,
        });
        if sdk == Sdk::Python {
            // its events have no user
            expected.as_object_mut().expect("an object").remove("user");
        }
        assert_eq!(run["output"], expected, "{sdk:?}");
        let two = |id: &str| (id.to_owned(), "run".to_owned(), "Completed".to_owned());
        assert_eq!(steps(&run), [two("a"), two("b")]);
    }

    fn ids_that_repeat_in_a_loop_are_steps_of_their_own(host, sdk) {
        let run = ended(&host, "loop", json!({}), "Completed").await;
        assert_eq!(run["output"], json!([0, 10, 20]), "{sdk:?}");
        let ids: Vec<_> = steps(&run).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(ids, ["again", "again:1", "again:2"]);
    }

    fn a_sleep_parks_the_run_and_wakes_it(host, sdk) {
        let event = host.send("shop/nap", json!({})).await;
        host.wait_for(&event, "shop-nap", "Sleeping").await;
        let run = host.wait_for(&event, "shop-nap", "Completed").await;
        assert_eq!(run["output"], "rested", "{sdk:?}");
        assert_eq!(step(&run, "short")["op"], "sleep");
    }

    fn a_wait_gets_the_event_that_fits_and_nothing_when_its_time_is_over(host, sdk) {
        let event = host.send("shop/wait", json!({"order": 7})).await;
        host.wait_for(&event, "shop-wait", "Sleeping").await;
        host.send("shop/paid", json!({"order": 8})).await;
        host.send("shop/paid", json!({"order": 7, "by": "card"})).await;
        let run = host.wait_for(&event, "shop-wait", "Completed").await;
        let expected = json!({"name": "shop/paid", "data": {"order": 7, "by": "card"}, "none": null});
        assert_eq!(run["output"], expected, "{sdk:?}");
    }

    fn a_failed_step_alone_is_tried_again(host, sdk) {
        let run = ended(&host, "flaky", json!({}), "Completed").await;
        assert_eq!(run["output"], json!({"first": "kept", "n": 3}), "{sdk:?}");
        let attempts = step(&run, "flaky")["attempts"].as_array().expect("attempts").len();
        assert_eq!(attempts, 3);
        assert_eq!(step(&run, "first")["attempts"].as_array().expect("attempts").len(), 1);
    }

    fn retry_after_keeps_the_next_try_away_for_so_long(host, sdk) {
        let event = host.send("shop/later", json!({})).await;
        host.wait_for(&event, "shop-later", "Sleeping").await;
        let run = host.wait_for(&event, "shop-later", "Completed").await;
        // Python's SDK tells of the function's failure alone: its run has waited as long
        let time = |text: &Value| text.as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
        let (from, until) = match sdk {
            Sdk::Python => (run["run_started_at"].clone(), run["ended_at"].clone()),
            Sdk::Js4 | Sdk::Js3 => {
                let attempts = step(&run, "later")["attempts"].clone();
                (attempts[0]["ended_at"].clone(), attempts[1]["started_at"].clone())
            }
        };
        let away = time(&until).duration_since(time(&from)).as_millis();
        assert!(away >= 1_000, "{sdk:?}: {away} ms, {run}");
    }

    fn a_function_that_fails_outside_of_its_steps_is_tried_again_and_keeps_them(host, sdk) {
        let run = ended(&host, "outside", json!({}), "Completed").await;
        assert_eq!(run["output"], json!({"kept": 1, "attempt": 2}), "{sdk:?}");
    }

    fn an_error_that_no_try_would_cure_ends_the_run_and_tells_its_handler(host, sdk) {
        let run = ended(&host, "fatal", json!({}), "Failed").await;
        if sdk != Sdk::Python {
            // Python's SDK tells of the function's failure alone
            assert_eq!(step(&run, "boom")["attempts"].as_array().expect("attempts").len(), 1, "{sdk:?}");
        }
        assert_eq!(run["error"]["message"], "never again");
        let handled = pawl_tests::clock::until("the handler's run", pawl_tests::clock::PATIENCE, async || {
            let runs = host.all("/v1/runs?function_id=shop-fatal-failure").await;
            runs.into_iter().find(|r| r["status"] == "Completed").ok_or_else(|| "none yet".into())
        })
        .await;
        let handled = host.run(handled["run_id"].as_str().expect("an id")).await;
        assert_eq!(step(&handled, "tell")["output"], "shop-fatal: never again");
    }

    fn a_failed_step_may_be_caught(host, sdk) {
        assert_eq!(output(&host, "caught", json!({})).await, "mended: caught me", "{sdk:?}");
    }

    fn functions_of_apps_and_of_the_sandbox_call_each_other(host, sdk) {
        let functions = host.read("/v1/functions").await;
        let only = functions.as_array().expect("functions").iter().find(|f| f["id"] == "only-invoked").expect("it");
        let app = only["app"].clone();
        let data = json!({"wasm": "only-invoked", "app": app, "input": {"a": 1}});
        let run = output(&host, "caller", data).await;
        assert_eq!(run["twice"], 42, "{sdk:?}");
        assert_eq!(run["sandboxed"]["data"], json!({"a": 1}), "{run}");
        // and the other way round
        let event = host.send("test/asker", json!({"function": "shop-callee", "data": {"n": 4}})).await;
        assert_eq!(host.wait_for(&event, "asker", "Completed").await["output"], json!({"answer": 8}));
    }

    fn events_that_a_step_sends_are_stored(host, sdk) {
        let ids = output(&host, "send", json!({})).await;
        let ids = ids.as_array().expect("ids").clone();
        assert_eq!(ids.len(), 2, "{sdk:?}");
        let second = host.read(&format!("/v1/events/{}", ids[1].as_str().expect("an id"))).await;
        assert_eq!((&second["name"], &second["data"]), (&json!("shop/told"), &json!({"n": 2})));
    }

    fn steps_that_are_too_large_for_a_call_are_fetched(host, sdk) {
        assert_eq!(output(&host, "large", json!({})).await, json!([2_000_000, 2_000_000, 2_000_000]), "{sdk:?}");
    }

    fn parallel_steps_settle_in_any_order_and_come_to_one_result(host, sdk) {
        let run = ended(&host, "parallel", json!({}), "Completed").await;
        let expected = if sdk == Sdk::Python { json!([[1, 2], "after"]) } else { json!([[1, 2, "slept", 3], "after"]) };
        assert_eq!(run["output"], expected);
    }

    fn a_killed_host_goes_on_after_the_last_recorded_step(host, sdk) {
        let mut host = host;
        let event = host.send("shop/nap", json!({})).await;
        host.wait_for(&event, "shop-nap", "Sleeping").await;
        host.kill();
        host.restart().await;
        let run = host.wait_for(&event, "shop-nap", "Completed").await;
        assert_eq!(run["output"], "rested", "{sdk:?}");
    }
}

#[tokio::test]
async fn steps_that_are_reported_in_the_middle_of_a_call_are_kept_one_by_one() {
    let host = setup().start().await;
    let url = host.url("");
    let env = [("INNGEST_DEV", url.as_str())];
    let Some(app) = App::start_with(Sdk::Js4, &["checkpointing"], &env).await else { return };
    app.register().await;
    let event = host.send("shop/plain", json!({"word": "hi"})).await;
    let run = host.wait_for(&event, "shop-plain", "Completed").await;
    assert_eq!(run["output"]["passes"], 1, "one call for all steps: {run}");
    assert_eq!(steps(&run).len(), 2);
    assert_eq!(output(&host, "flaky", json!({})).await, json!({"first": "kept", "n": 3}));
    let parallel = output(&host, "parallel", json!({})).await;
    assert_eq!(parallel, json!([[1, 2, "slept", 3], "after"]));
    assert_eq!(output(&host, "nap", json!({})).await, "rested");
}

#[tokio::test]
async fn in_production_calls_and_answers_are_signed() {
    let key = "signkey-prod-0123456789abcdef0123456789abcdef";
    for sdk in [Sdk::Js4, Sdk::Js3, Sdk::Python] {
        // nobody is there: the functions are in the app's own answer
        let env = [
            ("INNGEST_DEV", "0"),
            ("INNGEST_BASE_URL", "http://127.0.0.1:9"),
            ("INNGEST_SIGNING_KEY", key),
            ("INNGEST_EVENT_KEY", "unused"),
        ];
        let Some(app) = App::start(sdk, &env).await else { return };
        let keys = format!("{key},{}", pawl_tests::setup::SIGNING_KEY);
        let listed = format!("[[app]]\nurl = \"{}\"\n", app.url);
        let host = Setup::serve().env("INNGEST_SIGNING_KEY", keys).config(&listed).start().await;
        pawl_tests::clock::until("the app", pawl_tests::clock::PATIENCE, async || {
            let functions = host.read("/v1/functions").await;
            let is_it = |f: &Value| f["id"] == "shop-loop";
            let all = functions.as_array().cloned().unwrap_or_default();
            all.iter().any(is_it).then_some(()).ok_or_else(|| format!("{sdk:?}: {functions}"))
        })
        .await;
        assert_eq!(output(&host, "loop", json!({})).await, json!([0, 10, 20]), "{sdk:?}");
        // a stranger that asks the app, or answers for it, is told nothing
        let stranger = reqwest::Client::new().post(format!("{}?fnId=shop-loop&stepId=step", app.url));
        assert_eq!(stranger.body("{}").send().await.expect("answers").status(), 401, "{sdk:?}");
    }
}

#[tokio::test]
async fn a_race_has_its_winner() {
    for sdk in [Sdk::Js4, Sdk::Js3] {
        let Some((host, _app)) = pair(sdk, setup()).await else { return };
        assert_eq!(output(&host, "race", json!({})).await, "quick", "{sdk:?}");
    }
}

#[tokio::test]
async fn a_fetch_is_made_by_the_host() {
    let upstream = Upstream::start().await;
    let Some((host, _app)) = pair(Sdk::Js4, setup()).await else { return };
    let run = ended(&host, "fetch", json!({"url": upstream.url("/echo")}), "Completed").await;
    assert_eq!(run["output"]["status"], 200, "{run}");
    assert!(run["steps"].as_array().expect("steps").iter().any(|s| s["op"] == "fetch"), "{run}");
}

/// How the run of a function with one retry goes whose calls are answered so: its end, and the
/// number of the try that each call was told.
async fn played(answers: Vec<(u16, Value)>, status: &str) -> (Value, Vec<u64>) {
    let mut function = stub::function("shop", "scripted", "shop/scripted");
    function["steps"]["step"]["retries"] = json!({"attempts": 1});
    let app = stub::App::start("shop", json!([function])).await;
    app.says().answers = answers.into();
    let host = setup().env("PAWL_APPS", app.url()).start().await;
    pawl_tests::clock::until("the app", pawl_tests::clock::PATIENCE, async || {
        let apps = host.read("/v1/apps").await;
        apps[0]["synced_at"].is_string().then_some(()).ok_or_else(|| apps.to_string())
    })
    .await;
    let run = ended(&host, "scripted", json!({}), status).await;
    let calls = app.says().calls.clone();
    let number = |call: &Value| call["ctx"]["attempt"].as_u64().expect("a number");
    (run, calls.iter().map(number).collect())
}

#[tokio::test]
async fn a_call_that_fails_now_and_then_has_its_retries_anew_after_each_step() {
    let fails = || (500, json!({"name": "Error", "message": "hiccup"}));
    let step = |id: &str| (206, json!([{"id": id, "op": "StepRun", "displayName": id, "data": 1}]));
    let nap = (206, json!([{"id": "nap", "op": "Sleep", "name": "100ms", "displayName": "nap"}]));
    let answers =
        vec![fails(), step("a"), fails(), step("b"), fails(), nap, fails(), (200, json!("done at last"))];
    let (run, tries) = played(answers, "Completed").await;
    assert_eq!(run["output"], "done at last");
    assert_eq!(tries, [0, 1, 0, 1, 0, 1, 0, 1]);
    assert_eq!(steps(&run).len(), 3, "{run}");
}

#[tokio::test]
async fn calls_that_fail_without_a_step_between_them_add_up_and_end_the_run() {
    let fails = || (500, json!({"name": "Error", "message": "hiccup"}));
    let step = (206, json!([{"id": "a", "op": "StepRun", "displayName": "a", "data": 1}]));
    let (run, tries) = played(vec![fails(), step, fails(), fails()], "Failed").await;
    assert_eq!((&run["error"]["message"], tries), (&json!("hiccup"), vec![0, 1, 0, 1]), "{run}");
}
