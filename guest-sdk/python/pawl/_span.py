"""How long and when: spans of time and moments, as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from ._errors import InvalidDuration, InvalidTime

#: A span of time: ``"1h 30m"`` (units ``ms``, ``s``, ``m``, ``h``, ``d``, ``w``), a
#: :class:`~datetime.timedelta`, or whole milliseconds.
Span = str | timedelta | int

#: A moment: an aware :class:`~datetime.datetime`, RFC 3339 text, or milliseconds since 1970.
Moment = datetime | str | int

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"\s*([0-9]+)\s*([A-Za-z]+)\s*")
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
#: What the contract's numbers can hold.
_MOST = 2**64 - 1


def millis(span: Span) -> int:
    """The span in milliseconds, rounded up: nobody waits for less than was asked for.

    Raises :class:`InvalidDuration` for what is no span, or a negative one.
    """
    if isinstance(span, str):
        total = _parse(span)
    elif isinstance(span, timedelta):
        total = -(-span // _MILLISECOND)
    elif isinstance(span, int) and not isinstance(span, bool):
        total = span
    else:
        raise InvalidDuration(
            f'{span!r} is no duration: write it like "1h 30m", as a timedelta, or in milliseconds'
        )
    if not 0 <= total <= _MOST:
        raise InvalidDuration(f"{span!r} is no duration: it is {'too long' if total > 0 else 'negative'}")
    return total


def some_millis(span: Span | None) -> int | None:
    """The same for a span that may be left out."""
    return None if span is None else millis(span)


def _parse(text: str) -> int:
    total, at = 0, 0
    while at < len(text) or not text:
        part = _PART.match(text, at)
        if part is None or part[2] not in _UNITS:
            raise InvalidDuration(f"`{text}` is no duration (write it like 500ms, 30s, 1h 30m, 2d)")
        total += int(part[1]) * _UNITS[part[2]]
        at = part.end()
    return total


def moment_millis(at: Moment) -> int:
    """The moment in milliseconds since 1970.

    Raises :class:`InvalidTime` for what is none, lies before 1970, or has no time zone.
    """
    if isinstance(at, int) and not isinstance(at, bool):
        total = at
    elif isinstance(at, (datetime, str)):
        time = _read(at) if isinstance(at, str) else at
        if time.tzinfo is None:
            raise InvalidTime(f"{at!r} has no time zone: say datetime.now(timezone.utc) and the like")
        total = (time - _EPOCH) // _MILLISECOND
    else:
        raise InvalidTime(f"{at!r} is no time: take a datetime, RFC 3339 text or milliseconds")
    if not 0 <= total <= _MOST:
        raise InvalidTime(f"{at!r} is no time that can be said: it begins with 1970")
    return total


def _read(text: str) -> datetime:
    parts = _RFC_3339.fullmatch(text)
    if parts is not None:
        day, time, fraction, zone = parts.groups()
        micros = (fraction or "")[:6].ljust(6, "0")
        zone = "+00:00" if zone in "Zz" else zone
        try:
            return datetime.fromisoformat(f"{day}T{time}.{micros}{zone}")
        except ValueError:
            pass
    raise InvalidTime(f"`{text}` is no time (write it like 2026-11-24T13:18:00Z)")


def datetime_of(timestamp: int) -> datetime:
    """Milliseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=timestamp)


def rfc_3339(at: Moment) -> str:
    """The moment as text with milliseconds: ``2026-10-26T07:33:28.000Z``."""
    time = datetime_of(moment_millis(at))
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
