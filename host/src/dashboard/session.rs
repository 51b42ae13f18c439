//! Logins: made from the signing key, held by a cookie, kept as a digest.
//!
//! What is kept does not open anything: the cookie's value is known to its browser alone. A
//! login ends with its time, by its holder's wish, or with the key that it was made from.

use crate::secret::Secret;
use crate::store::{Store, StoreError};
use hmac::{Hmac, Mac};
use pawl_engine::{Span, Timestamp};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Where they are kept: no function has this bucket, since no id has a colon.
const BUCKET: &str = "pawl:sessions";

/// How long a login holds.
pub(super) const LASTS: Span = Span::from_secs(12 * 3_600);

/// The cookie's name.
pub(super) const COOKIE: &str = "pawl_session";

/// Logins that are looked at in one go when old ones are removed.
const AT_ONCE: usize = 200;

#[derive(Serialize, Deserialize)]
struct Kept {
    made_at: Timestamp,
    expires_at: Timestamp,
    /// A digest of the key that it was made from.
    key: String,
}

/// A login: the cookie's value.
#[derive(Clone)]
pub(super) struct Session(String);

impl Session {
    /// The value, for the cookie.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// What it is known by.
    pub(super) fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// From a cookie's value, if it can be one.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let is_one = value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit());
        is_one.then(|| Self(value.to_owned()))
    }
}

fn fingerprint(key: &Secret) -> String {
    hex::encode(Sha256::digest(format!("pawl:login:{}", key.expose())))
}

/// The key that was given, if it is one of ours. All are compared, whichever matches.
pub(super) fn matching<'a>(keys: &'a [Secret], given: &str) -> Option<&'a Secret> {
    keys.iter().fold(None, |found, key| if key.matches(given.trim()) { Some(key) } else { found })
}

/// A new login with this key; logins that are over are removed on the way.
pub(super) async fn begin(store: &dyn Store, key: &Secret, now: Timestamp) -> Result<Session, StoreError> {
    for name in store.kv_keys(BUCKET, "", AT_ONCE).await? {
        if kept(store, &name).await?.is_none_or(|kept| kept.expires_at <= now) {
            store.kv_set(BUCKET, &name, None).await?;
        }
    }
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    let session = Session(hex::encode(random));
    let kept = Kept { made_at: now, expires_at: now + LASTS, key: fingerprint(key) };
    // numbers and texts: nothing that could fail
    let value = serde_json::to_vec(&kept).unwrap_or_default();
    store.kv_set(BUCKET, &session.digest(), Some(value)).await?;
    Ok(session)
}

/// Whether the login holds now, with these keys.
pub(super) async fn holds(
    store: &dyn Store,
    keys: &[Secret],
    session: &Session,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(kept) = kept(store, &session.digest()).await? else { return Ok(false) };
    let has_key = keys.iter().any(|key| fingerprint(key) == kept.key);
    Ok(has_key && kept.made_at <= now && now < kept.expires_at)
}

/// Ends a login.
pub(super) async fn end(store: &dyn Store, session: &Session) -> Result<(), StoreError> {
    store.kv_set(BUCKET, &session.digest(), None).await
}

async fn kept(store: &dyn Store, digest: &str) -> Result<Option<Kept>, StoreError> {
    Ok(store.kv_get(BUCKET, digest).await?.and_then(|value| serde_json::from_slice(&value).ok()))
}

/// The token that forms of this viewer carry.
pub(super) fn token(secret: &[u8]) -> String {
    // a key of any length will do
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(b"csrf");
    hex::encode(mac.finalize().into_bytes())
}

/// Whether a form carries the viewer's token.
pub(super) fn is_token(own: &str, given: &str) -> bool {
    !own.is_empty() && bool::from(own.as_bytes().ct_eq(given.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000) + Span::from_secs(s)
    }

    fn key(text: &str) -> Secret {
        Secret::load(text).expect("a key").0
    }

    #[tokio::test]
    async fn a_login_holds_for_its_time_with_its_key_until_it_is_ended() {
        let (store, keys) = (Memory::default(), [key("one"), key("two")]);
        let used = matching(&keys, " two\n").expect("one of them");
        let session = begin(&store, used, at(0)).await.expect("begins");
        let holds =
            async |keys: &[Secret], at| super::holds(&store, keys, &session, at).await.expect("reads");
        assert!(holds(&keys, at(0)).await && holds(&keys, at(12 * 3_600 - 1)).await);
        assert!(!holds(&keys, at(12 * 3_600)).await, "it is over");
        assert!(holds(&keys[1..], at(1)).await && !holds(&keys[..1], at(1)).await, "its key is gone");
        let other = Session::parse(&"0".repeat(64)).expect("one");
        assert!(!super::holds(&store, &keys, &other, at(1)).await.expect("reads"));
        end(&store, &session).await.expect("ends");
        assert!(!holds(&keys, at(1)).await);
    }

    #[tokio::test]
    async fn what_is_kept_is_not_the_cookie_and_goes_when_it_is_over() {
        let (store, keys) = (Memory::default(), [key("one")]);
        let first = begin(&store, &keys[0], at(0)).await.expect("begins");
        let names = store.kv_keys(BUCKET, "", 9).await.expect("reads");
        assert_eq!(names, [first.digest()]);
        assert_ne!(first.expose(), first.digest());
        let second = begin(&store, &keys[0], at(12 * 3_600)).await.expect("begins");
        assert_eq!(store.kv_keys(BUCKET, "", 9).await.expect("reads"), [second.digest()]);
    }

    #[test]
    fn keys_and_tokens_are_taken_whole() {
        let keys = [key("one")];
        assert!(matching(&keys, "").is_none() && matching(&keys, "on").is_none());
        assert!(matching(&[], "one").is_none());
        let own = token(b"a");
        assert!(is_token(&own, &own) && !is_token(&own, &token(b"b")) && !is_token("", ""));
        assert!(Session::parse("x").is_none() && Session::parse(&"g".repeat(64)).is_none());
    }
}
