"""Malformed HTTP/2: what may come, and with which code it is refused.

Conversations and sockets are held to the same tables.
"""

from h2.errors import ErrorCodes

from microquart.protocol.frames import (
    CONTINUATION,
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    build,
)
from tests.protocol.clients import request

KIB = 1024
PING_8 = build(PING, 0, 0, bytes(8))


def without(*names):
    return [line for line in request() if line[0] not in names]


# Heads of requests: PROTOCOL_ERROR, for the stream.
MALFORMED = {
    "an upper-case name": request(b"GET", (b"Accept", b"x")),
    "an empty name": request(b"GET", (b"", b"x")),
    "a space in a name": request(b"GET", (b"a b", b"x")),
    "a colon in a name": request(b"GET", (b"a:b", b"x")),
    "an octet of 8 bits in a name": request(b"GET", (b"\xe9", b"x")),
    "LF in a name": request(b"GET", (b"a\nb", b"x")),
    "LF at the end of a name": request(b"GET", (b"a\n", b"x")),
    "CR in a value": request(b"GET", (b"a", b"x\ry")),
    "LF in a value": request(b"GET", (b"a", b"x\ny")),
    "LF at the end of a value": request(b"GET", (b"a", b"x\n")),
    "only LF in a value": request(b"GET", (b"a", b"\n")),
    "NUL in a value": request(b"GET", (b"a", b"x\0y")),
    "a control character": request(b"GET", (b"a", b"x\x1by")),
    "DEL in a value": request(b"GET", (b"a", b"x\x7fy")),
    "a space before a value": request(b"GET", (b"a", b" x")),
    "a tab after a value": request(b"GET", (b"a", b"x\t")),
    "connection": request(b"GET", (b"connection", b"close")),
    "keep-alive": request(b"GET", (b"keep-alive", b"1")),
    "proxy-connection": request(b"GET", (b"proxy-connection", b"close")),
    "transfer-encoding": request(b"GET", (b"transfer-encoding", b"chunked")),
    "upgrade": request(b"GET", (b"upgrade", b"websocket")),
    "te": request(b"GET", (b"te", b"gzip")),
    "te of more": request(b"GET", (b"te", b"trailers, gzip")),
    "no method": without(b":method"),
    "no scheme": without(b":scheme"),
    "no path": without(b":path"),
    "no authority": without(b":authority"),
    "two methods": [(b":method", b"GET"), *request()],
    "two paths": [(b":path", b"/"), *request()],
    "a pseudo-field after others": [
        *without(b":path"),
        (b"a", b"b"),
        (b":path", b"/"),
    ],
    "an unknown pseudo-field": request(b"GET", test=b"x"),
    "a status": request(b"GET", status=b"200"),
    "a method with a space": request(b"GET /x"),
    "an empty method": request(b""),
    "an empty path": request(path=b""),
    "a path without a slash": request(path=b"x"),
    "a path that begins with @": request(path=b"@evil"),
    "a path with a space": request(path=b"/ x"),
    "a path with a fragment": request(path=b"/a#b"),
    "a path of 8 bits": request(path=b"/\xe9"),
    "a path with LF": request(path=b"/\nx"),
    "an absolute path": request(path=b"http://x/"),
    "an asterisk for GET": request(path=b"*"),
    "an unknown scheme": request(scheme=b"file"),
    "an empty scheme": request(scheme=b""),
    "user information": request(authority=b"me@x"),
    "a slash in the authority": request(authority=b"x/y"),
    "an empty authority": request(authority=b""),
    "another host": request(b"GET", (b"host", b"y")),
    "two hosts": request(b"GET", (b"host", b"x"), (b"host", b"x")),
    "CONNECT with a path": request(b"CONNECT"),
    ":protocol without CONNECT": request(protocol=b"websocket"),
    "a length that is no number": request(b"GET", (b"content-length", b"+5")),
    "a length of odd digits": request(
        b"GET", (b"content-length", "²".encode())
    ),
    "an endless length": request(b"GET", (b"content-length", b"1" * 20)),
    "two lengths": request(
        b"GET", (b"content-length", b"5"), (b"content-length", b"6")
    ),
    "one length twice": request(
        b"GET", (b"content-length", b"0"), (b"content-length", b"0")
    ),
    "a length and no content": request(b"GET", (b"content-length", b"5")),
}

# The same, after content.
TRAILERS = [
    [(b":path", b"/")],
    [(b"A", b"b")],
    [(b"a", b"b\n")],
    [(b"connection", b"close")],
    [(b"a", b"b")] * 129,
]

# What was announced, and the content that comes.
LENGTHS = [
    (b"5", [b"hell"]),
    (b"5", [b"hello!"]),
    (b"5", [b"hel", b"lo!"]),
    (b"5", [b"hello", b"!"]),
    (b"0", [b"!"]),
]

# Heads that are well-formed, but answered with an error.
UNSERVED = [
    (request(b"GET", *[(b"a", b"b")] * 129), 431),
    (request(b"GET", *[(b"cookie", b"")] * 129), 431),
    (request(b"GET", *[(b"a", b"b" * 1000)] * 40), 431),
    (request(path=b"/" + b"a" * 8 * KIB), 414),
    (
        [
            *without(b":path", b":scheme", b":method"),
            (b":method", b"CONNECT"),
        ],
        501,
    ),
    (request(b"CONNECT", protocol=b"connect-udp"), 501),
    (request(b"GET", (b"expect", b"tea")), 417),
]

# Frames while stream 1 is open: they end the connection.
ERRORS = {
    "DATA on stream 0": (build(DATA, 0, 0, b"x"), ErrorCodes.PROTOCOL_ERROR),
    "DATA on an idle stream": (
        build(DATA, 0, 5, b"x"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "HEADERS on stream 0": (
        build(HEADERS, 5, 0, b"\x82"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "HEADERS on an even stream": (
        build(HEADERS, 5, 2, b"\x82"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "RST_STREAM on an idle stream": (
        build(RST_STREAM, 0, 5, bytes(4)),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "RST_STREAM on stream 0": (
        build(RST_STREAM, 0, 0, bytes(4)),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "RST_STREAM of another size": (
        build(RST_STREAM, 0, 1, bytes(3)),
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "WINDOW_UPDATE on an idle stream": (
        build(WINDOW_UPDATE, 0, 5, b"\0\0\0\1"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "WINDOW_UPDATE by nothing": (
        build(WINDOW_UPDATE, 0, 0, bytes(4)),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "WINDOW_UPDATE of another size": (
        build(WINDOW_UPDATE, 0, 0, bytes(5)),
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "a window that overflows": (
        build(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
        ErrorCodes.FLOW_CONTROL_ERROR,
    ),
    "PING on a stream": (
        build(PING, 0, 1, bytes(8)),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "PING of another size": (
        build(PING, 0, 0, bytes(7)),
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "SETTINGS on a stream": (
        build(SETTINGS, 0, 1, b""),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "SETTINGS of another size": (
        build(SETTINGS, 0, 0, bytes(5)),
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "an ACK with content": (
        build(SETTINGS, 1, 0, bytes(6)),
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "a frame size that is too small": (
        build(SETTINGS, 0, 0, b"\0\5\0\0\0\1"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "an initial window that is too large": (
        build(SETTINGS, 0, 0, b"\0\4\x80\0\0\0"),
        ErrorCodes.FLOW_CONTROL_ERROR,
    ),
    "too many settings": (
        build(SETTINGS, 0, 0, b"\0\4\0\0\0\0" * 33),
        ErrorCodes.ENHANCE_YOUR_CALM,
    ),
    "PRIORITY of another size": (
        build(PRIORITY, 0, 1, bytes(4)),
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "PRIORITY on stream 0": (
        build(PRIORITY, 0, 0, bytes(5)),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "PRIORITY of a stream over itself": (
        build(PRIORITY, 0, 1, b"\0\0\0\1\0"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "GOAWAY on a stream": (
        build(GOAWAY, 0, 1, bytes(8)),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "GOAWAY that is too short": (
        build(GOAWAY, 0, 0, bytes(7)),
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "CONTINUATION without HEADERS": (
        build(CONTINUATION, 4, 5, b"\x82"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "another frame within a head": (
        build(HEADERS, 1, 5, b"\x82") + PING_8,
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "CONTINUATION of another stream": (
        build(HEADERS, 1, 5, b"\x82") + build(CONTINUATION, 4, 7, b""),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "trailers that do not end the stream": (
        build(HEADERS, 4, 1, b"\x40\x01x\x01y"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "PUSH_PROMISE": (
        build(5, 4, 1, b"\0\0\0\2\x82"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "padding that is too long": (
        build(DATA, 8, 1, b"\5x"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "a frame that is too large": (
        build(DATA, 0, 1, bytes(16 * KIB + 1))[:9],
        ErrorCodes.FRAME_SIZE_ERROR,
    ),
    "a field that is not in the table": (
        build(HEADERS, 5, 5, b"\xff\x7f"),
        ErrorCodes.COMPRESSION_ERROR,
    ),
    "a field that is cut off": (
        build(HEADERS, 5, 5, b"\x40\x0a"),
        ErrorCodes.COMPRESSION_ERROR,
    ),
    "a stream number that goes back": (
        build(HEADERS, 5, 9, b"\x82\x86\x84\x41\x01x")
        + build(HEADERS, 5, 7, b"\x82\x86\x84\x41\x01x"),
        ErrorCodes.PROTOCOL_ERROR,
    ),
}

# Frames after the end of a request on stream 1, whose answer waits.
STREAM_ERRORS = {
    "DATA after its end": (build(DATA, 0, 1, b"x"), ErrorCodes.STREAM_CLOSED),
    "HEADERS after its end": (
        build(HEADERS, 5, 1, b"\x82\x86\x84\x41\x01x"),
        ErrorCodes.STREAM_CLOSED,
    ),
    "a window that overflows": (
        build(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"),
        ErrorCodes.FLOW_CONTROL_ERROR,
    ),
}

# Frames that mean nothing, while stream 1 is open.
IGNORED = [
    build(PRIORITY, 0, 9, b"\0\0\0\3\x10"),
    build(0x10, 0, 0, b"\0\0\0\1u=1"),  # PRIORITY_UPDATE
    build(0xBE, 0xFF, 1, b"unknown"),
    build(0xBE, 0, 7, b""),
    build(PING, 1, 0, bytes(8)),  # an answer to no question
    build(WINDOW_UPDATE, 0, 1, b"\x80\0\0\1"),  # the reserved bit
]
