//! How a host is to be started.

use crate::host::Host;
use crate::{clock, paths, stripe};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The keys that a host in production is started with.
pub const EVENT_KEY: &str = "event-key-of-the-tests";
/// See [`EVENT_KEY`].
pub const SIGNING_KEY: &str = "signing-key-of-the-tests";

/// A host that is not started yet.
#[derive(Debug)]
pub struct Setup {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) command: &'static str,
    pub(crate) env: Vec<(String, OsString)>,
    pub(crate) file_limit: Option<u64>,
    pub(crate) patience: Duration,
}

impl Setup {
    /// `pawl dev`, with Stripe's secret.
    pub fn dev() -> Self {
        Self::new("dev")
    }

    /// `pawl serve`, with every key.
    pub fn serve() -> Self {
        Self::new("serve").env("INNGEST_EVENT_KEY", EVENT_KEY).env("INNGEST_SIGNING_KEY", SIGNING_KEY)
    }

    fn new(command: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix("pawl-").tempdir().expect("a folder for the host");
        fs::create_dir(folder.path().join("functions")).expect("a folder for functions");
        Self { folder, command, env: Vec::new(), file_limit: None, patience: clock::PATIENCE }
            .env("STRIPE_WEBHOOK_SECRET", stripe::SECRET)
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.retain(|(n, _)| n != name);
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Leaves an environment variable unset.
    pub fn without(mut self, name: &str) -> Self {
        self.env.retain(|(n, _)| n != name);
        self
    }

    /// Lets no file of the host's grow beyond so many bytes: a disk that is full.
    pub fn file_limit(mut self, bytes: u64) -> Self {
        self.file_limit = Some(bytes);
        self
    }

    /// How long its start may take, where it has much to compile.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// `pawl.toml`.
    pub fn config(self, text: &str) -> Self {
        fs::write(self.folder.path().join("pawl.toml"), text).expect("writes pawl.toml");
        self
    }

    /// With these test guests in the functions folder.
    pub fn guests(self, names: &[&str]) -> Self {
        names.iter().for_each(|name| self.put(&paths::guest(name), &format!("{name}.wasm")));
        self
    }

    /// With these of the project's own functions in the functions folder.
    pub fn functions(self, names: &[&str]) -> Self {
        names.iter().for_each(|name| self.put(&paths::function(name), &format!("{name}.wasm")));
        self
    }

    /// The three functions of the seed.
    pub fn three_functions(self) -> Self {
        self.functions(&THREE_FUNCTIONS)
    }

    /// Where functions are to be put.
    pub fn functions_folder(&self) -> PathBuf {
        self.folder.path().join("functions")
    }

    pub(crate) fn put(&self, from: &Path, name: &str) {
        let to = self.functions_folder().join(name);
        fs::copy(from, &to).unwrap_or_else(|e| panic!("{}: {e}", to.display()));
        // as if it had lain there for long: a host waits for fresh files to settle
        let old = fs::metadata(&to).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let file = fs::File::options().write(true).open(&to).expect("opens what was copied");
        file.set_modified(old - Duration::from_secs(3600)).expect("dates it back");
    }

    /// Starts the host and waits until it can take work.
    pub async fn start(self) -> Host {
        Host::start(self).await
    }
}

/// The functions of the seed.
pub const THREE_FUNCTIONS: [&str; 3] =
    ["process-checkout-completed", "process-payment-succeeded", "process-payment-failed"];
