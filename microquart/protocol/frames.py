"""The heads of HTTP/2 frames, looked at before h2 sees them.

h2 knows which frame may follow which.  It puts no price on frames that cost
the peer nothing and us something, reads a frame of 16 MB before it says that
16 kB is the limit, and keeps each setting that it does not know.  So every
frame passes by here first: its size, the growth of a header block, and the
budgets of frames that bring nothing forward.

Sources: RFC 9113 sections 4 to 6; CVE-2019-9512 to -9518 (floods of control
and empty frames), CVE-2024-27316 (CONTINUATION), CVE-2020-11080 (SETTINGS).
"""

import struct

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from microquart.http.errors import ProtocolError
from microquart.protocol.limits import Limits

(
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION,
) = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4

HEAD = struct.Struct("!BHBBL")  # length in two parts, type, flags, stream
HEAD_SIZE = HEAD.size
MAX_STREAM = 2**31 - 1

# RFC 9113 4.2: what every peer may send; we announce no more.
MAX_FRAME_SIZE = 2**14
# A window that grows by less is hardly worth a frame (CVE-2019-9511).
SMALL = 1024
# Entries of one SETTINGS frame; nghttp2 draws the line there too.
MAX_SETTINGS = 32

_SETTING = struct.Struct("!HL")
_KNOWN_SETTINGS = frozenset(map(int, SettingCodes))
_SIZES = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}


class Bucket:
    """A budget: so many at once, and so many more each second."""

    __slots__ = ("_left", "_rate", "_since", "_size")

    def __init__(self, budget: tuple[int, float], now: float) -> None:
        self._size, self._rate = budget
        self._left: float = self._size
        self._since = now

    def spend(self, now: float) -> bool:
        """Take one; False: there is none.

        >>> budget = Bucket((2, 0.5), now=0)
        >>> [budget.spend(now) for now in (0, 0, 0, 1, 2, 3)]
        [True, True, False, False, True, False]
        """
        left = self._left + (now - self._since) * self._rate
        self._since = now
        self._left = left = min(left, self._size)
        if left < 1:
            return False
        self._left = left - 1
        return True

    def earn(self, count: int) -> None:
        """Put so many back, as far as they fit."""
        self._left = min(self._left + count, self._size)


class FrameWatch:
    """What the frames of one connection have cost so far."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.in_block = False  # a header block is not finished
        self.idle = Bucket(limits.h2_idle_frame_budget, now)
        self._begun = False  # the peer's first SETTINGS are here
        self._block_size = 0
        self._block_frames = 0

    def look(self, now: float, kind: int, flags: int, body: bytes) -> None:
        """Check the head of a frame that is here as a whole.

        Raises:
            ProtocolError: the connection has to end, with ``code``.
        """
        if not self._begun:
            self._begin(kind, flags)
        size = len(body)
        if (fixed := _SIZES.get(kind)) is not None and size != fixed:
            raise _wrong_size(f"a frame of type {kind} has {size} bytes")
        if kind == DATA:
            idle = not (size or flags & END_STREAM)
        elif kind in (HEADERS, CONTINUATION):
            self._grow(kind, flags, size)
            idle = not (size or flags & END_HEADERS)
        elif kind == WINDOW_UPDATE:
            idle = int.from_bytes(body, "big") < SMALL
        else:
            # RST_STREAM has a budget of its own, where it ends a stream.
            idle = kind != RST_STREAM
            if kind == SETTINGS:
                _check_settings(flags, size)
            elif kind == GOAWAY and size < 8:
                raise _wrong_size("GOAWAY is too short")
        if idle and not self.idle.spend(now):
            raise too_much("frames that bring nothing forward")

    def _begin(self, kind: int, flags: int) -> None:
        if kind != SETTINGS or flags & ACK:
            raise ProtocolError(
                "the first frame has to be SETTINGS (RFC 9113, 3.4)",
                code=ErrorCodes.PROTOCOL_ERROR,
            )
        self._begun = True

    def _grow(self, kind: int, flags: int, size: int) -> None:
        """Count what a header block has grown to, while it grows."""
        if kind == HEADERS:
            self._block_size = self._block_frames = 0
        else:
            self._block_frames += 1
        self._block_size += size
        self.in_block = not flags & END_HEADERS
        if (
            self._block_size > self.limits.h2_header_block
            or self._block_frames > self.limits.h2_continuations
        ):
            raise too_much("bytes or frames of one header block")


def _check_settings(flags: int, size: int) -> None:
    """Check the size of a SETTINGS frame (RFC 9113, section 6.5)."""
    if size % 6 or (flags & ACK and size):
        raise _wrong_size("SETTINGS of a wrong size")
    if size > MAX_SETTINGS * 6:
        raise too_much("settings in one frame")


def known_settings(body: bytes) -> bytes:
    """Return the entries that are known; others must be ignored (6.5.2).

    h2 would keep them: 65,000 of them are 50 MB.
    """
    return b"".join(
        _SETTING.pack(code, value)
        for code, value in _SETTING.iter_unpack(body)
        if code in _KNOWN_SETTINGS
    )


def build(kind: int, flags: int, number: int, body: bytes) -> bytes:
    """Return the bytes of a frame."""
    size = len(body)
    return HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, number) + body


def too_much(what: str) -> ProtocolError:
    return ProtocolError(
        f"too many {what}", code=ErrorCodes.ENHANCE_YOUR_CALM
    )


def _wrong_size(message: str) -> ProtocolError:
    return ProtocolError(message, code=ErrorCodes.FRAME_SIZE_ERROR)
