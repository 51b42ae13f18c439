//! Who may look and steer, and when a host does not even start.

use pawl_tests::host::refused;
use pawl_tests::setup::{EVENT_KEY, SIGNING_KEY};
use pawl_tests::{Host, Setup};
use reqwest::Method;

const OPERATORS_PATHS: &[(&str, &str)] = &[
    ("GET", "/v1/events"),
    ("GET", "/v1/events/x"),
    ("GET", "/v1/events/x/runs"),
    ("GET", "/v1/runs"),
    ("GET", "/v1/runs/x"),
    ("DELETE", "/v1/runs/x"),
    ("POST", "/v1/runs/x/rerun"),
    ("GET", "/v1/functions"),
    ("GET", "/v1/deployments"),
    ("PUT", "/v1/deployments"),
    ("GET", "/v1/alerts"),
    ("GET", "/v1/alerts/history"),
    ("POST", "/v1/alerts/test"),
    ("GET", "/v1/runs/x/logs"),
];

async fn status(host: &Host, method: &str, path: &str, authorization: Option<&str>) -> (u16, String) {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    // not by `Host::request`, which brings the key along
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut request = client.request(method, host.url(path)).body("nothing");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let answer = host.ask(request).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn production_shows_nothing_without_the_signing_key() {
    let host = Setup::serve().start().await;
    let no = [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some("Bearer wrong".into()),
        Some(format!("Bearer {EVENT_KEY}")),
        Some(format!("Bearer {SIGNING_KEY}x")),
        Some(format!("Basic {SIGNING_KEY}")),
        Some(SIGNING_KEY.into()),
    ];
    for (method, path) in OPERATORS_PATHS {
        for authorization in &no {
            let (status, body) = status(&host, method, path, authorization.as_deref()).await;
            assert_eq!(status, 401, "{method} {path} {authorization:?}: {body}");
            assert!(body.contains("invalid_signing_key"), "{body}");
        }
        let (status, body) = status(&host, method, path, Some(&format!("Bearer {SIGNING_KEY}"))).await;
        assert_ne!(status, 401, "{method} {path}: {body}");
    }
    // alive and ready say nothing that is secret
    for path in ["/healthz", "/readyz"] {
        assert_eq!(status(&host, "GET", path, None).await.0, 200);
    }
    assert!(!host.log().contains(SIGNING_KEY), "keys are not logged");
}

#[tokio::test]
async fn the_fallback_key_is_good_while_keys_are_rolled() {
    let host = Setup::serve().env("INNGEST_SIGNING_KEY_FALLBACK", "the-old-key").start().await;
    assert_eq!(status(&host, "GET", "/v1/runs", Some("Bearer the-old-key")).await.0, 200);
    assert_eq!(status(&host, "GET", "/v1/runs", Some(&format!("Bearer {SIGNING_KEY}"))).await.0, 200);
}

#[tokio::test]
async fn production_does_not_start_without_its_keys_and_names_them() {
    let (status, log) =
        refused(&Setup::serve().without("INNGEST_EVENT_KEY").without("INNGEST_SIGNING_KEY")).await;
    assert!(!status.success());
    assert!(log.contains("INNGEST_EVENT_KEY") && log.contains("INNGEST_SIGNING_KEY"), "{log}");
    for (name, value, word) in [
        ("INNGEST_EVENT_KEY", " \n", "INNGEST_EVENT_KEY"),
        ("INNGEST_SIGNING_KEY", "", "INNGEST_SIGNING_KEY"),
        ("INNGEST_DEV", "1", "INNGEST_DEV"),
        ("PAWL_STORE", "postgres://me:secret-word@h/d", "postgres"),
        ("INSTANT_APP_ID", "an-app", "INSTANT_ADMIN_TOKEN"),
        ("PAWL_STEP_CPU", "soon", "step-cpu"),
        ("PAWL_LOG", "pawl=shout", "PAWL_LOG"),
    ] {
        let (status, log) = refused(&Setup::serve().env(name, value)).await;
        assert!(!status.success(), "{name}={value}");
        assert!(log.contains(word), "{name}={value}: {log}");
        assert!(!log.contains("secret-word"), "{log}");
    }
    let (status, log) = refused(&Setup::serve().config("adr = '127.0.0.1:1'")).await;
    assert!(!status.success() && log.contains("adr"), "{log}");
}

#[tokio::test]
async fn an_unknown_path_or_method_is_refused_in_the_one_shape() {
    let host = Setup::dev().start().await;
    for path in ["/v1", "/v1/nothing", "/v2/runs", "/v1/runs/", "/nothing", "/v1/runs/x/nothing"] {
        host.get(path).await.expect_refusal(404, "no_such_path");
    }
    let refused = host.post("/v1/runs", "{}").await;
    refused.expect_refusal(405, "method_not_allowed");
    assert!(refused.header("allow").contains("GET"), "{:?}", refused.headers);
    assert_eq!(host.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_second_host_on_the_same_data_folder_is_refused() {
    let first = Setup::serve().start().await;
    let mut second = Setup::serve().env("PAWL_DATA", first.data().into_os_string());
    second = second.env("PAWL_LOG", "info");
    let (status, log) = refused(&second).await;
    assert!(!status.success());
    assert!(log.contains(&first.data().display().to_string()) || log.contains("another"), "{log}");
    // the first one goes on
    first.deliver(&pawl_tests::stripe::small("evt_first")).await.expect(200);
    assert!(first.data().join("addr").exists(), "its address stays known");
}
