//! Functions that keep keys and values.

use pawl::{Event, Result, Step, Value, json};
use serde::Deserialize;

/// `{n, bytes}`
#[derive(Deserialize)]
pub(crate) struct Keys {
    n: Option<u32>,
    bytes: Option<usize>,
}

/// `test/keys {n (1), bytes (8)}`: the step `set` gives so many keys of so many bytes a
/// value, the step `list` lists them; gives `{"listed": …, "distinct": …, "sum": <of
/// their numbers>}`.
#[pawl::function(id = "keys", event = "test/keys")]
pub(crate) fn keys(event: Event<Keys>, step: Step) -> Result<Value> {
    let Keys { n, bytes } = event.data;
    let (n, width) = (n.unwrap_or(1), bytes.unwrap_or(8));
    step.run("set", || {
        let bucket = pawl::kv::open()?;
        (0..n).try_for_each(|i| bucket.set(&format!("{i:0width$}"), b"x"))
    })?;
    step.run("list", || {
        let mut keys = pawl::kv::open()?.keys()?;
        let (listed, sum) = (keys.len(), keys.iter().filter_map(|k| k.parse::<u64>().ok()).sum::<u64>());
        keys.sort();
        keys.dedup();
        Ok(json!({ "listed": listed, "distinct": keys.len(), "sum": sum }))
    })
}

/// `test/keys-outside`: reads a key outside of any step, which the host refuses.
#[pawl::function(id = "keys-outside", event = "test/keys-outside")]
pub(crate) fn keys_outside(_: Event, _: Step) -> Result<bool> {
    pawl::kv::open()?.exists("key")
}
