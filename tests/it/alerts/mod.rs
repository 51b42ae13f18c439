//! Alerts: raised by what real runs come to, told to stubs of receivers, over kills.

mod events;
mod kinds;
mod sending;

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::upstream::{Call, Upstream};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};

/// A host in production with test guests and these rules, looked at often.
fn setup(rules: &str, channels: &str) -> Setup {
    Setup::serve()
        .guests(&["steps", "flow"])
        .config(&format!("{rules}\n[alerts]\nevery = '200ms'\n{channels}"))
}

/// The lines of `/v1/alerts`.
async fn lines(host: &Host) -> Vec<Value> {
    pawl_tests::host::list(host.read("/v1/alerts").await)
}

/// Waits until a line of `/v1/alerts` has these values.
async fn wait_for(host: &Host, wanted: &Value) -> Value {
    until(&format!("an alert like {wanted}"), PATIENCE, async || {
        let lines = lines(host).await;
        let has_all =
            |line: &&Value| wanted.as_object().expect("an object").iter().all(|(k, v)| line[k] == *v);
        lines.iter().find(has_all).cloned().ok_or_else(|| format!("{lines:#?}"))
    })
    .await
}

/// Waits until a receiver has been called so often; its calls.
async fn calls(receiver: &Upstream, wanted: usize) -> Vec<Call> {
    until(&format!("{wanted} calls"), PATIENCE, async || match receiver.calls() {
        calls if calls.len() >= wanted => Ok(calls),
        calls => Err(format!("{calls:#?}")),
    })
    .await
}

/// A run that fails.
async fn fail(host: &Host) {
    let event = host.send("test/panicker", json!({})).await;
    host.wait_for(&event, "panicker", "Failed").await;
}

fn body(call: &Call) -> Value {
    serde_json::from_str(&call.body).unwrap_or_else(|e| panic!("{e}: {}", call.body))
}

fn header<'a>(call: &'a Call, name: &str) -> &'a str {
    call.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_else(|| panic!("no {name}: {call:?}"))
}
