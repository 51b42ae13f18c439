//! How apps and their functions become known, and which do not.

use super::stub::{App, bearer, function, registration, signature, url};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::setup::SIGNING_KEY;
use pawl_tests::{Answer, Host, Setup, paths};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Settings with one app that is asked often.
fn polled(url: &str) -> String {
    format!("[[app]]\nurl = '{url}'\npoll = '100ms'\n")
}

fn ids(functions: &Value) -> Vec<String> {
    let functions = functions.as_array().expect("a list");
    functions.iter().map(|f| f["id"].as_str().expect("an id").to_owned()).collect()
}

async fn functions_are(host: &Host, wanted: &[&str]) {
    until(&format!("the functions {wanted:?}"), PATIENCE, async || {
        let now = ids(&host.read("/v1/functions").await);
        if now == wanted { Ok(()) } else { Err(format!("{now:?}; apps: {}", host.read("/v1/apps").await)) }
    })
    .await;
}

/// The one app, once it is as wanted.
async fn app_is(host: &Host, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until(&format!("an app that is {what}"), PATIENCE, async || {
        let apps = host.read("/v1/apps").await;
        let app = apps[0].clone();
        if apps.as_array().is_some_and(|all| all.len() == 1) && wanted(&app) {
            Ok(app)
        } else {
            Err(apps.to_string())
        }
    })
    .await
}

/// Registers as an app does, with this `Authorization`.
async fn register(host: &Host, authorization: &str, body: &Value) -> Answer {
    let request = host.request(Method::POST, "/fn/register").header("content-type", "application/json");
    let request =
        request.header("authorization", authorization).header("x-inngest-sdk", "inngest-js:v4.24.0");
    host.ask(request.body(body.to_string())).await
}

#[tokio::test]
async fn a_listed_app_gives_its_functions_in_its_answer() {
    let app = App::start("shop", json!([function("shop", "ship", "shop/order")])).await;
    let host = Setup::dev().env("PAWL_APPS", app.url()).start().await;
    functions_are(&host, &["shop-ship"]).await;
    let f = host.read("/v1/functions").await[0].clone();
    assert_eq!((&f["source"], &f["app"], &f["retries"]), (&json!("app:shop"), &json!("shop"), &json!(4)));
    let known = app_is(&host, "synced", |app| !app["synced_at"].is_null()).await;
    assert_eq!((&known["name"], &known["sdk"]), (&json!("shop"), &json!("js:v4.24.0")));
    // it was reached there, whatever it believes
    assert_eq!((&known["url"], &known["functions"]), (&json!(app.url()), &json!(1)));
    assert_eq!((&known["error"], &known["listed"]), (&Value::Null, &json!(true)));
    let (headers, body) = app.says().asked[0].clone();
    assert_eq!(body, json!({"url": app.url()}).to_string());
    assert_eq!(headers["x-inngest-server-kind"], "dev");
    assert_eq!(headers["x-inngest-sync-kind"], "in_band");
    assert!(!headers.contains_key("x-inngest-signature"));
    let said = host.cli(&["functions"]).await;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("shop-ship") && said.contains("app:shop"), "{said}");
}

#[tokio::test]
async fn an_app_that_changes_is_followed_and_outlives_a_restart() {
    let app = App::start("shop", json!([function("shop", "a", "x"), function("shop", "b", "x")])).await;
    let mut host = Setup::dev().config(&polled(&app.url())).start().await;
    functions_are(&host, &["shop-a", "shop-b"]).await;
    app.says().functions = json!([function("shop", "b", "x"), function("shop", "c", "x")]);
    functions_are(&host, &["shop-b", "shop-c"]).await;
    let deployments = host.read("/v1/deployments").await;
    assert_eq!(deployments.as_array().map(Vec::len), Some(2), "{deployments}");
    drop(app);
    host.stop().await;
    host.restart().await;
    assert_eq!(ids(&host.read("/v1/functions").await), ["shop-b", "shop-c"]);
}

#[tokio::test]
async fn an_app_that_gives_no_functions_registers_by_itself() {
    let app = App::start("py", json!([function("py", "f", "x")])).await;
    let host = Setup::dev().config(&polled(&app.url())).start().await;
    app.says().registers_at = Some(host.url(""));
    // what it gave before this host was known to it goes with its next registration
    app.says().functions = json!([function("py", "g", "x")]);
    functions_are(&host, &["py-g"]).await;
    app_is(&host, "synced", |app| app["error"].is_null()).await;
    let kinds: Vec<_> = app.says().asked.iter().map(|(h, _)| h.contains_key("x-inngest-sync-kind")).collect();
    assert!(kinds.contains(&false), "it was asked to register: {kinds:?}");
}

#[tokio::test]
async fn an_app_that_is_away_is_told_once_and_taken_when_it_comes() {
    let away = App::start("late", json!([])).await;
    let addr = away.addr;
    drop(away);
    let host = Setup::dev().config(&polled(&url(addr))).start().await;
    let known = app_is(&host, "away", |app| !app["error"].is_null()).await;
    let error = known["error"].as_str().unwrap_or_default();
    assert!(error.contains("nobody can be reached") && error.contains("host.docker.internal"), "{error}");
    let _app = App::start_at(addr, "late", json!([function("late", "f", "x")])).await;
    functions_are(&host, &["late-f"]).await;
    app_is(&host, "synced", |app| app["error"].is_null()).await;
    assert_eq!(host.log().matches("an app is not synced").count(), 1);
    assert_eq!(host.log().matches("an app is synced").count(), 1);
}

#[tokio::test]
async fn what_is_no_sdk_is_named_as_such() {
    let upstream = pawl_tests::upstream::Upstream::start().await;
    let host = Setup::dev().config(&polled(&upstream.url("/api/inngest"))).start().await;
    let known = app_is(&host, "no SDK", |app| !app["error"].is_null()).await;
    assert!(known["error"].as_str().is_some_and(|e| e.contains("is no Inngest SDK")), "{known}");
}

#[tokio::test]
async fn in_production_requests_and_answers_are_signed() {
    let app = App::start("shop", json!([function("shop", "ship", "shop/order")])).await;
    let host = Setup::serve().config(&polled(&app.url())).start().await;
    // without a key it is one that develops, or somebody else
    let known = app_is(&host, "refused", |app| !app["error"].is_null()).await;
    assert!(known["error"].as_str().is_some_and(|e| e.contains("INNGEST_SIGNING_KEY")), "{known}");
    assert_eq!(host.read("/v1/functions").await, json!([]));
    app.says().key = Some("another-key".into());
    let wrong = |app: &Value| app["error"].as_str().is_some_and(|e| e.contains("cannot be trusted"));
    app_is(&host, "not trusted", wrong).await;
    app.says().key = Some(SIGNING_KEY.into());
    app.says().asked.clear();
    // until it answers it is asked again soon
    functions_are(&host, &["shop-ship"]).await;
    let (headers, body) = app.says().asked[0].clone();
    let given = headers["x-inngest-signature"].to_str().expect("text").to_owned();
    let mac = |signature: &str| signature.split_once("&s=").map(|(_, mac)| mac.to_owned());
    let at = |signature: &str| signature.split_once('&').map(|(t, _)| t.to_owned());
    let mine = signature(SIGNING_KEY, body.as_bytes());
    assert!(at(&mine) != at(&given) || mac(&mine) == mac(&given), "{given}");
    assert_eq!(headers["x-inngest-server-kind"], "cloud");
}

#[tokio::test]
async fn who_has_no_signing_key_registers_nothing() {
    let host = Setup::serve().config("[[app]]\nname = 'shop'\n").start().await;
    let body = registration("shop", "http://127.0.0.1:9/api/inngest", &json!([function("shop", "f", "x")]));
    for wrong in ["", "Bearer", "Bearer undefined", &format!("Bearer {SIGNING_KEY}"), &bearer("another")] {
        register(&host, wrong, &body).await.expect_refusal(401, "invalid_signing_key");
    }
    assert_eq!(host.read("/v1/functions").await, json!([]));
    let first = register(&host, &bearer(SIGNING_KEY), &body).await.expect(200).json();
    assert_eq!((&first["ok"], &first["modified"]), (&json!(true), &json!(true)));
    assert_eq!(first["app_id"].as_str().map(str::len), Some(36));
    let again = register(&host, &bearer(SIGNING_KEY), &body).await.expect(200).json();
    assert_eq!((&again["modified"], &again["app_id"]), (&json!(false), &first["app_id"]));
    for path in ["/v0/runs/x/batch", "/v0/runs/x/actions"] {
        host.get(path).await.expect_refusal(401, "invalid_signing_key");
    }
}

#[tokio::test]
async fn an_app_where_no_operator_listed_one_is_refused_and_never_called() {
    let upstream = pawl_tests::upstream::Upstream::start().await;
    let host = Setup::serve().config(&polled("http://127.0.0.1:9/api/inngest")).start().await;
    for foreign in
        [upstream.url("/api/inngest").as_str(), "http://169.254.169.254/latest", "http://127.0.0.1:9/other"]
    {
        let body = registration("evil", foreign, &json!([function("evil", "f", "x")]));
        let refused = register(&host, &bearer(SIGNING_KEY), &body).await;
        refused.expect_refusal(403, "app_not_listed");
        assert!(refused.json()["error"].as_str().is_some_and(|e| e.contains("[[app]]")), "{}", refused.body);
    }
    let listed = registration("any", "http://localhost:9/api/inngest", &json!([function("any", "f", "x")]));
    register(&host, &bearer(SIGNING_KEY), &listed).await.expect(200);
    assert_eq!(upstream.calls().len(), 0);
    let dev = Setup::dev().start().await;
    let far = registration("far", "http://10.0.0.1/api/inngest", &json!([function("far", "f", "x")]));
    register(&dev, "Bearer", &far).await.expect_refusal(403, "app_not_listed");
    let near = registration("near", "http://localhost:9/api/inngest", &json!([function("near", "f", "x")]));
    register(&dev, "Bearer undefined", &near).await.expect(200);
    let page = dev.request(Method::POST, "/fn/register").header("origin", "https://evil.example");
    dev.ask(page.body(near.to_string())).await.expect_refusal(403, "cross_site");
}

#[tokio::test]
async fn a_named_app_is_called_where_its_operator_says_and_one_that_is_struck_off_is_withdrawn() {
    let settings = "[[app]]\nname = 'shop'\nurl = 'http://127.0.0.1:9/api/inngest'\n";
    let mut host = Setup::serve().config(settings).start().await;
    let body = registration("shop", "http://localhost:3000/x", &json!([function("shop", "f", "x")]));
    register(&host, &bearer(SIGNING_KEY), &body).await.expect(200);
    let apps = host.read("/v1/apps").await;
    assert_eq!(apps[0]["url"], "http://127.0.0.1:9/api/inngest", "{apps}");
    host.stop().await;
    std::fs::write(host.folder().join("pawl.toml"), "").expect("writes");
    host.restart().await;
    assert_eq!(host.read("/v1/functions").await, json!([]));
    assert!(host.log().contains("not listed any more"));
}

#[tokio::test]
async fn a_wrong_registration_names_what_is_wrong_with_it() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let send = async |functions: Value| {
        register(&host, "", &registration("shop", "http://localhost:9/api/inngest", &functions)).await
    };
    let mut odd = function("shop", "f", "x");
    odd["throttle"] = json!({"limit": 1, "period": "soon"});
    let refused = send(json!([odd])).await;
    refused.expect_refusal(400, "invalid_registration");
    let why = refused.json()["error"].to_string();
    assert!(why.contains("shop-f") && why.contains("throttle.period"), "{why}");
    let problems = host.get("/v1/deployments").await.json()["metadata"]["problems"].clone();
    assert_eq!(
        (&problems[0]["source"], &problems[0]["code"]),
        (&json!("app:shop"), &json!("invalid_registration"))
    );

    let mut taken = function("shop", "f", "x");
    taken["id"] = json!("versioned");
    send(json!([taken])).await.expect_refusal(422, "function_repeated");
    for body in [json!([]), json!({}), json!({"appName": "shop"})] {
        register(&host, "", &body).await.expect_refusal(400, "invalid_registration");
    }
    send(json!([function("shop", "f", "x")])).await.expect(200);
    let problems = host.get("/v1/deployments").await.json()["metadata"]["problems"].clone();
    assert_eq!(problems, json!([]), "what is right again is no problem");

    let request =
        host.request(Method::POST, "/fn/register").header("x-inngest-expected-server-kind", "cloud");
    let body = registration("shop", "http://localhost:9/api/inngest", &json!([]));
    host.ask(request.body(body.to_string())).await.expect_refusal(400, "other_server_kind");
}

#[tokio::test]
async fn a_runs_events_and_steps_can_be_read_until_it_is_over() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let event =
        host.send_event(&json!({"name": "test/sleeper", "data": {"ms": 600_000}, "id": "mine"})).await;
    let run = host.wait_for(&event, "sleeper", "Sleeping").await;
    let id = run["run_id"].as_str().expect("an id");
    let batch = host.get(&format!("/v0/runs/{id}/batch")).await.expect(200).json();
    assert_eq!((&batch[0]["id"], &batch[0]["name"]), (&json!("mine"), &json!("test/sleeper")));
    assert_eq!((&batch[0]["user"], &batch[0]["data"]["ms"]), (&json!({}), &json!(600_000)));
    let actions = host.get(&format!("/v0/runs/{id}/actions")).await.expect(200).json();
    // the SHA-1 of `before`; the sleep is not over
    assert_eq!(actions, json!({"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d": {"data": "before"}}));
    host.delete(&format!("/v1/runs/{id}")).await.expect(200);
    for path in [format!("/v0/runs/{id}/batch"), format!("/v0/runs/{id}/actions"), "/v0/runs/x/batch".into()]
    {
        host.get(&path).await.expect_refusal(410, "no_state");
    }
}

#[tokio::test]
async fn a_run_of_an_app_is_pinned_to_its_registration_and_not_moved() {
    let host = Setup::dev().start().await;
    let gone = SocketAddr::from(([127, 0, 0, 1], 9));
    let body = registration("shop", &url(gone), &json!([function("shop", "f", "shop/order")]));
    register(&host, "", &body).await.expect(200);
    let event = host.send("shop/order", json!({})).await;
    let run = until("a run", PATIENCE, async || {
        host.runs_of(&event).await.into_iter().next().ok_or_else(|| "none".to_owned())
    })
    .await;
    assert_eq!(run["function_version"], host.read("/v1/functions").await[0]["deployment"]);
    let path = format!("/v1/runs/{}/move", run["run_id"].as_str().expect("an id"));
    let refused = host.post(&path, "{}").await;
    refused.expect_refusal(400, "invalid_body");
    assert!(refused.body.contains("app `shop`"), "{}", refused.body);
    // bytes that are JSON are no component, whoever brings them
    let bytes = std::fs::read(paths::guest("version-a")).expect("reads");
    host.deploy(b"{\"pawl\":\"app@1\"}".to_vec()).await.expect_refusal(422, "not_a_component");
    host.deploy(bytes).await.expect(201);
}

/// The findings of `pawl doctor` about apps, with their weights.
async fn doctor(host: &Host, args: &[&str]) -> Vec<(String, String)> {
    let output = host.cli(&[&["doctor", "--json"], args].concat()).await;
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings").iter();
    let text = |finding: &Value, name: &str| finding[name].as_str().expect("text").to_owned();
    let found: Vec<_> =
        findings.filter(|f| f["topic"] == "Apps").map(|f| (text(f, "weight"), text(f, "text"))).collect();
    let is_bad = found.iter().any(|(weight, _)| weight == "bad");
    assert!(!is_bad || !output.status.success(), "{report:#}");
    found
}

fn finding(found: &[(String, String)], weight: &str, words: &[&str]) {
    let is_it = |(w, text): &&(String, String)| w == weight && words.iter().all(|word| text.contains(word));
    assert!(found.iter().any(|f| is_it(&f)), "no {weight} {words:?}: {found:#?}");
}

#[tokio::test]
async fn the_doctor_asks_each_listed_app_and_says_what_is_wrong_with_it() {
    let shop = App::start("shop", json!([function("shop", "a", "x"), function("shop", "b", "x")])).await;
    let py = App::start("py", json!([function("py", "f", "x")])).await;
    let away = App::start("late", json!([])).await;
    let gone = away.addr;
    drop(away);
    let other = pawl_tests::upstream::Upstream::start().await;
    let urls = [shop.url(), py.url(), url(gone), other.url("/api/inngest")];
    let listed: String = urls.iter().map(|url| polled(url)).collect();
    let listed = listed + "[[app]]\nname = 'billing'\n";
    let mut host = Setup::dev().config(&listed).start().await;
    py.says().registers_at = Some(host.url(""));
    until("the host to know all", PATIENCE, async || {
        let apps = host.read("/v1/apps").await;
        let known = |app: &&Value| app["synced_at"].is_string() || app["error"].is_string();
        let known = apps.as_array().map_or(0, |all| all.iter().filter(known).count());
        if known == 4 { Ok(()) } else { Err(apps.to_string()) }
    })
    .await;
    let found = doctor(&host, &[]).await;
    assert_eq!(found.len(), 5, "each once: {found:#?}");
    finding(&found, "good", &[&shop.url(), "shop (js:v4.24.0)", "2 functions"]);
    finding(&found, "good", &[&py.url(), "registered by itself", "1 functions"]);
    finding(&found, "bad", &[&url(gone), "nobody can be reached", "is it running"]);
    finding(&found, "bad", &["/api/inngest", "is no Inngest SDK"]);
    finding(&found, "note", &["billing", "by its name alone"]);
    let shown = host.cli(&["doctor"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("Apps\n") && shown.contains("2 functions"), "{shown}");
    // also without a host
    py.says().registers_at = None;
    host.stop().await;
    let found = doctor(&host, &[]).await;
    finding(&found, "good", &[&py.url(), "py (js:v4.24.0)", "1 functions"]);
    // an app in production, with a key of its own
    host.set_env("INNGEST_SIGNING_KEY", SIGNING_KEY);
    host.set_env("INNGEST_EVENT_KEY", "any");
    shop.says().key = Some("another-key".into());
    py.says().key = Some(SIGNING_KEY.into());
    let found = doctor(&host, &["--serve"]).await;
    finding(&found, "bad", &[&shop.url(), "cannot be trusted"]);
    finding(&found, "good", &[&py.url(), "1 functions"]);
    assert!(!found.iter().any(|(_, text)| text.contains(SIGNING_KEY)), "{found:?}");
}

#[tokio::test]
async fn the_doctor_judges_an_app_that_registers_by_itself_by_what_it_does_when_it_is_asked() {
    let away = App::start("py", json!([])).await;
    let addr = away.addr;
    drop(away);
    let listed = format!("[[app]]\nurl = '{}'\npoll = '1h'\n", url(addr));
    let host = Setup::dev().config(&listed).start().await;
    app_is(&host, "missed", |app| app["error"].is_string()).await;
    // it was just started, and registers because it is asked
    let app = App::start_at(addr, "py", json!([function("py", "f", "x")])).await;
    app.says().registers_at = Some(host.url(""));
    let found = doctor(&host, &[]).await;
    finding(&found, "good", &[&app.url(), "registered by itself", "1 functions"]);
    until("the host to have asked for the last time in this hour", PATIENCE, async || {
        if host.log().contains("an app is synced") { Ok(()) } else { Err(host.log()) }
    })
    .await;
    // from now on it registers with another: that it was here before is no good sign
    let other = pawl_tests::upstream::Upstream::start().await;
    app.says().registers_at = Some(other.url(""));
    let found = doctor(&host, &[]).await;
    finding(&found, "bad", &[&app.url(), "has registered elsewhere"]);
}
