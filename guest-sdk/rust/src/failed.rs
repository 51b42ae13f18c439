//! What a function's `on_failure` takes.

use crate::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run that has failed for good: the data of the event that starts the function's
/// `on_failure`.
///
/// ```
/// # extern crate pawl_sdk as pawl;
/// # use pawl::{Event, Failed, Result, Step};
/// # #[derive(serde::Deserialize)] struct Order { id: String }
/// #[pawl::function(id = "ship-order", event = "shop/order.placed", on_failure = not_shipped)]
/// fn ship_order(event: Event<Order>, step: Step) -> Result<()> {
///     step.sleep("wait for pickup", "1h")
/// }
///
/// fn not_shipped(event: Event<Failed<Order>>, step: Step) -> Result<()> {
///     let Failed { event, error, .. } = event.data;
///     step.run("tell", || {
///         pawl::error!("order {} is not shipped: {}", event.data.id, error.message);
///         Ok(())
///     })
/// }
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failed<T = Value> {
    /// The function that the run was of.
    pub function_id: String,
    /// The run.
    pub run_id: String,
    /// What started it; the first of a batch.
    pub event: Event<T>,
    /// All that started it.
    pub events: Vec<Event<T>>,
    /// What it failed with.
    pub error: FailedWith,
}

/// The error of a run that has failed for good; see [`Failed`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailedWith {
    /// The error's class.
    pub name: String,
    /// The sentence.
    pub message: String,
    /// Where it came from, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_run_is_read_with_its_event_as_the_authors_type() {
        let event = r#"{"id":"e","name":"a/b","data":7,"user":null,"ts":5,"v":null}"#;
        let text = format!(
            r#"{{"function_id":"f","run_id":"r","event":{event},"events":[{event}],
                "error":{{"name":"E","message":"m"}}}}"#
        );
        let failed: Failed<u8> = serde_json::from_str(&text).expect("reads");
        assert_eq!((failed.function_id.as_str(), failed.run_id.as_str()), ("f", "r"));
        assert_eq!((failed.event.data, failed.events.len()), (7, 1));
        assert_eq!((failed.error.name.as_str(), failed.error.stack), ("E", None));
    }
}
