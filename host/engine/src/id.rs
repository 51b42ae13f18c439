//! Ids as types, so that one cannot be given for another.

use crate::limits;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is: who makes ids checks them.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }
            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Ok(Self(String::deserialize(d)?.into()))
            }
        }
    )*};
}

ids! {
    /// An event's own id: a ULID, given when it is accepted.
    EventId;
    /// A run's id: a ULID, so that ids sort by the time of their making.
    RunId;
    /// A function's id, as its author wrote it.
    FunctionId;
    /// A deployment: the SHA-256 of its bytes, in lower-case hex.
    DeploymentId;
}

/// A durable point in a run: the step's id and how often the function had used
/// that id before. Written `charge`, `charge:1`, `charge:2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepKey {
    /// The id that the function gave.
    pub name: Arc<str>,
    /// 0 for the first use.
    pub occurrence: u32,
}

/// Why a text cannot be a step's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStepId {
    /// It has no characters.
    #[error("a step's id is empty")]
    Empty,
    /// It is longer than [`limits::STEP_ID_BYTES`].
    #[error("a step's id has {0} bytes; the limit is {max}", max = limits::STEP_ID_BYTES)]
    TooLong(usize),
    /// It ends like a repeat's key, and would be taken for one.
    #[error("a step's id ends in `:` and a number ({0}), which is how Pawl writes the repeats of an id")]
    LooksLikeRepeat(String),
}

impl StepKey {
    /// A key, if `name` can be a step's id.
    pub fn new(name: &str, occurrence: u32) -> Result<Self, BadStepId> {
        if name.is_empty() {
            return Err(BadStepId::Empty);
        }
        if name.len() > limits::STEP_ID_BYTES {
            return Err(BadStepId::TooLong(name.len()));
        }
        if split_repeat(name).is_some() {
            return Err(BadStepId::LooksLikeRepeat(name.to_owned()));
        }
        Ok(Self { name: name.into(), occurrence })
    }
}

impl StepKey {
    /// A key from its whole text, if its name can be a step's id.
    pub fn whole(text: &str) -> Result<Self, BadStepId> {
        let key = Self::parse(text);
        match (key.name.is_empty(), key.name.len()) {
            (true, _) => Err(BadStepId::Empty),
            (_, long) if long > limits::STEP_ID_BYTES => Err(BadStepId::TooLong(long)),
            _ => Ok(key),
        }
    }

    /// From its text, as it is shown.
    pub fn parse(text: &str) -> Self {
        match split_repeat(text) {
            Some((name, n)) => Self { name: name.into(), occurrence: n },
            None => Self { name: text.into(), occurrence: 0 },
        }
    }
}

fn split_repeat(text: &str) -> Option<(&str, u32)> {
    let (name, n) = text.rsplit_once(':')?;
    let digits = !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    (digits && !name.is_empty()).then(|| n.parse().ok().map(|n| (name, n)))?
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.occurrence {
            0 => f.write_str(&self.name),
            n => write!(f, "{}:{n}", self.name),
        }
    }
}

impl Serialize for StepKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StepKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(d)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        for (name, occurrence) in [("a", 0), ("a", 1), ("send: mail", 0), ("send: mail", 12), (":", 0)] {
            let key = StepKey::new(name, occurrence).expect("valid");
            let json = serde_json::to_string(&key).expect("serialises");
            assert_eq!(serde_json::from_str::<StepKey>(&json).expect("reads"), key, "{json}");
        }
    }

    #[test]
    fn an_id_that_reads_like_a_repeat_is_refused() {
        assert_eq!(StepKey::new("a:1", 0), Err(BadStepId::LooksLikeRepeat("a:1".into())));
        assert_eq!(StepKey::new("", 0), Err(BadStepId::Empty));
        assert_eq!(StepKey::new(&"x".repeat(257), 0), Err(BadStepId::TooLong(257)));
    }
}
