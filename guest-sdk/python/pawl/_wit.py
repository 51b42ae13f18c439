"""The host as a component has it: the imports and the exports of ``wit/``.

The only module that knows the generated bindings. It can be imported inside of a component alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err as WitError
from componentize_py_types import Ok as WitOk
from wit_world.exports import functions as exports
from wit_world.imports import http, log, settings, step, store, system, types

from . import _host
from ._function import Definition, Flow, functions
from ._handle import RunFailed, handle
from ._options import Event, Trigger, condition
from ._span import millis, some_millis

T = TypeVar("T")

#: Where componentize-py put the folders that it was given: the rest is the author's own path.
_MOUNT = re.compile(r'File "/\d+/')


def _text(text: str) -> str:
    """What can cross the boundary: half of a surrogate pair has no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _said(text: str) -> str:
    """The same with the author's own paths."""
    return _MOUNT.sub('File "', _text(text))


def _some(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _pairs(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in pairs]


# Failures.


def _to_failure(failure: _host.Failure) -> Any:
    retry: Any
    if failure.retry == "default":
        retry = types.Retry_Default()
    elif failure.retry == "no":
        retry = types.Retry_No()
    else:
        retry = types.Retry_After(failure.retry)
    stack = None if failure.stack is None else _said(failure.stack)
    return types.Failure(_text(failure.name), _said(failure.message), stack, failure.data, retry)


def _failure(raw: Any) -> _host.Failure:
    retry: _host.Retry = "default"
    if isinstance(raw.retry, types.Retry_No):
        retry = "no"
    elif isinstance(raw.retry, types.Retry_After):
        retry = raw.retry.value
    return _host.Failure(raw.name, raw.message, raw.stack, raw.data, retry)


# Steps.


def _wait(op: _host.WaitForEvent) -> Any:
    return step.Operation_WaitForEvent(step.EventMatch(_text(op.name), op.timeout, _some(op.filter)))


def _invoke(op: _host.Invoke) -> Any:
    return step.Operation_Invoke(step.Invocation(_text(op.function), op.data, op.user, op.timeout))


def _new_event(event: _host.RawNewEvent) -> Any:
    return types.NewEvent(
        id=_some(event.id),
        name=_text(event.name),
        data=event.data,
        user=event.user,
        timestamp=event.timestamp,
        version=_some(event.version),
    )


def _fetch(op: _host.Fetch) -> Any:
    method, url, body = _text(op.method), _text(op.url), _some(op.body)
    return step.Operation_Fetch(step.Fetch(method, url, _pairs(op.headers), body, op.timeout, op.retries))


_OPERATIONS: dict[type, Callable[[Any], Any]] = {
    _host.Run: lambda op: step.Operation_Run(step.RunOptions(op.timeout, op.retries)),
    _host.Sleep: lambda op: step.Operation_Sleep(op.duration),
    _host.SleepUntil: lambda op: step.Operation_SleepUntil(op.until),
    _host.WaitForEvent: _wait,
    _host.Invoke: _invoke,
    _host.SendEvent: lambda op: step.Operation_SendEvent([_new_event(event) for event in op.events]),
    _host.Fetch: _fetch,
}


def _request(request: _host.Request) -> Any:
    return step.Request(_text(request.id), _OPERATIONS[type(request.op)](request.op))


def _outcome(raw: Any) -> _host.Outcome:
    if isinstance(raw, step.Outcome_Ok):
        return _host.Ok(raw.value)
    if isinstance(raw, step.Outcome_Err):
        return _host.Err(_failure(raw.value))
    return _host.Execute(_Attempt(raw.value))


class _Attempt:
    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @property
    def number(self) -> int:
        return int(self._raw.number())

    @property
    def max(self) -> int:
        return int(self._raw.max())

    @property
    def idempotency_key(self) -> str:
        return str(self._raw.idempotency_key())

    def succeed(self, output: str) -> _host.Failure | None:
        with self._raw as raw:
            try:
                raw.succeed(output)
            except WitError as error:
                return _failure(error.value)
        return None

    def fail(self, failure: _host.Failure) -> _host.Failure:
        with self._raw as raw:
            return _failure(raw.fail(_to_failure(failure)))


# The rest of the imports.

_LEVELS = {
    "trace": log.Level.TRACE,
    "debug": log.Level.DEBUG,
    "info": log.Level.INFO,
    "warn": log.Level.WARN,
    "error": log.Level.ERROR,
}


def _answer(raw: Any) -> _host.HttpResponse | _host.HttpTrouble:
    if isinstance(raw, WitOk):
        answer = raw.value
        return _host.HttpResponse(answer.status, answer.headers, answer.body)
    trouble = raw.value
    if isinstance(trouble, http.Error_Denied):
        return _host.HttpTrouble("denied", trouble.value)
    if isinstance(trouble, http.Error_Invalid):
        return _host.HttpTrouble("invalid", trouble.value)
    return _host.HttpTrouble("network", trouble.value)


def _in_bucket(use: Callable[[Any], T]) -> T:
    try:
        with store.open("") as bucket:
            return use(bucket)
    except WitError as error:
        trouble = error.value
        if isinstance(trouble, store.Error_Other):
            raise _host.Refused("trouble", trouble.value) from None
        if isinstance(trouble, store.Error_NoSuchStore):
            raise _host.Refused("denied", "no such store") from None
        raise _host.Refused("denied", "key-value is for steps: wrap it in step.run") from None


def _keys(bucket: Any) -> list[str]:
    keys: list[str] = []
    cursor = None
    while True:
        page = bucket.list_keys(cursor)
        keys.extend(page.keys)
        cursor = page.cursor
        if cursor is None:
            return keys


class _Component:
    """:class:`pawl._host.Host` over the imports."""

    def open(self, request: _host.Request) -> _host.Outcome:
        return _outcome(step.open(_request(request)))

    def select(self, requests: list[_host.Request]) -> list[tuple[int, _host.Outcome]]:
        answers = step.select([_request(request) for request in requests])
        return [(place, _outcome(outcome)) for place, outcome in answers]

    def log(self, level: _host.Level, message: str, fields: list[tuple[str, str]]) -> None:
        log.log(_LEVELS[level], _said(message), _pairs(fields))

    def http(self, requests: list[_host.HttpRequest]) -> list[_host.HttpResponse | _host.HttpTrouble]:
        asked = [
            http.Request(_text(r.method), _text(r.url), _pairs(r.headers), r.body, r.timeout)
            for r in requests
        ]
        if len(asked) != 1:
            return [_answer(raw) for raw in http.send_all(asked)]
        try:
            return [_answer(WitOk(http.send(asked[0])))]
        except WitError as error:
            return [_answer(error)]

    def setting(self, name: str) -> str | None:
        try:
            return _some(settings.get(_text(name)))
        except WitError as error:
            raise _host.Refused("denied", error.value) from None

    def now(self) -> int:
        return int(system.now())

    def pause(self, millis: int) -> None:
        system.pause(millis)

    def kv_get(self, key: str) -> bytes | None:
        value: bytes | None = _in_bucket(lambda bucket: bucket.get(_text(key)))
        return value

    def kv_set(self, key: str, value: bytes) -> None:
        _in_bucket(lambda bucket: bucket.set(_text(key), value))

    def kv_delete(self, key: str) -> None:
        _in_bucket(lambda bucket: bucket.delete(_text(key)))

    def kv_exists(self, key: str) -> bool:
        return _in_bucket(lambda bucket: bool(bucket.exists(_text(key))))

    def kv_keys(self) -> list[str]:
        return _in_bucket(_keys)


# What is exported.


def _trigger(trigger: Trigger) -> Any:
    if isinstance(trigger, Event):
        return exports.Trigger_Event(exports.EventTrigger(trigger.name, trigger.if_))
    jitter = some_millis(trigger.jitter)
    return exports.Trigger_Cron(exports.CronTrigger(trigger.schedule, jitter))


def _maybe(make: Callable[[Any], Any], option: Any) -> Any:
    return None if option is None else make(option)


def _flow(flow: Flow) -> Any:
    return exports.Flow(
        concurrency=[
            exports.Concurrency(c.limit, c.key, exports.Scope[c.scope.upper()]) for c in flow.concurrency
        ],
        throttle=_maybe(lambda t: exports.Throttle(t.limit, millis(t.period), t.burst, t.key), flow.throttle),
        rate_limit=_maybe(lambda r: exports.RateLimit(r.limit, millis(r.period), r.key), flow.rate_limit),
        debounce=_maybe(
            lambda d: exports.Debounce(millis(d.period), some_millis(d.timeout), d.key), flow.debounce
        ),
        batch=_maybe(lambda b: exports.Batch(b.max_size, millis(b.timeout), b.key, b.if_), flow.batch),
        priority=flow.priority,
        idempotency=flow.idempotency,
        cancel_on=[
            exports.CancelOn(c.event, condition(c.match, c.if_), some_millis(c.timeout))
            for c in flow.cancel_on
        ],
        singleton=_maybe(
            lambda s: exports.Singleton(s.key, exports.SingletonMode[s.mode.upper()]), flow.singleton
        ),
        timeouts=exports.Timeouts(flow.start_timeout, flow.finish_timeout),
    )


def _config(definition: Definition) -> Any:
    wishes = exports.Capabilities(
        hosts=list(definition.hosts),
        settings=list(definition.settings),
        secrets=list(definition.secrets),
    )
    return exports.Config(
        id=definition.id,
        name=definition.name,
        app=definition.app,
        triggers=[_trigger(trigger) for trigger in definition.triggers],
        retries=definition.retries,
        flow=_flow(definition.flow),
        step_timeout=definition.step_timeout,
        capabilities=wishes,
    )


class Functions:
    """The interface ``functions`` of the world; componentize-py finds it by this name."""

    def describe(self) -> list[Any]:
        return [_config(function.definition) for function in functions()]

    def handle(self, ctx: Any) -> str:
        events = [_host.RawEvent(e.id, e.name, e.data, e.user, e.timestamp, e.version) for e in ctx.events]
        raw = _host.RunContext(ctx.function_id, ctx.run_id, ctx.attempt, events, ctx.now)
        try:
            return handle(raw)
        except RunFailed as failed:
            raise WitError(_to_failure(failed.failure)) from None


_host.install(_Component())
