"""The function about checkouts, on Stripe's recorded events, with and without InstantDB."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pawl import NonRetriableError, testing

from app.checkout import validate
from app.checkout_completed import process_checkout_completed
from app.instant import final_error, is_entity
from app.subscription import active, over

from .test_payments import recorded

USER = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
PAID = "checkout.session.completed.subscription"
APP = {"INSTANT_APP_ID": "app-1", "INSTANT_API_URI": "http://127.0.0.1:9/"}


def check_out(session: Any, **options: Any) -> testing.Result:
    event = {"id": "evt_1", "ts": 1_793_000_008_000, "data": {"session": session}}
    return testing.run(process_checkout_completed, event, **options)


def test_without_an_app_the_key_value_store_has_the_subscription() -> None:
    run = check_out(recorded(PAID))
    assert (run.output["activated"], run.output["store"]) == (True, "key-value")
    kept = json.loads(run.kv[f"user:{USER}"])
    assert kept["subscriptionStatus"] == "active"
    assert kept["updatedAt"] == "2026-10-26T07:33:28.000Z"
    assert kept["stripeSubscriptionId"].startswith("sub_")
    assert [line.message for line in run.logs] == ["subscription activated"]
    assert run.logs[0].fields["store"] == "key-value"


def test_with_an_app_one_strict_update_is_sent() -> None:
    asked = []

    def instant(request: Any) -> Any:
        asked.append(request)
        return testing.response(json={"tx-id": 1})

    run = check_out(recorded(PAID), settings=APP, http=instant)
    assert run.output["store"] == "instantdb"
    [request] = asked
    assert request.url == "http://127.0.0.1:9/admin/transact"
    assert ("Authorization", "Bearer {secret:INSTANT_ADMIN_TOKEN}") in request.headers
    [[verb, table, user, values, options]] = json.loads(request.body)["steps"]
    assert (verb, table, user, options) == ("update", "users", USER, {"upsert": False})
    assert values["lastSessionId"] == run.output["sessionId"]
    assert run.kv == {}


def test_troubles_of_the_database_are_sat_out() -> None:
    answers = iter(
        [
            testing.response(503),
            ConnectionError("refused"),
            testing.response(429, headers={"Retry-After": "7"}),
            testing.response(json={"tx-id": 1}),
        ]
    )
    run = check_out(recorded(PAID), settings=APP, http=lambda _: next(answers))
    assert run.output["store"] == "instantdb"
    assert run.steps["update-subscription"].attempts == 4


def test_a_refusal_is_final_and_says_nothing_of_the_hint() -> None:
    refusal = {"type": "validation-failed", "message": "Validation failed", "hint": {"args": ["token-7"]}}
    run = check_out(recorded(PAID), settings=APP, http=lambda _: testing.response(400, json=refusal))
    assert run.error is not None
    assert run.error.name == "UnknownUser"
    assert USER in run.error.message
    assert "token-7" not in f"{run.error} {run.logs}"
    assert run.steps["update-subscription"].attempts == 1


@pytest.mark.parametrize(
    ("refusal", "part"),
    [
        ({"type": "record-not-found", "message": "Record not found"}, "INSTANT_ADMIN_TOKEN"),
        ({"type": "app-read-only", "message": "read-only"}, "read-only (app-read-only)"),
        ("<html>", "answered 400: check INSTANT_API_URI"),
    ],
)
def test_a_refusal_says_what_to_check(refusal: Any, part: str) -> None:
    assert part in final_error(400, refusal, USER).message


def test_an_unpaid_session_activates_nothing_until_its_payment_succeeds() -> None:
    unpaid = check_out(recorded("checkout.session.completed.unpaid_async"))
    assert (unpaid.output["activated"], unpaid.output["reason"], unpaid.kv) == (False, "unpaid", {})
    assert list(unpaid.steps) == ["validate-session"]
    later = check_out(recorded("checkout.session.async_payment_succeeded"))
    assert later.output["activated"] is True


def test_free_activates_and_setup_does_not() -> None:
    session = {"id": "cs_1", "client_reference_id": "u", "payment_status": "no_payment_required"}
    assert validate({**session, "mode": "subscription"})["verdict"] == "activate"
    assert validate({**session, "mode": "setup"})["verdict"] == "setup"


def test_a_valid_session_leaves_ids_only() -> None:
    kept = json.dumps(validate(recorded(PAID)))
    assert not any(private in kept for private in ("@", "Rosen", "secret"))


@pytest.mark.parametrize(
    ("session", "why"),
    [
        (None, "the event carries no session"),
        ({}, "the session has no id"),
        ({"id": "cs_1", "payment_status": "paid"}, "session cs_1 names no user"),
        ({"id": "cs_1", "client_reference_id": "u"}, "session cs_1 has no payment_status"),
        ({"id": "cs_1", "client_reference_id": "u", "payment_status": "odd"}, "payment_status `odd`"),
        ({"id": 7}, "the session is not as Stripe's are"),
        ({"id": "cs_1", "client_reference_id": "u", "customer": {}}, "customer is not an id"),
    ],
)
def test_a_session_without_what_is_needed_fails_for_good_with_a_sentence(session: Any, why: str) -> None:
    with pytest.raises(NonRetriableError, match=why):
        validate(session)


def test_the_client_reference_wins_over_the_metadata_and_references_may_be_expanded() -> None:
    session = {
        "id": "cs_1",
        "payment_status": "paid",
        "metadata": {"userId": "b"},
        "customer": {"id": "cus_1"},
    }
    assert validate({**session, "client_reference_id": " a "})["userId"] == "a"
    blank = validate({**session, "client_reference_id": " "})
    assert (blank["userId"], blank["customerId"]) == ("b", "cus_1")


def test_a_single_payment_does_not_erase_the_subscription() -> None:
    session = {"id": "cs_1", "client_reference_id": "u", "payment_status": "paid"}
    before = active(validate({**session, "subscription": "sub_1"}), 1)
    assert over(active(validate(session), 1), before)["stripeSubscriptionId"] == "sub_1"


@pytest.mark.parametrize("id", [USER, USER.upper(), 'lookup__email__"a@b.c"', "lookup__number__7"])
def test_a_uuid_or_a_lookup_names_a_user(id: str) -> None:
    assert is_entity(id)


@pytest.mark.parametrize(
    "id", ["user_1", USER.replace("-", ""), "lookup__email__a@b.c", "lookup____1", "", "----"]
)
def test_nothing_else_names_a_user(id: str) -> None:
    assert not is_entity(id)
