"""What componentize-py makes a component of: the functions of the module ``app``.

    componentize-py -d wit -w plugin componentize pawl.component -p PROJECT -p SDK -o app.wasm

The module ``app`` (``app.py``, or a folder ``app``) is the author's. It defines the functions, or
imports the modules that do. All of it is run once, when the component is made, and what is there
then is what every run starts with: a run has no files, so all imports stand at the top of modules.
"""

from __future__ import annotations

# The unused ones the standard library loads when they are needed: in a run that would be too late.
import _strptime  # noqa: F401
import asyncio
import encodings.ascii  # noqa: F401
import encodings.cp1252  # noqa: F401
import encodings.idna  # noqa: F401
import encodings.iso8859_15  # noqa: F401
import encodings.latin_1  # noqa: F401
import encodings.punycode  # noqa: F401
import encodings.utf_8_sig  # noqa: F401
import encodings.utf_16  # noqa: F401
import encodings.utf_32  # noqa: F401
import linecache
import sys
import warnings

from ._loop import Loop, new_loop
from ._wit import Functions

import app  # noqa: F401  # isort: skip

__all__ = ["Functions"]


def _keep_sources() -> None:
    """Keeps the author's lines for tracebacks: their files are not there in a run."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and path.endswith(".py") and "/python3." not in path and "/bundled/" not in path:
            lines = linecache.getlines(path)
            # an entry without a time is never checked against the file
            linecache.cache[path] = (sum(map(len, lines)), None, lines, path)


def _offer_loop() -> None:
    """Lets ``asyncio.run`` in a step's code take a loop that needs no sockets."""
    with warnings.catch_warnings():
        # policies go with Python 3.16; nothing has come in their place for `asyncio.run`
        warnings.simplefilter("ignore", DeprecationWarning)

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self) -> Loop:
                return new_loop()

        asyncio.set_event_loop_policy(Policy())


_keep_sources()
_offer_loop()
