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
