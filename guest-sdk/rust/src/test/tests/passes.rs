//! Passes: a function is called again as a host does it, and has to come to the same.

use super::steps::panic_of;
use crate::test::run;
use crate::{Error, Event, Result, Step, Value, json};
use std::cell::Cell;
use std::time::Duration;

/// True in the first pass.
fn once() -> impl Fn() -> bool {
    let is_first = Cell::new(true);
    move || is_first.replace(false)
}

#[test]
fn a_function_that_asks_for_another_step_panics_with_both() {
    let is_first = once();
    let fickle = move |_: Event, step: Step| {
        let id = if is_first() { "heads" } else { "tails" };
        step.run(id, || Ok(1))?;
        step.sleep("nap", "1s")
    };
    let panic = panic_of(|| drop(run(fickle).go()));
    let why = "the function asks for step `tails` before step `heads`, which an earlier pass came to";
    assert!(panic.starts_with(why), "{panic}");
}

#[test]
fn a_function_that_ends_early_panics_with_what_is_missing() {
    let is_first = once();
    let fickle = move |_: Event, step: Step| if is_first() { step.sleep("nap", "1s") } else { Ok(()) };
    let panic = panic_of(|| drop(run(fickle).go()));
    assert!(panic.starts_with("the function comes to its end without step `nap`"), "{panic}");
}

#[test]
fn a_step_that_becomes_another_kind_panics() {
    let is_first = once();
    let fickle = move |_: Event, step: Step| match is_first() {
        true => step.sleep("x", "1s"),
        false => step.run("x", || Ok(())),
    };
    let panic = panic_of(|| drop(run(fickle).go()));
    assert!(panic.starts_with("the function asks for code as step `x` in place of a sleep"), "{panic}");
}

#[crate::function(id = "tired", retries = 2)]
fn tired(_: Event, step: Step) -> Result<u32> {
    // after a failure it may go another way
    let id = format!("way {}", step.attempt());
    step.run(&id, || Ok(()))?;
    crate::ensure!(step.attempt() == 2, Error::new("tired"));
    Ok(step.attempt())
}

#[test]
fn a_failed_function_is_tried_again_as_its_retries_say() {
    let run = run(tired).go();
    assert_eq!(run.output::<u32>().ok(), Some(2));
    assert_eq!(run.slept(), Duration::from_secs(15 + 30));
    assert_eq!(run.step_ids(), ["way 0", "way 1", "way 2"]);
}

#[test]
fn a_function_whose_tries_are_used_up_fails_with_the_last_error() {
    let run =
        run(|_: Event, step: Step| -> Result<()> { Err(Error::new(format!("failure {}", step.attempt()))) });
    let run = run.go();
    assert_eq!(run.error().map(Error::message), Some("failure 3"));
    assert_eq!((run.passes(), run.slept()), (4, Duration::from_secs(15 + 30 + 60)));
}

#[test]
fn a_steps_error_that_the_function_hands_on_is_not_tried_again() {
    let run = run(|_: Event, step: Step| step.run("a", || -> Result<()> { Err(Error::no_retry("no")) })).go();
    assert_eq!((run.passes(), run.error().map(Error::message)), (1, Some("no")));
}

#[test]
fn event_data_of_another_shape_fails_the_run_before_its_first_line() {
    let run = run(|_: Event<u8>, _: Step| Ok(())).event("a/b", "text").go();
    assert_eq!(run.error().map(Error::name), Some("InvalidEventData"));
}

#[test]
fn a_panic_of_the_function_is_the_tests() {
    let broken = |_: Event, step: Step| -> Result<()> { step.run("a", || panic!("made of paper")) };
    assert_eq!(panic_of(|| drop(run(broken).go())), "made of paper");
    // and nothing of that run is left on this thread
    assert!(run(|_: Event, _: Step| Ok(())).go().error().is_none());
}

#[test]
fn clock_and_chance_are_the_same_in_each_pass_and_the_worlds_inside_of_steps() {
    let ask = || (crate::system::now().as_millis(), crate::system::random());
    let clock = move |_: Event, step: Step| -> Result<Value> {
        let outside = ask();
        let first: (u64, u64) = step.run("first", || Ok(outside))?;
        step.sleep("nap", "1h")?;
        let inside: (u64, u64) = step.run("inside", || {
            crate::system::pause("5s")?;
            Ok(ask())
        })?;
        Ok(json!({ "first": first, "outside": outside, "inside": inside, "now": step.now() }))
    };
    let run = run(clock).at("2026-11-24T12:00:00Z".parse().expect("a time")).go();
    let output: Value = run.output().expect("completes");
    assert_eq!(output["first"], output["outside"]);
    assert_eq!(output["outside"][0], output["now"]);
    assert_eq!(output["inside"][0], json!(1_795_521_600_000_u64 + 3_605_000));
    assert_ne!(output["inside"][1], output["outside"][1]);
    assert_eq!(run.slept(), Duration::from_secs(3_605));
}
