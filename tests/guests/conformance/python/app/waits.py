"""Functions that sleep, wait for events, call and tell others."""

from __future__ import annotations

from typing import Any

import pawl
from pawl import AsyncStep, Context, NewEvent, NonRetriableError, Step, StepError


@pawl.function(id="sleepy", event="test/sleepy", app="conformance")
def sleepy(ctx: Context, step: Step) -> list[int]:
    before = step.run("before", lambda: 1)
    step.sleep("nap", "200ms")
    step.sleep_until("moment", ctx.event.timestamp + 400)
    return [before, step.run("after", lambda: 2)]


@pawl.function(id="waiter", event="test/waiter", app="conformance")
async def waiter(ctx: Context, step: AsyncStep) -> dict[str, Any]:
    came = await step.wait_for_event("approval", "test/approved", timeout="30s", match="data.order")
    nothing = await step.wait_for_event("nothing", "test/never", timeout="100ms")
    if came is None:
        raise NonRetriableError("nobody approved")
    return {"by": came.data["by"], "name": came.name, "nothing": nothing}


@pawl.function(id="callee", app="conformance", retries=0)
def callee(ctx: Context, step: Step) -> int:
    n: int = ctx.event.data["n"]
    if n < 0:
        raise NonRetriableError("n is negative")
    return n * 2


@pawl.function(id="caller", event="test/caller", app="conformance")
def caller(ctx: Context, step: Step) -> dict[str, Any]:
    doubled = step.invoke("call", callee, {"n": ctx.event.data["n"]})
    failed = ""
    try:
        step.invoke("bad", "callee", {"n": -1})
    except StepError as error:
        failed = error.message
    return {"doubled": doubled, "failed": failed}


@pawl.function(id="teller", event="test/teller", app="conformance")
def teller(ctx: Context, step: Step) -> dict[str, list[str]]:
    events = [NewEvent("test/told", {"i": i}) for i in range(ctx.event.data["n"])]
    return {"ids": step.send_event("tell", events)}


@pawl.function(id="listener", event="test/told", app="conformance")
def listener(ctx: Context, step: Step) -> int:
    heard: int = step.run("hear", lambda: ctx.event.data["i"])
    return heard
