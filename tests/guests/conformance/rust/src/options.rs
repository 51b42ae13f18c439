//! Functions that are there for what their attributes say.

use pawl::{Event, Result, Step};

#[pawl::function(
    id = "everything",
    name = "Everything at once",
    app = "conformance",
    retries = 7,
    step_timeout = "2m",
    triggers = [
        event("test/everything", if = "event.data.n > 1"),
        event("test/also"),
        cron("TZ=Europe/Paris 0 9 * * 1-5", jitter = "30s")
    ],
    concurrency = [5, limit(1, key = "event.data.user", scope = account)],
    throttle = rate(10, "1m", burst = 2, key = "event.data.user"),
    rate_limit = rate(100, "1h", key = "event.data.user"),
    debounce = wait("5s", key = "event.data.user", timeout = "1m"),
    priority = "event.data.paid ? 120 : 0",
    cancel_on = event("test/cancelled", if = "event.data.id == async.data.id", timeout = "1h"),
    singleton = skip(key = "event.data.user"),
    start_timeout = "1m",
    finish_timeout = "1h",
    hosts = ["api.example.com"],
    settings = ["GREETING"],
    secrets = ["TOKEN"]
)]
pub(crate) fn everything(_: Event, _: Step) -> Result<()> {
    Ok(())
}

#[pawl::function(id = "frugal", event = "test/frugal", app = "conformance", idempotency = "event.data.id")]
pub(crate) fn frugal(_: Event, _: Step) -> Result<()> {
    Ok(())
}
