"""What a session says about who paid for what."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from pawl import NonRetriableError

from .stripe import Object, filled

#: What follows from a session: the user gets what was paid; nothing yet, as the money is on its way
#: and another event comes when it has arrived; nothing, as it only kept a payment method for later.
Verdict = Literal["activate", "unpaid", "setup"]


class Checkout(TypedDict):
    """A session that is valid, by its ids: nothing about the person is kept."""

    sessionId: str
    userId: str
    customerId: str | None
    subscriptionId: str | None
    verdict: Verdict


def validate(value: Any) -> Checkout:
    """Reads a session. What is wrong with it is no better on another try."""
    session = Object(value, "session")
    id = filled(session.text("id"))
    if id is None:
        raise NonRetriableError("the session has no id: it is none of Stripe's")
    user = filled(session.text("client_reference_id")) or session.user_in_metadata()
    if user is None:
        raise NonRetriableError(
            f"session {id} names no user: give it a client_reference_id or metadata.userId when it is made"
        )
    return {
        "sessionId": id,
        "userId": user,
        "customerId": session.reference("customer"),
        "subscriptionId": session.reference("subscription"),
        "verdict": _verdict(session, id),
    }


def _verdict(session: Object, id: str) -> Verdict:
    status = session.text("payment_status")
    if session.text("mode") == "setup":
        return "setup"
    if status in ("paid", "no_payment_required"):
        return "activate"
    if status == "unpaid":
        return "unpaid"
    if status is None:
        raise NonRetriableError(f"session {id} has no payment_status")
    # who knows whether anything was paid
    raise NonRetriableError(f"session {id} has payment_status `{status}`, which this function does not know")
