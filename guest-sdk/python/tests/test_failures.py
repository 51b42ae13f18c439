"""Exceptions in the host's terms."""

from __future__ import annotations

import pytest

from pawl import InvalidDuration, NonRetriableError, RetryAfterError, StepError
from pawl._failure import failure_of
from pawl._host import Failure


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_failure_has_the_class_the_text_and_the_place() -> None:
    failure = failure_of(raised(ValueError("no such card")))
    assert (failure.name, failure.message, failure.retry) == ("ValueError", "no such card", "default")
    assert failure.stack is not None
    assert "test_failures.py" in failure.stack and "in raised" in failure.stack


def test_the_stack_holds_the_causes() -> None:
    try:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise RuntimeError("outer") from error
    except RuntimeError as error:
        stack = failure_of(error).stack or ""
    assert stack.index("ValueError: inner") < stack.index("RuntimeError: outer")


def test_the_wish_about_the_next_try_is_kept() -> None:
    assert failure_of(NonRetriableError("x")).retry == "no"
    assert failure_of(RetryAfterError("x", after="1m")).retry == 60_000
    with pytest.raises(InvalidDuration):
        RetryAfterError("x", after="a while")


def test_data_comes_along_and_what_cannot_be_json_is_left_out() -> None:
    assert failure_of(NonRetriableError("x", data={"n": 1})).data == '{"n": 1}'
    assert failure_of(NonRetriableError("x", data={1, 2})).data is None


def test_a_steps_failure_that_is_let_through_stays_what_it_was() -> None:
    own = Failure("CardError", "stolen", "at line 7", '{"n": 1}', "default")
    error = StepError(own)
    assert (str(error), error.name, error.data) == ("stolen", "CardError", {"n": 1})
    assert failure_of(raised(error)) == Failure("CardError", "stolen", "at line 7", '{"n": 1}', "no")


def test_an_error_without_a_text_goes_by_its_class_and_one_whose_text_breaks_is_a_failure_too() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert failure_of(AssertionError()).message == "AssertionError"
    assert failure_of(raised(Broken())).message == "its text cannot be made"


def test_a_group_says_what_its_members_say_and_is_final_when_all_of_them_are() -> None:
    group = pytest.importorskip("builtins").__dict__.get("ExceptionGroup")
    if group is None:
        pytest.skip("there are no groups before Python 3.11")
    failure = failure_of(group("two", [NonRetriableError("a"), NonRetriableError("b")]))
    assert failure.message.endswith(": a; b") and failure.retry == "no"
    assert failure_of(group("two", [NonRetriableError("a"), ValueError("b")])).retry == "default"
