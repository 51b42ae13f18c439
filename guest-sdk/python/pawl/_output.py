"""Everything that a function says goes to the run's log: ``print``, ``logging``, ``warnings``."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ._host import Level, host

#: What a record has of its own; all else was given as ``extra``.
_OWN = {*logging.LogRecord("", 0, "", 0, "", None, None).__dict__, "message", "asctime", "taskName"}


class Lines(io.TextIOBase):
    """A text stream whose lines go to the run's log."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self._level = level
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            host().log(self._level, line, [])
        return len(text)

    def end_line(self) -> None:
        """What has been written so far is a line: the instance may end before its end comes."""
        if self._begun:
            line, self._begun = self._begun, ""
            host().log(self._level, line, [])


class Records(logging.Handler):
    """The standard library's log. What was given as ``extra`` becomes fields."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            fields = [(k, str(v)) for k, v in record.__dict__.items() if k not in _OWN]
            if record.name != "root":
                fields.insert(0, ("logger", record.name))
        except Exception:
            self.handleError(record)
        else:
            host().log(_level(record.levelno), text, fields)


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    if number >= logging.INFO:
        return "info"
    return "debug" if number >= logging.DEBUG else "trace"


@contextmanager
def captured() -> Iterator[None]:
    """Meanwhile ``print`` and ``logging`` speak to the run's log."""
    streams, root = (sys.stdout, sys.stderr), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    sys.stdout, sys.stderr = Lines("info"), Lines("warn")
    # a handler that the author's `basicConfig` made would say everything twice
    root.handlers = [Records(), *(h for h in handlers if type(h) is not logging.StreamHandler)]
    if level == logging.WARNING:  # nobody has chosen another one
        root.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            # "once for each place" would count those of steps' code, which a replay leaves out
            warnings.simplefilter("always", append=True)
            yield
    finally:
        end_lines()
        sys.stdout, sys.stderr = streams
        root.handlers = handlers
        root.setLevel(level)


def end_lines() -> None:
    """Hands on what has been printed without a line's end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Lines):
            stream.end_line()
