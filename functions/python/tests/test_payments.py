"""The two functions about payments, on Stripe's recorded events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pawl import NonRetriableError, testing

from app.payment_failed import KEPT, Entry, Record, add, process_payment_failed, read
from app.payment_succeeded import confirm, process_payment_succeeded

FIXTURES = Path(__file__).parents[3] / "tests" / "fixtures" / "stripe"


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())["data"]["object"]


def event(name: str) -> dict[str, Any]:
    return {"id": "evt_1", "ts": 1_793_000_008_000, "data": {"paymentIntent": recorded(name)}}


def test_a_payment_is_logged_and_recorded_by_ids_and_amount_only() -> None:
    run = testing.run(process_payment_succeeded, event("payment_intent.succeeded"))
    id = "pi_3QxTn0B7WZ01zgkW0aBcDeFg"
    assert run.output == {"completed": True, "paymentIntentId": id, "recordedAs": f"payment:{id}"}
    assert json.loads(run.kv[f"payment:{id}"]) == {
        "status": "succeeded",
        "paymentIntentId": id,
        "userId": "6f9619ff-8b86-4011-b42d-00c04fc964ff",
        "amount": 3139,
        "currency": "usd",
        "eventId": "evt_1",
        "at": "2026-10-26T07:33:28.000Z",
    }
    [line] = run.logs
    assert (line.level, line.message) == ("info", "payment succeeded")
    assert line.fields == {"payment_intent": id, "amount": "3139", "currency": "usd"}


def test_a_repeated_event_writes_the_same_bytes() -> None:
    first = testing.run(process_payment_succeeded, event("payment_intent.succeeded"))
    again = testing.run(process_payment_succeeded, event("payment_intent.succeeded"), kv=first.kv)
    assert again.kv == first.kv


@pytest.mark.parametrize("value", [None, {}, {"id": ""}, [], "pi_1", {"id": "pi_1", "amount": "much"}])
def test_what_is_no_payment_is_refused_for_good(value: Any) -> None:
    with pytest.raises(NonRetriableError):
        confirm(value)
    run = testing.run(process_payment_succeeded, {"data": {"paymentIntent": value}})
    assert run.error is not None
    assert run.steps["log-payment-confirmation"].attempts == 1


def test_a_failure_holds_ids_and_codes_only() -> None:
    assert read(recorded("payment_intent.payment_failed")) == {
        "paymentIntentId": "pi_3QxTnFB7WZ01zgkW1hIjKlMn",
        "userId": recorded("payment_intent.payment_failed")["metadata"].get("userId"),
        "code": "card_declined",
        "declineCode": "insufficient_funds",
    }


def test_a_payment_without_an_error_is_a_failure_all_the_same() -> None:
    run = testing.run(process_payment_failed, {"data": {"paymentIntent": {"id": "pi_1"}}})
    assert run.output == {"completed": True, "paymentIntentId": "pi_1", "code": None, "failures": 1}
    assert run.logs[0].fields == {"payment_intent": "pi_1", "code": "unknown", "decline_code": "none"}


def test_a_second_failure_is_warned_of_and_a_repeated_event_is_none() -> None:
    failed = event("payment_intent.payment_failed")
    first = testing.run(process_payment_failed, failed)
    repeated = testing.run(process_payment_failed, failed, kv=first.kv)
    second = testing.run(process_payment_failed, {**failed, "id": "evt_2"}, kv=repeated.kv)
    assert [run.output["failures"] for run in (first, repeated, second)] == [1, 1, 2]
    assert [len(run.logs) for run in (first, repeated, second)] == [1, 1, 2]
    assert second.logs[1].message == "a payment fails again and again"


def test_old_failures_are_dropped_and_still_counted() -> None:
    record: Record | None = None
    for n in range(30):
        entry: Entry = {"eventId": f"evt_{n}", "at": "t", "code": None, "declineCode": None}
        record = add(record, "u" if n == 0 else None, entry)
        record = add(record, None, entry)
    assert record is not None
    assert (record["count"], len(record["latest"]), record["userId"]) == (30, KEPT, "u")
    assert record["latest"][0]["eventId"] == "evt_10"
