"""What the host is told of functions."""

from __future__ import annotations

from typing import Any

import pytest

import pawl
from pawl import Batch, CancelOn, Context, Cron, Debounce, Event, InvalidDuration, Limit, Step, testing
from pawl._function import functions
from pawl._options import condition


def nothing(ctx: Context, step: Step) -> None:
    return None


def test_what_is_said_in_short_is_what_is_said_in_full() -> None:
    made = pawl.function(
        id="short",
        event="a/b",
        events=["c/*"],
        cron="@daily",
        triggers=["d", Event("e", if_="event.data.n > 1"), Cron("@hourly", jitter="30s")],
        step_timeout="2m",
        concurrency=[5, Limit(1, key="event.data.user", scope="account")],
        debounce="5s",
        cancel_on=["gone", CancelOn("a/gone", match="data.id")],
        start_timeout=1_000,
    )(nothing)
    told = made.definition
    assert told.triggers == [
        Event("a/b"),
        Event("c/*"),
        Cron("@daily"),
        Event("d"),
        Event("e", if_="event.data.n > 1"),
        Cron("@hourly", jitter="30s"),
    ]
    assert told.step_timeout == 120_000
    assert told.flow.concurrency == [Limit(5), Limit(1, key="event.data.user", scope="account")]
    assert told.flow.debounce == Debounce("5s")
    assert told.flow.cancel_on == [CancelOn("gone"), CancelOn("a/gone", match="data.id")]
    assert (told.flow.start_timeout, told.flow.finish_timeout) == (1_000, None)


def test_one_option_needs_no_list_and_a_text_is_none() -> None:
    assert pawl.function(id="one", concurrency=3)(nothing).definition.flow.concurrency == [Limit(3)]
    with pytest.raises(TypeError, match=r"hosts=\['api.example.com'\]"):
        pawl.function(id="text", hosts="api.example.com")
    with pytest.raises(InvalidDuration):
        pawl.function(id="late", step_timeout="later")


def test_conditions_hold_together_each_in_brackets() -> None:
    same = "event.data.id == async.data.id"
    assert condition(None, None) is None
    assert condition("data.id", None) == same
    assert condition(None, "a || b") == "a || b"
    assert condition("data.id", "a || b") == f"({same}) && (a || b)"


def test_a_failures_handler_is_a_function_beside_its_own() -> None:
    def gone(ctx: Context, step: Step) -> Any:
        failed = ctx.failed
        return [failed.error.message, failed.run_id, failed.event.data, len(failed.events)]

    options: dict[str, Any] = {"name": "All of it", "app": "shop", "hosts": ["a"], "concurrency": 1}
    pawl.function(id="all-of-it", on_failure=gone, retries=7, **options)(nothing)
    handler = functions()[-1]
    told = handler.definition
    assert (told.id, told.name, told.app) == ("all-of-it-failure", "All of it (failure)", "shop")
    assert (told.retries, told.hosts, told.flow.concurrency) == (1, ["a"], ())
    assert told.triggers == [Event("inngest/function.failed", if_="event.data.function_id == 'all-of-it'")]
    event = {"id": "e", "name": "a/b", "data": 7, "user": None, "ts": 5, "v": None}
    data: dict[str, Any] = {"function_id": "all-of-it", "run_id": "r", "event": event, "events": [event]}
    data["error"] = {"name": "E", "message": "m"}
    assert testing.run(handler, {"data": data}).output == ["m", "r", 7, 1]


def test_another_event_tells_of_no_failed_run() -> None:
    handler = pawl.function(id="odd")(lambda ctx, step: ctx.failed.run_id)
    error = testing.run(handler, {"name": "a/b"}).error
    assert error is not None
    assert "event `a/b` tells of no failed run" in error.message


def test_a_batch_gets_all_of_its_events() -> None:
    def total(ctx: Context, step: Step) -> int:
        return sum(event.data["n"] for event in ctx.events)

    made = pawl.function(id="sum", event="a/n", batch=Batch(3, "1s"))(total)
    assert testing.run(made, [{"data": {"n": 1}}, {"data": {"n": 2}}]).output == 3


def test_the_context_says_whose_run_it_is_and_when_it_began() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        step.sleep("nap", "1h")
        event = ctx.event
        times = [ctx.now.isoformat(), event.time.isoformat(), event.timestamp]
        return [ctx.run_id, ctx.function_id, event.name, event.user, event.version, *times]

    made = pawl.function(id="ctx", event="a/b")(handler)
    event = {"user": {"id": 1}, "v": "2", "ts": "2026-01-01T00:00:01Z"}
    expected: list[Any] = ["r1", "ctx", "a/b", {"id": 1}, "2", "2026-01-01T00:00:00+00:00"]
    expected += ["2026-01-01T00:00:01+00:00", 1_767_225_601_000]
    assert testing.run(made, event, run_id="r1").output == expected
