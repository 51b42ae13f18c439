//! The function's own key-value bucket, in the host's database. For a step's own code.
//!
//! ```no_run
//! # extern crate pawl_sdk as pawl;
//! # fn f(step: pawl::Step) -> pawl::Result<()> {
//! step.run("remember", || pawl::kv::open()?.set_json("last", &42))?;
//! # Ok(()) }
//! ```

use crate::host::store as wit;
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The host's limits.
const KEY_BYTES: usize = 1_024;
const VALUE_BYTES: usize = 1 << 20;

/// Opens the bucket.
#[track_caller]
pub fn open() -> Result<Bucket> {
    checked(wit::open(""), "opening the bucket").map(Bucket)
}

/// An open bucket. Keys have 1 to 1,024 bytes, values at most 1 MiB.
#[derive(Debug)]
pub struct Bucket(wit::Bucket);

impl Bucket {
    /// The value of a key, if it has one.
    #[track_caller]
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        checked(self.0.get(key), "reading a key")
    }

    /// Gives a key a value, in place of the one it had.
    #[track_caller]
    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        // the host refuses these too, but cannot say that another try would not help
        if key.is_empty() || key.len() > KEY_BYTES {
            return Err(invalid(format!("a key has 1 to {KEY_BYTES} bytes, not {}", key.len())));
        }
        if value.len() > VALUE_BYTES {
            return Err(invalid(format!("a value has at most {VALUE_BYTES} bytes, not {}", value.len())));
        }
        checked(self.0.set(key, value), "writing a key")
    }

    /// Removes a key; one that is not there is no error.
    #[track_caller]
    pub fn delete(&self, key: &str) -> Result<()> {
        checked(self.0.delete(key), "removing a key")
    }

    /// Whether a key has a value.
    #[track_caller]
    pub fn exists(&self, key: &str) -> Result<bool> {
        checked(self.0.exists(key), "reading a key")
    }

    /// All keys.
    #[track_caller]
    pub fn keys(&self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut cursor = None;
        loop {
            let page = checked(self.0.list_keys(cursor), "listing keys")?;
            keys.extend(page.keys);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(keys);
            }
        }
    }

    /// The value of a key as a `T`, kept by [`Bucket::set_json`].
    #[track_caller]
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(e) => {
                let why = format!("the value that is kept is not what was expected: {e}");
                Err(Error::no_retry(why).with_name("KeyValueMismatch"))
            }
        }
    }

    /// Gives a key a value as JSON.
    #[track_caller]
    pub fn set_json(&self, key: &str, value: &impl Serialize) -> Result<()> {
        self.set(key, &serde_json::to_vec(value)?)
    }
}

#[track_caller]
fn invalid(why: String) -> Error {
    Error::no_retry(why).with_name("KeyValueInvalid")
}

#[track_caller]
fn checked<T>(result: std::result::Result<T, wit::Error>, what: &str) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(failed(error, what)),
    }
}

/// The key itself is not repeated: it may be somebody's name.
#[track_caller]
fn failed(error: wit::Error, what: &str) -> Error {
    match error {
        wit::Error::Other(why) => Error::new(why).context(what).with_name("KeyValueError"),
        wit::Error::NoSuchStore => Error::no_retry("no such store").context(what).with_name("KeyValueDenied"),
        wit::Error::AccessDenied => Error::no_retry("key-value is for steps: wrap it in step.run")
            .context(what)
            .with_name("KeyValueDenied"),
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
