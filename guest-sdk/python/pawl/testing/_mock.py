"""What stands in a test for a step's own code, or for what is outside."""

from __future__ import annotations

import base64
import json as _json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import _host
from .._failure import failure_of
from .._json import encode
from ..http import Response

#: No value at all.
NOTHING: Any = object()


@dataclass(frozen=True)
class Fails:
    """See :func:`fails`."""

    times: int
    error: BaseException | type[BaseException]
    then: Any


def fails(times: int, error: BaseException | type[BaseException], then: Any = NOTHING) -> Fails:
    """A step whose first ``times`` tries fail; after them ``then``, or its own code."""
    return Fails(times, error, then)


def response(
    status: int = 200,
    *,
    json: Any = NOTHING,
    body: str | bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer, for ``http`` and for ``fetch`` steps."""
    data = body.encode() if isinstance(body, str) else body
    if json is not NOTHING:
        data = _json.dumps(json).encode()
    return Response(status, list((headers or {}).items()), data)


def at_try(mock: Any, number: int) -> Any:
    """What the mock comes to at this try; NOTHING is the step's own code."""
    if isinstance(mock, Fails):
        return mock.error if number < mock.times else mock.then
    return mock


def outcome(mock: Any, *given: Any) -> str | _host.Failure:
    """A mock's JSON, or what it fails with. A callable is called with what was given."""
    try:
        if isinstance(mock, BaseException) or (isinstance(mock, type) and issubclass(mock, BaseException)):
            raise mock
        return encode(_kept(mock(*given) if callable(mock) else mock), "a mock")
    except Exception as error:
        return failure_of(error)


def _kept(value: Any) -> Any:
    """As the host keeps it."""
    if not isinstance(value, Response):
        return value
    kept = {"status_code": value.status, "headers": dict(value.headers), "url": ""}
    try:
        return {**kept, "body": value.body.decode()}
    except UnicodeDecodeError:
        return {**kept, "body_base64": base64.b64encode(value.body).decode()}


def answer(http: Any, request: _host.HttpRequest) -> _host.HttpResponse | _host.HttpTrouble:
    """The answer to a request from inside of a step."""
    if http is None:
        return _host.HttpTrouble("denied", "nothing answers requests here: give `http` to testing.run")
    found = http(request) if callable(http) else http.get(request.url)
    if found is None:
        return _host.HttpTrouble("network", f"nothing answers {request.url} in this test")
    if isinstance(found, Exception):
        return _host.HttpTrouble("network", str(found))
    return _host.HttpResponse(found.status, found.headers, found.body)
