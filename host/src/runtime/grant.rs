//! What a function may reach beyond its steps: given by its operator, enforced here.

use crate::secret::Secret;
use pawl_engine::replay::{Fetch, Infer};
use std::collections::BTreeMap;

/// A function's grant.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Where its steps may send requests.
    pub hosts: Vec<HostPattern>,
    /// Settings that it may read.
    pub settings: BTreeMap<String, String>,
    /// Secrets that the host may put into its requests. The function never sees them.
    pub secrets: BTreeMap<String, Secret>,
    /// Names of settings that it may ask for and that have no value.
    pub unset: Vec<String>,
}

/// `name` (the scheme's own port), `name:port`, `name:*`; the name may begin with `*.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    name: String,
    port: PortPattern,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortPattern {
    OfScheme,
    One(u16),
    Any,
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            PortPattern::OfScheme => f.write_str(&self.name),
            PortPattern::One(port) => write!(f, "{}:{port}", self.name),
            PortPattern::Any => write!(f, "{}:*", self.name),
        }
    }
}

impl HostPattern {
    /// From its text; `None` when it is no pattern.
    pub fn parse(text: &str) -> Option<Self> {
        let bracket_end = text.find(']').map_or(0, |i| i + 1);
        let (name, port) = match text[bracket_end..].rfind(':') {
            Some(colon) => (&text[..bracket_end + colon], &text[bracket_end + colon + 1..]),
            None => (text, ""),
        };
        let port = match port {
            "" if name.len() == text.len() => PortPattern::OfScheme,
            "*" => PortPattern::Any,
            digits => PortPattern::One(digits.parse().ok()?),
        };
        let plain = name.strip_prefix("*.").unwrap_or(name);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        (!plain.is_empty() && plain.chars().all(is_name))
            .then(|| Self { name: name.to_ascii_lowercase(), port })
    }

    /// The pattern of a URL's own host and port.
    pub fn of_url(url: &str) -> Option<Self> {
        let url = reqwest::Url::parse(url).ok()?;
        let port = PortPattern::One(url.port_or_known_default()?);
        Some(Self { name: url.host_str()?.to_ascii_lowercase(), port })
    }

    fn allows(&self, host: &str, port: u16, scheme_port: u16) -> bool {
        let by_name = match self.name.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => host == self.name,
        };
        let by_port = match self.port {
            PortPattern::OfScheme => port == scheme_port,
            PortPattern::One(one) => port == one,
            PortPattern::Any => true,
        };
        by_name && by_port
    }
}

impl Grant {
    /// For a request of an app: its operator named the app, which may send anywhere by itself, so
    /// there is nothing to grant, and no secret of the host's to put in. A model's key is the
    /// app's own, and is handled as a secret of the host's would be.
    pub fn of_app(fetch: &Fetch) -> Self {
        let key = fetch.infer.as_ref().and_then(|asked| Secret::load(&asked.key).ok());
        Self {
            hosts: HostPattern::of_url(&fetch.url).into_iter().collect(),
            secrets: key.map(|(key, _)| (Infer::SECRET.to_owned(), key)).into_iter().collect(),
            ..Self::default()
        }
    }

    /// What is granted, by its names alone.
    pub fn names(&self) -> Vec<String> {
        let hosts = self.hosts.iter().map(|h| format!("host {h}"));
        let settings = self.settings.keys().map(|name| format!("setting {name}"));
        let secrets = self.secrets.keys().map(|name| format!("secret {name}"));
        hosts.chain(settings).chain(secrets).collect()
    }

    /// Whether a request may go to this URL.
    pub fn allows(&self, url: &reqwest::Url) -> bool {
        let scheme_port = match url.scheme() {
            "https" => 443,
            "http" => 80,
            _ => return false,
        };
        let (Some(host), port) = (url.host_str(), url.port().unwrap_or(scheme_port)) else { return false };
        let host = host.to_ascii_lowercase();
        self.hosts.iter().any(|h| h.allows(&host, port, scheme_port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, url: &str) -> bool {
        let hosts = vec![HostPattern::parse(pattern).expect("a pattern")];
        Grant { hosts, ..Grant::default() }.allows(&reqwest::Url::parse(url).expect("a URL"))
    }

    #[test]
    fn a_pattern_without_a_port_means_the_schemes_own() {
        assert!(allows("api.example.com", "https://api.example.com/x"));
        assert!(allows("API.example.com", "http://api.example.com/x"));
        assert!(!allows("api.example.com", "https://api.example.com:8443/x"));
        assert!(!allows("api.example.com", "https://api.example.com.evil.net/x"));
        assert!(!allows("api.example.com", "https://evil.net/?api.example.com"));
        assert!(!allows("api.example.com", "ftp://api.example.com/"));
    }

    #[test]
    fn ports_and_subdomains_are_granted_by_name() {
        assert!(allows("127.0.0.1:*", "http://127.0.0.1:4000/"));
        assert!(allows("127.0.0.1:4000", "http://127.0.0.1:4000/"));
        assert!(!allows("127.0.0.1:4000", "http://127.0.0.1:4001/"));
        assert!(allows("*.example.com", "https://a.b.example.com/"));
        assert!(!allows("*.example.com", "https://example.com/"));
        assert!(!allows("*.example.com", "https://badexample.com/"));
        assert!(allows("[::1]:*", "http://[::1]:9/"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", ":80", "a b", "a:99999", "a:", "http://a", "*"] {
            assert_eq!(HostPattern::parse(text), None, "{text}");
        }
    }
}
