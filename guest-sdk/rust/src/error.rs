//! What a step or a function fails with.

use crate::bindings::pawl::workflow::types::{Failure, Retry};
use crate::{IntoSpan, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

/// Why a step or a function failed.
///
/// `?` makes one of every [`std::error::Error`]: its class becomes the [name], the
/// texts of its sources are added to the message. Such an error is tried again as the
/// function's `retries` say. [`Error::no_retry`] and [`Error::retry_after`] say otherwise.
///
/// An error that comes out of a step has no tries left: handing it on by `?` ends the
/// run as failed, catching it lets the function go on.
///
/// (As with other catch-all errors, it is no [`std::error::Error`] itself: Rust allows
/// only one of the two.)
///
/// [name]: Error::name
pub struct Error(Box<Failure>);

impl Error {
    /// An error that may be tried again.
    #[track_caller]
    pub fn new(message: impl fmt::Display) -> Self {
        Self::build("Error", message.to_string(), Retry::Default)
    }

    /// An error that another try would not cure: bad input, a refusal.
    #[track_caller]
    pub fn no_retry(message: impl fmt::Display) -> Self {
        Self::build("NonRetriableError", message.to_string(), Retry::No)
    }

    /// An error whose next try comes no sooner than this. It counts as a try like any
    /// other. The host bounds the time to between one second and one day. A text
    /// that is no duration gives that error in its place.
    #[track_caller]
    pub fn retry_after(span: impl IntoSpan, message: impl fmt::Display) -> Self {
        match span.into_millis() {
            Ok(millis) => Self::build("RetryAfterError", message.to_string(), Retry::After(millis)),
            Err(error) => error,
        }
    }

    #[track_caller]
    fn build(name: &str, message: String, retry: Retry) -> Self {
        let at = Location::caller();
        let stack = Some(format!("at {}:{}:{}", at.file(), at.line(), at.column()));
        Self(Box::new(Failure { name: name.to_owned(), message, stack, data: None, retry }))
    }

    /// The same error under another class.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        self
    }

    /// The same error with something for those who look at the run: any JSON. What
    /// cannot be JSON is left out.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.0.data = serde_json::to_string(&data).ok();
        self
    }

    /// The same error with what was being done in front: `reading the order: no such key`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// The class: the type's name for an error that came by `?`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What [`Error::with_data`] attached, if it is a `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.0.data.as_deref()?).ok()
    }

    /// Whether another try may come. False for every error that came out of a step.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.0.retry, Retry::No)
    }

    /// (No `From`: the generated type is a standard error as well.)
    pub(crate) fn from_failure(failure: Failure) -> Self {
        Self(Box::new(failure))
    }

    pub(crate) fn into_failure(self) -> Failure {
        *self.0
    }

    pub(crate) fn as_failure(&self) -> &Failure {
        &self.0
    }
}

impl<E: StdError> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        let name = class(std::any::type_name::<E>());
        Self::build(&name, chain(&error), Retry::Default)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.0.message)
    }
}

/// Lets a step or a function end early with an error.
///
/// ```
/// # extern crate pawl_sdk as pawl;
/// # use pawl::{Error, Result};
/// fn check(amount: u64) -> Result<()> {
///     pawl::ensure!(amount > 0, Error::no_retry("nothing to pay"));
///     Ok(())
/// }
/// assert!(check(0).is_err());
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Error::from($error));
        }
    };
}

/// Turns an absence into an error: `value.or_no_retry("the session has no user")?`.
pub trait OrNoRetry<T> {
    /// The value, or an error that another try would not cure.
    fn or_no_retry(self, message: impl fmt::Display) -> Result<T>;
}

impl<T> OrNoRetry<T> for Option<T> {
    #[track_caller]
    fn or_no_retry(self, message: impl fmt::Display) -> Result<T> {
        match self {
            Some(value) => Ok(value),
            None => Err(Error::no_retry(message)),
        }
    }
}

/// The message with those of all sources. Many errors repeat their source's text in
/// their own: that is not said twice.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// `core::num::error::ParseIntError` is a `ParseIntError`; a type that is only called
/// `Error` goes by its crate: `serde_json::Error`.
fn class(path: &str) -> String {
    let path = path.split('<').next().unwrap_or(path).trim_start_matches('&');
    match (path.split("::").next(), path.rsplit("::").next()) {
        (Some(krate), Some("Error")) if krate != "Error" => format!("{krate}::Error"),
        (_, Some(last)) => last.to_owned(),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[derive(Debug)]
    struct Outer(Inner, &'static str);
    #[derive(Debug)]
    struct Inner;
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }
    }
    impl fmt::Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the disk is full")
        }
    }
    impl StdError for Inner {}
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn the_sources_texts_are_in_the_message_and_none_is_there_twice() {
        assert_eq!(Error::from(Outer(Inner, "cannot save")).message(), "cannot save: the disk is full");
        let repeats = Outer(Inner, "cannot save: the disk is full");
        assert_eq!(Error::from(repeats).message(), "cannot save: the disk is full");
    }

    #[test]
    fn the_name_is_the_errors_class_and_its_place_is_where_it_was_raised() {
        fn parse() -> Result<u32> {
            Ok("x".parse::<u32>()?)
        }
        let error = parse().expect_err("no number");
        assert_eq!(error.name(), "ParseIntError");
        assert!(error.is_retryable());
        let stack = error.as_failure().stack.as_deref().expect("a place");
        assert!(stack.starts_with("at ") && stack.contains("error.rs:"), "{stack}");
        let json: Result<u32> = serde_json::from_str("{").map_err(Error::from);
        assert_eq!(json.expect_err("no JSON").name(), "serde_json::Error");
    }

    #[test]
    fn the_wish_about_the_next_try_is_kept() {
        let retry = |e: &Error| match e.as_failure().retry {
            Retry::Default => None,
            Retry::No => Some(0),
            Retry::After(ms) => Some(ms),
        };
        assert_eq!(retry(&Error::new("x")), None);
        assert_eq!(retry(&Error::no_retry("x")), Some(0));
        assert_eq!(retry(&Error::retry_after("1m", "x")), Some(60_000));
        assert_eq!(retry(&Error::retry_after(Duration::from_secs(2), "x")), Some(2_000));
        let odd = Error::retry_after("a while", "x");
        assert_eq!((odd.name(), odd.is_retryable()), ("InvalidDuration", false));
    }

    #[test]
    fn data_and_context_come_along() {
        let error = Error::new("no such key").with_data(vec![1, 2]).context("reading the order");
        assert_eq!(error.data::<Vec<u8>>(), Some(vec![1, 2]));
        assert_eq!(error.data::<String>(), None);
        assert_eq!(error.to_string(), "reading the order: no such key");
        assert_eq!(format!("{error:?}"), "Error: reading the order: no such key");
        assert!(None::<u8>.or_no_retry("gone").is_err_and(|e| !e.is_retryable()));
    }
}
