//! Steps: what a run does once, however often its function is called.

mod errand;
mod fetch;
mod invoke;
mod parallel;
mod send;
mod wait;

pub use fetch::Fetch;
pub use invoke::Invocation;
pub use parallel::{Output, Parallel, ParallelTask};
pub use send::NewEvent;
pub use wait::On;

use crate::bindings::exports::pawl::workflow::functions::Context;
use crate::host::step as wit;
use crate::{Error, IntoSpan, Result, Timestamp};
use errand::Errand;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wit::{Operation, Outcome, Request, RunOptions};

/// The run, as its function sees it.
///
/// The host calls a function again from its start whenever the run goes on: after a
/// sleep, before another try, after a crash. A finished step answers from the run's
/// journal and does not run again. So everything that touches the world belongs into
/// a step, and what is outside must come to the same each time.
#[derive(Debug)]
pub struct Step {
    run_id: String,
    function_id: String,
    attempt: u32,
    now: Timestamp,
}

impl Step {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            run_id: context.run_id.clone(),
            function_id: context.function_id.clone(),
            attempt: context.attempt,
            now: Timestamp::from_millis(context.now),
        }
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The id that the function goes by.
    pub fn function_id(&self) -> &str {
        &self.function_id
    }

    /// How often the function has failed outside of its steps. From 0.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When the run was started: the same in every pass, so that a decision by it is.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Runs the code once and keeps what it returns; on later passes gives what was
    /// kept. An error of the code is another try's chance, as the function's `retries`
    /// say; the error that comes out has no tries left.
    ///
    /// The first pass gives what later ones give: the value as its JSON reads back.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let total: u64 = step.run("add up", || Ok(19 + 23))?;
    /// # Ok(()) }
    /// ```
    pub fn run<T, F>(&self, id: &str, code: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Result<T>,
    {
        self.task(id).run(code)
    }

    /// The same for code that wants to know which try it is, or the key under which
    /// an outside service can tell a repeated call.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let charge: String = step.run_attempt("charge", |attempt| {
    ///     pawl::http::post("https://api.example.com/charges")
    ///         .header("Idempotency-Key", attempt.idempotency_key())
    ///         .send()?
    ///         .error_for_status()?
    ///         .json()
    /// })?;
    /// # Ok(()) }
    /// ```
    pub fn run_attempt<T, F>(&self, id: &str, code: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(&Attempt) -> Result<T>,
    {
        self.task(id).run_attempt(code)
    }

    /// A step that differs from the function's defaults.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// step.task("render").timeout("10m").retries(5).run(|| Ok("film.mp4".to_owned()))?;
    /// # Ok(()) }
    /// ```
    pub fn task<'a>(&self, id: &'a str) -> Task<'a> {
        Task::new(id)
    }

    /// Waits, at no cost: a sleeping run holds no memory. At most 366 days.
    pub fn sleep(&self, id: &str, span: impl IntoSpan) -> Result<()> {
        Errand::sleep(span)?.run(id)
    }

    /// Waits until a moment; one that has passed is no wait.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// step.sleep_until("new year", "2027-01-01T00:00:00Z".parse()?)?;
    /// # Ok(()) }
    /// ```
    pub fn sleep_until(&self, id: &str, at: Timestamp) -> Result<()> {
        Errand::sleep_until(at).run(id)
    }

    /// Several steps that go on side by side; see [`Parallel`].
    pub fn parallel<'a>(&self) -> Parallel<'a> {
        Parallel::new()
    }
}

/// A step with options of its own; made by [`Step::task`].
#[must_use = "a task does nothing until it is run"]
pub struct Task<'a> {
    id: &'a str,
    timeout: Option<Result<u64>>,
    options: RunOptions,
}

impl<'a> Task<'a> {
    fn new(id: &'a str) -> Self {
        Self { id, timeout: None, options: RunOptions { timeout: None, retries: None } }
    }

    /// One try's time limit, in place of the function's `step_timeout`.
    pub fn timeout(mut self, span: impl IntoSpan) -> Self {
        self.timeout = Some(span.into_millis());
        self
    }

    /// Tries after the first, in place of the function's `retries`.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = Some(retries);
        self
    }

    /// See [`Step::run`].
    pub fn run<T, F>(self, code: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Result<T>,
    {
        self.run_attempt(|_| code())
    }

    /// See [`Step::run_attempt`].
    pub fn run_attempt<T, F>(self, code: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(&Attempt) -> Result<T>,
    {
        settle(wit::open(&self.request()?), code)
    }

    fn request(mut self) -> Result<Request> {
        self.options.timeout = self.timeout.transpose()?;
        let op = Operation::Run(self.options);
        Ok(Request { id: self.id.to_owned(), op })
    }
}

/// One try of a step's code.
#[derive(Debug)]
pub struct Attempt(wit::Attempt);

impl Attempt {
    /// Which try it is. From 0.
    pub fn number(&self) -> u32 {
        self.0.number()
    }

    /// How many tries the step has in all.
    pub fn max(&self) -> u32 {
        self.0.max()
    }

    /// Whether a failure now is the step's last.
    pub fn is_last(&self) -> bool {
        self.number() + 1 >= self.max()
    }

    /// The same for every try of this step, and for no other step: for outside
    /// services that recognise a repeated call.
    pub fn idempotency_key(&self) -> String {
        self.0.idempotency_key()
    }
}

/// A step's outcome as its caller gets it, after executing its code where asked to.
fn settle<T, F>(outcome: Outcome, code: F) -> Result<T>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(&Attempt) -> Result<T>,
{
    match outcome {
        Outcome::Ok(text) => recorded(&text),
        Outcome::Err(failure) => Err(Error::from_failure(failure)),
        Outcome::Execute(attempt) => execute(&Attempt(attempt), code),
    }
}

fn execute<T, F>(attempt: &Attempt, code: F) -> Result<T>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(&Attempt) -> Result<T>,
{
    match code(attempt).and_then(|value| encode(&value)) {
        Ok((text, value)) => match attempt.0.succeed(&text) {
            Ok(()) => Ok(value),
            Err(failure) => Err(Error::from_failure(failure)),
        },
        Err(error) => Err(Error::from_failure(attempt.0.fail(error.as_failure()))),
    }
}

/// A value as it is kept, and as every later pass will read it. Checked before it is
/// kept: an output that does not read back would break the run on its next pass.
pub(crate) fn encode<T: Serialize + DeserializeOwned>(value: &T) -> Result<(String, T)> {
    let text = serde_json::to_string(value)
        .map_err(|e| Error::no_retry(format!("its output cannot be JSON: {e}")).with_name("InvalidOutput"))?;
    let value = serde_json::from_str(&text).map_err(|e| {
        let why = format!("its output does not read back from its JSON as the same type: {e}");
        Error::no_retry(why).with_name("InvalidOutput")
    })?;
    Ok((text, value))
}

/// A kept output as the type that the function wants now.
pub(crate) fn recorded<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| {
        let why = format!("the step's recorded output is of another type than the function wants: {e}");
        Error::no_retry(why).with_name("OutputMismatch")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lossy {
        kept: u8,
        #[serde(skip)]
        dropped: u8,
    }

    #[test]
    fn the_first_pass_gives_what_a_replay_gives() {
        let (text, first) = encode(&Lossy { kept: 1, dropped: 2 }).expect("JSON");
        assert_eq!(first, recorded(&text).expect("the same"));
        assert_eq!(first.dropped, 0);
    }

    #[test]
    fn what_cannot_be_kept_fails_for_good() {
        let no_text = encode(&BTreeMap::from([((1, 2), 3)])).expect_err("keys are texts");
        assert_eq!((no_text.name(), no_text.is_retryable()), ("InvalidOutput", false));
        let no_way_back = encode(&f64::NAN).expect_err("null is no number");
        assert_eq!((no_way_back.name(), no_way_back.is_retryable()), ("InvalidOutput", false));
        assert!(recorded::<u8>(r#""x""#).is_err_and(|e| e.name() == "OutputMismatch"));
    }

    #[test]
    fn a_task_asks_for_what_its_options_say() {
        let step = Step {
            run_id: String::new(),
            function_id: String::new(),
            attempt: 0,
            now: Timestamp::from_millis(0),
        };
        let request = step.task("a").timeout("10m").retries(5).request().expect("valid");
        let Operation::Run(options) = request.op else { panic!("a run") };
        assert_eq!((options.timeout, options.retries), (Some(600_000), Some(5)));
        assert!(step.task("a").timeout("later").request().is_err_and(|e| e.name() == "InvalidDuration"));
    }
}
