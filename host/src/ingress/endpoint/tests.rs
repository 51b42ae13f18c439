//! The vectors of each known sender, what is refused of them, and what becomes of the rest.

use super::super::mapping::Written;
use super::super::presets::Preset;
use super::super::scheme::{Algorithm, Encoding, Family, Key, KeyForm, Signed, TOLERANCE};
use super::*;
use proptest::prelude::*;

/// A request that holds, with the secret it was signed with and when.
struct Vector {
    preset: Preset,
    secret: &'static str,
    seconds: i64,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signature: &'static str,
}

/// From npm `standardwebhooks` 1.1.1 and `svix` 1.99.1, which agree.
const STANDARD: Vector = Vector {
    preset: Preset::Standard,
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    seconds: 1_614_265_330,
    headers: &[
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ],
    body: r#"{"test": 2432232314}"#,
    signature: "webhook-signature",
};

const SVIX: Vector = Vector {
    preset: Preset::Svix,
    headers: &[
        ("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("svix-timestamp", "1614265330"),
        ("svix-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ],
    signature: "svix-signature",
    ..STANDARD
};

/// From GitHub's documentation; its body is no JSON.
const GITHUB: Vector = Vector {
    preset: Preset::GitHub,
    secret: "It's a Secret to Everybody",
    seconds: 0,
    headers: &[
        ("x-github-event", "push"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
    ],
    body: "Hello, World!",
    signature: "x-hub-signature-256",
};

/// From Slack's documentation.
const SLACK: Vector = Vector {
    preset: Preset::Slack,
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    seconds: 1_531_420_618,
    headers: &[
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-slack-request-timestamp", "1531420618"),
        ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
    ],
    body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    signature: "x-slack-signature",
};

/// Shopify publishes none: made with Python's `hmac`.
const SHOPIFY: Vector = Vector {
    preset: Preset::Shopify,
    secret: "hush",
    seconds: 0,
    headers: &[
        ("x-shopify-topic", "orders/create"),
        ("x-shopify-webhook-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
        ("x-shopify-hmac-sha256", "J84izl89dYtDMd0s3U793qM5o7JHzeY1tasWTThHFdo="),
    ],
    body: r#"{"id":820982911946154508,"email":"jon@example.com","total_price":"1.50"}"#,
    signature: "x-shopify-hmac-sha256",
};

const ALL: [&Vector; 5] = [&STANDARD, &SVIX, &GITHUB, &SLACK, &SHOPIFY];

fn endpoint(preset: Preset, secrets: &[&str], mapping: Mapping) -> Endpoint {
    let scheme = preset.scheme();
    let keys = secrets.iter().map(|s| Key::read(s, scheme.key_form).expect("a key")).collect();
    let kind = "known".into();
    Endpoint { name: "shop".into(), source: "shop", kind, scheme, facts: preset.facts(), keys, mapping }
}

fn headers(of: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).expect("a name"), value.parse().expect("a value"))
    };
    of.iter().map(pair).collect()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

impl Vector {
    fn endpoint(&self) -> Endpoint {
        endpoint(self.preset, &[self.secret], Mapping::AsItCame)
    }

    fn verify(&self, change: impl FnOnce(&mut HeaderMap)) -> &'static str {
        let mut headers = headers(self.headers);
        change(&mut headers);
        let endpoint = self.endpoint();
        let proof = endpoint.scheme.verify(&headers, self.body.as_bytes(), &endpoint.keys, at(self.seconds));
        proof.map_or_else(|e| e.code(), |_| "ok")
    }

    /// The code for another signature; `OK` stands for the right one.
    fn signed(&self, pattern: &str) -> &'static str {
        self.verify(|headers| {
            let right = headers[self.signature].to_str().expect("plain").to_owned();
            let other = pattern.replace("OK", &right).parse().expect("a value");
            headers.insert(self.signature, other);
        })
    }
}

/// Signs a body now, where only it is signed.
fn sign(scheme: &Scheme, secret: &str, body: &str) -> HeaderMap {
    use hmac::{Hmac, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    let mut all = HeaderMap::new();
    let family = &scheme.families[0];
    if let Some(timestamp) = &family.timestamp {
        mac.update(b"v0:100:");
        all.insert(timestamp, "100".parse().expect("a value"));
    }
    mac.update(body.as_bytes());
    let signature = format!("{}{}", scheme.prefix, hex::encode(mac.finalize().into_bytes()));
    all.insert(&family.signature, signature.parse().expect("a value"));
    all
}

/// What an endpoint says to a body that is signed with `secret`, beside these headers.
fn said(endpoint: &Endpoint, more: &[(&str, &str)], body: &str) -> Result<Said, Rejected> {
    let mut all = sign(&endpoint.scheme, "secret", body);
    all.extend(headers(more));
    endpoint.accept(&all, body.as_bytes(), at(100))
}

fn event(said: Result<Said, Rejected>) -> NewEvent {
    match said {
        Ok(Said::Event(event)) => event,
        said => panic!("no event: {said:?}"),
    }
}

fn github(mapping: Mapping) -> Endpoint {
    endpoint(Preset::GitHub, &["secret"], mapping)
}

const DELIVERY: [(&str, &str); 2] = [("x-github-event", "issues"), ("x-github-delivery", "d-1")];

#[test]
fn the_vectors_of_each_sender_hold() {
    for vector in ALL {
        assert_eq!(vector.verify(|_| ()), "ok", "{:?}", vector.preset);
    }
    let event = event(SHOPIFY.endpoint().accept(&headers(SHOPIFY.headers), SHOPIFY.body.as_bytes(), at(5)));
    assert_eq!(&*event.name, "shop/orders.create");
    assert_eq!(event.data.as_str(), SHOPIFY.body, "as it came, to the letter");
    let id = SenderId { source: "shop", id: "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043".into() };
    assert_eq!(event.sender, Some(id));
}

#[test]
fn what_is_forged_missing_or_malformed_is_refused() {
    for vector in ALL {
        let outcome = |pattern| vector.signed(pattern);
        assert_eq!(vector.verify(|h| drop(h.remove(vector.signature))), "signature_missing");
        let twice = |h: &mut HeaderMap| {
            let again = h[vector.signature].clone();
            h.append(vector.signature, again);
        };
        assert_eq!(vector.verify(twice), "signature_missing", "{:?}", vector.preset);
        assert_eq!(outcome("OKx"), "signature_mismatch", "{:?}", vector.preset);
        if !vector.preset.scheme().prefix.is_empty() {
            for pattern in ["", "v9OK", "garbage", "="] {
                assert_eq!(outcome(pattern), "signature_missing", "{:?} {pattern}", vector.preset);
            }
        }
        let mut endpoint = vector.endpoint();
        let check = |endpoint: &Endpoint, body: &[u8]| {
            let headers = headers(vector.headers);
            endpoint.scheme.verify(&headers, body, &endpoint.keys, at(vector.seconds)).err()
        };
        assert_eq!(check(&endpoint, b"{}"), Some(Rejected::SignatureMismatch));
        endpoint.keys.clear();
        assert_eq!(check(&endpoint, vector.body.as_bytes()), Some(Rejected::SignatureMismatch));
    }
}

#[test]
fn a_signatures_time_is_digits_and_within_five_minutes_both_ways() {
    for vector in [&STANDARD, &SVIX, &SLACK] {
        let endpoint = vector.endpoint();
        let at_time = |seconds| {
            let headers = headers(vector.headers);
            let body = vector.body.as_bytes();
            let proof = endpoint.scheme.verify(&headers, body, &endpoint.keys, at(vector.seconds + seconds));
            proof.map_or_else(|e| e.code(), |_| "ok")
        };
        for (distance, code) in [(300, "ok"), (301, "timestamp_out_of_tolerance")] {
            assert_eq!((at_time(distance), at_time(-distance)), (code, code), "{:?}", vector.preset);
        }
        let name = vector.preset.scheme().families[0].timestamp.clone().expect("a time");
        for odd in ["", "123abc", "-5", "+5", "1.5", "99999999999999999999999", "abc"] {
            let outcome = vector.verify(|h| drop(h.insert(&name, odd.parse().expect("a value"))));
            assert_eq!(outcome, "signature_missing", "{odd}");
        }
        assert_eq!(vector.verify(|h| drop(h.remove(&name))), "signature_missing");
    }
}

#[test]
fn any_of_several_signatures_and_of_several_secrets_will_do() {
    for pattern in ["OK v1,AAAA", "v1,AAAA OK", "v1a,xyz OK", "v1, OK", "OK  v1,x", "v2,a v1,%%% OK", "OK OK"]
    {
        assert_eq!(STANDARD.signed(pattern), "ok", "{pattern}");
    }
    for pattern in ["v1a,AAAA", "v1", "v0,AAAA", " "] {
        assert_eq!(STANDARD.signed(pattern), "signature_missing", "{pattern}");
    }
    assert_eq!(STANDARD.signed("OK,OK"), "signature_mismatch", "a comma parts none");
    assert_eq!(STANDARD.signed(&"v1,AAAA ".repeat(20)), "signature_missing");
    let both = endpoint(Preset::Standard, &["whsec_AAAA", STANDARD.secret], Mapping::AsItCame);
    let event =
        event(both.accept(&headers(STANDARD.headers), STANDARD.body.as_bytes(), at(STANDARD.seconds)));
    assert_eq!(event.sender.expect("an id").id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert_eq!(&*event.name, "shop/received", "this body says no type");
}

#[test]
fn svix_also_sends_under_the_standard_names() {
    let svix = endpoint(Preset::Svix, &[STANDARD.secret], Mapping::AsItCame);
    let accept = |vector: &Vector| {
        svix.accept(&headers(vector.headers), vector.body.as_bytes(), at(vector.seconds)).map(|_| ())
    };
    assert_eq!((accept(&SVIX), accept(&STANDARD)), (Ok(()), Ok(())));
    assert_eq!(
        STANDARD.endpoint().accept(&headers(SVIX.headers), b"{}", at(0)).err(),
        Some(Rejected::SignatureMissing)
    );
}

#[test]
fn a_secret_is_read_as_its_scheme_has_it_and_never_prints() {
    assert!(Key::read("whsec_ not base64", KeyForm::Whsec).is_err());
    assert!(Key::read("whsec_", KeyForm::Whsec).is_err());
    assert!(Key::read("whpk_AAAA", KeyForm::Whsec).expect_err("refused").contains("asymmetric"));
    let key = Key::read("whsec_AAAA", KeyForm::Whsec).expect("a key");
    assert_eq!((key.bytes(), format!("{key:?}")), (3, "[redacted]".into()));
    assert_eq!(Key::read("whsec_AAAA", KeyForm::Text).expect("a key").bytes(), 10);
}

#[test]
fn github_is_named_by_event_and_action_and_its_ping_is_answered() {
    let as_it_came = github(Mapping::AsItCame);
    let opened = event(said(&as_it_came, &DELIVERY, r#"{"action":"opened","n": 1.50}"#));
    assert_eq!(
        (&*opened.name, opened.data.as_str()),
        ("shop/issues.opened", r#"{"action":"opened","n": 1.50}"#)
    );
    assert_eq!(opened.sender, Some(SenderId { source: "shop", id: "d-1".into() }));
    assert_eq!(&*event(said(&as_it_came, &DELIVERY, "{}")).name, "shop/issues");
    let ping = [("x-github-event", "ping"), ("x-github-delivery", "d-2")];
    assert!(matches!(said(&as_it_came, &ping, r#"{"zen":"x"}"#), Ok(Said::Ignored("ping"))));
    let form = [DELIVERY[0], DELIVERY[1], ("content-type", "application/x-www-form-urlencoded")];
    let clicked = event(said(&as_it_came, &form, "payload=%7B%22action%22%3A%22closed%22%7D"));
    assert_eq!((&*clicked.name, clicked.data.as_str()), ("shop/issues.closed", r#"{"action":"closed"}"#));
    let e = said(&as_it_came, &DELIVERY[..1], "{}").expect_err("refused");
    assert!(e.code() == "invalid_event" && e.to_string().contains("x-github-delivery"), "{e}");
}

#[test]
fn slack_gets_its_challenge_back_and_its_forms_are_objects() {
    let slack = endpoint(Preset::Slack, &["secret"], Mapping::AsItCame);
    let body = r#"{"type":"url_verification","challenge":"c-1","token":"t"}"#;
    match said(&slack, &[], body) {
        Ok(Said::Answer("url_verification", answer)) => assert_eq!(answer, json!({ "challenge": "c-1" })),
        other => panic!("{other:?}"),
    }
    let forged = slack.accept(&sign(&slack.scheme, "other", body), body.as_bytes(), at(100));
    assert_eq!(forged.err(), Some(Rejected::SignatureMismatch), "not before it is verified");
    let told =
        event(said(&slack, &[], r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}"#));
    assert_eq!((&*told.name, told.sender.map(|s| s.id)), ("shop/message", Some("Ev1".into())));
    let command = SLACK.endpoint();
    let command = event(command.accept(&headers(SLACK.headers), SLACK.body.as_bytes(), at(SLACK.seconds)));
    assert_eq!((&*command.name, command.sender), ("shop/slash_command", None));
    assert_eq!(command.data.to_value()["command"], "/webhook-collect");
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let clicked = event(said(&slack, &form, "payload=%7B%22type%22%3A%22block_actions%22%7D"));
    assert_eq!(
        (&*clicked.name, clicked.data.as_str()),
        ("shop/block_actions", r#"{"type":"block_actions"}"#)
    );
    let many = event(said(&slack, &form, "a=1&b=x+y&a=2&a=3"));
    assert_eq!(many.data.to_value(), json!({ "a": ["1", "2", "3"], "b": "x y" }));
}

/// As `pawl.toml` describes one: `X-Sig: s=<hex of sha512>` of `id/time/body`.
fn generic() -> Endpoint {
    let name = HeaderName::from_static;
    let family = Family { signature: name("x-sig"), timestamp: Some(name("x-time")), id: Some(name("x-id")) };
    let scheme = Scheme {
        families: vec![family],
        separator: None,
        prefix: "s=".into(),
        algorithm: Algorithm::Sha512,
        encoding: Encoding::Hex,
        signed: Signed::parse("{id}/{timestamp}/{body}").expect("holds"),
        tolerance: TOLERANCE,
        key_form: KeyForm::Text,
    };
    Endpoint { scheme, facts: Facts::default(), ..github(Mapping::AsItCame) }
}

#[test]
fn a_sender_that_is_described_signs_as_it_is_described() {
    use hmac::{Hmac, Mac};
    let mut mac = Hmac::<sha2::Sha512>::new_from_slice(b"secret").expect("any key");
    mac.update(br#"i-1/100/[1,2]"#);
    let signature =
        format!("s={}", hex::encode(mac.finalize().into_bytes()).to_uppercase().replace("S=", "s="));
    let all = headers(&[("x-sig", &signature), ("x-time", "100"), ("x-id", "i-1")]);
    let told = event(generic().accept(&all, b"[1,2]", at(100)));
    assert_eq!((&*told.name, told.data.as_str()), ("shop/received", r#"{"body":[1,2]}"#));
    assert_eq!(told.sender.expect("an id").id, "i-1");
    let other = headers(&[("x-sig", &signature), ("x-time", "100"), ("x-id", "i-2")]);
    assert_eq!(generic().accept(&other, b"[1,2]", at(100)).err(), Some(Rejected::SignatureMismatch));
    for wrong in ["", "{timestamp}", "{body}{body}", "{bod}", "{body"] {
        assert!(Signed::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn templates_make_the_event_or_none_and_what_they_cannot_do_is_refused() {
    let templates = |name: &str, data: &str, id: &str, skip: &str| {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let written = Written { name: text(name), data: text(data), id: text(id), skip: text(skip) };
        github(Mapping::Templates(Templates::compile(written).expect("compiles")))
    };
    let all = templates(
        "shop/{{ body.type }}",
        r#"{"order": {{ body.order }}, "by": {{ headers["x-github-event"] }}}"#,
        "{{ body.order.id }}",
        "{{ body.type == 'noise' }}",
    );
    let placed = event(said(&all, &DELIVERY, r#"{"type":"placed","order":{"id":7}}"#));
    assert_eq!((&*placed.name, placed.sender.map(|s| s.id)), ("shop/placed", Some("7".into())));
    assert_eq!(placed.data.to_value(), json!({ "order": { "id": 7 }, "by": "issues" }));
    assert!(matches!(said(&all, &DELIVERY, r#"{"type":"noise"}"#), Ok(Said::Ignored("skipped"))));
    let refused = |endpoint: &Endpoint, body| said(endpoint, &DELIVERY, body).expect_err("refused").code();
    assert_eq!(refused(&all, r#"{"type":"placed"}"#), "mapping_failed");
    assert_eq!(refused(&templates("pawl/{{ body.a }}", "", "", ""), r#"{"a":1}"#), "mapping_failed");
    assert_eq!(refused(&templates("", "[1]", "", ""), "{}"), "mapping_failed");
    assert_eq!(refused(&templates("", "{", "", ""), "{}"), "mapping_failed");
    assert_eq!(refused(&templates("{{ body.a }}", "", "", ""), r#"{"a":""}"#), "mapping_failed");
    let name_alone = event(said(&templates("a/b", "", "", ""), &DELIVERY, r#"{"n": 1.50}"#));
    assert_eq!((&*name_alone.name, name_alone.data.as_str()), ("a/b", r#"{"n": 1.50}"#));
}

#[test]
fn a_function_gets_everything_but_what_proves_something() {
    let endpoint = github(Mapping::Function("normalize".into()));
    let more = [
        DELIVERY[0],
        DELIVERY[1],
        ("authorization", "Bearer x"),
        ("cookie", "x"),
        ("x-api-key", "x"),
        ("x-hub-signature", "sha1=x"),
        ("x-topic", "a"),
    ];
    let told = event(said(&endpoint, &more, r#"{"a": 1}"#));
    assert_eq!(&*told.name, "webhook/shop");
    let headers = json!({ "x-github-event": "issues", "x-github-delivery": "d-1", "x-topic": "a" });
    let wanted = json!({ "webhook": "shop", "headers": headers, "body": { "a": 1 }, "raw": "{\"a\": 1}" });
    assert_eq!(told.data.to_value(), wanted);
    let text = event(said(&endpoint, &DELIVERY, "<xml/>"));
    assert_eq!(
        (&text.data.to_value()["body"], &text.data.to_value()["raw"]),
        (&Value::Null, &json!("<xml/>"))
    );
}

#[test]
fn what_is_compressed_or_no_json_is_refused() {
    let endpoint = github(Mapping::AsItCame);
    let code = |more: &[(&str, &str)], body: &str| {
        said(&endpoint, &[&DELIVERY, more].concat(), body).expect_err("refused").code()
    };
    assert_eq!(code(&[("content-encoding", "gzip")], "{}"), "content_encoding");
    assert_eq!(code(&[], "<xml/>"), "invalid_json");
    assert_eq!(code(&[], r#"{"a":"\ud800"}"#), "invalid_json");
    assert_eq!(code(&[], &"[".repeat(5_000)), "invalid_json");
    let long = format!(r#"{{"action":"{}"}}"#, "x".repeat(600));
    assert_eq!(code(&[], &long), "invalid_event");
}

proptest! {
    #[test]
    fn no_bytes_make_the_verifier_or_the_mapper_panic(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        texts in proptest::collection::vec("[ -~]{0,60}", 4),
        is_form in any::<bool>(),
    ) {
        let kind = if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
        for vector in ALL {
            let endpoint = vector.endpoint();
            let mut odd = headers(vector.headers);
            for (n, (name, _)) in vector.headers.iter().enumerate() {
                if let Ok(value) = texts[n].parse() {
                    odd.insert(*name, value);
                }
            }
            let _outcome = endpoint.accept(&odd, &body, at(vector.seconds));
        }
        let text = String::from_utf8_lossy(&body);
        let kind = [("content-type", kind), ("x-github-event", "x"), DELIVERY[1]];
        let function = github(Mapping::Function("f".into()));
        for endpoint in [&github(Mapping::AsItCame), &function, &endpoint(Preset::Slack, &["secret"], Mapping::AsItCame)] {
            let _outcome = said(endpoint, &kind, &text);
        }
    }

    #[test]
    fn no_json_makes_the_mapper_panic(body in r#"\{("[a-z]{0,3}":(1|"x"|null|\[\]|\{\}),){0,4}"type":("a"|5|\{\})\}"#) {
        let slack = endpoint(Preset::Slack, &["secret"], Mapping::AsItCame);
        prop_assert!(said(&slack, &[], &body).is_ok(), "{}", body);
    }
}
