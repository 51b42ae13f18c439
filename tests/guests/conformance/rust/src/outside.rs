//! What a step's code reaches: requests, keys, settings.

use pawl::{Event, OrNoRetry, Result, Step, Value, http, json};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Url {
    url: String,
}

#[pawl::function(id = "fetcher", event = "test/fetcher", app = "conformance", hosts = ["127.0.0.1:*"])]
pub(crate) fn fetcher(event: Event<Url>, step: Step) -> Result<Value> {
    let get = || http::get(&event.data.url).header("x-language", "rust");
    let inside: Value = step.run("get", || {
        let answer = get().send()?;
        Ok(json!({ "status": answer.status(), "body": answer.text() }))
    })?;
    let durable = step.fetch("durable", get())?.status();
    let outside = get().send().err().map(|e| e.message().to_owned());
    Ok(json!({ "inside": inside, "durable": durable, "outside": outside }))
}

#[derive(Deserialize)]
pub(crate) struct Pair {
    key: String,
    value: String,
}

#[pawl::function(id = "keys", event = "test/keys", app = "conformance")]
pub(crate) fn keys(event: Event<Pair>, step: Step) -> Result<Value> {
    let Pair { key, value } = &event.data;
    let read: Option<String> = step.run("set", || {
        let bucket = pawl::kv::open()?;
        bucket.set_json(key, value)?;
        bucket.get_json(key)
    })?;
    let exists = step.run("delete", || {
        let bucket = pawl::kv::open()?;
        bucket.delete(key)?;
        bucket.exists(key)
    })?;
    Ok(json!({ "read": read, "exists": exists }))
}

#[pawl::function(id = "configured", event = "test/configured", app = "conformance", settings = ["GREETING"])]
pub(crate) fn configured(_: Event, step: Step) -> Result<String> {
    step.run("read", || pawl::settings::get("GREETING")?.or_no_retry("GREETING is not set"))
}
