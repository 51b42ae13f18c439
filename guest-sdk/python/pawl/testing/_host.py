"""A host in virtual time, for one run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import _host
from .._errors import NonRetriableError
from .._host import Err, Execute, Failure, Left, Ok, Outcome, Refused, Request
from .._json import decode, encode
from .._span import millis
from . import _mock
from ._journal import Cursor, Entry, Journal
from ._result import Log, NonDeterministic, Result

#: When every run of the kit starts: 2026-01-01.
START = 1_767_225_600_000

#: Seconds between the tries; the last one repeats. The host's table without its jitter.
_TABLE = (15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200)

_SAME = re.compile(r"event\.([\w.]+) == async\.([\w.]+)")


def next_try(failure: Failure, attempt: int, retries: int, now: int) -> int | None:
    """When a failed try is repeated; None when it is not."""
    if attempt >= retries or failure.retry == "no":
        return None
    if isinstance(failure.retry, int):
        return now + min(max(failure.retry, 1_000), 86_400_000)
    return now + _TABLE[min(attempt, len(_TABLE) - 1)] * 1_000


class Arrival:
    """An event that comes in while the run waits."""

    def __init__(self, number: int, event: Mapping[str, Any]) -> None:
        self.name: str = event["name"]
        self.data = event.get("data", {})
        self.at = None if "at" not in event else START + millis(event["at"])
        self.is_taken = False
        self._kept = {"id": f"in-{number}", "user": event.get("user"), "v": event.get("v")}

    def json(self, at: int) -> str:
        return encode({**self._kept, "name": self.name, "data": self.data, "ts": at}, "an event")


class TestHost:
    """:class:`pawl._host.Host` for all passes of one run."""

    __test__ = False

    def __init__(
        self,
        *,
        event: Any,
        retries: int,
        mocks: Mapping[str, Any],
        arrivals: list[Arrival],
        settings: Mapping[str, str | None],
        http: Any,
        invoke: Any,
    ) -> None:
        self.result = Result()
        self.journal = Journal()
        self.clock = START
        self.is_left = False
        #: The steps that the last question was for.
        self.asked: list[str] = []
        self.told: NonDeterministic | None = None
        #: The run has come to its end: there are no more steps than it has had.
        self.is_over = False
        self._event = event
        self.retries = retries
        self._mocks = mocks
        self._arrivals = arrivals
        self._settings = settings
        self._http = http
        self._invoke = invoke
        self._lines = self._said = 0
        self._executing: str | None = None
        self.cursor = Cursor([])

    # Passes.

    def begin(self) -> None:
        """Another pass: the function is at its start."""
        self.is_left, self._executing, self.asked = False, None, []
        self._said, self._lines = max(self._said, self._lines), 0
        self.cursor = Cursor(list(self.journal.entries))

    def advance(self) -> bool:
        """Lets the next thing happen that the run waits for. False when nothing is to come."""
        waiting = [e for e in map(self.journal.entries.__getitem__, self.asked) if e.outcome is None]
        if not waiting:
            return False
        self.clock = max(self.clock, min(entry.due for entry in waiting))
        for entry in sorted(self.journal.entries.values(), key=lambda entry: entry.due):
            is_over = entry.due <= self.clock and not isinstance(entry.op, (_host.Run, _host.Fetch))
            if is_over and entry.outcome is None:
                self.journal.settle(entry, Ok(entry.coming))
        return True

    def _leave(self) -> None:
        self.is_left = True
        raise Left

    def _check_left(self) -> None:
        if self.is_left:
            raise Left

    # Steps.

    def open(self, request: Request) -> Outcome:
        return self.select([request])[0][1]

    def select(self, requests: list[Request]) -> list[tuple[int, Outcome]]:
        self._check_left()
        if self._executing is not None:
            why = f"step `{requests[0].id}` is inside of step `{self._executing}`: put it after that one"
            return [(0, Err(Failure("NestedStep", why, retry="no")))]
        keys = self.asked = self.cursor.keys(requests)
        try:
            self.cursor.check(requests, keys, self.journal)
        except NonDeterministic as error:
            self.told = error
            self._leave()
        for request, key in zip(requests, keys, strict=True):
            if key not in self.journal.entries and not self._settled(keys):
                if self.is_over:
                    self.told = NonDeterministic(f"one more pass asks for the new step `{key}`")
                    self._leave()
                self._begin(key, request.op)
        while True:
            settled = self._settled(keys)
            if settled is not None:
                place = keys.index(settled)
                self.cursor.answer(requests[place], settled)
                outcome = self.journal.entries[settled].outcome
                assert outcome is not None
                return [(place, outcome)]
            ready = next((key for key in keys if self._is_ready(key)), None)
            if ready is None:
                self._leave()
            elif self._is_mocked(ready):
                self._try_mock(ready)
            else:
                self._executing = ready
                place = keys.index(ready)
                self.cursor.answer(requests[place], ready)
                return [(place, Execute(Attempt(self, self.journal.entries[ready])))]

    def _settled(self, keys: list[str]) -> str | None:
        return next((key for key in self.journal.settled if key in keys), None)

    def _is_ready(self, key: str) -> bool:
        entry = self.journal.entries[key]
        return isinstance(entry.op, (_host.Run, _host.Fetch)) and entry.due <= self.clock

    def _mock(self, key: str) -> Any:
        return _mock.at_try(self._mocks.get(key, _mock.NOTHING), self.journal.entries[key].attempts)

    def _is_mocked(self, key: str) -> bool:
        return self._mock(key) is not _mock.NOTHING or isinstance(self.journal.entries[key].op, _host.Fetch)

    def _try_mock(self, key: str) -> None:
        entry, mock = self.journal.entries[key], self._mock(key)
        if mock is _mock.NOTHING:
            mock = NonRetriableError(f"nothing answers step `{key}`: say in `steps` what it comes to")
        came = _mock.outcome(mock)
        entry.attempts += 1
        if isinstance(came, str):
            self.journal.settle(entry, Ok(came))
        else:
            self.failed(entry, came)

    def _begin(self, key: str, op: _host.Operation) -> None:
        entry = Entry(key, op, self.clock, self.clock)
        self.journal.entries[key] = entry
        mock = self._mocks.get(key, _mock.NOTHING)
        if isinstance(op, (_host.Run, _host.Fetch)):
            return
        if isinstance(op, _host.Sleep):
            entry.due += op.duration
            self.result.slept[key] = op.duration
        elif isinstance(op, _host.SleepUntil):
            entry.due = max(self.clock, op.until)
            self.result.slept[key] = entry.due - self.clock
        elif isinstance(op, _host.WaitForEvent):
            self._wait(entry, op, mock)
        elif isinstance(op, _host.Invoke):
            data = decode(op.data)
            came = self._invoke(op.function, data) if mock is _mock.NOTHING else _mock.outcome(mock, data)
            self._settle(entry, came)
        else:
            self._send(entry, op, mock)

    def _settle(self, entry: Entry, came: str | Failure) -> None:
        self.journal.settle(entry, Ok(came) if isinstance(came, str) else Err(came))

    def _send(self, entry: Entry, op: _host.SendEvent, mock: Any) -> None:
        first = len(self.result.sent)
        for event in op.events:
            parts = {"id": event.id, "ts": event.timestamp, "v": event.version}
            sent = {"name": event.name, "data": decode(event.data)}
            sent.update({name: value for name, value in parts.items() if value is not None})
            if event.user is not None:
                sent["user"] = decode(event.user)
            self.result.sent.append(sent)
        ids = [f"sent-{first + place}" for place in range(len(op.events))]
        self._settle(entry, _mock.outcome(ids if mock is _mock.NOTHING else mock))

    def _wait(self, entry: Entry, op: _host.WaitForEvent, mock: Any) -> None:
        entry.due += op.timeout
        if mock is None:
            return
        if mock is not _mock.NOTHING:
            given = mock() if callable(mock) else mock
            arrival = Arrival(0, {"name": op.name, **given})
            self.journal.settle(entry, Ok(arrival.json(self.clock)))
            return
        for arrival in sorted(self._arrivals, key=lambda a: a.at or 0):
            at = self.clock if arrival.at is None else arrival.at
            if arrival.is_taken or not self.clock <= at < entry.due or not _is_named(op.name, arrival.name):
                continue
            if not self._fits(entry.key, op.filter, arrival):
                continue
            arrival.is_taken = arrival.at is None
            entry.due, entry.coming = at, arrival.json(at)
            return

    def _fits(self, key: str, filter: str | None, arrival: Arrival) -> bool:
        if filter is None:
            return True
        same = _SAME.fullmatch(filter)
        if same is None:
            why = f"the kit has no CEL: say in `steps` which event step `{key}` comes to (or None)"
            raise NonRetriableError(why)
        own, new = self._event, {"name": arrival.name, "data": arrival.data}
        return bool(_at(own, same[1]) == _at(new, same[2]))

    def failed(self, entry: Entry, failure: Failure) -> None:
        """A try has failed: another one comes, after the run has been left, or none."""
        op, retries = entry.op, self.retries
        if isinstance(op, (_host.Run, _host.Fetch)) and op.retries is not None:
            retries = op.retries
        due = next_try(failure, entry.attempts - 1, retries, self.clock)
        if due is not None:
            entry.due = due
            self._leave()
        final = Failure(failure.name, failure.message, failure.stack, failure.data, "no")
        self.journal.settle(entry, Err(final))

    def finished(self) -> None:
        """No step's code executes any more."""
        self._executing = None

    # The rest of the imports.

    def log(self, level: _host.Level, message: str, fields: list[tuple[str, str]]) -> None:
        if self.is_left:
            return
        if self._executing is None:
            self._lines += 1
            if self._lines <= self._said:
                return
        self.result.logs.append(Log(level, message, dict(fields), self._executing))

    def http(self, requests: list[_host.HttpRequest]) -> list[_host.HttpResponse | _host.HttpTrouble]:
        if self._executing is None:
            why = "outgoing HTTP is for steps: wrap it in step.run"
            return [_host.HttpTrouble("denied", why) for _ in requests]
        return [_mock.answer(self._http, request) for request in requests]

    def setting(self, name: str) -> str | None:
        self._inside("settings are for steps: wrap it in step.run")
        if name not in self._settings:
            raise Refused("denied", f"setting {name} is not granted: name it in the function's `settings`")
        return self._settings[name]

    def now(self) -> int:
        return self.clock

    def pause(self, millis: int) -> None:
        self.clock += millis

    def kv_get(self, key: str) -> bytes | None:
        self._inside()
        return self.result.kv.get(key)

    def kv_set(self, key: str, value: bytes) -> None:
        self._inside()
        self.result.kv[key] = value

    def kv_delete(self, key: str) -> None:
        self._inside()
        self.result.kv.pop(key, None)

    def kv_exists(self, key: str) -> bool:
        self._inside()
        return key in self.result.kv

    def kv_keys(self) -> list[str]:
        self._inside()
        return sorted(self.result.kv)

    def _inside(self, why: str = "key-value is for steps: wrap it in step.run") -> None:
        if self._executing is None:
            raise Refused("denied", why)


class Attempt:
    """A try of a step's own code."""

    def __init__(self, host: TestHost, entry: Entry) -> None:
        self._host = host
        self._entry = entry
        self.number = entry.attempts
        op = entry.op
        own = op.retries if isinstance(op, _host.Run) else None
        self.max = 1 + (host.retries if own is None else own)
        self.idempotency_key = f"run:{entry.key}"

    def succeed(self, output: str) -> Failure | None:
        self._host.finished()
        self._entry.attempts += 1
        self._host.journal.settle(self._entry, Ok(output))
        return None

    def fail(self, failure: Failure) -> Failure:
        self._host.finished()
        self._entry.attempts += 1
        self._host.failed(self._entry, failure)
        assert isinstance(self._entry.outcome, Err)
        return self._entry.outcome.failure


def _is_named(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _at(event: Any, path: str) -> Any:
    for part in path.split("."):
        event = event.get(part) if isinstance(event, Mapping) else None
    return event
