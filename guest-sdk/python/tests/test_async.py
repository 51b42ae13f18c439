"""Functions that are ``async def``: asyncio's own means over steps."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import pawl
from pawl import AsyncStep, Context, NonRetriableError, StepError, testing

Handler = Callable[[Context, AsyncStep], Coroutine[Any, Any, Any]]


def run(handler: Handler, **options: Any) -> testing.Result:
    return testing.run(pawl.function(id="f", event="a/b", retries=0)(handler), **options)


async def step_later(value: int) -> int:
    await asyncio.sleep(0.02)
    return value


def broken() -> None:
    raise NonRetriableError("b is broken")


def test_gather_asks_for_all_of_them_together_and_chains_go_on_meanwhile() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        async def chain() -> int:
            return await step.run("e2", lambda n: n + 1, await step.run("e1", lambda: 5))

        return await asyncio.gather(step.run("a", lambda: 1), step.sleep("c", "1m"), chain())

    result = run(handler)
    assert result.output == [1, None, 6]
    assert list(result.steps) == ["a", "c", "e1", "e2"]


def test_a_task_group_fails_with_what_its_step_failed_with() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("there are no task groups before Python 3.11")

    async def handler(ctx: Context, step: AsyncStep) -> Any:
        async with asyncio.TaskGroup() as group:
            group.create_task(step.run("b", broken))
            group.create_task(step.sleep("long", "30d"))

    result = run(handler)
    assert result.error is not None
    assert "b is broken" in result.error.message
    assert result.took < 1_000


def test_the_first_of_wait_wins_in_every_pass_and_the_others_may_be_cancelled() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        slow = asyncio.create_task(step.sleep("slow", "2h"))
        quick = asyncio.create_task(step.sleep("quick", "1h"))
        done, late = await asyncio.wait([slow, quick], return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        await step.sleep("nap", "1d")
        return [task is quick for task in done]

    result = run(handler)
    assert result.output == [True]
    assert result.took == 25 * 3_600_000


def test_as_completed_gives_them_as_they_settle() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        async def nap(id: str, span: str) -> str:
            await step.sleep(id, span)
            return id

        naps = [nap("long", "2h"), nap("short", "1h")]
        return [await first for first in asyncio.as_completed(naps)]

    assert run(handler).output == ["short", "long"]


def test_a_step_that_fails_is_caught_where_it_is_awaited() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        results = await asyncio.gather(
            step.run("b", broken), step.run("a", lambda: 1), return_exceptions=True
        )
        assert isinstance(results[0], StepError)
        return [str(result) for result in results]

    assert run(handler).output == ["b is broken", "1"]


def test_timers_outside_of_steps_take_no_time_and_come_in_their_order() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        order: list[str] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        await asyncio.gather(after(3600, "last"), after(60, "second"), after(0, "first"))
        return order

    begun = time.monotonic()
    assert run(handler).output == ["first", "second", "last"]
    assert time.monotonic() - begun < 5


def test_a_step_that_is_awaited_comes_before_a_timer() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        await asyncio.wait_for(step.sleep("nap", "30d"), timeout=1)
        return "slept"

    assert run(handler).output == "slept"


def test_a_wait_that_nothing_holds_up_times_out() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), timeout=60)
        except asyncio.TimeoutError:
            return "too late"

    assert run(handler).output == "too late"


def test_async_code_of_a_step_waits_on_the_hosts_clock_and_nothing_else_goes_on_meanwhile() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        seen: list[str] = []

        async def code() -> int:
            seen.append("begins")
            await asyncio.gather(step_later(1), step_later(2))
            seen.append("ends")
            return 3

        async def beside() -> None:
            await asyncio.sleep(0.01)
            seen.append("beside")

        task = asyncio.create_task(beside())
        await step.run("a", code)
        await task
        return seen

    result = run(handler)
    assert result.output == ["begins", "ends", "beside"]
    assert result.took == 20


def test_what_a_steps_code_begins_and_does_not_await_ends_with_it() -> None:
    ended = []

    async def forgotten() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    async def handler(ctx: Context, step: AsyncStep) -> Any:
        async def code() -> int:
            task = asyncio.create_task(forgotten())
            await asyncio.sleep(0)
            return 1 if not task.done() else 0

        return await step.run("a", code)

    result = run(handler)
    assert (result.output, ended, result.took) == (1, [True], 0)


def test_what_nothing_will_settle_fails_for_good_and_says_where() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        await step.run("a", lambda: 1)
        await asyncio.Event().wait()

    result = run(handler)
    assert result.error is not None
    assert result.error.name == "NothingToAwait"
    assert "test_async.py" in result.error.message


def test_a_step_inside_of_async_code_of_a_step_is_refused() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        async def code() -> Any:
            return await step.run("inner", lambda: 1)

        return await step.run("outer", code)

    result = run(handler)
    assert result.error is not None
    assert "inside of step `outer`" in result.error.message


def test_to_thread_and_shielded_queues_and_locks_work() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> Any:
        queue: asyncio.Queue[int] = asyncio.Queue()
        lock = asyncio.Lock()

        async def producer() -> None:
            async with lock:
                for n in range(3):
                    await queue.put(await step.run("make", lambda n: n, n))

        _, first = await asyncio.gather(producer(), queue.get())
        return [first, queue.get_nowait(), await asyncio.to_thread(max, 1, 2)]

    assert run(handler).output == [0, 1, 2]
