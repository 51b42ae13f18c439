//! Spans of runs for an OpenTelemetry collector (OTLP over HTTP). When a run has ended, its
//! journal is read and told as one trace.
//!
//! Runs never wait for a collector: what finds no room in the queue is dropped and counted. A
//! crash loses the spans that had not been sent; the journal has them still.

mod send;
mod spans;

use crate::config::Otlp;
use crate::metrics::{Dropped, Metrics};
use crate::pulse::{Ear, Fact};
use crate::store::{Store, StoreError};
use opentelemetry_proto::tonic::trace::v1::Span;
use pawl_engine::RunId;
use send::Sender;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Runs that have ended and were not looked at yet.
const RUNS: usize = 8_192;

/// How long the end waits for the last spans to be sent.
const FLUSH: Duration = Duration::from_secs(3);

/// The way from runs to a collector.
pub struct Exporter {
    ear: Arc<Hearing>,
    reading: JoinHandle<()>,
    sending: JoinHandle<()>,
    end: CancellationToken,
}

/// Hears which runs have ended.
struct Hearing {
    ended: mpsc::Sender<RunId>,
    metrics: Arc<Metrics>,
}

impl Ear for Hearing {
    fn hear(&self, fact: &Fact) {
        if let Fact::Ended { run, .. } = fact
            && self.ended.try_send(run.clone()).is_err()
        {
            self.metrics.spans_dropped(Dropped::QueueFull, 1);
        }
    }
}

impl Exporter {
    /// Sends spans to this collector from now on.
    pub fn start(to: Otlp, store: Arc<dyn Store>, metrics: Arc<Metrics>) -> reqwest::Result<Self> {
        let (ended, runs) = mpsc::channel(RUNS);
        let (queue, waiting) = mpsc::channel(to.queue);
        let end = CancellationToken::new();
        tracing::info!(host = to.endpoint.host_str().unwrap_or_default(), "spans of runs are exported");
        let sender = Sender::new(to, metrics.clone(), end.clone())?;
        let reader = Reader { store, metrics: metrics.clone(), queue };
        Ok(Self {
            ear: Arc::new(Hearing { ended, metrics }),
            reading: tokio::spawn(reader.run(runs, end.clone())),
            sending: tokio::spawn(sender.run(waiting)),
            end,
        })
    }

    /// What is to hear of runs.
    pub fn ear(&self) -> Arc<dyn Ear> {
        self.ear.clone()
    }

    /// Sends what there is, as far as that is quick.
    pub async fn finish(self) {
        self.end.cancel();
        let both = async { (self.reading.await, self.sending.await) };
        if tokio::time::timeout(FLUSH, both).await.is_err() {
            tracing::warn!("the last spans could not be sent");
        }
    }
}

/// Makes spans of runs that have ended.
struct Reader {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    queue: mpsc::Sender<Span>,
}

impl Reader {
    /// Until the end, and then what there is.
    async fn run(self, mut runs: mpsc::Receiver<RunId>, end: CancellationToken) {
        loop {
            let next = tokio::select! {
                biased;
                next = runs.recv() => next,
                () = end.cancelled() => None,
            };
            let Some(run) = next else { break };
            match self.spans(&run).await {
                Ok(spans) => {
                    let lost = spans.into_iter().filter_map(|span| self.queue.try_send(span).err()).count();
                    self.metrics.spans_dropped(Dropped::QueueFull, lost);
                }
                // forgotten since
                Err(StoreError::NotFound) => {}
                Err(e) => {
                    tracing::debug!(%run, error = %e, "the spans of a run could not be made");
                    self.metrics.spans_dropped(Dropped::QueueFull, 1);
                }
            }
        }
    }

    async fn spans(&self, run: &RunId) -> Result<Vec<Span>, StoreError> {
        let run = self.store.run(run).await?;
        let mut traces = Vec::new();
        for event in run.events() {
            traces.push(self.store.event(event.as_str()).await?.trace);
        }
        Ok(spans::of(&run, &traces))
    }
}
