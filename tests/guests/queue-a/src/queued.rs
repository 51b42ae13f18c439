//! What `queued` does on `test/queued {url (none), ms (none)}`: with a URL the step `hold` gets
//! it; with a time it sleeps, `nap`. Gives `{}`.

use pawl::{Event, Result, Step, Value, http, json};
use serde::Deserialize;
use std::time::Duration;

/// Data of the event.
#[derive(Deserialize)]
pub(crate) struct Work {
    url: Option<String>,
    ms: Option<u64>,
}

pub(crate) fn work(event: Event<Work>, step: &Step) -> Result<Value> {
    if let Some(url) = event.data.url {
        step.run("hold", || Ok(http::get(url).send()?.status()))?;
    }
    if let Some(ms) = event.data.ms {
        step.sleep("nap", Duration::from_millis(ms))?;
    }
    Ok(json!({}))
}
