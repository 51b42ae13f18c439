"""What ``@pawl.function`` can be told: triggers and limits.

Keys and conditions are CEL (https://cel.dev) over ``event``, the event that starts the run;
each value of a key has a limit of its own. What they and the schedules hold the host reads
when it loads the component, and says where they are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._span import Span

Scope = Literal["function", "app", "account"]


@dataclass(frozen=True)
class Event:
    """Started by events of this name; ``shop/*`` takes all that begin so.

    ``if_``: only those for which the condition holds.
    """

    name: str
    if_: str | None = None


@dataclass(frozen=True)
class Cron:
    """Started by the clock: five fields, ``@daily``, ``@every 30m``.

    ``TZ=Europe/Paris `` may stand before. ``jitter``: delayed by up to that.
    """

    schedule: str
    jitter: Span | None = None


@dataclass(frozen=True)
class Limit:
    """How many runs may execute at once. Those that sleep or wait count for nothing.

    A ``scope`` other than ``function`` shares the limit with all functions of the app or the
    host that name the same key, and needs one.
    """

    limit: int
    key: str | None = None
    scope: Scope = "function"


@dataclass(frozen=True)
class Throttle:
    """How many runs may start in a period (1s to 7d), and ``burst`` more at once.

    The others wait.
    """

    limit: int
    period: Span
    burst: int | None = None
    key: str | None = None


@dataclass(frozen=True)
class RateLimit:
    """How many runs there may be in a period (1s to 24h). Further events make none."""

    limit: int
    period: Span
    key: str | None = None


@dataclass(frozen=True)
class Debounce:
    """One run for events that follow each other within the period, with the last one.

    At most ``timeout`` after the first.
    """

    period: Span
    key: str | None = None
    timeout: Span | None = None


@dataclass(frozen=True)
class Batch:
    """One run for so many events (2 to 100), at most ``timeout`` (1s to 60s) after the first.

    They are ``ctx.events``. One for which ``if_`` is false gets a run of its own.
    """

    max_size: int
    timeout: Span
    key: str | None = None
    if_: str | None = None


@dataclass(frozen=True)
class CancelOn:
    """An event that cancels the run.

    ``match``: only one that has the same value there (``data.id``); ``if_``: only one for which
    this holds, over ``event`` and ``async``, the new one; ``timeout``: only so long after the
    run's event.
    """

    event: str
    match: str | None = None
    if_: str | None = None
    timeout: Span | None = None


@dataclass(frozen=True)
class Singleton:
    """What becomes of an event while a run of the same key is not over.

    ``skip``: it makes none; ``cancel``: it ends that one.
    """

    mode: Literal["skip", "cancel"]
    key: str | None = None


Trigger = Event | Cron


def condition(match: str | None, if_: str | None) -> str | None:
    """Both conditions as one, each in brackets, as it may hold an ``||``."""
    parts = [] if match is None else [f"event.{match} == async.{match}"]
    parts += [] if if_ is None else [if_]
    return parts[0] if len(parts) == 1 else " && ".join(f"({part})" for part in parts) or None
