"""Functions whose steps go on side by side: asyncio's own means."""

from __future__ import annotations

import asyncio
from typing import Any

import pawl
from pawl import AsyncStep, Context, NonRetriableError, StepError


def _broken() -> None:
    raise NonRetriableError("b is broken")


@pawl.function(id="parallel", event="test/parallel", app="conformance")
async def parallel(ctx: Context, step: AsyncStep) -> dict[str, Any]:
    async def caught() -> str:
        try:
            await step.run("b", _broken)
        except StepError as error:
            return error.message
        return ""

    async def chain() -> int:
        first = await step.run("e1", lambda: 5)
        return await step.run("e2", lambda: first + 1)

    a, b, _, d, e = await asyncio.gather(
        step.run("a", lambda: 1),
        caught(),
        step.sleep("c", "50ms"),
        step.run("d", lambda: 4),
        chain(),
    )
    return {"a": a, "b": b, "d": d, "e": e}


@pawl.function(id="wide", event="test/wide", app="conformance")
async def wide(ctx: Context, step: AsyncStep) -> int:
    squares = (step.run(str(i), lambda i: i * i, i) for i in range(ctx.event.data["n"]))
    return sum(await asyncio.gather(*squares))


@pawl.function(id="race", event="test/race", app="conformance")
async def race(ctx: Context, step: AsyncStep) -> dict[str, str]:
    async def slow() -> str:
        await step.sleep("slow", "1h")
        return "slow"

    tasks = [asyncio.create_task(slow()), asyncio.create_task(step.run("fast", lambda: "fast"))]
    done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    after = await step.run("after", lambda: "after")
    return {"won": done.pop().result(), "after": after}
