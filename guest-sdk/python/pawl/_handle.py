"""One pass: from the host's call to what the function gives."""

from __future__ import annotations

import random

from ._async_step import AsyncStep
from ._errors import NonRetriableError, NoSuchFunction
from ._event import Context
from ._failure import failure_of
from ._function import Function, functions
from ._host import Failure, Left, RunContext
from ._json import encode
from ._loop import new_loop
from ._output import captured
from ._step import Step


class RunFailed(Exception):
    """The function has failed, with this."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def handle(raw: RunContext, function: Function[object] | None = None) -> str:
    """Calls the function, or the one that the host means by its id; its output as JSON.

    Raises :class:`RunFailed`.
    """
    # outside of steps every pass draws the same
    random.seed(raw.run_id)
    with captured():
        try:
            return encode(_call(function or _find(raw.function_id), raw), "the function's output")
        except Left:
            raise
        # also `sys.exit` and the like: they would end the instance without a word
        except BaseException as error:
            raise RunFailed(failure_of(error)) from error


def _find(id: str) -> Function[object]:
    for function in functions():
        if function.id == id:
            return function
    raise NoSuchFunction(f"this component has no function `{id}`")


def _call(function: Function[object], raw: RunContext) -> object:
    if not raw.events:
        raise NonRetriableError("the run has no event")
    ctx = Context._raw(raw)
    if not function.is_async:
        return function(ctx, Step())
    return new_loop().run_until_complete(function(ctx, AsyncStep()))
