"""Functions for their options: what starts them, how many there are, who hears of their end."""

from __future__ import annotations

from typing import Any

import pawl
from pawl import Batch, CancelOn, Context, Cron, Debounce, Event, Limit, RateLimit, Singleton, Step, Throttle

USER = "event.data.user"


@pawl.function(
    id="everything",
    name="Everything at once",
    app="conformance",
    triggers=[
        Event("test/everything", if_="event.data.n > 1"),
        Event("test/also"),
        Cron("TZ=Europe/Paris 0 9 * * 1-5", jitter="30s"),
    ],
    retries=7,
    step_timeout="2m",
    concurrency=[5, Limit(1, key=USER, scope="account")],
    throttle=Throttle(10, "1m", burst=2, key=USER),
    rate_limit=RateLimit(100, "1h", key=USER),
    debounce=Debounce("5s", key=USER, timeout="1m"),
    priority="event.data.paid ? 120 : 0",
    cancel_on=CancelOn("test/cancelled", match="data.id", timeout="1h"),
    singleton=Singleton("skip", key=USER),
    start_timeout="1m",
    finish_timeout="1h",
    hosts=["api.example.com"],
    settings=["GREETING"],
    secrets=["TOKEN"],
)
def everything(ctx: Context, step: Step) -> None:
    return None


@pawl.function(id="frugal", event="test/frugal", app="conformance", idempotency="event.data.id")
def frugal(ctx: Context, step: Step) -> None:
    return None


@pawl.function(id="gathered", event="test/gathered", app="conformance", batch=Batch(3, "1s"))
def gathered(ctx: Context, step: Step) -> dict[str, Any]:
    n = step.run("count", lambda: len(ctx.events))
    return {"n": n, "values": [event.data["i"] for event in ctx.events]}


def _bury(ctx: Context, step: Step) -> dict[str, str]:
    failed = ctx.failed
    return step.run("bury", lambda: {"message": failed.error.message, "run": failed.run_id})


@pawl.function(id="parting", event="test/parting", app="conformance", retries=0, on_failure=_bury)
def parting(ctx: Context, step: Step) -> None:
    raise RuntimeError("goodbye")
