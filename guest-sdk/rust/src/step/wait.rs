//! Steps that wait for an event.

use super::errand::Errand;
use super::{Step, recorded, wit};
use crate::{Event, IntoSpan, Result};
use serde::de::DeserializeOwned;
use wit::{EventMatch, Operation};

/// How long is waited when nothing is said: the longest that the host allows.
const LONGEST: u64 = 366 * 86_400_000;

/// Which event a step waits for, and how long; see [`Step::wait_for_event`].
///
/// Conditions are [CEL](https://cel.dev) over `event`, which started the run, and
/// `async`, which came in. All that are given have to hold.
///
/// ```
/// # extern crate pawl_sdk as pawl;
/// use pawl::On;
///
/// On::event("shop/order.paid").matching("data.order_id").filter("async.data.total > 5").timeout("1d");
/// ```
#[derive(Debug)]
#[must_use = "nothing waits before `wait_for_event`"]
pub struct On {
    name: String,
    conditions: Vec<String>,
    timeout: Result<u64>,
}

impl On {
    /// The first event of this name that is accepted after the step began.
    pub fn event(name: impl Into<String>) -> Self {
        Self { name: name.into(), conditions: Vec::new(), timeout: Ok(LONGEST) }
    }

    /// Only one that has the same value there as the event that started the run:
    /// `data.order_id` is the condition `event.data.order_id == async.data.order_id`.
    pub fn matching(self, path: &str) -> Self {
        self.filter(format!("event.{path} == async.{path}"))
    }

    /// Only one for which this is true.
    pub fn filter(mut self, condition: impl Into<String>) -> Self {
        self.conditions.push(condition.into());
        self
    }

    /// How long to wait; 366 days, the most there is, when it is left out.
    pub fn timeout(mut self, span: impl IntoSpan) -> Self {
        self.timeout = self.timeout.and(span.into_millis());
        self
    }

    pub(super) fn errand<'a, T: DeserializeOwned + 'a>(self) -> Result<Errand<'a, Option<Event<T>>>> {
        let timeout = self.timeout?;
        let filter = joined(self.conditions);
        let op = Operation::WaitForEvent(EventMatch { name: self.name, timeout, filter });
        Ok(Errand::new(op, read))
    }
}

/// All of them at once. Each in brackets, as it may hold an `||`.
fn joined(mut conditions: Vec<String>) -> Option<String> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => Some(format!("({})", conditions.join(") && ("))),
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<Option<Event<T>>> {
    let event: Option<Event> = recorded(text)?;
    event.map(Event::typed).transpose()
}

impl Step {
    /// Waits, at no cost, for an event; `None` when none came in time.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # use pawl::On;
    /// # #[derive(serde::Deserialize)] struct Paid { total: u64 }
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let on = On::event("shop/order.paid").matching("data.order_id").timeout("1d");
    /// match step.wait_for_event::<Paid>("payment", on)? {
    ///     Some(event) => pawl::info!("paid {}", event.data.total),
    ///     None => pawl::info!("nobody paid"),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn wait_for_event<T: DeserializeOwned>(&self, id: &str, on: On) -> Result<Option<Event<T>>> {
        on.errand()?.run(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(on: On) -> (String, u64, Option<String>) {
        let Operation::WaitForEvent(asked) = on.errand::<u8>().expect("valid").op else { panic!("a wait") };
        (asked.name, asked.timeout, asked.filter)
    }

    #[test]
    fn what_is_said_becomes_one_condition() {
        assert_eq!(asked(On::event("a/b")), ("a/b".into(), 31_622_400_000, None));
        let matching = On::event("a/b").matching("data.order_id").timeout("1d");
        let expected = "event.data.order_id == async.data.order_id";
        assert_eq!(asked(matching), ("a/b".into(), 86_400_000, Some(expected.into())));
        let both = On::event("a/b").matching("data.id").filter("async.data.n > 5 || async.data.m");
        let expected = "(event.data.id == async.data.id) && (async.data.n > 5 || async.data.m)";
        assert_eq!(asked(both).2.as_deref(), Some(expected));
        let late = On::event("a/b").timeout("later").timeout("1d").errand::<u8>();
        assert!(late.is_err_and(|e| e.name() == "InvalidDuration"));
    }

    #[test]
    fn an_event_is_read_as_the_authors_type_and_null_is_none() {
        let text = r#"{"id":"evt_1","name":"a/b","data":7,"user":null,"ts":5,"v":null}"#;
        let event = read::<u8>(text).expect("reads").expect("an event");
        assert_eq!((event.data, event.timestamp.as_millis(), event.user), (7, 5, None));
        assert!(read::<u8>("null").is_ok_and(|event| event.is_none()));
        let error = read::<String>(text).expect_err("a number");
        assert_eq!((error.name(), error.is_retryable()), ("InvalidEventData", false));
    }
}
