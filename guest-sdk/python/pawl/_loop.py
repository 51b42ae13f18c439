"""An event loop whose only outside is the host: no sockets, no threads, no clock of its own.

Two kinds of code run in it. A function (`async def` under ``@pawl.function``): when nothing is
ready, all steps that are awaited are asked for together; only when none is, the earliest timer
fires, at once, as outside of steps time stands still. And a step's own code: there timers wait
in real time, and nothing else of the function goes on until it is over.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from asyncio import events
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar

from ._errors import NothingToAwait
from ._host import host
from ._inside import is_inside
from ._select import Askable, ask

if TYPE_CHECKING:
    from collections.abc import Generator

    from typing_extensions import TypeVarTuple, Unpack

    Ts = TypeVarTuple("Ts")

T = TypeVar("T")


class Loop(asyncio.AbstractEventLoop):
    """See the module. Everything in asyncio that needs no network works on it."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[asyncio.TimerHandle] = []
        self._steps: list[tuple[Askable, asyncio.Future[Any]]] = []
        self._skipped = 0.0
        self._is_closed = False

    def step(self, step: Askable) -> asyncio.Future[Any]:
        """The outcome of a step that is asked for when nothing else is ready."""
        future: asyncio.Future[Any] = self.create_future()
        self._steps.append((step, future))
        return future

    def complete(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it to its end while all that the loop held before stands still."""
        outer = self._ready, self._timers, self._steps
        self._ready, self._timers, self._steps = deque(), [], []
        try:
            return self.run_until_complete(coroutine)
        finally:
            left = self._ready
            self._ready, self._timers, self._steps = outer
            # a step's code may have woken what waits outside
            self._ready.extend(left)

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        before = events._get_running_loop()
        events._set_running_loop(self)
        others = asyncio.all_tasks(self)
        try:
            task: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
            self._drive(task)
            self._cancel(asyncio.all_tasks(self) - others)
            return task.result()
        except BaseException:
            for left in asyncio.all_tasks(self) - others:
                # the pass is over: nobody wants to hear of them
                left._log_destroy_pending = False  # type: ignore[attr-defined]
            raise
        finally:
            events._set_running_loop(before)

    def _drive(self, task: asyncio.Future[Any]) -> None:
        while not task.done():
            self._wake()
            if self._ready:
                for _ in range(len(self._ready)):
                    handle = self._ready.popleft()
                    if not handle.cancelled():
                        handle._run()
            elif not self._ask() and not self._wait():
                raise NothingToAwait(f"it awaits what nothing will ever settle{_place(task)}")

    def _wake(self) -> None:
        """Timers that are due become ready."""
        while self._timers and (self._timers[0].cancelled() or self._timers[0].when() <= self.time()):
            timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._ready.append(timer)

    def _ask(self) -> bool:
        """Asks the host for all steps that are still awaited, if there are any."""
        self._steps = [(step, future) for step, future in self._steps if not future.done()]
        if not self._steps:
            return False
        asked = self._steps
        settled = ask([step for step, _ in asked])
        gone = {answer.place for answer in settled}
        self._steps = [step for place, step in enumerate(asked) if place not in gone]
        for answer in settled:
            future = asked[answer.place][1]
            if future.done():
                continue
            if answer.error is None:
                future.set_result(answer.value)
            else:
                future.set_exception(answer.error)
        return True

    def _wait(self) -> bool:
        """Lets the time of the earliest timer come, if there is one."""
        if not self._timers:
            return False
        span = self._timers[0].when() - self.time()
        if is_inside():
            host().pause(max(1, -int(-span * 1_000 // 1)))
        else:
            self._skipped += span
        return True

    def _cancel(self, tasks: set[asyncio.Task[Any]]) -> None:
        """Ends what was begun and not awaited, as ``asyncio.run`` does."""
        for task in tasks:
            task.cancel()
        for _ in range(100):  # a task may refuse, but not for ever
            if not self._ready:
                break
            for _ in range(len(self._ready)):
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()

    # What asyncio asks of a loop.

    def time(self) -> float:
        return host().now() / 1_000 if is_inside() else self._skipped

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: Unpack[Ts], context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: Unpack[Ts], context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, **options)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """There are no threads: it is called at once (``asyncio.to_thread`` comes here)."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        logging.getLogger("asyncio").error(context["message"], exc_info=context.get("exception"))

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """There is nothing more to tell."""

    def get_task_factory(self) -> None:
        return None

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed = True

    async def shutdown_asyncgens(self) -> None:
        """None are kept."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def complete(awaitable: Awaitable[T]) -> T:
    """Runs a step's async code to its end, from wherever the step was begun."""
    running = events._get_running_loop()
    loop = running if isinstance(running, Loop) else new_loop()
    return loop.complete(_awaited(awaitable))


def new_loop() -> Loop:
    """An empty one."""
    return Loop()  # type: ignore[abstract]  # what is left out asks for a network


def _place(task: asyncio.Future[Any]) -> str:
    """Where a task waits."""
    frames = task.get_stack() if isinstance(task, asyncio.Task) else []
    return f' (File "{frames[-1].f_code.co_filename}", line {frames[-1].f_lineno})' if frames else ""
