//! Signals: what one waiting step is told by its name. A signal is an event of one fixed name,
//! which nobody outside may send, and waiting for it is waiting for that event: whatever holds
//! for waits holds for signals.

use crate::flow::Rival;
use crate::replay::WaitFor;
use crate::{NewEvent, Payload, Span, limits};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt::Write as _;

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
    let filter = Some(format!("async.data.signal == {}", literal(name)));
    WaitFor { event: NAME.into(), filter, timeout, rival: Some(rival) }
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

/// A text as an expression writes it: what is no plain character by its number, so that
/// nothing of a name is read as more than a name.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            ' '..='~' if !matches!(c, '"' | '\\') => literal.push(c),
            // letters of other scripts stay readable
            c if c.is_alphanumeric() => literal.push(c),
            // a String takes all that is written to it
            c => drop(write!(literal, "\\U{:08x}", u32::from(c))),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Expr, Scope};
    use crate::flow::Watch;
    use crate::{Event, EventId, Timestamp};
    use proptest::prelude::*;

    fn event(signal: &Signal) -> Event {
        signal.to_event().accept(EventId::new("e"), Timestamp::from_millis(7))
    }

    fn signal(name: &str) -> Signal {
        Signal::parse(&serde_json::json!({"signal": name}).to_string()).expect("a signal")
    }

    /// Whether a wait for the first takes the second, and is found by it.
    fn takes(waited: &str, sent: &str) -> (bool, bool) {
        let filter = wait(waited, Span::ZERO, Rival::Fail).filter.expect("a filter");
        let filter = Expr::parse(&filter, Scope::Pair).expect("an expression");
        let (own, new) = (event(&signal("own")), event(&signal(sent)));
        let index = Watch::new(NAME.into(), Some(filter.clone()), &own, Timestamp::from_millis(9)).index;
        let (path, value) = index.expect("an equation");
        let is_found = crate::expr::at(&new.to_value(), &path) == value;
        (Watch::takes(Some(&filter), &own, &new), is_found)
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
            assert_eq!(takes(name, name), (true, true), "{name:?}");
            assert_eq!(takes(name, "other"), (false, false), "{name:?}");
        }
        assert_eq!(takes("A", "\\u0041"), (false, false));
        assert_eq!(takes("1", "1 "), (false, false));
    }

    proptest! {
        #[test]
        fn no_name_is_read_as_another(a in "\\PC{1,40}|[\\x00-\\x7f]{1,40}", b in "\\PC{1,3}") {
            prop_assert_eq!(takes(&a, &a), (true, true));
            let same = a == b;
            prop_assert_eq!(takes(&a, &b), (same, same));
        }
    }
}
