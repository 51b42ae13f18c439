//! Rows and links, and what a transaction does to them: everything, or nothing.

use super::Refusal;
use super::steps::{Action, Entity, Mode, Step};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Row = Map<String, Value>;

/// What there is.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// By namespace and id.
    rows: BTreeMap<String, BTreeMap<String, Row>>,
    /// Namespace, label, from, to.
    links: BTreeSet<(String, String, String, String)>,
    /// Known attributes; `true`: unique.
    attributes: BTreeMap<(String, String), bool>,
    transactions: u64,
    made: u64,
}

impl Default for Tables {
    fn default() -> Self {
        // what every app has
        let users = [("id", true), ("email", true), ("imageURL", false), ("type", false)];
        let attributes = users.map(|(name, is_unique)| (("$users".into(), name.into()), is_unique)).into();
        Self { rows: BTreeMap::new(), links: BTreeSet::new(), attributes, transactions: 0, made: 0 }
    }
}

impl Tables {
    pub(super) fn declare(&mut self, namespace: &str, attribute: &str, is_unique: bool) {
        self.attributes.insert((namespace.into(), attribute.into()), is_unique);
    }

    pub(super) fn row(&self, namespace: &str, id: &str) -> Option<&Row> {
        self.rows.get(namespace)?.get(id)
    }

    pub(super) fn rows(&self, namespace: &str) -> impl Iterator<Item = &Row> {
        self.rows.get(namespace).into_iter().flat_map(BTreeMap::values)
    }

    /// The ids that `label` leads to from this row, in either direction.
    pub(super) fn linked(&self, namespace: &str, id: &str, label: &str) -> Vec<&str> {
        let linked = self.links.iter().filter_map(|(from_ns, l, from, to)| {
            if (from_ns.as_str(), l.as_str(), from.as_str()) == (namespace, label, id) {
                Some(to.as_str())
            } else {
                // backwards a link is known by the name of the namespace it comes from
                let is_backwards = (from_ns.as_str(), l.as_str(), to.as_str()) == (label, namespace, id);
                is_backwards.then_some(from.as_str())
            }
        });
        linked.collect()
    }

    /// All steps or none; the transaction's number.
    pub(super) fn transact(&mut self, steps: &[Step], throws_on_missing: bool) -> Result<u64, Refusal> {
        let mut next = self.clone();
        next.know(steps, throws_on_missing)?;
        // modes look at what was there before the transaction, not at its own steps
        self.check_modes(steps)?;
        for step in steps {
            next.apply(step)?;
        }
        next.check_unique()?;
        next.transactions += 1;
        *self = next;
        Ok(self.transactions)
    }

    /// New attributes become known, where that is allowed.
    fn know(&mut self, steps: &[Step], throws_on_missing: bool) -> Result<(), Refusal> {
        let mut missing = Vec::new();
        for Step { namespace, entity, action } in steps {
            if let Entity::Lookup(attribute, _) = entity {
                match self.attributes.get(&(namespace.clone(), attribute.clone())) {
                    Some(true) => {}
                    Some(false) => {
                        let why = format!("{attribute} is not a unique attribute on {namespace}");
                        return Err(Refusal::invalid("lookup", json!(attribute), &why));
                    }
                    None => missing.push((namespace.clone(), attribute.clone(), true)),
                }
            }
            let (Action::Create(row) | Action::Update(row, _) | Action::Merge(row, _)) = action else {
                continue;
            };
            missing.push((namespace.clone(), "id".into(), true));
            missing.extend(row.keys().map(|name| (namespace.clone(), name.clone(), false)));
        }
        missing.retain(|(ns, name, _)| !self.attributes.contains_key(&(ns.clone(), name.clone())));
        if throws_on_missing && !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|(ns, name, _)| format!("{ns}.{name}")).collect();
            let why = format!("Attributes are missing in your schema: {}", names.join(", "));
            return Err(Refusal::invalid("steps", json!(names), &why));
        }
        if let Some((namespace, ..)) = missing.iter().find(|(ns, ..)| ns.starts_with('$')) {
            let why = format!("You can't create or modify attributes in the {namespace} namespace.");
            return Err(Refusal::invalid("tx-steps", json!("add-attr"), &why));
        }
        for (namespace, name, is_unique) in missing {
            self.attributes.entry((namespace, name)).or_insert(is_unique);
        }
        Ok(())
    }

    fn check_modes(&self, steps: &[Step]) -> Result<(), Refusal> {
        let shown = |entity: &Entity| match entity {
            Entity::Id(id) => id.clone(),
            Entity::Lookup(attribute, value) => format!("[{attribute} {value}]"),
        };
        for Step { namespace, entity, action } in steps {
            let is_there = self.find(namespace, entity).is_some_and(|id| self.row(namespace, &id).is_some());
            let why = match action {
                Action::Create(_) if is_there => "Creating entities that exist",
                Action::Update(_, Mode::Strict) | Action::Merge(_, Mode::Strict) if !is_there => {
                    "Updating entities that don't exist"
                }
                _ => continue,
            };
            let why = format!("{why}: {}", shown(entity));
            return Err(Refusal::invalid("tx-step", json!([namespace, shown(entity)]), &why));
        }
        Ok(())
    }

    fn apply(&mut self, step: &Step) -> Result<(), Refusal> {
        let namespace = step.namespace.as_str();
        match &step.action {
            Action::Create(args) | Action::Update(args, _) => {
                let row = self.row_to_write(namespace, &step.entity);
                row.extend(args.clone());
            }
            Action::Merge(args, _) => {
                let row = self.row_to_write(namespace, &step.entity);
                for (name, patch) in args {
                    merge(row.entry(name.as_str()).or_insert(Value::Null), patch);
                }
            }
            Action::Link(links) => {
                let from = self.id_to_write(namespace, &step.entity);
                for (label, entity) in links {
                    let to = self.id_to_write(label, entity);
                    self.links.insert((namespace.into(), label.clone(), from.clone(), to));
                }
            }
            Action::Unlink(links) => {
                let Some(from) = self.find(namespace, &step.entity) else { return Ok(()) };
                for (label, entity) in links {
                    if let Some(to) = self.find(label, entity) {
                        self.links.remove(&(namespace.into(), label.clone(), from.clone(), to));
                    }
                }
            }
            Action::Delete => {
                if let Some(id) = self.find(namespace, &step.entity) {
                    self.rows.get_mut(namespace).and_then(|rows| rows.remove(&id));
                    self.links.retain(|(_, _, from, to)| *from != id && *to != id);
                }
            }
            Action::RuleParams => {}
        }
        Ok(())
    }

    fn find(&self, namespace: &str, entity: &Entity) -> Option<String> {
        match entity {
            Entity::Id(id) => Some(id.clone()),
            Entity::Lookup(attribute, value) => {
                let rows = self.rows.get(namespace)?;
                rows.iter().find(|(_, row)| row.get(attribute) == Some(value)).map(|(id, _)| id.clone())
            }
        }
    }

    /// The id of a row that is there, or of one that a lookup makes.
    fn id_to_write(&mut self, namespace: &str, entity: &Entity) -> String {
        match (self.find(namespace, entity), entity) {
            (Some(id), _) => id,
            (None, Entity::Id(id)) => id.clone(),
            (None, Entity::Lookup(attribute, value)) => {
                self.made += 1;
                let id = format!("00000000-0000-4000-8000-{:012x}", self.made);
                let row = self.row_to_write(namespace, &Entity::Id(id.clone()));
                row.insert(attribute.clone(), value.clone());
                id
            }
        }
    }

    fn row_to_write(&mut self, namespace: &str, entity: &Entity) -> &mut Row {
        let id = self.id_to_write(namespace, entity);
        let rows = self.rows.entry(namespace.into()).or_default();
        rows.entry(id.clone()).or_insert_with(|| Map::from_iter([("id".to_owned(), id.into())]))
    }

    fn check_unique(&self) -> Result<(), Refusal> {
        for ((namespace, name), _) in self.attributes.iter().filter(|(_, is_unique)| **is_unique) {
            let mut seen = BTreeSet::new();
            for value in self.rows(namespace).filter_map(|row| row.get(name)).filter(|v| !v.is_null()) {
                if !seen.insert(value.to_string()) {
                    let message = format!(
                        "`{name}` is a unique attribute on `{namespace}` and an entity already exists \
                         with `{namespace}.{name}` = {value}"
                    );
                    let hint = json!({
                        "record-type": "triple", "etype": namespace, "label": name, "value": value.to_string(),
                    });
                    return Err(Refusal::new("record-not-unique", message, hint));
                }
            }
        }
        Ok(())
    }
}

/// Objects merge key by key, null takes a key away, everything else replaces.
fn merge(old: &mut Value, patch: &Value) {
    match (old, patch) {
        (Value::Object(old), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    old.remove(key);
                } else {
                    merge(old.entry(key.as_str()).or_insert(Value::Null), value);
                }
            }
        }
        (
            old @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)),
            Value::Object(patch),
        ) => {
            *old = Value::Object(Map::new());
            merge(old, &Value::Object(patch.clone()));
        }
        (old, patch) => *old = patch.clone(),
    }
}
