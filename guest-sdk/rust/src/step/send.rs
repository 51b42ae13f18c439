//! Steps that send events.

use super::errand::Errand;
use super::invoke::object;
use super::{Step, recorded, wit};
use crate::bindings::pawl::workflow::types;
use crate::{Error, Result, Timestamp};
use serde::Serialize;
use wit::Operation;

/// An event to send; the host fills what is left out.
///
/// ```
/// # extern crate pawl_sdk as pawl;
/// use pawl::{NewEvent, json};
///
/// NewEvent::new("shop/order.shipped", json!({ "order": "o1" })).id("shipped-o1").version("2");
/// ```
#[derive(Debug)]
#[must_use = "nothing is sent before `send_event`"]
pub struct NewEvent {
    inner: types::NewEvent,
    /// What was wrong with an earlier call: `send_event` says it.
    wrong: Option<Error>,
}

impl NewEvent {
    /// An event of this name about that, which has to be a JSON object.
    pub fn new(name: impl Into<String>, data: impl Serialize) -> Self {
        let mut wrong = None;
        let data = object("an event's data", &data, &mut wrong).unwrap_or_default();
        let inner =
            types::NewEvent { id: None, name: name.into(), data, user: None, timestamp: None, version: None };
        Self { inner, wrong }
    }

    /// An id: another event with the same one is not accepted again.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.inner.id = Some(id.into());
        self
    }

    /// Whom it is about: a JSON object.
    pub fn user(mut self, user: impl Serialize) -> Self {
        self.inner.user = object("an event's user", &user, &mut self.wrong);
        self
    }

    /// When it happened; when it is sent, if this is left out.
    pub fn at(mut self, at: Timestamp) -> Self {
        self.inner.timestamp = Some(at.as_millis());
        self
    }

    /// The version of the data's shape.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.inner.version = Some(version.into());
        self
    }
}

/// All of them in one step.
pub(super) fn send_all(events: impl IntoIterator<Item = NewEvent>) -> Result<Errand<'static, Vec<String>>> {
    let take = |event: NewEvent| event.wrong.map_or(Ok(event.inner), Err);
    let events = events.into_iter().map(take).collect::<Result<Vec<_>>>()?;
    Ok(Errand::new(Operation::SendEvent(events), recorded))
}

/// One of them, and its id.
pub(super) fn send_one(event: NewEvent) -> Result<Errand<'static, String>> {
    let op = send_all([event])?.op;
    Ok(Errand::new(op, |text| {
        let ids: Vec<String> = recorded(text)?;
        ids.into_iter().next().ok_or_else(|| Error::no_retry("the host gave no id for the event"))
    }))
}

impl Step {
    /// Sends an event, exactly once: it is stored with the step. Gives its id.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # use pawl::{NewEvent, json};
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// step.send_event("tell", NewEvent::new("shop/order.shipped", json!({ "order": "o1" })))?;
    /// # Ok(()) }
    /// ```
    pub fn send_event(&self, id: &str, event: NewEvent) -> Result<String> {
        send_one(event)?.run(id)
    }

    /// Sends several, all or none of them. Gives their ids, in their order.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # use pawl::{NewEvent, json};
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let events = ["o1", "o2"].map(|order| NewEvent::new("shop/order.shipped", json!({ "order": order })));
    /// let ids = step.send_events("tell", events)?;
    /// # Ok(()) }
    /// ```
    pub fn send_events(&self, id: &str, events: impl IntoIterator<Item = NewEvent>) -> Result<Vec<String>> {
        send_all(events)?.run(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wit::Outcome;

    #[test]
    fn an_event_says_what_its_builder_was_told() {
        let at = Timestamp::from_secs(7);
        let event =
            NewEvent::new("a/b", json!({ "n": 1 })).id("i").user(json!({ "u": 2 })).at(at).version("3");
        let Operation::SendEvent(sent) = send_one(event).expect("valid").op else { panic!("events") };
        let [sent] = &sent[..] else { panic!("one of them") };
        assert_eq!((sent.name.as_str(), sent.data.as_str()), ("a/b", r#"{"n":1}"#));
        assert_eq!((sent.id.as_deref(), sent.user.as_deref()), (Some("i"), Some(r#"{"u":2}"#)));
        assert_eq!((sent.timestamp, sent.version.as_deref()), (Some(7_000), Some("3")));
    }

    #[test]
    fn one_event_with_bad_data_keeps_all_from_being_sent() {
        let events = [NewEvent::new("a", json!({})), NewEvent::new("b", [1])];
        assert!(send_all(events).is_err_and(|e| e.name() == "InvalidData"));
        assert!(send_one(NewEvent::new("a", json!({})).user(7)).is_err());
    }

    #[test]
    fn one_event_gives_its_id_and_several_give_theirs() {
        let event = || NewEvent::new("a", json!({}));
        let (_, one) = send_one(event()).expect("valid").into_parts();
        assert_eq!(one(Outcome::Ok(r#"["x"]"#.into())).ok().as_deref(), Some("x"));
        let (_, both) = send_all([event(), event()]).expect("valid").into_parts();
        assert_eq!(both(Outcome::Ok(r#"["x","y"]"#.into())).ok(), Some(vec!["x".into(), "y".into()]));
    }
}
