"""The three functions for Stripe's events: the same as ``functions/process-*``, in one component."""

from . import checkout_completed, payment_failed, payment_succeeded

__all__ = ["checkout_completed", "payment_failed", "payment_succeeded"]
