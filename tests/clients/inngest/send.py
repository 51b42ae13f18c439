"""Sends events through Inngest's client for Python; see send.js."""

import json
import sys

import inngest

client = inngest.Inngest(app_id="shop")
outcomes = []
for send in json.load(sys.stdin)["sends"]:
    events = send if isinstance(send, list) else [send]
    try:
        outcomes.append({"ids": client.send_sync([inngest.Event(**event) for event in events])})
    except Exception as e:  # noqa: BLE001 - whatever it says is what is looked at
        outcomes.append({"error": str(e)})
print(json.dumps(outcomes))
