//! A run from its start to its end, pass by pass.

use super::Test;
use super::report::Run;
use super::stage::{Left, Stage};
use super::world::World;
use crate::Event;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

/// Runs a test's function on these events.
pub(super) fn play(test: &Rc<Test>, events: Vec<Event>, started: u64) -> Run {
    let run = Rc::new(RefCell::new(World::new(test.clone(), events, started)));
    let _stage = Stage::set(run.clone());
    loop {
        let context = run.borrow_mut().begin();
        match catch_unwind(AssertUnwindSafe(|| (test.function)(context))) {
            Err(payload) if payload.is::<Left>() => {}
            Err(panic) => resume_unwind(panic),
            Ok(result) => {
                let mut run = run.borrow_mut();
                if let Some(result) = run.end(result) {
                    return Run::of(&mut run, result);
                }
            }
        }
    }
}
