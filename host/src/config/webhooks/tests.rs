//! What an entry of the settings file comes to.

use super::super::{BadConfig, Config, Flags};
use super::*;

fn load(mode: Mode, toml: &str) -> Result<Config, BadConfig> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pawl.toml");
    std::fs::write(&path, toml).expect("writes");
    let env = |name: &str| match name {
        "INNGEST_EVENT_KEY" | "INNGEST_SIGNING_KEY" => Some("k".to_owned()),
        "NEW" => Some("new\n".to_owned()),
        "STANDARD" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        _ => None,
    };
    Config::load(mode, Flags { config: Some(path), ..Flags::default() }, &env)
}

fn wrong(toml: &str) -> Vec<String> {
    load(Mode::Serve, toml).expect_err("refused").0
}

#[test]
fn known_senders_need_a_name_and_a_secret() {
    let toml = r#"
        [[webhook]]
        name = "github"
        provider = "github"
        secret = ["old", { env = "NEW" }]

        [[webhook]]
        name = "clerk"
        provider = "svix"
        secret = { env = "STANDARD" }
        tolerance = "1m"
    "#;
    let config = load(Mode::Serve, toml).expect("holds");
    let [github, clerk] = &config.webhooks[..] else { panic!("{:?}", config.webhooks) };
    assert_eq!((&*github.name, github.keys.len(), github.source), ("github", 2, "github"));
    assert_eq!((clerk.scheme.tolerance, clerk.keys[0].bytes()), (60, 24));
    assert_eq!(config.warnings.iter().filter(|w| w.contains("white space")).count(), 1);
    assert!(!format!("{config:?}").contains("MfKQ"), "a secret never prints");
}

#[test]
fn any_other_sender_is_described() {
    let toml = r#"
        [[webhook]]
        name = "billing"
        provider = "hmac"
        secret = "s"
        header = "X-Signature"
        algorithm = "sha512"
        encoding = "base64"
        prefix = "sha512="
        signed = "{timestamp}.{body}"
        timestamp_header = "X-Time"
        tolerance = "10m"
        id_path = "data.id"
        name_path = "/kind"
    "#;
    let config = load(Mode::Serve, toml).expect("holds");
    let Endpoint { scheme, facts, .. } = &config.webhooks[0];
    assert_eq!((scheme.algorithm, scheme.encoding), (Algorithm::Sha512, Encoding::Base64));
    assert_eq!((scheme.tolerance, scheme.families[0].signature.as_str()), (600, "x-signature"));
    assert_eq!(facts.id, [Place::Body("/data/id".into())]);
    assert_eq!(facts.name, [Place::Body("/kind".into())]);
    assert!(facts.needs_id);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_by_the_webhooks_name() {
    let toml = r#"
        [[webhook]]
        name = "stripe"
        provider = "github"

        [[webhook]]
        name = "Bad/Name"
        provider = "gitlab"
        secret = "s"

        [[webhook]]
        name = "a"
        provider = "hmac"
        secret = "s"
        algorithm = "md5"
        encoding = "base32"
        signed = "{id}.{timestamp}.{body}"
        tolerance = "0s"

        [[webhook]]
        name = "b"
        provider = "slack"
        secret = "s"
        header = "X-Signature"
        function = "f"
        event = { name = "x" }

        [[webhook]]
        name = "c"
        provider = "standard"
        secret = "whsec_%%%"
        event = { name = "{{ body.", data = "{% if %}" }

        [[webhook]]
        name = "d"
        provider = "shopify"
        secret = "s"

        [[webhook]]
        name = "d"
        provider = "shopify"
        secret = "s"
        tolerance = "1m"
    "#;
    let all = wrong(toml);
    for (webhook, part) in [
        ("stripe", "the host's own"),
        ("stripe", "it has no secret"),
        ("Bad/Name", "/api/webhooks/NAME"),
        ("Bad/Name", "no provider `gitlab`"),
        ("a", "it has no header"),
        ("a", "no algorithm `md5`"),
        ("a", "no encoding `base32`"),
        ("a", "timestamp_header"),
        ("a", "id_header"),
        ("a", "no time from 1s to 24h"),
        ("b", "header is for provider = \"hmac\" alone"),
        ("b", "`function` and `event`"),
        ("c", "whsec_ and base64"),
        ("c", "the template of its event's name"),
        ("c", "the template of its event's data, line 1"),
        ("d", "another one of this name"),
        ("d", "signatures with a time"),
    ] {
        let start = format!("webhook {webhook}: ");
        assert!(all.iter().any(|w| w.starts_with(&start) && w.contains(part)), "{webhook} {part}: {all:#?}");
    }
    assert!(!all.iter().any(|w| w.contains("%%%")), "a secret is not repeated: {all:#?}");
}

#[test]
fn without_its_secret_an_author_goes_on_and_production_does_not() {
    let toml = "[[webhook]]\nname = 'a'\nprovider = 'github'\nsecret = { env = 'NOT_SET' }";
    let config = load(Mode::Dev, toml).expect("holds");
    assert!(config.webhooks[0].keys.is_empty());
    assert!(config.warnings.iter().any(|w| w.contains("NOT_SET")), "{:?}", config.warnings);
    assert!(wrong(toml).iter().any(|w| w.contains("it has no secret")));
}
