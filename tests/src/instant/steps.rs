//! The grammar of a transaction's steps.

use super::Refusal;
use serde_json::{Map, Value};

/// One step, well-formed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) namespace: String,
    pub(super) entity: Entity,
    pub(super) action: Action,
}

/// Which row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entity {
    Id(String),
    /// By a unique attribute and its value.
    Lookup(String, Value),
}

/// What is done to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Create(Map<String, Value>),
    Update(Map<String, Value>, Mode),
    Merge(Map<String, Value>, Mode),
    Link(Vec<(String, Entity)>),
    Unlink(Vec<(String, Entity)>),
    Delete,
    /// Parameters for permission rules, which an admin does not meet.
    RuleParams,
}

/// Whether a row that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Upsert,
    Strict,
}

/// All steps, or the server's words about the first that is none.
pub(super) fn parse(steps: &Value) -> Result<Vec<Step>, Refusal> {
    let invalid = |why: String| Refusal::invalid("steps", steps.clone(), &why);
    let list = steps.as_array().ok_or_else(|| invalid("steps are a list".into()))?;
    list.iter().map(|step| parse_one(step).map_err(&invalid)).collect()
}

fn parse_one(step: &Value) -> Result<Step, String> {
    let parts = step.as_array().map(Vec::as_slice).unwrap_or_default();
    let [Value::String(action), Value::String(namespace), entity, rest @ ..] = parts else {
        return Err(format!("{step} is no step"));
    };
    if has_nul(step) {
        return Err("text with the character \\u0000 cannot be kept".into());
    }
    let entity = parse_entity(entity)?;
    let object = |value: &Value| value.as_object().cloned().ok_or_else(|| format!("{value} is no object"));
    let action = match (action.as_str(), rest) {
        ("create", [args]) => Action::Create(without_id(object(args)?)),
        ("update", [args]) => Action::Update(without_id(object(args)?), Mode::Upsert),
        ("update", [args, opts]) => Action::Update(without_id(object(args)?), mode(opts)?),
        ("merge", [args]) => Action::Merge(without_id(object(args)?), Mode::Upsert),
        ("merge", [args, opts]) => Action::Merge(without_id(object(args)?), mode(opts)?),
        ("link", [args]) => Action::Link(links(&object(args)?)?),
        ("unlink", [args]) => Action::Unlink(links(&object(args)?)?),
        ("delete", _) => Action::Delete,
        ("ruleParams", [args]) => object(args).map(|_| Action::RuleParams)?,
        ("create" | "update" | "merge" | "link" | "unlink" | "ruleParams", _) => {
            return Err(format!("{step} has too few or too many parts"));
        }
        _ => return Err(format!("Unsupported action {action}")),
    };
    Ok(Step { namespace: namespace.clone(), entity, action })
}

fn without_id(mut args: Map<String, Value>) -> Map<String, Value> {
    args.remove("id");
    args
}

fn mode(opts: &Value) -> Result<Mode, String> {
    let upsert = match opts {
        Value::Null => &Value::Null,
        Value::Object(map) => map.get("upsert").unwrap_or(&Value::Null),
        other => return Err(format!("{other} are no options")),
    };
    match upsert {
        Value::Null | Value::Bool(true) => Ok(Mode::Upsert),
        Value::Bool(false) => Ok(Mode::Strict),
        other => Err(format!("upsert is {other}")),
    }
}

fn links(args: &Map<String, Value>) -> Result<Vec<(String, Entity)>, String> {
    let mut links = Vec::new();
    for (label, value) in args {
        match value {
            Value::Array(many) if parse_entity(value).is_err() => {
                for one in many {
                    links.push((label.clone(), parse_entity(one)?));
                }
            }
            one => links.push((label.clone(), parse_entity(one)?)),
        }
    }
    Ok(links)
}

fn parse_entity(entity: &Value) -> Result<Entity, String> {
    let bad = || format!("Invalid entity ID {entity}. Entity IDs must be UUIDs or lookup references.");
    match entity {
        Value::String(id) if is_uuid(id) => Ok(Entity::Id(id.to_ascii_lowercase())),
        Value::String(text) => {
            let (attribute, json) =
                text.strip_prefix("lookup__").and_then(|rest| rest.split_once("__")).ok_or_else(bad)?;
            let value = serde_json::from_str(json).map_err(|_| "lookup value is invalid".to_owned())?;
            Ok(Entity::Lookup(attribute.into(), value))
        }
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(attribute), value] if !is_uuid(attribute) => {
                Ok(Entity::Lookup(attribute.clone(), value.clone()))
            }
            _ => Err(bad()),
        },
        Value::Object(map) => match map.iter().next() {
            Some((attribute, value)) if map.len() == 1 => {
                Ok(Entity::Lookup(attribute.clone(), value.clone()))
            }
            _ => Err("lookup must be an object with a single unique attr and value.".into()),
        },
        _ => Err(bad()),
    }
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || has_nul(v)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
