//! `pawl.toml`, as it is written.

use super::alerts::{FileAlert, FileAlerts, FileChannel};
use super::apps::FileApp;
use super::inngest::FileInngest;
use super::retention::FileRetention;
use super::webhooks::FileWebhook;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The settings file. Unknown keys are errors: a misspelt limit is no limit.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) addr: Option<String>,
    pub(super) data: Option<PathBuf>,
    pub(super) cache: Option<PathBuf>,
    pub(super) functions: Option<Vec<PathBuf>>,
    pub(super) store: Option<String>,
    pub(super) log: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub(super) retry_interval: Option<Duration>,
    pub(super) limits: FileLimits,
    pub(super) telemetry: FileTelemetry,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, SecretSource>,
    pub(super) grants: BTreeMap<String, FileGrant>,
    pub(super) alerts: FileAlerts,
    pub(super) channels: BTreeMap<String, FileChannel>,
    pub(super) alert: Vec<FileAlert>,
    pub(super) app: Vec<FileApp>,
    pub(super) inngest: FileInngest,
    pub(super) retention: FileRetention,
    pub(super) webhook: Vec<FileWebhook>,
}

/// `[limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileLimits {
    pub(super) slots: Option<u32>,
    /// MB
    pub(super) memory: Option<usize>,
    #[serde(deserialize_with = "duration")]
    pub(super) step_cpu: Option<Duration>,
}

/// `[telemetry]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileTelemetry {
    /// as `OTEL_EXPORTER_OTLP_ENDPOINT`
    pub(super) otlp: Option<String>,
}

/// Where a secret's text is.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a secret is a text, or { env = \"NAME\" }")]
pub(super) enum SecretSource {
    Env { env: String },
    Text(String),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// `[grants."function"]`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileGrant {
    pub(super) hosts: BTreeSet<String>,
    pub(super) settings: BTreeSet<String>,
    pub(super) secrets: BTreeSet<String>,
}

impl File {
    /// The named file, or `pawl.toml` if it is there, or nothing.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, String> {
        let (path, is_named) = (path.unwrap_or(Path::new("pawl.toml")), path.is_some());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !is_named => return Ok(Self::default()),
            Err(e) => return Err(format!("{}: {e}", path.display())),
        };
        // the error's own text would show the line, which may hold a secret
        toml::from_str(&text).map_err(|e| {
            let line = e.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let line = line.map(|n| format!(", line {n}")).unwrap_or_default();
            format!("{}{line}: {}", path.display(), e.message())
        })
    }
}

pub(super) fn duration<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(d)?;
    humantime::parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}
