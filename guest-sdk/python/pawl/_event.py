"""Events: those that come in and those that are sent, and what a function is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ._errors import InvalidData, NonRetriableError
from ._host import RawEvent, RawNewEvent, RunContext
from ._json import decode, encode_object
from ._span import Moment, datetime_of, moment_millis


@dataclass(frozen=True)
class ReceivedEvent:
    """An event that came in."""

    #: The id that its sender gave, else the host's.
    id: str
    #: Such as ``shop/order.placed``.
    name: str
    #: What it is about: a JSON value, nearly always a dict.
    data: Any
    #: Whom it is about, where its sender said so.
    user: Any
    #: When it happened, in milliseconds since 1970.
    timestamp: int
    #: The version of the data's shape, where its sender said so.
    version: str | None

    @property
    def time(self) -> datetime:
        """When it happened, in UTC."""
        return datetime_of(self.timestamp)

    @classmethod
    def _raw(cls, raw: RawEvent) -> ReceivedEvent:
        user = None if raw.user is None else decode(raw.user)
        return cls(raw.id, raw.name, decode(raw.data), user, raw.timestamp, raw.version)

    @classmethod
    def _kept(cls, value: Mapping[str, Any]) -> ReceivedEvent:
        """As the host writes events into JSON."""
        try:
            user, version = value.get("user"), value.get("v")
            return cls(value["id"], value["name"], value["data"], user, value["ts"], version)
        except (AttributeError, KeyError, TypeError) as error:
            raise NonRetriableError(f"this is no event: {value!r}") from error


@dataclass(frozen=True)
class NewEvent:
    """An event to send. The host fills what is left out.

    ``data`` has to be a JSON object, and so has ``user``. Another event with the same ``id``
    is not accepted again.
    """

    name: str
    data: Mapping[str, Any] | None = None
    id: str | None = None
    user: Mapping[str, Any] | None = None
    timestamp: Moment | None = None
    version: str | None = None

    def _raw(self) -> RawNewEvent:
        data = encode_object({} if self.data is None else self.data, f"the data of event `{self.name}`")
        user = None if self.user is None else encode_object(self.user, f"the user of event `{self.name}`")
        at = None if self.timestamp is None else moment_millis(self.timestamp)
        return RawNewEvent(self.name, data, self.id, user, at, self.version)


#: An event to send: a :class:`NewEvent`, or a dict of its parts, which may call them as JSON
#: does: ``ts``, ``v``.
Sendable = NewEvent | Mapping[str, Any]

_SHORT = {"ts": "timestamp", "v": "version"}


def new_event(event: Sendable) -> RawNewEvent:
    """What is to be sent. Raises :class:`InvalidData` for what is no event."""
    if isinstance(event, NewEvent):
        return event._raw()
    if not isinstance(event, Mapping):
        raise InvalidData(f"an event is a NewEvent or a dict, not {type(event).__name__}")
    try:
        return NewEvent(**{_SHORT.get(key, key): value for key, value in event.items()})._raw()
    except TypeError as error:
        raise InvalidData(f"an event has name, data, id, user, ts and v: {error}") from error


@dataclass(frozen=True)
class RunError:
    """What a run has failed with."""

    name: str
    message: str
    stack: str | None = None


@dataclass(frozen=True)
class Failed:
    """A run that has failed for good: what an ``on_failure`` is called for."""

    #: The function that the run was of.
    function_id: str
    run_id: str
    #: What started it; the first of a batch.
    event: ReceivedEvent
    #: All that started it.
    events: list[ReceivedEvent]
    error: RunError


@dataclass(frozen=True)
class Context:
    """The run that a function is called for; the same in every pass."""

    function_id: str
    run_id: str
    #: How often the function itself, outside of steps, has failed.
    attempt: int
    #: What started the run: one event, or a batch in the order in which they came.
    events: list[ReceivedEvent]
    #: When the run was started, in UTC.
    now: datetime

    @property
    def event(self) -> ReceivedEvent:
        """What started the run; the first of a batch."""
        return self.events[0]

    @property
    def failed(self) -> Failed:
        """In an ``on_failure``: the run that has failed."""
        try:
            data = self.event.data
            error = data["error"]
            return Failed(
                function_id=data["function_id"],
                run_id=data["run_id"],
                event=ReceivedEvent._kept(data["event"]),
                events=[ReceivedEvent._kept(event) for event in data["events"]],
                error=RunError(error["name"], error["message"], error.get("stack")),
            )
        except (KeyError, TypeError) as error:
            why = f"event `{self.event.name}` tells of no failed run: this is for an `on_failure`"
            raise NonRetriableError(why) from error

    @classmethod
    def _raw(cls, raw: RunContext) -> Context:
        events = [ReceivedEvent._raw(event) for event in raw.events]
        return cls(raw.function_id, raw.run_id, raw.attempt, events, datetime_of(raw.now))
