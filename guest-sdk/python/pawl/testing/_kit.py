"""Runs a function from its event to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import _host
from .._errors import NoSuchFunction
from .._event import RunError
from .._failure import failure_of
from .._function import Function, functions
from .._handle import RunFailed, handle
from .._host import Failure, Left, RawEvent, RunContext
from .._json import decode, encode
from .._options import Event
from .._span import moment_millis
from ._host import START, Arrival, TestHost, next_try
from ._result import Result, StepResult

#: The host's default.
_RETRIES = 3

#: A run that has not come to its end by then never will.
_PASSES = 10_000


def run(
    function: Function[Any],
    event: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    *,
    steps: Mapping[str, Any] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, str | None] | None = None,
    http: Any = None,
    kv: Mapping[str, bytes] | None = None,
    run_id: str = "run",
) -> Result:
    """Runs the function for an event, and gives how it went.

    - ``event``: a dict of ``data``, and of ``name``, ``id``, ``user``, ``ts``, ``v`` where they
      matter; a list of them for a batch
    - ``steps``: what steps come to, by their ids, in place of their own code: a value, an exception,
      a callable (an ``invoke`` hands it the data), or :func:`fails`. Steps that are not named run.
      A ``fetch`` has to be named (:func:`response`); a ``wait_for_event`` may be given its event or
      None, an ``invoke`` its output
    - ``events``: events that come in while it waits, each a dict of ``name``, ``data`` and ``at``, how
      long after the start; without it, as soon as a step waits for it
    - ``settings``: those that are granted; ``http``: answers to requests from inside of steps, by URL
      or by a function of the request (``method``, ``url``, ``headers``, ``body``)
    - ``kv``: what the key-value store holds at first

    A function that is invoked and not named in ``steps`` is run, if it is known. Raises
    :class:`NonDeterministic`.
    """
    raw = _events(function, event)
    retries = function.definition.retries
    host = TestHost(
        event={"name": raw[0].name, "data": decode(raw[0].data)},
        retries=_RETRIES if retries is None else retries,
        mocks=steps or {},
        arrivals=[Arrival(number, each) for number, each in enumerate(events)],
        settings={**dict.fromkeys(function.definition.settings), **(settings or {})},
        http=http,
        invoke=_invoke,
    )
    host.result.kv.update(kv or {})
    before = _host.install(host)
    try:
        _carry(host, function, run_id, raw)
    finally:
        _host.install(before)
    return _told(host)


def _carry(host: TestHost, function: Function[Any], run_id: str, events: list[RawEvent]) -> None:
    attempt = 0
    for host.result.passes in range(1, _PASSES + 1):
        came = _pass(host, function, RunContext(function.id, run_id, attempt, events, START))
        if came is None:
            if not host.advance():
                raise AssertionError("the run waits for nothing that could come")
            continue
        if isinstance(came, Failure):
            again = next_try(came, attempt, host.retries, host.clock)
            if again is not None:
                attempt, host.clock = attempt + 1, again
                continue
            host.result.error = RunError(came.name, came.message, came.stack)
        else:
            host.result._output = decode(came)
        # a run that has waited nowhere has not been gone through twice yet
        host.is_over = True
        _pass(host, function, RunContext(function.id, run_id, attempt, events, START))
        return
    raise AssertionError(f"the run is not over after {_PASSES} passes")


def _pass(host: TestHost, function: Function[Any], context: RunContext) -> str | Failure | None:
    """What the function gives or fails with; None when it has to wait."""
    host.begin()
    came: str | Failure | None = None
    try:
        came = handle(context, function)
    except RunFailed as failed:
        came = failed.failure
    except Left:
        pass
    if host.told is not None:
        raise host.told
    if host.is_left:
        return None
    host.cursor.check_end()
    return came


def _events(function: Function[Any], event: Any) -> list[RawEvent]:
    given = event if isinstance(event, (list, tuple)) else [event or {}]
    names = [t.name for t in function.definition.triggers if isinstance(t, Event)]
    name = names[0] if names else "test/event"
    return [
        RawEvent(
            id=each.get("id", f"evt-{number}"),
            name=each.get("name", name),
            data=encode(each.get("data", {}), "the event's data"),
            user=None if each.get("user") is None else encode(each["user"], "the event's user"),
            timestamp=moment_millis(each.get("ts", START)),
            version=each.get("v"),
        )
        for number, each in enumerate(given)
    ]


def _invoke(id: str, data: Any) -> str | Failure:
    """Runs another function that is known here."""
    called = next((each for each in reversed(functions()) if each.id == id), None)
    if called is None:
        return failure_of(NoSuchFunction(f"no function `{id}` is known here: say in `steps` what it gives"))
    result = run(called, {"name": "inngest/function.invoked", "data": data})
    if result.error is not None:
        return Failure(result.error.name, result.error.message, result.error.stack, None, "no")
    return encode(result._output, "its output")


def _told(host: TestHost) -> Result:
    result = host.result
    result.took = host.clock - START
    for key, entry in host.journal.entries.items():
        step = StepResult(entry.kind, entry.attempts)
        if isinstance(entry.outcome, _host.Ok):
            step.output, step.is_settled = decode(entry.outcome.value), True
        elif isinstance(entry.outcome, _host.Err):
            failure = entry.outcome.failure
            step.error = RunError(failure.name, failure.message, failure.stack)
            step.is_settled = True
        result.steps[key] = step
    return result
