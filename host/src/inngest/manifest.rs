//! One function of a registration, as an SDK describes it, in the engine's words.
//!
//! Names are read without regard to case and `_`, as Inngest's server does for the case: the
//! Python SDK spells some of them otherwise. What nobody knows is left out; what is there and
//! cannot be, is refused with the function's and the field's name.

use pawl_engine::flow::{
    Batch, CancelOn, Concurrency, Debounce, Flow, RateLimit, Scope, Singleton, SingletonMode, Throttle,
    Timeouts,
};
use pawl_engine::manifest::{BadManifest, Draft, DraftTrigger};
use pawl_engine::{Manifest, Span};
use serde_json::{Map, Value};

/// Tries after the first when the app says nothing: Inngest's default.
const RETRIES: u32 = 4;

/// How long one request to an app may take: Inngest's server waits as long.
const STEP_TIMEOUT: Span = Span::from_secs(2 * 3_600);

/// How long a batch waits when the app says nothing: the longest that there is.
const BATCH_TIMEOUT: Span = Span::from_secs(60);

/// A field, and what is wrong with it.
type Wrong = (String, String);

/// The manifest of one function of `app`, or the first thing that is wrong with it.
pub(super) fn manifest(app: &str, function: &Value) -> Result<Manifest, BadManifest> {
    let id = field(function, "id").and_then(Value::as_str).unwrap_or_default();
    let bad = |(field, why): Wrong| BadManifest { function: id.to_owned(), field, why };
    let draft = draft(app, id, function).map_err(bad)?;
    draft.parse().map_err(|bad| BadManifest { field: theirs(&bad.field), ..bad })
}

fn draft(app: &str, id: &str, function: &Value) -> Result<Draft, Wrong> {
    if !function.is_object() {
        return Err(("functions".into(), "one of them is no JSON object".into()));
    }
    Ok(Draft {
        id: id.to_owned(),
        name: text(function, "name")?,
        app: Some(app.to_owned()),
        triggers: triggers(function)?,
        retries: Some(retries(function)?),
        flow: flow(function)?,
        step_timeout: Some(STEP_TIMEOUT),
        ..Draft::default()
    })
}

/// The value of a field that is there and not null.
pub(super) fn field<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let object: &Map<String, Value> = of.as_object()?;
    let found = object.get(name).or_else(|| {
        let same = |key: &str| {
            let letters = |text: &str| {
                text.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect::<String>()
            };
            letters(key) == letters(name)
        };
        object.iter().find(|(key, _)| same(key)).map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A text; an empty one says nothing.
fn text(of: &Value, name: &str) -> Result<Option<String>, Wrong> {
    match field(of, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|t| !t.trim().is_empty())),
        Some(other) => Err((name.to_owned(), format!("it is {}, not a text", kind(other)))),
    }
}

fn number(of: &Value, name: &str) -> Result<Option<u32>, Wrong> {
    let Some(value) = field(of, name) else { return Ok(None) };
    let whole = value.as_u64().and_then(|n| u32::try_from(n).ok());
    match whole {
        Some(n) => Ok(Some(n)),
        None => Err((name.to_owned(), format!("`{}` is no whole number from 0 up", short(value)))),
    }
}

fn span(of: &Value, name: &str) -> Result<Option<Span>, Wrong> {
    match field(of, name) {
        None => Ok(None),
        // a number is of milliseconds, as everywhere in the TypeScript SDK
        Some(Value::Number(n)) if n.is_u64() => Ok(n.as_u64().map(Span::from_millis)),
        Some(value) => match value.as_str().and_then(duration) {
            Some(span) => Ok(Some(span)),
            None => {
                let why = format!("`{}` is no time: write it like 10s, 1h30m, 2d or 1w", short(value));
                Err((name.to_owned(), why))
            }
        },
    }
}

/// A value for a person, who may have written a very long one.
fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What must be there.
fn needed<T>(name: &str, value: Option<T>) -> Result<T, Wrong> {
    value.ok_or_else(|| (name.to_owned(), "it is missing".to_owned()))
}

/// What is wrong inside of `part`.
fn within<T>(part: &str, parsed: Result<T, Wrong>) -> Result<T, Wrong> {
    parsed.map_err(|(field, why)| (format!("{part}.{field}"), why))
}

/// A length of time as Inngest writes it: `1h30m`, `2d`, `1w`, `500ms`; also `1.5h`.
pub fn duration(text: &str) -> Option<Span> {
    let mut rest = text.trim();
    let mut total: f64 = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let n: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match rest[..end].trim() {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            "w" => 604_800_000.0,
            _ => return None,
        };
        total += n * unit;
        rest = &rest[end..];
    }
    // beyond the largest number of milliseconds that is exact there is no meaning
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in bounds")]
    (total <= 9e15).then_some(Span::from_millis(total.round() as u64))
}

fn retries(function: &Value) -> Result<u32, Wrong> {
    let step = field(function, "steps").and_then(|steps| {
        let named = field(steps, "step");
        named.or_else(|| steps.as_object().and_then(|steps| steps.values().next()))
    });
    let retries = step.and_then(|step| field(step, "retries"));
    let attempts = retries.map(|r| within("retries", number(r, "attempts"))).transpose()?.flatten();
    Ok(attempts.unwrap_or(RETRIES))
}

fn triggers(function: &Value) -> Result<Vec<DraftTrigger>, Wrong> {
    let Some(list) = field(function, "triggers") else { return Ok(Vec::new()) };
    let Some(list) = list.as_array() else {
        return Err(("triggers".into(), format!("it is {}, not a list", kind(list))));
    };
    let parse = |(n, trigger): (usize, &Value)| within(&format!("triggers[{n}]"), self::trigger(trigger));
    list.iter().enumerate().map(parse).collect()
}

fn trigger(trigger: &Value) -> Result<DraftTrigger, Wrong> {
    if let Some(schedule) = text(trigger, "cron")? {
        return Ok(DraftTrigger::Cron { schedule, jitter: span(trigger, "jitter")? });
    }
    let name = needed("event", text(trigger, "event")?)?;
    Ok(DraftTrigger::Event { name, filter: text(trigger, "expression")? })
}

fn flow(function: &Value) -> Result<Flow<String>, Wrong> {
    let part = |name: &str| field(function, name);
    let priority = part("priority").map(|p| within("priority", text(p, "run"))).transpose()?.flatten();
    let idempotency = text(function, "idempotency")?;
    let rate_limit = part("rateLimit").map(|r| within("rateLimit", self::rate_limit(r))).transpose()?;
    Ok(Flow {
        concurrency: concurrency(part("concurrency"))?,
        throttle: part("throttle").map(|t| within("throttle", throttle(t))).transpose()?,
        // idempotency is a rate limit itself, and wins over another one
        rate_limit: rate_limit.filter(|_| idempotency.is_none()),
        debounce: part("debounce").map(|d| within("debounce", debounce(d))).transpose()?,
        batch: part("batchEvents").map(|b| within("batchEvents", batch(b))).transpose()?,
        priority,
        idempotency,
        cancel_on: cancel_on(part("cancel"))?,
        singleton: part("singleton").map(|s| within("singleton", singleton(s))).transpose()?,
        timeouts: match part("timeouts") {
            None => Timeouts::default(),
            Some(t) => Timeouts {
                start: within("timeouts", span(t, "start"))?,
                finish: within("timeouts", span(t, "finish"))?,
            },
        },
    })
}

/// A number, one limit or a list of them. A limit of 0 is none.
fn concurrency(given: Option<&Value>) -> Result<Vec<Concurrency<String>>, Wrong> {
    let limits = match given {
        None => return Ok(Vec::new()),
        Some(Value::Number(_)) => {
            let limit = number(&serde_json::json!({"concurrency": given}), "concurrency")?;
            vec![Concurrency { limit: limit.unwrap_or(0), key: None, scope: Scope::Function }]
        }
        Some(Value::Array(list)) => {
            let parse = |(n, one): (usize, &Value)| within(&format!("concurrency[{n}]"), limit(one));
            list.iter().enumerate().map(parse).collect::<Result<_, _>>()?
        }
        Some(newer) if field(newer, "limit").is_none() => by_what(newer)?,
        Some(one) => vec![within("concurrency", limit(one))?],
    };
    Ok(limits.into_iter().filter(|limit| limit.limit > 0).collect())
}

/// The newer form: limits for steps, which ours are, and for whole runs, which there are not.
fn by_what(newer: &Value) -> Result<Vec<Concurrency<String>>, Wrong> {
    if field(newer, "fn").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        let why = "a limit of whole runs is not supported: give it as `step`, which counts the runs \
                   that execute";
        return Err(("concurrency.fn".into(), why.into()));
    }
    let list = field(newer, "step").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let parse = |(n, one): (usize, &Value)| within(&format!("concurrency.step[{n}]"), limit(one));
    list.iter().enumerate().map(parse).collect()
}

fn limit(one: &Value) -> Result<Concurrency<String>, Wrong> {
    if one.is_number() {
        let limit = number(&serde_json::json!({"limit": one}), "limit")?;
        return Ok(Concurrency { limit: limit.unwrap_or(0), key: None, scope: Scope::Function });
    }
    let scope = match text(one, "scope")?.as_deref() {
        None | Some("fn") => Scope::Function,
        Some("app") => Scope::App,
        // a host is one environment of one account
        Some("env" | "account") => Scope::Account,
        Some(other) => {
            return Err(("scope".into(), format!("`{other}` is none of fn, env, account")));
        }
    };
    Ok(Concurrency { limit: needed("limit", number(one, "limit")?)?, key: text(one, "key")?, scope })
}

fn throttle(given: &Value) -> Result<Throttle<String>, Wrong> {
    // as on Inngest's server a limit of 0 is one of 1
    let limit = needed("limit", number(given, "limit")?)?.max(1);
    let burst = number(given, "burst")?.unwrap_or(0);
    Ok(Throttle { limit, period: needed("period", span(given, "period")?)?, burst, key: text(given, "key")? })
}

fn rate_limit(given: &Value) -> Result<RateLimit<String>, Wrong> {
    let limit = needed("limit", number(given, "limit")?)?;
    Ok(RateLimit { limit, period: needed("period", span(given, "period")?)?, key: text(given, "key")? })
}

fn debounce(given: &Value) -> Result<Debounce<String>, Wrong> {
    let period = needed("period", span(given, "period")?)?;
    Ok(Debounce { period, timeout: span(given, "timeout")?, key: text(given, "key")? })
}

fn batch(given: &Value) -> Result<Batch<String>, Wrong> {
    Ok(Batch {
        max_size: needed("maxSize", number(given, "maxSize")?)?,
        timeout: span(given, "timeout")?.unwrap_or(BATCH_TIMEOUT),
        key: text(given, "key")?,
        filter: text(given, "if")?,
    })
}

fn cancel_on(given: Option<&Value>) -> Result<Vec<CancelOn<String>>, Wrong> {
    let one = |cancel: &Value| {
        let event = needed("event", text(cancel, "event")?)?;
        Ok(CancelOn { event, filter: text(cancel, "if")?, timeout: span(cancel, "timeout")? })
    };
    match given {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            let parse = |(n, cancel): (usize, &Value)| within(&format!("cancel[{n}]"), one(cancel));
            list.iter().enumerate().map(parse).collect()
        }
        Some(other) => Err(("cancel".into(), format!("it is {}, not a list", kind(other)))),
    }
}

fn singleton(given: &Value) -> Result<Singleton<String>, Wrong> {
    let mode = match text(given, "mode")?.as_deref() {
        None | Some("skip") => SingletonMode::Skip,
        Some("cancel") => SingletonMode::Cancel,
        Some(other) => return Err(("mode".into(), format!("`{other}` is neither skip nor cancel"))),
    };
    Ok(Singleton { key: text(given, "key")?, mode })
}

/// A field's name as the app wrote it.
fn theirs(ours: &str) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("flow.", ""),
        ("rate-limit", "rateLimit"),
        ("max-size", "maxSize"),
        ("batch", "batchEvents"),
        ("cancel-on", "cancel"),
        (".schedule", ".cron"),
        ("step-timeout", "timeouts"),
        ("priority", "priority.run"),
    ];
    let filter = if ours.starts_with("triggers") { ".expression" } else { ".if" };
    let name = if ours.starts_with("triggers") { ".event" } else { ".name" };
    let renamed = NAMES.iter().fold(ours.to_owned(), |text, (from, to)| text.replace(from, to));
    renamed.replace(".filter", filter).replace(".name", name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::manifest::Trigger;
    use serde_json::json;

    fn parse(mut options: Value) -> Result<Manifest, BadManifest> {
        options["id"] = json!("cap-f");
        manifest("cap", &options)
    }

    fn flow_of(options: Value) -> Flow {
        parse(options).expect("valid").flow
    }

    fn source(expr: Option<&pawl_engine::expr::Expr>) -> Option<&str> {
        expr.map(pawl_engine::expr::Expr::source)
    }

    #[test]
    fn what_is_left_out_is_as_inngests_server_has_it() {
        let m = parse(json!({"triggers": [{"event": "a/b"}]})).expect("valid");
        assert_eq!((m.id.as_str(), m.name.as_str(), m.app.as_str()), ("cap-f", "cap-f", "cap"));
        assert_eq!((m.retries, m.step_timeout), (4, Span::from_secs(7_200)));
        assert_eq!((m.flow, m.wishes), (Flow::default(), pawl_engine::manifest::Wishes::default()));
    }

    #[test]
    fn every_trigger_is_taken_with_its_filter_zone_and_jitter() {
        let m = parse(json!({"triggers": [
            {"cron": "TZ=Europe/Paris 0 12 * * 5", "jitter": "30s"},
            {"event": "cap/cron", "expression": "event.data.x > 1"},
            {"event": "cap/*", "expression": null},
        ]}));
        let m = m.expect("valid");
        assert!(matches!(&m.triggers[0], Trigger::Cron { schedule, jitter }
            if schedule.source() == "TZ=Europe/Paris 0 12 * * 5" && *jitter == Span::from_secs(30)));
        assert!(matches!(&m.triggers[1], Trigger::Event { name, filter }
            if name == "cap/cron" && source(filter.as_ref()) == Some("event.data.x > 1")));
        assert!(matches!(&m.triggers[2], Trigger::Event { name, filter: None } if name == "cap/*"));
    }

    #[test]
    fn concurrency_is_a_number_an_object_or_a_list() {
        let limits = |given: Value| flow_of(json!({"concurrency": given})).concurrency;
        let limit = |limit, scope| Concurrency { limit, key: None, scope };
        assert_eq!(limits(json!(5)), [limit(5, Scope::Function)]);
        assert_eq!(limits(json!({"limit": 2})), [limit(2, Scope::Function)]);
        assert_eq!(limits(json!(0)), []);
        let two = limits(
            json!([{"limit": 2, "key": "event.data.u"}, {"limit": 5, "scope": "env", "key": "\"x\""}]),
        );
        assert_eq!((two[0].scope, source(two[0].key.as_ref())), (Scope::Function, Some("event.data.u")));
        assert_eq!((two[1].limit, two[1].scope), (5, Scope::Account));
        assert_eq!(limits(json!({"step": [{"limit": 3}], "fn": []})), [limit(3, Scope::Function)]);
        let app = limits(json!([{"limit": 1, "scope": "app", "key": "\"x\""}]));
        assert_eq!(app[0].scope, Scope::App);
    }

    #[test]
    fn rates_gathering_and_priority_are_taken() {
        let f = flow_of(json!({
            "throttle": {"limit": 3, "period": "10s", "burst": 2, "key": "event.data.u"},
            "rateLimit": {"limit": 1, "period": "1m"}, "priority": {"run": "event.data.p"},
            "debounce": {"period": "5s", "timeout": "30s", "key": "event.data.u"},
        }));
        let t = f.throttle.expect("a throttle");
        assert_eq!((t.limit, t.period, t.burst), (3, Span::from_secs(10), 2));
        assert_eq!(source(t.key.as_ref()), Some("event.data.u"));
        assert_eq!(f.rate_limit.expect("a rate limit").period, Span::from_secs(60));
        assert_eq!(source(f.priority.as_ref()), Some("event.data.p"));
        assert_eq!(f.debounce.expect("a debounce").timeout, Some(Span::from_secs(30)));
        let batch = json!({"maxSize": 2, "timeout": "3s", "key": "event.data.k", "if": "event.data.b"});
        let b = flow_of(json!({"batchEvents": batch})).batch.expect("a batch");
        assert_eq!((b.max_size, b.timeout), (2, Span::from_secs(3)));
        assert_eq!(
            (source(b.key.as_ref()), source(b.filter.as_ref())),
            (Some("event.data.k"), Some("event.data.b"))
        );
        assert_eq!(
            flow_of(json!({"throttle": {"limit": 1, "period": "1s"}})).throttle.expect("one").burst,
            0
        );
    }

    #[test]
    fn what_ends_runs_and_what_keeps_them_single_is_taken() {
        let f = flow_of(json!({
            "cancel": [{"event": "c", "timeout": "1h", "if": "event.data.u == async.data.u"}, {"event": "d"}],
            "singleton": {"key": "event.data.u", "mode": "cancel"},
            "timeouts": {"start": "10s", "finish": "20s"}, "idempotency": "event.data.u",
            "rateLimit": {"limit": 1, "period": "1s"},
        }));
        assert_eq!(f.cancel_on[0].timeout, Some(Span::from_secs(3_600)));
        assert_eq!(source(f.cancel_on[0].filter.as_ref()), Some("event.data.u == async.data.u"));
        assert_eq!((f.cancel_on[1].event.as_str(), f.cancel_on[1].timeout), ("d", None));
        assert_eq!(f.singleton.expect("one").mode, SingletonMode::Cancel);
        let (start, finish) = (Some(Span::from_secs(10)), Some(Span::from_secs(20)));
        assert_eq!(f.timeouts, Timeouts { start, finish });
        assert!(f.idempotency.is_some() && f.rate_limit.is_none(), "idempotency wins");
    }

    #[test]
    fn pythons_nulls_and_spellings_are_read() {
        let m = parse(json!({
            "name": "F", "batch_events": {"max_size": 5, "timeout": null, "key": null}, "cancel": null,
            "concurrency": null, "debounce": null, "idempotency": null, "priority": null, "rateLimit": null,
            "steps": {"step": {"id": "step", "name": "step", "retries": {"attempts": 0}}},
            "throttle": null, "timeouts": null, "singleton": null, "triggers": [{"event": "a"}],
        }));
        let m = m.expect("valid");
        assert_eq!((m.name.as_str(), m.retries), ("F", 0));
        assert_eq!(m.flow.batch.expect("a batch").timeout, Span::from_secs(60));
    }

    #[test]
    fn a_wrong_option_is_told_with_its_function_and_field() {
        let field = |options: Value| {
            let bad = parse(options).expect_err("refused");
            assert_eq!(bad.function, "cap-f");
            bad.field
        };
        for (options, name) in [
            (json!({"triggers": [{}]}), "triggers[0].event"),
            (json!({"triggers": [{"event": "a", "expression": "nope("}]}), "triggers[0].expression"),
            (json!({"triggers": [{"cron": "* *"}]}), "triggers[0].cron"),
            (json!({"triggers": {}}), "triggers"),
            (json!({"steps": {"step": {"retries": {"attempts": -1}}}}), "retries.attempts"),
            (json!({"steps": {"step": {"retries": {"attempts": 21}}}}), "retries"),
            (json!({"concurrency": [{"limit": 1, "scope": "env"}]}), "concurrency[0].key"),
            (json!({"concurrency": [{"limit": 1, "scope": "moon"}]}), "concurrency[0].scope"),
            (json!({"concurrency": {"fn": [{"limit": 1}]}}), "concurrency.fn"),
            (json!({"throttle": {"limit": 1, "period": "soon"}}), "throttle.period"),
            (json!({"rateLimit": {"limit": 1, "period": "2d"}}), "rateLimit.period"),
            (json!({"debounce": {}}), "debounce.period"),
            (json!({"batchEvents": {"maxSize": 1, "timeout": "1s"}}), "batchEvents.maxSize"),
            (json!({"batchEvents": {"maxSize": 2, "if": "async.x"}}), "batchEvents.if"),
            (json!({"cancel": [{"event": "a", "if": "nope"}]}), "cancel[0].if"),
            (json!({"singleton": {"mode": "both"}}), "singleton.mode"),
            (json!({"timeouts": {"start": "0s"}}), "timeouts.start"),
            (json!({"priority": {"run": "1 +"}}), "priority.run"),
            (json!({"idempotency": 1}), "idempotency"),
        ] {
            assert_eq!(field(options), name);
        }
        assert_eq!(manifest("cap", &json!({})).expect_err("no id").field, "id");
        assert_eq!(manifest("a b", &json!({"id": "x"})).expect_err("odd app").field, "app");
    }

    #[test]
    fn times_are_read_as_inngest_writes_them() {
        let ms = |text: &str| duration(text).map(Span::as_millis);
        for (text, wanted) in [
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1w", 604_800_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
        ] {
            assert_eq!(ms(text), Some(wanted), "{text}");
        }
        for odd in ["", "10", "s", "1y", "-1s", "1..2s", "2026-01-01T00:00:00Z", "99999999999999w"] {
            assert_eq!(ms(odd), None, "{odd}");
        }
    }
}
