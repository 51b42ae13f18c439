//! JSON that is carried and stored as its sender wrote it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One JSON value as text: valid, and never parsed again on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(Box<RawValue>);

/// Why a text is no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPayload {
    /// It is not JSON.
    #[error("not valid JSON: {0}")]
    Invalid(String),
    /// It has more bytes than the place allows.
    #[error("{bytes} bytes of JSON; the limit here is {limit}")]
    TooLarge {
        /// what came
        bytes: usize,
        /// what may come
        limit: usize,
    },
}

impl Payload {
    /// Takes `text` if it is JSON of at most `limit` bytes.
    pub fn parse(text: String, limit: usize) -> Result<Self, BadPayload> {
        if text.len() > limit {
            return Err(BadPayload::TooLarge { bytes: text.len(), limit });
        }
        RawValue::from_string(text).map(Self).map_err(|e| BadPayload::Invalid(e.to_string()))
    }

    /// JSON's `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// From a value built in code.
    pub fn from_value(value: &serde_json::Value) -> Self {
        // a `Value` always has a JSON text
        Self(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The JSON text, without a copy.
    pub fn into_string(self) -> String {
        let text: Box<str> = self.0.into();
        text.into_string()
    }

    /// Parsed, for those who look inside. `null` where the text has no value of
    /// its own in this parser (a lone surrogate, a number out of range).
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.as_str()).unwrap_or(serde_json::Value::Null)
    }
}

impl PartialEq for Payload {
    /// Equal texts.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
