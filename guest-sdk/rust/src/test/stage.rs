//! The run that this thread is in the middle of: what the imports lead to.

use super::ask::Next;
use super::http::Request;
use super::world::{Settled, World};
use crate::bindings::pawl::workflow::types::Failure;
use crate::function::Definition;
use crate::host::{http, log, step};
use std::cell::RefCell;
use std::rc::Rc;

/// A run, which its function's calls and the one who carries it share.
pub(super) type Shared = Rc<RefCell<World>>;

thread_local! {
    static RUN: RefCell<Option<Shared>> = const { RefCell::new(None) };
}

/// What a function is left with while its run waits.
pub(super) struct Left;

/// Puts a run on the stage until this is dropped; an invoked one takes the place of its caller.
pub(super) struct Stage(Option<Shared>);

impl Stage {
    pub(super) fn set(run: Shared) -> Self {
        Self(RUN.replace(Some(run)))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        RUN.replace(self.0.take());
    }
}

fn current() -> Option<Shared> {
    RUN.with_borrow(Clone::clone)
}

/// Asks the run.
pub(crate) fn with<T>(ask: impl FnOnce(&mut World) -> T) -> T {
    let Some(run) = current() else {
        panic!("there is no host in a test: run the function by `pawl::test::run`")
    };
    ask(&mut run.borrow_mut())
}

/// Leaves the function. No message is printed: nothing went wrong.
fn leave() -> ! {
    std::panic::resume_unwind(Box::new(Left))
}

/// The function under test says what its attribute says. Then it begins anew, as that.
pub fn entered(definition: &'static Definition) {
    if current().is_some_and(|run| run.borrow_mut().meets(definition)) {
        leave();
    }
}

/// Steps that the function asks for: one that is settled or to be executed, with its place.
pub(crate) fn ask(requests: &[step::Request]) -> (usize, step::Outcome) {
    loop {
        match with(|run| run.ask(requests)) {
            Next::Answer(place, outcome) => return (place, outcome),
            Next::Leave => leave(),
            // out of the run's hands: it may well ask the run for something
            Next::Do(key, job) => {
                let done = job.done();
                with(|run| run.done(&key, done));
            }
        }
    }
}

/// The code of the step that is executing has come to its end. Gives what to raise.
pub(crate) fn finish(result: Result<String, Failure>) -> Option<Failure> {
    match with(|run| run.finish(result)) {
        Settled::Kept => None,
        Settled::Failed(failure) => Some(failure),
        Settled::Again => leave(),
    }
}

/// A line for the log; where there is no run it is printed.
pub(crate) fn log(level: log::Level, message: &str, fields: &[(String, String)]) {
    match current() {
        Some(run) => run.borrow_mut().log(level, message, fields),
        None => eprintln!("{level:?}: {message} {fields:?}"),
    }
}

/// A request of a step's code.
pub(crate) fn send(request: &http::Request) -> Result<http::Response, http::Error> {
    let answerer = with(|run| run.may_send(request))?;
    let answer = answerer.borrow_mut()(&Request::of(request));
    answer.for_code()
}
