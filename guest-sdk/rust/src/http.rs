//! Outgoing HTTP for a step's own code.
//!
//! Requests go to hosts that the function names in `hosts` and its operator grants,
//! and only from inside of a step. Redirects are answered, not followed. A header may
//! hold `{secret:NAME}`: the host puts the secret in, and the guest never sees it.
//!
//! A request that is all that a step does can be left to the host:
//! [`Step::fetch`](crate::Step::fetch).

use crate::host::http as wit;
use crate::{Error, IntoSpan, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A request that reads. Further methods: [`post`], [`put`], [`patch`], [`delete`],
/// [`request`].
///
/// ```no_run
/// # extern crate pawl_sdk as pawl;
/// # fn f(step: pawl::Step) -> pawl::Result<()> {
/// let rate: f64 = step.run("today's rate", || {
///     pawl::http::get("https://api.example.com/rate").timeout("5s").send()?.error_for_status()?.json()
/// })?;
/// # Ok(()) }
/// ```
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A request that adds.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A request that replaces.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A request that changes a part.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// A request that removes.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// A request by its method's name.
pub fn request(method: &str, url: impl Into<String>) -> Request {
    let url = url.into();
    let inner =
        wit::Request { method: method.to_owned(), url, headers: Vec::new(), body: None, timeout: None };
    Request { inner, wrong: None }
}

/// A request in the making.
#[derive(Debug)]
#[must_use = "a request goes out by `send`"]
pub struct Request {
    inner: wit::Request,
    /// What was wrong with an earlier call: `send` says it.
    wrong: Option<Error>,
}

impl Request {
    /// Adds a header. `{secret:NAME}` in its value becomes that secret on the way.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.inner.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The value's JSON as the body, with its content type.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.inner.body = Some(body),
            Err(e) => {
                let why = format!("the request's body cannot be JSON: {e}");
                self.wrong = self.wrong.or(Some(Error::no_retry(why).with_name("HttpInvalid")));
            }
        }
        self.header("Content-Type", "application/json")
    }

    /// Bytes as the body.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.inner.body = Some(bytes.into());
        self
    }

    /// How long the whole exchange may take; never longer than what the step has left.
    pub fn timeout(mut self, span: impl IntoSpan) -> Self {
        match span.into_millis() {
            Ok(millis) => self.inner.timeout = Some(millis),
            Err(error) => self.wrong = self.wrong.or(Some(error)),
        }
        self
    }

    /// Sends it and waits for the whole answer, whatever its status.
    ///
    /// Errors: `HttpDenied` (not granted, or outside of a step) and `HttpInvalid` (it
    /// cannot be sent) are never tried again, `HttpNetwork` (no connection, broken off,
    /// too slow) is.
    #[track_caller]
    pub fn send(self) -> Result<Response> {
        let place = self.place();
        answered(wit::send(&self.into_inner()?), place)
    }

    /// The request, unless something was wrong with it.
    pub(crate) fn into_inner(self) -> Result<wit::Request> {
        self.wrong.map_or(Ok(self.inner), Err)
    }

    /// Method and host, for messages: a path may hold what does not belong into a log.
    pub(crate) fn place(&self) -> String {
        let url = self.inner.url.as_str();
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        format!("{} {}", self.inner.method, host.rsplit('@').next().unwrap_or_default())
    }
}

/// Sends several at once and waits for all of their answers, which come in the order of the
/// requests; each is as [`Request::send`] would give it. What cannot be sent keeps the others
/// from nothing.
///
/// ```no_run
/// # extern crate pawl_sdk as pawl;
/// # fn f(step: pawl::Step) -> pawl::Result<()> {
/// let sizes: Vec<usize> = step.run("measure", || {
///     let pages = ["https://example.com/a", "https://example.com/b"].map(pawl::http::get);
///     pawl::http::send_all(pages).into_iter().map(|page| Ok(page?.bytes().len())).collect()
/// })?;
/// # Ok(()) }
/// ```
#[track_caller]
pub fn send_all(requests: impl IntoIterator<Item = Request>) -> Vec<Result<Response>> {
    let mut sent = Vec::new();
    // what is wrong with a request, or where it goes
    let mut places = Vec::new();
    for request in requests {
        let place = request.place();
        places.push(request.into_inner().map(|request| {
            sent.push(request);
            place
        }));
    }
    let answers = if sent.is_empty() { Vec::new() } else { wit::send_all(&sent) };
    let mut answers = answers.into_iter();
    let mut all = Vec::with_capacity(places.len());
    for place in places {
        all.push(match place.map(|place| (answers.next(), place)) {
            Ok((Some(answer), place)) => answered(answer, place),
            Ok((None, place)) => {
                Err(Error::no_retry(format!("{place}: the host gave no answer")).with_name("HttpInvalid"))
            }
            Err(error) => Err(error),
        });
    }
    all
}

#[track_caller]
fn answered(answer: std::result::Result<wit::Response, wit::Error>, place: String) -> Result<Response> {
    match answer {
        Ok(inner) => Ok(Response { inner, place, is_kept: false }),
        Err(error) => Err(failed(error, &place)),
    }
}

#[track_caller]
fn failed(error: wit::Error, place: &str) -> Error {
    match error {
        wit::Error::Denied(why) => Error::no_retry(why).with_name("HttpDenied"),
        wit::Error::Invalid(why) => Error::no_retry(why).with_name("HttpInvalid"),
        wit::Error::Network(why) => Error::new(format!("{place}: {why}")).with_name("HttpNetwork"),
    }
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    inner: wit::Response,
    place: String,
    /// Whether a step has it as its output: then another try would see the same.
    is_kept: bool,
}

impl Response {
    /// What a step has recorded.
    pub(crate) fn recorded(
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        place: String,
    ) -> Self {
        Self { inner: wit::Response { status, headers, body }, place, is_kept: true }
    }

    /// Such as 200.
    pub fn status(&self) -> u16 {
        self.inner.status
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.inner.status)
    }

    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.inner.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.inner.body
    }

    /// The body as text; bytes that are no UTF-8 become `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.inner.body).into_owned()
    }

    /// The body's JSON as a `T`.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        match serde_json::from_slice(&self.inner.body) {
            Ok(value) => Ok(value),
            Err(e) => {
                let why = format!("{} answered with something else than the JSON expected: {e}", self.place);
                let error = if self.is_kept { Error::no_retry(why) } else { Error::new(why) };
                Err(error.with_name("HttpUnexpectedBody"))
            }
        }
    }

    /// The same answer, unless its status tells of an error.
    #[track_caller]
    pub fn error_for_status(self) -> Result<Self> {
        match self.status_error() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// The status as an error, named `HttpStatus`, if it is one of 400 to 599. Tried
    /// again are 408, 425, 429 and all from 500 on, no sooner than a `Retry-After` in
    /// seconds says, unless a `fetch` step gave the answer: that stays as it is. The
    /// message holds nothing of the body: that may be anybody's data.
    #[track_caller]
    pub fn status_error(&self) -> Option<Error> {
        let status = self.inner.status;
        if status < 400 {
            return None;
        }
        let message = format!("{} answered {status}", self.place);
        let error = match status {
            408 | 425 | 429 | 500.. if !self.is_kept => {
                match self.header("retry-after").and_then(|s| s.trim().parse().ok()) {
                    Some(seconds) => Error::retry_after(std::time::Duration::from_secs(seconds), message),
                    None => Error::new(message),
                }
            }
            _ => Error::no_retry(message),
        };
        Some(error.with_name("HttpStatus").with_data(serde_json::json!({ "status": status })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::pawl::workflow::types::Retry;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let inner = wit::Response { status, headers, body: br#"{"secret":"x"}"#.to_vec() };
        Response { inner, place: "GET api.example.com".into(), is_kept: false }
    }

    #[test]
    fn a_server_in_trouble_is_asked_again_and_a_refusal_is_not() {
        let error = |status| answer(status, &[]).status_error();
        for status in [200, 204, 304] {
            assert!(error(status).is_none(), "{status}");
        }
        for status in [408, 425, 429, 500, 503] {
            assert!(error(status).is_some_and(|e| e.is_retryable()), "{status}");
        }
        for status in [400, 401, 404, 422] {
            assert!(error(status).is_some_and(|e| !e.is_retryable()), "{status}");
        }
        let message = error(404).map(|e| e.message().to_owned());
        assert_eq!(message.as_deref(), Some("GET api.example.com answered 404"));
    }

    #[test]
    fn retry_after_in_seconds_is_kept_to() {
        let retry =
            |value| answer(429, &[("Retry-After", value)]).status_error().map(|e| e.as_failure().retry);
        assert!(matches!(retry("7"), Some(Retry::After(7_000))));
        assert!(matches!(retry("Wed, 21 Oct 2026 07:28:00 GMT"), Some(Retry::Default)));
    }

    #[test]
    fn what_was_wrong_with_the_request_is_said_when_it_is_sent() {
        let error = get("http://x").timeout("soon").json(&f64::NAN).send().expect_err("not sent");
        assert_eq!(error.name(), "InvalidDuration");
    }

    #[test]
    fn only_network_trouble_is_worth_another_try() {
        let name = |e: wit::Error| failed(e, "GET x").name().to_owned();
        assert_eq!(name(wit::Error::Denied("no".into())), "HttpDenied");
        assert!(!failed(wit::Error::Invalid("no".into()), "GET x").is_retryable());
        let network = failed(wit::Error::Network("refused".into()), "GET x");
        assert_eq!((network.message(), network.is_retryable()), ("GET x: refused", true));
    }

    #[test]
    fn a_message_names_the_host_and_nothing_that_follows() {
        let place = |url: &str| get(url).place();
        assert_eq!(place("https://u:p@api.example.com:8443/users/7?token=x"), "GET api.example.com:8443");
        assert_eq!(place("nonsense"), "GET nonsense");
    }
}
