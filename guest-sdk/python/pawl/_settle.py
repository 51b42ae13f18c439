"""A step from its request to its outcome."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from . import _host
from ._errors import NonRetriableError
from ._failure import StepError, failure_of
from ._host import Err, Failure, Left, Ok, Outcome, Request
from ._inside import inside
from ._json import decode, encode
from ._loop import complete
from ._output import end_lines

T_co = TypeVar("T_co", covariant=True)


class Attempt:
    """One try of a step's code."""

    def __init__(self, raw: _host.Attempt) -> None:
        self._raw = raw

    @property
    def number(self) -> int:
        """Which try it is. From 0."""
        return self._raw.number

    @property
    def max(self) -> int:
        """How many tries the step has in all."""
        return self._raw.max

    @property
    def is_last(self) -> bool:
        """Whether a failure now is the step's last."""
        return self.number + 1 >= self.max

    @property
    def idempotency_key(self) -> str:
        """The same for every try of this step, and for no other step.

        For outside services that recognise a repeated call.
        """
        return self._raw.idempotency_key


Code = Callable[[Attempt], Any]


class Pending(Generic[T_co]):
    """A step that is not asked for yet: what ``step.later`` makes, for ``gather`` and ``race``."""

    def __init__(self, request: Request, read: Callable[[Any], T_co], code: Code | None = None) -> None:
        self.request = request
        self._read = read
        self._code = code

    def settle(self, outcome: Outcome) -> T_co:
        """Its output, after executing its code where asked to. Raises :class:`StepError`."""
        if isinstance(outcome, Ok):
            return self._read(decode(outcome.value))
        if isinstance(outcome, Err):
            raise StepError(outcome.failure)
        return self._read(_execute(outcome.attempt, self._code or _no_code))


def _execute(attempt: _host.Attempt, code: Code) -> Any:
    """Runs the code and keeps what it gives, as every later pass will read it."""
    raised: BaseException | None = None
    failure: Failure | None
    with inside():
        try:
            value = code(Attempt(attempt))
            text = encode(complete(value) if inspect.isawaitable(value) else value, "its output")
        except Left:
            raise
        # also `sys.exit` and the like: the step fails, and the run may go on
        except BaseException as error:
            raised = error
        end_lines()
    failure = attempt.succeed(text) if raised is None else attempt.fail(failure_of(raised))
    if failure is not None:
        # in a replay there is no cause either: the failure holds its traceback
        raise StepError(failure) from None
    return decode(text)


def _no_code(_: Attempt) -> Any:
    raise NonRetriableError("the host wants code for a step that has none")
