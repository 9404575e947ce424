"""The log: one line for each event, for a person or (JSON) for a machine.

What a client sent may stand in a line, so control characters are escaped; and
a client may cause the same line again and again, so few of those are written.
"""

import json
import logging
import sys
import time
from contextvars import ContextVar

from microquart.asgi import StreamScope
from microquart.protocol.stream import Stream
from microquart.server.settings import Settings

# What a request is called, while its application call runs.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure(settings: Settings) -> None:
    """Send our own log lines to standard error, unless they have a handler.

    Handlers and levels that a program has set stay as they are.
    """
    root = logging.getLogger("microquart")
    if not root.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(Objects() if settings.log_json else Lines())
        root.addHandler(handler)
        root.propagate = False
    if root.level == logging.NOTSET:
        root.setLevel(settings.log_level.upper())
    server = logging.getLogger("microquart.server")
    for each in server.filters[:]:
        if isinstance(each, Dam):
            server.removeFilter(each)
    if settings.log_repeats is not None:
        server.addFilter(Dam(settings.log_repeats))


class Lines(logging.Formatter):
    """A record as a person reads it, after the request's id if it has one."""

    def format(self, record: logging.LogRecord) -> str:
        name = request_id.get()
        text = super().format(record)
        return f"[{name}] {text}" if name else text


class Objects(logging.Formatter):
    """A record as a JSON object on one line.

    ``time`` is that of the record in UTC (ISO 8601); a record of the access
    log has its facts as further members.
    """

    def format(self, record: logging.LogRecord) -> str:
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        members: dict[str, object] = {
            "time": f"{whole}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if name := request_id.get():
            members["id"] = name
        facts = getattr(record, "facts", None)
        if isinstance(facts, dict):
            members |= facts
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return json.dumps(members, default=str)


class Dam(logging.Filter):
    """Lets so many equal lines pass in a second; the last one says so."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._second = 0
        self._seen: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._seen.clear()
        text = record.getMessage()
        count = self._seen[text] = self._seen.get(text, 0) + 1
        if count == self._most:
            record.msg = f"{text} (no more of these in this second)"
            record.args = None
        return count <= self._most


# -- how a request is shown --


def describe(stream: Stream) -> str:
    """Return a request as a log names it: ``GET /path?query``."""
    return described(stream.scope)


def described(scope: StreamScope) -> str:
    """Return the same, of a scope."""
    method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
    path = scope.get("raw_path") or scope["path"].encode()
    if query := scope.get("query_string"):
        path += b"?" + query
    return f"{method} {printable(path)}"


def printable(data: bytes) -> str:
    """Return bytes of a client as text that cannot forge a log line.

    >>> printable(b"/a\\nb")
    '/a\\\\x0ab'
    """
    return data.decode("ascii", "backslashreplace").translate(_ESCAPES)


_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, ord('"'))}
