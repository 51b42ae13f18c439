"""What steps and functions fail with.

Every exception may be raised. Its class becomes the failure's name, its text the message,
and it is tried again as the function's ``retries`` say. The classes here say otherwise.
"""

from __future__ import annotations

from typing import Any

from ._host import Retry


class Error(Exception):
    """The SDK's own errors. Like any other exception it may be tried again.

    ``data`` is something for those who look at the run: any JSON; what cannot be JSON is
    left out.
    """

    retry: Retry = "default"

    def __init__(self, message: str = "", *, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class NonRetriableError(Error):
    """An error that another try would not cure: bad input, a refusal."""

    retry: Retry = "no"


class InvalidOutput(NonRetriableError):
    """An output that cannot be kept as JSON."""


class InvalidDuration(NonRetriableError):
    """What is no span of time."""


class InvalidTime(NonRetriableError):
    """What is no moment."""


class InvalidData(NonRetriableError):
    """An event's or a call's data that is no JSON object."""


class NoSuchFunction(NonRetriableError):
    """The host calls a function that the component does not have."""


class NothingToAwait(NonRetriableError):
    """A coroutine awaits what nothing will ever settle."""
