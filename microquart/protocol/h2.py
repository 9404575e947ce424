"""The server's side of one HTTP/2 connection (RFC 9113), on h2.

h2 knows the states of the connection and of each stream, header compression
and the windows.  Around it stands what a server in public needs: every frame
is looked at before h2 sees it (``gate``) and is fed to it alone, so that an
error concerns one frame and takes no other event with it; request heads are
checked here (``h2_head``), for h2 would end the whole connection where one
stream is malformed; and what waits to be sent waits in ``flow``.

The windows say who may be ahead of whom.  The connection's is reopened as
data arrives, a stream's only as its application takes it: an application that
does not read stalls its own stream and no other.
"""

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

from microquart.asgi import FieldList
from microquart.http.errors import ProtocolError
from microquart.protocol import frames
from microquart.protocol.compression import Decoder, Encoder
from microquart.protocol.flow import Flow, Sender, is_starved, is_stuck
from microquart.protocol.gate import Gate
from microquart.protocol.h2_head import (
    H2Head,
    cannot_be_served,
    check_trailers,
    malformed,
    read_head,
)
from microquart.protocol.pace import Pace
from microquart.protocol.stream import (
    HTTPStream,
    Peer,
    Scopes,
    Service,
    Stream,
)
from microquart.protocol.ws import WebSocketStream
from microquart.protocol.ws_handshake import Handshake, read_handshake

# Our encoder's table, whatever the peer would keep: hpack searches it in
# line, so a large one costs time with each field.
_TABLE_SIZE = 4096
# Of the connection's window: what has come is given back in such pieces.
_REPAY = 16 * 1024
_GOODBYE = b"goodbye!"  # the PING after which no request is on the wire


class H2Connection:
    """One HTTP/2 connection; see ``protocol.Connection`` for its use."""

    multiplexed = True

    def __init__(self, peer: Peer, service: Service, now: float) -> None:
        self.peer = peer
        self.service = service
        self.limits = limits = service.limits
        self.now = now
        self.closing = False  # send EOF after the output, then linger
        self.closed = False
        self._scopes = Scopes(service, peer)
        self.h2 = self.make_h2()
        self._decoder = Decoder(2 * limits.h2_max_header_list)
        self._announce()
        self._flows: dict[int, Flow] = {}  # the streams open on the wire
        self._budgets = budgets = frames.Budgets(limits, now)
        self._gate = Gate(self.h2, self._flows, budgets, limits, now)
        self._sender = Sender(
            self.h2, limits, budgets, now, self._finished, self.wake
        )
        self._running: set[Stream] = set()  # their applications, and others
        self._output: list[bytes] = []
        self._opened: list[Stream] = []
        self._woken: dict[Stream, None] = {}
        self._owed = 0  # bytes by which the window has to grow
        self._discarded = 0  # bytes after the end
        self._requests = 0
        self._last: int | None = None  # the last stream to be served
        # Since when it is so.
        self._idle_since = now
        self._leaving_since: float | None = None
        self._eof_since: float | None = None
        self._closing_since = now

    def make_h2(self) -> h2.connection.H2Connection:
        """Make the library's object (a seam: subclass to look inside)."""
        return h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=False,
                header_encoding=None,
                # Fields are checked in ``h2_head`` and in ``stream``, once.
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )

    def make_websocket(
        self, number: int, handshake: Handshake
    ) -> WebSocketStream:
        """Make the stream of a WebSocket (a seam, as above)."""
        return WebSocketStream(self, handshake, number)

    # -- as a shell sees it --

    @property
    def paused(self) -> bool:
        """Whether the peer lets our answers to its frames pile up."""
        return self._gate.control > self.limits.h2_control_queue

    @property
    def idle(self) -> bool:
        """Whether no stream is open or half here."""
        return not self._flows and self._gate.empty

    def receive_data(self, data: bytes) -> None:
        if not data:
            self._end_of_input()
            return
        if self.closing or self.closed:
            self._discard(len(data))
            return
        gate = self._gate
        gate.feed(data)
        try:
            while not self.closed and (frame := gate.read(self.now)):
                for event in self.h2.receive_data(frame):
                    self._handle(event)
        except ProtocolError as error:
            self.h2.close_connection(error.code, str(error).encode())
            self._note_refusal(error.code)
            self._end()
        except h2.exceptions.ProtocolError as error:
            self._note_refusal(error.error_code)
            self._end()  # h2 has written its GOAWAY
        else:
            self._after_frames()

    def lost(self) -> None:
        """The socket broke: what was sent may not have arrived."""
        self.closed = True
        self._leave()

    def data_to_send(self) -> bytes:
        self._gate.control = 0
        data = self.h2.data_to_send()
        if not self._output:
            return data
        self._output.append(data)
        data = b"".join(self._output)
        self._output.clear()
        return data

    def opened(self) -> list[Stream]:
        opened = self._opened
        if opened:
            self._opened = []
        return opened

    def woken(self) -> list[Stream]:
        if not self._woken:
            return []
        woken = list(self._woken)
        self._woken.clear()
        return woken

    def shutdown(self) -> None:
        """Finish the open streams, and accept no other."""
        self._go_away()
        for flow in list(self._flows.values()):
            flow.stream.shutdown()

    def expire(self, now: float) -> None:
        """End what has waited for too long."""
        self.now = now
        limits = self.limits
        if self.closing:
            if now - self._closing_since >= limits.linger_timeout:
                self.closed = True
            return
        head_since = self._gate.unfinished
        if head_since is not None and _over(
            now - head_since, limits.header_timeout
        ):
            self.service.refuse("HTTP/2 head that did not come in time")
            self._close()
            self._leave()
            return
        if self._eof_since is not None and (
            # In floating point (a + b) - a may be a hair less than b.
            now - self._eof_since + 1e-6 >= limits.half_close_timeout
        ):
            self.lost()
            return
        if self._leaving_since is not None and (
            now - self._leaving_since >= limits.stop_linger
        ):
            self._accept_no_more()
        for flow in list(self._flows.values()):
            self._expire_flow(flow)
        if not self._flows and _over(
            now - self._idle_since, limits.keep_alive_timeout
        ):
            self._close()

    # -- as a stream sees it --

    def respond(
        self,
        stream: Stream,
        status: int,
        fields: FieldList,
        data: bytes,
        more: bool,
    ) -> None:
        flow = self._flows[stream.number]
        head = [(b":status", b"%d" % status)]
        head += [line for line in fields if line[0] != b"upgrade"]
        last = not (data or more)
        self.h2.send_headers(stream.number, head, last)
        if data:
            self.write(stream, data, more)
        elif last:
            flow.last = True
            self._finished(flow)

    def inform(self, stream: Stream, status: int, fields: FieldList) -> None:
        head = [(b":status", b"%d" % status), *fields]
        self.h2.send_headers(stream.number, head)

    def write(self, stream: Stream, data: bytes, more: bool) -> None:
        flow = self._flows[stream.number]
        if data or not more:
            self._sender.write(flow, data, more, self.now)

    def trail(self, stream: Stream, fields: FieldList) -> None:
        self._sender.trail(self._flows[stream.number], fields)

    def wanted(self, stream: Stream) -> None:
        flow = self._flows[stream.number]
        if flow.whole:
            return
        if flow.content is None:
            flow.content = Pace(self.now)
        else:
            flow.content.wait(self.now)
        # Only now: an application that answers without asking for the
        # content spares the client from sending it (RFC 9110, 10.1.1).
        if flow.expects_continue:
            flow.expects_continue = False
            self.inform(stream, 100, [])

    def taken(self, stream: Stream, size: int) -> None:
        flow = self._flows.get(stream.number)
        if flow is not None:
            self._repay_stream(flow, size)

    def wake(self, stream: Stream) -> None:
        self._woken[stream] = None

    def abort(self, stream: Stream) -> None:
        http = stream.scope["type"] == "http"
        code = ErrorCodes.INTERNAL_ERROR if http else ErrorCodes.CANCEL
        self._reset(self._flows[stream.number], code)

    def release(self, stream: Stream) -> None:
        self._running.discard(stream)

    # -- inside: events --

    def _announce(self) -> None:
        """Put our SETTINGS on the first flight."""
        limits = self.limits
        values = {
            SettingCodes.MAX_CONCURRENT_STREAMS: (
                limits.h2_max_concurrent_streams
            ),
            SettingCodes.INITIAL_WINDOW_SIZE: limits.h2_initial_window,
            SettingCodes.MAX_HEADER_LIST_SIZE: limits.h2_max_header_list,
            SettingCodes.MAX_FRAME_SIZE: frames.MAX_FRAME_SIZE,
            SettingCodes.ENABLE_CONNECT_PROTOCOL: int(self.service.websockets),
        }
        self.h2.decoder = self._decoder
        self.h2.encoder = Encoder()
        self.h2.local_settings = Settings(client=False, initial_values=values)
        self.h2.initiate_connection()
        # For h2 the stream that is one too many ends the connection; here
        # it is refused (RFC 9113, 5.1.2).
        values[SettingCodes.MAX_CONCURRENT_STREAMS] = frames.MAX_STREAM
        self.h2.local_settings = Settings(client=False, initial_values=values)

    def _write_frame(self, frame: bytes) -> None:
        """Send a frame that h2 would not send, in its order."""
        self._output.append(self.h2.data_to_send())
        self._output.append(frame)

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._request(
                    event.stream_id or 0, event.stream_ended is not None
                )
            case h2.events.DataReceived():
                self._data(event)
            case h2.events.StreamEnded():
                self._complete(event.stream_id or 0)
            case h2.events.WindowUpdated():
                flow = self._flows.get(event.stream_id or 0)
                if flow is not None:
                    self._sender.push(flow, self.now)
                else:
                    self._sender.pump(self.now)
            case h2.events.StreamReset():
                self._was_reset(event)
            case h2.events.TrailersReceived():
                self._trailers(event.stream_id or 0)
            case h2.events.RemoteSettingsChanged():
                if self.h2.encoder.header_table_size > _TABLE_SIZE:
                    self.h2.encoder.header_table_size = _TABLE_SIZE
                for flow in list(self._flows.values()):
                    self._sender.push(flow, self.now)
            case h2.events.PingAckReceived():
                if event.ping_data == _GOODBYE:
                    self._accept_no_more()

    # -- inside: requests --

    def _request(self, number: int, ended: bool) -> None:
        if self._is_too_many():
            self._refuse(number, ended)
            return
        try:
            head = read_head(self._decoder.fields, self.limits)
            if ended and head.length:
                raise malformed("content was announced and does not come")
            stream = self._make_stream(number, head)
        except ProtocolError as error:
            if error.code:
                self._note_refusal(error.code)
                self._reject(number, ended)
            else:
                self.service.refuse(f"HTTP/2 {error.status}")
                self._answer(number, error.status, ended)
            return
        self._open(number, head, stream)

    def _is_too_many(self) -> bool:
        """Whether there is no place for one more stream.

        An application that still runs keeps its place, although its stream
        may have been reset (CVE-2023-44487, CVE-2025-8671).  One that has
        answered and is about to return does not, within reason: its client
        may have the answer already, and ask again.
        """
        limit = self.limits.h2_max_concurrent_streams
        if self._last is not None or len(self._flows) >= limit:
            return True
        if len(self._running) < limit:
            return False
        unfinished = sum(stream.state != "done" for stream in self._running)
        return unfinished >= limit or len(self._running) >= 2 * limit

    def _refuse(self, number: int, ended: bool) -> None:
        self._reset_number(number, ended, ErrorCodes.REFUSED_STREAM)
        # Before it knew the limit, it could not keep to it.
        if self._gate.acknowledged and self._last is None:
            self._budgets.errors.spend(self.now)

    def _reject(self, number: int, ended: bool) -> None:
        self._reset_number(number, ended, ErrorCodes.PROTOCOL_ERROR)
        self._budgets.errors.spend(self.now)

    def _answer(self, number: int, status: int, ended: bool) -> None:
        """Answer what never becomes a stream of ours."""
        head = [(b":status", b"%d" % status), *self.service.fields]
        head.append((b"content-length", b"0"))
        self.h2.send_headers(number, head, end_stream=True)
        if not ended:
            self._reset_number(number, ended, ErrorCodes.NO_ERROR)

    def _make_stream(self, number: int, head: H2Head) -> Stream:
        if head.protocol is None:
            stream = HTTPStream(self, head.method, number=number)
            stream.scope = self._scopes.http(stream, head)
            return stream
        if head.protocol != b"websocket" or not self.service.websockets:
            # RFC 8441 3
            raise cannot_be_served(501, "no such protocol")
        handshake = read_handshake(head.fields, keyed=False)
        socket = self.make_websocket(number, handshake)
        socket.scope = self._scopes.websocket(
            socket, head, handshake.subprotocols
        )
        return socket

    def _open(self, number: int, head: H2Head, stream: Stream) -> None:
        self._flows[number] = flow = Flow(number, stream)
        flow.remaining = head.length
        flow.expects_continue = head.expects_continue
        self._running.add(stream)
        self._opened.append(stream)
        self._requests += 1

    def _data(self, event: h2.events.DataReceived) -> None:
        size = event.flow_controlled_length or 0
        data = event.data or b""
        self._owed += size
        if self._owed >= _REPAY:
            self.h2.increment_flow_control_window(self._owed)
            self._owed = 0
        flow = self._flows[event.stream_id or 0]
        if flow.remaining is not None:
            flow.remaining -= len(data)
            if flow.remaining < 0:
                self._break(flow, ErrorCodes.PROTOCOL_ERROR)
                return
        if padding := size - len(data):
            self._repay_stream(flow, padding)
        stream = flow.stream
        if data and flow.ended is None and stream.state != "done":
            if flow.content is not None:
                flow.content.move(len(data), self.now)
            stream.receive(data)

    def _trailers(self, number: int) -> None:
        flow = self._flows.get(number)
        try:
            check_trailers(self._decoder.fields, self.limits)
        except ProtocolError as error:
            if flow is not None:
                self._break(flow, error.code)

    def _complete(self, number: int) -> None:
        """The peer has ended its side of a stream."""
        flow = self._flows.get(number)
        if flow is None:
            return
        flow.whole = True
        flow.content = None
        if flow.remaining:
            self._break(flow, ErrorCodes.PROTOCOL_ERROR)
        elif flow.ended is not None:
            self._drop(flow)
        else:
            flow.stream.complete()

    def _repay_stream(self, flow: Flow, size: int) -> None:
        """Let as many more bytes come on a stream."""
        flow.owed += size
        if flow.owed > self.limits.h2_initial_window // 2 and not flow.whole:
            self.h2.increment_flow_control_window(flow.owed, flow.number)
            flow.owed = 0

    # -- inside: ends --

    def _finished(self, flow: Flow) -> None:
        """All of the response has been sent."""
        flow.ended = self.now
        if flow.whole:
            self._drop(flow)
        elif flow.stream.scope["type"] == "http":
            # RFC 9113 8.1: the rest of the request is not wanted.
            self._reset(flow, ErrorCodes.NO_ERROR)
        # The peer of a WebSocket ends its side too, a little later.

    def _note_refusal(self, code: int) -> None:
        self.service.refuse(f"HTTP/2 {ErrorCodes(code).name}")

    def _break(self, flow: Flow, code: int) -> None:
        """End a stream for an error of the peer."""
        self._note_refusal(code)
        self._reset(flow, code)
        self._lose(flow)
        self._budgets.errors.spend(self.now)

    def _was_reset(self, event: h2.events.StreamReset) -> None:
        flow = self._flows.get(event.stream_id or 0)
        if flow is not None:
            if not (event.remote_reset or flow.whole):
                self._bury(flow.number)
            self._drop(flow)
            self._lose(flow)
        budgets = self._budgets
        budget = budgets.resets if event.remote_reset else budgets.errors
        budget.spend(self.now)

    def _reset(self, flow: Flow, code: int) -> None:
        if flow.number in self._flows:
            self._reset_number(flow.number, flow.whole, code)
            self._drop(flow)

    def _reset_number(self, number: int, ended: bool, code: int) -> None:
        if not ended:
            self._bury(number)
        self.h2.reset_stream(number, code)
        self._gate.control += 1

    def _bury(self, number: int) -> None:
        window = self.h2.streams[number].inbound_flow_control_window
        self._gate.bury(number, window)

    def _drop(self, flow: Flow) -> None:
        """Forget a stream that is closed on the wire."""
        del self._flows[flow.number]
        self._sender.forget(flow)
        enough = self.limits.max_requests_per_connection
        if enough is not None and self._requests >= enough:
            self._go_away()
        if not self._flows:
            self._idle_since = self.now
            if self._last is not None or self._gate.ending:
                self._close()
            elif self._eof_since is not None:
                self.closed = True

    def _lose(self, flow: Flow) -> None:
        """Tell the application that the peer has given its stream up."""
        flow.stream.leave()
        self.wake(flow.stream)

    def _leave(self) -> None:
        flows = list(self._flows.values())
        self._flows.clear()
        for flow in flows:
            self._sender.forget(flow)
            self._lose(flow)

    def _after_frames(self) -> None:
        gate = self._gate
        if gate.owed >= _REPAY:
            self._write_frame(
                frames.build(
                    frames.WINDOW_UPDATE, 0, 0, gate.owed.to_bytes(4, "big")
                )
            )
            gate.owed = 0
        if gate.ending and not self._flows:
            self._close()

    def _end(self) -> None:
        """Nothing more is said; what still comes is read for a while, for
        an early close would destroy what was said last."""
        self.closing = True
        # TLS cannot close one half.
        self.closed = self.peer.secure
        self._closing_since = self.now
        self._leave()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self.limits.linger_bytes:
            self.closed = True

    def _end_of_input(self) -> None:
        if self.closing or not self._flows:
            self.closed = True
        else:
            self._eof_since = self.now  # a half-close, or a departure

    def _go_away(self) -> None:
        """Say that this is the end, before a request is lost to it.

        RFC 9113 6.8: first with the highest number that there is; what has
        been asked before the client knew is still served.
        """
        if self._leaving_since is None:
            self._leaving_since = self.now
            # In this order: some clients hear nothing more after a GOAWAY.
            self.h2.ping(_GOODBYE)
            self._write_frame(frames.goaway(frames.MAX_STREAM))

    def _accept_no_more(self) -> None:
        """Say which stream was the last, and refuse those after it."""
        if self._last is None and self._leaving_since is not None:
            self._last = self.h2.highest_inbound_stream_id
            self._write_frame(frames.goaway(self._last))
            if not self._flows:
                self._close()

    def _close(self) -> None:
        # h2 sends nothing after its GOAWAY, so it has to be our last word.
        if not (self.closing or self.closed):
            self.h2.close_connection()
            self.closed = True

    # -- inside: time --

    def _expire_flow(self, flow: Flow) -> None:
        now = self.now
        flow.stream.expire(now)
        if flow.number not in self._flows:
            return
        if flow.ended is not None:
            if now - flow.ended >= self.limits.linger_timeout:
                self._reset(flow, ErrorCodes.NO_ERROR)
            return
        if is_stuck(flow, self.limits, now):
            self.service.refuse("HTTP/2 client that did not read in time")
            self._reset(flow, ErrorCodes.CANCEL)
            self._lose(flow)
        elif is_starved(flow, self.limits, now):
            self._time_out(flow)
        else:
            self._sender.push(flow, now)

    def _time_out(self, flow: Flow) -> None:
        """The content did not come in time."""
        self.service.refuse("HTTP/2 408")
        if flow.stream.state == "waiting":
            self._answer(flow.number, 408, False)
            self._drop(flow)
        else:
            self._reset(flow, ErrorCodes.CANCEL)
        self._lose(flow)


def _over(waited: float, limit: float | None) -> bool:
    return limit is not None and waited >= limit
