//! Listed apps are asked for their functions: at the start, and again and again.
//!
//! In-band first: the app answers with its functions, and needs no way back to this host. An
//! app that does not do that (the Python SDK in development, older ones) is asked to register
//! by a request of its own.

use super::{Apps, Refused, place};
use crate::clock;
use crate::config::{App, Mode};
use crate::inngest::sign;
use crate::secret::Secret;
use pawl_engine::{Span, Timestamp};
use reqwest::{Response, StatusCode, Url};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often an app is asked while one develops, in production, and as long as it does not answer.
const POLL_DEV: Span = Span::from_secs(5);
const POLL_SERVE: Span = Span::from_secs(300);
const POLL_AWAY: Span = Span::from_secs(5);

/// How long an app may take to answer.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(15);

/// Bytes of an answer.
const ANSWER_BYTES: usize = 8 << 20;

/// Characters of an app's own words that are repeated.
const WORDS: usize = 300;

/// Asks the listed apps.
pub struct Syncing {
    apps: Apps,
    client: reqwest::Client,
    /// Where this host listens.
    addr: SocketAddr,
}

/// How an app was heard of.
struct Heard {
    /// Whether its functions have changed by it; not known when it registered by itself.
    is_new: bool,
}

/// What one request came to.
struct Answer {
    status: StatusCode,
    kind: String,
    is_sdk: bool,
    signature: Option<String>,
    body: Vec<u8>,
}

/// Why an app is not synced: a sentence with the cure.
type Fault = String;

impl Syncing {
    /// For this host, which listens at `addr`.
    pub fn new(apps: Apps, addr: SocketAddr) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("pawl/", env!("CARGO_PKG_VERSION")))
            // an app is where its operator says, and not where an answer leads
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()?;
        Ok(Self { apps, client, addr })
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
            let answer = self.in_band(url).await?;
            let is_done = answer.status.is_success();
            // an app that signs nothing has to come by itself, with its key
            let is_signed = self.apps.inner.mode == Mode::Dev || answer.signature.is_some();
            if is_done && is_signed && has_functions(&answer.body) {
                return self.take(url, &answer).await;
            }
            if is_done && answer.kind == "out_of_band" {
                return self.registered(url, since);
            }
        }
        let answer = self.ask(url, "", self.apps.inner.keys.signing().first()).await?;
        *is_out_of_band = answer.is_sdk && answer.status.is_success();
        match answer {
            answer if !answer.is_sdk => Err(no_sdk(&answer)),
            answer if !answer.status.is_success() => Err(self.refusal(&answer)),
            _ => self.registered(url, since),
        }
    }

    /// Asks for functions in the answer itself: in production with each of the keys, since the
    /// app may still have the former one.
    async fn in_band(&self, url: &Url) -> Result<Answer, Fault> {
        let keys = self.apps.inner.keys.signing();
        let signs = self.apps.inner.mode == Mode::Serve;
        let mut answer = self.ask(url, "in_band", keys.first()).await?;
        for key in keys.iter().skip(1).filter(|_| signs) {
            if answer.status != StatusCode::UNAUTHORIZED {
                break;
            }
            answer = self.ask(url, "in_band", Some(key)).await?;
        }
        Ok(answer)
    }

    async fn ask(&self, url: &Url, sync_kind: &str, key: Option<&Secret>) -> Result<Answer, Fault> {
        // the canonical form: what is signed is what is sent
        let body = sign::canonical(json!({"url": url.as_str()}).to_string().as_bytes());
        let mut request = self
            .client
            .put(url.clone())
            .header("content-type", "application/json")
            .header("x-inngest-server-kind", self.apps.kind());
        if !sync_kind.is_empty() {
            request = request.header("x-inngest-sync-kind", sync_kind);
        }
        if let (Mode::Serve, Some(key)) = (self.apps.inner.mode, key) {
            request = request.header(sign::HEADER, sign::request(key, &body, clock::now()));
        }
        let answer = request.body(body).send().await.map_err(|e| self.unreachable(url, &e))?;
        self.read(url, answer).await
    }

    async fn read(&self, url: &Url, mut answer: Response) -> Result<Answer, Fault> {
        let text = |name: &str| {
            answer.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (kind, sdk, signature) = (text("x-inngest-sync-kind"), text("x-inngest-sdk"), text(sign::HEADER));
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|e| self.unreachable(url, &e))? {
            if body.len() + part.len() > ANSWER_BYTES {
                return Err(format!("its answer has more than {ANSWER_BYTES} bytes"));
            }
            body.extend_from_slice(&part);
        }
        let signature = Some(signature).filter(|s| !s.is_empty());
        Ok(Answer { status, kind, is_sdk: !sdk.is_empty(), signature, body })
    }

    /// Takes the functions of an answer; in production only when it is signed.
    async fn take(&self, url: &Url, answer: &Answer) -> Result<Heard, Fault> {
        if self.apps.inner.mode == Mode::Serve {
            let keys = self.apps.inner.keys.signing();
            let signed = sign::verify_answer(&keys, answer.signature.as_deref(), &answer.body, clock::now());
            signed.map_err(|bad| {
                format!(
                    "its answer cannot be trusted, since {bad}: set INNGEST_DEV=0 and the same \
                     INNGEST_SIGNING_KEY beside the app"
                )
            })?;
        }
        let mut registration = self.apps.read(&answer.body).map_err(|e| e.to_string())?;
        // it was reached here, whatever it believes
        url.as_str().clone_into(&mut registration.url);
        let taken = self.apps.take(registration).await;
        taken.map(|deployed| Heard { is_new: deployed.is_new }).map_err(|e: Refused| e.to_string())
    }

    /// The app says that it has registered: whether that was here, and now, is known here.
    fn registered(&self, url: &Url, since: Timestamp) -> Result<Heard, Fault> {
        let heard = self.apps.heard_at(url).is_some_and(|at| at >= since);
        let elsewhere =
            || format!("it says that it is registered, and that was not here: {}", self.way_back());
        // what changed was told when it registered
        heard.then_some(Heard { is_new: false }).ok_or_else(elsewhere)
    }

    /// How an app finds this host.
    fn way_back(&self) -> String {
        let addr = self.addr;
        match self.apps.inner.mode {
            Mode::Dev => format!("set INNGEST_DEV=http://{addr} beside the app"),
            Mode::Serve => format!(
                "set INNGEST_DEV=0, INNGEST_BASE_URL to where this host is (it listens on {addr}) \
                 and INNGEST_SIGNING_KEY as here beside the app"
            ),
        }
    }

    /// An app's own refusal, and what most often is behind it.
    fn refusal(&self, answer: &Answer) -> Fault {
        let said = serde_json::from_slice::<Value>(&answer.body).ok();
        let said = said.as_ref().and_then(|body| body["message"].as_str().or(body["error"].as_str()));
        let said: String = said.unwrap_or_default().chars().filter(|c| !c.is_control()).take(WORDS).collect();
        let said = if said.is_empty() { String::new() } else { format!(" (`{said}`)") };
        format!("it answers {}{said}; unless that says why: {}", answer.status.as_u16(), self.way_back())
    }

    fn unreachable(&self, url: &Url, e: &reqwest::Error) -> Fault {
        let host = url.host_str().unwrap_or_default();
        let why = match e {
            e if e.is_timeout() => "it does not answer in time",
            e if e.is_connect() => "nobody can be reached there",
            _ => "the connection broke off",
        };
        let cure = match host {
            "localhost" | "127.0.0.1" | "[::1]" => {
                "is it running, and on this port? Where it listens on `localhost` alone write the URL \
                 so, else with 127.0.0.1; inside of a container `localhost` is the container itself: \
                 use the app's service name, or host.docker.internal"
            }
            _ => "is it running, and is this name known where this host runs?",
        };
        format!("{why}: {cure}")
    }
}

fn no_sdk(answer: &Answer) -> Fault {
    format!(
        "what answers there ({}) is no Inngest SDK: is the path that of its `serve` (mostly /api/inngest)?",
        answer.status.as_u16()
    )
}

fn has_functions(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|body| body["functions"].is_array())
}
