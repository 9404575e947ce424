"""The taps of a WebSocket: its frames from the carrier, wsproto's events."""

from collections.abc import Callable, Iterator
from typing import Any

from wsproto.connection import Connection, ConnectionState
from wsproto.events import CloseConnection, Event, Message
from wsproto.extensions import Extension

from microquart.asgi import SendMessage
from microquart.protocol.stream import Transport
from microquart.protocol.ws import WebSocketStream
from microquart.protocol.ws_handshake import Handshake
from microquart.xray.swaps import Swaps
from microquart.xray.taps.clocks import Clocks, Waits, over
from microquart.xray.taps.line import Line, Way
from microquart.xray.tracer import Place
from microquart.xray.wire import WebSocketFrames

OPCODES = {
    0: "CONTINUATION",
    1: "TEXT",
    2: "BINARY",
    8: "CLOSE",
    9: "PING",
    10: "PONG",
}


class WebSocketTap:
    """Tells of one WebSocket; ``owns``: the carrier's bytes are its own."""

    def __init__(
        self, line: Line, place: Callable[[], Place | None], owns: bool
    ) -> None:
        self.line = line
        self.place = place
        self.owns = owns
        self.state = "CONNECTING"
        self._frames = {"in": WebSocketFrames(), "out": WebSocketFrames()}

    def comes(self, data: bytes) -> None:
        self._read("in", data)

    def leaves(self, data: bytes) -> None:
        self._read("out", data)

    def _read(self, way: Way, data: bytes) -> None:
        for frame in self._frames[way].feed(data):
            count = self.line.bytes[way]
            self.line.tracer.emit(
                "ws.frame",
                at=self.place() or self.line.at,
                dir=way,
                bytes=count.claim(frame.size) if self.owns else None,
                data={
                    "opcode": OPCODES.get(frame.opcode, str(frame.opcode)),
                    "fin": frame.fin,
                    "rsv": frame.rsv,
                    "masked": frame.masked,
                    "len": frame.length,
                    "size": frame.size,
                },
                raw=frame.payload,
            )

    def tap(self, ws: Connection) -> Connection:
        """Put taps into wsproto's object."""
        events, send = ws.events, ws.send

        def tapped_events() -> Iterator[Event]:
            for event in events():
                self._event("in", event)
                self._moves(ws)
                # Then it is no frame of the peer's, but wsproto's verdict.
                open_still = ws.state is ConnectionState.OPEN
                if isinstance(event, CloseConnection) and open_still:
                    self._error(str(event.reason), int(event.code))
                yield event

        def tapped_send(event: Event) -> bytes:
            self._event("out", event)
            try:
                return send(event)
            except Exception as error:
                self._error(str(error), None, "ours")
                raise
            finally:
                self._moves(ws)

        swaps = Swaps()
        swaps.attribute(ws, "events", tapped_events)
        swaps.attribute(ws, "send", tapped_send)
        self._moves(ws)
        return ws

    def _event(self, way: Way, event: Event) -> None:
        data: dict[str, Any] = {"event": type(event).__name__}
        if isinstance(event, Message):
            data |= {
                "len": len(event.data),
                "finished": event.message_finished,
            }
        elif isinstance(event, CloseConnection):
            data |= {"code": int(event.code), "reason": event.reason}
        self.line.event("ws.event", way, 0, self.place(), data)

    def _error(
        self, message: str, code: int | None, who: str = "the peer's"
    ) -> None:
        data = {"message": message, "error_code": code, "whose": who}
        self.line.event("ws.error", "in", 0, self.place(), data)

    def _moves(self, ws: Connection) -> None:
        before, self.state = self.state, ws.state.name
        if before != self.state:
            moved = [before, self.state]
            self.line.tell("ws.state", self.place(), state=moved)


class TappedWebSocket(WebSocketStream):
    """A WebSocketStream whose frames and events are told."""

    def __init__(
        self,
        tap: WebSocketTap,
        connection: Transport,
        handshake: Handshake,
        number: int = 0,
    ) -> None:
        self.tap = tap
        self.clocks = Clocks(tap.line, tap.place)
        super().__init__(connection, handshake, number)

    def make_ws(self, extensions: list[Extension]) -> Connection:
        return self.tap.tap(super().make_ws(extensions))

    def receive(self, data: bytes) -> None:
        self.tap.comes(data)
        super().receive(data)
        self.clocks.look(self._waits())

    def send(self, message: SendMessage) -> None:
        super().send(message)
        self.clocks.look(self._waits())

    def shutdown(self) -> None:
        super().shutdown()
        self.clocks.look(self._waits())

    def expire(self, now: float) -> None:
        waits, before = self._waits(), self._departure
        super().expire(now)
        what = over(waits, now)
        if what is not None and before is not self._departure:
            self.tap.line.fired(*what, self.tap.place())
        self.clocks.look(self._waits())

    def _waits(self) -> Waits:
        limits = self.connection.service.limits
        if self._departure is not None:
            return {}
        if self._verdict is not None:
            return {"linger": (self._verdict_since, limits.linger_timeout)}
        if self._closing_since is not None:
            return {"close": (self._closing_since, limits.ws_close_timeout)}
        pinged = None if self._pinged is None else self._pinged_since
        return {"pong": (pinged, limits.ws_ping_timeout)}
