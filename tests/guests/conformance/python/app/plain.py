"""Functions that run their steps one after the other."""

from __future__ import annotations

import random
import time
from typing import Any

import pawl
from pawl import AsyncStep, Context, Step


@pawl.function(id="plain", event="test/plain", app="conformance")
def plain(ctx: Context, step: Step) -> dict[str, Any]:
    greeting = step.run("greet", lambda: f"hello {ctx.event.data['name']}")
    measured = step.run("measure", lambda: {"length": len(greeting)})
    return {
        "greeting": greeting,
        "length": measured["length"],
        "run": ctx.run_id,
        "function": ctx.function_id,
        "event": ctx.event.name,
        "id": ctx.event.id,
        "attempt": ctx.attempt,
    }


@pawl.function(id="loop", event="test/loop", app="conformance")
async def loop(ctx: Context, step: AsyncStep) -> list[int]:
    return [await step.run("same", lambda n: n, index) for index in range(3)]


@pawl.function(id="unicode", event="test/unicode", app="conformance")
def unicode(ctx: Context, step: Step) -> dict[str, Any]:
    text = step.run("größe 尺寸 🎉", lambda: ctx.event.data["text"])
    return {"text": text, "bytes": len(text.encode())}


@pawl.function(id="big", event="test/big", app="conformance")
def big(ctx: Context, step: Step) -> dict[str, Any]:
    text = step.run("make", lambda: "x" * ctx.event.data["bytes"])
    length = step.run("measure", len, text)
    return {"length": length, "tail": text[-3:]}


@pawl.function(id="thousand", event="test/thousand", app="conformance")
def thousand(ctx: Context, step: Step) -> int:
    value = 0
    for index in range(ctx.event.data["n"]):
        value = step.run(f"step {index}", lambda former: former + 1, value)
    return value


@pawl.function(id="logger", event="test/logger", app="conformance")
def logger(ctx: Context, step: Step) -> None:
    def work() -> int:
        pawl.log.warn("inside", order="o_1")
        print("printed")
        return 1

    pawl.log.info("before")
    step.run("work", work)
    step.sleep("nap", 50)
    pawl.log.error("after")


def _draw() -> tuple[int, float]:
    return int(time.time() * 1_000), random.random()


@pawl.function(id="clock", event="test/clock", app="conformance")
async def clock(ctx: Context, step: AsyncStep) -> dict[str, Any]:
    outside = _draw()
    await step.sleep("nap", 50)
    again = _draw()
    inside = await step.run("inside", lambda: int(time.time() * 1_000))
    return {"outside": outside, "again": again, "inside": inside}
