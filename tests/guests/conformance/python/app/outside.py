"""Functions that use what is outside: HTTP, key-value, settings."""

from __future__ import annotations

from typing import Any

import pawl
from pawl import Context, Step, http, kv


def _get(url: str) -> dict[str, Any]:
    answer = http.get(url, headers={"x-language": "python"})
    return {"status": answer.status, "body": answer.text}


@pawl.function(id="fetcher", event="test/fetcher", app="conformance", hosts=["127.0.0.1:*"])
def fetcher(ctx: Context, step: Step) -> dict[str, Any]:
    url = ctx.event.data["url"]
    inside = step.run("get", _get, url)
    durable = step.fetch("durable", url)
    outside = ""
    try:
        _get(url)
    except pawl.Error as error:
        outside = error.message
    return {"inside": inside, "durable": durable.status, "outside": outside}


@pawl.function(id="keys", event="test/keys", app="conformance")
def keys(ctx: Context, step: Step) -> dict[str, Any]:
    key, value = ctx.event.data["key"], ctx.event.data["value"]

    def store() -> Any:
        kv.set_json(key, value)
        return kv.get_json(key)

    def remove() -> bool:
        kv.delete(key)
        return kv.exists(key)

    return {"read": step.run("set", store), "exists": step.run("delete", remove)}


@pawl.function(id="configured", event="test/configured", app="conformance", settings=["GREETING"])
def configured(ctx: Context, step: Step) -> str | None:
    return step.run("read", pawl.settings.get, "GREETING")
