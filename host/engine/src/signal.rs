//! Signals: what one waiting step is told by its name. A signal is an event of one fixed name,
//! which nobody outside may send, and waiting for it is waiting for that event: whatever holds
//! for waits holds for signals.

use crate::flow::{Only, Rival};
use crate::replay::WaitFor;
use crate::{NewEvent, Payload, Span, expr, limits};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The event's name; its data is `{"signal": …, "data": …}`.
pub const NAME: &str = "pawl/signal";

/// A signal, as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its name: for which steps it is.
    pub name: String,
    /// What its event holds.
    data: Payload,
}

impl Signal {
    /// From the text `{"signal": …, "data": …}`; without data that is `null`. `Err` says what
    /// is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Said<'a> {
            signal: String,
            #[serde(borrow, default)]
            data: Option<&'a RawValue>,
        }
        let said: Said<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if said.signal.is_empty() {
            return Err("`signal` is empty".into());
        }
        let name = serde_json::Value::from(said.signal.as_str());
        let data = format!("{{\"signal\":{name},\"data\":{}}}", said.data.map_or("null", RawValue::get));
        let data = Payload::parse(data, limits::EVENT_BYTES).map_err(|e| format!("the signal is {e}"))?;
        Ok(Self { name: said.signal, data })
    }

    /// As the event that carries it.
    pub fn to_event(&self) -> NewEvent {
        NewEvent {
            name: NAME.into(),
            data: self.data.clone(),
            user: None,
            at: None,
            version: None,
            sender: None,
            trace: None,
        }
    }
}

/// A wait for the signal of this name. There is one at a time; `rival` says what becomes of two.
pub fn wait(name: &str, timeout: Span, rival: Rival) -> WaitFor {
    let index = ("data.signal".into(), expr::text(name));
    WaitFor { event: NAME.into(), filter: None, timeout, only: Some(Only { index, rival }) }
}

/// What a wait that is settled with this event was told; `None`: it was no signal.
pub fn told(event: &Payload) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Told<'a> {
        name: &'a str,
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let told: Told<'_> = serde_json::from_str(event.as_str()).ok()?;
    (told.name == NAME).then_some(told.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, EventId, Timestamp};
    use proptest::prelude::*;

    fn event(signal: &Signal) -> Event {
        signal.to_event().accept(EventId::new("e"), Timestamp::from_millis(7))
    }

    fn signal(name: &str) -> Signal {
        Signal::parse(&serde_json::json!({"signal": name}).to_string()).expect("a signal")
    }

    /// Whether a wait for the first is found by the second.
    fn takes(waited: &str, sent: &str) -> bool {
        let (path, value) = wait(waited, Span::ZERO, Rival::Fail).only.expect("the only one").index;
        expr::at(&event(&signal(sent)).to_value(), &path) == value
    }

    #[test]
    fn a_signal_is_told_to_letter_and_its_event_is_nobodys_to_send() {
        let signal = Signal::parse(r#" {"data": {"n": 1.50}, "signal": "ok", "more": 1}"#).expect("a signal");
        let event = event(&signal);
        assert_eq!(told(&event.to_payload()).expect("it").get(), r#"{"signal":"ok","data":{"n": 1.50}}"#);
        assert!(signal.to_event().check().is_err());
        let bare = Signal::parse(r#"{"signal":"x"}"#).expect("a signal");
        assert_eq!(bare.to_event().data.as_str(), r#"{"signal":"x","data":null}"#);
        for odd in ["", "{}", "[]", r#"{"signal":""}"#, r#"{"signal":1}"#] {
            assert!(Signal::parse(odd).is_err(), "{odd}");
        }
        assert!(told(&Payload::null()).is_none());
    }

    #[test]
    fn a_wait_takes_the_signal_of_its_name_and_no_other() {
        let long = "x".repeat(300);
        for name in
            ["ok", "a\"b", "a' || true || '", "\\", "\\u0041", "é ü 日本", "😀", "\n\t\u{0}", "{}%", &long]
        {
            assert!(takes(name, name) && !takes(name, "other"), "{name:?}");
        }
        assert!(!takes("A", "\\u0041") && !takes("1", "1 ") && !takes(&long, &format!("{long}x")));
    }

    proptest! {
        #[test]
        fn no_name_is_read_as_another(a in "\\PC{1,40}|[\\x00-\\x7f]{1,40}", b in "\\PC{1,3}") {
            prop_assert!(takes(&a, &a));
            prop_assert_eq!(takes(&a, &b), a == b);
        }
    }
}
