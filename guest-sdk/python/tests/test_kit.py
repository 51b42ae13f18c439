"""The test kit: mocks, virtual time, and what it tells."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import pawl
from pawl import Context, RetryAfterError, Step, testing


def made(handler: Callable[[Context, Step], Any], id: str = "f", **options: Any) -> pawl.Function[Any]:
    return pawl.function(id=id, event="a/b", **options)(handler)


def run(handler: Callable[[Context, Step], Any], **options: Any) -> testing.Result:
    return testing.run(made(handler), **options)


def forbidden() -> Any:
    raise AssertionError("a mocked step's code is not called")


def test_a_mock_is_a_value_a_callable_or_an_exception() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        try:
            step.run("bad", forbidden)
        except pawl.StepError as error:
            return [step.run("value", forbidden), step.run("call", forbidden), error.name]

    steps = {"value": {"id": 1}, "call": lambda: 2, "bad": ValueError("x")}
    result = run(handler, steps=steps)
    assert result.output == [{"id": 1}, 2, "ValueError"]
    assert result.steps["bad"].attempts == 4


def test_the_first_tries_fail_and_then_the_steps_own_code_runs() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        return [step.run("own", lambda: "own"), step.run("mocked", forbidden)]

    fails = {"own": testing.fails(2, ValueError), "mocked": testing.fails(1, ValueError("x"), then=7)}
    result = run(handler, steps=fails)
    assert result.output == ["own", 7]
    assert [step.attempts for step in result.steps.values()] == [3, 2]


def test_tries_are_as_far_apart_as_on_a_host() -> None:
    assert (
        run(lambda ctx, step: step.run("a", int), steps={"a": testing.fails(3, ValueError)}).took == 105_000
    )
    later = testing.fails(1, RetryAfterError("busy", after="2h"))
    assert run(lambda ctx, step: step.run("a", int), steps={"a": later}).took == 7_200_000


def test_a_function_that_fails_outside_of_steps_is_tried_again_with_its_steps_kept() -> None:
    calls = []

    def handler(ctx: Context, step: Step) -> int:
        step.run("a", lambda: calls.append(1))
        if ctx.attempt < 2:
            raise ValueError("not yet")
        return ctx.attempt

    assert (run(handler).output, len(calls)) == (2, 1)
    failed = testing.run(made(handler, retries=1))
    assert failed.error is not None
    with pytest.raises(AssertionError, match="the run has failed: ValueError: not yet"):
        _ = failed.output


def test_events_come_in_when_they_say_or_as_soon_as_they_are_waited_for() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        step.sleep("nap", "1h")
        same = step.wait_for_event("same", "a/paid", match="data.id", timeout="1d")
        late = step.wait_for_event("late", "a/late*", timeout="1m")
        return [same and same.data, late]

    events = [
        {"name": "a/paid", "data": {"id": 1, "at": "other"}},
        {"name": "a/paid", "data": {"id": 7, "at": "before the wait"}, "at": "1m"},
        {"name": "a/paid", "data": {"id": 7, "at": "in time"}, "at": "3h"},
        {"name": "a/later", "at": "9h"},
    ]
    result = run(handler, event={"data": {"id": 7}}, events=events)
    assert result.output == [{"id": 7, "at": "in time"}, None]
    assert result.took == 3 * 3_600_000 + 60_000


def test_a_wait_may_be_given_its_event_or_none() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        found = step.wait_for_event("a", "a/paid", if_="async.data.n > 1")
        return [found and (found.name, found.data), step.wait_for_event("b", "a/paid", timeout="1d")]

    steps = {"a": {"data": {"n": 2}}, "b": None}
    assert run(handler, steps=steps).output == [["a/paid", {"n": 2}], None]


def test_a_condition_in_cel_is_not_guessed() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        return step.wait_for_event("a", "a/paid", if_="async.data.n > 1")

    error = run(handler, events=[{"name": "a/paid"}]).error
    assert error is not None
    assert "the kit has no CEL" in error.message


def test_a_function_that_is_known_is_run_when_it_is_invoked_and_its_failure_is_the_steps() -> None:
    def half(ctx: Context, step: Step) -> int:
        if ctx.event.data["n"] % 2:
            raise pawl.NonRetriableError("odd")
        return int(ctx.event.data["n"] // 2)

    called = made(half, id="half")

    def handler(ctx: Context, step: Step) -> Any:
        first = step.invoke("first", called, {"n": 4})
        mocked = step.invoke("mocked", "elsewhere", {"n": 4})
        try:
            step.invoke("odd", "half", {"n": 1})
        except pawl.StepError as error:
            return [first, mocked, str(error)]

    assert run(handler, steps={"mocked": lambda data: data["n"] * 2}).output == [2, 8, "odd"]
    error = run(lambda ctx, step: step.invoke("x", "elsewhere")).error
    assert error is not None
    assert "say in `steps` what it gives" in error.message


def other_step(numbers: Any, ctx: Context, step: Step) -> Any:
    return step.run(f"step {next(numbers)}", lambda: 1)


def other_kind(numbers: Any, ctx: Context, step: Step) -> Any:
    return step.sleep("a", "1s") if next(numbers) == 0 else step.run("a", lambda: 1)


def early_end(numbers: Any, ctx: Context, step: Step) -> Any:
    return step.run("a", lambda: 1) if next(numbers) == 0 else None


def one_more(numbers: Any, ctx: Context, step: Step) -> Any:
    return [step.run("a", lambda n: n, n) for n in range(next(numbers) + 1)]


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (other_step, "came to step `step 0` first; now the function asks for `step 1`"),
        (other_kind, "was a sleep step before, and now a run step"),
        (early_end, "ends without step `a`"),
        (one_more, "asks for the new step `a:1`"),
    ],
)
def test_a_function_that_does_otherwise_on_another_pass_is_told_of(handler: Any, told: str) -> None:
    numbers = itertools.count()
    with pytest.raises(testing.NonDeterministic, match=told):
        run(lambda ctx, step: handler(numbers, ctx, step))


def test_a_function_that_catches_everything_does_not_catch_the_wait() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        try:
            step.sleep("nap", "1h")
        except BaseException:
            step.run("never", forbidden)
        return "slept"

    result = run(handler)
    assert (result.output, list(result.steps)) == ("slept", ["nap"])
