"""The function's own key-value store, in the host's database. For a step's own code.

Keys have 1 to 1,024 bytes, values at most 1 MiB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ._errors import Error, NonRetriableError
from ._host import Refused, host
from ._json import encode

_KEY_BYTES = 1_024
_VALUE_BYTES = 1 << 20


class KeyValueError(Error):
    """The store is in trouble: worth another try."""


class KeyValueDenied(NonRetriableError):
    """It was used outside of a step."""


class KeyValueInvalid(NonRetriableError):
    """A key or a value is too long, or a key is empty."""


class KeyValueMismatch(NonRetriableError):
    """The value that is kept is not the JSON that was expected."""


def get(key: str) -> bytes | None:
    """The value of a key, if it has one."""
    with _checked("reading a key"):
        return host().kv_get(key)


def set(key: str, value: bytes | str) -> None:
    """Gives a key a value, in place of the one it had; text as UTF-8."""
    data = value.encode() if isinstance(value, str) else value
    # the host refuses these too, but cannot say that another try would not help
    length = len(key.encode())
    if not 0 < length <= _KEY_BYTES:
        raise KeyValueInvalid(f"a key has 1 to {_KEY_BYTES} bytes, not {length}")
    if len(data) > _VALUE_BYTES:
        raise KeyValueInvalid(f"a value has at most {_VALUE_BYTES} bytes, not {len(data)}")
    with _checked("writing a key"):
        host().kv_set(key, data)


def delete(key: str) -> None:
    """Removes a key; one that is not there is no error."""
    with _checked("removing a key"):
        host().kv_delete(key)


def exists(key: str) -> bool:
    """Whether a key has a value."""
    with _checked("reading a key"):
        return host().kv_exists(key)


def keys() -> list[str]:
    """All keys."""
    with _checked("listing keys"):
        return host().kv_keys()


def get_json(key: str) -> Any:
    """The value of a key that :func:`set_json` gave it; None when it has none."""
    value = get(key)
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise KeyValueMismatch(f"the value that is kept is not what was expected: {error}") from error


def set_json(key: str, value: Any) -> None:
    """Gives a key a value as JSON."""
    set(key, encode(value, "the value of a key"))


@contextmanager
def _checked(what: str) -> Iterator[None]:
    """The key itself is not repeated: it may be somebody's name."""
    try:
        yield
    except Refused as refused:
        kind = KeyValueDenied if refused.kind == "denied" else KeyValueError
        raise kind(f"{what}: {refused}") from None
