//! Queries: namespaces with equality on attributes, and links one after the other.
//! What is beyond that is refused: the server would know, the stub does not.

use super::Refusal;
use super::tables::Tables;
use serde_json::{Map, Value, json};

/// The answer to a query by an admin.
pub(super) fn answer(tables: &Tables, query: &Map<String, Value>) -> Result<Value, Refusal> {
    let mut answer = Map::new();
    for (namespace, form) in query.iter().filter(|(name, _)| !name.starts_with("$$")) {
        let rows = tables.rows(namespace).collect::<Vec<_>>();
        answer.insert(namespace.clone(), select(tables, namespace, rows, form)?);
    }
    Ok(Value::Object(answer))
}

fn select(
    tables: &Tables,
    namespace: &str,
    rows: Vec<&Map<String, Value>>,
    form: &Value,
) -> Result<Value, Refusal> {
    let form = form.as_object().ok_or_else(|| unknown(form, "a namespace's form is an object"))?;
    let options = form.get("$").cloned().unwrap_or_else(|| json!({}));
    let options = options.as_object().ok_or_else(|| unknown(&options, "`$` is an object"))?;
    let mut limit = usize::MAX;
    let mut wanted = Map::new();
    for (option, value) in options {
        match (option.as_str(), value) {
            ("where", Value::Object(conditions)) => wanted = conditions.clone(),
            ("limit", Value::Number(n)) => {
                limit = n.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(limit);
            }
            _ => return Err(unknown(&json!({ option: value }), "an option that the stub does not know")),
        }
    }
    let mut found = Vec::new();
    for row in rows {
        if found.len() < limit && is_wanted(row, &wanted)? {
            found.push(with_links(tables, namespace, row, form)?);
        }
    }
    Ok(Value::Array(found))
}

fn with_links(
    tables: &Tables,
    namespace: &str,
    row: &Map<String, Value>,
    form: &Map<String, Value>,
) -> Result<Value, Refusal> {
    let mut object = row.clone();
    let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
    for (label, form) in form.iter().filter(|(label, _)| *label != "$") {
        let ids = tables.linked(namespace, id, label);
        let rows = ids.into_iter().filter_map(|id| tables.row(label, id)).collect();
        object.insert(label.clone(), select(tables, label, rows, form)?);
    }
    Ok(Value::Object(object))
}

fn is_wanted(row: &Map<String, Value>, conditions: &Map<String, Value>) -> Result<bool, Refusal> {
    for (attribute, condition) in conditions {
        let value = row.get(attribute).unwrap_or(&Value::Null);
        let holds = match condition {
            Value::Object(map) => match (map.len(), map.get("$in").or(map.get("in"))) {
                (1, Some(Value::Array(any))) => any.contains(value),
                _ => return Err(unknown(condition, "a condition that the stub does not know")),
            },
            Value::Array(_) => return Err(unknown(condition, "a condition that the stub does not know")),
            plain => value == plain,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn unknown(input: &Value, why: &str) -> Refusal {
    Refusal::invalid("query", input.clone(), why)
}
