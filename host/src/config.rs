//! Settings: as they were given ([`Flags`]), and as they hold ([`Config`]).
//!
//! A flag wins over the environment, the environment over `pawl.toml`. What comes
//! out of [`Config::load`] is valid; what was odd but harmless is in its warnings.

pub mod alerts;
mod apps;
mod file;
mod grants;
mod inngest;
mod otlp;
mod retention;
mod webhooks;

use crate::ingress::endpoint::Endpoint;
use crate::keys::Keys;
use crate::runtime::Limits;
use crate::secret::Secret;
use alerts::Alerts;
pub use apps::App;
use file::File;
pub use grants::Grants;
pub use inngest::Inngest;
pub use otlp::Otlp;
use pawl_engine::Span;
pub use retention::Keep;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the host is meant to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On the author's machine: no keys, loopback, wishes are granted.
    Dev,
    /// In production.
    Serve,
}

/// Flags of `dev` and `serve`, with their environment names.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Settings file [default: pawl.toml, if there is one]
    #[arg(long, value_name = "FILE", env = "PAWL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where to listen [pawl.toml: addr] [default: 127.0.0.1:3000]
    #[arg(long, value_name = "HOST:PORT", env = "PAWL_ADDR")]
    pub addr: Option<String>,
    /// Folder of the database and, unless told otherwise, of the compiled code [pawl.toml: data] [default: ./.pawl]
    #[arg(long, value_name = "FOLDER", env = "PAWL_DATA")]
    pub data: Option<PathBuf>,
    /// Folder of the compiled code, which hosts of one owner may share; what lies there is executed [pawl.toml: cache] [default: compiled/ in the data folder]
    #[arg(long, value_name = "FOLDER", env = "PAWL_CACHE")]
    pub cache: Option<PathBuf>,
    /// Functions: a folder or .wasm files, watched [pawl.toml: functions] [default: ./functions]
    #[arg(long, value_name = "PATH,…", env = "PAWL_FUNCTIONS", value_delimiter = ',')]
    pub functions: Vec<PathBuf>,
    /// An app written with Inngest's SDKs, by the URL of its `serve`; may be repeated [pawl.toml: app.url]
    #[arg(long = "app", value_name = "URL", env = "PAWL_APPS", value_delimiter = ',')]
    pub apps: Vec<String>,
    /// Store: `sqlite`, or `memory` for a trial that forgets [pawl.toml: store] [default: sqlite]
    #[arg(long, value_name = "STORE", env = "PAWL_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// What to log: a level, or `pawl=debug,…` [pawl.toml: log] [default: info]
    #[arg(long, value_name = "FILTER", env = "PAWL_LOG")]
    pub log: Option<String>,
    /// Runs that execute at once; more wait [pawl.toml: limits.slots] [default: 200]
    #[arg(long, value_name = "N", env = "PAWL_SLOTS")]
    pub slots: Option<u32>,
    /// Memory of one instance, in MB [pawl.toml: limits.memory] [default: 256]
    #[arg(long, value_name = "MB", env = "PAWL_MEMORY")]
    pub memory: Option<usize>,
    /// Processor time without a call to the host, of a step or between steps [pawl.toml: limits.step_cpu] [default: 60s]
    #[arg(long, value_name = "TIME", env = "PAWL_STEP_CPU", value_parser = humantime::parse_duration)]
    pub step_cpu: Option<Duration>,
    /// A fixed time between tries, in place of 15s, 30s, 1m, … [pawl.toml: retry_interval]
    #[arg(long, value_name = "TIME", env = "PAWL_RETRY_INTERVAL", value_parser = humantime::parse_duration)]
    pub retry_interval: Option<Duration>,
}

/// Settings that hold.
#[derive(Debug, Clone)]
pub struct Config {
    /// See [`Mode`].
    pub mode: Mode,
    /// Where to listen.
    pub addr: SocketAddr,
    /// Folder of everything that has to last.
    pub data: PathBuf,
    /// Folder of the compiled code.
    pub cache: PathBuf,
    /// Where functions come from.
    pub functions: Vec<PathBuf>,
    /// Apps that there may be beside those on a developer's own machine.
    pub apps: Vec<App>,
    /// Which store.
    pub store: StoreKind,
    /// What to log.
    pub log: String,
    /// What instances may use.
    pub limits: Limits,
    /// A fixed time between tries.
    pub retry_interval: Option<Span>,
    /// Keys of the event API (in dev any key will do) and of operators.
    pub keys: Keys,
    /// Secrets of the Stripe endpoint. None: it is not configured.
    pub stripe_secrets: Vec<Secret>,
    /// The other endpoints of webhooks.
    pub webhooks: Vec<Endpoint>,
    /// Keys for `/metrics` alone.
    pub metrics_tokens: Vec<Secret>,
    /// Where spans are sent, if they are.
    pub otlp: Option<Otlp>,
    /// What functions may reach.
    pub grants: Grants,
    /// What people are told of.
    pub alerts: Alerts,
    /// How functions are served to an Inngest server.
    pub inngest: Inngest,
    /// What is kept.
    pub keep: Keep,
    /// Odd, but no reason to stop.
    pub warnings: Vec<String>,
}

/// Where runs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// In the data folder.
    Sqlite,
    /// Nowhere.
    Memory,
}

/// Everything that is wrong with the settings, each with its cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the settings do not hold:{}", .0.iter().map(|l| format!("\n  - {l}")).collect::<String>())]
pub struct BadConfig(pub Vec<String>);

/// InstantDB's own cloud.
const INSTANT_API_URI: &str = "https://api.instantdb.com";

/// What is being put together: what holds, and what is wrong so far.
struct Loading<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
    wrong: Vec<String>,
}

impl Config {
    /// Where the settings file says that a host listens and keeps its data; for commands
    /// that look for one.
    pub fn whereabouts() -> (Option<String>, Option<PathBuf>) {
        let path = std::env::var_os("PAWL_CONFIG").map(PathBuf::from);
        File::read(path.as_deref()).map(|file| (file.addr, file.data)).unwrap_or_default()
    }

    /// From flags (which already hold what clap takes from the environment), the
    /// settings file and the rest of the environment.
    pub fn load(mode: Mode, flags: Flags, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, BadConfig> {
        let file = File::read(flags.config.as_deref()).map_err(|e| BadConfig(vec![e]))?;
        let mut l = Loading { env, warnings: Vec::new(), wrong: Vec::new() };
        let addr = flags.addr.or(file.addr).unwrap_or_else(|| "127.0.0.1:3000".into());
        let addr = l.addr(mode, &addr);
        let store = l.store(&flags.store.or(file.store).unwrap_or_else(|| "sqlite".into()));
        let data = flags.data.or(file.data).unwrap_or_else(|| "./.pawl".into());
        let keys = l.keys(mode, &data);
        let stripe_secrets = l.stripe(mode);
        let webhooks = l.webhooks(mode, file.webhook);
        let metrics_tokens = l.secrets("PAWL_METRICS_TOKEN");
        let otlp = l.otlp(file.telemetry.otlp);
        let (settings, secrets) = l.values(file.settings, file.secrets);
        let grants = Grants::new(mode, file.grants, settings, secrets).unwrap_or_else(|why| {
            l.wrong.push(why);
            Grants::default()
        });
        let alerts = l.alerts(mode, addr, file.alerts, file.channels, file.alert);
        let inngest = l.inngest(mode, file.inngest);
        let keep = l.retention(file.retention);
        let apps = l.apps(flags.apps, file.app);
        let default = Limits::default();
        let limits = Limits {
            slots: flags.slots.or(file.limits.slots).unwrap_or(default.slots).clamp(1, 10_000),
            memory: flags.memory.or(file.limits.memory).map_or(default.memory, |mb| mb.clamp(1, 4_096) << 20),
            cpu: flags.step_cpu.or(file.limits.step_cpu).unwrap_or(default.cpu),
        };
        if !l.wrong.is_empty() {
            return Err(BadConfig(l.wrong));
        }
        let functions = match flags.functions.is_empty() {
            true => file.functions.unwrap_or_else(|| vec!["./functions".into()]),
            false => flags.functions,
        };
        Ok(Self {
            mode,
            addr,
            cache: flags.cache.or(file.cache).unwrap_or_else(|| data.join("compiled")),
            data,
            functions,
            apps,
            store,
            log: flags.log.or(file.log).unwrap_or_else(|| "info".into()),
            limits,
            retry_interval: flags.retry_interval.or(file.retry_interval).map(Span::from),
            keys,
            stripe_secrets,
            webhooks,
            metrics_tokens,
            otlp,
            grants,
            alerts,
            inngest,
            keep,
            warnings: l.warnings,
        })
    }
}

impl Loading<'_> {
    fn addr(&mut self, mode: Mode, text: &str) -> SocketAddr {
        let text = text.replace("localhost", "127.0.0.1");
        let fallback = SocketAddr::from(([127, 0, 0, 1], 3000));
        let Ok(addr) = text.parse::<SocketAddr>() else {
            self.wrong.push(format!("PAWL_ADDR `{text}` is no address: write it like 127.0.0.1:3000"));
            return fallback;
        };
        if mode == Mode::Dev && !addr.ip().is_loopback() {
            self.wrong.push(format!(
                "PAWL_ADDR {addr} is open to others, and `pawl dev` asks for no keys: \
                 use 127.0.0.1, or `pawl serve`"
            ));
        }
        addr
    }

    fn store(&mut self, text: &str) -> StoreKind {
        match text {
            "sqlite" => StoreKind::Sqlite,
            "memory" => StoreKind::Memory,
            _ => {
                // a database URL may hold a password: it is not repeated
                let kind = text.split(':').next().unwrap_or_default();
                self.wrong.push(format!(
                    "PAWL_STORE `{kind}` is not supported by this version: use `sqlite` or `memory`"
                ));
                StoreKind::Sqlite
            }
        }
    }

    /// The secrets of a comma-separated variable.
    fn secrets(&mut self, name: &str) -> Vec<Secret> {
        let Some(text) = (self.env)(name) else { return Vec::new() };
        let mut secrets = Vec::new();
        for part in text.split(',') {
            match Secret::load(part) {
                Ok((secret, was_trimmed)) => {
                    if was_trimmed {
                        self.warnings.push(format!("{name} has white space around a value; it was cut off"));
                    }
                    secrets.push(secret);
                }
                Err(_) if text.trim().is_empty() => {}
                Err(_) => self.warnings.push(format!("{name} has an empty place between its commas")),
            }
        }
        secrets
    }

    fn keys(&mut self, mode: Mode, data: &Path) -> Keys {
        let event = self.secrets("INNGEST_EVENT_KEY");
        let mut signing = self.secrets("INNGEST_SIGNING_KEY");
        signing.extend(self.secrets("INNGEST_SIGNING_KEY_FALLBACK"));
        if event.iter().chain(&signing).any(|key| key.expose().contains(char::is_whitespace)) {
            self.warnings.push("a key of INNGEST_EVENT_KEY or INNGEST_SIGNING_KEY has white space within: was it copied whole, and are several set apart by commas?".into());
        }
        let keys = Keys::open(event.clone(), signing.clone(), data).unwrap_or_else(|e| {
            self.wrong.push(e.to_string());
            Keys::fixed(event, signing)
        });
        if mode == Mode::Serve {
            let is_dev = (self.env)("INNGEST_DEV").is_some_and(|v| !matches!(v.trim(), "" | "0" | "false"));
            if is_dev {
                self.wrong
                    .push("INNGEST_DEV is set, which is for development: unset it, or use `pawl dev`".into());
            }
            let missing = [
                ("INNGEST_EVENT_KEY", "event", !keys.has_event()),
                ("INNGEST_SIGNING_KEY", "signing", keys.signing().is_empty()),
            ];
            for (name, kind, _) in missing.iter().filter(|(.., is_missing)| *is_missing) {
                self.wrong.push(format!(
                    "{name} is not set: `pawl serve` does not start without it \
                     (any long random text will do: `openssl rand -hex 32`), \
                     or without a key of `pawl keys new {kind}` in its data folder"
                ));
            }
        }
        keys
    }

    fn stripe(&mut self, mode: Mode) -> Vec<Secret> {
        let secrets = self.secrets("STRIPE_WEBHOOK_SECRET");
        if secrets.is_empty() && mode == Mode::Serve {
            self.warnings.push("STRIPE_WEBHOOK_SECRET is not set: /api/stripe/webhook answers 503".into());
        }
        if secrets.iter().any(|s| !s.expose().starts_with("whsec_")) {
            self.warnings.push("a value of STRIPE_WEBHOOK_SECRET does not begin with whsec_: is it the endpoint's signing secret?".into());
        }
        secrets
    }

    /// What functions may be given: from the file, and InstantDB's from the environment.
    fn values(
        &mut self,
        mut settings: BTreeMap<String, String>,
        secrets: BTreeMap<String, file::SecretSource>,
    ) -> (BTreeMap<String, String>, BTreeMap<String, Secret>) {
        let mut known = BTreeMap::new();
        for (name, source) in secrets {
            let text = match source {
                file::SecretSource::Text(text) => Some(text),
                file::SecretSource::Env { env } => (self.env)(&env),
            };
            match text.as_deref().map(Secret::load) {
                Some(Ok((secret, _))) => drop(known.insert(name, secret)),
                _ => self.warnings.push(format!("secret {name} has no value")),
            }
        }
        let set = |name: &str| (self.env)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        if set("INSTANT_APP_ID").is_none() && set("INSTANT_ADMIN_TOKEN").is_some() {
            self.wrong.push("INSTANT_ADMIN_TOKEN is set and INSTANT_APP_ID is not: set both or none".into());
        }
        if let Some(app) = set("INSTANT_APP_ID") {
            settings.insert("INSTANT_APP_ID".into(), app);
            let uri = set("INSTANT_API_URI").unwrap_or_else(|| INSTANT_API_URI.into());
            settings.insert("INSTANT_API_URI".into(), uri.trim_end_matches('/').to_owned());
            match self.secrets("INSTANT_ADMIN_TOKEN").pop() {
                Some(token) => drop(known.insert("INSTANT_ADMIN_TOKEN".into(), token)),
                None => self
                    .wrong
                    .push("INSTANT_APP_ID is set and INSTANT_ADMIN_TOKEN is not: set both or none".into()),
            }
        }
        (settings, known)
    }
}

#[cfg(test)]
mod tests;
