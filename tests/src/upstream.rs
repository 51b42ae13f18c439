//! A server for functions to call: it counts who calls, and can hold its answers back
//! until a test says so.

use crate::clock::{PATIENCE, until};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The server. Dropped, it is gone.
#[derive(Debug)]
pub struct Upstream {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<Calls>,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
}

/// What was called so far.
#[derive(Debug, Default)]
struct Calls {
    seen: Vec<Call>,
    under_way: usize,
    most_under_way: usize,
    planned: VecDeque<Planned>,
}

/// An answer for one of the next calls.
#[derive(Debug, Clone)]
struct Planned {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// One request that came in.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET /path?query`
    pub line: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

/// One more call under way, until it is dropped: also when its caller goes away.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn new(shared: Arc<Shared>) -> Self {
        let mut calls = shared.calls();
        calls.under_way += 1;
        calls.most_under_way = calls.most_under_way.max(calls.under_way);
        drop(calls);
        Self(shared)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.calls().under_way -= 1;
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upstream {
    /// Starts a server that answers everything with 200 `{"ok":true}`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { state: Mutex::default(), held: watch::Sender::new(false) });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { addr, shared, task }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Holds every answer back, from now on and until [`Upstream::release`].
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Lets the held answers go.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Answers one of the next calls so, in the order in which it was planned.
    pub fn plan(&self, status: u16, body: &str) {
        let planned = Planned { status, headers: Vec::new(), body: body.to_owned() };
        self.shared.calls().planned.push_back(planned);
    }

    /// The same with a header.
    pub fn plan_with(&self, status: u16, header: &'static str, value: &str) {
        let headers = vec![(header, value.to_owned())];
        self.shared.calls().planned.push_back(Planned { status, headers, body: "{}".into() });
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls().seen.clone()
    }

    /// How many there were so far.
    pub fn count(&self) -> usize {
        self.shared.calls().seen.len()
    }

    /// Waits for the first call.
    pub async fn is_called(&self) {
        until("the call", PATIENCE, async || if self.count() == 1 { Ok(()) } else { Err("none".into()) })
            .await;
    }

    /// How many wait for an answer now.
    pub fn under_way(&self) -> usize {
        self.shared.calls().under_way
    }

    /// How many have waited at once.
    pub fn most_under_way(&self) -> usize {
        self.shared.calls().most_under_way
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let _under_way = UnderWay::new(shared.clone());
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap_or_default();
    let line = format!("{} {}", parts.method, parts.uri);
    let body = String::from_utf8_lossy(&body).into_owned();
    let planned = {
        let mut calls = shared.calls();
        calls.seen.push(Call { line, headers: parts.headers, body });
        calls.planned.pop_front()
    };
    let mut held = shared.held.subscribe();
    let _closed = held.wait_for(|is_held| !is_held).await;
    let fine = || Planned { status: 200, headers: Vec::new(), body: r#"{"ok":true}"#.into() };
    let Planned { status, headers, body } = planned.unwrap_or_else(fine);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    let mut answer = (status, [("content-type", "application/json")], body).into_response();
    for (name, value) in headers {
        answer.headers_mut().insert(name, value.parse().expect("a header's value"));
    }
    answer
}
