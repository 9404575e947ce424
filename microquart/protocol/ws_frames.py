"""Frames of a WebSocket: wsproto's, with a short way for the most common.

A whole message in one frame, all of it there, is nearly all that WebSockets
say.  wsproto takes each frame for a part of something larger, which costs
more than all the rest of an echo.  So that one kind is read and made here;
whatever else there is, and whatever could be wrong, is left to wsproto.  That
both ways come to the same is tested (``test_ws_frames``).
"""

from collections import deque
from collections.abc import Generator

from wsproto.connection import SERVER, Connection, ConnectionState
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    TextMessage,
)
from wsproto.extensions import Extension

_TEXT = 0x81  # a fragment that is the first and the last of its message
_BINARY = 0x82
_MASKED = 0x80
_EIGHT_BYTES = 0xFF  # masked, and the length is in eight bytes

# What is read the short way has at most so many bytes.
SHORT = 65_535


class Frames(Connection):
    """The server's side; ``plain``: no extension looks into short frames."""

    def __init__(self, extensions: list[Extension], plain: bool) -> None:
        self._plain = plain
        self._short: deque[Event] = deque()
        super().__init__(SERVER, extensions)

    def receive_data(self, data: bytes | None) -> None:
        if data and self._plain and self._is_level():
            at = self._read_short(data)
            if at == len(data):
                return
            data = data[at:]
        super().receive_data(data)

    def events(self) -> Generator[Event, None, None]:
        short = self._short
        while short:
            yield short.popleft()
        if not self._is_level():
            for event in super().events():
                if isinstance(event, CloseConnection):
                    self._plain = False  # nothing is read after it
                yield event

    def send(self, event: Event) -> bytes:
        if self._plain and self.state is ConnectionState.OPEN:
            if isinstance(event, TextMessage) and event.message_finished:
                return _frame(_TEXT, event.data.encode())
            if isinstance(event, BytesMessage) and event.message_finished:
                return _frame(_BINARY, event.data)
        return super().send(event)

    # -- inside --

    def _is_level(self) -> bool:
        """Whether wsproto has nothing that is half, and nothing unread.

        These attributes are its own; no public one tells.
        """
        proto = self._proto
        decoder = proto._frame_decoder
        return not (
            decoder.buffer.buffer
            or decoder.header
            or proto._message_decoder.opcode
            or self._state is not ConnectionState.OPEN
        )

    def _read_short(self, data: bytes) -> int:
        """Read whole frames as long as there are; return where they end."""
        at = 0
        while len(data) - at >= 6:
            first, size = data[at], data[at + 1] - _MASKED
            key = at + 2
            if size == 126:
                key += 2
                size = int.from_bytes(data[at + 2 : key], "big")
            start = key + 4
            end = start + size
            if (
                (first != _TEXT and first != _BINARY)
                or size < (126 if key - at == 4 else 0)
                or data[at + 1] == _EIGHT_BYTES
                or end > len(data)
            ):
                break
            payload = _unmask(data[key:start], data[start:end])
            if first == _BINARY:
                self._short.append(BytesMessage(payload))
            else:
                try:
                    self._short.append(TextMessage(payload.decode()))
                except UnicodeDecodeError:
                    break
            at = end
        return at


def _unmask(key: bytes, payload: bytes) -> bytes:
    """Return the payload without its mask (RFC 6455, section 5.3)."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return plain.to_bytes(size, "big")


def _frame(first: int, payload: bytes | bytearray) -> bytes:
    """Return a frame that is not masked (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload
