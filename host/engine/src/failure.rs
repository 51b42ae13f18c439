//! What went wrong in a guest, as data.

use crate::{Payload, Span, limits};
use serde::{Deserialize, Serialize};

/// A failed attempt, in the guest's own words or in the host's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The error's class, as the guest's language names it.
    pub name: String,
    /// One sentence for a person.
    pub message: String,
    /// The guest's stack, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// What the author attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Payload>,
    /// Whether another try makes sense.
    #[serde(default, skip_serializing_if = "Retry::is_default")]
    pub retry: Retry,
}

/// A failure's wish about the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Retry {
    /// As the policy says.
    #[default]
    ByPolicy,
    /// Never again.
    Never,
    /// By the policy's count, but not before this time has passed.
    After(Span),
}

impl Retry {
    fn is_default(&self) -> bool {
        *self == Self::ByPolicy
    }
}

impl Failure {
    /// A failure that the policy may retry.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), stack: None, data: None, retry: Retry::ByPolicy }
    }

    /// The same, never to be tried again.
    pub fn for_good(mut self) -> Self {
        self.retry = Retry::Never;
        self
    }

    /// The same with a stack.
    pub fn with_stack(mut self, stack: impl Into<String>) -> Self {
        self.stack = Some(stack.into());
        self
    }

    /// The same with its texts cut to [`limits::FAILURE_TEXT_BYTES`] and its data
    /// dropped when it is too large: a failure is always small enough to keep.
    pub fn bounded(mut self) -> Self {
        cut(&mut self.name, 256);
        cut(&mut self.message, limits::FAILURE_TEXT_BYTES);
        if let Some(stack) = &mut self.stack {
            cut(stack, limits::FAILURE_TEXT_BYTES);
        }
        self.data = self.data.filter(|d| d.as_str().len() <= limits::FAILURE_TEXT_BYTES);
        self
    }
}

fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        let at = (0..=limit).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(at);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_failure_is_cut_at_a_character() {
        let f = Failure::new("E", "é".repeat(limits::FAILURE_TEXT_BYTES)).bounded();
        assert!(f.message.len() <= limits::FAILURE_TEXT_BYTES + '…'.len_utf8());
        assert!(f.message.ends_with('…'));
    }
}
