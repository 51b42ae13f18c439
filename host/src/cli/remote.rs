//! A running host, as commands talk to it.

use crate::app::{ADDR_FILE, is_in_use};
use crate::config::Config;
use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which host.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Remote {
    /// Its URL [default: the host of the data folder, or http://127.0.0.1:3000]
    #[arg(long, value_name = "URL", env = "PAWL_URL")]
    url: Option<String>,
    /// The data folder of a host on this machine, to find it by [pawl.toml: data] [default: ./.pawl]
    #[arg(long = "of", value_name = "FOLDER", env = "PAWL_DATA")]
    data_folder: Option<PathBuf>,
    /// Its signing key; `pawl dev` asks for none
    #[arg(long, value_name = "KEY", env = "INNGEST_SIGNING_KEY", hide_env_values = true)]
    signing_key: Option<String>,
}

/// How long an answer may take; a deployment is compiled before it is answered.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The host refused, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code})")]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: String,
    message: String,
}

impl Remote {
    /// A host that is known otherwise than by these arguments.
    pub(super) fn new(url: Option<String>, data_folder: PathBuf, signing_key: Option<String>) -> Self {
        Self { url, data_folder: Some(data_folder), signing_key }
    }

    /// The host's address.
    pub(super) fn url(&self) -> String {
        let (addr, data) = Config::whereabouts();
        let folder = self.data_folder.clone().or(data).unwrap_or_else(|| "./.pawl".into());
        let url = self.url.clone().or_else(|| running_at(&folder));
        let addr = std::env::var("PAWL_ADDR").ok().or(addr).unwrap_or_else(|| "127.0.0.1:3000".into());
        url.unwrap_or_else(|| format!("http://{addr}")).trim_end_matches('/').to_owned()
    }

    /// A read.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a request, and gives the JSON of its answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Value> {
        let url = self.url();
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        let mut request = client.request(method, format!("{url}{path}"));
        if let Some(key) = &self.signing_key {
            // several may be set for a host; any of them will do
            request = request.bearer_auth(key.split(',').next().unwrap_or_default().trim());
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.map_err(reqwest::Error::without_url).with_context(|| {
            format!("no host answers at {url}: start one with `pawl dev`, or name another with --url, or by its data folder with --of")
        })?;
        let status = answer.status();
        let text = answer.text().await?;
        let Ok(json) = serde_json::from_str::<Value>(&text) else {
            bail!("{url} answered {status}, but not as a pawl host does");
        };
        if status.is_success() {
            return Ok(json);
        }
        let word = |key: &str| json[key].as_str().unwrap_or("no reason given").to_owned();
        Err(Refusal { status, code: word("code"), message: word("error") }.into())
    }
}

/// Where the host of this data folder listens, if one runs.
pub(super) fn running_at(folder: &Path) -> Option<String> {
    // a host that was killed leaves its address, and somebody else may have it now
    let addr = std::fs::read_to_string(folder.join(ADDR_FILE)).ok()?;
    is_in_use(folder).then(|| format!("http://{}", addr.trim()))
}

/// A text as a part of a URL's path or query.
pub(super) fn encoded(text: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if is_plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
