"""HTTP/2 as attackers speak it: frames by hand, and what was answered."""

from collections.abc import Iterable, Iterator

from hpack import Decoder, Encoder

from microquart.protocol.frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    SETTINGS,
    build,
)

PREFACE = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    + build(SETTINGS, 0, 0, b"")
    + build(SETTINGS, ACK, 0, b"")
)
GOODBYE = build(GOAWAY, 0, 0, bytes(8))

FRAME = 16 * 1024  # bytes of the largest that is always allowed

CANCEL = 8
CALM = 11  # ENHANCE_YOUR_CALM


def block(path: str, method: bytes = b"\x82") -> bytes:
    """Return the fields of a request, compressed without a table."""
    name = path.encode()
    return method + b"\x86\x04%c%b\x01\x01x" % (len(name), name)


def request(number: int, path: str, ended: bool = True) -> bytes:
    """Return a GET, or the head of a POST whose content follows."""
    flags = END_HEADERS | (END_STREAM if ended else 0)
    fields = block(path, b"\x82" if ended else b"\x83")
    return build(HEADERS, flags, number, fields)


def head(
    number: int, lines: Iterable[tuple[bytes, bytes]], ended: bool = True
) -> bytes:
    """Return any head at all, in as many frames as it needs."""
    rest: bytes = Encoder().encode(lines)
    kind, flags = HEADERS, END_STREAM if ended else 0
    frames = b""
    while len(rest) > FRAME:
        frames += build(kind, flags, number, rest[:FRAME])
        kind, flags, rest = CONTINUATION, 0, rest[FRAME:]
    return frames + build(kind, flags | END_HEADERS, number, rest)


def setting(number: int, value: int) -> bytes:
    body = number.to_bytes(2, "big") + value.to_bytes(4, "big")
    return build(SETTINGS, 0, 0, body)


def frames_of(heard: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, stream and content of each frame that is whole."""
    at = 0
    while at + 9 <= len(heard):
        end = at + 9 + int.from_bytes(heard[at : at + 3], "big")
        number = int.from_bytes(heard[at + 5 : at + 9], "big")
        yield heard[at + 3], number, heard[at + 9 : end]
        at = end


def farewell(heard: bytes) -> int | None:
    """Return the code of the last GOAWAY."""
    codes = [
        int.from_bytes(content[4:8], "big")
        for kind, _, content in frames_of(heard)
        if kind == GOAWAY
    ]
    return codes[-1] if codes else None


def resets(heard: bytes) -> dict[int, int]:
    """Return the codes with which streams were reset."""
    return {
        number: int.from_bytes(content, "big")
        for kind, number, content in frames_of(heard)
        if kind == RST_STREAM
    }


def statuses(heard: bytes) -> dict[int, int]:
    """Return with which status streams were answered."""
    decoder = Decoder()
    heads = {
        number: dict(decoder.decode(content, raw=True))
        for kind, number, content in frames_of(heard)
        if kind == HEADERS
    }
    return {number: int(lines[b":status"]) for number, lines in heads.items()}
