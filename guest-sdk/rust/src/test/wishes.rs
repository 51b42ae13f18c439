//! What the function's attribute lets its requests reach.

use crate::function::Definition;
use crate::host::http::Request;
use std::collections::BTreeMap;

/// Whether the host would send this request; else why not.
pub(super) fn check(
    definition: &Definition,
    request: &Request,
    settings: &BTreeMap<String, String>,
) -> Result<(), String> {
    let Some(at) = Place::of(&request.url) else {
        return Err(format!("`{}` is no address of http or https", request.url));
    };
    let is_named = definition.hosts.iter().any(|wish| match setting(wish) {
        Some(name) => settings.get(name).and_then(|url| Place::of(url)) == Some(at),
        None => at.fits(wish),
    });
    if !is_named {
        return Err(format!(
            "host {}:{} is not granted: name it in the function's `hosts`",
            at.host, at.port
        ));
    }
    let values = request.headers.iter().flat_map(|(_, value)| value.split("{secret:").skip(1));
    let mut secrets = values.filter_map(|rest| Some(rest.split_once('}')?.0));
    match secrets.find(|name| !definition.secrets.contains(name)) {
        Some(name) => Err(format!("secret {name} is not granted: name it in the function's `secrets`")),
        None => Ok(()),
    }
}

/// `{setting:NAME}`: the host of the URL in that setting.
fn setting(wish: &str) -> Option<&str> {
    wish.strip_prefix("{setting:")?.strip_suffix('}')
}

/// Where a request goes.
#[derive(Clone, Copy, PartialEq)]
struct Place<'a> {
    host: &'a str,
    port: u16,
    scheme_port: u16,
}

impl<'a> Place<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme_port = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
        let (host, port) = match split_port(host) {
            (host, Some(port)) => (host, port.parse().ok()?),
            (host, None) => (host, scheme_port),
        };
        (!host.is_empty()).then_some(Self { host, port, scheme_port })
    }

    /// `name` (the scheme's own port), `name:port`, `name:*`; the name may begin with `*.`.
    fn fits(&self, wish: &str) -> bool {
        let (name, port) = split_port(wish);
        let by_port = match port {
            None => self.port == self.scheme_port,
            Some("*") => true,
            Some(port) => port.parse() == Ok(self.port),
        };
        let host = self.host.to_ascii_lowercase();
        let name = name.to_ascii_lowercase();
        by_port
            && match name.strip_prefix('*') {
                Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
                None => host == name,
            }
    }
}

/// A port is behind the last colon, unless that is inside of `[::1]`.
fn split_port(host: &str) -> (&str, Option<&str>) {
    let bracket = host.find(']').map_or(0, |at| at + 1);
    match host[bracket..].rfind(':') {
        Some(colon) => (&host[..bracket + colon], Some(&host[bracket + colon + 1..])),
        None => (host, None),
    }
}
