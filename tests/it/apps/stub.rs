//! An app as far as registering goes: it answers `PUT`, as the SDKs do, and says what it was asked.
//! Its calls are answered as a test has planned it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use hmac::{Hmac, Mac};
use pawl_tests::clock::{PATIENCE, unix_seconds, until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The app. Dropped, it is gone.
pub(super) struct App {
    pub(super) addr: SocketAddr,
    says: Arc<Mutex<Says>>,
    task: JoinHandle<()>,
}

/// What it says of itself, and what it was asked.
pub(super) struct Says {
    /// Its name.
    pub(super) name: String,
    /// Its functions, as an SDK describes them.
    pub(super) functions: Value,
    /// The key of its answers.
    pub(super) key: Option<String>,
    /// Whether it answers with its functions; else it registers at this host.
    pub(super) registers_at: Option<String>,
    /// What it was asked.
    pub(super) asked: Vec<(HeaderMap, String)>,
    /// How its next calls are answered: statuses and bodies.
    pub(super) answers: VecDeque<(u16, Value)>,
    /// The bodies of its calls.
    pub(super) calls: Vec<Value>,
}

impl App {
    pub(super) async fn start(name: &str, functions: Value) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), name, functions).await
    }

    pub(super) async fn start_at(addr: SocketAddr, name: &str, functions: Value) -> Self {
        let listener = until("the port", PATIENCE, async || {
            // the one that was there before may not be gone yet
            TcpListener::bind(addr).await.map_err(|e| e.to_string())
        })
        .await;
        let addr = listener.local_addr().expect("an address");
        let (answers, calls) = (VecDeque::new(), Vec::new());
        let says = Says {
            name: name.into(),
            functions,
            key: None,
            registers_at: None,
            asked: Vec::new(),
            answers,
            calls,
        };
        let says = Arc::new(Mutex::new(says));
        let router =
            Router::new().route("/api/inngest", put(asked).post(called)).with_state((addr, says.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { addr, says, task }
    }

    pub(super) fn url(&self) -> String {
        url(self.addr)
    }

    pub(super) fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn url(addr: SocketAddr) -> String {
    format!("http://{addr}/api/inngest")
}

/// A function, as an SDK describes it.
pub(super) fn function(app: &str, id: &str, event: &str) -> Value {
    json!({"id": format!("{app}-{id}"), "name": id, "triggers": [{"event": event}],
        "steps": {"step": {"id": "step", "name": "step", "runtime": {"type": "http", "url": "http://x"}}}})
}

/// The body of `POST /fn/register`.
pub(super) fn registration(app: &str, url: &str, functions: &Value) -> Value {
    json!({"url": url, "deployType": "ping", "framework": "nodejs", "appName": app, "v": "0.1",
        "functions": functions, "sdk": "js:v4.24.0"})
}

/// `Authorization` of an app with this key, which is not written in hex.
pub(super) fn bearer(key: &str) -> String {
    format!("Bearer {}", hex::encode(Sha256::digest(key.as_bytes())))
}

/// The signature of a body, which is canonical JSON already.
pub(super) fn signature(key: &str, body: &[u8]) -> String {
    let t = unix_seconds().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key");
    mac.update(body);
    mac.update(t.as_bytes());
    format!("t={t}&s={}", hex::encode(mac.finalize().into_bytes()))
}

async fn asked(
    State((addr, says)): State<(SocketAddr, Arc<Mutex<Says>>)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = String::from_utf8_lossy(&body).into_owned();
    let (name, functions, key, registers_at) = {
        let mut says = says.lock().unwrap_or_else(PoisonError::into_inner);
        says.asked.push((headers.clone(), text));
        (says.name.clone(), says.functions.clone(), says.key.clone(), says.registers_at.clone())
    };
    let is_in_band = headers.get("x-inngest-sync-kind").is_some_and(|kind| kind == "in_band");
    match registers_at {
        // as the Python SDK does while one develops
        Some(_) if is_in_band => {
            let why = json!({"code": "unknown", "message": "request must be signed for in-band sync"});
            sdk(StatusCode::UNAUTHORIZED, "in_band", None, &why)
        }
        Some(host) => {
            let body = registration(&name, &url(addr), &functions);
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let mut request = client.post(format!("{host}/fn/register")).body(body.to_string());
            if let Some(key) = &key {
                request = request.header("authorization", bearer(key));
            }
            let answer = request.send().await.expect("the host answers");
            let status = StatusCode::from_u16(answer.status().as_u16()).expect("a status");
            let body = answer.text().await.expect("a body");
            let message = match status.is_success() {
                true => json!({"message": "Successfully registered", "modified": true}),
                false => json!({"message": format!("Failed to register; {body}"), "modified": false}),
            };
            sdk(status, "out_of_band", None, &message)
        }
        None => {
            let body = json!({"app_id": name, "env": null, "framework": "nodejs", "functions": functions,
                "sdk_author": "inngest", "sdk_language": "js", "sdk_version": "4.24.0", "url": "http://elsewhere/x"});
            sdk(StatusCode::OK, "in_band", key.as_deref(), &body)
        }
    }
}

async fn called(State((_, says)): State<(SocketAddr, Arc<Mutex<Says>>)>, body: Bytes) -> Response {
    let mut says = says.lock().unwrap_or_else(PoisonError::into_inner);
    says.calls.push(serde_json::from_slice(&body).expect("a call"));
    let (status, answer) = says.answers.pop_front().expect("a planned answer");
    sdk(StatusCode::from_u16(status).expect("a status"), "", says.key.as_deref(), &answer)
}

fn sdk(status: StatusCode, kind: &'static str, key: Option<&str>, body: &Value) -> Response {
    let body = body.to_string();
    let signed = key.map(|key| signature(key, body.as_bytes())).unwrap_or_default();
    let headers = [
        ("x-inngest-sdk", "inngest-js:v4.24.0".to_owned()),
        ("x-inngest-sync-kind", kind.to_owned()),
        ("x-inngest-signature", signed),
    ];
    (status, headers, body).into_response()
}
