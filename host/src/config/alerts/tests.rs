//! Rules and channels, from text.

use crate::config::{Config, Flags, Mode};
use pawl_engine::Span;
use pawl_engine::alert::{Above, Subject, When};

fn load(mode: Mode, toml: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pawl.toml");
    std::fs::write(&path, toml).expect("writes");
    let keys = [("INNGEST_EVENT_KEY", "e"), ("INNGEST_SIGNING_KEY", "s")];
    let find = |name: &str| env.iter().chain(&keys).find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    Config::load(mode, Flags { config: Some(path), ..Flags::default() }, &find).map_err(|e| e.to_string())
}

const OPS: &str = "[channels.ops]\nurl = { env = \"OPS\" }\nkind = \"slack\"\n";

const ENV: [(&str, &str); 1] = [("OPS", "https://hooks.example.com/T0/very-secret")];

#[test]
fn every_kind_of_rule_can_be_written() {
    let toml = r#"
        [alerts]
        every = "5s"
        [[alert]]
        name = "payments failing"
        when = "failed"
        function = "process-payment-*"
        to = ["ops"]
        [[alert]]
        when = "error_rate"
        above = "5%"
        [[alert]]
        when = "slow"
        above = "30s"
        for = "1m"
        [[alert]]
        when = "spike"
        event = "shop/*"
        above = "10x"
        [[alert]]
        when = "spike"
        above = 5000
        [[alert]]
        when = "silence"
        event = "shop/order.placed"
        within = "25h"
        [[alert]]
        when = "backlog"
        older_than = "5m"
    "#;
    let alerts = load(Mode::Serve, &format!("{toml}{OPS}"), &ENV).expect("holds").alerts;
    let names: Vec<_> = alerts.rules.iter().map(|r| r.name.as_str()).collect();
    let own = ["error_rate *", "slow *", "spike shop/*", "spike *", "silence shop/order.placed", "backlog *"];
    assert_eq!(names, [vec!["payments failing"], own.to_vec()].concat());
    let [failed, rate, slow, spike, count, silence, backlog] = &alerts.rules[..] else { panic!("{names:?}") };
    assert_eq!((failed.when, failed.hold_for), (When::Failed { at_least: 1 }, Span::ZERO));
    assert_eq!(
        (rate.when, rate.hold_for),
        (When::ErrorRate { above: 0.05, at_least: 20 }, Span::from_secs(5))
    );
    assert_eq!(slow.hold_for, Span::from_secs(60));
    assert_eq!(spike.when, When::Spike { above: Above::Times(10.0), at_least: 20 });
    assert_eq!(count.when, When::Spike { above: Above::Count(5_000), at_least: 20 });
    assert!(matches!(&silence.subject, Subject::Event(name) if name.as_str() == "shop/order.placed"));
    assert_eq!(backlog.when, When::Backlog { older_than: Span::from_secs(300) });
}

#[test]
fn what_says_nothing_or_not_enough_is_refused_by_its_key() {
    let cases = [
        ("when = 'failed'\nolder_than = '5m'", "older_than"),
        ("when = 'failed'\nabvoe = 5", "abvoe"),
        ("when = 'sometimes'", "sometimes"),
        ("when = 'error_rate'", "above = \"5%\""),
        ("when = 'error_rate'\nabove = '150%'", "above = \"5%\""),
        ("when = 'slow'\nabove = 'fast'", "above = \"30s\""),
        ("when = 'spike'\nabove = 'NaNx'", "above = \"10x\""),
        ("when = 'silence'", "whose silence"),
        ("when = 'silence'\nevent = 'a'\nwithin = '90d'", "31 days"),
        ("when = 'backlog'", "older_than"),
        ("when = 'failed'\nto = ['nobody']", "[channels.nobody]"),
        ("when = 'spike'\nabove = 1\nevent = 'a'\nfunction = 'f'", "not both"),
    ];
    for (toml, word) in cases {
        let why = load(Mode::Dev, &format!("[[alert]]\n{toml}"), &[]).expect_err(toml);
        assert!(why.contains(word), "{toml}: {why}");
    }
    let twice = "[[alert]]\nwhen = 'failed'\n[[alert]]\nwhen = 'failed'";
    assert!(load(Mode::Dev, twice, &[]).expect_err("twice").contains("name"));
}

#[test]
fn a_channels_url_and_secret_are_never_seen() {
    let config = load(Mode::Serve, OPS, &ENV).expect("holds");
    assert!(!format!("{config:?}").contains("very-secret"));
    for (url, key) in [("ftp://very-secret", ""), ("very-secret", ""), ("https://a", "whsec_very-secret")] {
        let toml = format!("[channels.a]\nurl = '{url}'\nsecret = '{key}x'");
        let why = load(Mode::Serve, &toml, &[]).expect_err(url);
        assert!(why.contains("channels.a") && !why.contains("very-secret"), "{why}");
    }
}

#[test]
fn production_does_not_start_without_a_channels_url_and_an_author_is_warned() {
    assert!(load(Mode::Serve, OPS, &[]).expect_err("refused").contains("channels.ops"));
    let config = load(Mode::Dev, OPS, &[]).expect("holds");
    assert!(config.warnings.iter().any(|w| w.contains("channel ops")) && config.alerts.channels.is_empty());
}
