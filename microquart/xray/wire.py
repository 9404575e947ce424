"""What is on the wire, read by other code than the server's.

These readers take the bytes that pass and say what they are.  They judge
nothing: bytes that they cannot read are ``Unknown``, and come from a fault of
whoever sent them.  The sizes of what they yield add up to what they were fed,
but for an unfinished rest.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from hyperframe.exceptions import HyperframeError
from hyperframe.frame import Frame

T = TypeVar("T")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PREVIEW = 4096  # bytes of a payload that are kept
_HEAD = 9  # bytes of a frame of HTTP/2


# -- HTTP/1.1: responses --


class Piece(NamedTuple, Generic[T]):
    """A part of a response, in h11's words."""

    event: str
    size: int  # bytes on the wire
    length: int  # of them, content
    who: T | None  # that was expected
    status: int | None = None
    fields: Sequence[tuple[bytes, bytes]] = ()


class Responses(Generic[T]):
    """Reads what a server says on one connection (RFC 9112).

    ``expect`` says whom the next response answers, and by which method.
    """

    def __init__(self) -> None:
        self.tunnel = False  # after 101 it is no HTTP any more
        self.closes = False  # the last response said so
        self._expected: deque[tuple[str, T | None]] = deque()
        self._who: T | None = None
        self._state = self._head
        self._left = 0
        self._buffer = b""

    def expect(self, method: str, who: T) -> None:
        self._expected.append((method, who))

    def feed(self, data: bytes) -> list[Piece[T]]:
        self._buffer += data
        pieces: list[Piece[T]] = []
        while not self.tunnel and (new := self._state()):
            pieces += new
        return pieces

    def rest(self) -> bytes:
        """Return, once, what no piece had: of a tunnel, or half a head."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _head(self) -> list[Piece[T]]:
        if not b"HTTP/1.1 ".startswith(self._buffer[:9]):
            return self._take("Unknown", len(self._buffer))
        end = self._buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return []
        line, *lines = self._cut(end)[:-4].split(b"\r\n")
        try:
            status = int(line.split(b" ", 2)[1])
        except (IndexError, ValueError):
            return [Piece("Unknown", end, 0, self._who)]
        fields = [
            (name.lower(), value.strip())
            for name, _, value in (each.partition(b":") for each in lines)
        ]
        if 100 <= status < 200 and status != 101:
            who = self._expected[0][1] if self._expected else None
            return [
                Piece("InformationalResponse", end, 0, who, status, fields)
            ]
        method, self._who = (
            self._expected.popleft() if self._expected else ("GET", None)
        )
        self.closes = (b"connection", b"close") in fields
        event = "Response"
        if status == 101:
            event = "InformationalResponse"
            self.tunnel = True
        head = Piece(event, end, 0, self._who, status, fields)
        if status == 101:
            return [head]
        return [head, *self._measure(method, status, dict(fields))]

    def _measure(
        self, method: str, status: int, fields: dict[bytes, bytes]
    ) -> list[Piece[T]]:
        """See how long the content is (RFC 9112, section 6.3)."""
        if method == "HEAD" or status in (204, 304):
            return [self._end(0)]
        if fields.get(b"transfer-encoding") == b"chunked":
            self._state = self._chunk
        elif b"content-length" in fields:
            self._left = int(fields[b"content-length"])
            if not self._left:
                return [self._end(0)]
            self._state = self._content
        else:
            self._state = self._until_close
        return []

    def _content(self) -> list[Piece[T]]:
        size = min(self._left, len(self._buffer))
        if not size:
            return []
        self._cut(size)
        self._left -= size
        data = Piece("Data", size, size, self._who)
        return [data] if self._left else [data, self._end(0)]

    def _until_close(self) -> list[Piece[T]]:
        return self._take("Data", len(self._buffer))

    def _chunk(self) -> list[Piece[T]]:
        line = self._buffer.find(b"\r\n") + 2
        if line < 2:
            return []
        try:
            size = int(self._buffer[: line - 2], 16)
        except ValueError:
            return self._take("Unknown", len(self._buffer))
        if not size:
            end = self._buffer.find(b"\r\n\r\n", line - 2) + 4
            if end < 4:
                return []
            self._cut(end)
            return [self._end(end)]
        if len(self._buffer) < line + size + 2:
            return []
        self._cut(line + size + 2)
        return [Piece("Data", line + size + 2, size, self._who)]

    def _end(self, size: int) -> Piece[T]:
        self._state = self._head
        return Piece("EndOfMessage", size, 0, self._who)

    def _take(self, event: str, size: int) -> list[Piece[T]]:
        if not size:
            return []
        self._cut(size)
        return [Piece(event, size, size, self._who)]

    def _cut(self, size: int) -> bytes:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


# -- HTTP/2: frames --


class FrameSeen(NamedTuple):
    """A frame of HTTP/2, or the preface: ``frame`` is None where it cannot
    be read."""

    size: int  # bytes on the wire
    kind: int  # -1: the preface
    flags: int
    stream: int
    body: bytes
    frame: Frame | None


class Frames:
    """Reads one direction of HTTP/2 (RFC 9113, section 4.1)."""

    def __init__(self, preface: bool) -> None:
        self._preface = preface
        self._half = b""

    def feed(self, data: bytes) -> list[FrameSeen]:
        data, at = self._half + data, 0
        frames: list[FrameSeen] = []
        if self._preface and data.startswith(PREFACE):
            self._preface, at = False, len(PREFACE)
            frames.append(FrameSeen(at, -1, 0, 0, PREFACE, None))
        while not self._preface and len(data) - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            frames.append(seen(data[at:end]))
            at = end
        self._half = data[at:]
        return frames


def seen(whole: bytes) -> FrameSeen:
    kind, flags = whole[3], whole[4]
    stream = int.from_bytes(whole[5:_HEAD], "big") & 0x7FFFFFFF
    body = whole[_HEAD:]
    frame: Frame | None = None
    try:
        frame, _ = Frame.parse_frame_header(memoryview(whole[:_HEAD]))
        frame.parse_body(memoryview(body))
    except (HyperframeError, ValueError):
        frame = None
    return FrameSeen(len(whole), kind, flags, stream, body, frame)


# -- WebSocket: frames --


class WebSocketFrame(NamedTuple):
    """A frame of a WebSocket (RFC 6455, section 5.2)."""

    size: int  # bytes on the carrier
    opcode: int
    fin: bool
    rsv: int
    masked: bool
    length: int
    payload: bytes  # its beginning, without the mask


class WebSocketFrames:
    """Reads the frames of one direction from the bytes of the carrier."""

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0  # of the frame at hand, still to come
        self._frame: WebSocketFrame | None = None
        self._key = b""

    def feed(self, data: bytes) -> Iterator[WebSocketFrame]:
        self._buffer += data
        while self._frame is not None or self._begin():
            frame = self._frame
            assert frame is not None
            part = self._buffer[: self._left]
            self._buffer = self._buffer[len(part) :]
            self._left -= len(part)
            kept = (frame.payload + part)[:_PREVIEW]
            self._frame = frame = frame._replace(payload=kept)
            if self._left:
                return
            self._frame = None
            yield frame._replace(payload=unmasked(self._key, kept))

    def _begin(self) -> bool:
        head = self._buffer
        if len(head) < 2:
            return False
        length, masked = head[1] & 0x7F, bool(head[1] & 0x80)
        more = {126: 2, 127: 8}.get(length, 0)
        at = 2 + more
        end = at + 4 * masked
        if len(head) < end:
            return False
        if more:
            length = int.from_bytes(head[2:at], "big")
        self._key = head[at:end]
        self._buffer = head[end:]
        self._left = length
        self._frame = WebSocketFrame(
            end + length,
            head[0] & 0x0F,
            bool(head[0] & 0x80),
            head[0] >> 4 & 7,
            masked,
            length,
            b"",
        )
        return True


def unmasked(key: bytes, payload: bytes) -> bytes:
    if not key:
        return payload
    mask = (key * (len(payload) // 4 + 1))[: len(payload)]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return plain.to_bytes(len(payload), "big")
