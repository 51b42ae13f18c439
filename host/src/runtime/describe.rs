//! What a component says of its functions, in the engine's words.

use pawl_bindings::exports::pawl::workflow::functions as wit;
use pawl_engine::Span;
use pawl_engine::flow::{
    Batch, CancelOn, Concurrency, Debounce, Flow, RateLimit, Scope, Singleton, SingletonMode, Throttle,
    Timeouts,
};
use pawl_engine::manifest::{Draft, DraftTrigger, Wishes};
use std::collections::BTreeSet;

/// A function's description; `app` is the component's, for those that name none.
pub(super) fn draft(config: wit::Config, app: &str) -> Draft {
    let set = |list: Vec<String>| list.into_iter().collect::<BTreeSet<_>>();
    let trigger = |trigger: wit::Trigger| match trigger {
        wit::Trigger::Event(event) => DraftTrigger::Event { name: event.name, filter: event.filter },
        wit::Trigger::Cron(cron) => {
            DraftTrigger::Cron { schedule: cron.schedule, jitter: cron.jitter.map(Span::from_millis) }
        }
    };
    Draft {
        id: config.id,
        name: config.name,
        app: Some(config.app.unwrap_or_else(|| app.to_owned())),
        triggers: config.triggers.into_iter().map(trigger).collect(),
        retries: config.retries,
        flow: flow(config.flow),
        step_timeout: config.step_timeout.map(Span::from_millis),
        wishes: Wishes {
            hosts: set(config.capabilities.hosts),
            settings: set(config.capabilities.settings),
            secrets: set(config.capabilities.secrets),
        },
    }
}

fn flow(flow: wit::Flow) -> Flow<String> {
    let ms = Span::from_millis;
    let scope = |scope: wit::Scope| match scope {
        wit::Scope::Function => Scope::Function,
        wit::Scope::App => Scope::App,
        wit::Scope::Account => Scope::Account,
    };
    let mode = |mode: wit::SingletonMode| match mode {
        wit::SingletonMode::Skip => SingletonMode::Skip,
        wit::SingletonMode::Cancel => SingletonMode::Cancel,
    };
    let limit = |c: wit::Concurrency| Concurrency { limit: c.limit, key: c.key, scope: scope(c.scope) };
    let cancel = |c: wit::CancelOn| CancelOn { event: c.event, filter: c.filter, timeout: c.timeout.map(ms) };
    Flow {
        concurrency: flow.concurrency.into_iter().map(limit).collect(),
        throttle: flow.throttle.map(|t| Throttle {
            limit: t.limit,
            period: ms(t.period),
            burst: t.burst.unwrap_or(0),
            key: t.key,
        }),
        rate_limit: flow.rate_limit.map(|r| RateLimit { limit: r.limit, period: ms(r.period), key: r.key }),
        debounce: flow.debounce.map(|d| Debounce {
            period: ms(d.period),
            timeout: d.timeout.map(ms),
            key: d.key,
        }),
        batch: flow.batch.map(|b| Batch {
            max_size: b.max_size,
            timeout: ms(b.timeout),
            key: b.key,
            filter: b.filter,
        }),
        priority: flow.priority,
        idempotency: flow.idempotency,
        cancel_on: flow.cancel_on.into_iter().map(cancel).collect(),
        singleton: flow.singleton.map(|s| Singleton { key: s.key, mode: mode(s.mode) }),
        timeouts: Timeouts { start: flow.timeouts.start.map(ms), finish: flow.timeouts.finish.map(ms) },
    }
}
