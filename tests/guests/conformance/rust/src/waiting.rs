//! Waiting: for time, for events, for other functions.

use pawl::{Error, Event, NewEvent, On, Result, Step, Value, json};
use serde::Deserialize;
use std::time::Duration;

#[pawl::function(id = "sleepy", event = "test/sleepy", app = "conformance")]
pub(crate) fn sleepy(event: Event, step: Step) -> Result<(u8, u8)> {
    let before = step.run("before", || Ok(1))?;
    step.sleep("nap", "200ms")?;
    step.sleep_until("moment", event.timestamp + Duration::from_millis(400))?;
    let after = step.run("after", || Ok(2))?;
    Ok((before, after))
}

#[pawl::function(id = "waiter", event = "test/waiter", app = "conformance")]
pub(crate) fn waiter(_: Event, step: Step) -> Result<Value> {
    let on = On::event("test/approved").matching("data.order").timeout("30s");
    let approval = step.wait_for_event::<Value>("approval", on)?;
    let nothing = step.wait_for_event::<Value>("nothing", On::event("test/never").timeout("100ms"))?;
    let (by, name) = approval.map(|event| (event.data["by"].clone(), event.name)).unzip();
    Ok(json!({ "by": by, "name": name, "nothing": nothing }))
}

#[derive(Deserialize)]
pub(crate) struct Number {
    n: i64,
}

#[pawl::function(id = "caller", event = "test/caller", app = "conformance")]
pub(crate) fn caller(event: Event<Number>, step: Step) -> Result<Value> {
    let doubled: i64 = step.invoke("call", "callee", json!({ "n": event.data.n }))?;
    let bad = step.invoke::<i64>("bad", "callee", json!({ "n": -1 }));
    Ok(json!({ "doubled": doubled, "failed": bad.err().map(|e| e.message().to_owned()) }))
}

#[pawl::function(id = "callee", app = "conformance", retries = 0)]
pub(crate) fn callee(event: Event<Number>, _: Step) -> Result<i64> {
    pawl::ensure!(event.data.n >= 0, Error::no_retry("n is negative"));
    Ok(event.data.n * 2)
}

#[pawl::function(id = "teller", event = "test/teller", app = "conformance")]
pub(crate) fn teller(event: Event<Number>, step: Step) -> Result<Value> {
    let events = (0..event.data.n).map(|i| NewEvent::new("test/told", json!({ "i": i })));
    Ok(json!({ "ids": step.send_events("tell", events)? }))
}

#[derive(Deserialize)]
pub(crate) struct Told {
    i: u64,
}

#[pawl::function(id = "listener", event = "test/told", app = "conformance")]
pub(crate) fn listener(event: Event<Told>, step: Step) -> Result<u64> {
    step.run("hear", || Ok(event.data.i))
}
