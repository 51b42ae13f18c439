//! Steps side by side.

use super::errand::Errand;
use super::{Attempt, Fetch, Invocation, NewEvent, On, Task, send, settle, wit};
use crate::{Error, Event, IntoSpan, Result, Timestamp, http};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::rc::Rc;
use wit::{Outcome, Request};

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
///
/// What the host does by itself goes on at once; code runs one after the other in this
/// instance, or at the same time in others, as the host sees fit.
#[must_use = "nothing happens before `join` or `race`"]
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
        result.unwrap_or_else(|| Err(Error::no_retry("a parallel step's output is there when it is settled")))
    }

    /// Whether the step has come to its end: after [`Parallel::join`] each one has,
    /// after [`Parallel::race`] the winner.
    pub fn is_settled(&self) -> bool {
        self.0.borrow().is_some()
    }
}

impl<T> Slot for RefCell<Option<Result<T>>> {
    fn failure(&self) -> Option<Error> {
        match &*self.borrow() {
            Some(Err(error)) => Some(copy(error)),
            _ => None,
        }
    }
}

fn copy(error: &Error) -> Error {
    Error::from_failure(error.as_failure().clone())
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
        self.task(id).run(code)
    }

    /// Adds a step whose code knows its try; see
    /// [`Step::run_attempt`](super::Step::run_attempt).
    pub fn run_attempt<T, F>(&mut self, id: &str, code: F) -> Output<T>
    where
        T: Serialize + DeserializeOwned + 'a,
        F: FnOnce(&Attempt) -> Result<T> + 'a,
    {
        self.task(id).run_attempt(code)
    }

    /// Adds a step that differs from the function's defaults; see
    /// [`Step::task`](super::Step::task).
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let mut both = step.parallel();
    /// let film = both.task("render").timeout("10m").retries(5).run(|| Ok("film.mp4".to_owned()));
    /// # Ok(()) }
    /// ```
    pub fn task<'b>(&'b mut self, id: &'b str) -> ParallelTask<'b, 'a> {
        ParallelTask { all: self, task: Task::new(id) }
    }

    /// Adds a wait.
    pub fn sleep(&mut self, id: &str, span: impl IntoSpan) -> Output<()> {
        self.add_errand(id, Errand::sleep(span))
    }

    /// Adds a wait until a moment.
    pub fn sleep_until(&mut self, id: &str, at: Timestamp) -> Output<()> {
        self.add_errand(id, Ok(Errand::sleep_until(at)))
    }

    /// Adds a wait for an event; see [`Step::wait_for_event`](super::Step::wait_for_event).
    pub fn wait_for_event<T: DeserializeOwned + 'a>(&mut self, id: &str, on: On) -> Output<Option<Event<T>>> {
        self.add_errand(id, on.errand())
    }

    /// Adds a call of another function; see [`Step::invoke`](super::Step::invoke).
    pub fn invoke<T: DeserializeOwned + 'a>(
        &mut self,
        id: &str,
        function: &str,
        data: impl Serialize,
    ) -> Output<T> {
        self.invoke_with(id, Invocation::of(function, data))
    }

    /// Adds a call that says more; see [`Step::invoke_with`](super::Step::invoke_with).
    pub fn invoke_with<T: DeserializeOwned + 'a>(&mut self, id: &str, call: Invocation) -> Output<T> {
        self.add_errand(id, call.errand())
    }

    /// Adds an event to send; see [`Step::send_event`](super::Step::send_event).
    pub fn send_event(&mut self, id: &str, event: NewEvent) -> Output<String> {
        self.add_errand(id, send::send_one(event))
    }

    /// Adds events to send; see [`Step::send_events`](super::Step::send_events).
    pub fn send_events(
        &mut self,
        id: &str,
        events: impl IntoIterator<Item = NewEvent>,
    ) -> Output<Vec<String>> {
        self.add_errand(id, send::send_all(events))
    }

    /// Adds a request that the host makes; see [`Step::fetch`](super::Step::fetch).
    pub fn fetch(&mut self, id: &str, request: impl Into<Fetch>) -> Output<http::Response> {
        self.add_errand(id, request.into().errand())
    }

    fn add_errand<T: 'a>(&mut self, id: &str, errand: Result<Errand<'a, T>>) -> Output<T> {
        match errand.map(Errand::into_parts) {
            Ok((op, read)) => self.add(Request { id: id.to_owned(), op }, read),
            Err(error) => self.refuse(error),
        }
    }

    /// A step that cannot be asked for: nothing begins.
    fn refuse<T>(&mut self, error: Error) -> Output<T> {
        self.wrong.get_or_insert_with(|| copy(&error));
        Output(Rc::new(RefCell::new(Some(Err(error)))))
    }

    fn add<T: 'a>(&mut self, request: Request, settle: impl FnOnce(Outcome) -> Result<T> + 'a) -> Output<T> {
        let slot = Rc::new(RefCell::new(None));
        let output: Rc<RefCell<Option<Result<T>>>> = slot.clone();
        let settle = Box::new(move |outcome| {
            let result = settle(outcome);
            let word = result.as_ref().map(|_| ()).map_err(|_| ());
            *output.borrow_mut() = Some(result);
            word
        });
        self.branches.push(Branch { request, settle, output: slot.clone() });
        Output(slot)
    }

    /// Goes on when every step is settled. The error is that of the step that failed
    /// first; each step's own is in its [`Output`].
    pub fn join(self) -> Result<()> {
        let mut open = Open::of(self)?;
        let mut failed = None;
        while open.is_any() {
            for (_, failure) in open.settle_some(wit::select)? {
                failed = failed.or(failure);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Goes on when the first step is settled, and gives its place, from 0, or the error
    /// that it failed with. The others are left: what the host does for them goes on, and
    /// their outputs are not there.
    ///
    /// ```no_run
    /// # extern crate pawl_sdk as pawl;
    /// # use pawl::{On, Value};
    /// # fn f(step: pawl::Step) -> pawl::Result<()> {
    /// let mut both = step.parallel();
    /// let paid = both.wait_for_event::<Value>("payment", On::event("shop/order.paid").timeout("7d"));
    /// let too_late = both.sleep("patience", "1d");
    /// both.race()?;
    /// if too_late.is_settled() {
    ///     return Err(pawl::Error::no_retry("nobody paid"));
    /// }
    /// let paid = paid.get()?;
    /// # Ok(()) }
    /// ```
    pub fn race(self) -> Result<usize> {
        let mut open = Open::of(self)?;
        while open.is_any() {
            if let Some((place, failure)) = open.settle_some(wit::select)?.into_iter().next() {
                return failure.map_or(Ok(place), Err);
            }
        }
        Err(Error::no_retry("a race without any steps has no winner"))
    }
}

/// A step of a [`Parallel`] with options of its own; made by [`Parallel::task`].
#[must_use = "a task does nothing until it is run"]
pub struct ParallelTask<'b, 'a> {
    all: &'b mut Parallel<'a>,
    task: Task<'b>,
}

impl<'a> ParallelTask<'_, 'a> {
    /// One try's time limit, in place of the function's `step_timeout`.
    pub fn timeout(mut self, span: impl IntoSpan) -> Self {
        self.task = self.task.timeout(span);
        self
    }

    /// Tries after the first, in place of the function's `retries`.
    pub fn retries(mut self, retries: u32) -> Self {
        self.task = self.task.retries(retries);
        self
    }

    /// See [`Parallel::run`].
    pub fn run<T, F>(self, code: F) -> Output<T>
    where
        T: Serialize + DeserializeOwned + 'a,
        F: FnOnce() -> Result<T> + 'a,
    {
        self.run_attempt(|_| code())
    }

    /// See [`Parallel::run_attempt`].
    pub fn run_attempt<T, F>(self, code: F) -> Output<T>
    where
        T: Serialize + DeserializeOwned + 'a,
        F: FnOnce(&Attempt) -> Result<T> + 'a,
    {
        match self.task.request() {
            Ok(request) => self.all.add(request, |outcome| settle(outcome, code)),
            Err(error) => self.all.refuse(error),
        }
    }
}

/// Steps that are not settled yet, each at its place.
struct Open<'a>(Vec<Option<Branch<'a>>>);

impl<'a> Open<'a> {
    fn of(all: Parallel<'a>) -> Result<Self> {
        match all.wrong {
            Some(error) => Err(error),
            None => Ok(Self(all.branches.into_iter().map(Some).collect())),
        }
    }

    fn is_any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Asks the host, by its `select`, and settles what it answers: the places of those
    /// steps, and what they failed with, in the order in which they came to their end.
    fn settle_some(
        &mut self,
        select: impl FnOnce(&[Request]) -> Vec<(u32, Outcome)>,
    ) -> Result<Vec<(usize, Option<Error>)>> {
        let places: Vec<usize> = (0..self.0.len()).filter(|i| self.0[*i].is_some()).collect();
        let requests: Vec<Request> = self.0.iter().flatten().map(|b| b.request.clone()).collect();
        let answers = select(&requests);
        // what is to be executed here is settled after what has been settled already
        let (code, kept): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(_, outcome)| matches!(outcome, Outcome::Execute(_)));
        let mut settled = Vec::new();
        for (n, outcome) in kept.into_iter().chain(code) {
            let place = places.get(n as usize).copied();
            let Some((place, branch)) = place.and_then(|place| Some((place, self.0[place].take()?))) else {
                return Err(Error::no_retry("the host answered for a step that was not asked for"));
            };
            let failure = (branch.settle)(outcome).err().and_then(|()| branch.output.failure());
            settled.push((place, failure));
        }
        Ok(settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::pawl::workflow::types::{Failure, Retry};

    fn failure(name: &str) -> Outcome {
        let (name, message) = (name.to_owned(), String::new());
        Outcome::Err(Failure { name, message, stack: None, data: None, retry: Retry::No })
    }

    fn ok(text: &str) -> Outcome {
        Outcome::Ok(text.to_owned())
    }

    #[test]
    fn what_is_wrong_with_a_step_comes_out_of_join_and_of_its_own_output() {
        let mut both = Parallel::new();
        let nap = both.sleep("nap", "a while");
        let call = both.invoke::<u8>("call", "f", 7);
        assert!(both.join().is_err_and(|e| e.name() == "InvalidDuration"));
        assert!(nap.get().is_err_and(|e| e.name() == "InvalidDuration"));
        assert!(call.get().is_err_and(|e| e.name() == "InvalidData"));
        let mut both = Parallel::new();
        both.task("a").timeout("later").run(|| Ok(1));
        assert!(both.race().is_err_and(|e| e.name() == "InvalidDuration"));
    }

    #[test]
    fn an_output_is_not_there_before_join() {
        let mut both = Parallel::new();
        let output = both.run("a", || Ok(1));
        assert!(!output.is_settled());
        assert!(output.get().is_err());
    }

    #[test]
    fn a_race_without_steps_is_an_error() {
        assert!(Parallel::new().race().is_err());
        assert!(Parallel::new().join().is_ok());
    }

    #[test]
    fn several_answers_at_once_are_given_to_their_steps_and_the_rest_is_asked_again() {
        let mut all = Parallel::new();
        let (a, b) = (all.run("a", || Ok(0)), all.sleep("b", "1s"));
        let c = all.wait_for_event::<u8>("c", On::event("e"));
        let mut open = Open::of(all).expect("valid");
        let settled = open.settle_some(|asked| {
            assert_eq!(asked.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
            vec![(2, ok("null")), (0, failure("E"))]
        });
        let settled = settled.expect("answers");
        assert_eq!(
            settled.iter().map(|(place, e)| (*place, e.is_some())).collect::<Vec<_>>(),
            [(2, false), (0, true)]
        );
        assert!((a.is_settled(), b.is_settled(), c.is_settled()) == (true, false, true));
        let rest = open.settle_some(|asked| {
            assert_eq!(asked.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["b"]);
            vec![(0, ok("null"))]
        });
        assert_eq!(rest.expect("answers").len(), 1);
        assert!(!open.is_any());
        assert!(a.get().is_err_and(|e| e.name() == "E"));
        assert!(b.get().is_ok() && c.get().is_ok_and(|event| event.is_none()));
    }

    #[test]
    fn an_answer_for_no_step_is_an_error() {
        let mut all = Parallel::new();
        all.sleep("a", "1s");
        let mut open = Open::of(all).expect("valid");
        assert!(open.settle_some(|_| vec![(1, ok("null"))]).is_err());
    }
}
