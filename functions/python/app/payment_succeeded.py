"""``stripe/payment_intent.succeeded``: the payment is confirmed in the log and recorded."""

from __future__ import annotations

from typing import Any, TypedDict

import pawl
from pawl import Context, Step, kv, rfc_3339

from .stripe import payment_intent


class Confirmation(TypedDict):
    """A payment without the data of the person who paid."""

    paymentIntentId: str
    userId: str | None
    #: In the currency's smallest unit.
    amount: int
    currency: str


def confirm(value: Any) -> Confirmation:
    """Reads a payment intent. Its ``client_secret`` is left: who holds it can act on the payment."""
    payment, id = payment_intent(value)
    received = payment.number("amount_received")
    return {
        "paymentIntentId": id,
        "userId": payment.user_in_metadata(),
        "amount": (payment.number("amount") or 0) if received is None else received,
        "currency": payment.text("currency") or "",
    }


@pawl.function(
    id="process-payment-succeeded",
    event="stripe/payment_intent.succeeded",
    name="Process succeeded payments",
    retries=3,
)
def process_payment_succeeded(ctx: Context, step: Step) -> dict[str, Any]:
    event = ctx.event

    def log() -> Confirmation:
        confirmation = confirm(event.data.get("paymentIntent"))
        pawl.log.info(
            "payment succeeded",
            payment_intent=confirmation["paymentIntentId"],
            amount=confirmation["amount"],
            currency=confirmation["currency"],
        )
        return confirmation

    confirmation = step.run("log-payment-confirmation", log)
    id = confirmation["paymentIntentId"]

    def record() -> str:
        key = f"payment:{id}"
        # the same bytes each time: a repeated step or event changes nothing
        at = rfc_3339(event.timestamp)
        kv.set_json(key, {"status": "succeeded", **confirmation, "eventId": event.id, "at": at})
        return key

    key = step.run("record-payment", record)
    return {"completed": True, "paymentIntentId": id, "recordedAs": key}
