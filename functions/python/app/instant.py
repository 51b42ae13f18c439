"""InstantDB as the place of subscriptions, through its HTTP admin API.

It has no idempotency keys: the write itself is idempotent. ``update`` would create a row for an id
that nobody has, and an id from a session is not to be trusted that far, so the update is strict. Its
answers are never repeated as they are: an error's ``hint`` may hold the admin token.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pawl
from pawl import NonRetriableError, http

#: Where the admin API is when nobody says otherwise.
CLOUD = "https://api.instantdb.com"

#: The table of the app's users, whose ``id`` is the user's.
USERS = "users"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


class UnknownUser(NonRetriableError):
    """InstantDB has no such user."""


@dataclass(frozen=True)
class App:
    """An InstantDB app."""

    id: str
    api: str

    def update_user(self, user_id: str, subscription: dict[str, str]) -> str:
        """Writes the subscription of a user who exists; gives the place's name."""
        answer = http.post(
            f"{self.api}/admin/transact",
            headers={"App-Id": self.id, "Authorization": f"Bearer {pawl.secret('INSTANT_ADMIN_TOKEN')}"},
            json=transaction(user_id, subscription),
            timeout="30s",
        )
        if not answer.is_success:
            raise _refused(answer, user_id)
        done = answer.json()
        if not isinstance(done, dict) or "tx-id" not in done:
            raise http.HttpUnexpectedBody("whoever answers without a tx-id is no InstantDB", "default")
        return "instantdb"


def from_settings() -> App | None:
    """The app that the operator has set, if there is one."""
    id, api = (pawl.settings.get(name) or "" for name in ("INSTANT_APP_ID", "INSTANT_API_URI"))
    if not id.strip():
        return None
    return App(id, (api if api.strip() else CLOUD).rstrip("/"))


def transaction(user_id: str, subscription: dict[str, str]) -> dict[str, Any]:
    """The one strict step that is sent."""
    if not is_entity(user_id):
        raise NonRetriableError(
            'the session\'s user id is neither a UUID nor a lookup (`lookup__attribute__"value"`): '
            "InstantDB knows its users by nothing else"
        )
    return {"steps": [["update", USERS, user_id, subscription, {"upsert": False}]]}


def is_entity(id: str) -> bool:
    """Whether InstantDB takes this as an entity's id."""
    if is_uuid(id):
        return True
    prefix, attribute, value = (*id.split("__", 2), "", "")[:3]
    if prefix != "lookup" or not attribute:
        return False
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def is_uuid(id: str) -> bool:
    """Whether it is written like one."""
    return _UUID.fullmatch(id) is not None


def _refused(answer: http.Response, user_id: str) -> pawl.Error:
    """Trouble of the server is worth another try, a refusal is not."""
    try:
        answer.raise_for_status()
    except http.HttpStatus as trouble:
        if trouble.retry != "no":
            return http.HttpStatus(f"InstantDB: {trouble.message}", trouble.status, trouble.retry)
    try:
        refusal = answer.json()
    except http.HttpUnexpectedBody:
        refusal = None
    return final_error(answer.status, refusal, user_id)


def final_error(status: int, refusal: Any, user_id: str) -> NonRetriableError:
    """What a refusal comes to; of its parts only those that may be repeated."""
    kind = refusal.get("type") if isinstance(refusal, dict) else None
    if not isinstance(kind, str):
        return NonRetriableError(f"InstantDB answered {status}: check INSTANT_API_URI")
    message = refusal.get("message", "")
    if kind == "validation-failed":
        # a lookup may hold an address
        user = user_id if is_uuid(user_id) else "of this lookup"
        return UnknownUser(f"InstantDB has no user {user}, or its schema refuses the values: {message}")
    if kind == "record-not-found":
        return NonRetriableError(
            f"InstantDB refused the app ({message}): check INSTANT_APP_ID and INSTANT_ADMIN_TOKEN"
        )
    return NonRetriableError(f"InstantDB refused: {message} ({kind})")
