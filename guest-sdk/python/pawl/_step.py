"""The durable steps of a ``def`` function: what its second argument offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import http
from ._errors import NonRetriableError
from ._event import ReceivedEvent, Sendable
from ._function import Function
from ._later import Later
from ._select import Settled, ask
from ._settle import Attempt, Pending
from ._span import Moment, Span

if TYPE_CHECKING:
    from typing_extensions import TypeVarTuple, Unpack

    Ts = TypeVarTuple("Ts")

T = TypeVar("T")


class Step:
    """The steps of a ``def`` function: each blocks until it is settled.

    A step is settled once. Its outcome is kept and answers every later pass of the function,
    so all that has an effect, or that another pass might see otherwise, belongs into one. Every
    step raises :class:`~pawl.StepError` when it has failed for good. Ids may repeat, as in a loop.
    """

    #: The same steps, not begun: for :meth:`gather` and :meth:`race`.
    later = Later()

    @overload
    def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    @overload
    def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    def run(
        self,
        id: str,
        fn: Callable[[Unpack[Ts]], Any],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Any:
        """Runs ``fn(*args)`` at least once, and keeps what it gives: anything that can be JSON.

        ``timeout`` is one try's time limit (5 minutes, or the function's ``step_timeout``),
        ``retries`` the tries after the first (3, or the function's). ``fn`` may be async.
        """
        return _now(self.later.run(id, fn, *args, timeout=timeout, retries=retries))

    @overload
    def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    @overload
    def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> T: ...

    def run_attempt(
        self,
        id: str,
        fn: Callable[[Attempt, Unpack[Ts]], Any],
        *args: Unpack[Ts],
        timeout: Span | None = None,
        retries: int | None = None,
    ) -> Any:
        """The same for code that wants to know which try it is: ``fn(attempt, *args)``."""
        return _now(self.later.run_attempt(id, fn, *args, timeout=timeout, retries=retries))

    def sleep(self, id: str, span: Span) -> None:
        """Waits, at no cost: a sleeping run holds no memory. At most 366 days."""
        _now(self.later.sleep(id, span))

    def sleep_until(self, id: str, at: Moment) -> None:
        """Waits until a moment; one that has passed is no wait."""
        _now(self.later.sleep_until(id, at))

    def wait_for_event(
        self,
        id: str,
        event: str,
        *,
        timeout: Span | None = None,
        match: str | None = None,
        if_: str | None = None,
    ) -> ReceivedEvent | None:
        """Waits for the first event of this name that is accepted after the step began.

        None when none came in time (366 days, the most there is, when it is left out). ``match``:
        only one that has the same value there as the run's own (``data.order``); ``if_``: only
        one for which this CEL holds, over ``event``, the run's own, and ``async``, the new one.
        """
        return _now(self.later.wait_for_event(id, event, timeout=timeout, match=match, if_=if_))

    @overload
    def invoke(
        self,
        id: str,
        function: Function[T],
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> T: ...

    @overload
    def invoke(
        self,
        id: str,
        function: str,
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> Any: ...

    def invoke(
        self,
        id: str,
        function: Function[Any] | str,
        data: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        timeout: Span | None = None,
    ) -> Any:
        """Calls another function, by itself or by its id, and waits for what it gives.

        It fails with the other run's failure. 366 days when no ``timeout`` is given; when that is
        over it fails, and the other run goes on.
        """
        return _now(self.later.invoke(id, function, data, user=user, timeout=timeout))

    def send_event(self, id: str, events: Sendable | Iterable[Sendable]) -> list[str]:
        """Sends an event or several, all or none of them, exactly once. Gives their ids."""
        return _now(self.later.send_event(id, events))

    def fetch(self, id: str, request: http.Request | str, *, retries: int | None = None) -> http.Response:
        """Has the host send a request while the run holds no instance; a URL alone is a GET.

        Any status is an answer. Where there is none the host tries again, as often as ``retries``
        or the function's own say. The body has to be text.
        """
        return _now(self.later.fetch(id, request, retries=retries))

    def gather(self, *steps: Pending[Any], return_exceptions: bool = False) -> list[Any]:
        """Several steps side by side; their outputs in their order, when all of them are settled.

        ``step.gather(step.later.run("a", f), step.later.sleep("b", "1m"))``. When some have failed
        the error of the first that did is raised, unless ``return_exceptions`` asks for errors
        in the place of outputs.
        """
        values: dict[int, Any] = {}
        first: Exception | None = None
        left = dict(enumerate(steps))
        while left:
            for settled in _some_of(left):
                values[settled.place] = settled.value if settled.error is None else settled.error
                first = first or settled.error
        if first is not None and not return_exceptions:
            raise first
        return [values[place] for place in range(len(steps))]

    def race(self, *steps: Pending[Any]) -> tuple[int, Any]:
        """Goes on when the first step is settled: its place, from 0, and its output.

        Raises what it has failed with. What the host does for the others goes on. The winner is
        the same in every later pass.
        """
        if not steps:
            raise NonRetriableError("a race without steps has no winner")
        settled = _some_of(dict(enumerate(steps)))[0]
        if settled.error is not None:
            raise settled.error
        return settled.place, settled.value


def _now(step: Pending[T]) -> T:
    settled = ask([step])[0]
    if settled.error is not None:
        raise settled.error
    value: T = settled.value
    return value


def _some_of(left: dict[int, Pending[Any]]) -> list[Settled]:
    """Settles one or more of the steps, by their places, and takes those out."""
    places = list(left)
    settled = [Settled(places[s.place], s.value, s.error) for s in ask(list(left.values()))]
    for each in settled:
        del left[each.place]
    return settled
