"""What a function finds around it: nothing."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import pawl
from pawl import Context, Step


def _error_of(way: Callable[[], object]) -> str:
    try:
        return f"it gave {way()!r}"
    except OSError as error:
        return type(error).__name__


@pawl.function(id="walls", event="test/walls", app="conformance", retries=0)
def walls(ctx: Context, step: Step) -> dict[str, Any]:
    port: int = ctx.event.data["port"]

    def look() -> dict[str, Any]:
        return {
            "read": _error_of(lambda: open("/etc/passwd").read()),
            "list": _error_of(lambda: os.listdir("/")),
            "write": _error_of(lambda: open("left-behind", "w")),
            "connect": _error_of(lambda: socket.socket().connect(("127.0.0.1", port))),
            "resolve": _error_of(lambda: socket.getaddrinfo("localhost", port)),
            "environment": {name: os.environ[name] for name in os.environ},
            "arguments": sys.argv[1:],
        }

    return step.run("look", look)
