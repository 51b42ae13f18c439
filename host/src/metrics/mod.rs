//! What the host counts, as Prometheus reads it. Counters hear every fact where it is told
//! ([`Ear`]) and so are exact; what stands still between two facts is looked up when
//! somebody asks (`gauges`).
//!
//! Every label has few values: an event's name, a user or a run is never one.

mod gauges;

use crate::catalog::Catalog;
use crate::clock;
use crate::pulse::{Ear, Fact, Tried};
use crate::runtime::Runtime;
use crate::store::records::{Answered, Delivery};
use crate::store::{Store, Why};
use gauges::Gauges;
use pawl_engine::{FunctionId, Kind, Status};
use prometheus::core::Collector;
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Functions that have a label of their own; more of them are counted together.
const FUNCTIONS: usize = 200;

/// The label of functions without one of their own.
const OTHER: &str = "other";

/// How old a number may be that costs the store a query.
const FRESH: Duration = Duration::from_secs(5);

/// Seconds that runs take: from a step or two to a sleep of a week.
const RUN_SECONDS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0,
    604_800.0,
];

/// Seconds that commits take: mostly one fsync.
const COMMIT_SECONDS: [f64; 12] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// Writes in one commit, up to the most that there can be.
const COMMIT_WRITES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Why a span was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// There was no room for it.
    QueueFull,
    /// The collector did not take it.
    Refused,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    runtime: Arc<Runtime>,
    since: Instant,
    named: Named,
    events: IntCounterVec,
    duplicates: IntCounterVec,
    webhooks: IntCounterVec,
    made: IntCounterVec,
    ended: IntCounterVec,
    took: HistogramVec,
    skipped: IntCounterVec,
    tried: IntCounterVec,
    commit_writes: Histogram,
    commit_seconds: Histogram,
    spans_sent: IntCounter,
    spans_dropped: IntCounterVec,
    /// Held while they are set and read, so that nobody reads half of them.
    gauges: tokio::sync::Mutex<Gauges>,
}

/// Registers what it makes.
struct Maker(Registry);

impl Maker {
    fn kept<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, Error> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.kept(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        self.kept(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }
}

impl Metrics {
    /// Nothing is counted yet.
    pub fn new(
        store: Arc<dyn Store>,
        catalog: Arc<Catalog>,
        runtime: Arc<Runtime>,
    ) -> Result<Arc<Self>, Error> {
        let make = Maker(Registry::new());
        let took = HistogramOpts::new("pawl_run_duration_seconds", "From the start of runs to their end.")
            .buckets(RUN_SECONDS.to_vec());
        let metrics = Self {
            events: make.counters(
                "pawl_events_stored_total",
                "Events that were stored, by who gave their id.",
                &["source"],
            )?,
            duplicates: make.counters(
                "pawl_events_duplicate_total",
                "Events whose sender's id was known; nothing was stored.",
                &["source"],
            )?,
            webhooks: make.counters(
                "pawl_webhooks_total",
                "Webhooks by how they were answered; `code` says why one was refused.",
                &["provider", "outcome", "code"],
            )?,
            made: make.counters("pawl_runs_made_total", "Runs that were made.", &["function"])?,
            ended: make.counters("pawl_runs_ended_total", "Runs that are over.", &["function", "status"])?,
            took: make.kept(HistogramVec::new(took, &["function"])?)?,
            skipped: make.counters(
                "pawl_runs_skipped_total",
                "Runs that events did not make, by the reason.",
                &["reason"],
            )?,
            tried: make.counters(
                "pawl_step_attempts_total",
                "Ended tries of steps; what waits counts once, when it is settled.",
                &["kind", "outcome"],
            )?,
            commit_writes: make.histogram(
                "pawl_commit_writes",
                "Writes that became durable with one commit.",
                &COMMIT_WRITES,
            )?,
            commit_seconds: make.histogram(
                "pawl_commit_duration_seconds",
                "From the begin of a transaction until it is on the disk.",
                &COMMIT_SECONDS,
            )?,
            spans_sent: make.kept(IntCounter::new(
                "pawl_otlp_spans_sent_total",
                "Spans that the collector has taken.",
            )?)?,
            spans_dropped: make.counters(
                "pawl_otlp_spans_dropped_total",
                "Spans that were not delivered; a run that was never looked at counts as one.",
                &["reason"],
            )?,
            gauges: tokio::sync::Mutex::new(Gauges::new(&make)?),
            registry: make.0,
            catalog,
            store,
            runtime,
            since: clock::instant(),
            named: Named::default(),
        };
        metrics.begin_at_zero();
        Ok(Arc::new(metrics))
    }

    /// A rate over a counter that appears with its first event misses that one.
    fn begin_at_zero(&self) {
        for kind in [Kind::Run, Kind::Sleep, Kind::Wait, Kind::Invoke, Kind::Send, Kind::Fetch] {
            for how in [Tried::Completed, Tried::Retrying, Tried::Failed] {
                self.tried.with_label_values(&[kind.as_str(), word(how)]).inc_by(0);
            }
        }
        for why in [Why::RateLimit, Why::Debounced, Why::Batched, Why::Singleton] {
            self.skipped.with_label_values(&[why.as_str()]).inc_by(0);
        }
        for source in ["stripe", "api", "seed", "cron", "pawl", "none"] {
            self.events.with_label_values(&[source]).inc_by(0);
            self.duplicates.with_label_values(&[source]).inc_by(0);
        }
        for answered in [Answered::Accepted, Answered::Duplicate] {
            self.webhooks.with_label_values(&["stripe", answered.as_str(), ""]).inc_by(0);
        }
        self.spans_dropped(Dropped::QueueFull, 0);
        self.spans_dropped(Dropped::Refused, 0);
    }

    /// A webhook was answered.
    pub fn webhook(&self, delivery: &Delivery) {
        let code = delivery.reason.as_deref().unwrap_or_default();
        self.webhooks.with_label_values(&[&delivery.provider, delivery.answered.as_str(), code]).inc();
    }

    /// The collector has taken so many spans.
    pub fn spans_sent(&self, n: usize) {
        self.spans_sent.inc_by(n as u64);
    }

    /// So many spans will not be delivered.
    pub fn spans_dropped(&self, why: Dropped, n: usize) {
        let reason = match why {
            Dropped::QueueFull => "queue_full",
            Dropped::Refused => "refused",
        };
        self.spans_dropped.with_label_values(&[reason]).inc_by(n as u64);
    }

    /// All of it in Prometheus's text format.
    pub async fn text(&self) -> String {
        let mut gauges = self.gauges.lock().await;
        gauges.set(self).await;
        // the registry's names are valid: nothing that could fail
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// The function's label.
    fn label<'a>(&self, function: &'a FunctionId) -> &'a str {
        self.named.label(function, || self.catalog.snapshot().functions.contains_key(function))
    }
}

/// Functions with a label of their own. One keeps it when it has gone: its counters stay.
#[derive(Default)]
struct Named(Mutex<HashSet<FunctionId>>);

impl Named {
    fn label<'a>(&self, function: &'a FunctionId, is_there: impl FnOnce() -> bool) -> &'a str {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = || named.len() < FUNCTIONS && is_there();
        if !named.contains(function) {
            if !is_new() {
                return OTHER;
            }
            named.insert(function.clone());
        }
        function.as_str()
    }
}

fn word(how: Tried) -> &'static str {
    match how {
        Tried::Completed => "completed",
        Tried::Retrying => "retrying",
        Tried::Failed => "failed",
    }
}

impl Ear for Metrics {
    fn hear(&self, fact: &Fact) {
        match fact {
            Fact::Accepted { source, .. } => {
                self.events.with_label_values(&[source.unwrap_or("none")]).inc();
            }
            Fact::Duplicate { source, .. } => {
                self.duplicates.with_label_values(&[source.unwrap_or("none")]).inc();
            }
            Fact::Made { function, .. } => self.made.with_label_values(&[self.label(function)]).inc(),
            Fact::Skipped { why, .. } => self.skipped.with_label_values(&[*why]).inc(),
            Fact::Tried { op, how } => self.tried.with_label_values(&[op.as_str(), word(*how)]).inc(),
            Fact::Ended { function, status, started_at, at, .. } => {
                let function = self.label(function);
                self.ended.with_label_values(&[function, Status::as_str(*status)]).inc();
                if let Some(started_at) = started_at {
                    let took = (*at - *started_at).to_std().as_secs_f64();
                    self.took.with_label_values(&[function]).observe(took);
                }
            }
            Fact::Moved { .. } | Fact::Delivered { .. } => {}
        }
    }

    fn committed(&self, writes: usize, took: Duration) {
        // at most some hundred: nothing is lost
        self.commit_writes.observe(u32::try_from(writes).map_or(f64::INFINITY, f64::from));
        self.commit_seconds.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_that_there_are_get_a_label_and_never_too_many() {
        let named = Named::default();
        assert_eq!(named.label(&FunctionId::new("gone"), || false), OTHER);
        for n in 0..FUNCTIONS {
            let id = FunctionId::new(format!("f{n}"));
            assert_eq!(named.label(&id, || true), id.as_str());
        }
        assert_eq!(named.label(&FunctionId::new("one-more"), || true), OTHER);
        assert_eq!(named.label(&FunctionId::new("f7"), || false), "f7", "it keeps its label");
    }
}
