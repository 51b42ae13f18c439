//! Steps that the host does by itself, without any code of the guest.

use super::wit;
use crate::{Error, IntoSpan, Result, Timestamp};
use wit::{Operation, Outcome, Request};

type Read<'a, T> = Box<dyn FnOnce(&str) -> Result<T> + 'a>;

/// What the host is asked for, and how its answer reads.
pub(super) struct Errand<'a, T> {
    pub(super) op: Operation,
    read: Read<'a, T>,
}

impl<'a, T> Errand<'a, T> {
    pub(super) fn new(op: Operation, read: impl FnOnce(&str) -> Result<T> + 'a) -> Self {
        Self { op, read: Box::new(read) }
    }

    /// As a step of its own.
    pub(super) fn run(self, id: &str) -> Result<T> {
        let request = Request { id: id.to_owned(), op: self.op };
        answered(wit::open(&request), self.read)
    }

    /// For a step among several: what to ask, and what to do with the answer.
    pub(super) fn into_parts(self) -> (Operation, impl FnOnce(Outcome) -> Result<T> + use<'a, T>) {
        (self.op, |outcome| answered(outcome, self.read))
    }
}

impl Errand<'_, ()> {
    /// A wait.
    pub(super) fn sleep(span: impl IntoSpan) -> Result<Self> {
        Ok(Self::new(Operation::Sleep(span.into_millis()?), |_| Ok(())))
    }

    /// A wait until a moment.
    pub(super) fn sleep_until(at: Timestamp) -> Self {
        Self::new(Operation::SleepUntil(at.as_millis()), |_| Ok(()))
    }
}

fn answered<T>(outcome: Outcome, read: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    match outcome {
        Outcome::Ok(text) => read(&text),
        Outcome::Err(failure) => Err(Error::from_failure(failure)),
        // there is no code of ours to ask for; dropping the attempt fails it
        Outcome::Execute(_) => Err(Error::no_retry("the host wants code for a step that has none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::pawl::workflow::types::{Failure, Retry};

    #[test]
    fn an_errand_gives_what_its_answer_reads_as_or_what_the_step_failed_with() {
        let errand = || Errand::new(Operation::Sleep(1), |text| Ok(text.len())).into_parts().1;
        assert_eq!(errand()(Outcome::Ok("null".into())).ok(), Some(4));
        let failure =
            Failure { name: "E".into(), message: "m".into(), stack: None, data: None, retry: Retry::No };
        assert!(errand()(Outcome::Err(failure)).is_err_and(|e| e.name() == "E"));
    }

    #[test]
    fn a_wait_is_asked_for_in_milliseconds() {
        assert!(matches!(Errand::sleep("1m").expect("a span").op, Operation::Sleep(60_000)));
        let until = Errand::sleep_until(Timestamp::from_secs(2)).op;
        assert!(matches!(until, Operation::SleepUntil(2_000)));
        assert!(Errand::sleep("soon").is_err_and(|e| e.name() == "InvalidDuration"));
    }
}
