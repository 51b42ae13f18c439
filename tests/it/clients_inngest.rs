//! Inngest's own clients, sending events to the host with nothing but their environment set.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pawl_tests::clients::{self, Language};
use pawl_tests::setup::EVENT_KEY;
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A client of theirs: a language, and for node a version.
type Client = (Language, u32);

const NODE_3: Client = (Language::InngestNode, 3);
const NODE_4: Client = (Language::InngestNode, 4);
const PYTHON: Client = (Language::InngestPython, 0);

async fn send((language, version): Client, sends: Value, env: &[(&str, &str)]) -> Option<Vec<Value>> {
    let script = if version == 0 { "send.py" } else { "send.js" };
    let input = json!({ "version": version, "sends": sends });
    let outcomes = clients::run_with(language, script, &input, env).await?;
    Some(outcomes.as_array().expect("outcomes").clone())
}

fn ids(outcome: &Value) -> Vec<&str> {
    let ids = outcome["ids"].as_array().unwrap_or_else(|| panic!("no ids in {outcome}"));
    ids.iter().map(|id| id.as_str().expect("an id")).collect()
}

/// All that a client of theirs says of events comes in as it was said, single or many.
async fn is_served(client: Client) {
    let host = Setup::serve().start().await;
    let mut full = json!({
        "name": "shop/order.placed", "data": { "n": 1.5, "text": "ż" },
        "ts": 1_700_000_000_123_i64, "id": "order-1",
    });
    if client != PYTHON {
        // that client's events know of neither
        full["user"] = json!({ "id": "u1" });
        full["v"] = json!("2024-01-01.1");
    }
    let bare = json!({ "name": "shop/bare", "data": { "n": 1 } });
    let many: Vec<_> = (0..5_000).map(|n| json!({ "name": "shop/many", "data": { "n": n } })).collect();
    let sends = json!([full, bare, [bare, bare], many, full]);
    let url = host.url("");
    let env = [("INNGEST_DEV", "0"), ("INNGEST_BASE_URL", &*url), ("INNGEST_EVENT_KEY", EVENT_KEY)];
    let Some(outcomes) = send(client, sends, &env).await else { return };
    let [first] = ids(&outcomes[0])[..] else { panic!("{:?}", outcomes[0]) };
    let stored = host.read(&format!("/v1/events/{first}")).await;
    for key in ["name", "data", "user", "ts", "v", "id"] {
        assert_eq!(stored[key], full[key], "{stored:#}");
    }
    assert_eq!(stored["internal_id"], first);
    assert_eq!(ids(&outcomes[4]), [first], "its id is known");
    let [one] = ids(&outcomes[1])[..] else { panic!("{:?}", outcomes[1]) };
    let stored = host.read(&format!("/v1/events/{one}")).await;
    assert_eq!((&stored["id"], &stored["internal_id"]), (&json!(one), &json!(one)), "{stored:#}");
    let [two, three] = ids(&outcomes[2])[..] else { panic!("{:?}", outcomes[2]) };
    assert!(one != two && two != three, "what was sent twice on purpose is two events");
    let many = ids(&outcomes[3]);
    assert_eq!(many.len(), 5_000);
    for n in [0, 1, 255, 256, 4_999] {
        assert_eq!(host.read(&format!("/v1/events/{}", many[n])).await["data"]["n"], n, "in order");
    }
    assert_eq!(host.all("/v1/events").await.len(), 5_004);
}

#[tokio::test]
async fn inngests_node_client_4_sends_events() {
    is_served(NODE_4).await;
}

#[tokio::test]
async fn inngests_node_client_3_sends_events() {
    is_served(NODE_3).await;
}

#[tokio::test]
async fn inngests_python_client_sends_events() {
    is_served(PYTHON).await;
}

#[tokio::test]
async fn inngests_clients_send_to_dev_without_a_key() {
    let host = Setup::dev().start().await;
    let url = host.url("");
    for client in [NODE_3, NODE_4, PYTHON] {
        let sends = json!([{ "name": "a/b", "data": {} }]);
        let Some(outcomes) = send(client, sends, &[("INNGEST_DEV", &*url)]).await else { return };
        assert_eq!(ids(&outcomes[0]).len(), 1, "{client:?}");
    }
    assert_eq!(host.all("/v1/events").await.len(), 3);
}

#[tokio::test]
async fn inngests_clients_say_what_is_wrong_with_their_key() {
    let host = Setup::serve().start().await;
    let url = host.url("");
    for client in [NODE_3, NODE_4, PYTHON] {
        let env = [("INNGEST_DEV", "0"), ("INNGEST_BASE_URL", &*url), ("INNGEST_EVENT_KEY", "wrong")];
        let Some(outcomes) = send(client, json!([{ "name": "a/b", "data": {} }]), &env).await else { return };
        let error = outcomes[0]["error"].as_str().unwrap_or_default();
        assert!(error.contains("INNGEST_EVENT_KEY"), "{client:?}: {outcomes:?}");
    }
    assert_eq!(host.all("/v1/events").await.len(), 0);
}

/// Stands before a host and loses its first answers.
struct Lossy {
    host: Host,
    client: reqwest::Client,
    requests: AtomicUsize,
    loses: usize,
}

async fn forward(State(lossy): State<Arc<Lossy>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut request = lossy.client.post(lossy.host.url(uri.path())).body(body.to_vec());
    for name in ["content-type", "x-inngest-event-id-seed"] {
        let value = headers.get(name).unwrap_or_else(|| panic!("no {name}: {headers:?}"));
        request = request.header(name, value.as_bytes());
    }
    let answer = lossy.host.ask(request).await.expect(200);
    if lossy.requests.fetch_add(1, Ordering::SeqCst) < lossy.loses {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    answer.body.into_response()
}

/// An answer of the host is lost, the client sends again, and there is one event of each.
async fn is_stored_once(client: Client) {
    let host = Setup::serve().start().await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let lossy = Arc::new(Lossy { host, client: http, requests: AtomicUsize::new(0), loses: 2 });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let app = axum::Router::new().fallback(forward).with_state(lossy.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let env = [("INNGEST_DEV", "0"), ("INNGEST_BASE_URL", &*url), ("INNGEST_EVENT_KEY", EVENT_KEY)];
    let sends = json!([[{ "name": "a/b", "data": {} }, { "name": "a/b", "data": {}, "id": "own" }]]);
    let outcomes = send(client, sends, &env).await;
    serving.abort();
    let Some(outcomes) = outcomes else { return };
    assert_eq!(lossy.requests.load(Ordering::SeqCst), 3, "{outcomes:?}");
    let mut stored: Vec<_> = lossy.host.all("/v1/events").await;
    stored.reverse();
    let stored: Vec<_> = stored.iter().map(|e| e["internal_id"].as_str().expect("an id")).collect();
    assert_eq!(ids(&outcomes[0]), stored);
}

#[tokio::test]
async fn what_inngests_node_client_4_sends_again_is_stored_once() {
    is_stored_once(NODE_4).await;
}

#[tokio::test]
async fn what_inngests_node_client_3_sends_again_is_stored_once() {
    is_stored_once(NODE_3).await;
}

#[tokio::test]
async fn what_inngests_python_client_sends_again_is_stored_once() {
    is_stored_once(PYTHON).await;
}
