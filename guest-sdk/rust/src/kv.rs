//! The function's own key-value bucket, in the host's database. For a step's own code.
//!
//! ```no_run
//! # extern crate pawl_sdk as pawl;
//! # fn f(step: pawl::Step) -> pawl::Result<()> {
//! step.run("remember", || pawl::kv::open()?.set_json("last", &42))?;
//! # Ok(()) }
//! ```

use crate::bindings::wasi::keyvalue::store as wit;
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Opens the bucket.
pub fn open() -> Result<Bucket> {
    wit::open("").map(Bucket).map_err(|e| failed(e, "opening the bucket"))
}

/// An open bucket. Keys have 1 to 1,024 bytes, values at most 1 MiB.
#[derive(Debug)]
pub struct Bucket(wit::Bucket);

impl Bucket {
    /// The value of a key, if it has one.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.0.get(key).map_err(|e| failed(e, "reading a key"))
    }

    /// Gives a key a value, in place of the one it had.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        self.0.set(key, value).map_err(|e| failed(e, "writing a key"))
    }

    /// Removes a key; one that is not there is no error.
    pub fn delete(&self, key: &str) -> Result<()> {
        self.0.delete(key).map_err(|e| failed(e, "removing a key"))
    }

    /// Whether a key has a value.
    pub fn exists(&self, key: &str) -> Result<bool> {
        self.0.exists(key).map_err(|e| failed(e, "reading a key"))
    }

    /// All keys.
    pub fn keys(&self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.0.list_keys(cursor).map_err(|e| failed(e, "listing keys"))?;
            keys.extend(page.keys);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(keys);
            }
        }
    }

    /// The value of a key as a `T`, kept by [`Bucket::set_json`].
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            let why = format!("the value that is kept is not what was expected: {e}");
            Error::no_retry(why).with_name("KeyValueMismatch")
        })
    }

    /// Gives a key a value as JSON.
    pub fn set_json(&self, key: &str, value: &impl Serialize) -> Result<()> {
        self.set(key, &serde_json::to_vec(value)?)
    }
}

/// The key itself is not repeated: it may be somebody's name.
fn failed(error: wit::Error, what: &str) -> Error {
    match error {
        wit::Error::Other(why) => Error::new(why).context(what).with_name("KeyValueError"),
        wit::Error::NoSuchStore => Error::no_retry("no such store").context(what).with_name("KeyValueDenied"),
        wit::Error::AccessDenied => Error::no_retry("not granted").context(what).with_name("KeyValueDenied"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_trouble_is_asked_again_and_a_refusal_is_not() {
        let trouble = failed(wit::Error::Other("busy".into()), "reading a key");
        assert_eq!((trouble.message(), trouble.is_retryable()), ("reading a key: busy", true));
        assert!(!failed(wit::Error::AccessDenied, "x").is_retryable());
    }
}
