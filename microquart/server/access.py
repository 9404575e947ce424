"""The access log: a line for each request, as a format or JSON has it.

The atoms of a format are those of gunicorn and hypercorn: ``%(h)s`` the
client, ``%(r)s`` the request line, ``%(s)s`` the status, ``%({referer}i)s`` a
field of the request.
"""

import os
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from logging import getLogger
from operator import mod

from microquart.protocol.stream import Stream
from microquart.server.log import describe, printable, request_id

logger = getLogger("microquart.access")

Atom = Callable[[Stream, float], object]  # of a stream, and its seconds

_ATOM = re.compile(r"%\((?:([A-Za-z]+)|\{([^}]+)\}([ie]))\)")

DEFAULT = '%(h)s - - %(t)s "%(r)s" %(s)s %(b)s'


class AccessLog:
    """Writes a line for each stream that has ended.

    ``127.0.0.1 - - [24/Nov/2026:11:03:25 +0000] "GET /x HTTP/1.1" 200 12``

    Raises:
        ValueError: the format has an atom that is not known, or no atom.
    """

    def __init__(
        self, format: str | None = None, as_json: bool = False
    ) -> None:
        self._json = as_json
        self._format, self._atoms = compiled(format or DEFAULT)

    def write(self, stream: Stream, seconds: float) -> None:
        """Log a stream whose application call has taken so long."""
        if self._json:
            facts = as_facts(stream, seconds)
            logger.info(describe(stream), extra={"facts": facts})
        else:
            values = [atom(stream, seconds) for atom in self._atoms]
            logger.info(self._format, *values)


def compiled(format: str) -> tuple[str, list[Atom]]:
    """Take a format apart: one with plain ``%s``, and what stands there.

    >>> compiled("%(m)s in %(D)s us")[0]
    '%s in %s us'
    """
    atoms = []
    for name, inner, kind in _ATOM.findall(format):
        if kind == "i":
            atoms.append(_field(inner))
        elif kind == "e":
            atoms.append(_variable(inner))
        elif name in ATOMS:
            atoms.append(ATOMS[name])
        else:
            known = ", ".join(ATOMS)
            raise ValueError(
                f"%({name})s is not known in an access log; known: {known}, "
                "{name}i for a field, {name}e for a variable"
            )
    plain = _ATOM.sub("%", format)
    try:
        mod(plain, (0,) * len(atoms))
    except (TypeError, ValueError) as error:
        raise ValueError(f"access log format {format!r}: {error}") from None
    return plain, atoms


def as_facts(stream: Stream, seconds: float) -> dict[str, object]:
    """Return what is known of a stream, for a log that machines read."""
    scope = stream.scope
    facts: dict[str, object] = {
        "client": _host(stream, seconds),
        "method": _method(stream, seconds),
        "path": scope["path"],
        "query": scope.get("query_string", b"").decode("latin-1"),
        "http": scope.get("http_version", "1.1"),
        "status": stream.status or None,
        "bytes": stream.sent,
        "seconds": round(seconds, 6),
        "referer": _field("referer")(stream, seconds),
        "agent": _field("user-agent")(stream, seconds),
    }
    return {name: value for name, value in facts.items() if value != "-"}


# -- the atoms --


def _host(stream: Stream, seconds: float) -> str:
    client = stream.scope.get("client")
    return (client[0] if client else "") or "-"


def _method(stream: Stream, seconds: float) -> str:
    scope = stream.scope
    return scope["method"] if scope["type"] == "http" else "WEBSOCKET"


def _request_line(stream: Stream, seconds: float) -> str:
    return f"{describe(stream)} {_version(stream, seconds)}"


def _version(stream: Stream, seconds: float) -> str:
    return f"HTTP/{stream.scope.get('http_version', '1.1')}"


def _path(stream: Stream, seconds: float) -> str:
    return printable(stream.scope["path"].encode())


def _query(stream: Stream, seconds: float) -> str:
    return printable(stream.scope.get("query_string", b""))


def _target(stream: Stream, seconds: float) -> str:
    return describe(stream).partition(" ")[2]


def _phrase(stream: Stream, seconds: float) -> str:
    try:
        return HTTPStatus(stream.status).phrase
    except ValueError:
        return "-"


def _field(name: str) -> Atom:
    wanted = name.lower().encode("latin-1")

    def value(stream: Stream, seconds: float) -> str:
        for name, value in stream.scope["headers"]:
            if name == wanted:
                return printable(value)
        return "-"

    return value


def _variable(name: str) -> Atom:
    value = os.environ.get(name, "-")
    return lambda stream, seconds: value


class _Now:
    """The time of the common log format, made once a second."""

    second = 0
    text = ""

    def __call__(self, stream: Stream, seconds: float) -> str:
        second = int(time.time())
        if second != self.second:
            self.second = second
            self.text = time.strftime(
                "[%d/%b/%Y:%H:%M:%S +0000]", time.gmtime(second)
            )
        return self.text


ATOMS: dict[str, Atom] = {
    "h": _host,
    "l": lambda stream, seconds: "-",
    "u": lambda stream, seconds: "-",
    "t": _Now(),
    "r": _request_line,
    "s": lambda stream, seconds: stream.status or "-",
    "st": _phrase,
    "S": lambda stream, seconds: stream.scope.get("scheme", "http"),
    "m": _method,
    "U": _path,
    "q": _query,
    "Uq": _target,
    "H": _version,
    "b": lambda stream, seconds: stream.sent or "-",
    "B": lambda stream, seconds: stream.sent,
    "f": _field("referer"),
    "a": _field("user-agent"),
    "T": lambda stream, seconds: int(seconds),
    "D": lambda stream, seconds: int(seconds * 1_000_000),
    "L": lambda stream, seconds: f"{seconds:.6f}",
    "p": lambda stream, seconds: f"<{os.getpid()}>",
    "id": lambda stream, seconds: request_id.get() or "-",
}
