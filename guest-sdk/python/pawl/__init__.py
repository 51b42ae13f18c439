"""Write durable functions for Pawl in Python.

    import pawl

    @pawl.function(id="ship-order", event="shop/order.placed", hosts=["api.example.com"])
    def ship(ctx: pawl.Context, step: pawl.Step) -> dict:
        label = step.run("label", make_label, ctx.event.data["order"])
        step.sleep("wait for pickup", "1h")
        step.send_event("tell", pawl.NewEvent("shop/order.shipped", {"label": label}))
        return {"label": label}

What a function does in its steps is done once, however often the host goes through it.
"""

from . import http, kv, log, settings
from ._async_step import AsyncStep
from ._errors import (
    Error,
    InvalidData,
    InvalidDuration,
    InvalidOutput,
    InvalidTime,
    NonRetriableError,
    NoSuchFunction,
    NothingToAwait,
)
from ._event import Context, Failed, NewEvent, ReceivedEvent, RunError
from ._failure import RetryAfterError, StepError
from ._function import Function, function
from ._later import Later
from ._options import (
    Batch,
    CancelOn,
    Cron,
    Debounce,
    Event,
    Limit,
    RateLimit,
    Singleton,
    Throttle,
)
from ._settle import Attempt, Pending
from ._span import Moment, Span, rfc_3339
from ._step import Step


def secret(name: str) -> str:
    """What stands for a secret in a request's header: the host puts the secret in.

    ``headers={"Authorization": f"Bearer {pawl.secret('TOKEN')}"}``; the function names it in its
    ``secrets``.
    """
    return f"{{secret:{name}}}"


__all__ = [
    "AsyncStep",
    "Attempt",
    "Batch",
    "CancelOn",
    "Context",
    "Cron",
    "Debounce",
    "Error",
    "Event",
    "Failed",
    "Function",
    "InvalidData",
    "InvalidDuration",
    "InvalidOutput",
    "InvalidTime",
    "Later",
    "Limit",
    "Moment",
    "NewEvent",
    "NoSuchFunction",
    "NonRetriableError",
    "NothingToAwait",
    "Pending",
    "RateLimit",
    "ReceivedEvent",
    "RetryAfterError",
    "RunError",
    "Singleton",
    "Span",
    "Step",
    "StepError",
    "Throttle",
    "function",
    "http",
    "kv",
    "log",
    "rfc_3339",
    "secret",
    "settings",
]
