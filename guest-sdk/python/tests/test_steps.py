"""Functions that are ``def``, on the kit's host."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

import pawl
from pawl import AsyncStep, Attempt, Context, NewEvent, Step, StepError, testing


def made(handler: Callable[[Context, Step], Any], **options: Any) -> pawl.Function[Any]:
    return pawl.function(id="f", event="a/b", **options)(handler)


def run(handler: Callable[[Context, Step], Any], data: Any = None, **options: Any) -> testing.Result:
    return testing.run(made(handler), {"data": data or {}}, **options)


def test_a_steps_code_runs_once_and_gives_on_the_first_pass_what_a_replay_gives() -> None:
    calls = []

    def code(n: int) -> dict[Any, Any]:
        calls.append(n)
        return {1: (n, n)}

    def handler(ctx: Context, step: Step) -> Any:
        first = step.run("a", code, 7)
        step.sleep("nap", "1h")
        return first

    result = run(handler)
    assert result.output == {"1": [7, 7]}
    assert (calls, result.passes, result.slept) == ([7], 2, {"nap": 3_600_000})


def test_a_try_knows_its_number_and_whether_it_is_the_last() -> None:
    def code(attempt: Attempt, to: str) -> Any:
        if not attempt.is_last:
            raise ValueError(to)
        return [attempt.number, attempt.max, attempt.idempotency_key]

    result = run(lambda ctx, step: step.run_attempt("a", code, "again", retries=2))
    assert result.output == [2, 3, "run:a"]


def test_a_failed_step_is_caught_or_ends_the_run_under_its_own_name() -> None:
    def code() -> None:
        raise pawl.NonRetriableError("the card is stolen")

    def catches(ctx: Context, step: Step) -> str:
        try:
            step.run("a", code)
        except StepError as error:
            return f"{error.name}: {error}"
        return ""

    assert run(catches).output == "NonRetriableError: the card is stolen"
    error = run(lambda ctx, step: step.run("a", code)).error
    assert error is not None
    assert (error.name, error.message) == ("NonRetriableError", "the card is stolen")
    assert "in code" in (error.stack or "")


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt()])
def test_what_would_end_the_process_fails_the_step_or_the_run(ending: BaseException) -> None:
    def code() -> None:
        raise ending

    for handler in (lambda ctx, step: step.run("a", code, retries=0), lambda ctx, step: code()):
        error = testing.run(made(handler, retries=0)).error
        assert error is not None
        assert error.name == type(ending).__name__


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object(), "\ud800", {(1, 2): 3}])
def test_an_output_that_is_no_json_fails_for_good(value: Any) -> None:
    result = run(lambda ctx, step: step.run("a", lambda: value))
    assert result.error is not None
    assert (result.error.name, result.steps["a"].attempts) == ("InvalidOutput", 1)
    of_the_function = run(lambda ctx, step: value)
    assert of_the_function.error is not None
    assert of_the_function.error.name == "InvalidOutput"


def test_a_step_inside_of_a_step_is_refused_with_a_sentence() -> None:
    result = run(lambda ctx, step: step.run("outer", lambda: step.run("inner", lambda: 1)))
    assert result.error is not None
    assert "inside of step `outer`" in result.error.message


def test_ids_that_repeat_are_steps_of_their_own() -> None:
    result = run(lambda ctx, step: [step.run("same", lambda n: n, n) for n in range(3)])
    assert result.output == [0, 1, 2]
    assert list(result.steps) == ["same", "same:1", "same:2"]


def test_async_code_of_a_step_runs_in_a_loop_of_its_own() -> None:
    async def code() -> list[int]:
        return list(await asyncio.gather(later(1), later(2)))

    async def later(n: int) -> int:
        await asyncio.sleep(0.01)
        return n

    assert run(lambda ctx, step: step.run("a", code)).output == [1, 2]


def test_chance_is_the_runs_own_outside_of_steps_and_the_worlds_inside() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        before = random.random()
        inside = step.run("draw", random.random)
        between = random.random()
        step.sleep("nap", "1s")
        return [before, inside, between, random.random()]

    first, second = run(handler).output, run(handler).output
    assert first[0] == second[0] and first[2:] == second[2:]
    assert first[1] != second[1]
    assert len(set(first)) == 4


def test_gather_gives_all_outputs_in_their_order_and_raises_the_first_failure_at_the_end() -> None:
    def broken() -> None:
        raise pawl.NonRetriableError("b is broken")

    def all_of_it(ctx: Context, step: Step) -> Any:
        later = step.later
        return step.gather(later.run("a", lambda: 1), later.sleep("c", "1m"), later.run("d", lambda: 4))

    def some(ctx: Context, step: Step) -> Any:
        later = step.later
        pending = [later.run("a", lambda: 1), later.run("b", broken)]
        outputs = step.gather(*pending, return_exceptions=ctx.event.data["caught"])
        return [str(output) for output in outputs]

    assert run(all_of_it).output == [1, None, 4]
    assert run(some, {"caught": True}).output == ["1", "b is broken"]
    failed = run(some, {"caught": False})
    assert failed.error is not None
    assert failed.error.message == "b is broken"


def test_a_race_is_won_by_what_settles_first_in_every_pass() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        won = step.race(step.later.sleep("slow", "2h"), step.later.wait_for_event("paid", "a/paid"))
        step.sleep("nap", "1d")
        return [won[0], won[1] and won[1].data]

    assert run(handler, events=[{"name": "a/paid", "data": {"n": 1}, "at": "1h"}]).output == [1, {"n": 1}]
    assert run(handler).output == [0, None]


def test_events_are_sent_once_and_their_ids_are_given() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        one = step.send_event("one", NewEvent("a/one", {"n": 1}, id="e1"))
        more = step.send_event("more", [{"name": "a/two", "ts": 5}, NewEvent("a/three", user={"id": 1})])
        step.sleep("nap", "1s")
        return [one, more]

    result = run(handler)
    assert result.output == [["sent-0"], ["sent-1", "sent-2"]]
    assert result.sent == [
        {"name": "a/one", "data": {"n": 1}, "id": "e1"},
        {"name": "a/two", "data": {}, "ts": 5},
        {"name": "a/three", "data": {}, "user": {"id": 1}},
    ]


@pytest.mark.parametrize("event", [NewEvent("a", [1]), {"name": "a", "dat": {}}, {"data": {}}, "a"])  # type: ignore[arg-type]
def test_what_is_no_event_is_not_sent(event: Any) -> None:
    result = run(lambda ctx, step: step.send_event("tell", [event]))
    assert result.error is not None
    assert (result.error.name, result.sent) == ("InvalidData", [])


def test_a_function_that_is_not_a_coroutine_gets_steps_that_block_and_one_that_is_gets_awaited_ones() -> None:
    async def handler(ctx: Context, step: AsyncStep) -> str:
        return type(step).__name__

    assert testing.run(pawl.function(id="g")(handler)).output == "AsyncStep"
    assert run(lambda ctx, step: type(step).__name__).output == "Step"


def test_without_a_host_the_sentence_says_where_there_is_one() -> None:
    with pytest.raises(RuntimeError, match=r"pawl\.testing\.run"):
        pawl.log.info("nobody hears")
    assert sys.stdout is not None
