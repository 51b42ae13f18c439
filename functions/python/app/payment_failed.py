"""``stripe/payment_intent.payment_failed``: the failure is logged, recorded and warned of."""

from __future__ import annotations

from typing import Any, TypedDict

import pawl
from pawl import Context, Step, kv, rfc_3339

from .stripe import payment_intent

#: Failures of one payment that are kept: enough to see a pattern.
KEPT = 20


class Failure(TypedDict):
    """A failed payment without the data of the person who tried to pay."""

    paymentIntentId: str
    userId: str | None
    code: str | None
    declineCode: str | None


class Entry(TypedDict):
    """One failure of a payment, as it is kept."""

    eventId: str
    at: str
    code: str | None
    declineCode: str | None


class Record(TypedDict):
    """What is kept under ``failures:<payment intent>``."""

    userId: str | None
    #: How often the payment has failed.
    count: int
    #: The latest of them.
    latest: list[Entry]


def read(value: Any) -> Failure:
    """Reads a payment intent. The words for the buyer are left out."""
    payment, id = payment_intent(value)
    error = payment.part("last_payment_error")
    return {
        "paymentIntentId": id,
        "userId": payment.user_in_metadata(),
        "code": error.text("code") if error else None,
        "declineCode": error.text("decline_code") if error else None,
    }


def add(record: Record | None, user_id: str | None, entry: Entry) -> Record:
    """The record with this failure in it. A repeated step or event changes nothing."""
    before: Record = record or {"userId": None, "count": 0, "latest": []}
    count, latest = before["count"], before["latest"]
    if all(known["eventId"] != entry["eventId"] for known in latest):
        count, latest = count + 1, [*latest, entry][-KEPT:]
    return {"userId": user_id or before["userId"], "count": count, "latest": latest}


@pawl.function(
    id="process-payment-failed",
    event="stripe/payment_intent.payment_failed",
    name="Process failed payments",
    retries=3,
)
def process_payment_failed(ctx: Context, step: Step) -> dict[str, Any]:
    event = ctx.event

    def log() -> Failure:
        failure = read(event.data.get("paymentIntent"))
        pawl.log.warn(
            "payment failed",
            payment_intent=failure["paymentIntentId"],
            code=failure["code"] or "unknown",
            decline_code=failure["declineCode"] or "none",
        )
        return failure

    failure = step.run("log-failure", log)
    id = failure["paymentIntentId"]

    def handle() -> int:
        key = f"failures:{id}"
        entry: Entry = {
            "eventId": event.id,
            "at": rfc_3339(event.timestamp),
            "code": failure["code"],
            "declineCode": failure["declineCode"],
        }
        record = add(kv.get_json(key), failure["userId"], entry)
        kv.set_json(key, record)
        if record["count"] > 1:
            # what somebody should look at: the buyer tries again and again
            pawl.log.warn("a payment fails again and again", payment_intent=id, count=record["count"])
        return record["count"]

    count = step.run("handle-failure", handle)
    return {"completed": True, "paymentIntentId": id, "code": failure["code"], "failures": count}
