//! The first version of `queued`: one run at once. See `queued.rs`. And `hasty`.

mod queued;

use pawl::{Event, Result, Step, Value};

/// One at once; cancelled by `test/queued.cancel` with the same `data.id`.
#[pawl::function(
    id = "queued",
    event = "test/queued",
    concurrency = 1,
    cancel_on = event("test/queued.cancel", match = "data.id"),
    hosts = ["127.0.0.1:*"]
)]
fn function(event: Event<queued::Work>, step: Step) -> Result<Value> {
    queued::work(event, &step)
}

/// `test/hasty`: the same as `queued`, cancelled a second after its start.
#[pawl::function(id = "hasty", event = "test/hasty", finish_timeout = "1s", hosts = ["127.0.0.1:*"])]
fn hasty(event: Event<queued::Work>, step: Step) -> Result<Value> {
    queued::work(event, &step)
}

pawl::plugin!(function, hasty);
