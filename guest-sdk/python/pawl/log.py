"""Lines for the run's log, with fields: ``pawl.log.info("paid", order="o_1")``.

Each line is there once, however often the function is replayed. ``print`` and the standard
``logging`` come there as well.
"""

from __future__ import annotations

from typing import Any

from ._host import Level, host
from ._output import end_lines


def trace(message: str, **fields: Any) -> None:
    """For finding a fault in the function itself."""
    _write("trace", message, fields)


def debug(message: str, **fields: Any) -> None:
    """For following what it does."""
    _write("debug", message, fields)


def info(message: str, **fields: Any) -> None:
    """What an operator wants to know."""
    _write("info", message, fields)


def warn(message: str, **fields: Any) -> None:
    """What an operator should look at."""
    _write("warn", message, fields)


def error(message: str, **fields: Any) -> None:
    """What went wrong."""
    _write("error", message, fields)


def _write(level: Level, message: str, fields: dict[str, Any]) -> None:
    end_lines()
    host().log(level, str(message), [(key, str(value)) for key, value in fields.items()])
