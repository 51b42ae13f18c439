//! An OpenTelemetry collector: takes spans over HTTP, reads them with OpenTelemetry's own
//! types, and can be away or busy.

use crate::clock::{PATIENCE, until};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The collector. Dropped, it is gone.
#[derive(Debug)]
pub struct Collector {
    addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What came in so far.
#[derive(Debug, Default)]
struct Seen {
    spans: Vec<Span>,
    headers: Vec<HeaderMap>,
    refusals: VecDeque<u16>,
}

/// A span that came in; ids in hex, values as text.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its trace.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// The span above it; empty: none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// When it began and ended, in nanoseconds.
    pub times: (u64, u64),
    /// What is said of it.
    pub attributes: BTreeMap<String, String>,
    /// What is said of its host.
    pub resource: BTreeMap<String, String>,
    /// 0: nothing is said, 1: fine, 2: an error, with a sentence.
    pub status: (i32, String),
    /// The events in it.
    pub events: Vec<(String, BTreeMap<String, String>)>,
}

impl Collector {
    /// Starts one that takes everything.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The same at this address.
    pub async fn start_at(addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let seen = Arc::<Mutex<Seen>>::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(seen.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { addr, seen, task }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Answers one of the next requests so, and takes nothing of it.
    pub fn refuse(&self, status: u16) {
        self.seen().refusals.push_back(status);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.seen().spans.clone()
    }

    /// The headers of all requests so far, also of those that were refused.
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.seen().headers.clone()
    }

    /// Waits for the spans of this run: its own, and all of its trace that are under it.
    pub async fn spans_of(&self, run: &str) -> Vec<Span> {
        until(&format!("the spans of {run}"), PATIENCE, async || {
            let spans = self.spans();
            let root =
                spans.iter().find(|span| span.attributes.get("pawl.run.id").is_some_and(|id| id == run));
            let root = root.ok_or_else(|| format!("{} others", spans.len()))?;
            let mut found = vec![root.clone()];
            let mut above = vec![root.id.clone()];
            while let Some(parent) = above.pop() {
                let is_run = |span: &Span| span.attributes.contains_key("pawl.run.id");
                for span in spans.iter().filter(|span| span.parent == parent && !is_run(span)) {
                    found.push(span.clone());
                    above.push(span.id.clone());
                }
            }
            Ok(found)
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.headers.push(headers);
    if let Some(status) = seen.refusals.pop_front() {
        return StatusCode::from_u16(status).expect("a status").into_response();
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    for of_host in request.resource_spans {
        let resource = attributes(&of_host.resource.unwrap_or_default().attributes);
        for span in of_host.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            seen.spans.push(read(span, resource.clone()));
        }
    }
    ([("content-type", "application/x-protobuf")], Bytes::new()).into_response()
}

fn read(span: otlp::Span, resource: BTreeMap<String, String>) -> Span {
    let status = span.status.unwrap_or_default();
    Span {
        trace: hex::encode(span.trace_id),
        id: hex::encode(span.span_id),
        parent: hex::encode(span.parent_span_id),
        name: span.name,
        times: (span.start_time_unix_nano, span.end_time_unix_nano),
        attributes: attributes(&span.attributes),
        resource,
        status: (status.code, status.message),
        events: span.events.into_iter().map(|e| (e.name, attributes(&e.attributes))).collect(),
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(n)) => n.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    };
    all.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}
