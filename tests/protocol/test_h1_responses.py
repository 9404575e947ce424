"""Our responses against h11's: the same to whoever reads them.

See docs/decisions/0001-responses-by-hand.md.
"""

from itertools import product

import h11
import pytest

from tests.protocol.conversation import Conversation, body, nothing, start

METHODS = ["GET", "HEAD", "POST"]
VERSIONS = [b"1.0", b"1.1"]
STATUSES = [200, 201, 204, 205, 206, 301, 304, 404, 500, 599]
LENGTHS = [None, 0, 5]
CLOSES = [False, True]


def request(method: str, version: bytes, close: bool) -> bytes:
    lines = [f"{method} / HTTP/".encode() + version, b"Host: x"]
    if close:
        lines.append(b"Connection: close")
    if method == "POST":
        lines.append(b"Content-Length: 0")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def parts(length: int | None) -> list[bytes]:
    return [b"he", b"", b"llo"] if length is None else [b"hello"[:length]]


def by_h11(said: bytes, status: int, length: int | None) -> bytes:
    """What h11's own server side makes of the response."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(said)
    method = server.next_event().method
    server.next_event()
    fields = [(b"x", b"y")]
    if length is not None and status != 204:
        fields.append((b"content-length", b"%d" % length))
    out = server.send(h11.Response(status_code=status, headers=fields)) or b""
    if method != b"HEAD" and status not in (204, 304):
        for part in parts(length):
            out += server.send(h11.Data(data=part)) or b""
    return out + (server.send(h11.EndOfMessage()) or b"")


def by_us(said: bytes, status: int, length: int | None) -> bytes:
    client = Conversation(nothing)
    heard = client.says(said)
    fields = [(b"x", b"y")]
    if length is not None:
        fields.append((b"content-length", b"%d" % length))
    client.stream.send(start(status, *fields))
    *first, last = parts(length)
    for part in first:
        client.stream.send(body(part, more=True))
    client.stream.send(body(last))
    client.stream.end(False)
    return heard + client.hears()


def told(answer: bytes, method: str) -> dict[str, object]:
    """What an h11 client reads."""
    client = h11.Connection(h11.CLIENT)
    client.send(
        h11.Request(method=method, target="/", headers=[("host", "x")])
    )
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    client.receive_data(b"")
    read: dict[str, object] = {"content": b""}
    while True:
        match event := client.next_event():
            case h11.Response():
                read["status"] = event.status_code
                # RFC 9110 9.3.2: HEAD may leave out how the content, which is
                # not sent, would have been framed.
                read["fields"] = sorted(
                    (name, value)
                    for name, value in event.headers
                    if (method, name) != ("HEAD", b"transfer-encoding")
                )
            case h11.Data():
                read["content"] += bytes(event.data)
            case h11.EndOfMessage():
                read["may be used again"] = (
                    client.their_state is not h11.MUST_CLOSE
                )
                return read
            case _:
                raise AssertionError(event)


@pytest.mark.parametrize(
    ("method", "version", "status", "length", "close"),
    list(product(METHODS, VERSIONS, STATUSES, LENGTHS, CLOSES)),
)
def test_a_client_reads_the_same_from_h11s_response_and_ours(
    method, version, status, length, close
):
    said = request(method, version, close)
    ours = told(by_us(said, status, length), method)
    theirs = told(by_h11(said, status, length), method)
    assert ours == theirs
