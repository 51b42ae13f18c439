"""A user's subscription, and the host's own key-value store as its place."""

from __future__ import annotations

from pawl import kv, rfc_3339

from .checkout import Checkout

#: The ids that a session may not have; then those that there are stay.
_IDS = ("stripeCustomerId", "stripeSubscriptionId")


def active(checkout: Checkout, at: int) -> dict[str, str]:
    """What is written about a user: absolute values, so that writing twice changes nothing.

    ``at`` is when the event happened, not when it was worked on: the same on every try.
    """
    values = {
        "subscriptionStatus": "active",
        "stripeCustomerId": checkout["customerId"],
        "stripeSubscriptionId": checkout["subscriptionId"],
        "lastSessionId": checkout["sessionId"],
        "updatedAt": rfc_3339(at),
    }
    return {name: value for name, value in values.items() if value is not None}


def over(subscription: dict[str, str], before: dict[str, str] | None) -> dict[str, str]:
    """The same with the ids that were known before and that this one does not have."""
    known = {name: before[name] for name in _IDS if before and before.get(name)}
    return {**known, **subscription}


def keep(user_id: str, subscription: dict[str, str]) -> str:
    """Writes it to the key-value store as ``user:<id>``; gives the place's name."""
    key = f"user:{user_id}"
    kv.set_json(key, over(subscription, kv.get_json(key)))
    return "key-value"
