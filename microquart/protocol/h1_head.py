"""The head of an HTTP/1.1 request: which bytes are one, and what it asks.

h11 is more lenient than a server in public should be: it takes a bare LF, a
folded line, two lengths that agree, any Host.  Whatever could be read in two
ways by two servers in a row is refused here, before h11 sees it: that is what
request smuggling lives on (RFC 9112, sections 6.3 and 11.2).
"""

import re
from dataclasses import dataclass

import h11

from microquart.http.errors import ProtocolError
from microquart.http.targets import split_target, valid_host
from microquart.protocol.limits import Limits
from microquart.protocol.stream import Head

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_FIELD = rb"%b:[\t\x20-\x7e\x80-\xff]*+" % _TOKEN
# The whole head in one pass: no white space before a colon, no folded line,
# no bare CR or LF, no control character.  Possessive, so it cannot backtrack.
_HEAD = re.compile(
    rb"%b [\x21-\x7e]++ HTTP/1\.[01]\r\n(?:%b\r\n)*+\r\n" % (_TOKEN, _FIELD)
).fullmatch
_REQUEST_LINE = re.compile(
    rb"%b [\x21-\x7e]++ HTTP/([0-9]\.[0-9])" % _TOKEN
).fullmatch
_FIELD_LINE = re.compile(_FIELD).fullmatch
# What an unfinished head may look like; else there is no point in waiting.
_PREFIX = re.compile(rb"%b(?: |$)" % _TOKEN).match
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*+[0-9]{1,19}[ \t]*+\r").search
has_bare_lf = re.compile(rb"(?<!\r)\n").search
valid_trailers = re.compile(rb"(?:%b\r\n)*+\r\n" % _FIELD).fullmatch


# The fields that say something to the server itself.
_READ_BY_US = frozenset(
    [
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"transfer-encoding",
        b"upgrade",
    ]
)


@dataclass(slots=True)
class H1Head(Head):
    """What an HTTP/1.1 request asks for, and of the connection."""

    host: bytes | None = None
    length: int = 0
    """Of the content; 0 if it is chunked or there is none."""
    chunked: bool = False
    close: bool = False
    """No request comes after it."""
    expects_continue: bool = False
    upgrade: bool = False
    """The field that says to what is for this connection."""
    websocket: bool = False
    """It says: to a WebSocket."""


def check_unfinished(head: bytearray, limits: Limits) -> None:
    """Check the first bytes of a head whose end has not come yet.

    Raises:
        ProtocolError: no more bytes could make a request of them.
    """
    line = head.find(b"\r\n")
    _check_size(len(head) if line < 0 else line, len(head), limits)
    if head and not _PREFIX(head):
        raise ProtocolError("this is no HTTP request")
    if has_bare_lf(head):
        raise ProtocolError("a line ends in a bare LF")


def check_head(head: bytes, limits: Limits) -> None:
    """Check the bytes of a head, its last empty line included.

    Raises:
        ProtocolError: it is too large, malformed or ambiguous.
    """
    _check_size(head.find(b"\r\n"), len(head), limits)
    if not _HEAD(head):
        raise _explain(head)
    # h11 makes one of two lengths that agree, which RFC 9112 6.3 allows.
    # But whoever stands in front may not: a length is said once.
    lower = head.lower()
    lengths = lower.count(b"\ncontent-length:")
    if lengths + lower.count(b"\ntransfer-encoding:") > 1:
        raise ProtocolError("the length is given more than once")
    if lengths and not _LENGTH(lower):
        raise ProtocolError("Content-Length is no plain number")
    if head.count(b"\r\n") - 2 > limits.max_fields:
        raise ProtocolError(
            f"more than {limits.max_fields} header fields", 431
        )


def read_head(request: object) -> H1Head:
    """Return what a request asks for; ``request`` is h11's event.

    Raises:
        ProtocolError: it is well-formed, and cannot be served.
    """
    assert isinstance(request, h11.Request)
    head = H1Head(request.method.decode(), request.http_version.decode())
    head.close = head.version == "1.0"
    lines = request.headers.raw_items()
    head.fields = [(name.lower(), value) for name, value in lines]
    for name, value in head.fields:
        if name in _READ_BY_US:
            _read_field(head, name, value)
    _read_target(head, request.target)
    if head.host and not valid_host(head.host):
        raise ProtocolError("Host is malformed (RFC 9112, 3.2)")
    return head


def _read_field(head: H1Head, name: bytes, value: bytes) -> None:
    match name:
        case b"host":
            head.host = value
        case b"content-length":
            head.length = int(value)
        case b"transfer-encoding":
            _check_coding(value, head.version)
            head.chunked = True
        case b"connection":
            options = {*map(bytes.strip, value.lower().split(b","))}
            head.close = head.close or b"close" in options
            # HTTP/1.0 knows no upgrade (RFC 9110, 7.8).
            if b"upgrade" in options and head.version != "1.0":
                head.upgrade = True
        case b"expect":
            if value.lower() != b"100-continue":
                raise ProtocolError("the expectation is unknown", 417)
            head.expects_continue = head.version != "1.0"
        case b"upgrade":
            head.websocket = value.lower() == b"websocket"


def _read_target(head: H1Head, target: bytes) -> None:
    if target[:1] == b"/" and head.method != "CONNECT" and b"#" not in target:
        head.path, _, head.query = target.partition(b"?")
        return
    if head.method == "CONNECT":
        raise ProtocolError("CONNECT is not implemented", 501)
    if head.method == "OPTIONS" and target == b"*":
        head.path = target
        return
    parts = split_target(target)
    if parts is None:
        raise ProtocolError("the target is malformed (RFC 9112, 3.2)")
    head.path, head.query, head.host = parts
    if head.host is not None:
        # RFC 9112 3.2.2: that of the target replaces Host.
        head.fields = [line for line in head.fields if line[0] != b"host"]
        head.fields.insert(0, (b"host", head.host))


def _check_size(line: int, size: int, limits: Limits) -> None:
    if line > limits.max_request_line:
        raise ProtocolError(
            f"the request line is longer than {limits.max_request_line} bytes",
            414,
        )
    if size > limits.max_header_bytes:
        raise ProtocolError(
            f"the head is larger than {limits.max_header_bytes} bytes", 431
        )


def _check_coding(value: bytes, version: str) -> None:
    if version == "1.0":
        raise ProtocolError("HTTP/1.0 has no transfer coding")
    if value.lower() != b"chunked":
        raise ProtocolError("the transfer coding is unknown", 501)


def _explain(head: bytes) -> ProtocolError:
    """Say why a head was refused."""
    line, *fields = head[:-4].split(b"\r\n")
    request = _REQUEST_LINE(line)
    if request is None:
        return ProtocolError("the request line is malformed (RFC 9112, 3)")
    if request[1] not in (b"1.0", b"1.1"):
        return ProtocolError("the version is not supported", 505)
    for field in fields:
        if field[:1] in (b" ", b"\t"):
            return ProtocolError("a field line is folded (RFC 9112, 5.2)")
        if not _FIELD_LINE(field):
            break
    return ProtocolError("a field line is malformed (RFC 9112, 5)")
