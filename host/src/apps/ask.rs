//! How an app is asked for its functions, whoever asks: the host, again and again, and
//! `pawl doctor` once.

use super::kind;
use crate::answer::{self, Unread};
use crate::clock;
use crate::config::Mode;
use crate::inngest::{app, sign};
use crate::keys::Keys;
use crate::secret::Secret;
use reqwest::{Response, StatusCode, Url};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// How long an app may take to answer.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(15);

/// Bytes of an answer.
const ANSWER_BYTES: usize = 8 << 20;

/// Characters of an app's own words that are repeated.
const WORDS: usize = 300;

/// Asks apps.
pub struct Asking {
    client: reqwest::Client,
    pub(super) mode: Mode,
    pub(super) keys: Keys,
    /// Where the host listens.
    addr: SocketAddr,
}

/// What an app answers that was asked for its functions.
pub(super) enum Offer {
    /// The functions, in this body, which may be believed.
    Functions(Vec<u8>),
    /// It has registered by itself instead.
    Registered,
    /// Not in this way.
    Nothing,
}

/// An app that is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It gives its functions.
    Functions {
        /// its name
        name: String,
        /// its SDK: `js:v4.24.0`
        sdk: String,
        /// how many functions it has
        functions: usize,
    },
    /// It has registered by itself, at the host that it knows.
    Registered,
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
pub(super) type Fault = String;

impl Asking {
    /// For a host of this mode with these keys, which listens at `addr`.
    pub fn new(mode: Mode, keys: Keys, addr: SocketAddr) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("pawl/", env!("CARGO_PKG_VERSION")))
            // an app is where its operator says, and not where an answer leads
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()?;
        Ok(Self { client, mode, keys, addr })
    }

    /// What there is at this address now; nothing is taken from it. An error is a sentence with
    /// the cure.
    pub async fn look(&self, url: &Url) -> Result<Seen, String> {
        match self.offer(url).await? {
            Offer::Functions(body) => {
                let app = app::parse(&body).map_err(|e| plain(&e.to_string()))?;
                Ok(Seen::Functions { name: app.app, sdk: app.sdk, functions: app.functions.len() })
            }
            Offer::Registered => Ok(Seen::Registered),
            Offer::Nothing => self.have_register(url).await.map(|()| Seen::Registered),
        }
    }

    /// Asks for the functions in the answer itself.
    pub(super) async fn offer(&self, url: &Url) -> Result<Offer, Fault> {
        let answer = self.in_band(url).await?;
        let is_done = answer.status.is_success();
        // an app that signs nothing has to come by itself, with its key
        let is_signed = self.mode == Mode::Dev || answer.signature.is_some();
        if is_done && is_signed && has_functions(&answer.body) {
            return self.believed(answer).map(Offer::Functions);
        }
        Ok(if is_done && answer.kind == "out_of_band" { Offer::Registered } else { Offer::Nothing })
    }

    /// Asks an app to register by a request of its own; it says that it has.
    pub(super) async fn have_register(&self, url: &Url) -> Result<(), Fault> {
        match self.ask(url, "", self.keys.signing().first()).await? {
            answer if !answer.is_sdk => Err(no_sdk(&answer)),
            answer if !answer.status.is_success() => Err(self.refusal(&answer)),
            _ => Ok(()),
        }
    }

    /// The body of an answer; in production only of one that is signed.
    fn believed(&self, answer: Answer) -> Result<Vec<u8>, Fault> {
        if self.mode == Mode::Serve {
            let keys = self.keys.signing();
            let signed = sign::verify_answer(&keys, answer.signature.as_deref(), &answer.body, clock::now());
            signed.map_err(|bad| {
                format!(
                    "its answer cannot be trusted, since {bad}: set INNGEST_DEV=0 and the same \
                     INNGEST_SIGNING_KEY beside the app"
                )
            })?;
        }
        Ok(answer.body)
    }

    /// Asks for functions in the answer itself: in production with each of the keys, since the
    /// app may still have the former one.
    async fn in_band(&self, url: &Url) -> Result<Answer, Fault> {
        let keys = self.keys.signing();
        let signs = self.mode == Mode::Serve;
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
            .header("x-inngest-server-kind", kind(self.mode));
        if !sync_kind.is_empty() {
            request = request.header("x-inngest-sync-kind", sync_kind);
        }
        if let (Mode::Serve, Some(key)) = (self.mode, key) {
            request = request.header(sign::HEADER, sign::request(key, &body, clock::now()));
        }
        let answer = request.body(body).send().await.map_err(|e| self.unreachable(url, &e))?;
        self.read(url, answer).await
    }

    async fn read(&self, url: &Url, answer: Response) -> Result<Answer, Fault> {
        let text = |name: &str| {
            answer.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (kind, signature) = (text("x-inngest-sync-kind"), text(sign::HEADER));
        // to a stranger the TypeScript SDK says only that it was there
        let is_sdk = !text("x-inngest-sdk").is_empty() || text("x-inngest-sdk-handled") == "true";
        let status = answer.status();
        let body = answer::body(answer, ANSWER_BYTES).await.map_err(|unread| match unread {
            Unread::Broken(e) => self.unreachable(url, &e),
            Unread::TooLong => format!("its answer has more than {ANSWER_BYTES} bytes"),
        })?;
        let signature = Some(signature).filter(|s| !s.is_empty());
        Ok(Answer { status, kind, is_sdk, signature, body })
    }

    /// How an app finds this host.
    pub(super) fn way_back(&self) -> String {
        let addr = self.addr;
        match self.mode {
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

/// Words of somebody else on one line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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
