//! Events: immutable facts that came in.

use crate::trace::TraceParent;
use crate::{EventId, Payload, Timestamp, limits};
use serde::Serialize;
use std::sync::Arc;

/// An accepted event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Our id for it.
    pub id: EventId,
    /// What happened: `shop/order.placed`.
    pub name: Arc<str>,
    /// Its data: a JSON object.
    pub data: Payload,
    /// About whom, if the sender says so: a JSON object.
    pub user: Option<Payload>,
    /// When it happened, by its sender, or when it was received.
    pub at: Timestamp,
    /// The version of the data's shape, by its sender.
    pub version: Option<String>,
    /// The id that its sender gave, and who that is.
    pub sender: Option<SenderId>,
    /// The trace that it came with.
    pub trace: Option<TraceParent>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// An event's id in its sender's own words. Two events with the same sender id are
/// one event, as long as it is kept ([`limits::SENDER_ID_KEPT`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SenderId {
    /// The way in: a provider's name, or `api`.
    pub source: &'static str,
    /// The id: a Stripe `evt_…`.
    pub id: String,
}

/// An event as it came in: checked, not yet accepted.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// See [`Event::name`].
    pub name: Arc<str>,
    /// See [`Event::data`].
    pub data: Payload,
    /// See [`Event::user`].
    pub user: Option<Payload>,
    /// See [`Event::at`]; the time of receipt when absent.
    pub at: Option<Timestamp>,
    /// See [`Event::version`].
    pub version: Option<String>,
    /// See [`Event::sender`].
    pub sender: Option<SenderId>,
    /// See [`Event::trace`].
    pub trace: Option<TraceParent>,
}

/// What is wrong with an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// It has no name.
    #[error("event name is empty")]
    NoName,
    /// Its name is too long.
    #[error("event name has {0} characters; the limit is {max}", max = limits::EVENT_NAME_CHARS)]
    LongName(usize),
    /// Its name has control characters.
    #[error("event name has control characters")]
    OddName,
    /// Its name is the host's own.
    #[error("event name is reserved for internal use: {0}")]
    ReservedName(String),
    /// Its data is not an object.
    #[error("event {0} is not a JSON object")]
    NoObject(&'static str),
    /// Its time is outside of 1980–2100.
    #[error("event ts {0} is not in milliseconds between the years 1980 and 2100")]
    OddTime(i64),
    /// The sender's id is empty or too long.
    #[error("event id has {0} bytes; it needs 1 to {max}", max = limits::SENDER_ID_BYTES)]
    OddId(usize),
    /// The sender's id has control characters.
    #[error("event id has control characters")]
    UnprintableId,
}

/// Whether an event of this name is the host's own to send: `inngest/…` and `pawl/…`.
pub fn is_own(name: &str) -> bool {
    ["inngest/", "pawl/"].iter().any(|prefix| name.starts_with(prefix))
}

/// 1980-01-01 and 2100-01-01 in Unix milliseconds, Inngest's bounds.
const TIMES: std::ops::Range<i64> = 315_532_800_000..4_102_444_800_000;

impl NewEvent {
    /// Checks what an outside sender may say.
    pub fn check(self) -> Result<Self, BadEvent> {
        if self.name.is_empty() {
            return Err(BadEvent::NoName);
        }
        let chars = self.name.chars().count();
        if chars > limits::EVENT_NAME_CHARS {
            return Err(BadEvent::LongName(chars));
        }
        if self.name.chars().any(char::is_control) {
            return Err(BadEvent::OddName);
        }
        if is_own(&self.name) {
            return Err(BadEvent::ReservedName(self.name.to_string()));
        }
        if !is_object(&self.data) {
            return Err(BadEvent::NoObject("data"));
        }
        if self.user.as_ref().is_some_and(|u| !is_object(u)) {
            return Err(BadEvent::NoObject("user"));
        }
        if let Some(at) = self.at.filter(|at| !TIMES.contains(&at.as_millis())) {
            return Err(BadEvent::OddTime(at.as_millis()));
        }
        match &self.sender {
            Some(s) if s.id.is_empty() || s.id.len() > limits::SENDER_ID_BYTES => {
                Err(BadEvent::OddId(s.id.len()))
            }
            Some(s) if s.id.chars().any(char::is_control) => Err(BadEvent::UnprintableId),
            _ => Ok(self),
        }
    }

    /// Accepted: with an id and a time of receipt.
    pub fn accept(self, id: EventId, received_at: Timestamp) -> Event {
        Event {
            id,
            name: self.name,
            data: self.data,
            user: self.user,
            at: self.at.unwrap_or(received_at),
            version: self.version,
            sender: self.sender,
            trace: self.trace,
            received_at,
        }
    }
}

impl Event {
    /// As expressions and functions see it: `id` (its sender's, or else ours), `name`,
    /// `data`, `user`, `ts` (Unix milliseconds) and `v`; what is absent is null.
    pub fn to_value(&self) -> serde_json::Value {
        let user = self.user.as_ref().map(Payload::to_value);
        serde_json::json!({
            "id": self.shown_id(),
            "name": &*self.name,
            "data": self.data.to_value(),
            "user": user,
            "ts": self.at.as_millis(),
            "v": self.version,
        })
    }

    /// The same as JSON, with data and user as their sender wrote them.
    pub fn to_payload(&self) -> Payload {
        #[derive(Serialize)]
        struct Shown<'a> {
            id: &'a str,
            name: &'a str,
            data: &'a Payload,
            user: Option<&'a Payload>,
            ts: i64,
            v: Option<&'a str>,
        }
        let shown = Shown {
            id: self.shown_id(),
            name: &self.name,
            data: &self.data,
            user: self.user.as_ref(),
            ts: self.at.as_millis(),
            v: self.version.as_deref(),
        };
        // strings, a number and JSON texts: nothing that could fail
        let text = serde_json::to_string(&shown).unwrap_or_default();
        Payload::stored(text).unwrap_or_else(|_| Payload::null())
    }

    fn shown_id(&self) -> &str {
        self.sender.as_ref().map_or(self.id.as_str(), |sender| &sender.id)
    }
}

fn is_object(payload: &Payload) -> bool {
    payload.as_str().trim_start().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> NewEvent {
        let data = Payload::parse(data.into(), limits::EVENT_BYTES).expect("JSON");
        NewEvent { name: name.into(), data, user: None, at: None, version: None, sender: None, trace: None }
    }

    #[test]
    fn what_a_sender_may_not_say_is_refused_by_name() {
        let check = |e: NewEvent| e.check().expect_err("refused");
        assert_eq!(check(event("", "{}")), BadEvent::NoName);
        assert_eq!(check(event(&"é".repeat(513), "{}")), BadEvent::LongName(513));
        assert_eq!(check(event("a\nb", "{}")), BadEvent::OddName);
        assert_eq!(check(event("inngest/x", "{}")), BadEvent::ReservedName("inngest/x".into()));
        assert_eq!(check(event("a", "[]")), BadEvent::NoObject("data"));
        let late = NewEvent { at: Some(Timestamp::from_millis(5)), ..event("a", "{}") };
        assert_eq!(check(late), BadEvent::OddTime(5));
        assert!(event(&"é".repeat(512), " {}").check().is_ok());
    }

    #[test]
    fn an_event_is_shown_with_its_senders_id_and_its_data_to_the_letter() {
        let id = EventId::new("ours");
        let plain = event("a", "{\"n\": 1.50}").accept(id.clone(), Timestamp::from_millis(7));
        let shown = r#"{"id":"ours","name":"a","data":{"n": 1.50},"user":null,"ts":7,"v":null}"#;
        assert_eq!(plain.to_payload().as_str(), shown);
        assert_eq!(plain.to_payload().to_value(), plain.to_value());
        let user = Payload::parse("{\"id\":5}".into(), 10).expect("JSON");
        let sender = Some(SenderId { source: "api", id: "theirs".into() });
        let full = NewEvent { user: Some(user), version: Some("2".into()), sender, ..event("a", "{}") };
        let full = full.accept(id, Timestamp::from_millis(7));
        let shown = r#"{"id":"theirs","name":"a","data":{},"user":{"id":5},"ts":7,"v":"2"}"#;
        assert_eq!(full.to_payload().as_str(), shown);
        assert_eq!(full.to_payload().to_value(), full.to_value());
    }
}
