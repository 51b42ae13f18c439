//! Steps and functions that fail, for a while or for good.

use pawl::{Error, Event, Failed, Result, Step, Value, json};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct Failures {
    failures: u32,
}

#[pawl::function(id = "flaky", event = "test/flaky", app = "conformance", retries = 3)]
pub(crate) fn flaky(event: Event<Failures>, step: Step) -> Result<Value> {
    step.run_attempt("try", |attempt| {
        let number = attempt.number();
        if number < event.data.failures {
            return Err(Error::new(format!("attempt {number} fails")).with_name("FlakyError"));
        }
        Ok(json!({ "tries": number + 1, "max": attempt.max(), "key": attempt.idempotency_key() }))
    })
}

#[pawl::function(id = "hopeless", event = "test/hopeless", app = "conformance")]
pub(crate) fn hopeless(_: Event, step: Step) -> Result<Value> {
    let charge: Result<()> = step.run("charge", || Err(Error::no_retry("the card is stolen")));
    let caught = charge.err().map(|e| e.message().to_owned());
    let said = step.run("apologise", || Ok("sorry".to_owned()))?;
    Ok(json!({ "caught": caught, "said": said }))
}

#[pawl::function(id = "later", event = "test/later", app = "conformance")]
pub(crate) fn later(_: Event, step: Step) -> Result<String> {
    step.run_attempt("busy", |attempt| match attempt.number() {
        0 => Err(Error::retry_after("1s", "busy")),
        _ => Ok("done".to_owned()),
    })
}

#[pawl::function(id = "failing", event = "test/failing", app = "conformance", retries = 0)]
pub(crate) fn failing(_: Event, step: Step) -> Result<()> {
    step.run("ok", || Ok(1))?;
    deep_in_the_code()
}

fn deep_in_the_code() -> Result<()> {
    Err(Error::new("nothing works"))
}

#[pawl::function(id = "own-options", event = "test/own-options", app = "conformance", retries = 3)]
pub(crate) fn own_options(_: Event, step: Step) -> Result<Value> {
    let once: Result<()> = step.task("once").retries(0).timeout("2s").run(|| Err(Error::new("only once")));
    Ok(json!({ "caught": once.err().map(|e| e.message().to_owned()) }))
}

#[pawl::function(id = "not-json", event = "test/not-json", app = "conformance", retries = 0)]
pub(crate) fn not_json(_: Event, step: Step) -> Result<f64> {
    step.run("bad", || Ok(f64::NAN))
}

#[pawl::function(
    id = "parting",
    event = "test/parting",
    app = "conformance",
    retries = 0,
    on_failure = buried
)]
pub(crate) fn parting(_: Event, _: Step) -> Result<()> {
    Err(Error::new("goodbye"))
}

#[derive(Serialize, Deserialize)]
struct Buried {
    message: String,
    run: String,
}

fn buried(event: Event<Failed>, step: Step) -> Result<Buried> {
    let Failed { error, run_id, .. } = event.data;
    step.run("bury", || Ok(Buried { message: error.message, run: run_id }))
}
