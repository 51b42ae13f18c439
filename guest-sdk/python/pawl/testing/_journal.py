"""A run's steps as they are kept from pass to pass, and which of them an instance has come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import _host
from ._result import NonDeterministic

KINDS: dict[type, str] = {
    _host.Run: "run",
    _host.Sleep: "sleep",
    _host.SleepUntil: "sleep-until",
    _host.WaitForEvent: "wait-for-event",
    _host.Invoke: "invoke",
    _host.SendEvent: "send-event",
    _host.Fetch: "fetch",
}


@dataclass
class Entry:
    """A step."""

    key: str
    op: _host.Operation
    #: When it began, in virtual ms.
    began: int
    #: When something becomes of it: a try, an end.
    due: int
    attempts: int = 0
    outcome: _host.Ok | _host.Err | None = None
    #: What it comes to when it is due, if that is known.
    coming: str = "null"

    @property
    def kind(self) -> str:
        return KINDS[type(self.op)]


@dataclass
class Journal:
    """All steps that earlier passes came to."""

    entries: dict[str, Entry] = field(default_factory=dict)
    #: In the order in which they settled: who is first in a race is first in every pass.
    settled: list[str] = field(default_factory=list)

    def settle(self, entry: Entry, outcome: _host.Ok | _host.Err) -> None:
        """Keeps an outcome, once."""
        if entry.outcome is None:
            entry.outcome = outcome
            self.settled.append(entry.key)


@dataclass
class Cursor:
    """One pass's way through the function."""

    missing: list[str]
    answered: dict[str, set[int]] = field(default_factory=dict)

    def keys(self, requests: list[_host.Request]) -> list[str]:
        """Each request's key: its id, with the lowest turns that have no answer yet."""
        taken: set[tuple[str, int]] = set()
        keys = []
        for request in requests:
            turn = 0
            while turn in self.answered.get(request.id, ()) or (request.id, turn) in taken:
                turn += 1
            taken.add((request.id, turn))
            keys.append(f"{request.id}:{turn}" if turn else request.id)
        return keys

    def answer(self, request: _host.Request, key: str) -> None:
        """The step has been answered."""
        turn = int(key[len(request.id) + 1 :] or 0)
        self.answered.setdefault(request.id, set()).add(turn)

    def check(self, requests: list[_host.Request], keys: list[str], journal: Journal) -> None:
        """Whether the function asks for what it asked for before."""
        for request, key in zip(requests, keys, strict=True):
            known, kind = journal.entries.get(key), KINDS[type(request.op)]
            if known is not None and known.kind != kind:
                raise NonDeterministic(f"step `{key}` was a {known.kind} step before, and now a {kind} step")
            if key in self.missing:
                self.missing.remove(key)
        new = next((key for key in keys if key not in journal.entries), None)
        is_answered = any(key in journal.settled for key in keys)
        if new is not None and self.missing and not is_answered:
            raise NonDeterministic(
                f"an earlier pass came to step `{self.missing[0]}` first; now the function asks for `{new}`"
            )

    def check_end(self) -> None:
        """Whether the function came to all that it came to before."""
        if self.missing:
            raise NonDeterministic(f"the function ends without step `{self.missing[0]}`, which it had before")
