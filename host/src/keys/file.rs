//! `keys.json`: read by hosts, changed by commands.
//!
//! Event keys are there as digests alone. Signing keys are there in clear, since signatures
//! are made with them: the file is its owner's alone. It is exchanged whole, so that nobody
//! reads half of it.

use crate::inngest::sign;
use crate::secret::Secret;
use pawl_engine::{Span, Timestamp};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Its name in the data folder.
pub const FILE: &str = "keys.json";

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Lets events in.
    Event,
    /// An operator's, and what is signed with.
    Signing,
}

/// A key as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key {
    /// What commands call it.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A digest: of an event key its SHA-256, of a signing key the one that apps send.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// From when on this host signs with it; before, it is accepted alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs_since: Option<Timestamp>,
    /// A signing key's text, as long as it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
}

impl Key {
    /// Whether it holds at this time.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    /// A signing key's text.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.key.as_deref().and_then(|text| Secret::load(text).ok()).map(|(secret, _)| secret)
    }
}

/// A key that was just made.
pub struct New {
    /// As it is kept.
    pub kept: Key,
    /// Its text, which is shown once.
    pub text: Secret,
}

impl New {
    /// A key of 32 random bytes.
    pub fn make(kind: Kind, name: Option<String>, lasts: Option<Span>, now: Timestamp) -> Self {
        use base64::Engine as _;
        let mut random = [0; 36];
        rand::rng().fill_bytes(&mut random);
        let (id, random) = random.split_at(4);
        let text = match kind {
            Kind::Event => base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random),
            Kind::Signing => format!("signkey-prod-{}", hex::encode(random)),
        };
        // neither is empty
        let (text, _) = Secret::load(&text).unwrap_or_else(|_| unreachable!("32 bytes are a text"));
        let (hash, key) = match kind {
            Kind::Event => (hex::encode(Sha256::digest(text.expose().as_bytes())), None),
            Kind::Signing => {
                let hashed = sign::hashed(&text);
                let bare = hashed.rsplit('-').next().unwrap_or_default().to_owned();
                (bare, Some(text.expose().to_owned()))
            }
        };
        let kept = Key {
            id: format!("key_{}", hex::encode(id)),
            kind,
            name,
            hash,
            created_at: now,
            ends_at: lasts.map(|lasts| now + lasts),
            signs_since: None,
            key,
        };
        Self { kept, text }
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It cannot be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// It is not as commands write it.
    #[error("{0} is not as `pawl keys` writes it ({1}): put back a copy, or take it away and make new keys")]
    Odd(PathBuf, serde_json::Error),
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    keys: Vec<Key>,
}

/// What tells one state of the file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl Stamp {
    /// Of the file at this moment. `None`: there is none.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(meta) => Ok(Some(Self::from(&meta))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn from(meta: &fs::Metadata) -> Self {
        Self { inode: meta.ino(), modified: (meta.mtime(), meta.mtime_nsec()), bytes: meta.len() }
    }
}

/// The keys of a file, with its stamp. No file: no keys.
pub(super) fn load(path: &Path) -> Result<(Option<Stamp>, Vec<Key>), BadFile> {
    let io = |e| BadFile::Io(path.to_owned(), e);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((None, Vec::new())),
        Err(e) => return Err(io(e)),
    };
    let meta = file.metadata().map_err(io)?;
    if meta.permissions().mode() & 0o077 != 0 {
        tracing::warn!("others on this machine can read the signing keys: chmod 600 {}", path.display());
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(io)?;
    let content: Content = serde_json::from_slice(&text).map_err(|e| BadFile::Odd(path.to_owned(), e))?;
    Ok((Some(Stamp::from(&meta)), content.keys))
}

/// Changes the file of a data folder; durable when it returns. One command at a time: the
/// others wait.
pub fn change<T, E: From<BadFile>>(
    data: &Path,
    now: Timestamp,
    how: impl FnOnce(&mut Vec<Key>) -> Result<T, E>,
) -> Result<T, E> {
    let path = data.join(FILE);
    let io = |e| BadFile::Io(path.clone(), e);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(io)?;
    let lock = options().create(true).truncate(false).open(data.join("keys.lock")).map_err(io)?;
    keep_owner(&lock, data).map_err(io)?;
    lock.lock().map_err(io)?;
    let (_, mut keys) = load(&path)?;
    let done = how(&mut keys)?;
    // what does not hold any more signs nothing
    keys.iter_mut().filter(|key| !key.is_active(now)).for_each(|key| key.key = None);
    write(data, &path, &Content { keys }).map_err(io)?;
    Ok(done)
}

/// The file is the folder's owner's, also when root has run the command: the host has to read it.
fn keep_owner(file: &File, folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let owner = fs::metadata(folder)?;
    if file.metadata()?.uid() == owner.uid() {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Writes a file of a data folder, exchanged whole and durable when it returns.
pub(super) fn write(data: &Path, path: &Path, content: &impl Serialize) -> io::Result<()> {
    let part = path.with_extension("part");
    // of a command that was killed
    let _none = fs::remove_file(&part);
    let mut file = options().create_new(true).open(&part)?;
    keep_owner(&file, data)?;
    file.write_all(&serde_json::to_vec_pretty(content)?)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    File::open(data)?.sync_all()
}
