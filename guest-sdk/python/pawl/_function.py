"""``@pawl.function``: what a function is, and which there are."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ._event import Context
from ._options import (
    Batch,
    CancelOn,
    Cron,
    Debounce,
    Event,
    Limit,
    RateLimit,
    Singleton,
    Throttle,
    Trigger,
)
from ._span import Span, some_millis

if TYPE_CHECKING:
    from ._async_step import AsyncStep
    from ._step import Step

R = TypeVar("R")

#: What is behind the id of the function that takes another's failures.
_FAILURE = "-failure"

SyncHandler = Callable[[Context, "Step"], R]
AsyncHandler = Callable[[Context, "AsyncStep"], Awaitable[R]]
Handler = SyncHandler[R] | AsyncHandler[R]


@dataclass(frozen=True)
class Flow:
    """How many runs there are, and when; times in ms."""

    concurrency: Sequence[Limit] = ()
    throttle: Throttle | None = None
    rate_limit: RateLimit | None = None
    debounce: Debounce | None = None
    batch: Batch | None = None
    priority: str | None = None
    idempotency: str | None = None
    cancel_on: Sequence[CancelOn] = ()
    singleton: Singleton | None = None
    start_timeout: int | None = None
    finish_timeout: int | None = None


@dataclass(frozen=True)
class Definition:
    """What the host is told of a function; times in ms."""

    id: str
    name: str | None = None
    app: str | None = None
    triggers: Sequence[Trigger] = ()
    retries: int | None = None
    flow: Flow = field(default_factory=Flow)
    step_timeout: int | None = None
    hosts: Sequence[str] = ()
    settings: Sequence[str] = ()
    secrets: Sequence[str] = ()


class Function(Generic[R]):
    """A function of a component; made by :func:`function`."""

    def __init__(self, definition: Definition, handler: Handler[R]) -> None:
        self.definition = definition
        self.handler = handler
        self.__doc__ = handler.__doc__
        self.__name__ = getattr(handler, "__name__", definition.id)

    @property
    def id(self) -> str:
        """By which it is called."""
        return self.definition.id

    @property
    def is_async(self) -> bool:
        """Whether its steps are awaited."""
        return inspect.iscoroutinefunction(self.handler)

    def __call__(self, ctx: Context, step: Any) -> Any:
        return self.handler(ctx, step)

    def __repr__(self) -> str:
        return f"<pawl function {self.id}>"


#: In the order of their making: the first one's id names the app.
_all: list[Function[Any]] = []


def functions() -> list[Function[Any]]:
    """All functions that there are, in the order in which they were made."""
    return list(_all)


class _Decorator:
    """A definition that waits for its handler."""

    def __init__(self, definition: Definition, on_failure: Handler[Any] | None) -> None:
        self._definition = definition
        self._on_failure = on_failure

    @overload
    def __call__(self, handler: AsyncHandler[R]) -> Function[R]: ...

    @overload
    def __call__(self, handler: SyncHandler[R]) -> Function[R]: ...

    def __call__(self, handler: Any) -> Any:
        made: Function[Any] = Function(self._definition, handler)
        _all.append(made)
        if self._on_failure is not None:
            _all.append(Function(_failure(self._definition), self._on_failure))
        return made


def _failure(of: Definition) -> Definition:
    """The function that takes the failures of another: with one retry and without limits."""
    only = f"event.data.function_id == '{of.id}'"
    return Definition(
        id=of.id + _FAILURE,
        name=f"{of.name or of.id} (failure)",
        app=of.app,
        triggers=[Event("inngest/function.failed", if_=only)],
        retries=1,
        step_timeout=of.step_timeout,
        hosts=of.hosts,
        settings=of.settings,
        secrets=of.secrets,
    )


def function(
    *,
    id: str,
    event: str | None = None,
    events: Sequence[str] = (),
    cron: str | None = None,
    triggers: Sequence[Trigger | str] = (),
    name: str | None = None,
    app: str | None = None,
    retries: int | None = None,
    step_timeout: Span | None = None,
    on_failure: Handler[Any] | None = None,
    concurrency: int | Limit | Sequence[int | Limit] = (),
    throttle: Throttle | None = None,
    rate_limit: RateLimit | None = None,
    debounce: Debounce | Span | None = None,
    batch: Batch | None = None,
    priority: str | None = None,
    idempotency: str | None = None,
    cancel_on: str | CancelOn | Sequence[str | CancelOn] = (),
    singleton: Singleton | None = None,
    start_timeout: Span | None = None,
    finish_timeout: Span | None = None,
    hosts: Sequence[str] = (),
    settings: Sequence[str] = (),
    secrets: Sequence[str] = (),
) -> _Decorator:
    """Makes a Pawl function of ``def f(ctx, step)`` or ``async def f(ctx, step)``.

    What starts it (none: it can only be invoked):

    - ``event``, ``events``: events of these names; ``shop/*`` takes all that begin so
    - ``cron``: a schedule; ``triggers``: any of :class:`Event`, :class:`Cron` and names of events

    What it is:

    - ``id``: letters, digits, ``-``, ``_``, ``.``; ``name``: what people see, else the id
    - ``app``: whose limits of scope ``app`` it shares, else the component's first function
    - ``retries``: tries after the first, for each step: 3; ``step_timeout``: of one try: 5 minutes
    - ``on_failure``: a handler that is started when a run has failed for good. It becomes a function
      of its own, ``<id>-failure``, and finds the run in ``ctx.failed``
    - ``hosts``, ``settings``, ``secrets``: where its steps wish to send requests, what they wish to
      read, what they wish to put into requests; the operator grants them

    How many runs there are, and when: see :class:`Limit`, :class:`Throttle`, :class:`RateLimit`,
    :class:`Debounce`, :class:`Batch`, :class:`CancelOn`, :class:`Singleton`, and

    - ``priority``: CEL to seconds ahead in the queue, -600 to 600
    - ``idempotency``: events with a value that was seen in the last 24 hours make no run
    - ``start_timeout``, ``finish_timeout``: cancelled when it has not started, or ended, in time

    Raises :class:`InvalidDuration` for what is no span of time. All else that is wrong the host
    says when it loads the component, by function and field.
    """
    all_triggers: list[Trigger] = [Event(each) for each in ([event] if event else []) + list(events)]
    all_triggers += [Cron(cron)] if cron else []
    all_triggers += [Event(each) if isinstance(each, str) else each for each in triggers]
    flow = Flow(
        concurrency=[Limit(c) if isinstance(c, int) else c for c in _each(concurrency)],
        throttle=throttle,
        rate_limit=rate_limit,
        debounce=debounce if debounce is None or isinstance(debounce, Debounce) else Debounce(debounce),
        batch=batch,
        priority=priority,
        idempotency=idempotency,
        cancel_on=[CancelOn(c) if isinstance(c, str) else c for c in _each(cancel_on)],
        singleton=singleton,
        start_timeout=some_millis(start_timeout),
        finish_timeout=some_millis(finish_timeout),
    )
    definition = Definition(
        id=id,
        name=name,
        app=app,
        triggers=all_triggers,
        retries=retries,
        flow=flow,
        step_timeout=some_millis(step_timeout),
        hosts=_texts("hosts", hosts),
        settings=_texts("settings", settings),
        secrets=_texts("secrets", secrets),
    )
    return _Decorator(definition, on_failure)


def _each(value: Any) -> Sequence[Any]:
    """One or several."""
    return value if isinstance(value, (list, tuple)) else [value]


def _texts(what: str, value: Sequence[str]) -> Sequence[str]:
    if isinstance(value, str):  # a text is a sequence of texts, too
        raise TypeError(f"`{what}` is a list: {what}=[{value!r}]")
    return list(value)
