//! What started the run.

use crate::Timestamp;
use crate::bindings::exports::pawl::workflow::functions as wit;
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::Deref;

/// The event that started the run, with its data as the author's own type (any
/// [`serde::Deserialize`]; [`Value`] takes everything).
///
/// Data that is no `T` fails the run before the function's first line, without retries.
///
/// As JSON it is what the host makes of events: an object of `id`, `name`, `data`,
/// `user`, `ts` and `v`.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    #[serde(rename = "ts")]
    pub timestamp: Timestamp,
    /// The version of the data's shape, where its sender said so.
    #[serde(rename = "v")]
    pub version: Option<String>,
}

impl<T: DeserializeOwned> Event<T> {
    pub(crate) fn read(event: wit::Event) -> Result<Self> {
        let wit::Event { id, name, data, user, timestamp, version } = event;
        let data = serde_json::from_str(&data).map_err(|e| unexpected(&name, &e))?;
        // `null` says nobody
        let user = user.and_then(|text| serde_json::from_str(&text).ok()).filter(|u: &Value| !u.is_null());
        Ok(Self { id, name, data, user, timestamp: Timestamp::from_millis(timestamp), version })
    }

    /// The same event with its data as a `T`.
    pub(crate) fn typed(event: Event) -> Result<Self> {
        let Event { id, name, data, user, timestamp, version } = event;
        let data = serde_json::from_value(data).map_err(|e| unexpected(&name, &e))?;
        Ok(Self { id, name, data, user, timestamp, version })
    }
}

fn unexpected(name: &str, e: &serde_json::Error) -> Error {
    let why = format!("the data of event `{name}` is not what this function takes: {e}");
    Error::no_retry(why).with_name("InvalidEventData")
}

/// All events that started the run, in the order in which they came: what a function
/// with `batch` takes. There is at least one.
///
/// ```
/// # extern crate pawl_sdk as pawl;
/// # use pawl::{Events, Result, Step};
/// # #[derive(serde::Deserialize)] struct Reading { celsius: f64 }
/// #[pawl::function(id = "warmest", event = "weather/reading", batch = up_to(100, "10s"))]
/// fn warmest(events: Events<Reading>, step: Step) -> Result<f64> {
///     Ok(events.iter().map(|event| event.data.celsius).fold(f64::MIN, f64::max))
/// }
/// # fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct Events<T = Value>(Vec<Event<T>>);

impl<T> Deref for Events<T> {
    type Target = [Event<T>];

    fn deref(&self) -> &[Event<T>] {
        &self.0
    }
}

impl<T> IntoIterator for Events<T> {
    type Item = Event<T>;
    type IntoIter = std::vec::IntoIter<Event<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Events<T> {
    type Item = &'a Event<T>;
    type IntoIter = std::slice::Iter<'a, Event<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// What a function can take first: [`Event`] or [`Events`].
pub trait Input: Sized {
    /// Of what started the run.
    fn read_all(events: Vec<wit::Event>) -> Result<Self>;
}

impl<T: DeserializeOwned> Input for Event<T> {
    fn read_all(events: Vec<wit::Event>) -> Result<Self> {
        let first = events.into_iter().next();
        Self::read(first.ok_or_else(|| Error::no_retry("the run has no event"))?)
    }
}

impl<T: DeserializeOwned> Input for Events<T> {
    fn read_all(events: Vec<wit::Event>) -> Result<Self> {
        events.into_iter().map(Event::read).collect::<Result<_>>().map(Self)
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
    #[test]
    fn a_function_takes_the_first_event_or_all_of_them() {
        let all = || vec![event(r#"{"id":"o1"}"#), event(r#"{"id":"o2"}"#)];
        assert_eq!(Event::<Order>::read_all(all()).expect("an order").data.id, "o1");
        let orders = Events::<Order>::read_all(all()).expect("orders");
        assert_eq!((orders.len(), orders[1].data.id.as_str()), (2, "o2"));
        assert_eq!(orders.into_iter().map(|e| e.data.id).collect::<Vec<_>>(), ["o1", "o2"]);
        assert!(Event::<Order>::read_all(Vec::new()).is_err());
        assert!(Events::<Order>::read_all(vec![event("{}")]).is_err());
    }

    #[test]
    fn an_event_is_the_hosts_json_and_back() {
        let text = r#"{"id":"evt_1","name":"a/b","data":{"n":1},"user":null,"ts":5,"v":"2"}"#;
        let event: Event = serde_json::from_str(text).expect("an event");
        assert_eq!((event.timestamp.as_millis(), event.version.as_deref()), (5, Some("2")));
        assert_eq!(serde_json::to_string(&event).expect("JSON"), text);
        let brief: Event = serde_json::from_str(r#"{"id":"","name":"","data":{},"ts":0}"#).expect("an event");
        assert_eq!((brief.user, brief.version), (None, None));
    }
}
