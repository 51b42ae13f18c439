//! What starts functions, beside an event by its name.

use pawl::{Event, NewEvent, Result, Step, Value, json};

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

/// `webhook/mapped`, as an endpoint with `function = "mapper"` has it: the step `map` sends
/// `shop/mapped {order, topic}` for each of the body's `orders`, with the header `x-topic`.
#[pawl::function(id = "mapper", event = "webhook/mapped")]
pub(crate) fn mapper(event: Event, step: Step) -> Result<Vec<String>> {
    let topic = &event.data["headers"]["x-topic"];
    let orders = event.data["body"]["orders"].as_array().cloned().unwrap_or_default();
    let mapped = orders
        .into_iter()
        .map(|order| NewEvent::new("shop/mapped", json!({ "order": order, "topic": topic })));
    step.send_events("map", mapped)
}
