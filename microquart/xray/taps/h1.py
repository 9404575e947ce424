"""The taps of an HTTP/1.1 connection.

What comes in is told as the server has understood it: each event of h11's
has the bytes that were cut off for it.  What goes out is read from the wire,
since nobody but the server has said it.
"""

from typing import Any

import h11

from microquart.http.errors import ProtocolError
from microquart.protocol import Peer, Service
from microquart.protocol.h1 import H1Connection, Parser
from microquart.protocol.h1_head import H1Head
from microquart.protocol.stream import HTTPStream
from microquart.protocol.ws import WebSocketStream
from microquart.protocol.ws_handshake import Handshake
from microquart.xray.swaps import Swaps
from microquart.xray.taps.line import Line, whose
from microquart.xray.taps.ws import TappedWebSocket, WebSocketTap
from microquart.xray.tracer import Place, texts
from microquart.xray.wire import Piece, Responses

# The limit behind each thing that a connection waits for.
TIMERS = {
    "first head": "header_timeout",
    "head": "header_timeout",
    "idle": "keep_alive_timeout",
    "stop": "stop_linger",
    "departure": "half_close_timeout",
    "linger": "linger_timeout",
}

# States of requests: more than can be open at the same time.
_REMEMBERED = 16


class TappedH1(H1Connection):
    """An H1Connection whose bytes, events and waits are told."""

    def __init__(
        self, line: Line, peer: Peer, service: Service, now: float
    ) -> None:
        self.line = line
        self.request: Place | None = None  # the one at hand
        self.expected = True  # its answer is, or there is none at hand
        self.responses: Responses[Place] = Responses()
        self.websocket: WebSocketTap | None = None
        self.cycles = 0
        self._states: dict[tuple[str, Place | None], str] = {}
        super().__init__(peer, service, now)
        line.watch(self)
        self._wait_for("first head")

    # -- what comes --

    def receive_data(self, data: bytes) -> None:
        if data:
            self.line.passes("in", data)
        super().receive_data(data)

    def make_h11(self) -> Parser:
        made = super().make_h11()
        next_event = made.next_event

        def tapped() -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
            event = next_event()
            if isinstance(event, h11.Event):
                self._saw(event)
            if isinstance(made, h11.Connection):
                self._moves("client", made.their_state, self.request)
            return event

        Swaps().attribute(made, "next_event", tapped)
        return made

    def _saw(self, event: h11.Event) -> None:
        data: dict[str, object] = {"event": type(event).__name__}
        match event:
            case h11.Request():
                self._begin()
                data |= {
                    "method": event.method.decode("latin-1"),
                    "target": event.target.decode("latin-1"),
                    "version": event.http_version.decode("latin-1"),
                    "headers": texts(event.headers),
                }
            case h11.Data():
                data["len"] = len(event.data)
        self._event(data)

    def _begin(self) -> None:
        """The head of a request is here."""
        tracer = self.line.tracer
        self.request = self.line.at._replace(req=tracer.new_req())
        self.expected = False
        while len(self._states) > _REMEMBERED:
            del self._states[next(iter(self._states))]
        if self.cycles:
            self.line.tell("h1.cycle", self.request, n=self.cycles)
        self.cycles += 1

    def _event(self, data: dict[str, object]) -> None:
        """Claim all that the server has cut off, and not yet explained."""
        count = self.line.bytes["in"]
        size = count.passed - len(self._buffer) - count.claimed
        self.line.event("h1.event", "in", size, self.request, data)

    def _expect(self, method: str) -> None:
        if self.request is not None:
            self.responses.expect(method, self.request)
        self.expected = True

    def _open(self, head: H1Head) -> None:
        self._expect(head.method)
        self._moves("server", "SEND_RESPONSE", self.request)
        super()._open(head)
        if self._stream is not None and self.request is not None:
            self.line.opens(self._stream, self.request)

    def make_websocket(self, handshake: Handshake) -> WebSocketStream:
        self.websocket = WebSocketTap(self.line, lambda: self.request, True)
        return TappedWebSocket(self.websocket, self, handshake)

    def _discard(self) -> bool:
        size = len(self._buffer)
        result = super()._discard()
        if size:
            self._event({"event": "Discarded", "len": size})
        return result

    def _refuse(self, error: ProtocolError | h11.RemoteProtocolError) -> None:
        if self._stream is None:
            if self.expected:  # nobody could read what is asked
                self._begin()
            self._expect("GET")
        count = self.line.bytes["in"]
        status = (
            error.status
            if isinstance(error, ProtocolError)
            else error.error_status_hint
        )
        who = whose(error)
        data = {"message": str(error), "hint": status, "whose": who}
        size = count.passed - count.claimed
        self.line.event("h1.error", "in", size, self.request, data)
        super()._refuse(error)

    # -- what leaves --

    def data_to_send(self) -> bytes:
        data = super().data_to_send()
        if data:
            self._says(data)
            self.line.passes("out", data)
        return data

    def _says(self, data: bytes) -> None:
        for piece in self.responses.feed(data):
            self._piece(piece)
        if self.responses.tunnel and self.websocket is not None:
            self.websocket.leaves(self.responses.rest())

    def _piece(self, piece: Piece[Place]) -> None:
        data: dict[str, object] = {"event": piece.event}
        if piece.status is not None:
            data |= {
                "version": "1.1",
                "status": piece.status,
                "headers": texts(piece.fields),
            }
        elif piece.event == "Data":
            data["len"] = piece.length
        self.line.event("h1.event", "out", piece.size, piece.who, data)
        if state := self._state_after(piece):
            self._moves("server", state, piece.who)

    def _state_after(self, piece: Piece[Place]) -> str | None:
        """Return where h11 would say that the server stands."""
        match piece.event:
            case "Response":
                return "SEND_BODY"
            case "EndOfMessage":
                return "MUST_CLOSE" if self.responses.closes else "DONE"
        return "SWITCHED_PROTOCOL" if piece.status == 101 else None

    def _moves(self, role: str, state: Any, at: Place | None) -> None:
        before = self._states.get((role, at), "IDLE")
        now = getattr(state, "__name__", state)  # h11's are classes
        if before != now:
            self._states[role, at] = now
            self.line.tell("h1.state", at, **{role: [before, now]})

    def finish(self) -> None:
        """The connection is over."""
        self.line.leave_rest("h1")

    # -- time --

    def _wait_for(self, what: str) -> None:
        super()._wait_for(what)
        if what in TIMERS:
            self.line.waits(what, getattr(self.limits, TIMERS[what]))

    def wanted(self, stream: HTTPStream) -> None:
        before = self._content_since()
        super().wanted(stream)
        if self._content_since() != before:
            limit = self.limits.body_idle_timeout
            self.line.waits("content", limit, self.request)

    def _content_since(self) -> float | None:
        return None if self._pace is None else self._pace.since

    def expire(self, now: float) -> None:
        what, since, before = self._waiting, self._since, self._ends()
        if not what:
            what, since = "content", self._content_since() or since
        super().expire(now)
        if what == "websocket":
            return  # it tells of its own clocks
        if before != self._ends():
            at = self.request if what == "content" else None
            self.line.fired(what, now - since, at)

    def _ends(self) -> tuple[object, ...]:
        return self.closed, self.closing, self._stream
