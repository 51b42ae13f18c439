//! The demo's host: started in a folder of its own, and always stopped.

use super::client::Client;
use crate::process::repository;
use crate::{clock, functions};
use anyhow::{Context, Result, bail};
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// How long a start may take: the first one compiles three small components.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a stop may take before it is no longer asked for.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Lines of the log that are shown when something is wrong.
const LOG_LINES: usize = 15;

/// A running host. Dropped, it is stopped.
pub(super) struct Host {
    child: Child,
    folder: PathBuf,
    /// The folder is ours and goes with the host.
    is_temporary: bool,
    secret: String,
    addr: SocketAddr,
}

impl Host {
    /// Starts `binary` with its data in `data`, or in a folder that is removed later,
    /// and waits until it takes work.
    pub(super) fn start(binary: &Path, data: Option<&Path>) -> Result<Self> {
        let own = || repository().join("target").join(format!("demo-{}", std::process::id()));
        let folder = data.map_or_else(own, Path::to_owned);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder.canonicalize().context("the data folder")?;
        // one that a host left behind would be taken for this one's
        let _may_be_missing = fs::remove_file(folder.join("addr"));
        let secret = format!("whsec_demo{}", random());
        let child = command(binary, &folder, &secret)?.spawn();
        let child = child.with_context(|| format!("cannot start {}", binary.display()))?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host = Self { child, folder, is_temporary: data.is_none(), secret, addr: nowhere };
        match host.wait_until_ready() {
            Ok(()) => Ok(host),
            Err(e) => Err(e.context(format!("the host's log ends with:\n{}", host.log_end()))),
        }
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let ready = clock::wait_for(START_LIMIT, || {
            if let Some(status) = self.child.try_wait()? {
                bail!("the host ended at once ({status})");
            }
            let addr = fs::read_to_string(self.folder.join("addr")).ok();
            let addr = addr.and_then(|text| text.trim().parse().ok());
            Ok(addr.filter(|addr| Client::new(*addr).is_ready()))
        })?;
        self.addr = ready.with_context(|| format!("the host was not ready within {START_LIMIT:?}"))?;
        Ok(())
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What its Stripe events are signed with.
    pub(super) fn stripe_secret(&self) -> &str {
        &self.secret
    }

    /// Its log.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("host.log")
    }

    /// The last lines of its log.
    pub(super) fn log_end(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|line| format!("  {line}\n")).collect()
    }

    /// Waits for its own end: Ctrl-C in a terminal reaches both of us.
    pub(super) fn wait(mut self) -> Result<()> {
        let status = self.child.wait().context("waiting for the host")?;
        if !status.success() {
            bail!("the host ended with {status}");
        }
        Ok(())
    }

    /// Stops it as an operator would; gives the data folder if that stays.
    pub(super) fn stop(mut self) -> Result<Option<PathBuf>> {
        if !end(&mut self.child) {
            bail!("the host did not stop within {STOP_LIMIT:?} and was killed");
        }
        Ok((!self.is_temporary).then(|| self.folder.clone()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        end(&mut self.child);
        if self.is_temporary {
            let _may_be_in_use = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Ends the host, with force when it does not listen; whether it listened.
fn end(child: &mut Child) -> bool {
    if let Ok(Some(_)) = child.try_wait() {
        return true;
    }
    // there is no SIGTERM in the standard library
    let asked = Command::new("kill").arg(child.id().to_string()).status();
    if asked.is_ok_and(|status| status.success())
        && let Ok(Some(_)) = clock::wait_for(STOP_LIMIT, || child.try_wait())
    {
        return true;
    }
    let _is_over = child.kill();
    let _is_reaped = child.wait();
    false
}

fn command(binary: &Path, folder: &Path, secret: &str) -> Result<Command> {
    let log = fs::File::create(folder.join("host.log")).context("the host's log")?;
    let mut command = Command::new(binary);
    // nothing of what this shell is set up for: the demo is the same everywhere
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["PAWL_", "INNGEST_", "INSTANT_", "STRIPE_"].iter().any(|prefix| name_text.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
        .args(["dev", "--addr", "127.0.0.1:0", "--data"])
        .arg(folder)
        .arg("--functions")
        .arg(functions::FUNCTIONS.folder())
        .env("STRIPE_WEBHOOK_SECRET", secret)
        // no pawl.toml but its own
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .stdout(log.try_clone().context("the host's log")?)
        .stderr(log);
    Ok(command)
}

/// 128 bits that nobody guesses while the demo lasts: what seeds the standard
/// library's hash maps.
fn random() -> String {
    let bits = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", bits(), bits())
}
