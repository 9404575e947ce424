"""The log: one line for each event, and one for each request if wanted."""

import logging
import sys
import time

from microquart.protocol.stream import Stream

access = logging.getLogger("microquart.access")


class AccessLog:
    """A line for each request in the common log format.

    ``127.0.0.1 - - [24/Nov/2026:11:03:25 +0000] "GET /x HTTP/1.1" 200 12``
    """

    def __init__(self) -> None:
        self._second = 0
        self._time = ""

    def write(self, stream: Stream) -> None:
        """Log a stream whose application call has ended."""
        scope = stream.scope
        client = scope.get("client")
        host = client[0] if client else "-"
        version = scope.get("http_version", "1.1")
        access.info(
            '%s - - [%s] "%s HTTP/%s" %s %s',
            host or "-",
            self._now(),
            describe(stream),
            version,
            stream.status or "-",
            stream.sent or "-",
        )

    def _now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._time = time.strftime(
                "%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second)
            )
        return self._time


def describe(stream: Stream) -> str:
    """Return a request as a log names it: ``GET /path?query``."""
    scope = stream.scope
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


def configure(level: str) -> None:
    """Send our own log lines to standard error, unless they have a handler.

    Handlers and levels that a program has set stay as they are.
    """
    root = logging.getLogger("microquart")
    if not root.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        root.addHandler(handler)
        root.propagate = False
    if root.level == logging.NOTSET:
        root.setLevel(level.upper())
