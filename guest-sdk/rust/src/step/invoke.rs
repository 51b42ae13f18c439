//! Steps that call another function.

use super::errand::Errand;
use super::{Step, recorded, wit};
use crate::{Error, IntoSpan, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wit::Operation;

/// A call of another function; see [`Step::invoke_with`].
///
/// ```
/// # extern crate pawl_sdk as pawl;
/// use pawl::{Invocation, json};
///
/// Invocation::of("print-label", json!({ "order": "o1" })).timeout("1h").user(json!({ "id": "u1" }));
/// ```
#[derive(Debug)]
#[must_use = "nothing is called before `invoke_with`"]
pub struct Invocation {
    inner: wit::Invocation,
    /// What was wrong with an earlier call: `invoke_with` says it.
    wrong: Option<Error>,
}

impl Invocation {
    /// Of the function with this id. The data is that of the event that it is started
    /// with, and has to be a JSON object.
    pub fn of(function: impl Into<String>, data: impl Serialize) -> Self {
        let inner =
            wit::Invocation { function: function.into(), data: String::new(), user: None, timeout: None };
        let mut call = Self { inner, wrong: None };
        if let Some(data) = object("an invocation's data", &data, &mut call.wrong) {
            call.inner.data = data;
        }
        call
    }

    /// How long to wait for what it gives; 366 days when it is left out. The other run
    /// goes on after it.
    pub fn timeout(mut self, span: impl IntoSpan) -> Self {
        match span.into_millis() {
            Ok(millis) => self.inner.timeout = Some(millis),
            Err(error) => self.wrong = self.wrong.or(Some(error)),
        }
        self
    }

    /// Whom it is about: a JSON object.
    pub fn user(mut self, user: impl Serialize) -> Self {
        self.inner.user = object("an invocation's user", &user, &mut self.wrong);
        self
    }

    pub(super) fn errand<'a, T: DeserializeOwned + 'a>(self) -> Result<Errand<'a, T>> {
        match self.wrong {
            Some(error) => Err(error),
            None => Ok(Errand::new(Operation::Invoke(self.inner), recorded)),
        }
    }
}

/// The value's JSON, if that is an object.
#[track_caller]
pub(super) fn object(what: &str, value: &impl Serialize, wrong: &mut Option<Error>) -> Option<String> {
    let why = match serde_json::to_value(value) {
        Ok(value @ Value::Object(_)) => return Some(value.to_string()),
        Ok(_) => format!("{what} has to be a JSON object"),
        Err(e) => format!("{what} cannot be JSON: {e}"),
    };
    wrong.get_or_insert_with(|| Error::no_retry(why).with_name("InvalidData"));
    None
}

impl Step {
    /// Calls another function and waits, at no cost, for what it gives. The error is
    /// the other run's, if that failed. The data has to be a JSON object.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # #[derive(serde::Deserialize)] struct Label { url: String }
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let label: Label = step.invoke("label", "print-label", pawl::json!({ "order": "o1" }))?;
    /// # Ok(()) }
    /// ```
    pub fn invoke<T: DeserializeOwned>(&self, id: &str, function: &str, data: impl Serialize) -> Result<T> {
        self.invoke_with(id, Invocation::of(function, data))
    }

    /// The same for a call that says more.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # use pawl::{Invocation, json};
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let call = Invocation::of("print-label", json!({ "order": "o1" })).timeout("1h");
    /// let label: String = step.invoke_with("label", call)?;
    /// # Ok(()) }
    /// ```
    pub fn invoke_with<T: DeserializeOwned>(&self, id: &str, call: Invocation) -> Result<T> {
        call.errand()?.run(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_call_says_what_its_builder_was_told() {
        let call = Invocation::of("print-label", json!({ "n": 1 })).timeout("1h").user(json!({ "id": 2 }));
        let Operation::Invoke(asked) = call.errand::<u8>().expect("valid").op else { panic!("a call") };
        assert_eq!((asked.function.as_str(), asked.data.as_str()), ("print-label", r#"{"n":1}"#));
        assert_eq!((asked.user.as_deref(), asked.timeout), (Some(r#"{"id":2}"#), Some(3_600_000)));
    }

    #[test]
    fn data_that_is_no_object_is_not_sent() {
        for call in [Invocation::of("f", 7), Invocation::of("f", f64::NAN), Invocation::of("f", ())] {
            let error = call.errand::<u8>().err().expect("refused");
            assert_eq!((error.name(), error.is_retryable()), ("InvalidData", false));
        }
        assert!(Invocation::of("f", json!({})).user("me").errand::<u8>().is_err());
        let late = Invocation::of("f", json!({})).timeout("later").errand::<u8>();
        assert!(late.is_err_and(|e| e.name() == "InvalidDuration"));
    }
}
