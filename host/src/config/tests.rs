//! Precedence, refusals and grants.

use super::*;
use pawl_engine::manifest::{Draft, Wishes};

fn load(mode: Mode, toml: &str, env: &[(&str, &str)], flags: Flags) -> Result<Config, BadConfig> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pawl.toml");
    std::fs::write(&path, toml).expect("writes");
    let env: BTreeMap<_, _> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load(mode, Flags { config: Some(path), ..flags }, &|name| env.get(name).cloned())
}

const KEYS: [(&str, &str); 2] = [("INNGEST_EVENT_KEY", "e1, e2"), ("INNGEST_SIGNING_KEY", "s1\n")];

#[test]
fn without_any_setting_dev_listens_on_loopback_port_3000() {
    let config = load(Mode::Dev, "", &[], Flags::default()).expect("holds");
    assert_eq!(config.addr.to_string(), "127.0.0.1:3000");
    assert_eq!((config.data, config.functions), ("./.pawl".into(), vec!["./functions".into()]));
}

#[test]
fn a_flag_wins_over_the_file() {
    let flags = Flags { addr: Some("localhost:4".into()), ..Flags::default() };
    let config = load(Mode::Dev, "addr = '127.0.0.1:5'\ndata = '/d'", &[], flags).expect("holds");
    assert_eq!((config.addr.port(), config.data), (4, "/d".into()));
}

#[test]
fn serve_names_every_missing_key_at_once() {
    let BadConfig(wrong) = load(Mode::Serve, "", &[], Flags::default()).expect_err("refused");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("INNGEST_EVENT_KEY") && wrong[1].contains("INNGEST_SIGNING_KEY"));
}

#[test]
fn keys_are_lists_and_lose_the_space_around_them() {
    let config = load(Mode::Serve, "", &KEYS, Flags::default()).expect("holds");
    assert!(["e1", "e2"].iter().all(|key| config.keys.event_key_matches(key)));
    assert_eq!(config.keys.signing()[0].expose(), "s1");
    assert!(config.warnings.iter().any(|w| w.contains("INNGEST_SIGNING_KEY has white space")));
    assert!(!format!("{config:?}").contains("\"s1\""), "a secret never prints");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let wrong = |mode, toml: &str, env: &[(&str, &str)], flags| {
        load(mode, toml, env, flags).expect_err("refused").to_string()
    };
    let open = Flags { addr: Some("0.0.0.0:3000".into()), ..Flags::default() };
    assert!(wrong(Mode::Dev, "", &[], open).contains("open to others"));
    let env = [KEYS[0], KEYS[1], ("INNGEST_DEV", "1")];
    assert!(wrong(Mode::Serve, "", &env, Flags::default()).contains("INNGEST_DEV"));
    assert!(wrong(Mode::Dev, "adr = 'x'", &[], Flags::default()).contains("adr"));
    let store = Flags { store: Some("postgres://u:secret@h/d".into()), ..Flags::default() };
    let text = wrong(Mode::Dev, "", &[], store);
    assert!(text.contains("postgres") && !text.contains("secret"), "{text}");
    assert!(
        wrong(Mode::Dev, "", &[("INSTANT_APP_ID", "a")], Flags::default()).contains("INSTANT_ADMIN_TOKEN")
    );
}

fn manifest(id: &str) -> pawl_engine::Manifest {
    let set = |s: &str| [s.to_owned()].into();
    let wishes = Wishes {
        hosts: set("{setting:INSTANT_API_URI}"),
        settings: set("INSTANT_APP_ID"),
        secrets: set("INSTANT_ADMIN_TOKEN"),
    };
    Draft { id: id.into(), wishes, ..Draft::default() }.parse().expect("valid")
}

const INSTANT: [(&str, &str); 3] = [
    ("INSTANT_APP_ID", "app"),
    ("INSTANT_ADMIN_TOKEN", "token"),
    ("INSTANT_API_URI", "http://127.0.0.1:8888/"),
];

#[test]
fn in_production_only_what_the_operator_named_is_granted() {
    let env: Vec<_> = KEYS.iter().chain(&INSTANT).copied().collect();
    let toml = "[grants.other]\nsettings = ['INSTANT_APP_ID']";
    let config = load(Mode::Serve, toml, &env, Flags::default()).expect("holds");
    let (grant, refused) = config.grants.of(&manifest("process-checkout-completed"));
    assert!(refused.is_empty() && grant.secrets.contains_key("INSTANT_ADMIN_TOKEN"), "{refused:?}");
    let url = |u: &str| reqwest::Url::parse(u).expect("a URL");
    assert!(grant.allows(&url("http://127.0.0.1:8888/admin/transact")));
    assert!(!grant.allows(&url("http://127.0.0.1:8889/admin/transact")));
    let (grant, refused) = config.grants.of(&manifest("other"));
    assert_eq!(refused, ["host {setting:INSTANT_API_URI}", "secret INSTANT_ADMIN_TOKEN"]);
    assert_eq!(grant.settings.len(), 1);
}

#[test]
fn dev_grants_what_is_wished_and_an_unset_setting_is_none() {
    let config = load(Mode::Dev, "", &[], Flags::default()).expect("holds");
    let (grant, refused) = config.grants.of(&manifest("any"));
    assert!(refused.is_empty() && grant.hosts.is_empty());
    assert_eq!(grant.unset, ["INSTANT_APP_ID", "INSTANT_ADMIN_TOKEN"]);
}

#[test]
fn spans_go_where_opentelemetrys_own_settings_say() {
    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/");
    const HEADERS: (&str, &str) = ("OTEL_EXPORTER_OTLP_HEADERS", " api-key = a%20b , odd");
    let dev = |toml: &str, env: &[(&str, &str)]| load(Mode::Dev, toml, env, Flags::default());
    assert!(dev("", &[]).expect("holds").otlp.is_none());
    let config = dev("[telemetry]\notlp = 'http://other:1'", &[BASE, HEADERS]).expect("holds");
    assert!(
        config.warnings.iter().any(|w| w.contains("OTEL_EXPORTER_OTLP_HEADERS")),
        "{:?}",
        config.warnings
    );
    let to = config.otlp.expect("is set");
    assert_eq!(to.endpoint.as_str(), "http://127.0.0.1:4318/v1/traces");
    let headers: Vec<_> = to.headers.iter().map(|(k, v)| (k.as_str(), v.expose())).collect();
    assert_eq!(headers, [("api-key", "a b")]);
    assert_eq!(to.resource, [("service.name".to_owned(), "pawl".to_owned())]);
    let to = dev("[telemetry]\notlp = 'https://c:1'", &[]).expect("holds").otlp.expect("is set");
    assert_eq!(to.endpoint.as_str(), "https://c:1/v1/traces");
    let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:2/spans");
    let to = dev("", &[BASE, whole]).expect("holds").otlp.expect("is set");
    assert_eq!(to.endpoint.as_str(), "http://c:2/spans");
    let config = dev("", &[BASE, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).expect("holds");
    assert!(config.otlp.is_none() && config.warnings.iter().any(|w| w.contains("4318")));
    assert!(dev("", &[BASE, ("OTEL_SDK_DISABLED", "true")]).expect("holds").otlp.is_none());
    for bad in ["c:4318", "ftp://c", "http://user:hidden@c:4318"] {
        let BadConfig(wrong) = dev("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", bad)]).expect_err("refused");
        assert!(
            wrong[0].contains("OTEL_EXPORTER_OTLP_ENDPOINT") && !wrong[0].contains("hidden"),
            "{wrong:?}"
        );
    }
}

#[test]
fn an_inngest_server_is_found_by_its_own_names_in_the_environment() {
    let of = |mode, toml: &str, env: &[(&str, &str)]| {
        let all: Vec<_> = KEYS.iter().chain(env).copied().collect();
        load(mode, toml, &all, Flags::default()).map(|config| config.inngest)
    };
    let plain = of(Mode::Serve, "", &[]).expect("holds");
    assert_eq!((plain.app.as_str(), plain.serve_path.as_str()), ("pawl", "/api/inngest"));
    assert_eq!((plain.api.as_str(), plain.events.as_str()), ("https://api.inngest.com", "https://inn.gs"));
    let base = ("INNGEST_BASE_URL", "http://a:1/");
    let own = of(Mode::Serve, "", &[base, ("INNGEST_EVENT_API_BASE_URL", "http://b:2")]).expect("holds");
    assert_eq!((own.api.as_str(), own.events.as_str()), ("http://a:1", "http://b:2"));
    let dev = of(Mode::Dev, "", &[("INNGEST_DEV", "http://c:3")]).expect("holds");
    assert_eq!(dev.api, "http://c:3");
    assert_eq!(of(Mode::Dev, "", &[("INNGEST_DEV", "1")]).expect("holds").api, "http://localhost:8288");
    let toml = "[inngest]\napp = 'shop'\nserve_origin = 'https://o.example/'";
    let file = of(Mode::Serve, toml, &[]).expect("holds");
    assert_eq!((file.app.as_str(), file.serve_origin.as_deref()), ("shop", Some("https://o.example")));
    let BadConfig(wrong) =
        of(Mode::Serve, "[inngest]\napp = 'a b'", &[("INNGEST_BASE_URL", "http://u:pw@h")])
            .expect_err("refused");
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(!wrong.concat().contains("pw"), "{wrong:?}");
}
