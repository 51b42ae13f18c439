//! Steps that are one HTTP request, made by the host.

mod base64;

use super::errand::Errand;
use super::{Step, recorded, wit};
use crate::{Error, Result, http};
use serde::Deserialize;
use std::collections::BTreeMap;
use wit::Operation;

/// A request for [`Step::fetch`] that says how often it is tried; made by
/// [`Request::retries`](http::Request::retries).
#[derive(Debug)]
#[must_use = "nothing is sent before `fetch`"]
pub struct Fetch {
    request: http::Request,
    retries: Option<u32>,
}

impl From<http::Request> for Fetch {
    fn from(request: http::Request) -> Self {
        Self { request, retries: None }
    }
}

impl http::Request {
    /// Tries after the first, in place of the function's `retries`: for [`Step::fetch`],
    /// where the host tries again. (In a step's own code it is the step that is tried.)
    pub fn retries(self, retries: u32) -> Fetch {
        Fetch { request: self, retries: Some(retries) }
    }
}

impl Fetch {
    pub(super) fn errand(self) -> Result<Errand<'static, http::Response>> {
        let place = self.request.place();
        let request = self.request.into_inner()?;
        let body = request.body.map(String::from_utf8).transpose().map_err(|_| {
            let why =
                format!("{place}: the body of a fetch step has to be text; send bytes inside of a step");
            Error::no_retry(why).with_name("HttpInvalid")
        })?;
        let op = Operation::Fetch(wit::Fetch {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body,
            timeout: request.timeout,
            retries: self.retries,
        });
        Ok(Errand::new(op, |text| read(text, place)))
    }
}

/// An answer as the host keeps it.
#[derive(Deserialize)]
struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_base64: Option<String>,
}

fn read(text: &str, place: String) -> Result<http::Response> {
    let answer: Answer = recorded(text)?;
    let body = match (answer.body, answer.body_base64) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(text)) => base64::decode(&text).ok_or_else(|| {
            Error::no_retry("the step's recorded body is no base64").with_name("OutputMismatch")
        })?,
        (None, None) => Vec::new(),
    };
    Ok(http::Response::recorded(answer.status_code, answer.headers.into_iter().collect(), body, place))
}

impl Step {
    /// Sends a request while the run holds no instance, and keeps the answer, whatever
    /// its status. Where there is no answer the host tries again, as often as the
    /// function's `retries` or the request's own say. Hosts and secrets are as in [`http`];
    /// the body has to be text.
    ///
    /// The answer is kept: an error made of its status, or of a body that is not as
    /// expected, is not tried again.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let request = pawl::http::get("https://api.example.com/rate").timeout("5m").retries(5);
    /// let rate: f64 = step.fetch("today's rate", request)?.error_for_status()?.json()?;
    /// # Ok(()) }
    /// ```
    pub fn fetch(&self, id: &str, request: impl Into<Fetch>) -> Result<http::Response> {
        request.into().errand()?.run(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fetch: impl Into<Fetch>) -> wit::Fetch {
        let Operation::Fetch(asked) = fetch.into().errand().expect("valid").op else { panic!("a request") };
        asked
    }

    #[test]
    fn the_request_is_the_one_that_was_built() {
        let post = http::post("https://a/b").header("X", "{secret:Y}").json(&[1]).timeout("5s").retries(2);
        let post = asked(post);
        assert_eq!((post.method.as_str(), post.url.as_str()), ("POST", "https://a/b"));
        assert_eq!(
            post.headers,
            [
                ("X".to_owned(), "{secret:Y}".to_owned()),
                ("Content-Type".to_owned(), "application/json".to_owned())
            ]
        );
        assert_eq!((post.body.as_deref(), post.timeout, post.retries), (Some("[1]"), Some(5_000), Some(2)));
        let get = asked(http::get("https://a/b"));
        assert_eq!((get.body, get.timeout, get.retries), (None, None, None));
    }

    #[test]
    fn what_cannot_be_sent_is_said_at_once() {
        let error = |fetch: Fetch| fetch.errand().err().expect("refused");
        let bytes = error(http::put("https://u:p@a/b?token=x").body([0xff]).into());
        assert_eq!((bytes.name(), bytes.is_retryable()), ("HttpInvalid", false));
        assert!(bytes.message().starts_with("PUT a: the body of a fetch step has to be text"), "{bytes}");
        assert_eq!(error(http::get("https://a").timeout("soon").into()).name(), "InvalidDuration");
    }

    #[test]
    fn an_answer_is_read_whatever_its_status_and_body() {
        let read = |text: &str| read(text, "GET a".into());
        let answer = r#"{"status_code":200,"headers":{"x-n":"1"},"url":"https://a/","body":"[7]"}"#;
        let answer = read(answer).expect("an answer");
        assert_eq!((answer.status(), answer.header("X-N")), (200, Some("1")));
        assert_eq!((answer.text().as_str(), answer.json::<Vec<u8>>().ok()), ("[7]", Some(vec![7])));
        let bytes = read(r#"{"status_code":200,"headers":{},"url":"","body_base64":"/wA="}"#);
        assert_eq!(bytes.expect("an answer").bytes(), [255, 0]);
        assert!(read(r#"{"status_code":200,"headers":{},"url":"","body_base64":"?"}"#).is_err());
        assert!(read("null").is_err_and(|e| e.name() == "OutputMismatch"));
    }

    #[test]
    fn nothing_about_a_kept_answer_is_tried_again() {
        let answer =
            read(r#"{"status_code":503,"headers":{"retry-after":"7"},"url":"","body":"x"}"#, "GET a".into());
        let answer = answer.expect("an answer");
        assert!(answer.json::<u8>().is_err_and(|e| !e.is_retryable()));
        let error = answer.error_for_status().expect_err("503");
        assert_eq!((error.name(), error.is_retryable()), ("HttpStatus", false));
    }
}
