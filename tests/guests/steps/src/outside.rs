//! Functions that reach for the outside.

use pawl::{Event, Result, Step, Value, http, json};
use serde::Deserialize;
use std::time::Duration;

/// `{url}`
#[derive(Deserialize)]
pub(crate) struct Url {
    url: String,
}

fn fetch(url: &str) -> Result<Value> {
    let answer = http::get(url).send()?;
    Ok(json!({ "status": answer.status(), "body": answer.text() }))
}

/// `test/fetcher {url}`: the step `fetch` gets it; gives `{"status": …, "body": …}`.
/// It wishes for any port of this machine.
#[pawl::function(id = "fetcher", event = "test/fetcher", hosts = ["127.0.0.1:*"])]
pub(crate) fn fetcher(event: Event<Url>, step: Step) -> Result<Value> {
    step.run("fetch", || fetch(&event.data.url))
}

/// `test/fetcher-outside {url}`: the same outside of any step, which the host refuses.
#[pawl::function(id = "fetcher-outside", event = "test/fetcher-outside", hosts = ["127.0.0.1:*"])]
pub(crate) fn fetcher_outside(event: Event<Url>, _: Step) -> Result<Value> {
    fetch(&event.data.url)
}

/// `{url, timeout_ms, retries}`
#[derive(Deserialize)]
pub(crate) struct Slow {
    url: String,
    timeout_ms: Option<u64>,
    retries: Option<u32>,
}

/// `test/slow {url, timeout_ms (1000), retries (0)}`: the step `wait` gets a URL whose
/// server takes its time, under its own time limit.
#[pawl::function(id = "slow", event = "test/slow", hosts = ["127.0.0.1:*"])]
pub(crate) fn slow(event: Event<Slow>, step: Step) -> Result<Value> {
    let Slow { url, timeout_ms, retries } = event.data;
    let timeout = Duration::from_millis(timeout_ms.unwrap_or(1_000));
    step.task("wait").timeout(timeout).retries(retries.unwrap_or(0)).run(|| fetch(&url))
}

/// `test/limited {url}`: two runs of it at most execute at once; the step `hold` gets a
/// URL whose server takes its time.
#[pawl::function(id = "limited", event = "test/limited", concurrency = 2, hosts = ["127.0.0.1:*"])]
pub(crate) fn limited(event: Event<Url>, step: Step) -> Result<Value> {
    step.run("hold", || fetch(&event.data.url))
}

/// `{url, ms}`
#[derive(Deserialize)]
pub(crate) struct Later {
    url: String,
    ms: Option<u64>,
}

/// `test/limited-sleeper {url, ms (1000)}`: the same after a sleep `nap`.
#[pawl::function(
    id = "limited-sleeper",
    event = "test/limited-sleeper",
    concurrency = 2,
    hosts = ["127.0.0.1:*"]
)]
pub(crate) fn limited_sleeper(event: Event<Later>, step: Step) -> Result<Value> {
    step.sleep("nap", Duration::from_millis(event.data.ms.unwrap_or(1_000)))?;
    step.run("hold", || fetch(&event.data.url))
}

/// `{url, name, value}`
#[derive(Deserialize)]
pub(crate) struct Header {
    url: String,
    name: String,
    value: String,
}

/// `test/headers {url, name, value}`: the step `send` posts `{}` to the URL with that
/// header; gives the answer's status.
#[pawl::function(id = "headers", event = "test/headers", hosts = ["127.0.0.1:*"])]
pub(crate) fn headers(event: Event<Header>, step: Step) -> Result<u16> {
    let Header { url, name, value } = event.data;
    step.run("send", || Ok(http::post(&url).header(&name, &value).body("{}").send()?.status()))
}

/// `{url, setting}`
#[derive(Deserialize)]
pub(crate) struct Wish {
    url: Option<String>,
    setting: Option<String>,
}

/// `test/wish {url (none), setting ("SHOP_URL")}`: what it wishes for is up to its
/// operator. The step `setting` reads a setting; the step `fetch` gets the URL with
/// `Authorization: Bearer {secret:SHOP_TOKEN}`. Gives `{"setting": …, "fetched": …}`.
#[pawl::function(
    id = "wish",
    event = "test/wish",
    hosts = ["api.example.com", "{setting:SHOP_URL}"],
    settings = ["SHOP_URL"],
    secrets = ["SHOP_TOKEN"]
)]
pub(crate) fn wish(event: Event<Wish>, step: Step) -> Result<Value> {
    let Wish { url, setting } = event.data;
    let name = setting.unwrap_or_else(|| "SHOP_URL".into());
    let setting: Option<String> = step.run("setting", || pawl::settings::get(&name))?;
    let Some(url) = url else { return Ok(json!({ "setting": setting, "fetched": null })) };
    let fetched: Value = step.run("fetch", || {
        let answer = http::get(url).header("Authorization", "Bearer {secret:SHOP_TOKEN}").send()?;
        Ok(json!({ "status": answer.status(), "body": answer.text() }))
    })?;
    Ok(json!({ "setting": setting, "fetched": fetched }))
}

/// `test/clock`: `{"first": [now, random], "last": [now, random], "inside": [now, random]}`,
/// the first two from outside of steps, in the first pass and in the last.
#[pawl::function(id = "clock", event = "test/clock")]
pub(crate) fn clock(_: Event<Value>, step: Step) -> Result<Value> {
    let ask = || (pawl::system::now().as_millis(), pawl::system::random());
    let outside = ask();
    let first: (u64, u64) = step.run("first", || Ok(outside))?;
    let inside: (u64, u64) = step.run("inside", || Ok(ask()))?;
    step.sleep("nap", Duration::from_millis(50))?;
    Ok(json!({ "first": first, "last": outside, "inside": inside, "after": ask() }))
}
