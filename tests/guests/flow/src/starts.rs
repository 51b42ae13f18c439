//! What starts functions, beside an event by its name.

use pawl::{Event, Result, Step, Value, json};

/// `test/filtered {n}`: only where n is more than 1; and `test/filtered.*` without a condition.
/// Gives `{"name": <the event's>, "data": …}`.
#[pawl::function(
    id = "filtered",
    triggers = [event("test/filtered", if = "event.data.n > 1"), event("test/filtered.*")]
)]
pub(crate) fn filtered(event: Event, _: Step) -> Result<Value> {
    Ok(json!({ "name": event.name, "data": event.data }))
}

/// Every second, and by `test/cron-driven`; gives `{"name": <the event's>, "data": …}`.
#[pawl::function(id = "cron-driven", event = "test/cron-driven", cron = "@every 1s")]
pub(crate) fn cron_driven(event: Event, _: Step) -> Result<Value> {
    Ok(json!({ "name": event.name, "data": event.data }))
}

/// Only invoked; gives `{"name": <the event's>, "data": …, "user": …}`.
#[pawl::function(id = "only-invoked")]
pub(crate) fn only_invoked(event: Event, _: Step) -> Result<Value> {
    Ok(json!({ "name": event.name, "data": event.data, "user": event.user }))
}
