//! What an app with Inngest's own client was recorded with, as functions of this host: the
//! same ids of functions and steps, so that the same calls come to the same answers
//! (`tests/fixtures/inngest/calls.jsonl`).

use pawl::{Error, Event, Events, NewEvent, On, Result, Step, Value, http, json};

/// `cap/two`: the steps `first-step` and `second-step`.
#[pawl::function(id = "two-steps", event = "cap/two", app = "cap")]
fn two_steps(_: Event, step: Step) -> Result<Value> {
    let first: String = step.run("first-step", || Ok("A".to_owned()))?;
    step.run("second-step", || Ok(json!({ "x": format!("{first}B") })))
}

/// `cap/loop`: the step `my-step-id` three times.
#[pawl::function(id = "loop", event = "cap/loop")]
fn looped(_: Event, step: Step) -> Result<()> {
    for n in 0..3 {
        let _given: i32 = step.run("my-step-id", || Ok(n))?;
    }
    Ok(())
}

/// `cap/parallel`: the steps `p1` and `p2` and the sleep `ps`, side by side.
#[pawl::function(id = "parallel", event = "cap/parallel")]
fn parallel(_: Event, step: Step) -> Result<Value> {
    let mut all = step.parallel();
    let one = all.run("p1", || Ok(1));
    let two = all.run("p2", || Ok(2));
    let slept = all.sleep("ps", "1s");
    all.join()?;
    Ok(json!([one.get()?, two.get()?, slept.get()?]))
}

/// `cap/sleep`: the sleeps `nap` and `until`.
#[pawl::function(id = "sleepers", event = "cap/sleep")]
fn sleepers(_: Event, step: Step) -> Result<&'static str> {
    step.sleep("nap", "1s")?;
    step.sleep_until("until", "2026-11-23T11:43:32.116Z".parse()?)?;
    Ok("woke")
}

/// `cap/wait`: waits for `cap/go`, step `w`, and for `cap/never`, step `w2`.
#[pawl::function(id = "waiter", event = "cap/wait")]
fn waiter(_: Event, step: Step) -> Result<Value> {
    let go = On::event("cap/go").filter("event.data.k == async.data.k").timeout("10s");
    let go = step.wait_for_event::<Value>("w", go)?;
    let never = On::event("cap/never").filter("async.data.z == 'q'").timeout("1s");
    let never = step.wait_for_event::<Value>("w2", never)?;
    Ok(json!({ "e": go.map(|e| json!({"name": e.name, "data": e.data})), "n": never.map(|e| e.name) }))
}

/// `cap/invoke`: calls `two-steps`, step `call`, and `nonretry`, step `call-bad`.
#[pawl::function(id = "invoker", event = "cap/invoke")]
fn invoker(_: Event, step: Step) -> Result<Value> {
    let given: Value = step.invoke("call", "two-steps", json!({ "hi": 1 }))?;
    let failed = step.invoke::<Value>("call-bad", "nonretry", json!({})).err();
    let failed = failed.map(|e| json!({ "name": e.name(), "message": e.message() }));
    Ok(json!({ "r": given, "err": failed }))
}

/// `cap/send`: the step `emit` sends two events.
#[pawl::function(id = "sender", event = "cap/send")]
fn sender(_: Event, step: Step) -> Result<Value> {
    let events =
        [NewEvent::new("cap/other", json!({ "a": 1 })), NewEvent::new("cap/other", json!({ "a": 2 }))];
    Ok(json!({ "ids": step.send_events("emit", events)? }))
}

/// `cap/fetch`: a request that others make.
#[pawl::function(id = "fetcher", event = "cap/fetch", hosts = ["127.0.0.1:*"], secrets = ["CAP_TOKEN"])]
fn fetcher(event: Event, step: Step) -> Result<Value> {
    let mut request = http::post("http://127.0.0.1:3031/__echo").header("x-a", "b").body("{\"q\":1}");
    if event.data["secret"] == true {
        request = request.header("authorization", "Bearer {secret:CAP_TOKEN}");
    }
    let answer = step.fetch("step.fetch: 127.0.0.1", request)?;
    Ok(json!({ "status": answer.status(), "body": answer.text() }))
}

/// `cap/flaky`: the step `maybe` fails once.
#[pawl::function(id = "flaky", event = "cap/flaky")]
fn flaky(_: Event, step: Step) -> Result<Value> {
    let given: String = step.run_attempt("maybe", |attempt| match attempt.number() {
        0 => Err(Error::retry_after("1s", "later")),
        _ => Ok("ok".to_owned()),
    })?;
    Ok(json!({ "v": given, "attempt": step.attempt() }))
}

/// `cap/nonretry`: fails for good. What is done about it, by `nonretry-failure`, tells the
/// failure's message after the step `cleanup`.
#[pawl::function(id = "nonretry", event = "cap/nonretry", on_failure = cleaned_up)]
fn nonretry(_: Event, _: Step) -> Result<()> {
    Err(Error::no_retry("nope"))
}

fn cleaned_up(event: Event<pawl::Failed>, step: Step) -> Result<Value> {
    let _done: String = step.run("cleanup", || Ok("cleaned".to_owned()))?;
    Ok(json!({ "n": event.data.error.message }))
}

/// `cap/stepfail`: the step `boom` fails for good, which is caught.
#[pawl::function(id = "stepfail", event = "cap/stepfail")]
fn step_fails(_: Event, step: Step) -> Result<Value> {
    match step.run::<(), _>("boom", || Err(Error::no_retry("step boom"))) {
        Ok(()) => Ok(json!({})),
        Err(e) => Ok(json!({ "caught": e.name(), "msg": e.message(), "isStep": true })),
    }
}

/// `cap/fnretry`: fails once, outside of any step.
#[pawl::function(id = "fnretry", event = "cap/fnretry")]
fn function_fails(_: Event, step: Step) -> Result<u32> {
    match step.attempt() {
        0 => Err(Error::new("plain")),
        attempt => Ok(attempt),
    }
}

/// `cap/batch`: how many events there are.
#[pawl::function(id = "batcher", event = "cap/batch", batch = up_to(2, "3s", key = "event.data.k"))]
fn batcher(events: Events, _: Step) -> Result<usize> {
    Ok(events.len())
}

pawl::plugin!(
    two_steps,
    looped,
    parallel,
    sleepers,
    waiter,
    invoker,
    sender,
    fetcher,
    flaky,
    nonretry,
    step_fails,
    function_fails,
    batcher
);
