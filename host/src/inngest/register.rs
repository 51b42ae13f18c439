//! What an app says of itself to a server: its functions' configuration, and how it is served.

use crate::secret::Secret;
use pawl_engine::flow::{Concurrency, Scope, SingletonMode};
use pawl_engine::manifest::Trigger;
use pawl_engine::{Manifest, Span};
use serde_json::{Map, Value, json};

/// How the host names itself in `X-Inngest-Sdk`.
pub const SDK: &str = concat!("pawl:v", env!("CARGO_PKG_VERSION"));

/// What we say that we run in.
pub const FRAMEWORK: &str = "pawl";

/// The one step that a server is told of; which one is meant is in each call.
const STEP: &str = "step";

/// The host as an app.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    /// Its id: the first part of its functions' ids.
    pub id: &'a str,
    /// Where it is served, for the server.
    pub url: &'a str,
}

/// What an introspection tells of the host's keys and its server.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Nothing is signed.
    pub is_dev: bool,
    /// The key for events.
    pub event_key: Option<&'a Secret>,
    /// The signing keys, newest first.
    pub signing_keys: &'a [Secret],
    /// The server's API.
    pub api: &'a str,
    /// Its event API.
    pub events: &'a str,
    /// Where the host says that it is reached.
    pub serve_origin: Option<&'a str>,
    /// Under which path.
    pub serve_path: &'a str,
}

impl App<'_> {
    /// A function's id on the wire.
    pub fn wire_id(&self, function: &str) -> String {
        format!("{}-{function}", self.id)
    }

    /// The function that a wire id means, if it is one of this app's.
    pub fn own<'i>(&self, wire_id: &'i str) -> Option<&'i str> {
        wire_id.strip_prefix(self.id)?.strip_prefix('-')
    }

    /// The body of `POST /fn/register`.
    pub fn registration<'m>(&self, functions: impl IntoIterator<Item = &'m Manifest>) -> Value {
        json!({
            "url": self.url,
            "deployType": "ping",
            "framework": FRAMEWORK,
            "appName": self.id,
            "sdk": SDK,
            "v": "0.1",
            "capabilities": capabilities(),
            "functions": self.functions(functions),
        })
    }

    /// The answer to a server that asks for the functions in one exchange.
    pub fn in_band<'m>(&self, setup: Setup<'_>, functions: impl IntoIterator<Item = &'m Manifest>) -> Value {
        let functions = self.functions(functions);
        let inspection = self.introspection(setup, functions.len(), true);
        json!({
            "app_id": self.id,
            "capabilities": capabilities(),
            "env": null,
            "framework": FRAMEWORK,
            "functions": functions,
            "inspection": inspection,
            "sdk_author": "pawl",
            "sdk_language": "pawl",
            "sdk_version": env!("CARGO_PKG_VERSION"),
            "sdk": SDK,
            "url": self.url,
        })
    }

    /// The answer to `GET`. The whole of it is for those alone who have signed their request.
    pub fn introspection(&self, setup: Setup<'_>, functions: usize, is_signed: bool) -> Value {
        let mut shown = json!({
            "extra": {"native_crypto": true, "is_streaming": false},
            "has_event_key": setup.event_key.is_some(),
            "has_signing_key": !setup.signing_keys.is_empty(),
            "function_count": functions,
            "mode": if setup.is_dev { "dev" } else { "cloud" },
            "schema_version": "2024-05-24",
            "authentication_succeeded": if setup.is_dev { Value::Null } else { is_signed.into() },
        });
        if !is_signed {
            return shown;
        }
        let hash = |at: usize| setup.signing_keys.get(at).map(super::sign::fingerprint);
        let more = json!({
            "api_origin": setup.api,
            "app_id": self.id,
            "capabilities": capabilities(),
            "env": null,
            "event_api_origin": setup.events,
            "event_key_hash": setup.event_key.map(super::sign::event_key_hash),
            "framework": FRAMEWORK,
            "sdk_language": "pawl",
            "sdk_version": env!("CARGO_PKG_VERSION"),
            "serve_origin": setup.serve_origin,
            "serve_path": setup.serve_path,
            "signing_key_fallback_hash": hash(1),
            "signing_key_hash": hash(0),
        });
        if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
            shown.extend(more);
        }
        shown
    }

    fn functions<'m>(&self, functions: impl IntoIterator<Item = &'m Manifest>) -> Vec<Value> {
        functions.into_iter().map(|manifest| self.function(manifest)).collect()
    }

    /// One function's configuration.
    pub fn function(&self, manifest: &Manifest) -> Value {
        let id = self.wire_id(manifest.id.as_str());
        let url = format!("{}?fnId={id}&stepId={STEP}", self.url);
        let mut config = json!({
            "id": id,
            "name": manifest.name,
            "triggers": manifest.triggers.iter().map(|t| self.trigger(manifest, t)).collect::<Vec<_>>(),
            "steps": {STEP: {
                "id": STEP,
                "name": STEP,
                "runtime": {"type": "http", "url": url},
                "retries": {"attempts": manifest.retries},
            }},
        });
        if let Value::Object(config) = &mut config {
            flow(config, manifest);
        }
        config
    }

    fn trigger(&self, manifest: &Manifest, trigger: &Trigger) -> Value {
        match trigger {
            Trigger::Event { name, filter } => {
                let filter = filter.as_ref().map(|filter| self.filter(manifest, filter.source()));
                object([("event", Some(name.as_str().into())), ("expression", filter.map(Value::from))])
            }
            Trigger::Cron { schedule, jitter } => {
                let jitter = Some(*jitter).filter(|jitter| *jitter != Span::ZERO);
                object([("cron", Some(schedule.source().into())), ("jitter", jitter.map(duration))])
            }
        }
    }

    /// What is about a function's own failures names it by its id, which is another one for
    /// the server.
    fn filter(&self, manifest: &Manifest, filter: &str) -> String {
        let Some(failing) = manifest.id.as_str().strip_suffix("-failure") else { return filter.to_owned() };
        let wire = self.wire_id(failing);
        let named = |quote: char| format!("event.data.function_id == {quote}{failing}{quote}");
        match ['\'', '"'].iter().find(|quote| filter == named(**quote)) {
            Some(quote) => format!("event.data.function_id == {quote}{wire}{quote}"),
            None => filter.to_owned(),
        }
    }
}

fn capabilities() -> Value {
    json!({"trust_probe": "v1"})
}

/// An object of the parts that there are.
fn object<const N: usize>(parts: [(&str, Option<Value>); N]) -> Value {
    let there = parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect())
}

fn flow(config: &mut Map<String, Value>, manifest: &Manifest) {
    let flow = &manifest.flow;
    let text = |expr: &Option<pawl_engine::expr::Expr>| expr.as_ref().map(|e| Value::from(e.source()));
    let parts = [
        (
            "concurrency",
            (!flow.concurrency.is_empty()).then(|| flow.concurrency.iter().map(concurrency).collect()),
        ),
        (
            "throttle",
            flow.throttle.as_ref().map(|t| {
                object([
                    ("limit", Some(t.limit.into())),
                    ("period", Some(duration(t.period))),
                    ("burst", Some(t.burst).filter(|burst| *burst > 0).map(Value::from)),
                    ("key", text(&t.key)),
                ])
            }),
        ),
        (
            "rateLimit",
            flow.rate_limit.as_ref().map(|r| {
                let limit = ("limit", Some(r.limit.into()));
                object([limit, ("period", Some(duration(r.period))), ("key", text(&r.key))])
            }),
        ),
        (
            "debounce",
            flow.debounce.as_ref().map(|d| {
                let period = ("period", Some(duration(d.period)));
                object([period, ("timeout", d.timeout.map(duration)), ("key", text(&d.key))])
            }),
        ),
        (
            "batchEvents",
            flow.batch.as_ref().map(|b| {
                object([
                    ("maxSize", Some(b.max_size.into())),
                    ("timeout", Some(duration(b.timeout))),
                    ("key", text(&b.key)),
                    ("if", text(&b.filter)),
                ])
            }),
        ),
        ("priority", flow.priority.as_ref().map(|p| json!({"run": p.source()}))),
        ("idempotency", text(&flow.idempotency)),
        (
            "cancel",
            (!flow.cancel_on.is_empty()).then(|| {
                let cancel = flow.cancel_on.iter().map(|c| {
                    let event = ("event", Some(c.event.as_str().into()));
                    object([event, ("if", text(&c.filter)), ("timeout", c.timeout.map(duration))])
                });
                cancel.collect()
            }),
        ),
        (
            "singleton",
            flow.singleton.as_ref().map(|s| {
                let mode = match s.mode {
                    SingletonMode::Skip => "skip",
                    SingletonMode::Cancel => "cancel",
                };
                object([("key", text(&s.key)), ("mode", Some(mode.into()))])
            }),
        ),
        ("timeouts", timeouts(manifest)),
    ];
    config.extend(parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

fn timeouts(manifest: &Manifest) -> Option<Value> {
    let timeouts = manifest.flow.timeouts;
    let is_any = timeouts.start.is_some() || timeouts.finish.is_some();
    is_any
        .then(|| object([("start", timeouts.start.map(duration)), ("finish", timeouts.finish.map(duration))]))
}

/// What we call an app's limit is one of the environment there.
fn concurrency(limit: &Concurrency) -> Value {
    let scope = match limit.scope {
        Scope::Function => None,
        Scope::App => Some("env"),
        Scope::Account => Some("account"),
    };
    let key = limit.key.as_ref().map(|key| key.source().into());
    object([("limit", Some(limit.limit.into())), ("scope", scope.map(Value::from)), ("key", key)])
}

fn duration(span: Span) -> Value {
    time_text(span).into()
}

/// A length of time as the protocol writes it: `1h30m`, `10s`, `1500ms` is `1s500ms`.
pub fn time_text(span: Span) -> String {
    const UNITS: [(&str, u64); 6] =
        [("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut left = span.as_millis();
    let mut text = String::new();
    for (unit, ms) in UNITS {
        if left >= ms {
            text += &format!("{}{unit}", left / ms);
            left %= ms;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::manifest::{Draft, DraftTrigger};

    const APP: App<'_> = App { id: "cap", url: "http://127.0.0.1:3040/api/inngest" };

    fn event(name: &str, filter: Option<&str>) -> DraftTrigger {
        DraftTrigger::Event { name: name.into(), filter: filter.map(Into::into) }
    }

    #[test]
    fn a_function_is_registered_with_all_of_its_options() {
        use pawl_engine::flow::{CancelOn, Flow, Singleton, Throttle, Timeouts};
        let flow = Flow::<String> {
            idempotency: Some("event.data.u".into()),
            throttle: Some(Throttle {
                limit: 3,
                period: Span::from_secs(10),
                burst: 2,
                key: Some("event.data.u".into()),
            }),
            concurrency: vec![
                Concurrency { limit: 2, key: Some("event.data.u".into()), scope: Scope::Function },
                Concurrency { limit: 5, key: Some("\"x\"".into()), scope: Scope::App },
            ],
            priority: Some("event.data.p".into()),
            singleton: Some(Singleton { key: Some("event.data.u".into()), mode: SingletonMode::Skip }),
            timeouts: Timeouts { start: Some(Span::from_secs(10)), finish: Some(Span::from_secs(20)) },
            cancel_on: vec![CancelOn {
                event: "cap/cancel".into(),
                filter: Some("event.data.u == async.data.u".into()),
                timeout: Some(Span::from_secs(3_600)),
            }],
            ..Flow::default()
        };
        let triggers = vec![event("cap/config", None)];
        let draft = Draft { id: "config-all".into(), triggers, retries: Some(7), flow, ..Draft::default() };
        // as Inngest's own npm client registers the same function
        let theirs = json!({
            "id": "cap-config-all", "name": "config-all", "triggers": [{"event": "cap/config"}],
            "steps": {"step": {"id": "step", "name": "step", "runtime": {"type": "http",
                "url": "http://127.0.0.1:3040/api/inngest?fnId=cap-config-all&stepId=step"},
                "retries": {"attempts": 7}}},
            "idempotency": "event.data.u",
            "throttle": {"limit": 3, "period": "10s", "burst": 2, "key": "event.data.u"},
            "concurrency": [{"limit": 2, "key": "event.data.u"}, {"limit": 5, "scope": "env", "key": "\"x\""}],
            "priority": {"run": "event.data.p"}, "timeouts": {"start": "10s", "finish": "20s"},
            "singleton": {"key": "event.data.u", "mode": "skip"},
            "cancel": [{"event": "cap/cancel", "timeout": "1h", "if": "event.data.u == async.data.u"}],
        });
        assert_eq!(APP.function(&draft.parse().expect("valid")), theirs);
    }

    #[test]
    fn schedules_batches_and_failure_handlers_are_registered_as_inngest_writes_them() {
        use pawl_engine::flow::{Batch, Debounce, Flow, RateLimit};
        let batch = Batch {
            max_size: 2,
            timeout: Span::from_secs(3),
            key: Some("event.data.k".into()),
            filter: Some("event.data.b".into()),
        };
        let cron = DraftTrigger::Cron {
            schedule: "TZ=Europe/Paris 0 12 * * 5".into(),
            jitter: Some(Span::from_secs(30)),
        };
        let triggers = vec![cron, event("cap/cron", Some("event.data.x > 1"))];
        let flow = Flow::<String> { batch: Some(batch), ..Flow::default() };
        let draft = Draft { id: "cronny".into(), triggers, flow, ..Draft::default() };
        let config = APP.function(&draft.parse().expect("valid"));
        let triggers = json!([
            {"cron": "TZ=Europe/Paris 0 12 * * 5", "jitter": "30s"},
            {"event": "cap/cron", "expression": "event.data.x > 1"},
        ]);
        assert_eq!(config["triggers"], triggers);
        let batch = json!({"maxSize": 2, "timeout": "3s", "key": "event.data.k", "if": "event.data.b"});
        assert_eq!(config["batchEvents"], batch);

        let rate_limit = Some(RateLimit { limit: 1, period: Span::from_secs(10), key: None });
        let debounce = Debounce { period: Span::from_secs(5), timeout: Some(Span::from_secs(30)), key: None };
        let flow = Flow::<String> { rate_limit, debounce: Some(debounce), ..Flow::default() };
        let filter = "event.data.function_id == 'nonretry'";
        let triggers = vec![event("inngest/function.failed", Some(filter))];
        let draft = Draft { id: "nonretry-failure".into(), triggers, flow, ..Draft::default() };
        let config = APP.function(&draft.parse().expect("valid"));
        assert_eq!(config["triggers"][0]["expression"], "event.data.function_id == 'cap-nonretry'");
        assert_eq!(config["rateLimit"], json!({"limit": 1, "period": "10s"}));
        assert_eq!(config["debounce"], json!({"period": "5s", "timeout": "30s"}));
    }

    #[test]
    fn a_length_of_time_is_written_in_its_largest_units() {
        let texts = [(0, "0s"), (10_000, "10s"), (90 * 60_000, "1h30m"), (1_500, "1s500ms"), (50, "50ms")];
        for (ms, text) in texts {
            assert_eq!(time_text(Span::from_millis(ms)), text);
        }
        assert_eq!(time_text(Span::from_days(366)), "52w2d");
    }

    #[test]
    fn a_wire_id_begins_with_the_apps() {
        assert_eq!(APP.own("cap-two-steps"), Some("two-steps"));
        for other in ["two-steps", "capture-x", "cap", "", "other-two-steps"] {
            assert_eq!(APP.own(other), None, "{other}");
        }
    }

    #[test]
    fn an_unsigned_introspection_tells_no_more_than_what_there_is() {
        let key = Secret::load("signkey-test-0123456789abcdef0123456789abcdef").expect("a key").0;
        let event_key = Secret::load("testkey").expect("a key").0;
        let setup = Setup {
            is_dev: false,
            event_key: Some(&event_key),
            signing_keys: std::slice::from_ref(&key),
            api: "http://127.0.0.1:8290",
            events: "http://127.0.0.1:8290",
            serve_origin: None,
            serve_path: "/api/inngest",
        };
        let whole = APP.introspection(setup, 20, true);
        assert_eq!(whole["signing_key_hash"], "223e0a160af9");
        let hash = "98483c6eb40b6c31a448c22a66ded3b5e5e8d5119cac8327b655c8b5c4836489";
        assert_eq!(
            (&whole["event_key_hash"], &whole["signing_key_fallback_hash"]),
            (&hash.into(), &Value::Null)
        );
        let unsigned = APP.introspection(Setup { is_dev: true, ..setup }, 20, false);
        assert_eq!(unsigned.as_object().map(Map::len), Some(7));
        assert!(!unsigned.to_string().contains("hash"), "{unsigned}");
    }
}
