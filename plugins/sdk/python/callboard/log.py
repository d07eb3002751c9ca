"""What a step says: `logging` and `print` go to the run's log, `count` to its report.

Outside a component, in a test, logging and printing are Python's own, and counters add up in `counted`.
"""

import io
import logging
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from callboard.errors import clean

if TYPE_CHECKING:
    _host: Any
    _counters: Any
else:
    try:
        from wit_world.imports import counters as _counters
        from wit_world.imports import log as _host
    except ModuleNotFoundError:
        _counters = _host = None

counted: Counter[str] = Counter()
"""What has been counted in a test."""


def count(name: str, amount: int = 1) -> None:
    """Adds to a number of the run's report: tokens, calls, cost. It may be negative."""
    if not isinstance(amount, int):
        raise TypeError(f"an amount is a whole number, and not {amount!r}")
    if _counters is None:
        counted[name] += amount
    else:
        _counters.add(clean(name), amount)


class Formatter(logging.Formatter):
    """Python's own, with files as the author knows them: a component has them in numbered folders."""

    def formatException(self, ei: Any) -> str:
        return re.sub(r'(?<=File ")/\d+/', "", super().formatException(ei))


class ToHost(logging.Handler):
    """Puts records into the run's log, under the levels of the contract."""

    def emit(self, record: logging.LogRecord) -> None:
        level = _host.Level
        for least, name in (
            (logging.ERROR, level.ERROR),
            (logging.WARNING, level.WARN),
            (logging.INFO, level.INFO),
            (logging.DEBUG, level.DEBUG),
        ):
            if record.levelno >= least:
                return _host.write(name, clean(self.format(record)))  # type: ignore[no-any-return]
        _host.write(level.TRACE, clean(self.format(record)))


class Printed(io.TextIOBase):
    """Standard output or standard error: each line is a line of the log."""

    def __init__(self, level: Any) -> None:
        self._level = level
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if line:
                _host.write(self._level, clean(line))
        return len(text)

    def end(self) -> None:
        """Writes a line that has not been ended."""
        line, self._line = self._line, ""
        if line:
            _host.write(self._level, clean(line))


_printed: list[Printed] = []


def begin() -> None:
    """Before a call of the host: the first one leads everything that is said to the log.

    `INFO` and above is logged, unless the step has set another level.
    """
    if not _printed:
        _printed.extend((Printed(_host.Level.INFO), Printed(_host.Level.WARN)))
        sys.stdout, sys.stderr = _printed
        root = logging.getLogger()
        handler = ToHost()
        handler.setFormatter(Formatter())
        root.handlers = [handler]
        if root.level == logging.WARNING:
            root.setLevel(logging.INFO)


def end() -> None:
    """After a call of the host."""
    for stream in _printed:
        stream.end()
