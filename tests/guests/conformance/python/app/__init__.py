"""The conformance app in Python: what each function does says the README beside it."""

from . import broken, outside, plain, retries, started, together, waits, walls

__all__ = ["broken", "outside", "plain", "retries", "started", "together", "waits", "walls"]
