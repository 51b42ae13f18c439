//! Checking what a function says of its flow.

use super::draft::{Wrong, check_name, expr, wrong};
use crate::expr::{Expr, Scope};
use crate::flow::{
    self, Batch, CancelOn, Concurrency, Debounce, Flow, RateLimit, Singleton, Throttle, Timeouts,
};
use crate::{Span, limits};

/// The flow, or the first thing that is wrong with it.
pub(super) fn flow(draft: Flow<String>) -> Result<Flow, Wrong> {
    let flow = Flow {
        concurrency: concurrency(draft.concurrency)?,
        throttle: draft.throttle.map(throttle).transpose()?,
        rate_limit: draft.rate_limit.map(rate_limit).transpose()?,
        debounce: draft.debounce.map(debounce).transpose()?,
        batch: draft.batch.map(batch).transpose()?,
        priority: key("flow.priority", draft.priority)?,
        idempotency: key("flow.idempotency", draft.idempotency)?,
        cancel_on: cancel_on(draft.cancel_on)?,
        singleton: draft.singleton.map(singleton).transpose()?,
        timeouts: timeouts(draft.timeouts)?,
    };
    check_together(&flow)?;
    Ok(flow)
}

/// Inngest's rules: a batch stands alone, but for concurrency and throttle
/// (<https://www.inngest.com/docs/guides/batching>). There idempotency silently wins over
/// a rate limit, because it is one; here the author has to say which of them is meant.
fn check_together(flow: &Flow) -> Result<(), Wrong> {
    if flow.idempotency.is_some() && flow.rate_limit.is_some() {
        let why =
            "idempotency is itself a rate limit, of one in 24 hours for each value: leave one of the two out";
        return Err(wrong("flow.idempotency", why));
    }
    if flow.batch.is_none() {
        return Ok(());
    }
    let others = [
        ("cancel-on", !flow.cancel_on.is_empty()),
        ("debounce", flow.debounce.is_some()),
        ("singleton", flow.singleton.is_some()),
        ("rate-limit", flow.rate_limit.is_some()),
        ("idempotency", flow.idempotency.is_some()),
        ("priority", flow.priority.is_some()),
    ];
    match others.iter().find(|(_, there)| *there) {
        Some((other, _)) => {
            Err(wrong("flow.batch", format!("a batch cannot have {other}: leave one of the two out")))
        }
        None => Ok(()),
    }
}

fn key(field: impl Into<String>, text: Option<String>) -> Result<Option<Expr>, Wrong> {
    text.map(|text| expr(field.into(), &text, Scope::Event)).transpose()
}

fn check_limit(field: String, limit: u32, what: &str) -> Result<(), Wrong> {
    if limit == 0 { Err(wrong(field, format!("a limit of 0 would let no run {what}"))) } else { Ok(()) }
}

fn check_span(field: String, span: Span, bounds: (Span, Span), says: &str) -> Result<(), Wrong> {
    if (bounds.0..=bounds.1).contains(&span) {
        return Ok(());
    }
    Err(wrong(field, format!("{} ms: it takes {says}", span.as_millis())))
}

fn concurrency(drafts: Vec<Concurrency<String>>) -> Result<Vec<Concurrency>, Wrong> {
    if drafts.len() > limits::CONCURRENCY {
        let why = format!("{} limits; there may be {}", drafts.len(), limits::CONCURRENCY);
        return Err(wrong("flow.concurrency", why));
    }
    let mut checked: Vec<Concurrency> = Vec::new();
    for (n, Concurrency { limit, key: text, scope }) in drafts.into_iter().enumerate() {
        let at = format!("flow.concurrency[{n}]");
        check_limit(format!("{at}.limit"), limit, "execute")?;
        if text.is_none() && scope != flow::Scope::Function {
            let why = format!(
                "the scope `{}` needs a key: functions with the same key share the limit",
                scope.as_str()
            );
            return Err(wrong(format!("{at}.key"), why));
        }
        let key = key(format!("{at}.key"), text)?;
        if checked.iter().any(|other| other.scope == scope && other.key == key) {
            return Err(wrong(at, "the same scope and key twice: the smaller limit is enough"));
        }
        checked.push(Concurrency { limit, key, scope });
    }
    Ok(checked)
}

fn throttle(draft: Throttle<String>) -> Result<Throttle, Wrong> {
    check_limit("flow.throttle.limit".into(), draft.limit, "start")?;
    check_span("flow.throttle.period".into(), draft.period, limits::THROTTLE, "a second to 7 days")?;
    let key = key("flow.throttle.key", draft.key)?;
    Ok(Throttle { limit: draft.limit, period: draft.period, burst: draft.burst, key })
}

fn rate_limit(draft: RateLimit<String>) -> Result<RateLimit, Wrong> {
    check_limit("flow.rate-limit.limit".into(), draft.limit, "be made")?;
    check_span("flow.rate-limit.period".into(), draft.period, limits::RATE_LIMIT, "a second to 24 hours")?;
    Ok(RateLimit { limit: draft.limit, period: draft.period, key: key("flow.rate-limit.key", draft.key)? })
}

fn debounce(draft: Debounce<String>) -> Result<Debounce, Wrong> {
    check_span("flow.debounce.period".into(), draft.period, limits::DEBOUNCE, "a second to 7 days")?;
    if draft.timeout.is_some_and(|timeout| timeout < draft.period) {
        return Err(wrong("flow.debounce.timeout", "it is shorter than the period"));
    }
    Ok(Debounce { period: draft.period, timeout: draft.timeout, key: key("flow.debounce.key", draft.key)? })
}

fn batch(draft: Batch<String>) -> Result<Batch, Wrong> {
    let (least, most) = limits::BATCH_EVENTS;
    if !(least..=most).contains(&draft.max_size) {
        return Err(wrong("flow.batch.max-size", format!("{}: it takes {least} to {most}", draft.max_size)));
    }
    check_span("flow.batch.timeout".into(), draft.timeout, limits::BATCH_TIMEOUT, "a second to a minute")?;
    let filter = key("flow.batch.filter", draft.filter)?;
    Ok(Batch {
        max_size: draft.max_size,
        timeout: draft.timeout,
        key: key("flow.batch.key", draft.key)?,
        filter,
    })
}

fn cancel_on(drafts: Vec<CancelOn<String>>) -> Result<Vec<CancelOn>, Wrong> {
    if drafts.len() > limits::CANCEL_ON {
        return Err(wrong(
            "flow.cancel-on",
            format!("{} events; the limit is {}", drafts.len(), limits::CANCEL_ON),
        ));
    }
    let checked = drafts.into_iter().enumerate().map(|(n, draft)| {
        let at = format!("flow.cancel-on[{n}]");
        check_name(format!("{at}.event"), &draft.event)?;
        if let Some(timeout) = draft.timeout {
            let bounds = (Span::from_millis(1), limits::WAIT);
            check_span(format!("{at}.timeout"), timeout, bounds, "more than nothing and at most 366 days")?;
        }
        let filter = draft.filter.map(|text| expr(format!("{at}.filter"), &text, Scope::Pair));
        Ok(CancelOn { event: draft.event, filter: filter.transpose()?, timeout: draft.timeout })
    });
    checked.collect()
}

fn singleton(draft: Singleton<String>) -> Result<Singleton, Wrong> {
    Ok(Singleton { key: key("flow.singleton.key", draft.key)?, mode: draft.mode })
}

fn timeouts(timeouts: Timeouts) -> Result<Timeouts, Wrong> {
    for (name, span) in [("start", timeouts.start), ("finish", timeouts.finish)] {
        if span == Some(Span::ZERO) {
            return Err(wrong(
                format!("flow.timeouts.{name}"),
                "no run can do it in no time: leave it out or say more",
            ));
        }
    }
    Ok(timeouts)
}
