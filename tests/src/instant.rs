//! InstantDB's admin HTTP API as far as functions use it: `POST /admin/transact` and
//! `POST /admin/query`.
//!
//! **What it is worth.** It was written from the server's source and is driven by both
//! official clients in `tests/it/instant/official.rs`. It was never compared with a
//! running server: that needs a JVM build and a prepared PostgreSQL, which the machines
//! of this project cannot get. Where it knows less than the server (queries above all)
//! it refuses, so that no test passes on a guess.
//!
//! What it copies: the checks of the headers and their order, the grammar of steps and
//! lookups, what upserts and what is strict, one transaction for all steps, unique
//! attributes, the closed namespaces that begin with `$`, the shape and status of every
//! refusal, and that a wrong token is answered with 400 and **echoed** in the hint.

mod query;
mod refusal;
mod steps;
mod tables;

pub use refusal::Refusal;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tables::Tables;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The app that the stub serves.
pub const APP_ID: &str = "0e2e3a1c-7b54-4f0e-9d7c-5a1f2b3c4d5e";
/// Its admin token.
pub const TOKEN: &str = "7d0c6a52-91f3-4c8e-8a44-3b2f1e0d9c8b";

/// A stub that serves. Dropped, it is gone.
#[derive(Debug)]
pub struct Instant {
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    tables: Tables,
    faults: VecDeque<Fault>,
    requests: Vec<(String, Value)>,
}

/// A trouble of the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests: 429.
    RateLimited,
    /// The database took too long: 429.
    Timeout,
    /// Something broke: 500.
    Broken,
    /// The app takes no more writes: 400.
    ReadOnly,
}

impl Instant {
    /// Starts a stub with no rows.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared::default()));
        let router = Router::new()
            .route("/admin/transact", post(transact))
            .route("/admin/query", post(query))
            .with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { addr, shared, task }
    }

    /// What `INSTANT_API_URI` is to be.
    pub fn uri(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Declares an attribute, as a pushed schema does.
    pub fn declare(&self, namespace: &str, attribute: &str, is_unique: bool) {
        self.shared().tables.declare(namespace, attribute, is_unique);
    }

    /// Puts a row in.
    pub fn put(&self, namespace: &str, id: &str, row: Value) {
        let step = json!(["update", namespace, id, row]);
        let steps = steps::parse(&json!([step])).expect("a step");
        self.shared().tables.transact(&steps, false).expect("takes the row");
    }

    /// A row, if it is there.
    pub fn row(&self, namespace: &str, id: &str) -> Option<Map<String, Value>> {
        self.shared().tables.row(namespace, id).cloned()
    }

    /// All rows of a namespace.
    pub fn rows(&self, namespace: &str) -> Vec<Map<String, Value>> {
        self.shared().tables.rows(namespace).cloned().collect()
    }

    /// Makes one of the next requests fail, in the order in which this is said.
    pub fn fail_next(&self, fault: Fault) {
        self.shared().faults.push_back(fault);
    }

    /// Every request so far: its path and its body.
    pub fn requests(&self) -> Vec<(String, Value)> {
        self.shared().requests.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

impl Drop for Instant {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Stub = State<Arc<Mutex<Shared>>>;
type Params = Query<BTreeMap<String, String>>;

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn transact(stub: Stub, params: Params, headers: HeaderMap, body: Bytes) -> Response {
    serve(&stub, "/admin/transact", &body, |tables, body| {
        let steps = body.get("steps").filter(|s| !s.is_null());
        let steps = steps.ok_or_else(|| Refusal::missing(&["body", "steps"]))?;
        if !steps.is_array() && !steps.is_object() {
            return Err(Refusal::malformed(&["body", "steps"], steps.clone()));
        }
        authorise(&headers, &params)?;
        let strict = body.get("throw-on-missing-attrs?").and_then(Value::as_bool).unwrap_or(false);
        let tx = tables.transact(&steps::parse(steps)?, strict)?;
        Ok(json!({ "tx-id": tx }))
    })
}

async fn query(stub: Stub, params: Params, headers: HeaderMap, body: Bytes) -> Response {
    serve(&stub, "/admin/query", &body, |tables, body| {
        let query = body.get("query").filter(|q| !q.is_null());
        let query = query.ok_or_else(|| Refusal::missing(&["body", "query"]))?;
        let query = query.as_object().ok_or_else(|| Refusal::malformed(&["body", "query"], query.clone()))?;
        authorise(&headers, &params)?;
        query::answer(tables, query)
    })
}

fn serve(
    shared: &Mutex<Shared>,
    path: &str,
    body: &[u8],
    work: impl FnOnce(&mut Tables, &Map<String, Value>) -> Result<Value, Refusal>,
) -> Response {
    let mut shared = lock(shared);
    let json = serde_json::from_slice(body).unwrap_or(Value::Null);
    shared.requests.push((path.to_owned(), json.clone()));
    let result = match (shared.faults.pop_front(), json) {
        (Some(fault), _) => Err(fault.refusal()),
        (None, Value::Object(map)) => work(&mut shared.tables, &map),
        (None, _) => work(&mut shared.tables, &Map::new()),
    };
    match result {
        Ok(answer) => (StatusCode::OK, axum::Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// The app and its token, or the server's words about what is wrong with them.
fn authorise(headers: &HeaderMap, params: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let app_in = ["headers", "app-id"];
    let app = header("app-id").or(params.get("app_id").map(String::as_str));
    let app = app.ok_or_else(|| Refusal::missing(&app_in))?;
    if !steps::is_uuid(app) {
        return Err(Refusal::malformed(&app_in, app.into()));
    }
    let token_in = ["headers", "authorization"];
    let bearer = header("authorization").ok_or_else(|| Refusal::missing(&token_in))?;
    let token = bearer.rsplit("Bearer ").next().unwrap_or_default().trim();
    if !steps::is_uuid(token) {
        return Err(Refusal::malformed(&token_in, bearer.into()));
    }
    if (app, token) != (APP_ID, TOKEN) {
        // the server does say the token again: whoever logs this answer has leaked it
        let hint = json!({ "args": [{ "app-id": app, "token": token }], "record-type": "app-admin-token" });
        return Err(Refusal::new("record-not-found", "Record not found: app-admin-token", hint));
    }
    if ["as-email", "as-token", "as-guest"].iter().any(|name| headers.contains_key(*name)) {
        // a stub has no rules, and no rules permit nothing
        let hint = json!({ "input": null, "expected": "perms-pass?" });
        return Err(Refusal::new("permission-denied", "Permission denied: not perms-pass?", hint));
    }
    Ok(())
}

impl Fault {
    fn refusal(self) -> Refusal {
        match self {
            Self::RateLimited => {
                let message = "You're making too many requests.";
                Refusal::new("rate-limited", message, json!({ "retry-after": 1 })).with_status(429)
            }
            Self::Timeout => {
                let message = "The query took too long to complete.";
                Refusal::new("timeout", message, Value::Null).with_status(429)
            }
            Self::Broken => {
                let message = "Something went wrong. Sorry about this!";
                Refusal::new("unknown", message, json!({ "debug-uri": null })).with_status(500)
            }
            Self::ReadOnly => Refusal::new("app-read-only", "This app is read-only.", Value::Null),
        }
    }
}
