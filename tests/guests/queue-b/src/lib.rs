//! The second version of `queued`: three runs at once.

#[path = "../../queue-a/src/queued.rs"]
mod queued;

use pawl::{Event, Result, Step, Value};

/// Three at once.
#[pawl::function(id = "queued", event = "test/queued", concurrency = 3, hosts = ["127.0.0.1:*"])]
fn function(event: Event<queued::Work>, step: Step) -> Result<Value> {
    queued::work(event, &step)
}

pawl::plugin!(function);
