//! `started.json`: how the host of a data folder was started last. Commands read it, since their
//! own environment may be another, and since a host that is stopped cannot be asked.

use super::file::{BadFile, write};
use super::{Key, Keys, Kind, in_order};
use crate::inngest::sign;
use pawl_engine::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Its name in the data folder.
const FILE: &str = "started.json";

/// How a host was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Started {
    /// As `pawl dev`, which signs nothing.
    Dev,
    /// As `pawl serve`, with signing keys of these fingerprints (12 digits each) in its environment:
    /// what it signs with first.
    Serve(Vec<String>),
}

impl Started {
    /// Of the host that has this data folder, or had it last. `None`: no host has said so.
    pub fn read(data: &Path) -> Option<Self> {
        // one that cannot be read says as little as none
        let text = std::fs::read(data.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl Keys {
    /// Writes how this host is started into its data folder.
    pub fn tell_started(&self, data: &Path, is_dev: bool) -> Result<(), BadFile> {
        let started = match is_dev {
            true => Started::Dev,
            false => Started::Serve(self.0.signing.iter().map(sign::fingerprint).collect()),
        };
        let path = data.join(FILE);
        write(data, &path, &started).map_err(|e| BadFile::Io(path, e))
    }
}

/// The key that a host signs with, as far as it can be told from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    fingerprint: Option<String>,
    /// Whether it is that one also where there are keys in the environment.
    is_sure: bool,
}

/// Whether a host signs with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// It does.
    Yes,
    /// It signs with another.
    No,
    /// It does if it has none in its environment.
    IfAlone,
}

impl Signer {
    /// Of a host with these keys in its data folder that is started so.
    pub fn of(keys: &[Key], started: Option<&Started>, now: Timestamp) -> Self {
        let of_env = match started {
            Some(Started::Serve(hashes)) => hashes.iter().cloned().map(Some).collect(),
            // in their place stands what is not known
            Some(Started::Dev) | None => vec![None],
        };
        let mut order =
            in_order(keys, of_env, now, |key| Some(Some(sign::fingerprint(&key.secret()?)))).into_iter();
        let first = order.next();
        let is_sure = first != Some(None);
        Self { fingerprint: first.flatten().or_else(|| order.next().flatten()), is_sure }
    }

    /// Whether it is this one.
    pub fn is(&self, key: &Key) -> Signs {
        let is_it = |hash: &String| key.kind == Kind::Signing && key.hash.starts_with(hash);
        match (self.fingerprint.as_ref().is_some_and(is_it), self.is_sure) {
            (false, _) => Signs::No,
            (true, true) => Signs::Yes,
            (true, false) => Signs::IfAlone,
        }
    }
}
