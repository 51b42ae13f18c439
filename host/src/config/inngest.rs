//! `[inngest]` of `pawl.toml`, and Inngest's own names in the environment: how this host's
//! functions are served to an Inngest server.

use super::{Loading, Mode};
use reqwest::Url;
use serde::Deserialize;

/// As an app to an Inngest server.
#[derive(Debug, Clone)]
pub struct Inngest {
    /// The app's id.
    pub app: String,
    /// The server's API, without a slash at its end.
    pub api: String,
    /// Its event API, without a slash at its end.
    pub events: String,
    /// How the server reaches this host, when it is not as requests say: `https://pawl.example`.
    pub serve_origin: Option<String>,
    /// Under which path it does.
    pub serve_path: String,
}

/// `[inngest]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileInngest {
    app: Option<String>,
    serve_origin: Option<String>,
    serve_path: Option<String>,
}

/// Where the functions are served, in this host and unless told otherwise for its clients.
const PATH: &str = "/api/inngest";

/// The server that a developer runs.
const DEV_SERVER: &str = "http://localhost:8288";

impl Loading<'_> {
    pub(super) fn inngest(&mut self, mode: Mode, file: FileInngest) -> Inngest {
        let set = |name: &str| (self.env)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let base = set("INNGEST_BASE_URL");
        let dev = set("INNGEST_DEV").filter(|v| mode == Mode::Dev && v.contains("://"));
        let (api, events) = match mode {
            Mode::Dev => (DEV_SERVER, DEV_SERVER),
            Mode::Serve => ("https://api.inngest.com", "https://inn.gs"),
        };
        let one_of = |own: &str, default: &str| {
            set(own).or_else(|| base.clone()).or_else(|| dev.clone()).unwrap_or_else(|| default.to_owned())
        };
        let api = one_of("INNGEST_API_BASE_URL", api);
        let events = one_of("INNGEST_EVENT_API_BASE_URL", events);
        let origin = set("INNGEST_SERVE_ORIGIN").or_else(|| set("INNGEST_SERVE_HOST")).or(file.serve_origin);
        let path = set("INNGEST_SERVE_PATH").or(file.serve_path).unwrap_or_else(|| PATH.into());
        let app = file.app.unwrap_or_else(|| "pawl".into());
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if app.is_empty() || app.len() > 128 || !app.chars().all(lawful) {
            self.wrong.push("[inngest] app: it may hold letters, digits, `-`, `_` and `.`".into());
        }
        if !path.starts_with('/') || path.contains(['?', '#']) || path.chars().any(char::is_whitespace) {
            self.wrong.push(
                "[inngest] serve_path (INNGEST_SERVE_PATH) is no path: write it like /api/inngest".into(),
            );
        }
        Inngest {
            app,
            api: self.plain_url("INNGEST_API_BASE_URL or INNGEST_BASE_URL", &api),
            events: self.plain_url("INNGEST_EVENT_API_BASE_URL or INNGEST_BASE_URL", &events),
            serve_origin: origin.map(|o| self.plain_url("[inngest] serve_origin (INNGEST_SERVE_ORIGIN)", &o)),
            serve_path: path,
        }
    }

    fn plain_url(&mut self, name: &str, text: &str) -> String {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let is_plain = |url: &Url| {
            url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        if url.filter(is_plain).is_none() {
            // it may hold a password: it is not repeated
            self.wrong.push(format!("{name} is no plain URL: write it like http://127.0.0.1:8288"));
        }
        text.trim_end_matches('/').to_owned()
    }
}
