"""What a test sees of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._event import RunError


class NonDeterministic(AssertionError):
    """The function came to other steps than it did in an earlier pass.

    What it decides by (the time, chance, the network, a global) belongs into a step, whose outcome
    is kept.
    """


@dataclass
class StepResult:
    """A step; the n-th repeat of an id is known as ``id:n``."""

    #: ``run``, ``sleep``, ``sleep-until``, ``wait-for-event``, ``invoke``, ``send-event``, ``fetch``.
    kind: str
    #: How often it was tried.
    attempts: int = 0
    #: What it came to, as JSON gives it back; None also while it is not settled.
    output: Any = None
    #: What it failed with, when no tries were left.
    error: RunError | None = None
    is_settled: bool = False


@dataclass(frozen=True)
class Log:
    """A line of the run's log; ``step`` is the one that was executing."""

    level: str
    message: str
    fields: dict[str, str]
    step: str | None


@dataclass
class Result:
    """How a run went."""

    #: What it failed with, if it did.
    error: RunError | None = None
    #: By their ids, in the order in which they were asked for.
    steps: dict[str, StepResult] = field(default_factory=dict)
    #: How long each sleep was asked to be, in milliseconds, by its id.
    slept: dict[str, int] = field(default_factory=dict)
    #: The events that were sent, as dicts of ``name``, ``data`` and what else they said.
    sent: list[dict[str, Any]] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    #: What is in the key-value store at the end.
    kv: dict[str, bytes] = field(default_factory=dict)
    #: How long it took in virtual time, in milliseconds.
    took: int = 0
    #: How often the function was gone through.
    passes: int = 0
    _output: Any = None

    @property
    def output(self) -> Any:
        """What the function gave, as JSON gives it back. Fails the test when the run has failed."""
        if self.error is not None:
            stack = f"\n{self.error.stack}" if self.error.stack else ""
            raise AssertionError(f"the run has failed: {self.error.name}: {self.error.message}{stack}")
        return self._output
