//! Steps side by side.

use super::{Attempt, settle, wit};
use crate::{Error, IntoSpan, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::rc::Rc;
use wit::{Operation, Outcome, Request, RunOptions};

/// Steps that go on side by side: one that sleeps or waits for another try does not
/// hold up the rest.
///
/// ```no_run
/// # extern crate pawl_sdk as pawl;
/// # fn f(step: pawl::Step) -> pawl::Result<()> {
/// let mut both = step.parallel();
/// let label = both.run("print label", || Ok("label 7".to_owned()));
/// let sum = both.run("add up", || Ok(42));
/// both.sleep("at least a minute", "1m");
/// both.join()?;
/// let (label, sum) = (label.get()?, sum.get()?);
/// # Ok(()) }
/// ```
#[must_use = "nothing happens before `join`"]
pub struct Parallel<'a> {
    branches: Vec<Branch<'a>>,
    wrong: Option<Error>,
}

struct Branch<'a> {
    request: Request,
    /// Takes the outcome; `Err` when the step failed for good.
    settle: Box<dyn FnOnce(Outcome) -> std::result::Result<(), ()> + 'a>,
    output: Rc<dyn Slot + 'a>,
}

/// Where a branch's failure can be seen, whatever its type.
trait Slot {
    fn failure(&self) -> Option<Error>;
}

/// What a step of a [`Parallel`] gives, once that is joined.
pub struct Output<T>(Rc<RefCell<Option<Result<T>>>>);

impl<T> Output<T> {
    /// What the step returned, or the error that it failed with for good.
    pub fn get(self) -> Result<T> {
        let result = self.0.borrow_mut().take();
        result.unwrap_or_else(|| Err(Error::no_retry("a parallel step's output is there after `join`")))
    }
}

impl<T> Slot for RefCell<Option<Result<T>>> {
    fn failure(&self) -> Option<Error> {
        match &*self.borrow() {
            Some(Err(error)) => Some(Error::from_failure(error.as_failure().clone())),
            _ => None,
        }
    }
}

impl<'a> Parallel<'a> {
    pub(super) fn new() -> Self {
        Self { branches: Vec::new(), wrong: None }
    }

    /// Adds a step; see [`Step::run`](super::Step::run).
    pub fn run<T, F>(&mut self, id: &str, code: F) -> Output<T>
    where
        T: Serialize + DeserializeOwned + 'a,
        F: FnOnce() -> Result<T> + 'a,
    {
        self.run_attempt(id, |_| code())
    }

    /// Adds a step whose code knows its try; see
    /// [`Step::run_attempt`](super::Step::run_attempt).
    pub fn run_attempt<T, F>(&mut self, id: &str, code: F) -> Output<T>
    where
        T: Serialize + DeserializeOwned + 'a,
        F: FnOnce(&Attempt) -> Result<T> + 'a,
    {
        let op = Operation::Run(RunOptions { timeout: None, retries: None });
        self.add(id, op, |outcome| settle(outcome, code))
    }

    /// Adds a wait.
    pub fn sleep(&mut self, id: &str, span: impl IntoSpan) {
        match span.into_millis() {
            Ok(millis) => drop(self.add(id, Operation::Sleep(millis), |outcome| match outcome {
                Outcome::Ok(_) => Ok(()),
                Outcome::Err(failure) => Err(Error::from_failure(failure)),
                Outcome::Execute(_) => Err(Error::no_retry("the host wants code for a sleep")),
            })),
            Err(error) => self.wrong = self.wrong.take().or(Some(error)),
        }
    }

    fn add<T: 'a>(
        &mut self,
        id: &str,
        op: Operation,
        settle: impl FnOnce(Outcome) -> Result<T> + 'a,
    ) -> Output<T> {
        let slot = Rc::new(RefCell::new(None));
        let output: Rc<RefCell<Option<Result<T>>>> = slot.clone();
        let settle = Box::new(move |outcome| {
            let result = settle(outcome);
            let word = result.as_ref().map(|_| ()).map_err(|_| ());
            *output.borrow_mut() = Some(result);
            word
        });
        let request = Request { id: id.to_owned(), name: None, op };
        self.branches.push(Branch { request, settle, output: slot.clone() });
        Output(slot)
    }

    /// Goes on when every step is settled. The error is that of the step that failed
    /// first; each step's own is in its [`Output`].
    pub fn join(self) -> Result<()> {
        if let Some(error) = self.wrong {
            return Err(error);
        }
        let mut branches: Vec<Option<Branch<'a>>> = self.branches.into_iter().map(Some).collect();
        let mut failed = None;
        loop {
            let open: Vec<usize> = (0..branches.len()).filter(|i| branches[*i].is_some()).collect();
            let requests: Vec<Request> = branches.iter().flatten().map(|b| b.request.clone()).collect();
            if requests.is_empty() {
                break;
            }
            for (place, outcome) in wit::select(&requests) {
                let branch = open.get(place as usize).and_then(|i| branches[*i].take());
                let Some(branch) = branch else {
                    return Err(Error::no_retry("the host answered for a step that was not asked for"));
                };
                if (branch.settle)(outcome).is_err() && failed.is_none() {
                    failed = branch.output.failure();
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_duration_comes_out_of_join() {
        let mut both = Parallel::new();
        both.sleep("nap", "a while");
        assert!(both.join().is_err_and(|e| e.name() == "InvalidDuration"));
    }

    #[test]
    fn an_output_is_not_there_before_join() {
        let mut both = Parallel::new();
        let output = both.run("a", || Ok(1));
        assert!(output.get().is_err());
    }
}
