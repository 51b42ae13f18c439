//! From a function's wishes and an event to the terms of a run.

use super::{Check, Gate, GateRule, Gather, Lane, Rate, Scope, Terms, Throttle, Watch};
use crate::event::Event;
use crate::expr::{Expr, Vars, short};
use crate::manifest::Manifest;
use crate::{FunctionId, limits};
use std::collections::BTreeMap;

impl Terms {
    /// The terms of a run of the function that this event starts. `vars` holds the event.
    ///
    /// A key that cannot be evaluated has the value `null`; a priority then is 0, and a
    /// batch's filter does not hold.
    pub fn of(manifest: &Manifest, event: &Event, vars: &Vars) -> Self {
        let flow = &manifest.flow;
        let gates = gates(manifest, vars);
        let mut fresh = gates.clone();
        fresh.extend(flow.throttle.as_ref().map(|throttle| Gate {
            id: whole("t", &manifest.id, throttle.key.as_ref(), vars),
            rule: throttle_rule(throttle).0,
            then: throttle_rule(throttle).1,
        }));
        let lane = |gates| Lane { function: manifest.id.clone(), gates };
        let seconds = flow.priority.as_ref().and_then(|priority| priority.int(vars)).unwrap_or(0);
        Self {
            fresh: lane(fresh),
            lane: lane(gates),
            ahead: seconds.clamp(-limits::PRIORITY, limits::PRIORITY) * 1_000,
            checks: checks(manifest, vars),
            gather: gather(manifest, vars),
            cancel_on: watches(manifest, event),
            start_within: flow.timeouts.start,
        }
    }

    /// The terms of a run that nothing holds up.
    pub fn plain(function: FunctionId) -> Self {
        let lane = Lane::open(function);
        Self {
            fresh: lane.clone(),
            lane,
            ahead: 0,
            checks: Vec::new(),
            gather: None,
            cancel_on: Vec::new(),
            start_within: None,
        }
    }

    /// The same for a run that somebody wants in any case: without checks, and it waits for
    /// no further events.
    pub fn again(self) -> Self {
        Self { checks: Vec::new(), gather: None, ..self }
    }
}

/// The rules of a function's gates by their names, for [`super::Rules`].
pub fn rules(manifest: &Manifest) -> BTreeMap<String, GateRule> {
    let flow = &manifest.flow;
    let limits =
        flow.concurrency.iter().map(|c| (limit_rule(c.scope, c.key.as_ref()), GateRule::Limit(c.limit)));
    limits.chain(flow.throttle.as_ref().map(throttle_rule)).collect()
}

fn text(key: Option<&Expr>) -> &str {
    key.map_or("", Expr::source)
}

fn limit_rule(scope: Scope, key: Option<&Expr>) -> String {
    format!("concurrency:{}:{}", scope.as_str(), text(key))
}

fn throttle_rule(throttle: &Throttle) -> (String, GateRule) {
    let Throttle { limit, period, burst, key } = throttle;
    let rate = Rate { limit: *limit, period: *period, at_once: limit.saturating_add(*burst) };
    (format!("throttle:{}", text(key.as_ref())), GateRule::Rate(rate))
}

/// A key's text and its value for an event. No text of a key is another one's beginning up
/// to a `:`, since both are whole expressions; so different pairs stay different.
fn keyed(key: Option<&Expr>, vars: &Vars) -> String {
    let Some(key) = key else { return String::new() };
    let value = key.text(vars).unwrap_or_else(|| "null".into());
    format!("{}:{}", short(key.source().to_owned()), short(value))
}

/// What is counted for a function's own key.
fn whole(kind: &str, function: &FunctionId, key: Option<&Expr>, vars: &Vars) -> String {
    format!("{kind}:{function}:{}", keyed(key, vars))
}

fn gates(manifest: &Manifest, vars: &Vars) -> Vec<Gate> {
    let gate = |c: &super::Concurrency| {
        let key = c.key.as_ref();
        let id = match c.scope {
            Scope::Function => whole("c", &manifest.id, key, vars),
            Scope::App => format!("c@{}:{}", manifest.app, keyed(key, vars)),
            Scope::Account => format!("c@:{}", keyed(key, vars)),
        };
        Gate { id, rule: limit_rule(c.scope, key), then: GateRule::Limit(c.limit) }
    };
    manifest.flow.concurrency.iter().map(gate).collect()
}

/// In Inngest's order: how often, then whether one is there already.
fn checks(manifest: &Manifest, vars: &Vars) -> Vec<Check> {
    let flow = &manifest.flow;
    let whole = |kind, key| whole(kind, &manifest.id, key, vars);
    let rate_limit = flow.rate_limit.as_ref().map(|wish| Check::Rate {
        key: whole("r", wish.key.as_ref()),
        // Inngest's allowance: a tenth of the limit may come at once beside the first
        rate: Rate { limit: wish.limit, period: wish.period, at_once: wish.limit / 10 + 1 },
    });
    let idempotency = flow.idempotency.as_ref().map(|key| Check::Rate {
        key: whole("i", Some(key)),
        rate: Rate { limit: 1, period: limits::IDEMPOTENCY, at_once: 1 },
    });
    let off = |key: &Expr| key.is_false(vars);
    let singleton = flow.singleton.as_ref().filter(|wish| !wish.key.as_ref().is_some_and(off));
    let singleton =
        singleton.map(|wish| Check::Single { key: whole("s", wish.key.as_ref()), mode: wish.mode });
    [rate_limit, idempotency, singleton].into_iter().flatten().collect()
}

fn gather(manifest: &Manifest, vars: &Vars) -> Option<Gather> {
    let flow = &manifest.flow;
    let whole = |kind, key| whole(kind, &manifest.id, key, vars);
    if let Some(wish) = &flow.debounce {
        let key = whole("d", wish.key.as_ref());
        return Some(Gather::Debounce { key, period: wish.period, timeout: wish.timeout });
    }
    let wish = flow.batch.as_ref()?;
    if wish.filter.as_ref().is_some_and(|filter| !filter.holds(vars)) {
        return None;
    }
    Some(Gather::Batch { key: whole("b", wish.key.as_ref()), max: wish.max_size, timeout: wish.timeout })
}

fn watches(manifest: &Manifest, event: &Event) -> Vec<Watch> {
    let watch = |wish: &super::CancelOn| {
        let until = event.received_at + wish.timeout.unwrap_or(limits::WAIT);
        Watch::new(wish.event.as_str().into(), wish.filter.clone(), event, until)
    };
    manifest.flow.cancel_on.iter().map(watch).collect()
}

#[cfg(test)]
mod tests;
