//! An app and its functions, as an SDK registers them; and the form in which that is kept as a
//! deployment: bytes that begin with `{`, where a component begins with `\0asm`.

use super::manifest::{field, manifest};
use pawl_engine::Manifest;
use pawl_engine::limits::FUNCTION_ID_CHARS;
use pawl_engine::manifest::BadManifest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the bytes of a kept registration begin with, in their canonical form.
const MARKER: &str = "app@1";

/// Bytes of an app's URL.
const URL_BYTES: usize = 2_048;

/// Characters of an SDK's and of a framework's name.
const WORDS: usize = 64;

/// Functions of one app: each is looked at for each event.
const FUNCTIONS: usize = 1_000;

/// An app that is written with one of Inngest's SDKs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its name: the `id` of its client.
    pub app: String,
    /// Where it is called.
    pub url: String,
    /// Which SDK: `js:v4.24.0`.
    pub sdk: String,
    /// What serves it: `nodejs`, `fastapi`.
    pub framework: String,
    /// Its functions, by their ids.
    pub functions: Vec<Manifest>,
}

/// Where a function of the app at this URL is called.
pub fn url_of(url: &str, function: &pawl_engine::FunctionId) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    let id: String = form_urlencoded::byte_serialize(function.as_str().as_bytes()).collect();
    format!("{url}{sign}fnId={id}")
}

/// Why a registration is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRegistration {
    /// It is not JSON.
    #[error("the registration is no JSON object: {0}")]
    NoJson(String),
    /// Something is missing or odd.
    #[error("the registration's {field}: {why}")]
    Field {
        /// its name
        field: &'static str,
        /// a sentence without its full stop
        why: String,
    },
    /// One of its functions cannot be as it is described.
    #[error("{bad}")]
    Function {
        /// the app's name
        app: String,
        /// what is wrong
        bad: BadManifest,
    },
}

fn odd(field: &'static str, why: impl Into<String>) -> BadRegistration {
    BadRegistration::Field { field, why: why.into() }
}

/// The body of `POST /fn/register`, or of the answer to an in-band sync.
pub fn parse(body: &[u8]) -> Result<Registration, BadRegistration> {
    let body: Value = serde_json::from_slice(body).map_err(|e| BadRegistration::NoJson(e.to_string()))?;
    if !body.is_object() {
        return Err(BadRegistration::NoJson("it is another kind of JSON".into()));
    }
    let text =
        |name: &str| field(&body, name).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty());
    let app = text("appName").or_else(|| text("app_id")).ok_or_else(|| odd("appName", "it is missing"))?;
    check_name(app)?;
    let url = text("url").ok_or_else(|| odd("url", "it is missing"))?;
    if url.len() > URL_BYTES {
        return Err(odd("url", format!("it has {} bytes; the limit is {URL_BYTES}", url.len())));
    }
    let list = field(&body, "functions").and_then(Value::as_array);
    let list = list.ok_or_else(|| odd("functions", "there is no list of them"))?;
    if list.len() > FUNCTIONS {
        return Err(odd("functions", format!("there are {}; the limit is {FUNCTIONS}", list.len())));
    }
    let functions = list.iter().map(|f| manifest(app, f)).collect::<Result<Vec<_>, _>>();
    let mut functions = functions.map_err(|bad| BadRegistration::Function { app: app.to_owned(), bad })?;
    functions.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(twice) = functions.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(odd(
            "functions",
            format!("`{}` is there twice: give one of them another id", twice[0].id),
        ));
    }
    let sdk = text("sdk").map(str::to_owned).or_else(|| {
        let version = text("sdk_version")?.trim_start_matches('v');
        Some(format!("{}:v{version}", text("sdk_language")?))
    });
    Ok(Registration {
        app: app.to_owned(),
        url: url.to_owned(),
        sdk: words(&sdk.unwrap_or_default()),
        framework: words(text("framework").unwrap_or_default()),
        functions,
    })
}

/// A name that can stand in a source, a log and a URL: what functions' ids are made of.
fn check_name(app: &str) -> Result<(), BadRegistration> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match app.len() <= FUNCTION_ID_CHARS && app.chars().all(lawful) {
        true => Ok(()),
        false => {
            let why = format!(
                "it may hold up to {FUNCTION_ID_CHARS} letters, digits, `-`, `_` and `.`: give the \
                 app's client another id"
            );
            Err(odd("appName", why))
        }
    }
}

/// What an app says of its making, as a log may show it.
fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    pawl: String,
    app: String,
    url: String,
    sdk: String,
    framework: String,
    functions: Vec<Manifest>,
}

impl Registration {
    /// The bytes by which it is known: the same registration has the same ones.
    pub fn artifact(&self) -> Vec<u8> {
        let kept = Kept {
            pawl: MARKER.to_owned(),
            app: self.app.clone(),
            url: self.url.clone(),
            sdk: self.sdk.clone(),
            framework: self.framework.clone(),
            functions: self.functions.clone(),
        };
        // texts and numbers: nothing that could fail
        serde_json_canonicalizer::to_vec(&kept).unwrap_or_default()
    }

    /// What offers its functions: `app:shop`.
    pub fn source(&self) -> String {
        source(&self.app)
    }
}

/// What offers the functions of the app of this name.
pub fn source(app: &str) -> String {
    format!("app:{app}")
}

/// The registration that these bytes keep, if they do.
pub fn parse_artifact(bytes: &[u8]) -> Option<Registration> {
    if !is_artifact(bytes) {
        return None;
    }
    let Kept { pawl, app, url, sdk, framework, functions } = serde_json::from_slice(bytes).ok()?;
    (pawl == MARKER).then_some(Registration { app, url, sdk, framework, functions })
}

/// Whether these bytes are of a registration and not of a component.
pub fn is_artifact(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// The options of the notes' sample, as npm's `inngest` 4.24.0 sent them.
    fn sample() -> Value {
        let step = |attempts: u32| {
            json!({"step": {"id": "step", "name": "step", "runtime": {"type": "http",
            "url": "http://127.0.0.1:3040/api/inngest?fnId=x&stepId=step"}, "retries": {"attempts": attempts}}})
        };
        json!({"url": "http://127.0.0.1:3040/api/inngest", "deployType": "ping", "framework": "nodejs",
        "appName": "cap", "sdk": "js:v4.24.0", "v": "0.1",
        "capabilities": {"trust_probe": "v1", "connect": "v1"},
        "functions": [
            {"id": "cap-config-all", "name": "config-all", "triggers": [{"event": "cap/config"}],
             "steps": step(7), "idempotency": "event.data.u",
             "throttle": {"limit": 3, "period": "10s", "burst": 2, "key": "event.data.u"},
             "concurrency": [{"limit": 2, "key": "event.data.u"}, {"limit": 5, "scope": "env", "key": "\"x\""}],
             "priority": {"run": "event.data.p"}, "timeouts": {"start": "10s", "finish": "20s"},
             "cancel": [{"event": "cap/cancel", "timeout": "1h", "if": "event.data.u == async.data.u"}]},
            {"id": "cap-batcher", "name": "batcher", "triggers": [{"event": "cap/batch"}], "steps": step(3),
             "batchEvents": {"maxSize": 2, "timeout": "3s", "key": "event.data.k"}},
            {"id": "cap-config-rl", "name": "config-rl", "triggers": [{"event": "cap/config2"}], "steps": step(3),
             "rateLimit": {"limit": 1, "period": "10s", "key": "event.data.u"},
             "singleton": {"key": "event.data.u", "mode": "skip"}},
            {"id": "cap-cronny", "name": "cronny", "steps": step(3),
             "triggers": [{"cron": "TZ=Europe/Paris 0 12 * * 5"}, {"event": "cap/cron", "expression": "event.data.x > 1"}],
             "debounce": {"period": "5s", "timeout": "30s", "key": "event.data.u"}},
            {"id": "cap-nonretry-failure", "name": "nonretry (failure)", "steps": step(1),
             "triggers": [{"event": "inngest/function.failed", "expression": "event.data.function_id == 'cap-nonretry'"}]},
        ]})
    }

    fn read(body: &Value) -> Result<Registration, BadRegistration> {
        parse(body.to_string().as_bytes())
    }

    #[test]
    fn what_the_typescript_sdk_registers_is_read_whole() {
        let r = read(&sample()).expect("valid");
        assert_eq!((r.app.as_str(), r.sdk.as_str(), r.framework.as_str()), ("cap", "js:v4.24.0", "nodejs"));
        assert_eq!(r.url, "http://127.0.0.1:3040/api/inngest");
        let ids: Vec<_> = r.functions.iter().map(|f| f.id.as_str()).collect();
        let sorted = ["cap-batcher", "cap-config-all", "cap-config-rl", "cap-cronny", "cap-nonretry-failure"];
        assert_eq!(ids, sorted);
        assert!(r.functions.iter().all(|f| f.app == "cap"));
        assert_eq!(r.functions[1].retries, 7);
    }

    #[test]
    fn pythons_spelling_and_the_answer_of_an_in_band_sync_are_read() {
        let mut python = sample();
        let fields = python.as_object_mut().expect("an object");
        let name = fields.remove("appName").expect("a name");
        fields.insert("appname".into(), name);
        fields.remove("deployType");
        fields.insert("deploy_type".into(), json!("ping"));
        assert_eq!(read(&python).expect("valid"), read(&sample()).expect("valid"));
        let in_band = json!({"app_id": "cap", "env": null, "framework": "flask", "functions": [],
            "sdk_author": "inngest", "sdk_language": "py", "sdk_version": "0.5.19", "url": "http://h/x"});
        let r = read(&in_band).expect("valid");
        assert_eq!((r.app.as_str(), r.sdk.as_str(), r.functions.len()), ("cap", "py:v0.5.19", 0));
    }

    #[test]
    fn a_registration_is_kept_and_read_back_and_known_by_what_it_says() {
        let r = read(&sample()).expect("valid");
        let bytes = r.artifact();
        assert!(bytes.starts_with(b"{") && is_artifact(&bytes));
        assert_eq!(parse_artifact(&bytes).as_ref(), Some(&r));
        let mut turned = sample();
        turned["functions"].as_array_mut().expect("a list").reverse();
        turned["featureObservations"] = json!({"n": 1});
        assert_eq!(read(&turned).expect("valid").artifact(), bytes, "order and what nobody reads");
        let mut moved = sample();
        moved["url"] = json!("http://127.0.0.1:3041/api/inngest");
        assert_ne!(read(&moved).expect("valid").artifact(), bytes);
        for other in [&b"\0asm"[..], b"", b"{}", b"{\"pawl\":\"app@1\"}", b"[]"] {
            assert_eq!(parse_artifact(other), None);
        }
    }

    #[test]
    fn what_is_missing_or_there_twice_is_named() {
        let without = |field: &str| {
            let mut body = sample();
            body.as_object_mut().expect("an object").remove(field);
            read(&body).expect_err("refused").to_string()
        };
        for field in ["appName", "url", "functions"] {
            assert!(without(field).contains(field), "{}", without(field));
        }
        let mut twice = sample();
        twice["functions"][0]["id"] = json!("cap-batcher");
        assert!(read(&twice).expect_err("refused").to_string().contains("`cap-batcher` is there twice"));
        let mut wrong = sample();
        wrong["functions"][0]["throttle"]["period"] = json!("x");
        let why = read(&wrong).expect_err("refused").to_string();
        assert!(why.contains("cap-config-all") && why.contains("throttle.period"), "{why}");
        let mut named = sample();
        named["functions"] = json!([]);
        for odd in ["a b", "a\nb", "../x", &"a".repeat(129)] {
            named["appName"] = json!(odd);
            assert!(read(&named).expect_err("refused").to_string().contains("appName"), "{odd}");
        }
        assert!(parse(b"[]").is_err() && parse(b"").is_err() && parse(b"{").is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|n| json!(n)),
            "[a-z0-9.]{0,6}|event.data.[a-z]|\\PC{0,8}".prop_map(Value::from),
        ];
        let keys = prop_oneof![
            "[a-z]{1,3}",
            Just("limit".to_owned()),
            Just("period".to_owned()),
            Just("key".to_owned()),
            Just("event".to_owned()),
            Just("cron".to_owned()),
            Just("timeout".to_owned()),
            Just("step".to_owned()),
            Just("retries".to_owned()),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(keys.clone(), inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    const OPTIONS: [&str; 14] = [
        "id",
        "name",
        "triggers",
        "steps",
        "concurrency",
        "throttle",
        "rateLimit",
        "debounce",
        "batchEvents",
        "priority",
        "cancel",
        "singleton",
        "idempotency",
        "timeouts",
    ];

    proptest! {
        #[test]
        fn no_option_whatever_it_holds_breaks_the_reader(option in 0..OPTIONS.len(), value in any_json(), at in 0..5usize) {
            let mut body = sample();
            body["functions"][at][OPTIONS[option]] = value;
            if let Ok(r) = read(&body) {
                prop_assert_eq!(parse_artifact(&r.artifact()), Some(r));
            }
        }

        #[test]
        fn no_bytes_break_the_readers(bytes in proptest::collection::vec(any::<u8>(), 0..64), json in any_json()) {
            let _any = parse(&bytes);
            let _kept = parse_artifact(&bytes);
            let _json = read(&json);
        }
    }
}
