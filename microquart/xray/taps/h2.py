"""The taps of an HTTP/2 connection.

Frames are read from the wire, by other code than the server's; events,
streams and windows come from h2's object.
"""

from collections.abc import Callable
from typing import Any

import h2.connection
import h2.exceptions
from h2.events import Event
from h2.settings import SettingCodes

from microquart.protocol import Peer, Service, Stream
from microquart.protocol.flow import Flow, is_starved, is_stuck
from microquart.protocol.h2 import H2Connection
from microquart.protocol.h2_head import H2Head
from microquart.protocol.ws import WebSocketStream
from microquart.protocol.ws_handshake import Handshake
from microquart.xray.hpack import Explainer
from microquart.xray.swaps import Swaps
from microquart.xray.taps.clocks import Clocks, Waits, over
from microquart.xray.taps.line import Line, Way, whose
from microquart.xray.taps.ws import TappedWebSocket, WebSocketTap
from microquart.xray.tracer import Place, Span, texts
from microquart.xray.wire import Frames, FrameSeen

NAMES = (
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
)
# Streams of which is known to which request they belonged: what is unsent of
# a response leaves after its application has returned.
_REMEMBERED = 1024
# What is told of frames that have it, under which key.
_TOLD = {
    "settings": "settings",
    "window_increment": "increment",
    "error_code": "error_code",
    "last_stream_id": "last_stream",
    "additional_data": "text",
    "opaque_data": "ping",
}
_SENDERS = ("send_headers", "send_data", "end_stream", "reset_stream")
_HEADERS, _CONTINUATION = 1, 9
_END_HEADERS = 0x4


class Blocks:
    """Puts the fragments of field blocks together, of one direction."""

    def __init__(self) -> None:
        self.explainer = Explainer()
        self._block = b""

    def take(self, seen: FrameSeen) -> list[dict[str, object]] | None:
        """Return how the fields were said, with the last fragment."""
        if seen.kind not in (_HEADERS, _CONTINUATION):
            return None
        if seen.frame is None:
            self.explainer.lost = True
        self._block += getattr(seen.frame, "data", b"")
        if not seen.flags & _END_HEADERS:
            return None
        block, self._block = self._block, b""
        return [
            {
                "octets": one.octets.hex(),
                "name": one.name.decode("latin-1"),
                "value": one.value.decode("latin-1"),
                "how": one.how,
            }
            for one in self.explainer.explain(block)
        ]


class TappedH2(H2Connection):
    """An H2Connection whose frames, events and waits are told."""

    def __init__(
        self, line: Line, peer: Peer, service: Service, now: float
    ) -> None:
        self.line = line
        self._places: dict[int, Place] = {}
        self._readers: dict[Way, Frames] = {
            "in": Frames(preface=True),
            "out": Frames(preface=False),
        }
        self._blocks: dict[Way, Blocks] = {"in": Blocks(), "out": Blocks()}
        self._states: dict[int, str] = {}
        self._blocked: dict[Stream, Span] = {}
        self._websockets: dict[int, WebSocketTap] = {}
        super().__init__(peer, service, now)
        self._clocks = Clocks(line)
        line.watch(self)

    # -- the wire --

    def receive_data(self, data: bytes) -> None:
        if data:
            self.line.passes("in", data)
            self._read("in", data)
        super().receive_data(data)

    def data_to_send(self) -> bytes:
        data = super().data_to_send()
        if data:
            self._read("out", data)
            self.line.passes("out", data)
        return data

    def _read(self, way: Way, data: bytes) -> None:
        for seen in self._readers[way].feed(data):
            at = self._place(seen.stream)
            if seen.kind < 0:
                self.line.event("h2.preface", way, seen.size, at, {})
                continue
            if way == "in" and seen.kind == _HEADERS and at.req is None:
                at = self._begin(seen.stream)
            told = frame_data(seen)
            table = self._blocks[way].explainer.table
            before = len(table.dynamic_entries)
            hpack = self._blocks[way].take(seen)
            if hpack is not None:
                told["hpack"] = hpack
            self.line.event("h2.frame", way, seen.size, at, told)
            if len(table.dynamic_entries) != before:
                side = "decoder" if way == "in" else "encoder"
                entries = texts(table.dynamic_entries)
                size = sum(32 + len(n) + len(v) for n, v in entries)
                now = {"side": side, "size": size, "entries": entries}
                self.line.event("h2.table", way, 0, at, now)

    def _place(self, number: int) -> Place:
        known = self._places.get(number)
        return known or self.line.at._replace(stream=number or None)

    def _begin(self, number: int) -> Place:
        """A request begins with its first HEADERS frame."""
        at = self._place(number)._replace(req=self.line.tracer.new_req())
        self._places[number] = at
        if len(self._places) > _REMEMBERED:
            oldest = next(iter(self._places))
            for known in (self._places, self._states, self._websockets):
                known.pop(oldest, None)
        return at

    # -- h2's object --

    def make_h2(self) -> h2.connection.H2Connection:
        made = super().make_h2()
        swaps = Swaps()
        receive = made.receive_data
        close = made.close_connection

        def receive_data(data: bytes) -> list[Event]:
            try:
                events = receive(data)
            except h2.exceptions.ProtocolError as error:
                self._error(str(error), int(error.error_code), whose(error))
                raise
            for event in events:
                self._event(event)
            for event in events:
                self._look(made, getattr(event, "stream_id", 0))
            return events

        def close_connection(
            error_code: int = 0, *args: Any, **kwargs: Any
        ) -> None:
            if error_code:
                told = args[0] if args else b""
                message = bytes(told or b"").decode("latin-1")
                self._error(message, int(error_code), "the peer's")
            close(error_code, *args, **kwargs)

        swaps.attribute(made, "receive_data", receive_data)
        swaps.attribute(made, "close_connection", close_connection)
        for name in _SENDERS:
            swaps.attribute(made, name, self._sender_tap(made, name))
        return made

    def _sender_tap(self, made: Any, name: str) -> Callable[..., None]:
        method = getattr(made, name)

        def tapped(stream_id: int, *args: Any, **kwargs: Any) -> None:
            method(stream_id, *args, **kwargs)
            self._look(made, stream_id)
            if name == "send_data":
                self._tell_windows(made, stream_id)

        return tapped

    def _event(self, event: Event) -> None:
        told = vars(event)
        data: dict[str, object] = {"event": type(event).__name__}
        if told.get("headers") is not None:
            data["headers"] = texts(told["headers"])
        if isinstance(told.get("data"), bytes):
            data["len"] = len(told["data"])
        if told.get("error_code") is not None:
            data["error_code"] = int(told["error_code"])
        at = self._place(told.get("stream_id") or 0)
        self.line.event("h2.event", "in", 0, at, data)

    def _error(self, message: str, code: int, who: str) -> None:
        data = {"message": message, "error_code": code, "whose": who}
        self.line.event("h2.error", "in", 0, None, data)

    def _look(self, made: Any, number: int | None) -> None:
        """See where a stream stands now."""
        if not number:
            return
        stream = made.streams.get(number)
        now = stream.state_machine.state.name if stream else "CLOSED"
        before = self._states.get(number, "IDLE")
        if before != now:
            self._states[number] = now
            moved = [before, now]
            self.line.tell("h2.stream", self._place(number), state=moved)

    def _tell_windows(self, made: Any, number: int) -> None:
        stream = made.streams.get(number)
        data = {"conn_left": made.outbound_flow_control_window}
        data["stream_left"] = stream and stream.outbound_flow_control_window
        self.line.tell("h2.window", self._place(number), **data)

    # -- streams --

    def _open(self, number: int, head: H2Head, stream: Stream) -> None:
        self.line.opens(stream, self._place(number))
        super()._open(number, head, stream)

    def make_websocket(
        self, number: int, handshake: Handshake
    ) -> WebSocketStream:
        tap = WebSocketTap(self.line, lambda: self._place(number), False)
        self._websockets[number] = tap
        return TappedWebSocket(tap, self, handshake, number)

    def write(self, stream: Stream, data: bytes, more: bool) -> None:
        tap = self._websockets.get(stream.number)
        if tap is not None and stream.status == 200:
            tap.leaves(data)
        flow = self._flows[stream.number]
        waited = bool(flow.unsent)
        super().write(stream, data, more)
        if flow.unsent and not waited:
            self._waits("window", self.limits.write_timeout, flow)
        if stream.blocked and stream not in self._blocked:
            self._blocked[stream] = self.line.tracer.span(
                "h2.window",
                {"blocked": True},
                dir="out",
                at=self.line.place_of(stream),
                enter=False,
            ).begin()

    def wake(self, stream: Stream) -> None:
        super().wake(stream)
        if not stream.blocked:
            self._unblock(stream)

    def _unblock(self, stream: Stream) -> None:
        span = self._blocked.pop(stream, None)
        if span is not None:
            span.result["blocked"] = stream.blocked
            span.end()

    # -- the end --

    def finish(self) -> None:
        """The connection is over."""
        for stream in list(self._blocked):
            self._unblock(stream)
        self.line.leave_rest("h2")

    # -- time --

    def woken(self) -> list[Stream]:
        self._clocks.look(self._own_waits())
        return super().woken()

    def _own_waits(self) -> Waits:
        """Return what is waited for of the connection as a whole."""
        limits = self.limits
        if self.closed:
            return {}
        if self.closing:
            return {"linger": (self._closing_since, limits.linger_timeout)}
        idle = None if self._flows else self._idle_since
        return {
            "head": (self._gate.unfinished, limits.header_timeout),
            "departure": (self._eof_since, limits.half_close_timeout),
            "stop": (self._leaving_since, limits.stop_linger),
            "idle": (idle, limits.keep_alive_timeout),
        }

    def wanted(self, stream: Stream) -> None:
        flow = self._flows[stream.number]
        before = flow.content and flow.content.since
        super().wanted(stream)
        if flow.content is not None and flow.content.since != before:
            self._waits("content", self.limits.body_idle_timeout, flow)

    def _finished(self, flow: Flow) -> None:
        super()._finished(flow)
        if flow.number in self._flows:  # a WebSocket, half closed
            self._waits("linger", self.limits.linger_timeout, flow)

    def _waits(self, what: str, limit: float | None, flow: Flow) -> None:
        self.line.waits(what, limit, self._place(flow.number))

    def expire(self, now: float) -> None:
        what = over(self._own_waits(), now)
        before = self.closed, self.closing
        super().expire(now)
        if what is not None and before != (self.closed, self.closing):
            self.line.fired(*what)

    def _expire_flow(self, flow: Flow) -> None:
        what, since = self._late(flow)
        super()._expire_flow(flow)
        if what and flow.number not in self._flows:
            passed = None if since is None else self.now - since
            self.line.fired(what, passed, self._place(flow.number))

    def _late(self, flow: Flow) -> tuple[str, float | None]:
        """Return what a stream has waited for too long, and since when."""
        if flow.ended is not None:
            return "linger", flow.ended
        if is_stuck(flow, self.limits, self.now):
            return "window", flow.leaving.since
        if flow.content and is_starved(flow, self.limits, self.now):
            return "content", flow.content.since
        return "", None


# -- what is told of a frame --


def frame_data(seen: FrameSeen) -> dict[str, object]:
    name = NAMES[seen.kind] if seen.kind < len(NAMES) else str(seen.kind)
    data: dict[str, object] = {
        "frame": name,
        "stream": seen.stream,
        "flags": sorted(map(str, seen.frame.flags)) if seen.frame else [],
        "len": len(seen.body),
    }
    if seen.frame is None:
        data["unreadable"] = True
    for attribute, key in _TOLD.items():
        value = getattr(seen.frame, attribute, None)
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        elif isinstance(value, dict):
            value = {setting_name(code): value[code] for code in value}
        if value is not None:
            data[key] = value
    return data


def setting_name(code: int) -> str:
    try:
        return SettingCodes(code).name
    except ValueError:
        return str(code)
