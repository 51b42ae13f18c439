//! The tools of steps, one by one.

use pawl::{Error, Event, Invocation, NewEvent, On, Result, Step, Value, http, json};
use serde::Deserialize;
use std::time::Duration;

/// `{event, match, filter, ms}`
#[derive(Deserialize)]
pub(crate) struct Wait {
    event: Option<String>,
    #[serde(rename = "match")]
    same: Option<String>,
    filter: Option<String>,
    ms: Option<u64>,
}

/// `test/waiter {event ("test/awaited"), match (none), filter (none), ms (60000)}`: the step
/// `wait` waits for such an event; gives it as the host has it, or null.
#[pawl::function(id = "waiter", event = "test/waiter")]
pub(crate) fn waiter(event: Event<Wait>, step: Step) -> Result<Option<Event>> {
    let Wait { event, same, filter, ms } = event.data;
    let name = event.unwrap_or_else(|| "test/awaited".into());
    let mut on = On::event(name).timeout(Duration::from_millis(ms.unwrap_or(60_000)));
    if let Some(path) = same {
        on = on.matching(&path);
    }
    if let Some(filter) = filter {
        on = on.filter(filter);
    }
    step.wait_for_event("wait", on)
}

/// `{function, data, ms, catch}`
#[derive(Deserialize)]
pub(crate) struct Ask {
    function: Option<String>,
    data: Option<Value>,
    ms: Option<u64>,
    catch: Option<bool>,
}

/// `test/asker {function ("answerer"), data ({}), ms (none), catch (false)}`: the step `ask`
/// invokes that function; gives `{"answer": …}`, or `{"name": …, "message": …}` of a failure
/// that it catches.
#[pawl::function(id = "asker", event = "test/asker", retries = 0)]
pub(crate) fn asker(event: Event<Ask>, step: Step) -> Result<Value> {
    let Ask { function, data, ms, catch } = event.data;
    let function = function.unwrap_or_else(|| "answerer".into());
    let mut call = Invocation::of(function, data.unwrap_or_else(|| json!({})));
    if let Some(ms) = ms {
        call = call.timeout(Duration::from_millis(ms));
    }
    match step.invoke_with::<Value>("ask", call) {
        Ok(answer) => Ok(json!({ "answer": answer })),
        Err(e) if catch.unwrap_or(false) => Ok(json!({ "name": e.name(), "message": e.message() })),
        Err(e) => Err(e),
    }
}

/// `{answer, fail, ms}`
#[derive(Deserialize)]
pub(crate) struct Answer {
    answer: Option<Value>,
    fail: Option<String>,
    ms: Option<u64>,
}

/// `test/answerer {answer (null), fail (none), ms (0)}`: a sleep `think` of that time, if it
/// is any; fails with that message as an `AnswerError`, or gives the answer.
#[pawl::function(id = "answerer", event = "test/answerer")]
pub(crate) fn answerer(event: Event<Answer>, step: Step) -> Result<Value> {
    let Answer { answer, fail, ms } = event.data;
    if let Some(ms) = ms {
        step.sleep("think", Duration::from_millis(ms))?;
    }
    match fail {
        Some(message) => Err(Error::no_retry(message).with_name("AnswerError")),
        None => Ok(answer.unwrap_or_default()),
    }
}

/// `{name, n, data, ids, fail}`
#[derive(Deserialize)]
pub(crate) struct Tell {
    name: Option<String>,
    n: Option<usize>,
    data: Option<Value>,
    ids: Option<Vec<String>>,
    fail: Option<bool>,
}

/// `test/teller {name ("test/told"), n (1), data ({"n": 0}, …), ids (none), fail (false)}`: the
/// step `tell` sends so many events, with these ids where there are any; with `fail` the
/// function fails once after it. Gives the ids that the host gave.
#[pawl::function(id = "teller", event = "test/teller", retries = 1)]
pub(crate) fn teller(event: Event<Tell>, step: Step) -> Result<Vec<String>> {
    let Tell { name, n, data, ids, fail } = event.data;
    let (name, ids) = (name.unwrap_or_else(|| "test/told".into()), ids.unwrap_or_default());
    let events = (0..n.unwrap_or(1)).map(|n| {
        let told = NewEvent::new(&name, data.clone().unwrap_or_else(|| json!({ "n": n })));
        match ids.get(n) {
            Some(id) => told.id(id),
            None => told,
        }
    });
    let told = step.send_events("tell", events)?;
    if fail.unwrap_or(false) && step.attempt() == 0 {
        return Err(Error::new("the first attempt fails after it has told"));
    }
    Ok(told)
}

/// `{url, method, body, header, retries, timeout_ms}`
#[derive(Deserialize)]
pub(crate) struct Fetch {
    url: String,
    method: Option<String>,
    body: Option<String>,
    header: Option<(String, String)>,
    retries: Option<u32>,
    timeout_ms: Option<u64>,
}

/// `test/durable-fetcher {url, method ("GET"), body (none), header (none: a pair), retries (3),
/// timeout_ms (none)}`: the step `fetch` is a request that the host makes; gives
/// `{"status": …, "body": …, "content_type": …}`.
#[pawl::function(
    id = "durable-fetcher",
    event = "test/durable-fetcher",
    hosts = ["127.0.0.1:*"],
    secrets = ["SHOP_TOKEN"]
)]
pub(crate) fn durable_fetcher(event: Event<Fetch>, step: Step) -> Result<Value> {
    let Fetch { url, method, body, header, retries, timeout_ms } = event.data;
    let mut request = http::request(method.as_deref().unwrap_or("GET"), url);
    if let Some(body) = body {
        request = request.body(body);
    }
    if let Some((name, value)) = header {
        request = request.header(&name, value);
    }
    if let Some(ms) = timeout_ms {
        request = request.timeout(Duration::from_millis(ms));
    }
    let answer = step.fetch("fetch", request.retries(retries.unwrap_or(3)))?;
    let kind = answer.header("content-type");
    Ok(json!({ "status": answer.status(), "body": answer.text(), "content_type": kind }))
}
