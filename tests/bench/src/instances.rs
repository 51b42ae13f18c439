//! The sandbox by itself: an instance from nothing to nothing, and a component from
//! the compiled cache.

use crate::clock::now;
use crate::figures::{Figure, Latencies, ms};
use async_trait::async_trait;
use pawl::runtime::{Grant, Input, KvCall, KvReply, Level, Limits, Plugin, Reply, Runtime, Steps, Stop};
use pawl_engine::replay::StepCall;
use pawl_engine::{Event, EventId, Failure, Payload, Timestamp};
use pawl_tests::paths;
use std::time::Duration;

const TIMES: usize = 2_000;

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let cache = tempfile::tempdir()?;
    let runtime = Runtime::new(Limits::default(), Some(cache.path()))?;
    let mut figures = Vec::new();
    for name in pawl_tests::setup::THREE_FUNCTIONS {
        let bytes = std::fs::read(paths::function(name))?;
        let from = now();
        let plugin = runtime.load(&bytes)?;
        let compiled = from.elapsed();
        figures.push(instance(&runtime, &plugin, name).await);
        let mut loads = Latencies::default();
        for _ in 0..50 {
            let from = now();
            runtime.load_known(&bytes, plugin.manifests.clone())?;
            loads.push(from.elapsed());
        }
        let p99 = loads.quantile(0.99);
        figures.push(Figure::new(
            format!("{name} ({} KB) from the compiled cache", bytes.len() / 1_000),
            format!("p99 {} (compiling it took {})", ms(p99), ms(compiled)),
            "10 ms",
            Some(p99 < Duration::from_millis(10)),
        ));
    }
    Ok(figures)
}

async fn instance(runtime: &Runtime, plugin: &Plugin, name: &str) -> Figure {
    let mut latencies = Latencies::default();
    let input = input(plugin);
    for _ in 0..TIMES {
        let from = now();
        runtime.pass(plugin, &input, Grant::default(), Box::new(Park)).await;
        latencies.push(from.elapsed());
    }
    let (p50, p99) = (latencies.quantile(0.5), latencies.quantile(0.99));
    Figure::new(
        format!("{name}: instantiate, call, first step asked for, drop"),
        format!("p50 {}, p99 {}", ms(p50), ms(p99)),
        "100 µs at the median",
        Some(p50 < Duration::from_micros(100)),
    )
}

fn input(plugin: &Plugin) -> Input {
    let data = serde_json::json!({
        "session": {"id": "cs_1", "payment_status": "paid", "client_reference_id": "u1"},
        "paymentIntent": {"id": "pi_1"}, "eventId": "evt_1", "livemode": false, "created": 1_800_000_000
    });
    input_of(plugin.manifests[0].id.as_str(), data)
}

/// A run's beginning.
pub(crate) fn input_of(function: &str, data: serde_json::Value) -> Input {
    let at = Timestamp::from_millis(1_800_000_000_000);
    let event = Event {
        id: EventId::new("e"),
        name: "bench".into(),
        data: Payload::from_value(&data),
        user: None,
        at,
        version: None,
        sender: None,
        trace: None,
        received_at: at,
    };
    Input {
        function: function.to_owned(),
        run: "r".into(),
        attempt: 0,
        events: std::sync::Arc::new(vec![event]),
        now: at,
    }
}

/// Leaves the instance at the first step.
pub(crate) struct Park;

#[async_trait]
impl Steps for Park {
    async fn ask(&mut self, _: &[StepCall]) -> Result<Reply, Stop> {
        Err(Stop::Parked)
    }
    async fn finish(&mut self, _: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        Ok(None)
    }
    fn log(&mut self, _: Level, _: &str, _: &[(String, String)]) {}
    async fn kv(&mut self, _: KvCall) -> Result<KvReply, String> {
        Ok(KvReply::Done)
    }
}
