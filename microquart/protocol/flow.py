"""What the streams of an HTTP/2 connection have to send, and who is next.

DATA has to fit through two windows, the stream's and the connection's, and
into frames of a limited size (RFC 9113, sections 4.2 and 5.2).  What does not
fit waits here, in its stream's ``Flow``; ``Sender`` sends it on when a window
opens, a frame of each stream in turn, so that one large answer does not hold
up the small ones.
"""

from collections import deque
from collections.abc import Callable

from h2.connection import H2Connection

from microquart.asgi import FieldList
from microquart.protocol.frames import SMALL, Bucket, Budgets
from microquart.protocol.limits import Limits
from microquart.protocol.pace import Pace
from microquart.protocol.stream import Stream

# However large the peer's frames and windows may be: the streams take turns.
_TURN = 64 * 1024


class Flow:
    """One stream on the wire: what has come, and what waits to leave."""

    __slots__ = (
        "content",
        "ended",
        "expects_continue",
        "last",
        "leaving",
        "number",
        "owed",
        "queued",
        "remaining",
        "stream",
        "trailers",
        "unsent",
        "whole",
    )

    def __init__(self, number: int, stream: Stream) -> None:
        self.number = number
        self.stream = stream
        # -- what comes --
        self.whole = False  # the peer has ended its side
        self.remaining: int | None = None  # of the announced content
        self.owed = 0  # bytes taken, by which the window has not grown yet
        self.content: Pace | None = None  # since it was first waited for
        self.expects_continue = False
        # -- what leaves --
        self.ended: float | None = None  # when we ended our side
        self.unsent = bytearray()
        self.last = False  # nothing follows what is unsent, but trailers
        self.trailers: FieldList | None = None
        self.queued = False  # its turn will come
        self.leaving: Pace  # since there began to be something unsent


class Sender:
    """The outgoing half of a connection: windows, turns and ends."""

    def __init__(
        self,
        h2: H2Connection,
        limits: Limits,
        budgets: Budgets,
        now: float,
        finished: Callable[[Flow], None],
        wake: Callable[[Stream], None],
    ) -> None:
        self._h2 = h2
        self._limit = limits.send_unsent
        self._limit_of_all = limits.h2_send_unsent
        self._unsent = 0  # bytes, of all streams
        self._blocked: dict[Flow, None] = {}
        # Each DATA frame may be answered with two small WINDOW_UPDATEs.
        self._idle = budgets.idle
        self._small = Bucket(limits.h2_idle_frame_budget, "small frames", now)
        self._finished = finished
        self._wake = wake
        self._turns: deque[Flow] = deque()

    def write(self, flow: Flow, data: bytes, more: bool, now: float) -> None:
        """Send what fits, and keep the rest."""
        flow.last = not more
        if not (flow.unsent or self._turns) and len(data) <= self._room(flow):
            self._frame(flow, data)
            return
        if not flow.unsent:
            flow.leaving = Pace(now)
        flow.unsent += data
        self._unsent += len(data)
        self.push(flow, now)
        if self._is_full(flow):
            flow.stream.blocked = True
            self._blocked[flow] = None

    def trail(self, flow: Flow, fields: FieldList) -> None:
        """End the stream with a trailer section, after what is unsent."""
        flow.last = True
        flow.trailers = fields
        if not flow.unsent:
            self._end(flow)

    def push(self, flow: Flow, now: float) -> None:
        """Let a stream have its turns: it has got data, or a window."""
        if flow.unsent and not flow.queued:
            flow.queued = True
            self._turns.append(flow)
        self.pump(now)

    def pump(self, now: float) -> None:
        """Send a frame of each stream in turn, as far as windows allow."""
        turns = self._turns
        while turns and self._h2.outbound_flow_control_window > 0:
            flow = turns.popleft()
            flow.queued = False
            room = self._room(flow)
            if not room or not self._worth(flow, room, now):
                continue  # its own window, or time, brings it back
            data = bytes(flow.unsent[:room])
            del flow.unsent[:room]
            self._unsent -= len(data)
            flow.leaving.move(len(data), now)
            flow.leaving.wait(now)
            self._frame(flow, data)
            if flow.unsent:
                flow.queued = True
                turns.append(flow)
            elif flow.trailers is not None:
                self._end(flow)
        if self._blocked:
            self._unblock()

    def forget(self, flow: Flow) -> None:
        """The stream has ended, one way or another."""
        if flow.queued:
            self._turns.remove(flow)
        self._unsent -= len(flow.unsent)
        flow.unsent.clear()
        self._unblock()

    # -- inside --

    def _room(self, flow: Flow) -> int:
        h2 = self._h2
        return max(
            0,
            min(
                h2.outbound_flow_control_window,
                h2.streams[flow.number].outbound_flow_control_window,
                h2.max_outbound_frame_size,
                _TURN,
            ),
        )

    def _worth(self, flow: Flow, room: int, now: float) -> bool:
        """Whether to send a frame of this size now.

        Small frames for small windows make an answer cost thirty times as
        much (CVE-2019-9511); a client may insist, but not too often.
        """
        return (
            room >= SMALL or room >= len(flow.unsent) or self._small.take(now)
        )

    def _is_full(self, flow: Flow) -> bool:
        size = len(flow.unsent)
        return size >= self._limit or (
            size > 0 and self._unsent >= self._limit_of_all
        )

    def _has_room(self, flow: Flow) -> bool:
        """Whether a stream may go on: half its limit is free, and half of
        that of all, or it has nothing more there."""
        size = len(flow.unsent)
        return size <= self._limit // 2 and (
            not size or self._unsent <= self._limit_of_all // 2
        )

    def _unblock(self) -> None:
        """Let those go on for whom there is room again."""
        for flow in [each for each in self._blocked if self._has_room(each)]:
            del self._blocked[flow]
            flow.stream.blocked = False
            self._wake(flow.stream)

    def _frame(self, flow: Flow, data: bytes) -> None:
        if not flow.unsent:
            self._idle.earn(2)
        ends = flow.last and not flow.unsent and flow.trailers is None
        self._h2.send_data(flow.number, data, ends)
        if ends:
            self._finished(flow)

    def _end(self, flow: Flow) -> None:
        if flow.trailers:
            self._h2.send_headers(flow.number, flow.trailers, True)
        else:
            self._h2.end_stream(flow.number)
        self._finished(flow)


def is_stuck(flow: Flow, limits: Limits, now: float) -> bool:
    """Return whether the peer takes what is unsent too slowly, or not."""
    return bool(flow.unsent) and flow.leaving.is_slow(
        now, limits.write_timeout, limits.write_min_rate, limits.rate_grace
    )


def is_starved(flow: Flow, limits: Limits, now: float) -> bool:
    """Return whether the content comes too slowly, or not at all.

    Only while the application waits for it.
    """
    return flow.content is not None and flow.content.is_slow(
        now, limits.body_idle_timeout, limits.body_min_rate, limits.rate_grace
    )
