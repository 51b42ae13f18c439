"""HTTP, key-value, settings, the log: what is outside of a function."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import pawl
from pawl import Context, Step, StepError, http, kv, testing
from pawl._host import HttpRequest

URL = "https://u:p@api.example.com:8443/users/7?token=x"


def run(handler: Callable[[Context, Step], Any], **options: Any) -> testing.Result:
    options = {"settings": {"GREETING": "hi"}, **options}
    return testing.run(pawl.function(id="f", event="a/b", retries=1)(handler), **options)


def error_of(code: Callable[[], Any], **options: Any) -> tuple[str, str, int]:
    """The class and the text of what the step fails with, and how often it was tried."""
    result = run(lambda ctx, step: step.run("a", code), **options)
    assert result.error is not None
    return result.error.name, result.error.message, result.steps["a"].attempts


def test_a_request_is_the_one_that_was_described() -> None:
    asked: list[HttpRequest] = []

    def code() -> Any:
        headers = {"Authorization": f"Bearer {pawl.secret('TOKEN')}"}
        return http.post(URL, headers=headers, json=[1], timeout="5s").json()

    def answer(request: HttpRequest) -> http.Response:
        asked.append(request)
        return testing.response(json={"n": 1})

    assert run(lambda ctx, step: step.run("a", code), http=answer).output == {"n": 1}
    [request] = asked
    assert (request.method, request.url, request.body, request.timeout) == ("POST", URL, b"[1]", 5_000)
    assert request.headers == [
        ("Authorization", "Bearer {secret:TOKEN}"),
        ("Content-Type", "application/json"),
    ]


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (422, 1), (408, 2), (429, 2), (500, 2), (503, 2)])
def test_a_server_in_trouble_is_asked_again_and_a_refusal_is_not(status: int, tries: int) -> None:
    answers = {URL: testing.response(status, body="a secret")}
    error = error_of(lambda: http.get(URL).raise_for_status().text, http=answers)
    assert error == ("HttpStatus", f"GET api.example.com:8443 answered {status}", tries)


def test_retry_after_in_seconds_is_kept_to() -> None:
    answers = iter([testing.response(429, headers={"Retry-After": "7"}), testing.response(body="x")])
    code = lambda: http.get(URL).raise_for_status().text  # noqa: E731
    result = run(lambda ctx, step: step.run("a", code), http=lambda _: next(answers))
    assert (result.output, result.took) == ("x", 7_000)


def test_an_answer_is_read_whatever_its_status_and_body() -> None:
    answer = testing.response(302, body=b"\xff", headers={"X-N": "1"})
    assert (answer.is_success, answer.text, answer.header("x-n"), answer.header("y")) == (
        False,
        "�",
        "1",
        None,
    )
    assert answer.raise_for_status() is answer
    assert error_of(lambda: http.get(URL).json(), http={URL: answer})[0] == "HttpUnexpectedBody"


def test_without_an_answer_it_is_network_trouble_and_tried_again() -> None:
    error = error_of(lambda: http.get(URL), http={URL: ConnectionError("refused")})
    assert error == ("HttpNetwork", "GET api.example.com:8443: refused", 2)


def test_several_requests_give_their_answers_in_their_order() -> None:
    answers = {f"http://a/{n}": testing.response(body=str(n)) for n in range(3)}

    def code() -> list[str]:
        return [a.text for a in http.gather(*(http.Request("GET", f"http://a/{n}") for n in range(3)))]

    assert run(lambda ctx, step: step.run("a", code), http=answers).output == ["0", "1", "2"]


def test_what_cannot_be_sent_is_said_at_once() -> None:
    assert error_of(lambda: http.put(URL, json={1, 2}))[::2] == ("HttpInvalid", 1)
    assert error_of(lambda: http.get(URL, timeout="soon"))[0] == "InvalidDuration"


def test_outside_of_steps_nothing_is_reached_and_the_error_says_what_to_do() -> None:
    for use in (lambda: http.get(URL), lambda: kv.get("k"), lambda: pawl.settings.get("GREETING")):
        error = run(lambda ctx, step, use=use: use()).error  # type: ignore[misc]
        assert error is not None
        assert "wrap it in step.run" in error.message


def test_a_fetch_step_gives_the_answer_that_was_kept() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        answer = step.fetch("ask", http.Request("POST", URL, json={"n": 1}, timeout="5m"), retries=3)
        raw = step.fetch("raw", URL)
        try:
            answer.raise_for_status()
        except http.HttpStatus as error:
            return [answer.json(), raw.body == b"\xff\x00", error.status, error.retry]

    steps = {"ask": testing.response(503, json=[7]), "raw": testing.response(body=b"\xff\x00")}
    assert run(handler, steps=steps).output == [[7], True, 503, "no"]


def test_the_body_of_a_fetch_step_has_to_be_text() -> None:
    error = run(lambda ctx, step: step.fetch("a", http.Request("PUT", URL, body=b"\xff"))).error
    assert error is not None
    assert error.message.startswith("PUT api.example.com:8443: the body of a fetch step has to be text")


def test_keys_have_values_and_their_limits() -> None:
    def code() -> Any:
        kv.set("text", "größe")
        kv.set_json("json", {"n": 1})
        kv.delete("none")
        return [kv.keys(), kv.get_json("json"), kv.get_json("none"), kv.exists("text")]

    result = run(lambda ctx, step: step.run("a", code), kv={"old": b"1"})
    assert result.output == [["json", "old", "text"], {"n": 1}, None, True]
    assert result.kv["text"] == "größe".encode()
    for key, value in (("", b""), ("x" * 1_025, b""), ("k", b"x" * ((1 << 20) + 1))):
        assert error_of(lambda key=key, value=value: kv.set(key, value))[::2] == ("KeyValueInvalid", 1)  # type: ignore[misc]
    assert error_of(lambda: kv.get_json("bad"), kv={"bad": b"{"})[0] == "KeyValueMismatch"


def test_a_setting_is_read_and_one_that_is_not_granted_is_refused_for_good() -> None:
    def handler(ctx: Context, step: Step) -> Any:
        return step.run("a", pawl.settings.get, "GREETING")

    assert run(handler).output == "hi"
    assert error_of(lambda: pawl.settings.get("OTHER"))[::2] == ("SettingDenied", 1)


def test_everything_that_is_said_is_a_line_once_with_its_level_and_step() -> None:
    def code() -> None:
        pawl.log.debug("inside", order="o_1")
        sys.stderr.write("by hand\n")

    def handler(ctx: Context, step: Step) -> None:
        print("two\nlines")
        print("no end", end="")
        step.run("a", code)
        logging.getLogger("shop").info("paid %d", 7, extra={"order": "o_1"})
        step.sleep("nap", "1h")
        logging.getLogger().error("over")

    assert [(line.level, line.message, line.step) for line in run(handler).logs] == [
        ("info", "two", None),
        ("info", "lines", None),
        ("info", "no end", None),
        ("debug", "inside", "a"),
        ("warn", "by hand", "a"),
        ("info", "paid 7", None),
        ("error", "over", None),
    ]
    fields = [line.fields for line in run(handler).logs if line.fields]
    assert fields == [{"order": "o_1"}, {"logger": "shop", "order": "o_1"}]


def test_warnings_are_said_the_same_in_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def warn() -> None:
        warnings.warn("careful", stacklevel=1)

    def handler(ctx: Context, step: Step) -> None:
        step.run("a", warn)
        step.sleep("nap", "1h")
        warn()
        print("after")

    # pytest keeps them to itself
    monkeypatch.setattr(warnings, "showwarning", lambda what, *_: print(what, file=sys.stderr))
    assert [(line.level, line.message, line.step) for line in run(handler).logs] == [
        ("warn", "careful", "a"),
        ("warn", "careful", None),
        ("info", "after", None),
    ]


def test_streams_and_handlers_are_as_they_were_after_a_run() -> None:
    before = sys.stdout, sys.stderr, logging.getLogger().handlers[:], logging.getLogger().level
    run(lambda ctx, step: print("x"))
    assert before == (sys.stdout, sys.stderr, logging.getLogger().handlers, logging.getLogger().level)


def test_a_steps_error_can_be_told_from_one_of_the_function() -> None:
    def handler(ctx: Context, step: Step) -> str:
        empty: dict[str, str] = {}
        try:
            step.run("a", lambda: empty["key"])
        except StepError as error:
            return f"{error.name} {error}"
        return ""

    assert run(handler).output == "KeyError 'key'"
