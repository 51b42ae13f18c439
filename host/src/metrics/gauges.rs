//! What stands still between two facts, looked up when somebody asks.

use super::{FRESH, Maker, Metrics};
use crate::clock;
use prometheus::{Error, Gauge, GaugeVec, IntGauge, IntGaugeVec, Opts};
use std::collections::BTreeMap;
use std::time::Instant;

/// All of them.
pub(super) struct Gauges {
    /// When the store was asked last.
    asked_at: Option<Instant>,
    queued: IntGaugeVec,
    oldest: GaugeVec,
    bytes: IntGaugeVec,
    writes_waiting: IntGauge,
    live: IntGauge,
    slots: IntGauge,
    functions: IntGauge,
    compiled: IntGauge,
    uptime: Gauge,
    /// Where the system tells: resident memory and open files.
    process: Option<(IntGauge, IntGauge)>,
}

impl Gauges {
    pub(super) fn new(make: &Maker) -> Result<Self, Error> {
        let one = |name, help| make.kept(IntGauge::new(name, help)?);
        let many = |name, help, labels: &[&str]| make.kept(IntGaugeVec::new(Opts::new(name, help), labels)?);
        let build = many("pawl_build_info", "Always 1; `version` is this host's.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let oldest = "How long the run has been ready that waits longest for its turn.";
        Ok(Self {
            asked_at: None,
            queued: many(
                "pawl_queue_runs",
                "Runs that are not over: ready for their turn, running, or waiting for a later time.",
                &["function", "state"],
            )?,
            oldest: make
                .kept(GaugeVec::new(Opts::new("pawl_queue_oldest_age_seconds", oldest), &["function"])?)?,
            bytes: many(
                "pawl_store_bytes",
                "Size of the database: what is in use, and what its files take.",
                &["of"],
            )?,
            writes_waiting: one("pawl_writes_waiting", "Writes that wait for their transaction.")?,
            live: one("pawl_instances_live", "Instances of functions that live now.")?,
            slots: one("pawl_instances_slots", "Runs that may have an instance at once.")?,
            functions: one("pawl_functions", "Functions that events can start.")?,
            compiled: one("pawl_deployments_compiled", "Deployments whose code is in memory.")?,
            uptime: make.kept(Gauge::new("pawl_uptime_seconds", "Since this host was started.")?)?,
            process: match cfg!(target_os = "linux") {
                true => Some((
                    one("pawl_process_resident_memory_bytes", "Memory that the process holds.")?,
                    one("pawl_process_open_files", "Files and connections that the process has open.")?,
                )),
                false => None,
            },
        })
    }

    /// As it is now.
    pub(super) async fn set(&mut self, of: &Metrics) {
        let now = clock::instant();
        self.uptime.set(now.saturating_duration_since(of.since).as_secs_f64());
        self.writes_waiting.set(integer(of.store.waiting()));
        self.live.set(integer(of.runtime.live()));
        self.slots.set(integer(of.runtime.slots()));
        self.functions.set(integer(of.catalog.snapshot().functions.len()));
        self.compiled.set(integer(of.catalog.compiled()));
        if let Some((memory, files)) = &self.process {
            memory.set(resident_bytes().unwrap_or_default());
            files.set(std::fs::read_dir("/proc/self/fd").map_or(0, |open| integer(open.count())));
        }
        if self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= FRESH) {
            self.asked_at = Some(now);
            self.ask(of).await;
        }
    }

    /// What costs the store a query. Where it cannot tell, the former numbers stay: `/readyz`
    /// says that it is in trouble.
    async fn ask(&self, of: &Metrics) {
        let now = clock::now();
        if let Ok(depths) = of.store.records().depths(now).await {
            self.queued.reset();
            self.oldest.reset();
            let mut ages = BTreeMap::<_, f64>::new();
            for depth in &depths {
                let function = of.label(&depth.function);
                for (state, n) in [("ready", depth.ready), ("running", depth.running), ("later", depth.later)]
                {
                    self.queued.with_label_values(&[function, state]).add(integer(n));
                }
                let age = depth.oldest.map_or(0.0, |since| (now - since).to_std().as_secs_f64());
                let oldest = ages.entry(function).or_default();
                *oldest = oldest.max(age);
            }
            ages.into_iter().for_each(|(function, age)| self.oldest.with_label_values(&[function]).set(age));
        }
        if let Ok(size) = of.store.records().size().await {
            self.bytes.with_label_values(&["used"]).set(integer(size.used));
            self.bytes.with_label_values(&["files"]).set(integer(size.files));
        }
    }
}

fn integer<T: TryInto<i64>>(n: T) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

/// `VmRSS:     1234 kB`
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1_024)
}
