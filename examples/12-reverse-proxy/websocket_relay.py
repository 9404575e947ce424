"""A WebSocket to the upstream, message by message, by wsproto."""

import io
from collections.abc import AsyncIterator

import anyio
from anyio.abc import ByteStream
from upstream import BadUpstream, Upstream, asked, passed_on, target
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError, RemoteProtocolError

from microquart.asgi import Receive, Send, WebSocketScope

READ = 65_536  # bytes
MOST = 16 * 1024 * 1024  # bytes or characters of a message of the upstream
HANDSHAKE = b"sec-websocket-"  # wsproto writes these fields itself
# Close codes (RFC 6455, section 7.4.1).
NORMAL, GOING_AWAY, BAD_GATEWAY = 1000, 1001, 1014
NEVER_SENT = (1005, 1006, 1015)


async def relay_websocket(
    upstream: Upstream, scope: WebSocketScope, receive: Receive, send: Send
) -> None:
    """Join the client with the upstream, until one of them closes."""
    await receive()  # websocket.connect
    code, reason = BAD_GATEWAY, "the upstream has gone"
    try:
        async with await upstream.connect() as stream:
            tunnel = Tunnel(stream, receive, send)
            if await tunnel.open(scope):
                code, reason = await tunnel.run()
    except* (BadUpstream, ProtocolError, anyio.BrokenResourceError):
        pass  # it is told below
    # Before the handshake is accepted this is a 403; to a client that has
    # left it is nothing.
    await send({"type": "websocket.close", "code": code, "reason": reason})


class Tunnel:
    """One WebSocket on each side; a message waits for who is to take it."""

    def __init__(
        self, stream: ByteStream, receive: Receive, send: Send
    ) -> None:
        self._stream = stream
        self._receive = receive
        self._send = send
        self._wsproto = WSConnection(ConnectionType.CLIENT)
        self._events = self._heard()
        self._lock = anyio.Lock()  # two tasks speak to the upstream

    async def open(self, scope: WebSocketScope) -> bool:
        """Shake hands with the upstream, then with the client."""
        await self._say(handshake(scope))
        event = await anext(self._events, None)
        if not isinstance(event, AcceptConnection):
            return False
        await self._send(
            {
                "type": "websocket.accept",
                "subprotocol": event.subprotocol,
                "headers": passed_on(list(event.extra_headers)),
            }
        )
        return True

    async def run(self) -> tuple[int, str]:
        """Carry messages; return how the client is to be closed."""
        end = BAD_GATEWAY, "the upstream has gone"
        async with anyio.create_task_group() as group:

            async def outward() -> None:
                await self._outward()
                group.cancel_scope.cancel()

            group.start_soon(outward)
            async for event in whole(self._events):
                match event:
                    case TextMessage(data=text):
                        await self._send(
                            {"type": "websocket.send", "text": text}
                        )
                    case BytesMessage(data=data):
                        await self._send(
                            {"type": "websocket.send", "bytes": bytes(data)}
                        )
                    case Ping():
                        await self._say(event.response())
                    case CloseConnection(code=code, reason=reason):
                        code = NORMAL if code in NEVER_SENT else code
                        end = code, reason or ""
                        await self._say(event.response())
                        break
            group.cancel_scope.cancel()
        return end

    async def _outward(self) -> None:
        """Carry what the client says, its farewell included."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or NORMAL
                code = GOING_AWAY if code in NEVER_SENT else code
                await self._say(CloseConnection(code, message.get("reason")))
                return
            if message["type"] == "websocket.receive":
                text = message.get("text")
                data = message.get("bytes") or b""
                await self._say(
                    BytesMessage(data) if text is None else TextMessage(text)
                )

    async def _say(self, event: Event) -> None:
        async with self._lock:
            await self._stream.send(self._wsproto.send(event))

    async def _heard(self) -> AsyncIterator[Event]:
        while True:
            for event in self._wsproto.events():
                yield event
            try:
                data = await self._stream.receive(READ)
            except anyio.EndOfStream:
                return
            self._wsproto.receive_data(data)


def handshake(scope: WebSocketScope) -> Request:
    fields = asked(scope)
    return Request(
        host=dict(fields).get(b"host", b"").decode("latin-1"),
        target=target(scope).decode("latin-1"),
        subprotocols=list(scope.get("subprotocols", ())),
        extra_headers=[
            (name, value)
            for name, value in fields
            if name != b"host" and not name.startswith(HANDSHAKE)
        ],
    )


async def whole(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Join the pieces of each message.

    Raises:
        RemoteProtocolError: it is longer than ``MOST``.
    """
    text, data = io.StringIO(), bytearray()
    async for event in events:
        if isinstance(event, TextMessage):
            text.write(event.data)
        elif isinstance(event, BytesMessage):
            data += event.data
        else:
            yield event
            continue
        if text.tell() + len(data) > MOST:
            raise RemoteProtocolError("a message is too long")
        if event.message_finished:
            joined = text.getvalue()
            yield (
                TextMessage(joined)
                if isinstance(event, TextMessage)
                else BytesMessage(bytes(data))
            )
            text, data = io.StringIO(), bytearray()
