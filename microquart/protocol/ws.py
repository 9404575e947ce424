"""One WebSocket, on either carrier: what passes for ASGI, and in what order.

The bytes of the carrier, an HTTP/1.1 connection or a stream of HTTP/2, pass
through wsproto, which knows frames.  Pings are answered and a close is echoed
at once, and no application is woken for them.

Half a message may grow to its limit.  Behind a whole one that nobody has
taken, nothing is given back to the carrier, so a peer can be ahead of the
application by ``ws_unread`` bytes and no more.
"""

from collections import deque
from typing import ClassVar, Final

from wsproto.connection import Connection, ConnectionState
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    TextMessage,
)
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason

from microquart.asgi import (
    FieldList,
    ReceiveMessage,
    SendMessage,
    WebSocketAccept,
    WebSocketClose,
    WebSocketReceive,
    WebSocketResponseBody,
    WebSocketResponseStart,
    WebSocketSend,
)
from microquart.http.errors import (
    ClientDisconnected,
    UnexpectedMessage,
)
from microquart.protocol.deflate import Deflate, MessageLimit, choose
from microquart.protocol.stream import (
    Stream,
    Transport,
    checked_fields,
)
from microquart.protocol.ws_frames import SHORT, Frames
from microquart.protocol.ws_handshake import Handshake, accept_key

_RECEIVE: Final = "websocket.receive"
_LOST = 1006  # RFC 6455 7.4.1: no close frame came
# What one message costs us beside its content.
_OVERHEAD = 64

# The handshake's own, or of the connection: not the application's to say.
_NOT_IN_ACCEPT = frozenset(
    [
        b"content-length",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"upgrade",
    ]
)


class WebSocketStream(Stream):
    """A WebSocket, as an application sees it."""

    __slots__ = (
        "_bytes",
        "_closing_since",
        "_connected",
        "_departure",
        "_fields",
        "_full",
        "_heard",
        "_in_parts",
        "_inbox",
        "_leaving",
        "_pinged",
        "_pinged_since",
        "_response",
        "_size",
        "_text",
        "_verdict",
        "_verdict_since",
        "handshake",
        "ws",
    )

    # "+" marks a message that promises another one of its kind.
    ORDER: ClassVar[dict[tuple[str, str], str]] = {
        ("waiting", "websocket.accept"): "open",
        ("waiting", "websocket.close"): "done",
        ("waiting", "websocket.http.response.start"): "denying",
        ("denying", "websocket.http.response.body+"): "denying",
        ("denying", "websocket.http.response.body"): "done",
        ("open", "websocket.send"): "open",
        ("open", "websocket.close"): "closing",
    }

    def __init__(
        self, connection: Transport, handshake: Handshake, number: int = 0
    ) -> None:
        super().__init__(connection, number=number)
        self.handshake = handshake
        self._response = b""  # the extensions that are agreed on
        self.ws = self.make_ws(self._agree())
        self._connected = False  # the application has heard of it
        self._text: list[str] = []  # of half a message
        self._bytes: list[bytes | bytearray] = []
        self._inbox: deque[tuple[WebSocketReceive, int]] = deque()
        self._size = 0  # of the whole messages there
        self._full = False  # so there is more to be decoded
        # Code and reason, once the peer has gone or the end was agreed on.
        self._departure: tuple[int, str] | None = None
        # What came was refused; but before it came what was not.
        self._verdict: CloseConnection | None = None
        self._verdict_since = 0.0
        self._fields: FieldList | None = None  # of a refusal
        self._in_parts = False  # and of no known length
        self._leaving = False  # the server ends
        self._closing_since: float | None = None
        self._pinged: bytes | None = None  # what has to come back
        self._pinged_since = self._heard = connection.now

    def make_ws(self, extensions: list[Extension]) -> Connection:
        """Make the library's object (a seam: subclass to look inside)."""
        limits = self.connection.service.limits
        plain = not self._response and limits.ws_max_message_size >= SHORT
        return Frames(extensions, plain)

    @property
    def farewell(self) -> tuple[object, ...]:
        return self._departure or ()

    def misses(self, message: SendMessage) -> bool:
        # What came with the handshake is to be heard first.
        return message["type"] != "websocket.accept"

    @property
    def agreed(self) -> bool:
        return self.ws.state is ConnectionState.CLOSED

    # -- as a shell sees it --

    def take(self) -> ReceiveMessage | None:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        if self._inbox:
            message, size = self._inbox.popleft()
            self._size -= size
            if self._full and self._size < self._limit // 2:
                self._decode()
            if not self._inbox:
                self._repay()
            return message
        if self._verdict is not None:
            self._fail(self._verdict)
        if self._departure is not None:
            code, reason = self._departure
            return {
                "type": "websocket.disconnect",
                "code": code,
                "reason": reason,
            }
        return None

    def send(self, message: SendMessage) -> int | None:
        if self.gone:
            self._raise_gone()
        match message["type"]:
            case "websocket.send":
                return self._send(message)
            case "websocket.accept":
                self._accept(message)
            case "websocket.close":
                self._close(message)
            case "websocket.http.response.start":
                self._start(message)
            case "websocket.http.response.body":
                return self._body(message)
            case kind:
                self._advance(str(kind))
        return 0

    def end(self, failed: bool) -> None:
        if not self.gone:
            match self.state:
                case "waiting":
                    self.state = "done"
                    self._deny(500 if failed else 403)
                case "denying":
                    self.state = "done"
                    self.connection.abort(self)
                case "open":
                    self.state = "closing"
                    self._say_goodbye(1011 if failed else 1000, "")
        self.connection.release(self)

    # -- as the connection sees it --

    @property
    def chunked(self) -> bool:
        return self._in_parts

    def receive(self, data: bytes) -> None:
        self.unread += len(data)
        self._heard = self.connection.now
        if self._departure is None and self._verdict is None:
            self.ws.receive_data(data)
            if not self._full and self.state != "waiting":
                self._decode()
        if not self._inbox:
            self._repay()

    def complete(self) -> None:
        """The peer has ended its side of the carrier."""
        if self._verdict is not None:
            self._fail(self._verdict)
        if self._departure is None:
            self.connection.abort(self)
            self.leave()

    def drop(self) -> int:
        size, self.unread = self.unread, 0
        self._inbox.clear()
        return size

    def leave(self) -> None:
        """The carrier has gone, and no close frame came."""
        if self._departure is None:
            self._depart(_LOST, "")

    def shutdown(self) -> None:
        """The server ends: so does this, but not before it has begun."""
        if self.state == "open":
            self._say_goodbye(1001, "the server is shutting down")
        self._leaving = True

    def expire(self, now: float) -> None:
        limits = self.connection.service.limits
        if self._departure is not None:
            return
        if self._verdict is not None:
            if now - self._verdict_since >= limits.linger_timeout:
                self._fail(self._verdict)
        elif self._closing_since is not None:
            if now - self._closing_since >= limits.ws_close_timeout:
                self._give_up()
        elif self.state == "open":
            self._expire_ping(now)

    # -- inside: what comes --

    @property
    def _limit(self) -> int:
        return self.connection.service.limits.ws_unread

    def _decode(self) -> None:
        """Read the frames that are there, while the inbox has room."""
        limit = self._limit
        self._full = False
        for event in self.ws.events():
            match event:
                case TextMessage():
                    self._text.append(event.data)
                    if event.message_finished:
                        text = "".join(self._text)
                        self._text.clear()
                        self._put({"type": _RECEIVE, "text": text}, len(text))
                case BytesMessage():
                    self._bytes.append(event.data)
                    if event.message_finished:
                        data = b"".join(self._bytes)
                        self._bytes.clear()
                        self._put({"type": _RECEIVE, "bytes": data}, len(data))
                case Ping():
                    if self.ws.state is ConnectionState.OPEN:
                        self._write(self.ws.send(event.response()))
                case Pong():
                    if event.payload == self._pinged:
                        self._pinged = None
                case CloseConnection():
                    self._close_received(event)
                    return
            if self._size >= limit:
                self._full = True
                return

    def _put(self, message: WebSocketReceive, size: int) -> None:
        if self.state == "open":
            size += _OVERHEAD
            self._size += size
            self._inbox.append((message, size))
            self.connection.wake(self)

    def _repay(self) -> None:
        """Let the carrier bring more: no whole message waits here."""
        if self.unread and self.state != "waiting":
            size, self.unread = self.unread, 0
            # A pong may have waited for this.
            self._heard = self.connection.now
            self.connection.taken(self, size)

    def _close_received(self, event: CloseConnection) -> None:
        """A close frame has come, or wsproto has refused what came."""
        if self.ws.state is ConnectionState.OPEN:
            # What came before it is taken, and may be answered, first.
            self._verdict = event
            self._verdict_since = self.connection.now
            if not self._inbox:
                self._fail(event)
            return
        if self.ws.state is ConnectionState.REMOTE_CLOSING:
            self._write(self.ws.send(CloseConnection(event.code)))
        self._depart(int(event.code), event.reason or "")
        self.connection.write(self, b"", False)

    def _fail(self, event: CloseConnection) -> None:
        """Say what was wrong, and end the carrier (RFC 6455, 7.1.7)."""
        self._verdict = None
        reason = event.reason or ""
        if event.code == CloseReason.MESSAGE_TOO_BIG:
            reason = "the message is too large"
        self.connection.service.refuse(f"WebSocket {int(event.code)}")
        if self.ws.state is ConnectionState.OPEN:
            self._write(self.ws.send(CloseConnection(event.code, reason)))
        self._depart(int(event.code), reason)
        self.connection.write(self, b"", False)

    def _depart(self, code: int, reason: str) -> None:
        self._departure = code, reason
        self._verdict = None
        if self.state == "closing":
            self.state = "done"
        super().leave()
        self.blocked = False
        self.connection.wake(self)

    # -- inside: what leaves --

    def _write(self, data: bytes) -> None:
        self.connection.write(self, data, True)

    def _accept(self, message: WebSocketAccept) -> None:
        subprotocol = message.get("subprotocol")
        fields = checked_fields(message.get("headers") or ())
        offered = self.handshake.subprotocols
        if subprotocol is not None and subprotocol not in offered:
            raise UnexpectedMessage(
                f"subprotocol {subprotocol!r} was not offered: "
                f"the client speaks {offered}"
            )
        self._advance("websocket.accept")
        head: FieldList = []
        if subprotocol is not None:
            head.append(
                (b"sec-websocket-protocol", subprotocol.encode("latin-1"))
            )
        if self._response:
            head.append((b"sec-websocket-extensions", self._response))
        head += [line for line in fields if line[0] not in _NOT_IN_ACCEPT]
        self._add_server_fields(head)
        self._pinged_since = self.connection.now
        if self.handshake.key is None:
            self.status = 200
            self.connection.respond(self, 200, head, b"", True)
            self._decode()
            self._repay()
        else:
            self.status = 101
            head += [
                (b"upgrade", b"websocket"),
                (b"connection", b"Upgrade"),
                (b"sec-websocket-accept", accept_key(self.handshake.key)),
            ]
            self.connection.inform(self, 101, head)
        if self._leaving:
            self.shutdown()

    def _agree(self) -> list[Extension]:
        limits = self.connection.service.limits
        limit = MessageLimit(limits)
        if limits.ws_compression:
            parameters = choose(self.handshake.extensions)
            if parameters is not None:
                self._response = str(parameters).encode()
                return [Deflate(limit, parameters), limit]
        return [limit]

    def _send(self, message: WebSocketSend) -> int:
        data, text = message.get("bytes"), message.get("text")
        if not (
            (data is None and isinstance(text, str))
            or (
                text is None
                and isinstance(data, bytes | bytearray | memoryview)
            )
        ):
            raise UnexpectedMessage(
                "'websocket.send' has to have either 'bytes' or 'text' (a str)"
            )
        self._advance("websocket.send")
        if self.ws.state is not ConnectionState.OPEN:
            # The server has said goodbye for the application.
            raise ClientDisconnected(code=1001)
        try:
            if text is not None:
                frame = self.ws.send(TextMessage(text))
            else:
                frame = self.ws.send(BytesMessage(data or b""))
        except UnicodeEncodeError as error:
            raise UnexpectedMessage(f"this is no text: {error}") from None
        self.sent += len(frame)
        self._write(frame)
        return len(frame)

    def _close(self, message: WebSocketClose) -> None:
        code = message.get("code", 1000)
        reason = message.get("reason") or ""
        if not _may_be_sent(code) or not isinstance(reason, str):
            raise UnexpectedMessage(
                f"close code {code!r}: it has to be 1000 to 1014, but 1004 "
                "to 1006, or 3000 to 4999 (RFC 6455, section 7.4)"
            )
        self._advance("websocket.close")
        if self.state == "done":
            self._deny(403)
        else:
            self._say_goodbye(code, reason)

    def _say_goodbye(self, code: int, reason: str) -> None:
        """Send a close frame, and wait for the peer's."""
        if self.state == "closing":
            # Nobody will take what has come, and it may come no more.
            self._inbox.clear()
            self._size = 0
            if self._full:
                self._decode()
            self._repay()
        if self.ws.state is ConnectionState.OPEN:
            self._closing_since = self.connection.now
            self._write(self.ws.send(CloseConnection(code, reason)))

    # -- inside: a refusal --

    def _deny(self, status: int) -> None:
        fields: FieldList = [(b"content-length", b"0")]
        self._add_server_fields(fields)
        self.status = status
        self._departure = _LOST, ""
        self.connection.respond(self, status, fields, b"", False)

    def _start(self, message: WebSocketResponseStart) -> None:
        status = message["status"]
        if type(status) is not int or not 200 <= status <= 999:
            raise UnexpectedMessage(
                f"status {status!r}: a refusal has an int from 200"
            )
        fields = [
            line
            for line in checked_fields(message.get("headers") or ())
            if line[0] != b"content-length"
        ]
        self._advance("websocket.http.response.start")
        self._add_server_fields(fields)
        self.status = status
        self._fields = fields

    def _body(self, message: WebSocketResponseBody) -> int:
        data = message.get("body", b"")
        more = message.get("more_body", False)
        if not isinstance(data, bytes):
            raise UnexpectedMessage(
                f"'body' is a {type(data).__name__}: it has to be bytes"
            )
        self._advance("websocket.http.response.body", more)
        if self.status in (204, 304):
            data = b""
        if not more:
            self._departure = _LOST, ""
        self.sent += len(data)
        fields, self._fields = self._fields, None
        if fields is None:
            self.connection.write(self, data, more)
        else:
            self._in_parts = more
            if not more:
                fields.append((b"content-length", b"%d" % len(data)))
            self.connection.respond(self, self.status, fields, data, more)
        return len(data)

    def _add_server_fields(self, fields: FieldList) -> None:
        names = {name for name, _ in fields}
        for line in self.connection.service.fields:
            if line[0] not in names:
                fields.append(line)

    # -- inside: time --

    def _expire_ping(self, now: float) -> None:
        limits = self.connection.service.limits
        if self._pinged is None:
            interval = limits.ws_ping_interval
            if interval is not None and now - self._pinged_since >= interval:
                self._pinged = b"%x" % int(now * 1000)
                self._pinged_since = now
                self._write(self.ws.send(Ping(self._pinged)))
        elif limits.ws_ping_timeout is not None and not self.unread:
            # While something is unread here, so may be the pong.
            since = max(self._pinged_since, self._heard)
            if now - since >= limits.ws_ping_timeout:
                self._give_up()

    def _give_up(self) -> None:
        """The peer is dead, or as good as that."""
        self.connection.abort(self)
        self.leave()

    def _raise_gone(self) -> None:
        code, reason = self._departure or (_LOST, "")
        raise ClientDisconnected(code=code, reason=reason)


def _may_be_sent(code: int) -> bool:
    return type(code) is int and (
        (1000 <= code <= 1014 and not 1004 <= code <= 1006)
        or 3000 <= code <= 4999
    )
