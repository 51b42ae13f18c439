//! What guests and senders wrote, as it is shown: JSON on lines of its own, without what
//! speaks of people unless the viewer has asked for it.

use crate::mask;
use pawl_engine::{Failure, Payload};
use serde_json::Value;

/// Characters of one text on a page; beyond it the API has it.
const CHARS: usize = 100_000;

/// Whether personal data is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// It is masked.
    Masked,
    /// The viewer asked for it, and that is on record.
    Open,
}

/// A text as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The text.
    pub(super) text: String,
    /// Something of it is masked.
    pub(super) is_masked: bool,
    /// It was too long for a page.
    pub(super) is_cut: bool,
}

impl Shown {
    fn new(text: String, is_masked: bool) -> Self {
        match text.char_indices().nth(CHARS) {
            Some((end, _)) => Self { text: text[..end].to_owned(), is_masked, is_cut: true },
            None => Self { text, is_masked, is_cut: false },
        }
    }
}

impl Shown {
    /// The text of the whole payload that is shown here, to be changed and sent: pretty, unless
    /// that would change what it says.
    pub(super) fn to_edit(&self, payload: &Payload) -> String {
        let read = payload.to_value().to_string();
        if read == payload.as_str() { self.text.clone() } else { payload.as_str().to_owned() }
    }
}

impl Sight {
    /// JSON, pretty.
    pub(super) fn json(self, payload: &Payload) -> Shown {
        self.value(payload.to_value())
    }

    /// The same for a value.
    pub(super) fn value(self, value: Value) -> Shown {
        let (value, is_masked) = self.seen(value);
        // a value always has a text
        Shown::new(serde_json::to_string_pretty(&value).unwrap_or_default(), is_masked)
    }

    /// A value as it is seen, and whether something of it is masked.
    pub(super) fn seen(self, value: Value) -> (Value, bool) {
        match self {
            Self::Masked => mask::value(value),
            Self::Open => (value, false),
        }
    }

    /// The value of a field of this name, and whether it is masked.
    pub(super) fn field(self, name: &str, value: &str) -> (String, bool) {
        // a guest may log an object as its text
        let parsed = serde_json::from_str(value).ok().filter(|v: &Value| v.is_object() || v.is_array());
        let (seen, is_masked) =
            self.seen(serde_json::json!({ name: parsed.unwrap_or_else(|| value.into()) }));
        match seen.as_object().and_then(|fields| fields.values().next()) {
            Some(Value::String(seen)) if is_masked => (seen.clone(), true),
            Some(seen) if is_masked => (seen.to_string(), true),
            _ => (value.to_owned(), false),
        }
    }

    /// A sentence.
    pub(super) fn text(self, text: &str) -> Shown {
        match self {
            Self::Masked => {
                let masked = mask::text(text);
                let is_masked = masked != text;
                Shown::new(masked.into_owned(), is_masked)
            }
            Self::Open => Shown::new(text.to_owned(), false),
        }
    }

    /// A failure.
    pub(super) fn failure(self, failure: &Failure) -> FailureView {
        FailureView {
            name: self.text(&failure.name),
            message: self.text(&failure.message),
            stack: failure.stack.as_deref().map(|stack| self.text(stack)),
            data: failure.data.as_ref().map(|data| self.json(data)),
        }
    }
}

/// A failure as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailureView {
    /// Its class.
    pub(super) name: Shown,
    /// A sentence.
    pub(super) message: Shown,
    /// The guest's stack.
    pub(super) stack: Option<Shown>,
    /// What the author attached.
    pub(super) data: Option<Shown>,
}

impl FailureView {
    /// Whether something of it is masked.
    pub(super) fn is_masked(&self) -> bool {
        let masked = |shown: &Option<Shown>| shown.as_ref().is_some_and(|s| s.is_masked);
        self.name.is_masked || self.message.is_masked || masked(&self.stack) || masked(&self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_shown_to_open_eyes_alone() {
        let payload = Payload::parse(r#"{"email":"a@b.co","n":1.50}"#.into(), 100).expect("JSON");
        let masked = Sight::Masked.json(&payload);
        assert!(masked.is_masked && !masked.text.contains("a@b.co"), "{masked:?}");
        let open = Sight::Open.json(&payload);
        assert!(!open.is_masked && open.text.contains("a@b.co"), "{open:?}");
        let failure = Failure::new("E", "no mail for a@b.co").with_stack("at x");
        let shown = Sight::Masked.failure(&failure);
        assert!(shown.is_masked() && !shown.message.text.contains("a@b.co"), "{shown:?}");
        assert_eq!(Sight::Masked.field("phone", "123"), ("[masked]".into(), true));
        let user = r#"{"phone":"123"}"#;
        assert_eq!(Sight::Masked.field("user", user), (r#"{"phone":"[masked]"}"#.into(), true));
        assert_eq!(Sight::Open.field("user", user), (user.into(), false));
        let odd = Payload::parse(r#"{"n": 1.50}"#.into(), 100).expect("JSON");
        assert_eq!(Sight::Masked.json(&odd).to_edit(&odd), odd.as_str());
        assert_eq!(Sight::Open.text(&"é".repeat(CHARS + 1)).text.chars().count(), CHARS);
    }
}
