//! Stripe's end of a webhook, written from its documentation.

use crate::{clock, paths};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The secret that hosts are started with.
pub const SECRET: &str = "whsec_test_secret_of_this_endpoint";

/// The `v1` signature of a body at a time: HMAC-SHA256 of `t.body` under the whole secret.
pub fn sign(secret: &str, t: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The header of a body that is signed at `t`.
pub fn header_at(secret: &str, t: &str, body: &[u8]) -> String {
    format!("t={t},v1={}", sign(secret, t, body))
}

/// The header of a body that is signed now, as a delivery would be.
pub fn header(secret: &str, body: &[u8]) -> String {
    header_at(secret, &clock::unix_seconds().to_string(), body)
}

/// A recorded event, as its bytes came.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = paths::repository().join("tests/fixtures/stripe").join(format!("{name}.json"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All recorded events by their file's name.
pub fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = paths::repository().join("tests/fixtures/stripe");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut names: Vec<_> =
        entries.filter_map(|e| Some(e.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), fixture(&name))).collect()
}

/// A recorded event as JSON, to be changed.
pub fn event(name: &str) -> Value {
    serde_json::from_slice(&fixture(name)).expect("fixtures are JSON")
}

/// An event's body with another id and another session or intent, as pretty as Stripe's.
pub fn with_id(name: &str, id: &str) -> Vec<u8> {
    let mut event = event(name);
    event["id"] = id.into();
    pretty(&event)
}

/// JSON as Stripe sends it.
pub fn pretty(event: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(event).expect("a value writes")
}

/// The smallest event that is one: an id, a type, an object.
pub fn small(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","type":"test.small","data":{{"object":{{"object":"test"}}}}}}"#).into_bytes()
}
