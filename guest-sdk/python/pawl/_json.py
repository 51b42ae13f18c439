"""JSON as the host takes it."""

from __future__ import annotations

import json
from typing import Any

from ._errors import InvalidData, InvalidOutput


def encode(value: Any, what: str) -> str:
    """The value's JSON; ``what`` names it in the error.

    Raises :class:`InvalidOutput` for what has none: a set, an object, NaN, a circle, half of
    a surrogate pair.
    """
    try:
        return _dump(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidOutput(f"{what} cannot be JSON: {_why(error)}") from None


def encode_object(value: Any, what: str) -> str:
    """The JSON of what has to be an object. Raises :class:`InvalidData` for all else."""
    if not isinstance(value, dict):
        raise InvalidData(f"{what} has to be a JSON object: a dict, not {type(value).__name__}")
    try:
        return _dump(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidData(f"{what} cannot be JSON: {_why(error)}") from None


def decode(text: str) -> Any:
    """What the host has kept."""
    return json.loads(text)


def _dump(value: Any) -> str:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    if not text.isascii():
        text.encode()  # a lone surrogate has no UTF-8, and would not cross the boundary
    return text


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeEncodeError):
        return "a text in it holds half of a surrogate pair"
    return str(error)
