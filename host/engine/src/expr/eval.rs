//! Evaluating a tree: within a budget, so that no event makes an expression expensive.

use super::Vars;
use super::functions::Function;
use super::tree::{Each, Kind, Node, Op};
use super::value::{Fault, V, take};
use crate::limits;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What a node costs beside the bytes that it reads.
const NODE: usize = 16;

/// A pattern costs more for each byte than a comparison.
const PATTERN: usize = 8;

/// The value of a tree.
pub(super) fn run<'a>(node: &'a Node, vars: &'a Vars) -> Result<V<'a>, Fault> {
    Eval { vars, locals: Vec::new(), left: limits::EXPR_COST }.value(node)
}

/// The same for those who go on to write the whole value, which is paid for as well.
pub(super) fn run_whole<'a>(node: &'a Node, vars: &'a Vars) -> Result<V<'a>, Fault> {
    let mut eval = Eval { vars, locals: Vec::new(), left: limits::EXPR_COST };
    let value = eval.value(node)?;
    value.pay(&mut eval.left)?;
    Ok(value)
}

struct Eval<'a> {
    vars: &'a Vars,
    /// The elements that the macros around are at.
    locals: Vec<V<'a>>,
    left: usize,
}

impl<'a> Eval<'a> {
    fn pay(&mut self, cost: usize) -> Result<(), Fault> {
        take(&mut self.left, cost)
    }

    /// For a clone. What is borrowed is cloned as it is.
    fn pay_copy(&mut self, value: &V<'a>) -> Result<(), Fault> {
        match value {
            V::Text(Cow::Owned(_)) | V::List(_) | V::Map(_) => value.pay(&mut self.left),
            _ => Ok(()),
        }
    }

    fn value(&mut self, node: &'a Node) -> Result<V<'a>, Fault> {
        self.pay(NODE)?;
        match node {
            Node::Null => Ok(V::Null),
            Node::Bool(b) => Ok(V::Bool(*b)),
            Node::Int(i) => Ok(V::Int(*i)),
            Node::Float(f) => Ok(V::Float(*f)),
            Node::Text(s) => Ok(V::Text(Cow::Borrowed(s))),
            Node::Event => Ok(V::of(&self.vars.event)),
            Node::New => Ok(self.vars.new.as_ref().map_or(V::Null, V::of)),
            Node::Local(n) => {
                let local = self.locals.get(*n).cloned().ok_or(Fault)?;
                self.pay_copy(&local)?;
                Ok(local)
            }
            Node::Member(of, name) => Ok(self.value(of)?.member(name)),
            Node::Has(of, name) => Ok(V::Bool(self.value(of)?.has(name))),
            Node::Index(sides) => self.index(&sides[0], &sides[1]),
            Node::Not(of) => Ok(V::Bool(!self.value(of)?.is_true())),
            Node::Negate(of) => match self.value(of)? {
                V::Int(i) => V::int(i.checked_neg()),
                V::Float(f) => V::float(-f),
                _ => Err(Fault),
            },
            Node::And(terms) => self.logic(terms, false),
            Node::Or(terms) => self.logic(terms, true),
            Node::If(parts) => {
                let branch = if self.value(&parts[0])?.is_true() { 1 } else { 2 };
                self.value(&parts[branch])
            }
            Node::Binary(op, sides) => {
                let left = self.value(&sides[0])?;
                let right = self.value(&sides[1])?;
                left.pay(&mut self.left)?;
                right.pay(&mut self.left)?;
                binary(*op, left, right)
            }
            Node::List(items) => Ok(V::List(items.iter().map(|i| self.value(i)).collect::<Result<_, _>>()?)),
            Node::Map(entries) => {
                let mut map = BTreeMap::new();
                for (name, value) in entries {
                    map.insert(self.value(name)?.to_text(), self.value(value)?);
                }
                Ok(V::Map(map))
            }
            Node::Each(each) => self.each(each),
            Node::Matches(of, pattern) => match self.value(of)? {
                V::Text(text) => {
                    self.pay(text.len().saturating_mul(PATTERN))?;
                    Ok(V::Bool(pattern.is_match(&text)))
                }
                V::Null => Ok(V::Bool(false)),
                _ => Err(Fault),
            },
            Node::Call(function, args) => self.call(*function, args),
        }
    }

    fn call(&mut self, function: Function, args: &'a [Node]) -> Result<V<'a>, Fault> {
        let args = args.iter().map(|arg| self.value(arg)).collect::<Result<Vec<_>, _>>()?;
        // a list's length needs no reading of it
        if function != Function::Size || matches!(args.first(), Some(V::Text(_))) {
            args.iter().try_for_each(|arg| arg.pay(&mut self.left))?;
        }
        function.call(args)
    }

    fn index(&mut self, of: &'a Node, index: &'a Node) -> Result<V<'a>, Fault> {
        let of = self.value(of)?;
        match (&of, self.value(index)?) {
            (_, V::Text(name)) => Ok(of.member(&name)),
            (V::Json(serde_json::Value::Array(list)), V::Int(n)) => {
                Ok(usize::try_from(n).ok().and_then(|n| list.get(n)).map_or(V::Null, V::of))
            }
            (V::List(list), V::Int(n)) => {
                Ok(usize::try_from(n).ok().and_then(|n| list.get(n)).cloned().unwrap_or(V::Null))
            }
            (V::Null, _) | (_, V::Null) => Ok(V::Null),
            _ => Err(Fault),
        }
    }

    /// The first term that is `wanted`, or the last. As in CEL, a term that cannot be
    /// evaluated does not matter when another one decides.
    fn logic(&mut self, terms: &'a [Node], wanted: bool) -> Result<V<'a>, Fault> {
        let mut last = Ok(V::Bool(!wanted));
        for term in terms {
            match self.value(term) {
                Ok(value) if value.is_true() == wanted => return Ok(value),
                Ok(value) if last.is_ok() => last = Ok(value),
                Ok(_) => {}
                Err(fault) => last = Err(fault),
            }
        }
        last
    }

    fn each(&mut self, each: &'a Each) -> Result<V<'a>, Fault> {
        let list = self.value(&each.list)?;
        let elements = match &list {
            V::Null => Vec::new(),
            list => {
                self.pay(list.len().ok_or(Fault)?.saturating_mul(NODE))?;
                self.pay_copy(list)?;
                list.elements().ok_or(Fault)?
            }
        };
        let depth = self.locals.len();
        let mut found = Vec::new();
        let mut count = 0;
        // as in logic: an element that decides outweighs those that cannot be evaluated
        let mut fault = Ok(());
        for element in elements {
            self.locals.push(element);
            let value = self.element(each);
            self.locals.truncate(depth);
            match (each.kind, value) {
                (Kind::Exists, Ok(Some(value))) if value.is_true() => return Ok(V::Bool(true)),
                (Kind::All, Ok(Some(value))) if !value.is_true() => return Ok(V::Bool(false)),
                (Kind::Exists | Kind::All, Err(bad)) => fault = Err(bad),
                (Kind::One, value) => count += u32::from(value?.is_some_and(|v| v.is_true())),
                (Kind::List, value) => found.extend(value?),
                _ => {}
            }
        }
        fault?;
        Ok(match each.kind {
            Kind::All => V::Bool(true),
            Kind::Exists => V::Bool(false),
            Kind::One => V::Bool(count == 1),
            Kind::List => V::List(found),
        })
    }

    /// The body for the element that is the last of the locals; none when it is left out.
    fn element(&mut self, each: &'a Each) -> Result<Option<V<'a>>, Fault> {
        match &each.keep {
            Some(keep) if !self.value(keep)?.is_true() => Ok(None),
            _ => self.value(&each.body).map(Some),
        }
    }
}

fn binary<'a>(op: Op, left: V<'a>, right: V<'a>) -> Result<V<'a>, Fault> {
    let order = |wanted: &[Ordering]| Ok(V::Bool(wanted.contains(&left.order(&right)?)));
    match op {
        Op::Equal => Ok(V::Bool(left.equals(&right))),
        Op::NotEqual => Ok(V::Bool(!left.equals(&right))),
        Op::Less => order(&[Ordering::Less]),
        Op::LessEqual => order(&[Ordering::Less, Ordering::Equal]),
        Op::Greater => order(&[Ordering::Greater]),
        Op::GreaterEqual => order(&[Ordering::Greater, Ordering::Equal]),
        Op::In => match right {
            V::Null => Ok(V::Bool(false)),
            list => Ok(V::Bool(list.elements().ok_or(Fault)?.iter().any(|e| e.equals(&left)))),
        },
        Op::Add => add(left, right),
        Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder => arithmetic(op, &left, &right),
    }
}

fn add<'a>(left: V<'a>, right: V<'a>) -> Result<V<'a>, Fault> {
    match (left, right) {
        (V::Null, other) | (other, V::Null) => Ok(other),
        (V::Int(a), V::Int(b)) => V::int(a.checked_add(b)),
        (V::Int(a), V::Float(b)) | (V::Float(b), V::Int(a)) => V::float(a as f64 + b),
        (V::Float(a), V::Float(b)) => V::float(a + b),
        (left, right) if left.is_list() && right.is_list() => {
            let mut both = left.elements().unwrap_or_default();
            both.extend(right.elements().unwrap_or_default());
            Ok(V::List(both))
        }
        (left, right) => Ok(V::Text(Cow::Owned(left.to_text() + &right.to_text()))),
    }
}

/// Of whole numbers within CEL's range, and of others when one of the two is no whole one.
fn arithmetic<'a>(op: Op, left: &V<'a>, right: &V<'a>) -> Result<V<'a>, Fault> {
    let float = |v: &V<'a>| match v {
        V::Int(i) => Ok(*i as f64),
        V::Float(f) => Ok(*f),
        _ => Err(Fault),
    };
    match (op, left, right) {
        (Op::Subtract, V::Int(a), V::Int(b)) => V::int(a.checked_sub(*b)),
        (Op::Multiply, V::Int(a), V::Int(b)) => V::int(a.checked_mul(*b)),
        (Op::Divide, V::Int(a), V::Int(b)) => V::int(a.checked_div(*b)),
        (Op::Remainder, V::Int(a), V::Int(b)) => V::int(a.checked_rem(*b)),
        (Op::Subtract, ..) => V::float(float(left)? - float(right)?),
        (Op::Multiply, ..) => V::float(float(left)? * float(right)?),
        (Op::Divide, ..) => V::float(float(left)? / float(right)?),
        _ => Err(Fault),
    }
}
