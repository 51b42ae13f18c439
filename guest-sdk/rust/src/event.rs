//! What started the run.

use crate::Timestamp;
use crate::bindings::exports::pawl::workflow::functions as wit;
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The event that started the run, with its data as the author's own type (any
/// [`serde::Deserialize`]; [`Value`] takes everything).
///
/// Data that is no `T` fails the run before the function's first line, without retries.
#[derive(Debug, Clone)]
pub struct Event<T = Value> {
    /// The id that its sender gave, else the host's.
    pub id: String,
    /// Such as `shop/order.placed`.
    pub name: String,
    /// What it is about.
    pub data: T,
    /// Whom it is about, where its sender said so.
    pub user: Option<Value>,
    /// When it happened, as its sender said, else when it came in.
    pub timestamp: Timestamp,
    /// The version of the data's shape, where its sender said so.
    pub version: Option<String>,
}

impl<T: DeserializeOwned> Event<T> {
    pub(crate) fn read(event: wit::Event) -> Result<Self> {
        let wit::Event { id, name, data, user, timestamp, version } = event;
        let data = serde_json::from_str(&data).map_err(|e| {
            let why = format!("the data of event `{name}` is not what this function takes: {e}");
            Error::no_retry(why).with_name("InvalidEventData")
        })?;
        // `null` says nobody
        let user = user.and_then(|text| serde_json::from_str(&text).ok()).filter(|u: &Value| !u.is_null());
        Ok(Self { id, name, data, user, timestamp: Timestamp::from_millis(timestamp), version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> wit::Event {
        wit::Event {
            id: "evt_1".into(),
            name: "shop/order.placed".into(),
            data: data.into(),
            user: Some("null".into()),
            timestamp: 5,
            version: None,
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        id: String,
    }

    #[test]
    fn data_is_read_as_the_authors_type() {
        let event = Event::<Order>::read(event(r#"{"id":"o1","more":1}"#)).expect("an order");
        assert_eq!((event.data.id.as_str(), event.user, event.timestamp.as_millis()), ("o1", None, 5));
    }

    #[test]
    fn data_of_another_shape_fails_for_good_and_names_the_field() {
        let error = Event::<Order>::read(event("{}")).expect_err("no order");
        assert_eq!((error.name(), error.is_retryable()), ("InvalidEventData", false));
        assert!(error.message().contains("missing field `id`"), "{error}");
    }
}
