"""``stripe/checkout.session.completed``: the user who paid gets an active subscription.

Completed does not mean paid. A delayed payment method gives ``completed`` with ``unpaid`` first,
which activates nothing, and ``async_payment_succeeded`` later, which therefore starts this function
too. Stripe may send an event several times and both of them for one session: what is written is the
same each time.
"""

from __future__ import annotations

from typing import Any

import pawl
from pawl import Context, Step

from . import instant, subscription
from .checkout import validate


@pawl.function(
    id="process-checkout-completed",
    events=["stripe/checkout.session.completed", "stripe/checkout.session.async_payment_succeeded"],
    name="Process completed checkouts",
    retries=3,
    hosts=["{setting:INSTANT_API_URI}"],
    settings=["INSTANT_APP_ID", "INSTANT_API_URI"],
    secrets=["INSTANT_ADMIN_TOKEN"],
)
def process_checkout_completed(ctx: Context, step: Step) -> dict[str, Any]:
    checkout = step.run("validate-session", validate, ctx.event.data.get("session"))
    session_id, user_id = checkout["sessionId"], checkout["userId"]
    who = {"userId": user_id, "sessionId": session_id}
    if checkout["verdict"] != "activate":
        return {"completed": True, "activated": False, "reason": checkout["verdict"], **who}
    values = subscription.active(checkout, ctx.event.timestamp)

    def update() -> str:
        app = instant.from_settings()
        return app.update_user(user_id, values) if app else subscription.keep(user_id, values)

    store = step.run("update-subscription", update)

    def log() -> None:
        pawl.log.info("subscription activated", session=session_id, user=user_id, store=store)

    step.run("log-payment-success", log)
    return {"completed": True, "activated": True, **who, "store": store}
