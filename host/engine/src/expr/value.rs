//! Values while an expression is evaluated.

use crate::limits;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A value. What comes from an event is borrowed from it.
#[derive(Debug, Clone)]
pub(super) enum V<'a> {
    Null,
    Bool(bool),
    /// Within [`INTS`].
    Int(i128),
    /// Finite.
    Float(f64),
    Text(Cow<'a, str>),
    Time(jiff::Timestamp),
    List(Vec<V<'a>>),
    Map(BTreeMap<String, V<'a>>),
    /// A list or an object of an event.
    Json(&'a Value),
}

/// What cannot be evaluated. Nobody sees why: the expression does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault;

/// Whole numbers that JSON's readers keep as such: CEL's `int` and `uint` together.
const INTS: std::ops::RangeInclusive<i128> = i64::MIN as i128..=u64::MAX as i128;

/// What a value costs beside its bytes.
const EACH: usize = 8;

impl<'a> V<'a> {
    pub(super) fn of(json: &'a Value) -> Self {
        match json {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => {
                let whole = n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
                whole.map_or_else(|| Self::Float(n.as_f64().unwrap_or_default()), Self::Int)
            }
            Value::String(s) => Self::Text(Cow::Borrowed(s)),
            Value::Array(_) | Value::Object(_) => Self::Json(json),
        }
    }

    /// A copy that borrows nothing.
    pub(super) fn owned(json: Value) -> V<'static> {
        match json {
            Value::String(s) => V::Text(Cow::Owned(s)),
            Value::Array(list) => V::List(list.into_iter().map(Self::owned).collect()),
            Value::Object(map) => V::Map(map.into_iter().map(|(k, v)| (k, Self::owned(v))).collect()),
            Value::Null => V::Null,
            Value::Bool(b) => V::Bool(b),
            Value::Number(_) => match V::of(&json) {
                V::Int(i) => V::Int(i),
                V::Float(f) => V::Float(f),
                _ => V::Null,
            },
        }
    }

    pub(super) fn int(value: Option<i128>) -> Result<Self, Fault> {
        value.filter(|i| INTS.contains(i)).map(Self::Int).ok_or(Fault)
    }

    pub(super) fn float(value: f64) -> Result<Self, Fault> {
        if value.is_finite() { Ok(Self::Float(value)) } else { Err(Fault) }
    }

    /// Whether it counts as true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Text(s) => !s.is_empty(),
            Self::Time(_) | Self::List(_) | Self::Map(_) | Self::Json(_) => true,
        }
    }

    pub(super) fn is_false(&self) -> bool {
        matches!(self, Self::Bool(false))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::Json(Value::Array(_)))
    }

    pub(super) fn to_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(i64::try_from(*i).unwrap_or(i64::MAX)),
            // `as` saturates
            Self::Float(f) => Some(*f as i64),
            _ => None,
        }
    }

    /// A text as it is, anything else as canonical JSON.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Text(s) => s.to_string(),
            Self::Time(t) => t.to_string(),
            _ => canonical(&self.to_json()),
        }
    }

    /// What [`super::at`] gives for an equal value. Times are equal to texts in several
    /// ways and have none.
    pub(super) fn to_equal_text(&self) -> Option<String> {
        match self {
            Self::Time(_) => None,
            _ => Some(short_of(canonical(&self.to_json()))),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => match (i64::try_from(*i), u64::try_from(*i)) {
                (Ok(i), _) => i.into(),
                (_, Ok(u)) => u.into(),
                _ => Value::Null,
            },
            Self::Float(f) => (*f).into(),
            Self::Text(s) => Value::String(s.to_string()),
            Self::Time(t) => Value::String(t.to_string()),
            Self::List(list) => list.iter().map(Self::to_json).collect(),
            Self::Map(map) => map.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
            Self::Json(json) => (*json).clone(),
        }
    }

    /// Takes from a budget about as many bytes as comparing or writing it reads. It stops
    /// when the budget does: a list may hold the same borrowed list many times.
    pub(super) fn pay(&self, left: &mut usize) -> Result<(), Fault> {
        match self {
            Self::Text(s) => take(left, s.len()),
            Self::List(list) => list.iter().try_for_each(|item| item.pay(left)),
            Self::Map(map) => {
                map.iter().try_for_each(|(k, v)| take(left, k.len()).and_then(|()| v.pay(left)))
            }
            Self::Json(json) => pay_json(json, left),
            _ => Ok(()),
        }
        .and_then(|()| take(left, EACH))
    }

    /// Its member, `Null` when it has none.
    pub(super) fn member(&self, name: &str) -> V<'a> {
        match self {
            Self::Json(Value::Object(map)) => map.get(name).map_or(V::Null, V::of),
            Self::Map(map) => map.get(name).cloned().unwrap_or(V::Null),
            _ => V::Null,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Json(Value::Object(map)) => map.contains_key(name),
            Self::Map(map) => map.contains_key(name),
            _ => false,
        }
    }

    /// Its elements, or an object's names.
    pub(super) fn elements(&self) -> Option<Vec<V<'a>>> {
        let text = |name: &String| V::Text(Cow::Owned(name.clone()));
        match self {
            Self::Json(Value::Array(list)) => Some(list.iter().map(V::of).collect()),
            Self::Json(Value::Object(map)) => {
                Some(map.keys().map(|k| V::Text(Cow::Borrowed(k.as_str()))).collect())
            }
            Self::List(list) => Some(list.clone()),
            Self::Map(map) => Some(map.keys().map(text).collect()),
            _ => None,
        }
    }

    /// Characters of a text, elements of a list, members of an object.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Null => Some(0),
            Self::Text(s) => Some(s.chars().count()),
            Self::List(list) => Some(list.len()),
            Self::Map(map) => Some(map.len()),
            Self::Json(Value::Array(list)) => Some(list.len()),
            Self::Json(Value::Object(map)) => Some(map.len()),
            _ => None,
        }
    }

    /// `==`: in agreement with canonical texts.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Time(_), _) | (_, Self::Time(_)) => self.order(other) == Ok(Ordering::Equal),
            (Self::Int(_) | Self::Float(_), Self::Int(_) | Self::Float(_)) => {
                self.order(other) == Ok(Ordering::Equal)
            }
            (Self::List(_) | Self::Map(_) | Self::Json(_), Self::List(_) | Self::Map(_) | Self::Json(_)) => {
                canonical(&self.to_json()) == canonical(&other.to_json())
            }
            _ => false,
        }
    }

    /// The order of two values of one kind; `Null` is less than anything else.
    pub(super) fn order(&self, other: &Self) -> Result<Ordering, Fault> {
        match (self, other) {
            (Self::Null, Self::Null) => Ok(Ordering::Equal),
            (Self::Null, _) => Ok(Ordering::Less),
            (_, Self::Null) => Ok(Ordering::Greater),
            (Self::Bool(a), Self::Bool(b)) => Ok(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Ok(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Ok(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b).ok_or(Fault),
            (Self::Int(a), Self::Float(b)) => order_mixed(*a, *b),
            (Self::Float(a), Self::Int(b)) => order_mixed(*b, *a).map(Ordering::reverse),
            (Self::Time(a), _) => Ok(a.cmp(&super::functions::time(other)?)),
            (_, Self::Time(b)) => Ok(super::functions::time(self)?.cmp(b)),
            _ => Err(Fault),
        }
    }
}

/// Exact: no whole number is rounded.
fn order_mixed(whole: i128, float: f64) -> Result<Ordering, Fault> {
    if float.is_nan() {
        return Err(Fault);
    }
    // saturates far outside of what `whole` can be
    let floor = float.floor() as i128;
    Ok(whole.cmp(&floor).then(if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less }))
}

fn pay_json(json: &Value, left: &mut usize) -> Result<(), Fault> {
    take(left, EACH)?;
    match json {
        Value::String(s) => take(left, s.len()),
        Value::Array(list) => list.iter().try_for_each(|item| pay_json(item, left)),
        Value::Object(map) => {
            map.iter().try_for_each(|(k, v)| take(left, k.len()).and_then(|()| pay_json(v, left)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Takes a cost from a budget.
pub(super) fn take(left: &mut usize, cost: usize) -> Result<(), Fault> {
    *left = left.checked_sub(cost).ok_or(Fault)?;
    Ok(())
}

/// JSON without a choice: no spaces, names in order, whole numbers without a fraction.
pub(super) fn canonical(json: &Value) -> String {
    let mut text = String::new();
    write_canonical(json, &mut text);
    text
}

fn write_canonical(json: &Value, to: &mut String) {
    match json {
        Value::Number(n) => write_number(n, to),
        Value::Array(list) => {
            to.push('[');
            for (n, item) in list.iter().enumerate() {
                if n > 0 {
                    to.push(',');
                }
                write_canonical(item, to);
            }
            to.push(']');
        }
        Value::Object(map) => {
            // sorted here: whether the map is, is another crate's choice of features
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            to.push('{');
            for (n, (name, value)) in sorted.into_iter().enumerate() {
                if n > 0 {
                    to.push(',');
                }
                // writing into a text cannot fail
                let _ = write!(to, "{}:", Value::String(name.clone()));
                write_canonical(value, to);
            }
            to.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {
            let _ = write!(to, "{json}");
        }
    }
}

fn write_number(n: &serde_json::Number, to: &mut String) {
    let whole = n.as_f64().filter(|f| n.is_f64() && f.fract() == 0.0).map(|f| f as i128);
    let _ = match whole.filter(|i| INTS.contains(i)) {
        Some(whole) => write!(to, "{whole}"),
        None => write!(to, "{n}"),
    };
}

/// The text, or when it is long its SHA-256: keys are kept in indexes.
pub(crate) fn short_of(text: String) -> String {
    if text.chars().nth(limits::KEY_CHARS).is_none() {
        return text;
    }
    let mut short = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(short, "{byte:02x}");
    }
    short
}
