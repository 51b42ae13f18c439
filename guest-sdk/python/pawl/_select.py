"""Asking the host for one step or for several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ._errors import NonRetriableError
from ._host import Execute, Outcome, Request, host
from ._output import end_lines


class Askable(Protocol):
    """A step that is not settled yet."""

    @property
    def request(self) -> Request: ...

    def settle(self, outcome: Outcome) -> Any:
        """Its output, after executing its code where asked to; raises what it failed with."""


@dataclass(frozen=True)
class Settled:
    """A step's place in the list that was asked for, and what it came to."""

    place: int
    value: Any = None
    error: Exception | None = None


def ask(steps: Sequence[Askable]) -> list[Settled]:
    """Blocks until one or more of the steps are settled, and gives those. There is at least one."""
    end_lines()
    requests = [step.request for step in steps]
    answers = [(0, host().open(requests[0]))] if len(requests) == 1 else host().select(requests)
    # what is to be executed here is settled after what has been settled already
    answers.sort(key=lambda answer: isinstance(answer[1], Execute))
    return [_settle(steps, place, outcome) for place, outcome in answers]


def _settle(steps: Sequence[Askable], place: int, outcome: Outcome) -> Settled:
    if place >= len(steps):
        raise NonRetriableError("the host answered for a step that was not asked for")
    try:
        return Settled(place, steps[place].settle(outcome))
    except Exception as error:
        return Settled(place, error=error)
