//! Steps side by side, and events that come together.

use pawl::{Error, Event, Events, Result, Step, Value, json};
use serde::Deserialize;

#[pawl::function(id = "parallel", event = "test/parallel", app = "conformance")]
pub(crate) fn parallel(_: Event, step: Step) -> Result<Value> {
    let mut all = step.parallel();
    let a = all.run("a", || Ok(1));
    let b = all.run("b", || -> Result<u8> { Err(Error::no_retry("b is broken")) });
    all.sleep("c", "50ms");
    let d = all.run("d", || Ok(4));
    // `b` is looked at by itself
    let _failed = all.join();
    let b = b.get().err().map(|e| e.message().to_owned());
    let e1 = step.run("e1", || Ok(5))?;
    let e2 = step.run("e2", || Ok(e1 + 1))?;
    Ok(json!({ "a": a.get()?, "b": b, "d": d.get()?, "e": e2 }))
}

#[derive(Deserialize)]
pub(crate) struct Count {
    n: u64,
}

#[pawl::function(id = "wide", event = "test/wide", app = "conformance")]
pub(crate) fn wide(event: Event<Count>, step: Step) -> Result<u64> {
    let mut all = step.parallel();
    let squares: Vec<_> = (0..event.data.n).map(|i| all.run(&i.to_string(), move || Ok(i * i))).collect();
    all.join()?;
    squares.into_iter().map(|square| square.get()).sum()
}

#[pawl::function(id = "race", event = "test/race", app = "conformance")]
pub(crate) fn race(_: Event, step: Step) -> Result<Value> {
    let mut both = step.parallel();
    both.sleep("slow", "1h");
    let fast = both.run("fast", || Ok("fast".to_owned()));
    both.race()?;
    let won = if fast.is_settled() { fast.get()? } else { "slow".to_owned() };
    let after = step.run("after", || Ok("after".to_owned()))?;
    Ok(json!({ "won": won, "after": after }))
}

#[derive(Deserialize)]
pub(crate) struct Item {
    i: u64,
}

#[pawl::function(id = "gathered", event = "test/gathered", app = "conformance", batch = up_to(3, "1s"))]
pub(crate) fn gathered(events: Events<Item>, step: Step) -> Result<Value> {
    let n = step.run("count", || Ok(events.len()))?;
    let values: Vec<_> = events.iter().map(|event| event.data.i).collect();
    Ok(json!({ "n": n, "values": values }))
}
