"""The head of an HTTP/2 request: which field section is one, and what it asks.

Everything that RFC 9113 calls malformed is found here, in one pass and a few
patterns over all names and all values at once, so h2 has nothing to check.
It would look at each character in Python, and it does not look at what a
pseudo-field says: that is where a request can be smuggled into an HTTP/1.1
world behind (section 10.3).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from h2.errors import ErrorCodes

from microquart.asgi import FieldList
from microquart.http.errors import ProtocolError
from microquart.http.targets import split_target, valid_host
from microquart.protocol.limits import Limits
from microquart.protocol.stream import Head

# RFC 9113 8.2.1, a little stricter where RFC 9110 5.1 and 5.5 are: a name is
# a token without upper case (after the colon of a pseudo-field), a value has
# no control characters and no white space around it.  Both patterns read all
# lines of a section joined with LF.
_NAME = rb":?[!#$%&'*+\-.^_`|~0-9a-z]++"
_VALUE = rb"(?![ \t])[\t\x20-\x7e\x80-\xff]*+(?<![ \t])"
_NAMES = re.compile(rb"%b(?:\n%b)*+" % (_NAME, _NAME)).fullmatch
_VALUES = re.compile(rb"%b(?:\n%b)*+" % (_VALUE, _VALUE)).fullmatch
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++").fullmatch
_PATH = re.compile(rb"[\x21-\x7e]++").fullmatch

_PSEUDO = frozenset(
    [b":method", b":scheme", b":path", b":authority", b":protocol"]
)
# RFC 9113 8.2.2: they speak of one connection, which HTTP/2 does itself.
_CONNECTION_SPECIFIC = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
    ]
)
_READ_BY_US = _CONNECTION_SPECIFIC | {
    b"content-length",
    b"cookie",
    b"expect",
    b"host",
    b"te",
}
_COLON = ord(":")


@dataclass(slots=True)
class H2Head(Head):
    """What an HTTP/2 request asks for.

    ``fields`` begin with ``host``; the crumbs of a cookie are one again.
    """

    version: str = "2"
    length: int | None = None
    """Of the content, if it was announced."""
    protocol: bytes | None = None
    """Of an extended CONNECT (RFC 8441)."""
    expects_continue: bool = False


class _Known(NamedTuple):
    """The fields that the server itself reads."""

    host: bytes | None
    length: int | None
    expects_continue: bool


def read_head(fields: Sequence[tuple[bytes, bytes]], limits: Limits) -> H2Head:
    """Return what a request asks for.

    Raises:
        ProtocolError: it is malformed, if ``code`` is PROTOCOL_ERROR; it is
            well-formed and cannot be served, with ``status``, if ``code`` is
            NO_ERROR.
    """
    if check_lines(fields) > limits.h2_max_header_list:
        raise cannot_be_served(
            431, f"the fields have more than {limits.h2_max_header_list} bytes"
        )
    pseudo: dict[bytes, bytes] = {}
    regular: FieldList = []
    for name, value in fields:
        if name[0] != _COLON:
            regular.append((name, value))
        elif regular or name in pseudo or name not in _PSEUDO:
            raise malformed(f"{name!r} is unknown, late or there twice")
        else:
            pseudo[name] = value
    if len(regular) > limits.max_fields:
        raise cannot_be_served(
            431, f"more than {limits.max_fields} header fields"
        )
    known, regular = _read_known(regular)
    host = _authority(pseudo.get(b":authority"), known.host)
    regular.insert(0, (b"host", host))
    method = pseudo.get(b":method", b"")
    if not _METHOD(method):
        raise malformed(":method is no token")
    protocol = pseudo.get(b":protocol")
    path, query = _target(method, protocol, pseudo, limits)
    return H2Head(
        method=method.decode("ascii"),
        path=path,
        query=query,
        fields=regular,
        length=known.length,
        protocol=protocol,
        expects_continue=known.expects_continue,
    )


def check_lines(fields: Sequence[tuple[bytes, bytes]]) -> int:
    """Check the characters of a field section, and return its size.

    The size is what SETTINGS_MAX_HEADER_LIST_SIZE limits: 32 bytes more for
    each field than it has (RFC 9113, section 6.5.2).

    Raises:
        ProtocolError: a name or value has a character that it must not have.
    """
    if not fields:
        return 0
    count = len(fields)
    names = b"\n".join([name for name, _ in fields])
    values = b"\n".join([value for _, value in fields])
    if names.count(b"\n") >= count or not _NAMES(names):
        raise malformed("a field name is malformed (RFC 9113, 8.2.1)")
    if values.count(b"\n") >= count or not _VALUES(values):
        raise malformed("a field value is malformed (RFC 9113, 8.2.1)")
    return len(names) + len(values) + 30 * count + 2


def check_trailers(
    fields: Sequence[tuple[bytes, bytes]], limits: Limits
) -> None:
    """Check a trailer section, which ASGI has no message for.

    Raises:
        ProtocolError: it is malformed or too large.
    """
    check_lines(fields)
    if len(fields) > limits.max_fields:
        raise malformed(f"more than {limits.max_fields} trailer fields")
    if any(
        name[0] == _COLON or name in _CONNECTION_SPECIFIC for name, _ in fields
    ):
        raise malformed("a trailer section with a field that it must not have")


def malformed(message: str) -> ProtocolError:
    return ProtocolError(message, code=ErrorCodes.PROTOCOL_ERROR)


def cannot_be_served(status: int, message: str) -> ProtocolError:
    return ProtocolError(message, status, ErrorCodes.NO_ERROR)


def _read_known(fields: FieldList) -> tuple[_Known, FieldList]:
    """Read the fields that mean something to a server (RFC 9113, 8.2)."""
    host = length = None
    expects = False
    rest: FieldList = []
    crumbs = []
    for line in fields:
        name, value = line
        if name not in _READ_BY_US:
            rest.append(line)
        elif name == b"cookie":
            crumbs.append(value)
        elif name == b"content-length":
            if length is not None or not value.isdigit() or len(value) > 19:
                raise malformed("content-length is no plain number")
            length = int(value)
            rest.append(line)
        elif name == b"host":
            if host is not None:
                raise malformed("host is there twice")
            host = value
        elif name == b"expect":
            if value.lower() != b"100-continue":
                raise cannot_be_served(417, "the expectation is unknown")
            expects = True
            rest.append(line)
        elif name == b"te" and value.lower() == b"trailers":
            rest.append(line)
        else:
            raise malformed(f"{name!r} is connection-specific (8.2.2)")
    if crumbs:
        rest.append((b"cookie", b"; ".join(crumbs)))
    return _Known(host, length, expects), rest


def _authority(authority: bytes | None, host: bytes | None) -> bytes:
    """Return whom the request is for (RFC 9113, section 8.3.1)."""
    if authority is None:
        authority = host
    elif host is not None and host.lower() != authority.lower():
        raise malformed(":authority and host differ")
    if authority is None or not valid_host(authority):
        raise malformed(":authority is missing or malformed")
    return authority


def _target(
    method: bytes,
    protocol: bytes | None,
    pseudo: dict[bytes, bytes],
    limits: Limits,
) -> tuple[bytes, bytes]:
    """Return the raw path and the query."""
    target = pseudo.get(b":path")
    scheme = pseudo.get(b":scheme")
    if method == b"CONNECT" and protocol is None:
        if target is not None or scheme is not None:
            raise malformed("CONNECT with a path or scheme (RFC 9113, 8.5)")
        raise cannot_be_served(501, "CONNECT is not implemented")
    if protocol is not None and method != b"CONNECT":
        raise malformed(":protocol without CONNECT (RFC 8441, 4)")
    if scheme is None or scheme.lower() not in (b"http", b"https"):
        raise malformed(":scheme is missing or unknown")
    if target is None or not _PATH(target):
        raise malformed(":path is missing or malformed")
    if len(target) > limits.max_request_line:
        raise cannot_be_served(
            414, f"the path is longer than {limits.max_request_line} bytes"
        )
    if target == b"*" and method == b"OPTIONS":
        return target, b""
    parts = split_target(target) if target[:1] == b"/" else None
    if parts is None:
        raise malformed(":path is not of origin form (RFC 9113, 8.3.1)")
    return parts[0], parts[1]
