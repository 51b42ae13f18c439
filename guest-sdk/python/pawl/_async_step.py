"""The durable steps of an ``async def`` function: what its second argument offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import http
from ._errors import NonRetriableError
from ._event import ReceivedEvent, Sendable
from ._function import Function
from ._later import Later
from ._loop import Loop
from ._settle import Attempt, Pending
from ._span import Moment, Span

if TYPE_CHECKING:
    from typing_extensions import TypeVarTuple, Unpack

    Ts = TypeVarTuple("Ts")

T = TypeVar("T")


class AsyncStep:
    """The steps of an ``async def`` function: each is awaited.

    What they mean :class:`~pawl.Step` says. Several at once are asyncio's own affair: ``gather``,
    ``wait``, ``wait_for``, ``as_completed``, ``create_task``, ``TaskGroup``. As with every
    coroutine nothing begins before it is awaited or made a task.
    """

    _later = Later()

    @overload
    async def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    @overload
    async def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    async def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], Any],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Any:
        """See :meth:`~pawl.Step.run`."""
        return await _awaited(self._later.run(id, fn, *args, timeout=timeout, retries=retries))

    @overload
    async def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    @overload
    async def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    async def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], Any],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Any:
        """See :meth:`~pawl.Step.run_attempt`."""
        return await _awaited(self._later.run_attempt(id, fn, *args, timeout=timeout, retries=retries))

    async def sleep(self, id: str, span: Span) -> None:
        """See :meth:`~pawl.Step.sleep`."""
        await _awaited(self._later.sleep(id, span))

    async def sleep_until(self, id: str, at: Moment) -> None:
        """See :meth:`~pawl.Step.sleep_until`."""
        await _awaited(self._later.sleep_until(id, at))

    async def wait_for_event(
        self,
        id: str,
        event: str,
        *,
        timeout: Span | None = None,
        match: str | None = None,
        if_: str | None = None,
    ) -> ReceivedEvent | None:
        """See :meth:`~pawl.Step.wait_for_event`."""
        return await _awaited(self._later.wait_for_event(id, event, timeout=timeout, match=match, if_=if_))

    @overload
    async def invoke(
        self,
        id: str,
        function: Function[T],
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> T: ...

    @overload
    async def invoke(
        self,
        id: str,
        function: str,
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> Any: ...

    async def invoke(
        self,
        id: str,
        function: Function[Any] | str,
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> Any:
        """See :meth:`~pawl.Step.invoke`."""
        return await _awaited(self._later.invoke(id, function, data, user=user, timeout=timeout))

    async def send_event(self, id: str, events: Sendable | Iterable[Sendable]) -> list[str]:
        """See :meth:`~pawl.Step.send_event`."""
        return await _awaited(self._later.send_event(id, events))

    async def fetch(
        self, id: str, request: http.Request | str, *, retries: int | None = None
    ) -> http.Response:
        """See :meth:`~pawl.Step.fetch`."""
        return await _awaited(self._later.fetch(id, request, retries=retries))


async def _awaited(step: Pending[T]) -> T:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, Loop):
        raise NonRetriableError("a step is awaited in the function's own loop, not in another one")
    value: T = await loop.step(step)
    return value
