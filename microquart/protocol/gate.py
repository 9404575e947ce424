"""The gate before h2: every frame is looked at here first.

h2 knows which frame may follow which.  It puts no price on frames that cost
the peer nothing and us something, it reads a frame of 16 MB before it says
that 16 kB is the limit, and it answers each DATA frame that was on the wire
when its stream was reset.  So the input is cut into frames here, and each is
counted against its budget; what h2 would misjudge it does not get to see.

Sources: RFC 9113, sections 3.4, 5.1 and 6; CVE-2019-9512 to -9518 (floods of
control and empty frames), CVE-2024-27316 (CONTINUATION), CVE-2020-11080
(SETTINGS).
"""

from collections.abc import Container

from h2.connection import H2Connection
from h2.errors import ErrorCodes

from microquart.http.errors import ProtocolError
from microquart.protocol import frames
from microquart.protocol.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEAD_SIZE,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Budgets,
)
from microquart.protocol.limits import Limits
from microquart.protocol.preface import PREFACE

# Streams that we have reset, and whose data may still be on the wire.
_BURIED = 1024


class Gate:
    """The incoming half of a connection, before h2."""

    def __init__(
        self,
        h2: H2Connection,
        streams: Container[int],
        budgets: Budgets,
        limits: Limits,
        now: float,
    ) -> None:
        self._h2 = h2
        self._open = streams  # the numbers of those that are open
        self._budgets = budgets
        self._limits = limits
        self._buffer = bytearray()
        self._at = 0  # what is before it has been read
        self._buried: dict[int, int] = {}  # bytes that may still come
        self._block_size = 0  # of the last header block
        self._block_frames = 0
        self.begun = False  # the preface is here
        self.settled = False  # the peer's first SETTINGS are here
        self.acknowledged = False  # the peer knows our settings
        self.ending = False  # the peer will open no stream
        self.owed = 0  # bytes to give back, of which h2 does not know
        self.control = 0  # frames that want an answer
        self.in_block = False  # a header block is not finished
        # Since when a preface or a header block is there in part.
        self.unfinished: float | None = now

    @property
    def empty(self) -> bool:
        return not self._buffer

    def feed(self, data: bytes) -> None:
        """Take what has arrived; next come the calls of ``read``."""
        self._buffer += data

    def read(self, now: float) -> bytes | None:
        """Return what h2 has to see next; None: that was all.

        Raises:
            ProtocolError: the connection has to end, with ``code``.
        """
        buffer = self._buffer
        while self.begun and self._at + HEAD_SIZE <= len(buffer):
            high, low, kind, flags, number = frames.HEAD.unpack_from(
                buffer, self._at
            )
            size = high << 16 | low
            if size > frames.MAX_FRAME_SIZE:
                raise ProtocolError(
                    f"a frame of {size} bytes",
                    code=ErrorCodes.FRAME_SIZE_ERROR,
                )
            end = self._at + HEAD_SIZE + size
            if end > len(buffer):
                break
            frame = bytes(buffer[self._at : end])
            self._at = end
            number &= frames.MAX_STREAM
            self._look(now, kind, flags, frame)
            if frame := self._screen(now, kind, flags, number, frame):
                return frame
        if not self.begun and (preface := self._read_preface()):
            return preface
        del buffer[: self._at]
        self._at = 0
        self._note_unfinished(now)
        return None

    def bury(self, number: int, window: int) -> None:
        """Expect no more on a stream than was on the wire at its end."""
        self._buried[number] = window
        if len(self._buried) > _BURIED:
            del self._buried[next(iter(self._buried))]

    # -- inside --

    def _read_preface(self) -> bytes:
        start = bytes(self._buffer[: len(PREFACE)])
        if not PREFACE.startswith(start):
            raise _wrong("this is no HTTP/2 preface")
        if start != PREFACE:
            return b""
        self.begun = True
        self._at = len(PREFACE)
        return PREFACE

    def _note_unfinished(self, now: float) -> None:
        rest = self._buffer
        if (
            self.begun
            and not self.in_block
            and (not rest or rest[3:4] not in (b"", bytes([HEADERS])))
        ):
            self.unfinished = None
        elif self.unfinished is None:
            self.unfinished = now

    def _look(self, now: float, kind: int, flags: int, frame: bytes) -> None:
        """Check the size of a frame and its place, and what it costs."""
        size = len(frame) - HEAD_SIZE
        if not self.settled:
            if kind != SETTINGS or flags & ACK:
                raise _wrong("the first frame has to be SETTINGS (3.4)")
            self.settled = True
        if self.in_block and kind != CONTINUATION:
            raise _wrong("a header block is not finished (4.3)")
        frames.check_size(kind, flags, size)
        if kind == DATA:
            idle = not (size or flags & END_STREAM)
        elif kind in (HEADERS, CONTINUATION):
            self._grow(kind, flags, size)
            idle = not (size or flags & END_HEADERS)
        elif kind == WINDOW_UPDATE:
            increment = int.from_bytes(frame[HEAD_SIZE:], "big")
            idle = increment & frames.MAX_STREAM < frames.SMALL
        else:
            # RST_STREAM has a budget of its own, where it ends a stream.
            idle = kind != RST_STREAM
        if idle:
            self._budgets.idle.spend(now)

    def _grow(self, kind: int, flags: int, size: int) -> None:
        """Count what a header block has grown to, while it grows."""
        limits = self._limits
        if kind == HEADERS:
            self._block_size = self._block_frames = 0
        else:
            self._block_frames += 1
        self._block_size += size
        self.in_block = not flags & END_HEADERS
        if (
            self._block_size > limits.h2_header_block
            or self._block_frames > limits.h2_continuations
        ):
            raise frames.too_much("bytes or frames of one header block")

    def _screen(
        self, now: float, kind: int, flags: int, number: int, frame: bytes
    ) -> bytes:
        """Return what h2 is to see of a frame."""
        if kind == SETTINGS:
            return self._screen_settings(flags, number, frame)
        if kind == WINDOW_UPDATE:
            # h2 does not ignore the reserved bit.
            frame = (
                frame[:HEAD_SIZE]
                + bytes([frame[HEAD_SIZE] & 0x7F])
                + frame[10:]
            )
        if kind == PING:
            self.control += 1
        elif kind in (PRIORITY, GOAWAY):
            self._set_aside(kind, number, frame)
            return b""
        elif number not in self._open and number:
            return self._screen_stray(now, kind, flags, number, frame)
        return frame

    def _screen_settings(self, flags: int, number: int, frame: bytes) -> bytes:
        if flags & ACK:
            self.acknowledged = True
            return frame
        self.control += 1
        known = frames.known_settings(frame[HEAD_SIZE:])
        return frames.build(SETTINGS, flags, number, known)

    def _set_aside(self, kind: int, number: int, frame: bytes) -> None:
        """Take a PRIORITY, which is ignored, or a GOAWAY.

        For h2 the peer's GOAWAY is the end, and nothing may follow; but the
        peer still waits for the answers to what it has asked.
        """
        if (kind == GOAWAY) is not (number == 0):
            raise _wrong("a frame on the wrong stream")
        if kind == PRIORITY and int.from_bytes(frame[9:13], "big") == number:
            raise _wrong("a stream that depends on itself (RFC 7540, 5.3.1)")
        if kind == GOAWAY:
            self.ending = True

    def _screen_stray(
        self, now: float, kind: int, flags: int, number: int, frame: bytes
    ) -> bytes:
        """Take a frame on a stream that is not open (RFC 9113, 5.1)."""
        if number > self._h2.highest_inbound_stream_id or not number % 2:
            if kind == RST_STREAM:
                raise _wrong("RST_STREAM on an idle stream (6.4)")
            return frame  # a new stream, or an error that h2 words
        if kind == DATA:
            size = len(frame) - HEAD_SIZE
            padding = frame[HEAD_SIZE] if size else 0
            self._count_stray(flags, number, size, padding)
            return b""
        if kind == HEADERS:
            self._budgets.errors.spend(now)
        elif kind == RST_STREAM:
            self._buried.pop(number, None)
            self._budgets.idle.spend(now)
        return frame

    def _count_stray(
        self, flags: int, number: int, size: int, padding: int
    ) -> None:
        """Drop data, but count it: the connection's window is the poorer."""
        if flags & PADDED and (not size or padding >= size):
            raise _wrong("padding that is too long")  # RFC 9113 6.1
        left = self._buried.get(number)
        if left is None:
            raise ProtocolError(
                "DATA on a closed stream", code=ErrorCodes.STREAM_CLOSED
            )
        if left < size:
            raise ProtocolError(
                "DATA beyond the window", code=ErrorCodes.FLOW_CONTROL_ERROR
            )
        self._buried[number] = left - size
        if flags & END_STREAM:
            del self._buried[number]
        self.owed += size


def _wrong(message: str) -> ProtocolError:
    return ProtocolError(message, code=ErrorCodes.PROTOCOL_ERROR)
