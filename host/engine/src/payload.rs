//! JSON that is carried and stored as its sender wrote it.

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;

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
    /// Takes `text` if it is JSON of at most `limit` bytes that every reader can read:
    /// no halves of characters (`\ud800`), no numbers out of range (`1e400`), no more than
    /// 127 levels.
    pub fn parse(text: String, limit: usize) -> Result<Self, BadPayload> {
        if text.len() > limit {
            return Err(BadPayload::TooLarge { bytes: text.len(), limit });
        }
        serde_json::from_str::<Readable>(&text).map_err(|e| BadPayload::Invalid(e.to_string()))?;
        Self::stored(text)
    }

    /// From a store, where only what was parsed once can be.
    pub fn stored(text: String) -> Result<Self, BadPayload> {
        RawValue::from_string(text).map(Self).map_err(|e| BadPayload::Invalid(e.to_string()))
    }

    /// JSON's `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// Whether it is JSON's `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
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

    /// Parsed, for those who look inside.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.as_str()).unwrap_or(serde_json::Value::Null)
    }
}

/// Reads a value and keeps nothing of it. Unlike serde's `IgnoredAny` it does read.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

impl From<Box<RawValue>> for Payload {
    /// JSON that was just written.
    fn from(json: Box<RawValue>) -> Self {
        Self(json)
    }
}

impl PartialEq for Payload {
    /// Equal texts.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_kept_to_the_letter() {
        for text in ["null", " {\"n\": 1.50, \"é\": [\"\\u00e9\", -0, 1e3]} ", "\"\\ud83c\\udf89\""] {
            let payload = Payload::parse(text.into(), 100).expect("JSON");
            assert_eq!(payload.as_str(), text.trim());
        }
    }

    #[test]
    fn what_no_reader_could_read_is_refused() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in ["", "{", "1 2", r#""\ud800""#, r#"{"a":["\udc00"]}"#, r#"{"\ud800":1}"#, "1e999", &deep]
        {
            assert!(matches!(Payload::parse(text.into(), 1_000), Err(BadPayload::Invalid(_))), "{text}");
        }
        assert_eq!(Payload::parse("[1]".into(), 2), Err(BadPayload::TooLarge { bytes: 3, limit: 2 }));
    }
}
