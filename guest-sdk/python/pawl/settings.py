"""Settings that the operator gives to this function. For a step's own code.

Secrets cannot be read. They are put into requests: see :func:`pawl.secret`.
"""

from __future__ import annotations

from ._errors import NonRetriableError
from ._host import Refused, host


class SettingDenied(NonRetriableError):
    """The function does not list it in ``settings``, it is not granted, or no step is executing."""


def get(name: str) -> str | None:
    """A setting by its name; None when the operator has not set it."""
    try:
        return host().setting(name)
    except Refused as refused:
        raise SettingDenied(str(refused)) from None
