"""The parts of Stripe's objects that the functions look at.

The shape of an object belongs to the API version of its endpoint, so little is asked of it: a
field that nobody needs may be anything. What is needed and wrong is an error that another try
would not cure.
"""

from __future__ import annotations

from typing import Any

from pawl import NonRetriableError


class Object:
    """An object of Stripe's: its fields, each read as the type that it has to have."""

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, dict):
            raise NonRetriableError(f"the event carries no {what}")
        self._value = value
        self._what = what

    def text(self, name: str) -> str | None:
        """A text, if it is there."""
        value = self._value.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def number(self, name: str) -> int | None:
        """A whole number from 0 on, if it is there."""
        value = self._value.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(name, "a whole number")
        return value

    def reference(self, name: str) -> str | None:
        """The id of another object, which stands there itself where it was expanded."""
        value = self._value.get(name)
        found = value.get("id") if isinstance(value, dict) else value
        if value is not None and not isinstance(found, str):
            raise self._wrong(name, "an id, or an object that has one")
        return found

    def part(self, name: str) -> Object | None:
        """An object in it, if it is there."""
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return Object(value, self._what)

    def user_in_metadata(self) -> str | None:
        """Whose it is, as whoever made it wrote: ``metadata.userId``."""
        metadata = self.part("metadata")
        user = metadata._value.get("userId") if metadata is not None else None
        return filled(user) if isinstance(user, str) else None

    def _wrong(self, name: str, expected: str) -> NonRetriableError:
        return NonRetriableError(f"the {self._what} is not as Stripe's are: {name} is not {expected}")


def payment_intent(value: Any) -> tuple[Object, str]:
    """A payment intent and its id, without which there is nothing to record."""
    payment = Object(value, "payment intent")
    id = filled(payment.text("id"))
    if id is None:
        raise NonRetriableError("the payment intent has no id: it is none of Stripe's")
    return payment, id


def filled(text: str | None) -> str | None:
    """A text that says something."""
    return (text or "").strip() or None
