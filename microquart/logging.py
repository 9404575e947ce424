"""The application's log: one logger named after it, on standard error.

What a client sent may stand in a record, and a terminal obeys control
characters: the handler writes them escaped, so a record stays one line and
its traceback stays below it.
"""

import logging
import sys
from types import TracebackType
from typing import Protocol, TextIO, TypeAlias

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
)

# C0 and C1 controls, DEL, and the two line ends of Unicode; tabs are harmless.
_CONTROLS = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029} - {0x09}
_ESCAPED = {char: ascii(chr(char)).strip("'") for char in sorted(_CONTROLS)}
_ESCAPED_BUT_LINES = {k: v for k, v in _ESCAPED.items() if k != 0x0A}


class LoggedApplication(Protocol):
    """What the log asks of an application."""

    @property
    def name(self) -> str: ...

    @property
    def debug(self) -> bool: ...


class EscapingFormatter(logging.Formatter):
    """A formatter whose records cannot forge other records.

    >>> escape("no such user: x\\n[now] INFO all is well")
    'no such user: x\\\\n[now] INFO all is well'
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escape(super().formatMessage(record))

    def formatException(self, ei: ExcInfo) -> str:
        return super().formatException(ei).translate(_ESCAPED_BUT_LINES)


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at that moment, not at import."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


default_handler = StandardErrorHandler()
default_handler.setFormatter(
    EscapingFormatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


def create_logger(app: LoggedApplication) -> logging.Logger:
    """Return the application's logger; whatever is configured stays.

    It writes by ``default_handler`` only if no other handler would write
    its records, and at DEBUG only if the application is in debug mode and
    nobody has set a level.
    """
    logger = logging.getLogger(app.name)
    if app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger


def has_level_handler(logger: logging.Logger) -> bool:
    """Tell whether a handler would write what the logger lets through."""
    level = logger.getEffectiveLevel()
    current: logging.Logger | None = logger
    while current is not None:
        if any(handler.level <= level for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def escape(text: str) -> str:
    """Return the text with its control characters written out."""
    return text.translate(_ESCAPED)
