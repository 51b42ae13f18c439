//! What a test says of a step.

use crate::bindings::pawl::workflow::types::Failure;
use crate::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;

/// What stands for a step's code; it gets the number of the try.
pub(super) type Code = RefCell<dyn FnMut(u32) -> Result<String>>;

/// What a test says of a step; nothing at first.
#[derive(Default)]
pub(super) struct Mock {
    /// So many tries fail, with this.
    fails: Option<(u32, Failure)>,
    then: Option<Then>,
}

/// What is done in place of a step's own code.
pub(super) enum Then {
    /// Its output's JSON.
    Give(String),
    /// Its output by code.
    Do(Rc<Code>),
    /// An event with this data comes in.
    Hear(Value),
}

impl Mock {
    pub(super) fn gives(&mut self, output: String) {
        self.then = Some(Then::Give(output));
    }

    pub(super) fn does(&mut self, code: impl FnMut(u32) -> Result<String> + 'static) {
        self.then = Some(Then::Do(Rc::new(RefCell::new(code))));
    }

    pub(super) fn hears(&mut self, data: Value) {
        self.then = Some(Then::Hear(data));
    }

    pub(super) fn fails(&mut self, tries: u32, failure: Failure) {
        self.fails = Some((tries, failure));
    }

    /// What this try of the step fails with.
    pub(super) fn failure(&self, number: u32) -> Option<&Failure> {
        self.fails.as_ref().filter(|(tries, _)| number < *tries).map(|(_, failure)| failure)
    }

    pub(super) fn then(&self) -> Option<&Then> {
        self.then.as_ref()
    }
}

/// What a step can be said to fail with: a text, or an [`Error`].
pub trait IntoFailure {
    /// The failure as the host would get it.
    #[doc(hidden)]
    fn into_failure(self) -> Failure;
}

impl IntoFailure for &str {
    #[track_caller]
    fn into_failure(self) -> Failure {
        Error::new(self).into_failure()
    }
}

impl IntoFailure for Error {
    fn into_failure(self) -> Failure {
        self.into_failure()
    }
}

/// A value's JSON.
#[track_caller]
pub(super) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|e| panic!("what the test gives cannot be JSON: {e}"))
}

/// A value as JSON.
#[track_caller]
pub(super) fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|e| panic!("what the test gives cannot be JSON: {e}"))
}
