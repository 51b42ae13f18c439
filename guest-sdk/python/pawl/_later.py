"""Every kind of step, described and not asked for yet."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _host, http
from ._errors import NonRetriableError
from ._event import NewEvent, ReceivedEvent, Sendable, new_event
from ._function import Function
from ._json import encode_object
from ._options import condition
from ._settle import Attempt, Pending
from ._span import Moment, Span, millis, moment_millis, some_millis

if TYPE_CHECKING:
    from typing_extensions import TypeVarTuple, Unpack

    Ts = TypeVarTuple("Ts")

T = TypeVar("T")

#: How long is waited when nothing is said: the longest that the host allows.
_LONGEST = 366 * 86_400_000


class Later:
    """The steps of :class:`Step`, for its ``gather`` and ``race``: nothing begins before those.

    Each takes what the step of the same name takes; see there.
    """

    @overload
    def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Pending[T]: ...

    @overload
    def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Pending[T]: ...

    def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], Any],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Pending[Any]:
        options = _host.Run(some_millis(timeout), retries)
        return Pending(_host.Request(id, options), _same, lambda _: fn(*args))

    @overload
    def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Pending[T]: ...

    @overload
    def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Pending[T]: ...

    def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], Any],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Pending[Any]:
        options = _host.Run(some_millis(timeout), retries)
        return Pending(_host.Request(id, options), _same, lambda attempt: fn(attempt, *args))

    def sleep(self, id: str, span: Span) -> Pending[None]:
        return Pending(_host.Request(id, _host.Sleep(millis(span))), _nothing)

    def sleep_until(self, id: str, at: Moment) -> Pending[None]:
        return Pending(_host.Request(id, _host.SleepUntil(moment_millis(at))), _nothing)

    def wait_for_event(
        self,
        id: str,
        event: str,
        *,
        timeout: Span | None = None,
        match: str | None = None,
        if_: str | None = None,
    ) -> Pending[ReceivedEvent | None]:
        span = _LONGEST if timeout is None else millis(timeout)
        wait = _host.WaitForEvent(event, span, condition(match, if_))
        return Pending(_host.Request(id, wait), _some_event)

    @overload
    def invoke(
        self,
        id: str,
        function: Function[T],
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> Pending[T]: ...

    @overload
    def invoke(
        self,
        id: str,
        function: str,
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> Pending[Any]: ...

    def invoke(
        self,
        id: str,
        function: Function[Any] | str,
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> Pending[Any]:
        name = function.id if isinstance(function, Function) else function
        given = encode_object({} if data is None else data, "an invocation's data")
        whom = None if user is None else encode_object(user, "an invocation's user")
        return Pending(_host.Request(id, _host.Invoke(name, given, whom, some_millis(timeout))), _same)

    def send_event(self, id: str, events: Sendable | Iterable[Sendable]) -> Pending[list[str]]:
        several = [events] if isinstance(events, (NewEvent, Mapping)) else events
        sent = _host.SendEvent([new_event(event) for event in several])
        return Pending(_host.Request(id, sent), list)

    def fetch(
        self, id: str, request: http.Request | str, *, retries: int | None = None
    ) -> Pending[http.Response]:
        asked = http.Request("GET", request) if isinstance(request, str) else request
        return Pending(_host.Request(id, asked._fetch(retries)), lambda kept: _response(kept, asked.place))


def _same(value: Any) -> Any:
    return value


def _nothing(_: Any) -> None:
    return None


def _some_event(value: Any) -> ReceivedEvent | None:
    return None if value is None else ReceivedEvent._kept(value)


def _response(kept: Any, place: str) -> http.Response:
    """An answer as the host keeps it."""
    try:
        encoded = kept.get("body_base64")
        body = base64.b64decode(encoded) if encoded is not None else (kept.get("body") or "").encode()
        headers = list(kept["headers"].items())
        return http.Response(kept["status_code"], headers, body, place, _is_kept=True)
    except (AttributeError, KeyError, ValueError) as error:
        raise NonRetriableError(f"the step's recorded output is no answer of {place}") from error
