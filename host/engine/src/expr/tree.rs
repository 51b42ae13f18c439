//! From a text to a tree that is known to be good.

use super::functions::{Form, Function};
use super::{BadExpr, Scope};
use crate::limits;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr as Ast, LiteralValue, SourceInfo, operators,
};
use cel::{IdedExpr, parser::Parser};
use regex::{Regex, RegexBuilder};

/// A checked expression.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    /// `event`
    Event,
    /// `async`
    New,
    /// A macro's variable, counted from the outermost.
    Local(usize),
    Member(Box<Self>, String),
    Has(Box<Self>, String),
    Index(Box<[Self; 2]>),
    Not(Box<Self>),
    Negate(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    If(Box<[Self; 3]>),
    Binary(Op, Box<[Self; 2]>),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Each(Box<Each>),
    Matches(Box<Self>, Regex),
    Call(Function, Vec<Self>),
}

/// An operator on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A macro over a list's elements, or an object's names.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) kind: Kind,
    pub(super) list: Node,
    /// Only elements for which this is true.
    pub(super) keep: Option<Node>,
    pub(super) body: Node,
}

/// What becomes of the body's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    All,
    Exists,
    One,
    /// `map` and `filter`
    List,
}

impl Node {
    /// `data.order` of `async.data.order`.
    pub(super) fn path_into_new(&self) -> Option<String> {
        let (of, name) = match self {
            Self::Member(of, name) => (&**of, name),
            Self::Index(sides) => match &**sides {
                [of, Self::Text(name)] => (of, name),
                _ => return None,
            },
            _ => return None,
        };
        if name.contains('.') {
            return None;
        }
        match of {
            Self::New => Some(name.clone()),
            of => of.path_into_new().map(|path| format!("{path}.{name}")),
        }
    }

    /// Whether it looks at `async` anywhere.
    pub(super) fn names_new(&self) -> bool {
        let any = |nodes: &[Self]| nodes.iter().any(Self::names_new);
        match self {
            Self::New => true,
            Self::Member(of, _) | Self::Has(of, _) | Self::Not(of) | Self::Negate(of) => of.names_new(),
            Self::Matches(of, _) => of.names_new(),
            Self::Index(nodes) | Self::Binary(_, nodes) => any(&nodes[..]),
            Self::If(nodes) => any(&nodes[..]),
            Self::And(nodes) | Self::Or(nodes) | Self::List(nodes) | Self::Call(_, nodes) => any(nodes),
            Self::Map(entries) => entries.iter().any(|(k, v)| k.names_new() || v.names_new()),
            Self::Each(each) => {
                each.list.names_new()
                    || each.body.names_new()
                    || each.keep.as_ref().is_some_and(Self::names_new)
            }
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) => false,
            Self::Event | Self::Local(_) => false,
        }
    }
}

/// Parses and checks a text.
pub(super) fn parse(text: &str, scope: Scope) -> Result<Node, BadExpr> {
    let start = |why: String| BadExpr { why, line: 1, column: 1 };
    if text.trim().is_empty() {
        return Err(start("it is empty".into()));
    }
    let chars = text.chars().count();
    if chars > limits::EXPR_CHARS {
        return Err(start(format!("it has {chars} characters; the limit is {}", limits::EXPR_CHARS)));
    }
    check_nesting(text)?;
    let (ast, info) = Parser::new().parse_with_source_info(text).map_err(|errors| {
        let Some(first) = errors.errors.first() else { return start("it cannot be read".into()) };
        let number = |n: isize| usize::try_from(n).unwrap_or(0).max(1);
        BadExpr { why: syntax(&first.msg), line: number(first.pos.0), column: number(first.pos.1) }
    })?;
    Lower { text, info: &info, scope, locals: Vec::new() }.node(&ast, 0)
}

/// The parser's own words, without its list of all that it would have liked to see.
fn syntax(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message.split(" expecting {").next().unwrap_or_default();
    match message {
        "UNKNOWN" => "it cannot be read".into(),
        ended if ended.contains("'<EOF>'") => "it ends too early".into(),
        odd if odd.starts_with("token recognition error at: '=") => "`=` is no operator: write `==`".into(),
        _ => message.lines().next().unwrap_or_default().into(),
    }
}

/// The parser goes down with every bracket and sign, so that they are counted before it
/// runs. Those in texts are counted as well, which does no harm.
fn check_nesting(text: &str) -> Result<(), BadExpr> {
    let mut depth = 0usize;
    let mut signs = 0usize;
    for (line, content) in text.lines().enumerate() {
        for (column, c) in content.chars().enumerate() {
            depth = match c {
                '(' | '[' | '{' | '?' => depth + 1,
                ')' | ']' | '}' => depth.saturating_sub(1),
                _ => depth,
            };
            signs = match c {
                '!' | '-' => signs + 1,
                c if c.is_whitespace() => signs,
                _ => 0,
            };
            if depth > limits::EXPR_DEPTH || signs > limits::EXPR_DEPTH {
                return Err(BadExpr { why: too_deep(), line: line + 1, column: column + 1 });
            }
        }
    }
    Ok(())
}

fn too_deep() -> String {
    format!("it goes more than {} levels deep", limits::EXPR_DEPTH)
}

struct Lower<'a> {
    text: &'a str,
    info: &'a SourceInfo,
    scope: Scope,
    /// The macros' variables around.
    locals: Vec<String>,
}

impl Lower<'_> {
    fn bad(&self, at: &IdedExpr, why: impl Into<String>) -> BadExpr {
        // in bytes; of a call it is the bracket
        let start = self.info.offset_for(at.id).map_or(0, |(start, _)| start as usize);
        let mut before = self.text.get(..start).unwrap_or_default();
        if let Ast::Call(call) = &at.expr {
            before = before.trim_end();
            before = before.strip_suffix(call.func_name.as_str()).unwrap_or(before);
        }
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        BadExpr { why: why.into(), line, column }
    }

    fn node(&mut self, ast: &IdedExpr, depth: usize) -> Result<Node, BadExpr> {
        if depth > limits::EXPR_DEPTH {
            return Err(self.bad(ast, too_deep()));
        }
        let depth = depth + 1;
        match &ast.expr {
            Ast::Literal(literal) => self.literal(ast, literal),
            Ast::Ident(name) => self.variable(ast, name),
            Ast::Select(select) => {
                let of = Box::new(self.node(&select.operand, depth)?);
                let name = select.field.clone();
                Ok(if select.test { Node::Has(of, name) } else { Node::Member(of, name) })
            }
            Ast::Call(call) => self.call(ast, call, depth),
            Ast::List(list) => Ok(Node::List(self.nodes(&list.elements, depth)?)),
            Ast::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        entries.push((self.node(&entry.key, depth)?, self.node(&entry.value, depth)?));
                    }
                }
                Ok(Node::Map(entries))
            }
            Ast::Comprehension(each) => self.each(ast, each, depth),
            Ast::Struct(message) => Err(self.bad(ast, format!("there is no type `{}`", message.type_name))),
            Ast::Unspecified => Err(self.bad(ast, "it cannot be read")),
        }
    }

    fn nodes(&mut self, asts: &[IdedExpr], depth: usize) -> Result<Vec<Node>, BadExpr> {
        asts.iter().map(|ast| self.node(ast, depth)).collect()
    }

    fn literal(&self, ast: &IdedExpr, literal: &LiteralValue) -> Result<Node, BadExpr> {
        match literal {
            LiteralValue::Null => Ok(Node::Null),
            LiteralValue::Boolean(b) => Ok(Node::Bool(*b.inner())),
            LiteralValue::Int(i) => Ok(Node::Int((*i.inner()).into())),
            LiteralValue::UInt(u) => Ok(Node::Int((*u.inner()).into())),
            LiteralValue::Double(f) if f.inner().is_finite() => Ok(Node::Float(*f.inner())),
            LiteralValue::Double(_) => Err(self.bad(ast, "the number is out of range")),
            LiteralValue::String(s) => Ok(Node::Text(s.inner().to_owned())),
            LiteralValue::Bytes(_) => Err(self.bad(ast, "bytes have no place here: events are JSON")),
        }
    }

    fn variable(&self, ast: &IdedExpr, name: &str) -> Result<Node, BadExpr> {
        if let Some(n) = self.locals.iter().rposition(|local| local == name) {
            return Ok(Node::Local(n));
        }
        match (name, self.scope) {
            ("event", _) => Ok(Node::Event),
            ("async", Scope::Pair) => Ok(Node::New),
            ("async", Scope::Event) => Err(self.bad(ast, "there is no `async` here, only `event`")),
            (_, Scope::Event) => Err(self.bad(ast, format!("there is no `{name}`, only `event`"))),
            (_, Scope::Pair) => Err(self.bad(ast, format!("there is no `{name}`, only `event` and `async`"))),
        }
    }

    fn call(&mut self, ast: &IdedExpr, call: &CallExpr, depth: usize) -> Result<Node, BadExpr> {
        if call.target.is_none()
            && let Some(node) = self.operator(call, depth)
        {
            return node;
        }
        let name = call.func_name.as_str();
        if matches!(name, "now" | "now_plus" | "now_minus") {
            let why = format!("`{name}` would differ each time that it is asked; compare with `event.ts`");
            return Err(self.bad(ast, why));
        }
        if name == "matches" {
            return self.matches(ast, call, depth);
        }
        let Some((function, form, takes)) = Function::named(name) else {
            return Err(self.bad(ast, format!("there is no function `{name}`")));
        };
        match (form, &call.target) {
            (Form::Call, Some(_)) => {
                return Err(self.bad(ast, format!("write `{name}(x)`, not `x.{name}()`")));
            }
            (Form::Method, None) => return Err(self.bad(ast, format!("write `x.{name}(y)`"))),
            _ => {}
        }
        let args = call.target.iter().map(|target| &**target).chain(&call.args);
        let args = args.map(|arg| self.node(arg, depth)).collect::<Result<Vec<_>, _>>()?;
        if args.len() != takes {
            let (takes, has) = match call.target {
                Some(_) => (takes - 1, args.len() - 1),
                None => (takes, args.len()),
            };
            return Err(self.bad(ast, format!("`{name}` takes {takes} values, not {has}")));
        }
        Ok(Node::Call(function, args))
    }

    /// None when it is a function's name.
    fn operator(&mut self, call: &CallExpr, depth: usize) -> Option<Result<Node, BadExpr>> {
        let op = match call.func_name.as_str() {
            operators::LOGICAL_AND => return Some(self.terms(call, depth).map(Node::And)),
            operators::LOGICAL_OR => return Some(self.terms(call, depth).map(Node::Or)),
            operators::LOGICAL_NOT => {
                return Some(self.node(call.args.first()?, depth).map(Box::new).map(Node::Not));
            }
            operators::NEGATE => {
                return Some(self.node(call.args.first()?, depth).map(Box::new).map(Node::Negate));
            }
            operators::CONDITIONAL => {
                let parts = self.nodes(&call.args, depth);
                return Some(parts.map(|parts| Node::If(Box::new(parts.try_into().unwrap_or(NONE3)))));
            }
            operators::INDEX => {
                return Some(self.pair(call, depth).map(Node::Index));
            }
            operators::EQUALS => Op::Equal,
            operators::NOT_EQUALS => Op::NotEqual,
            operators::LESS => Op::Less,
            operators::LESS_EQUALS => Op::LessEqual,
            operators::GREATER => Op::Greater,
            operators::GREATER_EQUALS => Op::GreaterEqual,
            operators::IN => Op::In,
            operators::ADD => Op::Add,
            operators::SUBSTRACT => Op::Subtract,
            operators::MULTIPLY => Op::Multiply,
            operators::DIVIDE => Op::Divide,
            operators::MODULO => Op::Remainder,
            _ => return None,
        };
        Some(self.pair(call, depth).map(|sides| Node::Binary(op, sides)))
    }

    fn pair(&mut self, call: &CallExpr, depth: usize) -> Result<Box<[Node; 2]>, BadExpr> {
        // the parser gives operators their number of operands
        Ok(Box::new(self.nodes(&call.args, depth)?.try_into().unwrap_or([Node::Null, Node::Null])))
    }

    /// The terms of `a && b && c` in one list.
    fn terms(&mut self, call: &CallExpr, depth: usize) -> Result<Vec<Node>, BadExpr> {
        let mut terms = Vec::new();
        for arg in &call.args {
            match &arg.expr {
                Ast::Call(inner) if inner.func_name == call.func_name && depth <= limits::EXPR_DEPTH => {
                    terms.extend(self.terms(inner, depth + 1)?);
                }
                _ => terms.push(self.node(arg, depth)?),
            }
        }
        Ok(terms)
    }

    fn matches(&mut self, ast: &IdedExpr, call: &CallExpr, depth: usize) -> Result<Node, BadExpr> {
        let args: Vec<_> = call.target.iter().map(|target| &**target).chain(&call.args).collect();
        let [of, pattern] = args[..] else {
            return Err(self.bad(ast, "write `x.matches('pattern')`"));
        };
        let Ast::Literal(LiteralValue::String(text)) = &pattern.expr else {
            return Err(
                self.bad(pattern, "the pattern of `matches` has to be a text in the expression itself")
            );
        };
        let pattern = RegexBuilder::new(text.inner())
            .size_limit(limits::EXPR_PATTERN_BYTES)
            .dfa_size_limit(limits::EXPR_PATTERN_BYTES)
            .build()
            .map_err(|e| {
                let why = e.to_string();
                let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.bad(pattern, format!("the pattern of `matches`: {last}"))
            })?;
        Ok(Node::Matches(Box::new(self.node(of, depth)?), pattern))
    }

    /// The parser has turned a macro into a loop of a known form; this finds it again.
    fn each(&mut self, ast: &IdedExpr, each: &ComprehensionExpr, depth: usize) -> Result<Node, BadExpr> {
        if matches!(each.iter_var.as_str(), "event" | "async") {
            return Err(self.bad(ast, format!("`{}` has a meaning already", each.iter_var)));
        }
        let list = self.node(&each.iter_range, depth)?;
        let odd = || self.bad(ast, "it cannot be read");
        let Ast::Call(step) = &each.loop_step.expr else { return Err(odd()) };
        let (kind, keep, body) = match (&each.accu_init.expr, &step.args[..]) {
            (Ast::Literal(LiteralValue::Boolean(b)), [_, body]) => {
                (if *b.inner() { Kind::All } else { Kind::Exists }, None, body)
            }
            (Ast::Literal(LiteralValue::Int(_)), [body, _, _]) => (Kind::One, None, body),
            (Ast::List(_), [keep, add, _]) => (Kind::List, Some(keep), appended(add).ok_or_else(odd)?),
            (Ast::List(_), [_, _]) => (Kind::List, None, appended(&each.loop_step).ok_or_else(odd)?),
            _ => return Err(odd()),
        };
        self.locals.push(each.iter_var.clone());
        let keep = keep.map(|keep| self.node(keep, depth)).transpose();
        let body = self.node(body, depth);
        self.locals.pop();
        Ok(Node::Each(Box::new(Each { kind, list, keep: keep?, body: body? })))
    }
}

/// What stands in for operands that the parser left out, which it does not do.
const NONE3: [Node; 3] = [Node::Null, Node::Null, Node::Null];

/// `x` of `@result + [x]`.
fn appended(ast: &IdedExpr) -> Option<&IdedExpr> {
    let Ast::Call(call) = &ast.expr else { return None };
    match &call.args.get(1)?.expr {
        Ast::List(list) => list.elements.first(),
        _ => None,
    }
}
