//! Apps written with Inngest's SDKs: `[[app]]` of `pawl.toml`, `--app`, `PAWL_APPS`. Which there
//! may be is for the operator to say: a registration names a URL that this host then calls.

use super::Loading;
use pawl_engine::Span;
use reqwest::Url;
use serde::Deserialize;
use std::time::Duration;

/// An app that the operator has listed: by its URL, its name, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Where it is called, and asked for its functions. `None`: wherever it says it is.
    pub url: Option<Url>,
    /// Its name: the `id` of its client. `None`: any.
    pub name: Option<String>,
    /// How often it is asked.
    pub poll: Option<Span>,
}

/// `[[app]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileApp {
    url: Option<String>,
    name: Option<String>,
    #[serde(deserialize_with = "super::file::duration")]
    poll: Option<Duration>,
}

/// Where the SDKs serve when nobody says otherwise.
const PATH: &str = "/api/inngest";

/// The shortest time between two questions.
const POLL: Span = Span::from_millis(100);

impl Loading<'_> {
    pub(super) fn apps(&mut self, flags: Vec<String>, file: Vec<FileApp>) -> Vec<App> {
        let named = flags.into_iter().filter(|url| !url.trim().is_empty());
        let flags = named.map(|url| ("--app", FileApp { url: Some(url), ..FileApp::default() }));
        let all: Vec<_> = flags.chain(file.into_iter().map(|app| ("[[app]]", app))).collect();
        let mut apps: Vec<App> = Vec::new();
        for (from, app) in all {
            let Some(app) = self.app(from, app) else { continue };
            match apps.iter_mut().find(|known| known.url.is_some() && known.url == app.url) {
                // the flag and the file may both have it: the file says more
                Some(known) => *known = app,
                None => apps.push(app),
            }
        }
        apps
    }

    fn app(&mut self, from: &str, app: FileApp) -> Option<App> {
        let url = match app.url.as_deref().map(parse) {
            None => None,
            Some(Some(url)) => Some(url),
            Some(None) => {
                // it may hold a password: it is not repeated
                self.wrong.push(format!(
                    "a URL of {from} is none that can be called: write it like \
                     http://127.0.0.1:3001{PATH}, without a user and a password"
                ));
                return None;
            }
        };
        let name = app.name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        if url.is_none() && name.is_none() {
            self.wrong.push("an [[app]] names neither its url nor its name: write one of them".into());
            return None;
        }
        let poll = app.poll.map(Span::from);
        if poll.is_some_and(|poll| poll < POLL) {
            self.wrong.push("the poll of an [[app]] is shorter than 100ms: write a time like \"5s\"".into());
            return None;
        }
        Some(App { url, name, poll })
    }
}

fn parse(text: &str) -> Option<Url> {
    let mut url = Url::parse(text.trim()).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return None;
    }
    url.set_fragment(None);
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Flags, Mode};

    fn load(toml: &str, apps: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pawl.toml");
        std::fs::write(&path, toml).expect("writes");
        let apps = apps.iter().map(|&app| app.to_owned()).collect();
        let flags = Flags { config: Some(path), apps, ..Flags::default() };
        Config::load(Mode::Dev, flags, &|_| None).map_err(|e| e.to_string())
    }

    #[test]
    fn apps_come_from_flags_and_the_file_and_each_is_there_once() {
        let toml = "[[app]]\nurl = 'http://a:3001'\npoll = '1s'\n[[app]]\nname = 'shop'\n";
        let config = load(toml, &["http://a:3001/api/inngest", "https://b/x?k=1#y"]).expect("holds");
        let urls: Vec<_> =
            config.apps.iter().map(|app| app.url.as_ref().map_or("-", reqwest::Url::as_str)).collect();
        assert_eq!(urls, ["http://a:3001/api/inngest", "https://b/x?k=1", "-"]);
        assert_eq!(config.apps[0].poll, Some(pawl_engine::Span::from_secs(1)));
        assert_eq!(config.apps[2].name.as_deref(), Some("shop"));
    }

    #[test]
    fn an_app_that_cannot_be_called_is_refused_and_no_password_is_repeated() {
        for url in ["a:3001", "ftp://a", "http://u:hidden@a", "nonsense", "http://"] {
            let why = load("", &[url]).expect_err("refused");
            assert!(why.contains("--app") && !why.contains("hidden"), "{url}: {why}");
        }
        assert!(load("[[app]]\n", &[]).expect_err("refused").contains("neither its url nor its name"));
        assert!(load("[[app]]\nurl='http://a'\npoll='1ms'", &[]).expect_err("refused").contains("100ms"));
        assert!(load("", &[""]).expect("an empty PAWL_APPS").apps.is_empty());
    }
}
