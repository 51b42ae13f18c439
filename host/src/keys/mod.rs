//! The keys of this host as they are now: those that let events in, and those of operators,
//! apps and signatures.
//!
//! Those of the environment hold while the process lives. The others are in `keys.json` of
//! the data folder, which commands write: whoever asks for keys gets what stands there at
//! that moment, so that a rotation needs no restart. Ends are looked at when a key is used.

mod file;
mod started;

pub use file::{BadFile, FILE, Key, Kind, New, change};
pub use started::{Signer, Signs, Started};

use crate::clock;
use crate::secret::Secret;
use arc_swap::ArcSwap;
use file::{Stamp, load};
use pawl_engine::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// A host's keys; clones are the same keys.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    /// Of the environment.
    event: Vec<Secret>,
    /// Of the environment: what it signs with, then what it also accepts.
    signing: Vec<Secret>,
    file: Option<PathBuf>,
    read: ArcSwap<Read>,
}

/// The file, as it was read last.
#[derive(Default)]
struct Read {
    stamp: Option<Stamp>,
    keys: Arc<[Key]>,
}

impl Keys {
    /// Those of the environment alone.
    pub fn fixed(event: Vec<Secret>, signing: Vec<Secret>) -> Self {
        Self(Arc::new(Inner { event, signing, file: None, read: ArcSwap::default() }))
    }

    /// Those of the environment, and those of this data folder's file, now and later.
    pub fn open(event: Vec<Secret>, signing: Vec<Secret>, data: &Path) -> Result<Self, BadFile> {
        let file = data.join(FILE);
        let (stamp, keys) = load(&file)?;
        let read = ArcSwap::from_pointee(Read { stamp, keys: keys.into() });
        Ok(Self(Arc::new(Inner { event, signing, file: Some(file), read })))
    }

    /// Whether this is a key of the event API. All are compared, whichever matches.
    pub fn event_key_matches(&self, given: &str) -> bool {
        let digest = hex::encode(Sha256::digest(given.as_bytes()));
        let now = clock::now();
        let fixed = self.0.event.iter().filter(|key| key.matches(given)).count();
        let read = self.read();
        let of_file = active(&read.keys, Kind::Event, now)
            .filter(|key| bool::from(key.hash.as_bytes().ct_eq(digest.as_bytes())))
            .count();
        fixed + of_file > 0
    }

    /// The signing keys that hold now. The first one signs what this host sends; all are
    /// accepted.
    pub fn signing(&self) -> Vec<Secret> {
        in_order(&self.read().keys, self.0.signing.clone(), clock::now(), Key::secret)
    }

    /// The key with which this host sends events elsewhere.
    pub fn to_send_events(&self) -> Option<&Secret> {
        self.0.event.first()
    }

    /// Whether any key lets events in now.
    pub fn has_event(&self) -> bool {
        !self.0.event.is_empty() || active(&self.read().keys, Kind::Event, clock::now()).next().is_some()
    }

    /// The file as it is now. One that cannot be read changes nothing, and that is logged once;
    /// one that is not there any more has no keys.
    fn read(&self) -> Arc<Read> {
        let read = self.0.read.load_full();
        let Some(path) = &self.0.file else { return read };
        let Ok(stamp) = Stamp::of(path) else { return read };
        if stamp == read.stamp {
            return read;
        }
        let next = match load(path) {
            Ok((stamp, keys)) => {
                tracing::info!(keys = keys.len(), "keys.json was read again");
                Read { stamp, keys: keys.into() }
            }
            // it may pass: the next use looks again
            Err(e @ BadFile::Io(..)) => {
                tracing::error!("{e}; the keys of before hold on, and it is tried again");
                return read;
            }
            Err(e) => {
                tracing::error!("{e}; the keys of before hold on");
                Read { stamp, keys: read.keys.clone() }
            }
        };
        let next = Arc::new(next);
        self.0.read.store(next.clone());
        next
    }
}

/// All keys of a data folder's file, also those that have ended.
pub fn list(data: &Path) -> Result<Vec<Key>, BadFile> {
    load(&data.join(FILE)).map(|(_, keys)| keys)
}

/// The signing keys of a file that hold now and those of the environment, in the order in which
/// they are used: the first one signs. One that waits comes last, so that it signs where there
/// is no other.
fn in_order<T>(keys: &[Key], of_env: Vec<T>, now: Timestamp, of_file: impl Fn(&Key) -> Option<T>) -> Vec<T> {
    let (mut signs, mut waits): (Vec<&Key>, Vec<&Key>) =
        active(keys, Kind::Signing, now).partition(|key| key.signs_since.is_some());
    signs.sort_by_key(|key| std::cmp::Reverse(key.signs_since));
    waits.sort_by_key(|key| key.created_at);
    let waits = waits.into_iter().filter_map(&of_file);
    signs.into_iter().filter_map(&of_file).chain(of_env).chain(waits).collect()
}

fn active(keys: &[Key], kind: Kind, now: Timestamp) -> impl Iterator<Item = &Key> {
    keys.iter().filter(move |key| key.kind == kind && key.is_active(now))
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

/// What stands before a signing key's own characters and names its environment:
/// `signkey-prod-`.
pub fn environment(key: &str) -> Option<&str> {
    let (word, _) = key.strip_prefix("signkey-")?.split_once('-')?;
    let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_word.then_some(word)
}

#[cfg(test)]
mod tests;
