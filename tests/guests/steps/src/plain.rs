//! Functions that come to their end.

use pawl::{Event, Result, Step, Value, json};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// `{n}`
#[derive(Deserialize)]
pub(crate) struct Count {
    n: Option<u64>,
}

/// `{ms}`
#[derive(Deserialize)]
pub(crate) struct Nap {
    ms: Option<u64>,
}

/// `test/ten-steps {n (10)}`: steps `s0`, `s1`, …, each giving `{"i": i, "p": <the i
/// of the one before>}`; gives what the last one gave.
#[pawl::function(id = "ten-steps", event = "test/ten-steps")]
pub(crate) fn ten_steps(event: Event<Count>, step: Step) -> Result<Value> {
    let mut last = Value::Null;
    for i in 0..event.data.n.unwrap_or(10) {
        last = step.run(&format!("s{i}"), || Ok(json!({ "i": i, "p": last["i"] })))?;
    }
    Ok(last)
}

/// `test/sleeper {ms (1000)}`: step `before`, sleep `nap`, step `after`; gives
/// `{"before": "before", "after": "after"}`.
#[pawl::function(id = "sleeper", event = "test/sleeper")]
pub(crate) fn sleeper(event: Event<Nap>, step: Step) -> Result<Value> {
    let before: String = step.run("before", || Ok("before".into()))?;
    step.sleep("nap", Duration::from_millis(event.data.ms.unwrap_or(1_000)))?;
    let after: String = step.run("after", || Ok("after".into()))?;
    Ok(json!({ "before": before, "after": after }))
}

/// `test/repeat`: the step `a` three times over; gives `[0, 1, 2]`.
#[pawl::function(id = "repeat", event = "test/repeat")]
pub(crate) fn repeat(_: Event, step: Step) -> Result<Vec<u64>> {
    (0..3).map(|i| step.run("a", || Ok(i))).collect()
}

/// `test/parallel {ms (500)}`: steps `left` and `right` beside a sleep `nap`, then step
/// `after`; gives `{"left": 1, "right": "r", "after": 2}`.
#[pawl::function(id = "parallel", event = "test/parallel")]
pub(crate) fn parallel(event: Event<Nap>, step: Step) -> Result<Value> {
    let mut both = step.parallel();
    let left = both.run("left", || Ok(1));
    both.sleep("nap", Duration::from_millis(event.data.ms.unwrap_or(500)));
    let right = both.run("right", || Ok("r".to_owned()));
    both.join()?;
    let (left, right) = (left.get()?, right.get()?);
    let after: u64 = step.run("after", || Ok(left + 1))?;
    Ok(json!({ "left": left, "right": right, "after": after }))
}

/// `test/nester`: the step `inner` inside of the step `outer`, which the host refuses.
#[pawl::function(id = "nester", event = "test/nester", retries = 0)]
pub(crate) fn nester(_: Event, step: Step) -> Result<Value> {
    step.run("outer", || step.run("inner", || Ok(Value::Null)))
}

/// `test/logger {ms (200)}`: a line outside before and after step `talk` and sleep
/// `nap`; inside one of each level.
#[pawl::function(id = "logger", event = "test/logger")]
pub(crate) fn logger(event: Event<Nap>, step: Step) -> Result<()> {
    pawl::info!("before all steps");
    step.run("talk", || {
        pawl::log!(pawl::Level::Trace, "a trace line");
        pawl::debug!("a debug line");
        pawl::info!("an info line"; run = step.run_id(), n = 7);
        pawl::warn!("a warn line");
        pawl::error!("an error line");
        Ok(())
    })?;
    step.sleep("nap", Duration::from_millis(event.data.ms.unwrap_or(200)))?;
    pawl::info!("after all steps");
    Ok(())
}

/// `{bytes}`
#[derive(Deserialize)]
pub(crate) struct Size {
    bytes: usize,
}

/// `test/big-output {bytes}`: the step `big` gives a text of so many bytes (its JSON
/// has two more); gives `{"bytes": …}`.
#[pawl::function(id = "big-output", event = "test/big-output")]
pub(crate) fn big_output(event: Event<Size>, step: Step) -> Result<Value> {
    let text: String = step.run("big", || Ok("x".repeat(event.data.bytes)))?;
    Ok(json!({ "bytes": text.len() }))
}

/// `{n}`, or `{run}` of an earlier run.
#[derive(Deserialize)]
pub(crate) struct Counter {
    n: Option<u64>,
    run: Option<String>,
}

/// `test/counter {n (10)}`: steps `s0`, `s1`, …; each adds one to the key
/// `<run id>/<step id>`, so that it is known how often its code ran; gives `{}`.
///
/// `test/counter.read {run}`: the step `read` gives what those of the run have come to:
/// `{"s0": 1, …}`.
#[pawl::function(id = "counter", events = ["test/counter", "test/counter.read"])]
pub(crate) fn counter(event: Event<Counter>, step: Step) -> Result<BTreeMap<String, u64>> {
    if let Some(run) = &event.data.run {
        return step.run("read", || counts(run));
    }
    for i in 0..event.data.n.unwrap_or(10) {
        let id = format!("s{i}");
        step.run(&id, || {
            let (bucket, key) = (pawl::kv::open()?, format!("{}/{id}", step.run_id()));
            let count: u64 = bucket.get_json(&key)?.unwrap_or(0);
            bucket.set_json(&key, &(count + 1))
        })?;
    }
    Ok(BTreeMap::new())
}

fn counts(run: &str) -> Result<BTreeMap<String, u64>> {
    let bucket = pawl::kv::open()?;
    let mut counts = BTreeMap::new();
    for key in bucket.keys()? {
        if let Some(step) = key.strip_prefix(run).and_then(|rest| rest.strip_prefix('/')) {
            counts.insert(step.to_owned(), bucket.get_json(&key)?.unwrap_or(0));
        }
    }
    Ok(counts)
}
