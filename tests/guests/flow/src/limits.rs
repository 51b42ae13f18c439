//! Functions whose runs are held back, or put together.

use crate::hold;
use pawl::{Event, Events, Result, Step, Value, json};
use serde::Deserialize;

/// `{url}`, and whatever keys there are.
#[derive(Deserialize)]
pub(crate) struct Url {
    url: String,
}

/// `test/limited-by-key {url, user}`: one at once for each user; step `hold`.
#[pawl::function(
    id = "limited-by-key",
    event = "test/limited-by-key",
    concurrency = limit(1, key = "event.data.user"),
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn limited_by_key(event: Event<Url>, step: Step) -> Result<Value> {
    hold(&step, &event.data.url)
}

/// `test/limited-by-app {url, user}`: one at once for each user of this and
/// `limited-by-app-too`; step `hold`.
#[pawl::function(
    id = "limited-by-app",
    event = "test/limited-by-app",
    app = "shop",
    concurrency = limit(1, key = "event.data.user", scope = app),
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn limited_by_app(event: Event<Url>, step: Step) -> Result<Value> {
    hold(&step, &event.data.url)
}

/// `test/limited-by-app-too {url, user}`: see `limited-by-app`.
#[pawl::function(
    id = "limited-by-app-too",
    event = "test/limited-by-app-too",
    app = "shop",
    concurrency = limit(1, key = "event.data.user", scope = app),
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn limited_by_app_too(event: Event<Url>, step: Step) -> Result<Value> {
    hold(&step, &event.data.url)
}

/// `test/limited-by-account {url}`: one at once of all that have the key `'the lot'`; step
/// `hold`.
#[pawl::function(
    id = "limited-by-account",
    event = "test/limited-by-account",
    concurrency = limit(1, key = "'the lot'", scope = account),
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn limited_by_account(event: Event<Url>, step: Step) -> Result<Value> {
    hold(&step, &event.data.url)
}

/// `test/limited-by-two {url, user}`: three at once, of which one for each user; step `hold`.
#[pawl::function(
    id = "limited-by-two",
    event = "test/limited-by-two",
    concurrency = [3, limit(1, key = "event.data.user")],
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn limited_by_two(event: Event<Url>, step: Step) -> Result<Value> {
    hold(&step, &event.data.url)
}

/// `test/throttled {user}`: two in two seconds may start for each user; gives the event's data.
#[pawl::function(
    id = "throttled",
    event = "test/throttled",
    throttle = rate(2, "2s", key = "event.data.user")
)]
pub(crate) fn throttled(event: Event, _: Step) -> Result<Value> {
    Ok(event.data)
}

/// `test/rate-limited {user}`: two an hour for each user; gives the event's data.
#[pawl::function(
    id = "rate-limited",
    event = "test/rate-limited",
    rate_limit = rate(2, "1h", key = "event.data.user")
)]
pub(crate) fn rate_limited(event: Event, _: Step) -> Result<Value> {
    Ok(event.data)
}

/// `test/debounced {user}`: one run a second after the last event of a user, at most three
/// seconds after the first; gives the event's data.
#[pawl::function(
    id = "debounced",
    event = "test/debounced",
    debounce = wait("1s", key = "event.data.user", timeout = "3s")
)]
pub(crate) fn debounced(event: Event, _: Step) -> Result<Value> {
    Ok(event.data)
}

/// `test/batched {user, alone}`: one run for three events of a user, at most two seconds after
/// the first; one with `alone` gets a run of its own. Gives the list of their data.
#[pawl::function(
    id = "batched",
    event = "test/batched",
    batch = up_to(3, "2s", key = "event.data.user", if = "!has(event.data.alone)")
)]
pub(crate) fn batched(events: Events, _: Step) -> Result<Vec<Value>> {
    Ok(events.into_iter().map(|event| event.data).collect())
}

/// `test/prioritised {url, p}`: one at once, those with a higher `p` first; step `hold`.
#[pawl::function(
    id = "prioritised",
    event = "test/prioritised",
    concurrency = 1,
    priority = "event.data.p",
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn prioritised(event: Event<Url>, step: Step) -> Result<Value> {
    hold(&step, &event.data.url)
}

/// `test/idempotent {id}`: one run for each id; gives the event's data.
#[pawl::function(id = "idempotent", event = "test/idempotent", idempotency = "event.data.id")]
pub(crate) fn idempotent(event: Event, _: Step) -> Result<Value> {
    Ok(event.data)
}

/// `test/single-skip {user}`: sleeps two seconds, `nap`; meanwhile another event of the user
/// makes no run. Gives `{}`.
#[pawl::function(id = "single-skip", event = "test/single-skip", singleton = skip(key = "event.data.user"))]
pub(crate) fn single_skip(_: Event, step: Step) -> Result<Value> {
    step.sleep("nap", "2s")?;
    Ok(json!({}))
}

/// `test/single-cancel {user}`: the same, but another event of the user cancels it.
#[pawl::function(id = "single-cancel", event = "test/single-cancel", singleton = cancel(key = "event.data.user"))]
pub(crate) fn single_cancel(_: Event, step: Step) -> Result<Value> {
    step.sleep("nap", "2s")?;
    Ok(json!({}))
}
