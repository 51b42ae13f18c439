//! Listed apps are asked for their functions: at the start, and again and again.
//!
//! In-band first: the app answers with its functions, and needs no way back to this host. An
//! app that does not do that (the Python SDK in development, older ones) is asked to register
//! by a request of its own.

use super::ask::{Asking, Fault, Offer, plain};
use super::{Apps, Refused, place};
use crate::clock;
use crate::config::{App, Mode};
use pawl_engine::{Span, Timestamp};
use reqwest::Url;
use std::net::SocketAddr;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often an app is asked while one develops, in production, and as long as it does not answer.
const POLL_DEV: Span = Span::from_secs(5);
const POLL_SERVE: Span = Span::from_secs(300);
const POLL_AWAY: Span = Span::from_secs(5);

/// Asks the listed apps.
pub struct Syncing {
    apps: Apps,
    asking: Asking,
}

/// How an app was heard of.
struct Heard {
    /// Whether its functions have changed by it; not known when it registered by itself.
    is_new: bool,
}

impl Syncing {
    /// For this host, which listens at `addr`.
    pub fn new(apps: Apps, addr: SocketAddr) -> reqwest::Result<Self> {
        let asking = Asking::new(apps.inner.mode, apps.inner.keys.clone(), addr)?;
        Ok(Self { apps, asking })
    }

    /// Asks until the end.
    pub async fn run(self, end: CancellationToken) {
        let this = std::sync::Arc::new(self);
        let mut all = JoinSet::new();
        for app in this.apps.inner.listed.clone() {
            let Some(url) = app.url.clone() else { continue };
            let this = this.clone();
            all.spawn(async move { this.keep(&app, &url).await });
        }
        tokio::select! {
            () = end.cancelled() => {}
            () = async { while all.join_next().await.is_some() {} } => {}
        }
    }

    /// Asks one app for ever.
    async fn keep(&self, app: &App, url: &Url) {
        let poll = app.poll.unwrap_or(match self.apps.inner.mode {
            Mode::Dev => POLL_DEV,
            Mode::Serve => POLL_SERVE,
        });
        // each turn is told once, and not every time
        let mut told: Option<Result<(), Fault>> = None;
        let mut is_out_of_band = false;
        loop {
            let heard = self.sync(url, &mut is_out_of_band).await;
            let shown = place::shown(url.as_str());
            let now = match &heard {
                Ok(heard) => {
                    if heard.is_new || told != Some(Ok(())) {
                        self.tell_synced(url, &shown);
                    }
                    Ok(())
                }
                Err(fault) => {
                    if told.as_ref() != Some(&Err(fault.clone())) {
                        tracing::warn!(url = shown, "an app is not synced: {fault}");
                    }
                    Err(fault.clone())
                }
            };
            self.apps.fault(url, now.clone().err());
            let pause = if now.is_ok() { poll } else { poll.min(POLL_AWAY) };
            told = Some(now);
            tokio::time::sleep(pause.to_std()).await;
        }
    }

    fn tell_synced(&self, url: &Url, shown: &str) {
        let at = super::Place::of(url);
        let state = self.apps.states().get(&at).cloned().unwrap_or_default();
        let (app, sdk, functions) = (state.name.unwrap_or_default(), state.sdk, state.functions);
        tracing::info!(app, url = shown, sdk, functions, "an app is synced");
    }

    /// Asks one app once.
    async fn sync(&self, url: &Url, is_out_of_band: &mut bool) -> Result<Heard, Fault> {
        let since = clock::now();
        if !*is_out_of_band {
            match self.asking.offer(url).await? {
                Offer::Functions(body) => return self.take(url, &body).await,
                Offer::Registered => return self.registered(url, since),
                Offer::Nothing => {}
            }
        }
        let heard = self.asking.have_register(url).await.and_then(|()| self.registered(url, since));
        // what works is asked at once the next time; what does not may have changed its ways
        *is_out_of_band = heard.is_ok();
        heard
    }

    /// Takes the functions of an answer.
    async fn take(&self, url: &Url, body: &[u8]) -> Result<Heard, Fault> {
        let mut registration = self.apps.read(body).map_err(|e| plain(&e.to_string()))?;
        // it was reached here, whatever it believes
        url.as_str().clone_into(&mut registration.url);
        let taken = self.apps.take(registration).await;
        taken.map(|deployed| Heard { is_new: deployed.is_new }).map_err(|e: Refused| plain(&e.to_string()))
    }

    /// The app says that it has registered: whether that was here, and now, is known here.
    fn registered(&self, url: &Url, since: Timestamp) -> Result<Heard, Fault> {
        let heard = self.apps.heard_at(url).is_some_and(|at| at >= since);
        let elsewhere =
            || format!("it says that it is registered, and that was not here: {}", self.asking.way_back());
        // what changed was told when it registered
        heard.then_some(Heard { is_new: false }).ok_or_else(elsewhere)
    }
}
