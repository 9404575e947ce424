"""The head of an HTTP/1.1 request: which bytes are one, and what it asks.

h11 is more lenient than a server in public should be: it takes a bare LF, a
folded line, two lengths that agree, any Host.  Whatever could be read in two
ways by two servers in a row is refused here, before h11 sees it: that is what
request smuggling lives on (RFC 9112, sections 6.3 and 11.2).
"""

import re
from typing import NamedTuple

import h11

from microquart.asgi import FieldList
from microquart.http.errors import ProtocolError
from microquart.http.targets import split_target, valid_host
from microquart.protocol.limits import Limits

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


class Head(NamedTuple):
    """What a request asks for."""

    method: str
    version: str  # "1.0" or "1.1"
    path: bytes
    query: bytes
    fields: FieldList
    length: int  # of the content; 0 if it is chunked or there is none
    chunked: bool
    close: bool  # no request comes after it
    expects_continue: bool
    websocket: bool  # it asks for an upgrade to that


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


def read_head(request: h11.Request) -> Head:
    """Return what a request asks for.

    Raises:
        ProtocolError: it is well-formed, and cannot be served.
    """
    method = request.method.decode("ascii")
    version = request.http_version.decode("ascii")
    fields = [
        (name.lower(), value) for name, value in request.headers.raw_items()
    ]
    host = None
    length = 0
    close = version == "1.0"
    chunked = expects = upgrade = websocket = False
    for name, value in fields:
        match name:
            case b"host":
                host = value
            case b"content-length":
                length = int(value)
            case b"transfer-encoding":
                _check_coding(value, version)
                chunked = True
            case b"connection":
                options = {*map(bytes.strip, value.lower().split(b","))}
                close = close or b"close" in options
                upgrade = upgrade or b"upgrade" in options
            case b"expect":
                if value.lower() != b"100-continue":
                    raise ProtocolError("the expectation is unknown", 417)
                expects = version != "1.0"
            case b"upgrade":
                websocket = value.lower() == b"websocket"
    path, query, authority = _target(method, request.target)
    if authority is not None:
        # RFC 9112 3.2.2: that of the target replaces Host.
        host = authority
        fields = [line for line in fields if line[0] != b"host"]
        fields.insert(0, (b"host", authority))
    if host and not valid_host(host):
        raise ProtocolError("Host is malformed (RFC 9112, 3.2)")
    return Head(
        method,
        version,
        path,
        query,
        fields,
        length,
        chunked,
        close,
        expects,
        # RFC 6455 4.2.1; HTTP/1.0 knows no upgrade (RFC 9110, 7.8).
        websocket and upgrade and version != "1.0",
    )


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


def _target(method: str, target: bytes) -> tuple[bytes, bytes, bytes | None]:
    if method == "CONNECT":
        raise ProtocolError("CONNECT is not implemented", 501)
    if method == "OPTIONS" and target == b"*":
        return b"*", b"", None
    parts = split_target(target)
    if parts is None:
        raise ProtocolError("the target is malformed (RFC 9112, 3.2)")
    return parts


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
