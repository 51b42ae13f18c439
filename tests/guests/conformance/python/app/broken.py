"""Functions that do what no function should."""

from __future__ import annotations

import sys
from typing import Any

import pawl
from pawl import Context, Step


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pawl.function(id="not-json", event="test/not-json", app="conformance", retries=0)
def not_json(ctx: Context, step: Step) -> None:
    step.run("bad", _circle)


@pawl.function(id="too-big", event="test/too-big", app="conformance", retries=0)
def too_big(ctx: Context, step: Step) -> None:
    step.run("bad", lambda: "x" * 5_000_000)


def _inner() -> None:
    raise ValueError("inner")


def _outer() -> None:
    try:
        _inner()
    except ValueError as error:
        raise RuntimeError("outer") from error


@pawl.function(id="chain", event="test/chain", app="conformance", retries=0)
def chain(ctx: Context, step: Step) -> None:
    step.run("bad", _outer)


@pawl.function(id="exits", event="test/exits", app="conformance", retries=0)
def exits(ctx: Context, step: Step) -> None:
    step.run("bad", sys.exit, 3)


@pawl.function(id="set", event="test/set", app="conformance", retries=0)
def a_set(ctx: Context, step: Step) -> None:
    step.run("bad", lambda: {1, 2})
