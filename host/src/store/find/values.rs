//! What an event can be found by: its ids, and the values in its data and user. Every
//! store finds the same.

use super::Search;
use pawl_engine::Payload;
use pawl_engine::event::Event;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// Values of one event that can be found, those of its user first.
const VALUES: usize = 256;

/// Bytes of a value that can be found.
const VALUE_BYTES: usize = 256;

/// The texts of an event that matter here.
pub(in crate::store) struct Texts<'a> {
    pub(in crate::store) id: &'a str,
    pub(in crate::store) sender_id: Option<&'a str>,
    pub(in crate::store) data: &'a str,
    pub(in crate::store) user: Option<&'a str>,
}

impl<'a> Texts<'a> {
    /// Those of an event.
    pub(in crate::store) fn of(event: &'a Event) -> Self {
        Self {
            id: event.id.as_str(),
            sender_id: event.sender.as_ref().map(|s| s.id.as_str()),
            data: event.data.as_str(),
            user: event.user.as_ref().map(Payload::as_str),
        }
    }

    /// Shows the values that can be found, each with its way. `false` from `see`: enough.
    fn each_value(&self, mut see: impl FnMut(&[Part<'_>], &Value) -> bool) {
        let mut left = VALUES;
        for (root, text) in [("user", self.user), ("data", Some(self.data))] {
            let Some(tree) = text.and_then(|text| serde_json::from_str::<Value>(text).ok()) else { continue };
            let mut seen = |way: &[Part<'_>], value: &Value| {
                let goes_on = left > 0 && see(way, value);
                left = left.saturating_sub(1);
                goes_on
            };
            if !walk(&tree, &mut vec![Part::Key(root)], &mut seen) {
                return;
            }
        }
    }
}

/// A part of the way to a value.
enum Part<'a> {
    Key(&'a str),
    Item(usize),
}

fn walk<'a>(
    value: &'a Value,
    way: &mut Vec<Part<'a>>,
    see: &mut impl FnMut(&[Part<'_>], &Value) -> bool,
) -> bool {
    let mut go = |part: Part<'a>, value: &'a Value| {
        way.push(part);
        let goes_on = walk(value, way, see);
        way.pop();
        goes_on
    };
    match value {
        Value::Object(fields) => fields.iter().all(|(key, value)| go(Part::Key(key), value)),
        Value::Array(items) => items.iter().enumerate().all(|(n, value)| go(Part::Item(n), value)),
        Value::Null => true,
        Value::String(text) if text.len() > VALUE_BYTES => true,
        Value::String(_) | Value::Number(_) | Value::Bool(_) => see(way, value),
    }
}

/// Whether a path leads this way. Places in a list may be left out of it.
fn leads(path: &str, way: &[Part<'_>]) -> bool {
    let Some((part, rest)) = way.split_first() else { return path.is_empty() };
    let behind = |part: &str| {
        let path = path.strip_prefix(part)?;
        if path.is_empty() { Some(path) } else { path.strip_prefix('.') }
    };
    match part {
        Part::Key(key) => behind(key).is_some_and(|path| leads(path, rest)),
        Part::Item(n) => leads(path, rest) || behind(&n.to_string()).is_some_and(|path| leads(path, rest)),
    }
}

/// A search, made ready for many events.
pub(in crate::store) struct Needle<'a> {
    search: &'a Search,
    /// The value as a number, as every number is written here: `1.50` is 1.5.
    number: Option<String>,
    finder: Option<memchr::memmem::Finder<'a>>,
}

impl<'a> Needle<'a> {
    /// Of a search.
    pub(in crate::store) fn new(search: &'a Search) -> Self {
        let value = &search.value;
        let number = value.parse::<Number>().ok().map(|n| n.to_string());
        // other numbers are written in many ways
        let has_one_spelling = number.as_ref().is_none_or(|number| {
            number == value && value.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit())
        });
        let finder = has_one_spelling.then(|| memchr::memmem::Finder::new(value));
        Self { search, number, finder }
    }

    /// The text that an id has to be, when an id may be meant.
    pub(in crate::store) fn id(&self) -> Option<&'a str> {
        self.search.path.is_none().then_some(self.search.value.as_str())
    }

    /// Whether it is found in an event.
    pub(in crate::store) fn is_in(&self, event: &Texts<'_>) -> bool {
        self.look(event).0
    }

    /// The same, and how many bytes had to be parsed for it.
    pub(in crate::store) fn look(&self, event: &Texts<'_>) -> (bool, usize) {
        if self.id().is_some_and(|id| id == event.id || Some(id) == event.sender_id) {
            return (true, 0);
        }
        // most events are seen not to have it without being parsed
        if !self.may_be_in(event.data) && !event.user.is_some_and(|user| self.may_be_in(user)) {
            return (false, 0);
        }
        let mut is_found = false;
        event.each_value(|way, value| {
            let path = self.search.path.as_deref();
            is_found = self.is(value) && path.is_none_or(|path| leads(path, way));
            !is_found
        });
        (is_found, event.data.len())
    }

    /// JSON can write any character as an escape, which begins with a backslash.
    fn may_be_in(&self, json: &str) -> bool {
        let Some(finder) = &self.finder else { return true };
        finder.find(json.as_bytes()).is_some() || memchr::memchr(b'\\', json.as_bytes()).is_some()
    }

    fn is(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => *text == self.search.value,
            Value::Number(number) => self.number.as_ref().is_some_and(|n| *n == number.to_string()),
            Value::Bool(yes) => self.search.value == if *yes { "true" } else { "false" },
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    /// The words of an index, one of which every event has that this is in, but for what
    /// is found by its own id.
    pub(in crate::store) fn tokens(&self) -> Vec<String> {
        let number = self.number.as_ref().filter(|number| **number != self.search.value);
        [Some(&self.search.value), number].into_iter().flatten().map(|text| token(text)).collect()
    }
}

/// The words by which an event is found in an index.
pub(in crate::store) fn tokens(event: &Texts<'_>) -> Vec<String> {
    let mut tokens: Vec<_> = event.sender_id.map(token).into_iter().collect();
    event.each_value(|_, value| {
        match value {
            Value::String(text) => tokens.push(token(text)),
            other => tokens.push(token(&other.to_string())),
        }
        true
    });
    tokens
}

/// Any text as one word of bounded length. Two texts may share one: what is found is
/// looked at again.
fn token(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = r#"{"a":{"b.c":"x","n":1.50,"big":42},"items":[{"sku":"s-1"},{"sku":"s\u00e9\"2"}],
        "paid":true,"none":null,"deep":[[7]]}"#;

    fn event() -> Texts<'static> {
        Texts { id: "01E", sender_id: Some("evt_1"), data: DATA, user: Some(r#"{"id":"u_7"}"#) }
    }

    fn is_found(text: &str) -> bool {
        let search = Search::parse(text).expect("a search");
        let needle = Needle::new(&search);
        let found = needle.is_in(&event());
        let known = tokens(&event());
        let is_indexed = needle.tokens().iter().any(|t| known.contains(t)) || needle.id() == Some("01E");
        assert!(is_indexed || !found, "{text}: the index would miss it");
        found
    }

    #[test]
    fn a_value_is_found_whole_by_itself_and_by_its_path() {
        for text in [
            "01E",
            "evt_1",
            "u_7",
            "user.id:u_7",
            "x",
            "data.a.b.c:x",
            "1.5",
            "1.50",
            "15e-1",
            "data.a.n:1.5",
            "42",
            "data.items.sku:s-1",
            "data.items.0.sku:s-1",
            "s\u{e9}\"2",
            "data.items.1.sku:s\u{e9}\"2",
            "true",
            "data.paid:true",
            "data.deep:7",
            "data.deep.0.0:7",
            "data.deep.0:7",
        ] {
            assert!(is_found(text), "{text}");
        }
        for text in [
            "01",
            "evt_",
            "u",
            "data.id:u_7",
            "user:u_7",
            "data.a.b:x",
            "data.a:x",
            "data.items.1.sku:s-1",
            "X",
            "1.500001",
            "42.0",
            "null",
            "false",
            "data.none:null",
            "data.paid.x:true",
            "sku",
            "data.01E:01E",
        ] {
            assert!(!is_found(text), "{text}");
        }
    }

    #[test]
    fn what_is_beyond_the_bounds_is_found_by_nobody() {
        let long = "y".repeat(VALUE_BYTES + 1);
        let many: Vec<_> = (0..=VALUES).map(|n| format!("v{n}")).collect();
        let data = serde_json::json!({"long": long, "many": many}).to_string();
        let event = Texts { id: "01E", sender_id: None, data: &data, user: None };
        let found = |value: &str| {
            let search = Search { path: None, value: value.into() };
            (Needle::new(&search).is_in(&event), tokens(&event).contains(&token(value)))
        };
        assert_eq!(found(&long), (false, false));
        assert_eq!(found("v255"), (true, true));
        assert_eq!(found("v256"), (false, false));
    }
}
