//! Where an app is, so that two ways of writing it are one.

use reqwest::Url;

/// Scheme, host, port and path of a URL. All names of this machine are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

/// This machine's name.
const HERE: &str = "localhost";

impl Place {
    pub(super) fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let is_here = matches!(host, HERE | "127.0.0.1" | "[::1]");
        Self {
            scheme: url.scheme().to_owned(),
            host: if is_here { HERE.to_owned() } else { host.to_owned() },
            port: url.port_or_known_default().unwrap_or(0),
            path: url.path().trim_end_matches('/').to_owned(),
        }
    }

    pub(super) fn is_this_machine(&self) -> bool {
        self.host == HERE
    }
}

/// A URL that can be called and holds no password.
pub(super) fn parse(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    url.set_fragment(None);
    (matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain).then_some(url)
}

/// A URL as a log and an answer may show it: without what may be secret in it.
pub fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
        }
        Err(_) => "a URL that is none".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_of_writing_a_place_are_one_and_two_places_are_not() {
        let place = |url: &str| Place::of(&Url::parse(url).expect("a URL"));
        let here = place("http://localhost:3001/api/inngest");
        for same in ["http://127.0.0.1:3001/api/inngest/", "http://[::1]:3001/api/inngest?fnId=a"] {
            assert_eq!(place(same), here, "{same}");
        }
        for other in [
            "https://localhost:3001/api/inngest",
            "http://localhost:3002/api/inngest",
            "http://localhost:3001/api",
            "http://localhost.evil:3001/api/inngest",
            "http://127.0.0.1.evil:3001/api/inngest",
            "http://10.0.0.1:3001/api/inngest",
        ] {
            assert_ne!(place(other), here, "{other}");
        }
        assert_eq!(place("https://a/x"), place("https://A:443/x"));
    }

    #[test]
    fn what_is_shown_of_a_url_holds_no_secret() {
        assert_eq!(shown("https://u:hidden@a:1/x?key=hidden#hidden"), "https://a:1/x");
        assert!(parse("http://u:hidden@a").is_none() && parse("file:///etc/passwd").is_none());
        assert!(parse("http://a/x").is_some());
    }
}
