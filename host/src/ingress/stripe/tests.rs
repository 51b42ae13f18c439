//! The vectors, the table of odd headers and bodies, and every fixture.

use super::*;
use http::HeaderValue;
use proptest::prelude::*;

const SECRET: &str = "whsec_test_secret";
const T: u64 = 1_614_265_330;
const BODY: &str = r#"{"id":"evt_1","object":"event","type":"a.b","data":{"object":{"object":"charge"}}}"#;

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|t| Secret::load(t).expect("a secret").0).collect()
}

fn sign(secret: &str, t: &str, body: &[u8]) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    hmac.update(t.as_bytes());
    hmac.update(b".");
    hmac.update(body);
    hex::encode(hmac.finalize().into_bytes())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds as i64 * 1_000)
}

fn accept(header: &[u8], body: &[u8]) -> Result<NewEvent, Rejected> {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header) {
        headers.insert("stripe-signature", value);
    }
    match Stripe(secrets(&[SECRET]).into()).accept(&headers, body, at(T))? {
        Said::Event(event) => Ok(event),
        said => panic!("no event: {said:?}"),
    }
}

/// The outcome for a header in which `T`, `OK` and `BAD` stand for the time, the right
/// signature and a wrong one.
fn outcome(pattern: &str) -> &'static str {
    let (right, wrong) = (sign(SECRET, &T.to_string(), BODY.as_bytes()), sign("x", "1", b""));
    let header = pattern.replace("OK", &right).replace("BAD", &wrong).replace("T", &T.to_string());
    accept(header.as_bytes(), BODY.as_bytes()).map_or_else(|e| e.code(), |_| "ok")
}

#[test]
fn the_vectors_of_the_official_libraries_hold() {
    let first = br#"{"id":"evt_test_webhook","object":"event"}"#;
    assert_eq!(
        sign(SECRET, "1614265330", first),
        "3c5817089d739023dd6190f70a3757e04f7a2fd8b5dab12c2e000f51970dccff"
    );
    let body = "{\r\n  \"id\": \"evt_1\",\n\t\"name\": \"Za\u{17c}\u{f3}\u{142}\u{107} \u{1f389}\"\r\n}\n";
    let secret = "whsec_dGhpcyBpcyB1c2VkIGFzIGlz";
    let v1 = "971445ac4334b299acf93aa100417f9c6787853a0e9b36c458d225272f5c6dab";
    assert_eq!(sign(secret, "1761550000", body.as_bytes()), v1);
    let mut headers = HeaderMap::new();
    headers.insert("stripe-signature", format!("t=1761550000,v1={v1}").parse().expect("a header"));
    let signed = Signed::parse(&headers).expect("well-formed");
    assert!(signed.holds(body.as_bytes(), &secrets(&["other", secret])));
    assert!(!signed.holds(body.as_bytes(), &secrets(&["other"])));
}

#[test]
fn each_odd_header_gets_its_answer() {
    for good in [
        "t=T,v1=OK",
        ",t=T,v1=OK",
        "t=T,v1=OK,",
        "v1=OK,t=T",
        "t=T,v1=BAD,v1=OK",
        "t=T,v1=OK,v1=BAD",
        "t=T,v1=BAD,v1=BAD,v1=OK",
        "t=T,v0=BAD,v1=OK",
        "t=T,x=y,v1=OK",
        "t=T,v1=00,v1=OK",
        "t=T,v1=,v1=OK",
        "t=T,v1,v1=OK",
        "t=T,t=T,v1=OK",
    ] {
        assert_eq!(outcome(good), "ok", "{good}");
    }
    for missing in [
        "",
        " ",
        "garbage",
        "=",
        ",",
        "T=T,V1=OK",
        "t=T,v0=OK",
        "t=T,v2=OK",
        "v1=OK",
        "t=,v1=OK",
        "t=abc,v1=OK",
        "t=T.5,v1=OK",
        "tT,v1=OK",
        "t= T,v1=OK",
        "t=T_2,v1=OK",
        "t=-1,v1=OK",
        "t=+T,v1=OK",
        "t=T,t=1,v1=OK",
        "t=111111111111111111111111111111,v1=OK",
        "t=T, v1=OK",
        " t=T,v1",
        "t=T",
    ] {
        assert_eq!(outcome(missing), "signature_missing", "{missing}");
    }
    for mismatch in ["t=T,v1=", "t=T,v1=BAD", "t=T,v1=OK=x", "t=T,v1=OK ,v1=BAD", "t=0,v1=OK", "t=0T,v1=OK"] {
        assert_eq!(outcome(mismatch), "signature_mismatch", "{mismatch}");
    }
    let upper = sign(SECRET, &T.to_string(), BODY.as_bytes()).to_uppercase();
    assert_eq!(outcome(&format!("t=T,v1={upper}")), "signature_mismatch");
    let many = format!("t=T{}", ",v1=OK".repeat(SIGNATURES + 1));
    assert_eq!(outcome(&many), "signature_missing");
    assert_eq!(outcome(&format!("t=T,v1=OK,x={}", "y".repeat(HEADER_BYTES))), "signature_missing");
    assert_eq!(accept(b"t=1,v1=\xff\xfe", BODY.as_bytes()).expect_err("refused").code(), "signature_missing");
}

#[test]
fn a_signature_is_good_for_five_minutes_both_ways() {
    let signed_at = |t: &str| {
        let header = format!("t={t},v1={}", sign(SECRET, t, BODY.as_bytes()));
        accept(header.as_bytes(), BODY.as_bytes()).map_or_else(|e| e.code(), |_| "ok")
    };
    for t in [T - 300, T, T + 300] {
        assert_eq!(signed_at(&t.to_string()), "ok", "{t}");
    }
    for t in [0, T - 301, T + 301, T + 3_600, T * 1_000] {
        assert_eq!(signed_at(&t.to_string()), "timestamp_out_of_tolerance", "{t}");
    }
    assert_eq!(signed_at(&format!("000{T}")), "ok", "signed over its own spelling");
}

fn signed(body: &[u8]) -> Result<NewEvent, Rejected> {
    let t = T.to_string();
    accept(format!("t={t},v1={}", sign(SECRET, &t, body)).as_bytes(), body)
}

#[test]
fn a_signed_body_of_the_wrong_shape_is_refused_with_a_reason() {
    for body in ["", "{", "\u{feff}{}", r#"{"id":"\ud800","type":"a"}"#, r#"{"id":"e","type":"a","n":1e400}"#]
    {
        assert_eq!(signed(body.as_bytes()).expect_err("refused").code(), "invalid_json", "{body}");
    }
    let deep = format!(r#"{{"id":"e","type":"a","x":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    assert_eq!(signed(deep.as_bytes()).expect_err("refused").code(), "invalid_json");
    assert_eq!(signed(b"{\"id\":\"\xff\"}").expect_err("refused").code(), "invalid_json");
    for body in [
        "[]",
        "null",
        "5",
        "\"s\"",
        "{}",
        r#"{"id":1,"type":"a"}"#,
        r#"{"id":"e"}"#,
        r#"{"id":"","type":"a"}"#,
        r#"{"id":"e","type":"a"}"#,
        r#"{"id":"e","type":"a","data":{"object":[]}}"#,
        r#"{"id":"e","type":"a\u0000b","data":{"object":{}}}"#,
    ] {
        assert_eq!(signed(body.as_bytes()).expect_err("refused").code(), "invalid_event", "{body}");
    }
}

#[test]
fn a_compressed_body_is_refused_before_anything_else() {
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    let refused = Stripe(secrets(&[SECRET]).into()).accept(&headers, b"", at(T)).expect_err("refused");
    assert_eq!(refused, Rejected::Encoded);
}

#[test]
fn the_object_keeps_its_spelling_under_its_own_name() {
    let body = r#"{"id":"evt_9","type":"payment_intent.succeeded","created":1600000000,"livemode":false,
        "api_version":"2026-10-28.endive","data":{"object":{"object":"payment_intent","x": 1.50},
        "previous_attributes":{"y":1}}}"#;
    let event = signed(body.as_bytes()).expect("accepted");
    assert_eq!(&*event.name, "stripe/payment_intent.succeeded");
    assert_eq!(
        event.data.as_str(),
        r#"{"paymentIntent":{"object":"payment_intent","x": 1.50},"eventId":"evt_9","livemode":false,"account":null,"apiVersion":"2026-10-28.endive","created":1600000000,"previousAttributes":{"y":1}}"#
    );
    assert_eq!(event.at, Some(at(1_600_000_000)));
    for (object, name) in [
        ("checkout.session", "session"),
        ("subscription", "subscription"),
        ("billing.meter", "meter"),
        ("account", "object"),
        ("", "object"),
        ("__", "object"),
        ("tax_id", "taxId"),
    ] {
        assert_eq!(own_name(object), name, "{object}");
    }
}

#[test]
fn every_fixture_is_accepted_under_its_type() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/stripe");
    let mut n = 0;
    for file in std::fs::read_dir(folder).expect("fixtures") {
        let path = file.expect("a file").path();
        let body = std::fs::read(&path).expect("reads");
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let event = signed(&body).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(*event.name, format!("stripe/{}", json["type"].as_str().expect("a type")));
        let data = event.data.to_value();
        assert_eq!(data["eventId"], json["id"]);
        match json["object"].as_str() {
            Some("v2.core.event") => assert_eq!(data["notification"], json),
            _ => {
                let name = own_name(json["data"]["object"]["object"].as_str().expect("a name"));
                assert_eq!(data[&name], json["data"]["object"], "{name}");
            }
        }
        n += 1;
    }
    assert!(n >= 11, "{n} fixtures");
}

proptest! {
    #[test]
    fn nothing_unsigned_is_accepted_and_nothing_panics(header in prop::collection::vec(any::<u8>(), 0..200), body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(accept(&header, &body).is_err());
    }

    #[test]
    fn nothing_near_a_signature_is_accepted(pattern in "(t=T|v1=BAD|v1=|t=|,|=|v1|t|v0=OK|x=OK| ){0,8}") {
        prop_assert_ne!(outcome(&pattern), "ok");
    }

    #[test]
    fn a_signed_body_never_panics(body in "[{}\\[\\]\":,a-z0-9.\\\\ ]{0,200}") {
        let _any = signed(body.as_bytes());
    }
}
