"""Functions whose steps fail: now and then, for good, for a while."""

from __future__ import annotations

from typing import Any

import pawl
from pawl import AsyncStep, Attempt, Context, NonRetriableError, RetryAfterError, Step, StepError


class FlakyError(Exception):
    """Cured by another try."""


@pawl.function(id="flaky", event="test/flaky", app="conformance", retries=3)
def flaky(ctx: Context, step: Step) -> dict[str, Any]:
    def attempt_it(attempt: Attempt) -> dict[str, Any]:
        if attempt.number < ctx.event.data["failures"]:
            raise FlakyError(f"attempt {attempt.number} fails")
        return {"tries": attempt.number + 1, "max": attempt.max, "key": attempt.idempotency_key}

    return step.run_attempt("try", attempt_it)


def _charge() -> None:
    raise NonRetriableError("the card is stolen")


@pawl.function(id="hopeless", event="test/hopeless", app="conformance")
async def hopeless(ctx: Context, step: AsyncStep) -> dict[str, str]:
    caught = ""
    try:
        await step.run("charge", _charge)
    except StepError as error:
        caught = error.message
    said = await step.run("apologise", lambda: "sorry")
    return {"caught": caught, "said": said}


@pawl.function(id="later", event="test/later", app="conformance")
def later(ctx: Context, step: Step) -> str:
    def busy(attempt: Attempt) -> str:
        if attempt.number == 0:
            raise RetryAfterError("busy", after="1s")
        return "done"

    return step.run_attempt("busy", busy)


def deep_in_the_code() -> None:
    """Where it breaks: the stack names this place."""
    raise RuntimeError("nothing works")


@pawl.function(id="failing", event="test/failing", app="conformance", retries=0)
def failing(ctx: Context, step: Step) -> None:
    step.run("ok", lambda: 1)
    deep_in_the_code()


def _once() -> None:
    raise RuntimeError("only once")


@pawl.function(id="own-options", event="test/own-options", app="conformance", retries=3)
def own_options(ctx: Context, step: Step) -> dict[str, str]:
    try:
        step.run("once", _once, retries=0, timeout="2s")
    except StepError as error:
        return {"caught": str(error)}
    return {}
