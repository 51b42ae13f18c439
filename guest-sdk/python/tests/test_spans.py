"""Spans of time and moments."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pawl import InvalidDuration, InvalidTime, rfc_3339
from pawl._span import millis, moment_millis


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("0s", 0),
        ("500ms", 500),
        ("1h30m", 5_400_000),
        (" 1h 30m ", 5_400_000),
        ("10 m", 600_000),
        ("2d", 172_800_000),
        ("1w", 604_800_000),
        (timedelta(seconds=1.5), 1_500),
        (timedelta(microseconds=1), 1),
        (7, 7),
    ],
)
def test_a_span_is_milliseconds_rounded_up(span: Any, expected: int) -> None:
    assert millis(span) == expected


@pytest.mark.parametrize(
    "span",
    ["", "10", "m", "-1s", "1.5h", "1 minute", "1M", "1h, 2m", "9" * 20 + "w", -1, True, 1.5, timedelta(-1)],
)
def test_what_is_no_span_is_refused_for_good(span: Any) -> None:
    with pytest.raises(InvalidDuration) as refused:
        millis(span)
    assert refused.value.retry == "no"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (5, 5),
        ("2026-10-26T07:33:28Z", 1_793_000_008_000),
        ("2026-10-26T08:33:28+01:00", 1_793_000_008_000),
        ("2026-10-26 07:33:28.123456789z", 1_793_000_008_123),
        (datetime(2026, 10, 26, 7, 33, 28, tzinfo=timezone.utc), 1_793_000_008_000),
    ],
)
def test_a_moment_is_milliseconds_since_1970(at: Any, expected: int) -> None:
    assert moment_millis(at) == expected


@pytest.mark.parametrize(
    "at",
    ["", "2026-10-26", "2026-10-26T07:33:28", "2026-02-30T00:00:00Z", "1969-12-31T23:59:59Z", -1, 1.5, None]
    + [datetime(2026, 1, 1)],
)
def test_what_is_no_moment_is_refused_for_good(at: Any) -> None:
    with pytest.raises(InvalidTime) as refused:
        moment_millis(at)
    assert refused.value.retry == "no"


def test_a_moment_is_written_with_milliseconds() -> None:
    assert rfc_3339(1_793_000_008_000) == "2026-10-26T07:33:28.000Z"
    assert rfc_3339("2026-10-26T08:33:28.5+01:00") == "2026-10-26T07:33:28.500Z"
