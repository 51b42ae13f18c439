"""Drives an InstantDB server through the official client; see ../node/instant.js."""

import json
import sys

from instantdb import Instant, InstantAPIError, lookup

given = json.load(sys.stdin)
db = Instant(app_id=given["app"], admin_token=given["token"], api_uri=given["uri"])


def chunk(step):
    action, namespace, entity, *args = step
    entity = entity if isinstance(entity, str) else lookup(*entity["lookup"])
    return getattr(db.tx[namespace][entity], action)(*args)


outcomes = []
for call in given["calls"]:
    try:
        if "query" in call:
            outcomes.append({"ok": db.query(call["query"])})
        else:
            outcomes.append({"ok": db.transact([chunk(step) for step in call["transact"]])})
    except InstantAPIError as e:
        body = e.body
        outcomes.append(
            {"status": e.status, "type": body["type"], "message": body["message"], "hint": body["hint"]}
        )
print(json.dumps(outcomes))
