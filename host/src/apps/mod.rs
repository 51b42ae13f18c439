//! Apps written with Inngest's SDKs: which there are, who may register, and how this host asks
//! them for their functions.

mod ask;
mod place;
mod sync;

pub use ask::{Asking, Seen};
pub use place::shown;
pub use sync::Syncing;

use crate::catalog::{Catalog, DeployError, Deployed};
use crate::clock;
use crate::config::{App, Mode};
use crate::inngest::app::{self, BadRegistration, Registration};
use crate::keys::Keys;
use pawl_engine::Timestamp;
use place::Place;
use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why an app is not registered.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What it says cannot be.
    #[error(transparent)]
    Invalid(#[from] BadRegistration),
    /// Nobody has said that this host may call there.
    #[error(
        "app `{app}` says that it is at {url}, which is not listed: an operator adds it with \
         `--app URL`, PAWL_APPS or [[app]] in pawl.toml, and a name there says where an app is \
         that is called elsewhere than it believes"
    )]
    NotListed {
        /// its name
        app: String,
        /// where it says that it is
        url: String,
    },
    /// It is for another kind of server.
    #[error(
        "the app expects a {wanted} server and this is a {is} one: set INNGEST_DEV=1 beside \
         `pawl dev`, and INNGEST_DEV=0 beside `pawl serve`"
    )]
    OtherKind {
        /// what it expects: `dev`, `cloud`
        wanted: String,
        /// what this is
        is: &'static str,
    },
    /// The catalog did not take it.
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

/// An app, as it is known now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppState {
    /// Its name, once it is known.
    pub name: Option<String>,
    /// Where it is called.
    pub url: String,
    /// Its SDK: `js:v4.24.0`.
    pub sdk: String,
    /// What serves it.
    pub framework: String,
    /// How many functions it has.
    pub functions: usize,
    /// Whether an operator has listed it by its URL.
    pub is_listed: bool,
    /// When it was last heard of.
    pub synced_at: Option<Timestamp>,
    /// What is wrong with it now: a sentence with the cure.
    pub error: Option<String>,
}

impl AppState {
    /// Where it is called, without a query: that may hold what opens a door.
    pub fn shown_url(&self) -> String {
        place::shown(&self.url)
    }
}

/// The apps. Clones are the same.
#[derive(Clone)]
pub struct Apps {
    inner: Arc<Inner>,
}

struct Inner {
    mode: Mode,
    listed: Vec<App>,
    keys: Keys,
    catalog: Arc<Catalog>,
    /// By their places, so that an app is there once.
    states: Mutex<BTreeMap<Place, AppState>>,
}

/// What a server of this mode is called.
fn kind(mode: Mode) -> &'static str {
    match mode {
        Mode::Dev => "dev",
        Mode::Serve => "cloud",
    }
}

impl Apps {
    /// Those that are listed, and those that have registered before.
    pub async fn new(mode: Mode, listed: Vec<App>, keys: Keys, catalog: Arc<Catalog>) -> Self {
        let apps = Self { inner: Arc::new(Inner { mode, listed, keys, catalog, states: Mutex::default() }) };
        for url in apps.inner.listed.iter().filter_map(|app| app.url.as_ref()) {
            let state = AppState { url: url.to_string(), is_listed: true, ..AppState::default() };
            apps.states().insert(Place::of(url), state);
        }
        apps.remember().await;
        apps
    }

    /// What a server of this kind is called.
    pub fn kind(&self) -> &'static str {
        kind(self.inner.mode)
    }

    /// All of them, by their URLs.
    pub fn list(&self) -> Vec<AppState> {
        self.states().values().cloned().collect()
    }

    /// Takes a registration, as an app sent it; `expects` is the kind of server it is for.
    pub async fn register(&self, body: &[u8], expects: Option<&str>) -> Result<Deployed, Refused> {
        if let Some(wanted) = expects.filter(|kind| !kind.eq_ignore_ascii_case(self.kind())) {
            let wanted = wanted.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
            return Err(Refused::OtherKind { wanted, is: self.kind() });
        }
        self.take(self.read(body)?).await
    }

    /// A registration that is well-formed. What is wrong with one is shown where the app's
    /// functions are missed.
    fn read(&self, body: &[u8]) -> Result<Registration, BadRegistration> {
        app::parse(body).inspect_err(|bad| {
            if let BadRegistration::Function { app, .. } = bad {
                self.inner.catalog.report(&app::source(app), &DeployError::Registration(bad.clone()));
            }
        })
    }

    /// Offers the app's functions, if it is where it may be.
    async fn take(&self, registration: Registration) -> Result<Deployed, Refused> {
        let url = self.address(&registration).ok_or_else(|| Refused::NotListed {
            app: registration.app.clone(),
            url: place::shown(&registration.url),
        })?;
        let registration = Registration { url: url.to_string(), ..registration };
        let (app, source) = (registration.clone(), registration.source());
        let deployed = self.inner.catalog.register_app(registration).await;
        let deployed = deployed.inspect_err(|e| self.inner.catalog.report(&source, e))?;
        self.note(&url, &app, clock::now());
        Ok(deployed)
    }

    /// Where an app may be called, if it may: where its operator says that it is, or on a
    /// developer's own machine.
    /// Asked also before a call: a run may be older than the list.
    pub fn address(&self, registration: &Registration) -> Option<Url> {
        let claimed = place::parse(&registration.url)?;
        let listed = &self.inner.listed;
        let is_name = |app: &App| app.name.as_deref().is_none_or(|name| name == registration.app);
        let at = Place::of(&claimed);
        let is_here = |app: &&App| app.url.as_ref().is_some_and(|url| Place::of(url) == at);
        // the operator's own way of writing it is the one that works from here
        let by_url = listed.iter().filter(|app| is_name(app)).find(is_here);
        let named = || listed.iter().find(|app| app.name.as_deref() == Some(&registration.app));
        if let Some(app) = by_url.or_else(named) {
            return Some(app.url.clone().unwrap_or(claimed));
        }
        (self.inner.mode == Mode::Dev && at.is_this_machine()).then_some(claimed)
    }

    /// What is known of apps that registered before this start. Those that are not listed any
    /// more are withdrawn: nothing is to call them.
    async fn remember(&self) {
        let catalog = &self.inner.catalog;
        for source in catalog.snapshot().sources.iter().filter(|s| s.name.starts_with("app:")) {
            let Ok(Some(app)) = catalog.app_of(&source.deployment).await else { continue };
            if let Some(url) = self.address(&app) {
                self.note(&url, &app, source.at);
                continue;
            }
            let url = place::shown(&app.url);
            tracing::warn!(app = app.app, url, "an app that is not listed any more is withdrawn");
            if let Err(e) = catalog.withdraw(&source.name).await {
                tracing::error!(app = app.app, error = %e, "the app is not withdrawn");
            }
        }
    }

    fn note(&self, url: &Url, app: &Registration, at: Timestamp) {
        let mut states = self.states();
        // an app that has moved is at one place
        states.retain(|_, state| state.is_listed || state.name.as_deref() != Some(&app.app));
        let state = states.entry(Place::of(url)).or_default();
        *state = AppState {
            name: Some(app.app.clone()),
            url: url.to_string(),
            sdk: app.sdk.clone(),
            framework: app.framework.clone(),
            functions: app.functions.len(),
            is_listed: state.is_listed,
            synced_at: Some(at),
            error: None,
        };
    }

    /// When the app at this place was last heard of.
    fn heard_at(&self, url: &Url) -> Option<Timestamp> {
        self.states().get(&Place::of(url)).and_then(|state| state.synced_at)
    }

    fn fault(&self, url: &Url, error: Option<String>) {
        if let Some(state) = self.states().get_mut(&Place::of(url)) {
            state.error = error;
        }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<Place, AppState>> {
        self.inner.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
