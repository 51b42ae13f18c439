//! Every tool of steps, every trigger and every way to control flow, one function each.
//! Function `x` is started by `test/x`, unless it says otherwise; the modules say what
//! each takes and gives. Data that is left out takes the value in brackets.

mod ends;
mod limits;
mod many;
mod starts;
mod tools;

use pawl::{Result, Step, Value, http, json};

/// The step `hold` gets a URL whose server takes its time.
fn hold(step: &Step, url: &str) -> Result<Value> {
    step.run("hold", || {
        let answer = http::get(url).send()?;
        Ok(json!({ "status": answer.status(), "body": answer.text() }))
    })
}

pawl::plugin!(
    tools::waiter,
    tools::asker,
    tools::answerer,
    tools::teller,
    tools::durable_fetcher,
    many::ten_at_once,
    many::mixed,
    many::racer,
    many::looped,
    limits::limited_by_key,
    limits::limited_by_app,
    limits::limited_by_app_too,
    limits::limited_by_account,
    limits::limited_by_two,
    limits::throttled,
    limits::rate_limited,
    limits::debounced,
    limits::batched,
    limits::prioritised,
    limits::idempotent,
    limits::single_skip,
    limits::single_cancel,
    starts::filtered,
    starts::cron_driven,
    starts::only_invoked,
    starts::mapper,
    ends::cancelled_by,
    ends::late_start,
    ends::long_run,
    ends::failing
);
