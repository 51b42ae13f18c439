//! Functions of expressions.

use super::value::{Fault, V};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// A function of one or two values; a method's object is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Lowercase,
    Uppercase,
    B64Decode,
    JsonParse,
    Date,
    Int,
    Double,
    Text,
    Bool,
    Dyn,
}

/// How a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Call,
    Method,
    Both,
}

impl Function {
    /// By its name: how it is written and how many values it takes.
    pub(super) fn named(name: &str) -> Option<(Self, Form, usize)> {
        Some(match name {
            "size" => (Self::Size, Form::Both, 1),
            "contains" => (Self::Contains, Form::Method, 2),
            "startsWith" => (Self::StartsWith, Form::Method, 2),
            "endsWith" => (Self::EndsWith, Form::Method, 2),
            "lowercase" => (Self::Lowercase, Form::Call, 1),
            "uppercase" => (Self::Uppercase, Form::Call, 1),
            "b64decode" => (Self::B64Decode, Form::Call, 1),
            "json_parse" => (Self::JsonParse, Form::Call, 1),
            "date" | "timestamp" => (Self::Date, Form::Call, 1),
            "int" | "uint" => (Self::Int, Form::Call, 1),
            "double" => (Self::Double, Form::Call, 1),
            "string" => (Self::Text, Form::Call, 1),
            "bool" => (Self::Bool, Form::Call, 1),
            "dyn" => (Self::Dyn, Form::Call, 1),
            _ => return None,
        })
    }

    /// Its value.
    pub(super) fn call<'a>(self, mut args: Vec<V<'a>>) -> Result<V<'a>, Fault> {
        let second = if args.len() > 1 { args.pop() } else { None };
        let first = args.pop().ok_or(Fault)?;
        match (self, &first) {
            (Self::Size, _) => V::int(Some(first.len().ok_or(Fault)? as i128)),
            (Self::Contains | Self::StartsWith | Self::EndsWith, _) => {
                test(self, &first, &second.unwrap_or(V::Null))
            }
            (_, V::Null) => Ok(V::Null),
            (Self::Lowercase, V::Text(s)) => Ok(V::Text(Cow::Owned(s.to_lowercase()))),
            (Self::Uppercase, V::Text(s)) => Ok(V::Text(Cow::Owned(s.to_uppercase()))),
            (Self::B64Decode, V::Text(s)) => {
                let bytes = STANDARD.decode(s.as_bytes()).map_err(|_| Fault)?;
                Ok(V::Text(Cow::Owned(String::from_utf8(bytes).map_err(|_| Fault)?)))
            }
            (Self::JsonParse, V::Text(s)) => Ok(V::owned(serde_json::from_str(s).map_err(|_| Fault)?)),
            (Self::Date, _) => time(&first).map(V::Time),
            (Self::Int, _) => to_int(&first),
            (Self::Double, V::Int(i)) => V::float(*i as f64),
            (Self::Double, V::Text(s)) => V::float(s.parse().map_err(|_| Fault)?),
            (Self::Text, V::Text(_)) | (Self::Double, V::Float(_)) | (Self::Bool, V::Bool(_)) => Ok(first),
            (Self::Text, _) => Ok(V::Text(Cow::Owned(first.to_text()))),
            (Self::Bool, V::Text(s)) => Ok(V::Bool(s.parse().map_err(|_| Fault)?)),
            (Self::Dyn, _) => Ok(first),
            _ => Err(Fault),
        }
    }
}

/// Of texts; of a list, whether it has the element (`contains`).
fn test<'a>(function: Function, value: &V<'a>, part: &V<'a>) -> Result<V<'a>, Fault> {
    match (value, part) {
        (V::Null, _) | (V::Text(_), V::Null) => Ok(V::Bool(false)),
        (V::Text(value), V::Text(part)) => Ok(V::Bool(match function {
            Function::StartsWith => value.starts_with(&**part),
            Function::EndsWith => value.ends_with(&**part),
            _ => value.contains(&**part),
        })),
        _ => Err(Fault),
    }
}

fn to_int<'a>(value: &V<'a>) -> Result<V<'a>, Fault> {
    match value {
        V::Int(i) => Ok(V::Int(*i)),
        // `as` saturates, and `int` refuses what is out of range
        V::Float(f) => V::int(Some(*f as i128)),
        V::Text(s) => V::int(s.parse().ok()),
        V::Time(t) => V::int(Some(t.as_second().into())),
        _ => Err(Fault),
    }
}

/// A moment: RFC 3339, a date, a date and time (as UTC), or Unix milliseconds.
pub(super) fn time(value: &V<'_>) -> Result<jiff::Timestamp, Fault> {
    match value {
        V::Time(t) => Ok(*t),
        V::Int(ms) => {
            jiff::Timestamp::from_millisecond(i64::try_from(*ms).map_err(|_| Fault)?).map_err(|_| Fault)
        }
        V::Float(ms) => jiff::Timestamp::from_millisecond(*ms as i64).map_err(|_| Fault),
        V::Text(s) => s.parse().or_else(|_| {
            let civil: jiff::civil::DateTime = s.parse().map_err(|_| Fault)?;
            Ok(civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Fault)?.timestamp())
        }),
        _ => Err(Fault),
    }
}
