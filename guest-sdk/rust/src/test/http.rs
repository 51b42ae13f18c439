//! Requests as a test sees them, and its answers.

use super::mock::text;
use crate::host::http as wit;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What answers the requests of a run.
pub(super) type Answerer = RefCell<dyn FnMut(&Request) -> Answer>;

/// A request that a step sends.
#[derive(Debug, Clone)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Names and values in their order; `{secret:NAME}` as the function wrote it.
    pub headers: Vec<(String, String)>,
    /// Empty when there is none.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body's JSON as a `T`.
    ///
    /// # Panics
    ///
    /// When it is none: the test fails.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("the body of {} {} is not as expected: {e}", self.method, self.url))
    }

    pub(super) fn of(request: &wit::Request) -> Self {
        let wit::Request { method, url, headers, body, .. } = request.clone();
        Self { method, url, headers, body: body.unwrap_or_default() }
    }
}

/// A test's answer to a request; `(200, json!(…))` is one, too.
#[derive(Debug, Clone)]
#[must_use = "an answer is for the request"]
pub struct Answer(Result<wit::Response, String>);

impl Answer {
    /// An answer with this status and nothing else.
    pub fn status(status: u16) -> Self {
        Self(Ok(wit::Response { status, headers: Vec::new(), body: Vec::new() }))
    }

    /// None: no connection, broken off, too slow. Worth another try.
    pub fn none(why: impl Into<String>) -> Self {
        Self(Err(why.into()))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Ok(answer) = &mut self.0 {
            answer.headers.push((name.to_owned(), value.into()));
        }
        self
    }

    /// The value's JSON as the body.
    #[track_caller]
    pub fn json(self, value: &impl Serialize) -> Self {
        self.body(text(value)).header("content-type", "application/json")
    }

    /// Text or bytes as the body.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        if let Ok(answer) = &mut self.0 {
            answer.body = bytes.into();
        }
        self
    }

    /// To a request of a step's code.
    pub(super) fn for_code(self) -> Result<wit::Response, wit::Error> {
        self.0.map_err(wit::Error::Network)
    }

    /// To a request that the host makes: as it keeps it.
    pub(super) fn for_host(self, url: &str) -> Result<String, String> {
        let wit::Response { status, headers, body } = self.0?;
        let headers: BTreeMap<_, _> = headers.into_iter().map(|(n, v)| (n.to_ascii_lowercase(), v)).collect();
        let body = String::from_utf8(body).map_err(|_| "the answer's body is no text".to_owned())?;
        Ok(json!({ "status_code": status, "headers": headers, "url": url, "body": body }).to_string())
    }
}

impl From<(u16, Value)> for Answer {
    fn from((status, body): (u16, Value)) -> Self {
        Self::status(status).json(&body)
    }
}
