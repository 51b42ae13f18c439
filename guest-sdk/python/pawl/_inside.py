"""What differs between a step's own code and the function around it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

_is_inside = False


def is_inside() -> bool:
    """Whether a step's code is executing."""
    return _is_inside


@contextmanager
def inside() -> Iterator[None]:
    """While a step's code executes.

    Inside, ``random`` is the world's; after it the function's own sequence goes on where it was,
    as it does in a replay, which skips this code. (The host does the same for the clock, for
    ``secrets`` and for ``uuid``.)
    """
    global _is_inside
    state = random.getstate()
    # 16 bytes of chance: by default it would take 2,500, for every step
    random.seed(int.from_bytes(os.urandom(16), "big"))
    _is_inside = True
    try:
        yield
    finally:
        _is_inside = False
        random.setstate(state)
