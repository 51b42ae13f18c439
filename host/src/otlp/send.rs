//! Batches of spans on their way to the collector: retried with growing pauses while it is
//! away or busy, dropped and counted when it will not take them.

use crate::clock;
use crate::config::Otlp;
use crate::metrics::{Dropped, Metrics};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Tries of one batch: it is given up after about a minute.
const TRIES: u32 = 8;

/// The first pause between two tries, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often the log tells of one and the same trouble.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Sends spans.
pub(super) struct Sender {
    to: Otlp,
    client: reqwest::Client,
    metrics: Arc<Metrics>,
    end: CancellationToken,
    /// When the log last told of trouble.
    told_at: Option<Instant>,
}

/// Why a batch was not taken.
struct Trouble {
    why: String,
    /// Whether another try may go better; after which time, if the collector says so.
    again: Option<Option<Duration>>,
}

impl Sender {
    pub(super) fn new(to: Otlp, metrics: Arc<Metrics>, end: CancellationToken) -> reqwest::Result<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in &to.headers {
            let name = HeaderName::try_from(name.as_str());
            let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(value.expose())) else {
                tracing::warn!("a header of OTEL_EXPORTER_OTLP_HEADERS cannot be sent, and is left out");
                continue;
            };
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("OTel-OTLP-Exporter-pawl/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // its keys are for this host alone
            .redirect(reqwest::redirect::Policy::none())
            .timeout(to.timeout)
            .build()?;
        Ok(Self { to, client, metrics, end, told_at: None })
    }

    /// Until nobody makes spans any more and all are sent.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Span>) {
        let mut batch = Vec::with_capacity(self.to.batch);
        while waiting.recv_many(&mut batch, self.to.batch).await > 0 {
            let until = clock::instant() + self.to.delay;
            while batch.len() < self.to.batch {
                let room = self.to.batch - batch.len();
                match tokio::time::timeout_at(until.into(), waiting.recv_many(&mut batch, room)).await {
                    Ok(1..) => {}
                    // its time is up, or there will be no more
                    Ok(0) | Err(_) => break,
                }
            }
            self.deliver(std::mem::take(&mut batch)).await;
        }
    }

    async fn deliver(&mut self, spans: Vec<Span>) {
        let n = spans.len();
        let body: bytes::Bytes = self.request(spans).encode_to_vec().into();
        let mut pause = FIRST_PAUSE;
        for left in (0..TRIES).rev() {
            let trouble = match self.once(body.clone()).await {
                Ok(rejected) => {
                    let rejected = rejected.min(n);
                    self.metrics.spans_sent(n - rejected);
                    self.metrics.spans_dropped(Dropped::Refused, rejected);
                    return;
                }
                Err(trouble) => trouble,
            };
            let again = trouble.again.filter(|_| left > 0 && !self.end.is_cancelled());
            self.tell(&trouble.why, again.is_some());
            let Some(asked) = again else { break };
            let wanted = asked.unwrap_or_else(|| pause.mul_f64(rand::random_range(0.8..1.2)));
            tokio::select! {
                () = tokio::time::sleep(wanted.min(LONGEST_PAUSE)) => {}
                // one last try
                () = self.end.cancelled() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.metrics.spans_dropped(Dropped::Refused, n);
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let attributes = self.to.resource.iter();
        let attributes =
            attributes.map(|(key, value)| super::spans::text(key, value)).collect::<Vec<KeyValue>>();
        let scope = InstrumentationScope {
            name: "pawl".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let resource = Resource { attributes, ..Resource::default() };
        let spans = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
        let of_host =
            ResourceSpans { resource: Some(resource), scope_spans: vec![spans], ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![of_host] }
    }

    /// How many of the spans the collector would not have.
    async fn once(&mut self, body: bytes::Bytes) -> Result<usize, Trouble> {
        let away = |e: reqwest::Error| Trouble { why: e.without_url().to_string(), again: Some(None) };
        let request = self.client.post(self.to.endpoint.clone());
        let request = request.header(header::CONTENT_TYPE, "application/x-protobuf").body(body);
        let answer = request.send().await.map_err(away)?;
        let status = answer.status();
        if !status.is_success() {
            let is_busy = status.as_u16() == 429 || status.is_server_error();
            let after = answer.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
            let again = is_busy.then(|| after.map(Duration::from_secs));
            return Err(Trouble { why: format!("it answered {status}"), again });
        }
        let said = answer.bytes().await.map_err(away)?;
        let partial = ExportTraceServiceResponse::decode(said).ok().and_then(|said| said.partial_success);
        let Some(partial) = partial.filter(|partial| partial.rejected_spans > 0) else { return Ok(0) };
        self.tell(&crate::telemetry::one_line(&partial.error_message), false);
        Ok(usize::try_from(partial.rejected_spans).unwrap_or(usize::MAX))
    }

    /// Tells the log, seldom: a collector that is away is away for every batch.
    fn tell(&mut self, why: &str, is_tried_again: bool) {
        let now = clock::instant();
        if self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= TELL_EVERY) {
            self.told_at = Some(now);
            tracing::warn!(is_tried_again, "the collector did not take spans: {why}");
        }
    }
}
