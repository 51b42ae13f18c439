//! Who a request is from: `X-Inngest-Signature` and the hashed key in `Authorization`
//! (Inngest's SDK specification, sections 4.1.3 and 4.1.4).

use crate::secret::Secret;
use hmac::{Hmac, Mac};
use pawl_engine::{Span, Timestamp};
use sha2::{Digest, Sha256};

/// The header of a signature.
pub const HEADER: &str = "x-inngest-signature";

/// How far a signature's time may be from ours, either way.
pub const TOLERANCE: Span = Span::from_secs(300);

/// Why a request's signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is none, or not of the form `t=<seconds>&s=<hex>`.
    #[error("there is no X-Inngest-Signature of the form t=<seconds>&s=<hex>")]
    Missing,
    /// It was made too long ago, or in the future.
    #[error("its time is more than 5 minutes away from this host's clock")]
    Stale,
    /// None of the keys makes it.
    #[error("none of this host's signing keys makes it")]
    Mismatch,
}

/// The signature of a request: its body is signed in its canonical form.
pub fn request(key: &Secret, body: &[u8], at: Timestamp) -> String {
    header(key, &canonical(body), at)
}

/// The signature of an answer: its body is signed as it is.
pub fn answer(key: &Secret, body: &[u8], at: Timestamp) -> String {
    header(key, body.strip_suffix(b"\n").unwrap_or(body), at)
}

/// What can be said of a signature before the body is read: whether it has the form of one, and
/// a time that may hold.
pub fn precheck(given: Option<&str>, now: Timestamp) -> Result<(), BadSignature> {
    let (seconds, _) = given.and_then(parts).ok_or(BadSignature::Missing)?;
    is_near(seconds, now)?.then_some(()).ok_or(BadSignature::Stale)
}

/// Whether this time, in seconds, is near enough to ours.
fn is_near(seconds: &str, now: Timestamp) -> Result<bool, BadSignature> {
    let at = seconds.parse::<i64>().ok().and_then(|s| s.checked_mul(1_000)).ok_or(BadSignature::Missing)?;
    Ok(now.as_millis().abs_diff(at) / 1_000 <= TOLERANCE.as_millis() / 1_000)
}

/// The key that has signed this request, received at `now`.
pub fn verify_request<'k>(
    keys: &'k [Secret],
    given: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<&'k Secret, BadSignature> {
    verify(keys, given, &canonical(body), now)
}

/// The key that has signed this answer, received at `now`.
pub fn verify_answer<'k>(
    keys: &'k [Secret],
    given: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<&'k Secret, BadSignature> {
    verify(keys, given, body.strip_suffix(b"\n").unwrap_or(body), now)
}

/// What stands in `Authorization: Bearer …` between an app and its server: the prefix, and
/// the SHA-256 of the key's own bytes.
pub fn hashed(key: &Secret) -> String {
    let (prefix, bare) = split(key.expose());
    let bytes = hex::decode(bare).unwrap_or_else(|_| bare.as_bytes().to_vec());
    format!("{prefix}{}", hex::encode(Sha256::digest(bytes)))
}

/// What is shown of a key, so that two sides can compare theirs: the beginning of its hash.
pub fn fingerprint(key: &Secret) -> String {
    let hashed = hashed(key);
    let (_, hash) = split(&hashed);
    hash.chars().take(12).collect()
}

/// What is shown of an event key.
pub fn event_key_hash(key: &Secret) -> String {
    hex::encode(Sha256::digest(key.expose().as_bytes()))
}

/// The form in which JSON is signed (RFC 8785); what is no JSON stays as it is.
pub fn canonical(body: &[u8]) -> Vec<u8> {
    let parsed = serde_json::from_slice::<serde_json::Value>(body);
    parsed.ok().and_then(|v| serde_json_canonicalizer::to_vec(&v).ok()).unwrap_or_else(|| body.to_vec())
}

fn verify<'k>(
    keys: &'k [Secret],
    given: Option<&str>,
    signed: &[u8],
    now: Timestamp,
) -> Result<&'k Secret, BadSignature> {
    let (seconds, mac) = given.and_then(parts).ok_or(BadSignature::Missing)?;
    let is_near = is_near(seconds, now)?;
    // all keys are tried, whichever matches
    let mut found = None;
    for key in keys {
        if mac_of(key, signed, seconds).verify_slice(&mac).is_ok() {
            found = found.or(Some(key));
        }
    }
    let key = found.ok_or(BadSignature::Mismatch)?;
    if is_near { Ok(key) } else { Err(BadSignature::Stale) }
}

/// `t` in digits and `s` in bytes.
fn parts(given: &str) -> Option<(&str, Vec<u8>)> {
    let (mut time, mut mac) = (None, None);
    for part in given.split('&') {
        match part.split_once('=')? {
            ("t", t) if time.is_none() => time = Some(t),
            ("s", s) if mac.is_none() => mac = Some(s),
            _ => return None,
        }
    }
    let time = time.filter(|t| !t.is_empty() && t.len() <= 12 && t.bytes().all(|b| b.is_ascii_digit()))?;
    Some((time, mac.filter(|s| s.len() == 64).and_then(|s| hex::decode(s).ok())?))
}

fn header(key: &Secret, signed: &[u8], at: Timestamp) -> String {
    let seconds = (at.as_millis() / 1_000).to_string();
    let mac = mac_of(key, signed, &seconds).finalize().into_bytes();
    format!("t={seconds}&s={}", hex::encode(mac))
}

fn mac_of(key: &Secret, signed: &[u8], seconds: &str) -> Hmac<Sha256> {
    let (_, bare) = split(key.expose());
    let mut mac = Hmac::<Sha256>::new_from_slice(bare.as_bytes())
        .unwrap_or_else(|_| unreachable!("any length is a key"));
    mac.update(signed);
    mac.update(seconds.as_bytes());
    mac
}

/// A key's prefix (`signkey-test-`, or nothing) and the rest.
fn split(key: &str) -> (&str, &str) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = key.strip_prefix("signkey-").and_then(|rest| rest.split_once('-'));
    match rest {
        Some((env, bare)) if !env.is_empty() && env.chars().all(word) => key.split_at(key.len() - bare.len()),
        _ => ("", key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Secret {
        Secret::load(text).expect("a key").0
    }

    fn seconds(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    /// Made with Inngest's own npm client, 4.24.0; the fifth also by its server.
    #[test]
    fn requests_are_signed_as_inngest_signs_them() {
        let vectors: [(&str, i64, &str, &str); 6] = [
            (
                "signkey-test-12345678",
                1_700_000_000,
                r#"{"msg":"hello"}"#,
                "13a37f02e2607bcf1cb6549337c5284f9eb1e6c89b16a63725fd0e2420939cdc",
            ),
            (
                "signkey-prod-0123456789abcdef0123456789abcdef",
                1_700_000_000,
                r#"{"b":2,"a":"é😀","n":1.50,"nested":{"z":[1,2,{"y":null}]},"e":1e21,"s":0.000001,"neg":-0}"#,
                "1a23d9e026103c69ca7173beab0fb22c615ca0b1195169ad10bcc1f8ad72668e",
            ),
            (
                "0123456789abcdef0123456789abcdef",
                1_700_000_000,
                "",
                "6458320a3e327061ab7bfe28ace9cb02bb2b840c75b483a0c002831176bd6256",
            ),
            (
                "signkey-branch-deadbeef",
                1_700_000_001,
                r#"[{"op":"StepRun","id":"x","data":null}]"#,
                "38ae2e7906dfcf837e73d9a6cfcfed8e18147dbc52f1f890d0933f2d73ba29e1",
            ),
            (
                "0123456789abcdef0123456789abcdef",
                1_795_434_285,
                r#"{"url":"http://localhost:3040/api/inngest"}"#,
                "d2d52c1ef2403a5cd619665e5940d50f8c724af836902364eba6892f9d407050",
            ),
            (
                "signkey-test-12345678",
                1_700_000_000,
                r#"{"\u20ac":"Euro Sign","\r":"CR","1":"One","\u0080":"Ctl","\ud83d\ude00":"Smiley","\u00f6":"o","</script>":"x"}"#,
                "ae25d0acd119abd82b6ef3d1b115b642ddd65e0009f02a1fc97eb4c73cac57b1",
            ),
        ];
        for (k, at, body, mac) in vectors {
            let header = request(&key(k), body.as_bytes(), seconds(at));
            assert_eq!(header, format!("t={at}&s={mac}"), "{body}");
            let keys = [key("other"), key(k)];
            assert!(verify_request(&keys, Some(&header), body.as_bytes(), seconds(at + 300)).is_ok());
        }
    }

    #[test]
    fn answers_are_signed_as_they_are() {
        let (k, body) = (key("signkey-test-12345678"), br#"[{"z":1,"a":2}]"#);
        let mac = "f378e643d600e0795f4d6af1e9eabca1af9f15cbb036ebfbcf0ee1754b4342f1";
        assert_eq!(answer(&k, body, seconds(1_700_000_000)), format!("t=1700000000&s={mac}"));
        let canonical = request(&k, body, seconds(1_700_000_000));
        let keys = [k];
        assert_eq!(
            verify_answer(&keys, Some(&canonical), body, seconds(1_700_000_000)).err(),
            Some(BadSignature::Mismatch)
        );
    }

    #[test]
    fn recorded_signatures_of_a_server_and_an_app_are_those_that_are_made_here() {
        let k = key("0123456789abcdef0123456789abcdef");
        let recording = include_str!("../../../tests/fixtures/inngest/signed.jsonl");
        for line in recording.lines() {
            let exchange: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| exchange[name].as_str().expect("a text");
            let at = |name: &str| {
                let (t, _) = parts(text(name)).expect("a signature");
                seconds(t.parse().expect("a number"))
            };
            assert_eq!(request(&k, text("request").as_bytes(), at("signature")), text("signature"));
            assert_eq!(answer(&k, text("text").as_bytes(), at("answered")), text("answered"));
        }
        assert_eq!(recording.lines().count(), 15);
    }

    #[test]
    fn keys_are_hashed_as_inngest_hashes_them() {
        let vectors = [
            (
                "signkey-prod-12345678",
                "signkey-prod-b2ed992186a5cb19f6668aade821f502c1d00970dfd0e35128d51bac4649916c",
            ),
            (
                "signkey-test-0123456789abcdef0123456789abcdef",
                "signkey-test-223e0a160af9da0a03e6dd2c4719c56f5d66a633cbe84e78aaa9f3735865522a",
            ),
        ];
        for (k, hash) in vectors {
            assert_eq!(hashed(&key(k)), hash);
        }
    }

    #[test]
    fn what_is_stale_forged_or_malformed_is_refused() {
        let keys = [key("signkey-test-12345678")];
        let body = br#"{"msg":"hello"}"#;
        let good = request(&keys[0], body, seconds(1_000_000));
        let at = |given: Option<&str>, now| verify_request(&keys, given, body, seconds(now)).err();
        assert_eq!(at(Some(&good), 1_000_300), None);
        assert_eq!(at(Some(&good), 999_700), None);
        assert_eq!(at(Some(&good), 1_000_301), Some(BadSignature::Stale));
        assert_eq!(at(Some(&good), 999_699), Some(BadSignature::Stale));
        assert_eq!(at(None, 1_000_000), Some(BadSignature::Missing));
        for odd in [
            "",
            "t=1",
            "s=1&t=1",
            &good.replace("t=", "t=+"),
            &format!("{good}&t=1000000"),
            &good.replace("t=1000000&", ""),
        ] {
            assert_eq!(at(Some(odd), 1_000_000), Some(BadSignature::Missing), "{odd}");
        }
        assert_eq!(
            at(Some(&good.replace("t=1000000", "t=1000001")), 1_000_000),
            Some(BadSignature::Mismatch)
        );
        assert_eq!(
            verify_request(&keys, Some(&good), br#"{"msg":"hello!"}"#, seconds(1_000_000)).err(),
            Some(BadSignature::Mismatch)
        );
    }
}
