//! Expressions of functions over events, in CEL: filters, keys, priorities.
//!
//! The language is CEL (<https://cel.dev>), the meaning is Inngest's, which is looser
//! (`pkg/expressions` there; <https://www.inngest.com/docs/guides/writing-expressions>):
//! - what is missing is `null`, however deep: `event.data.a.b == null` holds when there
//!   is no `a`;
//! - values of different types are not equal; `1` and `1.0` are. `null` is less than
//!   anything else. Any other `<` between different types is an error;
//! - `&&`, `||`, `!`, `?:` and the whole take `null`, `false`, `0` and `""` for false and
//!   anything else for true; `a || b` gives the first one that is true, or the last;
//! - `+` puts together texts, lists and, as text, values of different types; `null + a`
//!   is `a`;
//! - of a `null`, `size` is 0, a test (`contains`, `in`) is false and any other function
//!   is `null`;
//! - beyond CEL's own there are `lowercase`, `uppercase`, `b64decode`, `json_parse` and
//!   `date`. Durations and the parts of dates are not there.
//!
//! `now()`, `now_plus` and `now_minus` are refused: an expression has to come to the same
//! whenever it is evaluated; `event.ts` is there.
//!
//! The `cel` crate parses. Its evaluator is CEL's own, strict one, takes no account of
//! what an evaluation costs, and wants a copy of the event in its own types; so the tree
//! is checked and evaluated here (`tree.rs`, `eval.rs`).

mod eval;
mod functions;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tree::{Node, Op};
pub(crate) use value::short_of as short;

/// A parsed expression: it names nothing that is not there, and costs little to evaluate
/// ([`crate::limits::EXPR_CHARS`], [`crate::limits::EXPR_COST`]). Equal by its text.
#[derive(Clone)]
pub struct Expr {
    source: Arc<str>,
    root: Arc<Node>,
}

/// Which variables an expression may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `event`: the one that starts, or has started, the run.
    Event,
    /// `async` as well: the event that comes in later.
    Pair,
}

/// Why a text is no expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} (line {line}, column {column} of the expression)")]
pub struct BadExpr {
    /// A sentence without its full stop.
    pub why: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// The values of an expression's variables.
#[derive(Debug, Clone)]
pub struct Vars {
    event: Value,
    new: Option<Value>,
}

impl Vars {
    /// `event`, as [`crate::Event::to_value`] gives it.
    pub fn new(event: &Value) -> Self {
        Self { event: event.clone(), new: None }
    }

    /// With `async`.
    pub fn and(self, new: &Value) -> Self {
        Self { new: Some(new.clone()), ..self }
    }

    /// The value of `event`.
    pub fn event(&self) -> &Value {
        &self.event
    }
}

impl Expr {
    /// Parses and checks: every variable and function is known, patterns of `matches` are
    /// texts in the expression itself, nothing is too long or too deep.
    pub fn parse(text: &str, scope: Scope) -> Result<Self, BadExpr> {
        Ok(Self { source: text.into(), root: Arc::new(tree::parse(text, scope)?) })
    }

    /// As its author wrote it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether its value counts as true. One that cannot be evaluated does not hold.
    pub fn holds(&self, vars: &Vars) -> bool {
        eval::run(&self.root, vars).is_ok_and(|value| value.is_true())
    }

    /// Its value as a key: a text as it is, anything else as canonical JSON (see [`at`]).
    /// None when it cannot be evaluated.
    pub fn text(&self, vars: &Vars) -> Option<String> {
        eval::run_whole(&self.root, vars).ok().map(|value| value.to_text())
    }

    /// Its value when that is a number, cut to a whole one.
    pub fn int(&self, vars: &Vars) -> Option<i64> {
        eval::run(&self.root, vars).ok()?.to_int()
    }

    /// Whether its value is `false` itself, and not merely counts as false.
    pub fn is_false(&self, vars: &Vars) -> bool {
        eval::run(&self.root, vars).is_ok_and(|value| value.is_false())
    }

    /// An equation that this one holds only with: a path into `async` (`data.order`) and
    /// what [`at`] has to give for it. It comes from a term `async.data.order == x` of the
    /// outermost `&&`, where `x` is anything without `async`, as it is for this `event`.
    pub fn equation(&self, event: &Value) -> Option<(String, String)> {
        let vars = Vars::new(event);
        let terms = match &*self.root {
            Node::And(terms) => terms.as_slice(),
            term => std::slice::from_ref(term),
        };
        terms.iter().find_map(|term| {
            let Node::Binary(Op::Equal, sides) = term else { return None };
            let (path, other) = match (sides[0].path_into_new(), sides[1].path_into_new()) {
                (Some(path), None) => (path, &sides[1]),
                (None, Some(path)) => (path, &sides[0]),
                _ => return None,
            };
            if other.names_new() {
                return None;
            }
            Some((path, eval::run_whole(other, &vars).ok()?.to_equal_text()?))
        })
    }
}

/// The value at a path of names (`data.order`) as canonical JSON: equal values, in the
/// sense of `==` in expressions, have equal texts. What is missing is `null`. A text of
/// more than [`crate::limits::KEY_CHARS`] characters is replaced by its hash.
pub fn at(value: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(value, |value, name| value.as_object()?.get(name));
    value::short_of(value::canonical(found.unwrap_or(&Value::Null)))
}

/// What [`at`] gives for this text.
pub fn text(text: &str) -> String {
    value::short_of(value::canonical(&Value::from(text)))
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expr {}

impl PartialOrd for Expr {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Expr {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.source.cmp(&other.source)
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({:?})", self.source)
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Expr {
    /// Both variables are allowed: what is stored was checked for its place.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text, Scope::Pair).map_err(serde::de::Error::custom)
    }
}
