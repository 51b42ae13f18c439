//! Requests that steps send: to granted hosts only, never redirected, bounded in
//! time and size, with secrets put in on the way.

use super::Grant;
use crate::answer::{self, Unread};
use pawl_bindings::pawl::workflow::http::{Error, Request, Response};
use pawl_engine::trace::TraceParent;
use reqwest::Url;
use reqwest::header::{self, HeaderName, HeaderValue};
use std::time::{Duration, Instant};

/// Bytes of an answer's body: what fits into a step's output, twice.
const BODY_BYTES: usize = 8 << 20;

/// Headers that say where a request goes and where it ends: with one of its own, a
/// function could reach another site behind a granted name, or smuggle a request.
const HOSTS_OWN: [HeaderName; 8] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
    header::TRAILER,
];

/// The client that all runs share. A redirect could lead to a host that is not
/// granted, so it is answered, not followed; a proxy from the environment would see
/// the secrets.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("pawl/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .build()
}

/// Sends a guest's request, as part of this trace unless the guest names one; `until` is when
/// its step has to be done.
pub(super) async fn send(
    client: &reqwest::Client,
    grant: &Grant,
    request: Request,
    trace: Option<TraceParent>,
    until: Instant,
) -> Result<Response, Error> {
    let wanted = request.timeout.map(Duration::from_millis);
    let used: Vec<_> = grant.secrets.iter().filter(|(name, _)| names(&request, name)).collect();
    let request = build(client, grant, request, trace)?;
    let left = until.saturating_duration_since(crate::clock::instant());
    let limit = wanted.unwrap_or(left).min(left);
    let answer = tokio::time::timeout(limit, exchange(client, request)).await;
    let mut answer = answer.map_err(|_| Error::Network(format!("no complete answer within {limit:?}")))??;
    for (name, secret) in used {
        let (secret, place) = (secret.expose(), format!("{{secret:{name}}}"));
        answer.body = replaced(answer.body, secret.as_bytes(), place.as_bytes());
        for (_, value) in &mut answer.headers {
            *value = value.replace(secret, &place);
        }
    }
    Ok(answer)
}

/// Whether the request has this secret put in.
fn names(request: &Request, secret: &str) -> bool {
    let place = format!("{{secret:{secret}}}");
    request.headers.iter().any(|(_, value)| value.contains(&place))
}

/// A server may send back what it was sent (InstantDB's errors do): the secret is taken
/// out again, so that no function sees it and no journal keeps it.
fn replaced(body: Vec<u8>, secret: &[u8], place: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = body.as_slice();
    while let Some(at) = rest.windows(secret.len()).position(|window| window == secret) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(place);
        rest = &rest[at + secret.len()..];
    }
    if clean.is_empty() {
        return body;
    }
    clean.extend_from_slice(rest);
    clean
}

fn build(
    client: &reqwest::Client,
    grant: &Grant,
    request: Request,
    trace: Option<TraceParent>,
) -> Result<reqwest::Request, Error> {
    let url = Url::parse(&request.url).map_err(|e| Error::Invalid(format!("URL: {e}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Invalid("URL: credentials belong into a header".into()));
    }
    if !grant.allows(&url) {
        let host = url.host_str().unwrap_or("?");
        return Err(Error::Denied(format!(
            "host {host}{} is not granted: name it in the function's `hosts`, \
             and in production under [grants] in pawl.toml",
            url.port().map(|p| format!(":{p}")).unwrap_or_default()
        )));
    }
    let method = request.method.parse().map_err(|_| Error::Invalid(format!("method {}", request.method)))?;
    let mut built = client.request(method, url);
    let is_named = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("traceparent"));
    if let Some(trace) = trace.filter(|_| !is_named) {
        built = built.header("traceparent", trace.to_string());
    }
    for (name, value) in request.headers {
        let name: HeaderName = name.parse().map_err(|_| Error::Invalid(format!("header name {name}")))?;
        if HOSTS_OWN.contains(&name) {
            return Err(Error::Invalid(format!("header {name} is the host's to set")));
        }
        let text = with_secrets(grant, &value)?;
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::Invalid(format!("the value of header {name} cannot be sent")))?;
        value.set_sensitive(true);
        built = built.header(name, value);
    }
    if let Some(body) = request.body {
        built = built.body(body);
    }
    built.build().map_err(|e| Error::Invalid(e.without_url().to_string()))
}

/// `{secret:NAME}` becomes the secret.
fn with_secrets(grant: &Grant, value: &str) -> Result<String, Error> {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("{secret:") {
        let Some((name, behind)) = after.split_once('}') else { break };
        let secret = grant.secrets.get(name).ok_or_else(|| {
            Error::Denied(format!(
                "secret {name} is not granted or has no value: name it in the function's `secrets`, give \
                 it a value under [secrets] in pawl.toml, and in production grant it under [grants]"
            ))
        })?;
        text.push_str(before);
        text.push_str(secret.expose());
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}

async fn exchange(client: &reqwest::Client, request: reqwest::Request) -> Result<Response, Error> {
    let answer = client.execute(request).await.map_err(network)?;
    let status = answer.status().as_u16();
    let text = |v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
    let headers = answer.headers().iter().map(|(k, v)| (k.as_str().to_owned(), text(v))).collect();
    let body = answer::body(answer, BODY_BYTES).await.map_err(|unread| match unread {
        Unread::Broken(e) => network(e),
        Unread::TooLong => Error::Invalid(format!("the answer has more than {BODY_BYTES} bytes")),
    })?;
    Ok(Response { status, headers, body })
}

/// What went wrong, without the URL: it may hold what a guest should not have put there.
fn network(e: reqwest::Error) -> Error {
    let e = e.without_url();
    let mut text = e.to_string();
    let mut source = std::error::Error::source(&e);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Error::Network(text)
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn an_echoed_secret_is_taken_out_of_a_body() {
        let clean =
            |body: &str| String::from_utf8(replaced(body.into(), b"tok", b"{secret:T}")).expect("text");
        assert_eq!(clean("tok and tok!"), "{secret:T} and {secret:T}!");
        assert_eq!(clean("nothing"), "nothing");
        assert_eq!(clean(""), "");
    }
}
