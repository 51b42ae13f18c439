//! What steps give, by their code or by what a test says.

use crate::test::{Kind, run};
use crate::{Error, Event, Events, Failed, Invocation, NewEvent, On, Result, Step, Value, json};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

#[crate::function(id = "charge-order", event = "shop/order.placed", retries = 1)]
fn charge_order(event: Event, step: Step) -> Result<Value> {
    let charge: String =
        step.run_attempt("charge", |attempt| Ok(format!("{} of {}", attempt.number() + 1, attempt.max())))?;
    Ok(json!({ "order": event.data["order"], "charge": charge, "function": step.function_id() }))
}

/// What a test of an author's says when it panics.
pub(super) fn panic_of(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("it was to panic");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

#[test]
fn a_function_runs_with_its_own_code_and_what_its_attribute_says() {
    let run = run(charge_order).event("shop/order.placed", json!({ "order": "o1" })).go();
    let expected = json!({ "order": "o1", "charge": "1 of 2", "function": "charge-order" });
    assert_eq!(run.output::<Value>().expect("completes"), expected);
    assert_eq!((run.passes(), run.slept()), (1, Duration::ZERO));
    let [step] = run.steps() else { panic!("one step: {:?}", run.steps()) };
    assert_eq!((step.id.as_str(), step.kind, step.attempts), ("charge", Kind::Run, 1));
}

#[test]
fn a_value_stands_for_a_steps_code_and_so_does_other_code() {
    let given = run(charge_order).step("charge", "none").go();
    assert_eq!(given.output::<Value>().expect("completes")["charge"], "none");
    let done = run(charge_order)
        .step_with("charge", |number| if number == 0 { Err(Error::new("busy")) } else { Ok("second") })
        .go();
    assert_eq!(done.output::<Value>().expect("completes")["charge"], "second");
    assert_eq!(done.step("charge").attempts, 2);
}

#[test]
fn a_step_that_is_said_to_fail_fails_with_all_its_tries() {
    let run = run(charge_order).fails("charge", "no money").go();
    let error = run.error().expect("fails");
    assert_eq!((error.message(), error.is_retryable()), ("no money", false));
    assert_eq!(run.step("charge").attempts, 2);
    assert!(run.output::<Value>().is_err_and(|e| e.message() == "no money"));
}

#[test]
fn an_error_for_good_leaves_no_second_try() {
    let run = run(charge_order).fails("charge", Error::no_retry("stolen").with_name("CardError")).go();
    assert_eq!(run.error().map(Error::name), Some("CardError"));
    assert_eq!((run.step("charge").attempts, run.passes()), (1, 1));
}

#[test]
fn after_the_first_tries_the_steps_own_code_is_run_by_the_policy() {
    let run = run(charge_order).fails_first("charge", 1, "busy").go();
    assert_eq!(run.output::<Value>().expect("completes")["charge"], "2 of 2");
    assert_eq!((run.slept(), run.passes()), (Duration::from_secs(15), 2));
}

#[test]
fn retry_after_is_kept_to_within_its_bounds() {
    let run = run(|_: Event, step: Step| {
        step.run_attempt("later", |attempt| match attempt.number() {
            0 => Err(Error::retry_after("90s", "busy")),
            1 => Err(Error::retry_after("1ms", "busy")),
            _ => Ok("done".to_owned()),
        })
    });
    let run = run.go();
    assert_eq!(run.output::<String>().ok().as_deref(), Some("done"));
    assert_eq!(run.slept(), Duration::from_secs(91));
}

#[test]
fn ids_that_repeat_are_steps_of_their_own() {
    let looped =
        |_: Event, step: Step| -> Result<Vec<u64>> { (0..3).map(|n| step.run("same", || Ok(n))).collect() };
    let run = run(looped).step("same:1", 10).go();
    assert_eq!(run.output::<Vec<u64>>().ok(), Some(vec![0, 10, 2]));
    assert_eq!(run.step_ids(), ["same", "same:1", "same:2"]);
}

fn approve(_: Event, step: Step) -> Result<Value> {
    let on = On::event("shop/order.approved").matching("data.order").timeout("7d");
    let approval = step.wait_for_event::<Value>("approval", on)?;
    Ok(json!(approval.map(|event| json!([event.name, event.data]))))
}

#[test]
fn a_wait_gets_the_event_that_the_test_has_for_it() {
    let run = run(approve).event_for("approval", json!({ "by": "ann" })).go();
    assert_eq!(run.output::<Value>().ok(), Some(json!(["shop/order.approved", { "by": "ann" }])));
    assert_eq!(run.slept(), Duration::ZERO);
}

#[test]
fn a_wait_without_an_event_comes_to_its_timeout() {
    let run = run(approve).go();
    assert_eq!(run.output::<Value>().ok(), Some(Value::Null));
    assert_eq!((run.slept(), run.passes()), (Duration::from_secs(7 * 86_400), 2));
}

fn call(_: Event, step: Step) -> Result<u64> {
    step.invoke_with("double", Invocation::of("doubler", json!({ "n": 4 })))
}

fn doubler(event: Event, step: Step) -> Result<u64> {
    step.sleep("think", "1m")?;
    match event.data["n"].as_u64() {
        Some(n) => step.run("double", || Ok(n * 2)),
        None => Err(Error::no_retry("no number")),
    }
}

#[test]
fn a_call_is_answered_by_a_value_or_by_the_other_function_itself() {
    assert_eq!(run(call).step("double", 9).go().output::<u64>().ok(), Some(9));
    let own = run(call).function("doubler", run(doubler)).go();
    assert_eq!(own.output::<u64>().ok(), Some(8));
    assert_eq!(own.slept(), Duration::from_secs(60), "the other run's time is the caller's");
    assert_eq!(own.step("double").kind, Kind::Invoke);
    let failed = run(call).function("doubler", run(doubler).fails("double", "broken")).go();
    assert_eq!(failed.error().map(Error::message), Some("broken"));
}

#[test]
fn a_call_that_nothing_is_said_about_panics_with_what_to_say() {
    let panic = panic_of(|| drop(run(call).go()));
    assert!(panic.starts_with("step `double` calls `doubler`: say what it gives by `.step("), "{panic}");
}

#[test]
fn what_does_not_fit_a_step_panics_with_what_does() {
    let panic = panic_of(|| drop(run(approve).step("approval", json!({})).go()));
    assert_eq!(panic, "step `approval` waits for an event: say which comes by `.event_for(…)`");
    let panic = panic_of(|| drop(run(charge_order).event_for("charge", json!({})).go()));
    assert_eq!(panic, "step `charge` is code: no event comes for it");
    let nap = |_: Event, step: Step| step.sleep("nap", "1s");
    let panic = panic_of(|| drop(run(nap).fails("nap", "awake").go()));
    assert!(panic.starts_with("step `nap` is a sleep"), "{panic}");
}

#[test]
fn what_was_sent_is_told_and_its_ids_are_what_the_step_gives() {
    let tell = |_: Event, step: Step| -> Result<Vec<String>> {
        let events = [NewEvent::new("a/b", json!({ "n": 1 })).id("own"), NewEvent::new("a/c", json!({}))];
        step.sleep("nap", "1s")?;
        let ids = step.send_events("tell", events)?;
        step.sleep("nap", "1s")?;
        Ok(ids)
    };
    let run = run(tell).go();
    assert_eq!(run.output::<Vec<String>>().expect("completes"), ["own", "sent-2"]);
    let [first, second] = run.sent() else { panic!("two events: {:?}", run.sent()) };
    assert_eq!((first.name.as_str(), &first.data, second.name.as_str()), ("a/b", &json!({ "n": 1 }), "a/c"));
}

#[test]
fn parallel_steps_and_races_come_out_as_on_a_host() {
    let all = |_: Event, step: Step| -> Result<Value> {
        let mut all = step.parallel();
        let a = all.run_attempt("a", |attempt| {
            crate::ensure!(attempt.number() > 0, Error::new("once more"));
            Ok(1)
        });
        let b = all.run("b", || -> Result<u8> { Err(Error::no_retry("b is broken")) });
        all.sleep("c", "1h");
        let failed = all.join().expect_err("b failed").message().to_owned();
        let mut race = step.parallel();
        race.sleep("slow", "1h");
        race.run("fast", || Ok(()));
        let winner = race.race()?;
        Ok(json!([a.get()?, b.get().is_err(), failed, winner]))
    };
    let run = run(all).go();
    assert_eq!(run.output::<Value>().ok(), Some(json!([1, true, "b is broken", 1])));
    assert_eq!(run.slept(), Duration::from_secs(3_600), "the try's wait is within the sleep's");
    assert!(run.step("slow").outcome.is_none(), "the race's loser is left");
    assert_eq!(run.step("a").attempts, 2);
}

#[test]
fn a_batch_is_given_in_its_order() {
    let sum =
        |events: Events<u64>, _: Step| -> Result<Vec<u64>> { Ok(events.iter().map(|e| e.data).collect()) };
    let run = run(sum).event("a/n", 3).event("a/n", 1).go();
    assert_eq!(run.output::<Vec<u64>>().ok(), Some(vec![3, 1]));
}

#[test]
fn a_failure_handler_is_run_like_any_function() {
    let handler =
        |event: Event<Failed>, step: Step| step.run("tell", || Ok(event.data.error.message.clone()));
    let event = json!({ "id": "e", "name": "a/b", "data": {}, "user": null, "ts": 5, "v": null });
    let error = json!({ "name": "E", "message": "m" });
    let data =
        json!({ "function_id": "f", "run_id": "r", "event": event, "events": [event], "error": error });
    let run = run(handler).event("inngest/function.failed", data).go();
    assert_eq!(run.output::<String>().ok().as_deref(), Some("m"));
}

#[test]
fn what_cannot_be_a_step_fails_as_on_a_host() {
    let nested = run(|_: Event, step: Step| step.run("outer", || step.run("inner", || Ok(1)))).go();
    assert_eq!(nested.error().map(Error::name), Some("NestedStep"));
    let long = run(|_: Event, step: Step| step.sleep("nap", "367d")).go();
    assert_eq!(long.error().map(Error::name), Some("SleepTooLong"));
    let big = run(|_: Event, step: Step| step.run("big", || Ok("x".repeat(4 << 20)))).go();
    assert_eq!((big.error().map(Error::name), big.step("big").attempts), (Some("InvalidOutput"), 1));
    let nameless = run(|_: Event, step: Step| step.run("", || Ok(1))).go();
    assert_eq!(nameless.error().map(Error::name), Some("InvalidStepId"));
}

#[test]
fn a_finished_steps_code_runs_once() {
    let calls = std::rc::Rc::new(Cell::new(0));
    let counted = calls.clone();
    let counting = move |_: Event, step: Step| {
        step.run("count", || {
            counted.set(counted.get() + 1);
            Ok(())
        })?;
        step.sleep("nap", "1d")?;
        step.sleep("nap", "1d")
    };
    let run = run(counting).go();
    assert_eq!((calls.get(), run.passes()), (1, 3));
}
