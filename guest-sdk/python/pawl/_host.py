"""What a plugin asks of its host, in plain Python.

The SDK knows its host only by :class:`Host`. In a component that is ``_wit.py``, over the
generated bindings; in tests it is ``testing``; elsewhere (an editor, a script) there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

Level = Literal["trace", "debug", "info", "warn", "error"]

#: When a failed try may be repeated: by the policy, never, or not before so many milliseconds.
Retry = Literal["default", "no"] | int


@dataclass(frozen=True)
class Failure:
    """What a step or a run failed with; ``data`` is JSON."""

    name: str
    message: str
    stack: str | None = None
    data: str | None = None
    retry: Retry = "default"


@dataclass(frozen=True)
class RawEvent:
    """An event that started the run; ``data`` and ``user`` are JSON, ``timestamp`` in ms."""

    id: str
    name: str
    data: str
    user: str | None
    timestamp: int
    version: str | None


@dataclass(frozen=True)
class RunContext:
    """Which function is called for which run; ``now`` in ms is when the run was started."""

    function_id: str
    run_id: str
    attempt: int
    events: list[RawEvent]
    now: int


@dataclass(frozen=True)
class Run:
    """Code of the guest; times in ms."""

    timeout: int | None = None
    retries: int | None = None


@dataclass(frozen=True)
class Sleep:
    """A wait of so many ms."""

    duration: int


@dataclass(frozen=True)
class SleepUntil:
    """A wait until a moment in ms."""

    until: int


@dataclass(frozen=True)
class WaitForEvent:
    """A wait for an event; ``filter`` is CEL over ``event`` and ``async``."""

    name: str
    timeout: int
    filter: str | None


@dataclass(frozen=True)
class Invoke:
    """A call of another function; ``data`` and ``user`` are JSON objects."""

    function: str
    data: str
    user: str | None
    timeout: int | None


@dataclass(frozen=True)
class RawNewEvent:
    """An event to send; the host fills what is None."""

    name: str
    data: str
    id: str | None
    user: str | None
    timestamp: int | None
    version: str | None


@dataclass(frozen=True)
class SendEvent:
    """Events that are stored with the step."""

    events: list[RawNewEvent]


@dataclass(frozen=True)
class Fetch:
    """A request that the host makes."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str | None
    timeout: int | None
    retries: int | None


Operation = Run | Sleep | SleepUntil | WaitForEvent | Invoke | SendEvent | Fetch


@dataclass(frozen=True)
class Request:
    """A step to be settled."""

    id: str
    op: Operation


class Attempt(Protocol):
    """One try of a step's code. It ends by :meth:`succeed` or :meth:`fail`."""

    @property
    def number(self) -> int: ...

    @property
    def max(self) -> int: ...

    @property
    def idempotency_key(self) -> str: ...

    def succeed(self, output: str) -> Failure | None:
        """Returns once the JSON is kept, or what to raise when it cannot be."""

    def fail(self, failure: Failure) -> Failure:
        """Returns what to raise, and only when no tries are left."""


@dataclass(frozen=True)
class Ok:
    """The recorded outcome, as JSON."""

    value: str


@dataclass(frozen=True)
class Err:
    """What the step has failed with."""

    failure: Failure


@dataclass(frozen=True)
class Execute:
    """The step's code is to be run now."""

    attempt: Attempt


Outcome = Ok | Err | Execute


@dataclass(frozen=True)
class HttpRequest:
    """A request from inside of a step; the timeout in ms."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None
    timeout: int | None


@dataclass(frozen=True)
class HttpResponse:
    """Its answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class HttpTrouble:
    """Why there is no answer."""

    kind: Literal["denied", "invalid", "network"]
    message: str


class Refused(Exception):
    """The host refuses a setting or the use of a key; ``kind`` says which way."""

    def __init__(self, kind: Literal["denied", "trouble"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Left(BaseException):
    """The run has to wait: the pass is over.

    Only a host of the test kit raises it. A real one simply ends the instance. Nothing in
    the SDK may catch it, and after it every call raises it again.
    """


class Host(Protocol):
    """The imports of ``wit/workflow.wit``, each under its own name."""

    def open(self, request: Request) -> Outcome: ...

    def select(self, requests: list[Request]) -> list[tuple[int, Outcome]]: ...

    def log(self, level: Level, message: str, fields: list[tuple[str, str]]) -> None: ...

    def http(self, requests: list[HttpRequest]) -> list[HttpResponse | HttpTrouble]: ...

    def setting(self, name: str) -> str | None:
        """Raises :class:`Refused` where it is not granted."""

    def now(self) -> int: ...

    def pause(self, millis: int) -> None: ...

    # The key-value store; each raises :class:`Refused`.

    def kv_get(self, key: str) -> bytes | None: ...

    def kv_set(self, key: str, value: bytes) -> None: ...

    def kv_delete(self, key: str) -> None: ...

    def kv_exists(self, key: str) -> bool: ...

    def kv_keys(self) -> list[str]: ...


_current: Host | None = None


def install(host: Host | None) -> Host | None:
    """Makes this the host of all that follows; gives the one that was it before."""
    global _current
    before, _current = _current, host
    return before


def host() -> Host:
    """The host. There is none outside of a component and of ``pawl.testing``."""
    if _current is None:
        _no_host()
    return _current


def _no_host() -> NoReturn:
    raise RuntimeError(
        "there is no host here: this works in a run, and in tests inside of `pawl.testing.run`"
    )
