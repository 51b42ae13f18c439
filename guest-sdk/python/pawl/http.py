"""Outgoing HTTP for a step's own code.

Requests go to hosts that the function names in ``hosts`` and its operator grants, and only from
inside of a step. Redirects are answered, not followed. A header may hold ``{secret:NAME}``
(:func:`pawl.secret`): the host puts the secret in, and the function never sees it.

A request that is all that a step does can be left to the host: ``step.fetch``.
"""

from __future__ import annotations

import json as _json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _host
from ._errors import Error, NonRetriableError
from ._json import encode
from ._span import Span, some_millis


class HttpDenied(NonRetriableError):
    """Not granted, or outside of a step."""


class HttpInvalid(NonRetriableError):
    """The URL, the method, a header or the body cannot be sent."""


class HttpNetwork(Error):
    """No connection, broken off, or too slow: worth another try."""


class HttpStatus(Error):
    """An answer whose status tells of an error; ``status`` is that."""

    def __init__(self, message: str, status: int, retry: _host.Retry) -> None:
        super().__init__(message, data={"status": status})
        self.status = status
        self.retry = retry


class HttpUnexpectedBody(Error):
    """An answer whose body is not the JSON that was expected."""

    def __init__(self, message: str, retry: _host.Retry) -> None:
        super().__init__(message)
        self.retry = retry


class Request:
    """A request: ``Request("POST", url, json={…})``.

    ``json`` is a body with its content type, ``body`` one of text or bytes. ``timeout`` bounds
    the whole exchange; it is never longer than what the step has left.
    """

    def __init__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: str | bytes | None = None,
        timeout: Span | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = list((headers or {}).items())
        self.body = body
        self.timeout = some_millis(timeout)
        if json is not None:
            try:
                self.body = encode(json, "the request's body")
            except NonRetriableError as error:
                raise HttpInvalid(error.message) from error
            self.headers.append(("Content-Type", "application/json"))

    @property
    def place(self) -> str:
        """Method and host, for messages: a path may hold what does not belong into a log."""
        rest = self.url.split("://", 1)[-1]
        for end in "/?#":
            rest = rest.split(end, 1)[0]
        return f"{self.method} {rest.rsplit('@', 1)[-1]}"

    def _raw(self) -> _host.HttpRequest:
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return _host.HttpRequest(self.method, self.url, self.headers, body, self.timeout)

    def _fetch(self, retries: int | None) -> _host.Fetch:
        body = self.body
        if isinstance(body, bytes):
            try:
                body = body.decode()
            except UnicodeDecodeError as error:
                why = "the body of a fetch step has to be text; send bytes inside of a step"
                raise HttpInvalid(f"{self.place}: {why}") from error
        return _host.Fetch(self.method, self.url, self.headers, body, self.timeout, retries)


@dataclass(frozen=True)
class Response:
    """An answer."""

    #: Such as 200.
    status: int
    #: As they came: a name may be there several times.
    headers: list[tuple[str, str]]
    body: bytes
    _place: str = ""
    #: Whether a step has it as its output: then another try would see the same.
    _is_kept: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 become ``�``."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        """The first header of this name, in whatever case."""
        return next((value for n, value in self.headers if n.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body's JSON. Raises :class:`HttpUnexpectedBody`."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            why = f"{self._place} answered with something else than JSON: {error}"
            raise HttpUnexpectedBody(why, "no" if self._is_kept else "default") from error

    def raise_for_status(self) -> Response:
        """The same answer, unless its status is one of 400 to 599: :class:`HttpStatus`.

        Tried again are 408, 425, 429 and all from 500 on, no sooner than a ``Retry-After`` in
        seconds says, unless a ``fetch`` step gave the answer: that stays as it is. The message
        holds nothing of the body: that may be anybody's data.
        """
        if self.status < 400:
            return self
        raise HttpStatus(f"{self._place} answered {self.status}", self.status, self._retry())

    def _retry(self) -> _host.Retry:
        if self._is_kept or (self.status < 500 and self.status not in (408, 425, 429)):
            return "no"
        seconds = (self.header("retry-after") or "").strip()
        return int(seconds) * 1_000 if seconds.isascii() and seconds.isdigit() else "default"


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    body: str | bytes | None = None,
    timeout: Span | None = None,
) -> Response:
    """Sends a request and waits for the whole answer, whatever its status.

    Raises :class:`HttpDenied` and :class:`HttpInvalid`, which are never tried again, and
    :class:`HttpNetwork`, which is.
    """
    return send(Request(method, url, headers=headers, json=json, body=body, timeout=timeout))


def get(url: str, *, headers: Mapping[str, str] | None = None, timeout: Span | None = None) -> Response:
    """A request that reads; see :func:`request`."""
    return request("GET", url, headers=headers, timeout=timeout)


def post(url: str, **options: Any) -> Response:
    """A request that adds; the options are those of :func:`request`."""
    return request("POST", url, **options)


def put(url: str, **options: Any) -> Response:
    """A request that replaces; the options are those of :func:`request`."""
    return request("PUT", url, **options)


def patch(url: str, **options: Any) -> Response:
    """A request that changes a part; the options are those of :func:`request`."""
    return request("PATCH", url, **options)


def delete(url: str, **options: Any) -> Response:
    """A request that removes; the options are those of :func:`request`."""
    return request("DELETE", url, **options)


def send(what: Request) -> Response:
    """Sends one that was made before; see :func:`request`."""
    return gather(what)[0]


def gather(*requests: Request) -> list[Response]:
    """Sends all of them at once, and gives their answers in their order.

    Each runs to its end. When one has no answer the first such error is raised then.
    """
    answers = _host.host().http([each._raw() for each in requests])
    return [_answered(each, answer) for each, answer in zip(requests, answers, strict=True)]


def _answered(asked: Request, answer: _host.HttpResponse | _host.HttpTrouble) -> Response:
    if isinstance(answer, _host.HttpResponse):
        return Response(answer.status, answer.headers, answer.body, asked.place)
    if answer.kind == "network":
        raise HttpNetwork(f"{asked.place}: {answer.message}")
    raise (HttpDenied if answer.kind == "denied" else HttpInvalid)(answer.message)
