"""Exceptions as the host takes them, and what it gives back."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from ._errors import Error
from ._host import Failure, Retry
from ._span import Span, millis

_SDK = f"{Path(__file__).parent}/"


class RetryAfterError(Error):
    """An error whose next try comes no sooner than ``after``: a span of time.

    It counts as a try like any other. The host bounds the time to between a second and a day.
    """

    def __init__(self, message: str, after: Span, *, data: Any = None) -> None:
        super().__init__(message, data=data)
        self.retry = millis(after)


class StepError(Error):
    """What a step failed with, when no tries are left.

    Caught, it lets the function go on. Let through, it ends the run as failed, under the name,
    message and stack that the step's own error had.
    """

    retry: Retry = "no"

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, data=_read(failure.data))
        #: The class of the step's own error.
        self.name = failure.name
        #: Where it was raised, as far as that is known.
        self.stack = failure.stack
        self._failure = failure
        if failure.stack and hasattr(self, "add_note"):  # not before Python 3.11
            self.add_note(failure.stack)

    def __repr__(self) -> str:
        return f"StepError({self.name}: {self.message})"


def failure_of(error: BaseException) -> Failure:
    """An exception in the host's terms: with its whole traceback, and those of its causes."""
    if isinstance(error, StepError):
        own = error._failure
        return Failure(own.name, own.message, own.stack, own.data, "no")
    data = getattr(error, "data", None) if isinstance(error, Error) else None
    return Failure(type(error).__name__, message_of(error), _stack(error), _write(data), _retry(error))


def message_of(error: BaseException) -> str:
    """The sentence; of a group's those of its members, too."""
    try:
        text = str(error)
    except Exception:
        text = "its text cannot be made"
    members = _members(error)
    if members:
        return f"{text}: {'; '.join(message_of(member) for member in members)}"
    return text or type(error).__name__


def _retry(error: BaseException) -> Retry:
    if isinstance(error, Error):
        return error.retry
    members = _members(error)
    # another try of the function would come to the same settled steps
    return "no" if members and all(_retry(member) == "no" for member in members) else "default"


def _members(error: BaseException) -> tuple[BaseException, ...]:
    # BaseExceptionGroup is not there before Python 3.11
    members = getattr(error, "exceptions", ())
    is_group = isinstance(members, tuple) and all(isinstance(m, BaseException) for m in members)
    return members if is_group else ()


def _stack(error: BaseException) -> str | None:
    trace = error.__traceback__
    # how the SDK came to the author's code says nothing
    while trace is not None and trace.tb_next is not None and _is_ours(trace):
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except Exception:
        return None


def _is_ours(trace: TracebackType) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith(_SDK)


def _write(data: Any) -> str | None:
    if data is None:
        return None
    try:
        return json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _read(data: str | None) -> Any:
    return None if data is None else json.loads(data)
