"""The frames of HTTP/2 as bytes: their kinds, their sizes, their price.

Sources: RFC 9113, sections 4 and 6.
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
PADDED = 0x8
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

    __slots__ = ("_left", "_rate", "_since", "_size", "_what")

    def __init__(
        self, budget: tuple[int, float], what: str, now: float
    ) -> None:
        self._size, self._rate = budget
        self._what = what
        self._left: float = self._size
        self._since = now

    def take(self, now: float) -> bool:
        """Take one; False: there is none.

        >>> budget = Bucket((2, 0.5), "frames", now=0)
        >>> [budget.take(now) for now in (0, 0, 0, 1, 2, 3)]
        [True, True, False, False, True, False]
        """
        left = self._left + (now - self._since) * self._rate
        self._since = now
        self._left = left = min(left, self._size)
        if left < 1:
            return False
        self._left = left - 1
        return True

    def spend(self, now: float) -> None:
        """Take one.

        Raises:
            ProtocolError: there is none, so the peer has to calm down.
        """
        if not self.take(now):
            raise too_much(self._what)

    def earn(self, count: int) -> None:
        """Put so many back, as far as they fit."""
        self._left = min(self._left + count, self._size)


class Budgets:
    """What a peer may do for nothing, or wrong, before it is too much."""

    __slots__ = ("errors", "idle", "resets")

    def __init__(self, limits: Limits, now: float) -> None:
        self.idle = Bucket(
            limits.h2_idle_frame_budget,
            "frames that bring nothing forward",
            now,
        )
        self.resets = Bucket(limits.h2_reset_budget, "streams reset", now)
        self.errors = Bucket(limits.h2_error_budget, "errors", now)


def check_size(kind: int, flags: int, size: int) -> None:
    """Check that a frame has a size that its kind can have.

    Raises:
        ProtocolError: it has not, or it says too much at once.
    """
    fixed = _SIZES.get(kind)
    if (
        (fixed is not None and size != fixed)
        or (kind == SETTINGS and (size % 6 or (flags & ACK and size)))
        or (kind == GOAWAY and size < 8)
    ):
        raise ProtocolError(
            f"a frame of type {kind} with {size} bytes",
            code=ErrorCodes.FRAME_SIZE_ERROR,
        )
    if kind == SETTINGS and size > MAX_SETTINGS * _SETTING.size:
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


def goaway(last: int) -> bytes:
    """Return the bytes of a GOAWAY without an error."""
    return build(GOAWAY, 0, 0, last.to_bytes(4, "big") + bytes(4))


def too_much(what: str) -> ProtocolError:
    return ProtocolError(f"too many {what}", code=ErrorCodes.ENHANCE_YOUR_CALM)
