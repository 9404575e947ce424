"""Websocket: a conversation that a view leads."""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias

from anyio import Event
from anyio.lowlevel import checkpoint

from microquart.asgi import (
    Receive,
    ReceiveMessage,
    Send,
    SendMessage,
    WebSocketScope,
)
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.http.headers import Headers, Source
from microquart.wrappers.base import (
    BaseRequestWebsocket,
    RequestSettings,
    Turn,
)

Data: TypeAlias = str | bytes
Told: TypeAlias = Callable[[Data], Awaitable[object]]

# A view that only sends lets so much be read ahead for it; then the client
# waits, and is no longer watched.
AHEAD = 64 * 1024  # bytes
AHEAD_MESSAGES = 256

# A view that sends without a pause lets others run after so many messages.
IN_A_ROW = 8

# The client is gone and has not said why (RFC 6455, 7.1.5 and 7.4.1).
LOST = 1006


class Websocket(BaseRequestWebsocket):
    """One websocket; the first message, either way, accepts it.

    ``receive()`` pulls a message from the server when it is called; until
    then the client waits.  Any number of tasks may receive and send.

    When the client leaves, the view is cancelled (``CancelledError``), and
    from then on ``send()`` and ``receive()`` raise ClientDisconnected with
    the ``close_code`` and ``close_reason`` that are also here.  The departure
    is noticed by whoever pulls: a task that waits in ``receive()``; or, for a
    view that only sends, the server, by the ASGI extension
    ``microquart.disconnect``; under another server ``watch()``, in a task of
    the gateway's.

    ``received`` and ``sent`` are awaited with each message.
    """

    accepted = False
    closed = False  # by close()
    close_code: int | None = None
    close_reason: str | None = None

    # The client has connected; it has been accepted, and may be sent to.
    _connected = False
    _open = False
    _in_a_row = 0
    # What watch() has pulled, and its size in bytes.
    _ahead: deque[Data] | None = None
    _ahead_size = 0
    _news: Event | None = None

    def __init__(
        self,
        scope: WebSocketScope,
        receive: Receive,
        send: Send,
        settings: RequestSettings,
        received: Told | None = None,
        sent: Told | None = None,
    ) -> None:
        super().__init__(scope, receive, settings)
        self.requested_subprotocols = list(scope.get("subprotocols", ()))
        self._send = send
        self._received = received
        self._sent = sent
        self._turn = Turn()

    # -- as a view sees it --

    async def accept(
        self, headers: Source | None = None, subprotocol: str | None = None
    ) -> None:
        """Accept the websocket, unless it has been: then do nothing.

        ``subprotocol`` should be one of ``requested_subprotocols``.
        """
        async with self._turn:
            if self.accepted:
                return
            self._check_open()
            await self._connect()
            self.accepted = True
            await self._say(
                {
                    "type": "websocket.accept",
                    "subprotocol": subprotocol,
                    "headers": Headers(headers).to_fields(),
                }
            )
            self._open = True

    async def receive(self) -> Data:
        """Return the next message: ``str`` or ``bytes``, as it was sent.

        Raises:
            ClientDisconnected: the client has left.
        """
        if not self._open:
            await self.accept()
        self._in_a_row = 0
        if self._ahead is None:
            data = await self._pull()
        else:
            data = await self._take(self._ahead)
        if self._received is not None:
            await self._received(data)
        return data

    async def send(self, data: Data) -> None:
        """Send a message: text if it is ``str``.

        Raises:
            ClientDisconnected: the client has left.
        """
        if not self._open:
            await self.accept()
        self._check_open()
        if isinstance(data, str):
            await self._say({"type": "websocket.send", "text": data})
        elif isinstance(data, (bytes, bytearray, memoryview)):
            await self._say({"type": "websocket.send", "bytes": bytes(data)})
        else:
            raise TypeError(
                f"websocket.send() takes str or bytes, not "
                f"{type(data).__name__}: is websocket.send_json() meant?"
            )
        if self._sent is not None:
            await self._sent(data)
        self._in_a_row += 1
        if self._in_a_row > IN_A_ROW:
            # Few servers wait in send(); and nobody else may ever run.
            self._in_a_row = 0
            await checkpoint()

    async def receive_json(self) -> Any:
        """Return the next message, parsed.

        Raises:
            ValueError: it is no JSON.
        """
        return self.json_module.loads(await self.receive())

    async def send_json(self, *args: Any, **kwargs: Any) -> None:
        """Send the argument as JSON, several as a list, named as an object."""
        if args and kwargs:
            raise TypeError("send_json() takes values or names, not both")
        value = args[0] if len(args) == 1 else args or kwargs
        await self.send(self.json_module.dumps(value))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the websocket, unless it is; before ``accept()``: refuse it.

        Raises:
            ValueError: the code may not be sent (RFC 6455, section 7.4), or
                the reason is longer than 123 bytes.
        """
        check_close(code, reason)
        if self.gone or self.closed:
            return
        async with self._turn:
            await self._connect()
        self.closed = True
        self.close_code, self.close_reason = code, reason
        with suppress(ClientDisconnected):
            await self._say(
                {"type": "websocket.close", "code": code, "reason": reason}
            )

    # -- as the gateway sees it --

    def client_left(
        self, code: int | None = None, reason: str | None = None
    ) -> None:
        """Take note that the client has gone, and cancel the view."""
        if not self.closed and (code is not None or self.close_code is None):
            self.close_code = LOST if code is None else code
            self.close_reason = reason or ""
        super().client_left()
        self._wake()

    async def watch(self) -> None:
        """Notice the departure of a client to whom the view only sends.

        From now on messages are pulled here, and wait for ``receive()``.  The
        client can be 64 KiB or 256 messages ahead, then it is not watched.
        """
        ahead = self._ahead = deque()
        try:
            async with self._turn:
                await self._connect()
            while not (self.gone or self.closed):
                if len(ahead) < AHEAD_MESSAGES and self._ahead_size < AHEAD:
                    data = await self._pull()
                    ahead.append(data)
                    self._ahead_size += len(data)
                    self._wake()
                else:
                    await self._changed()
        except ClientDisconnected:
            return

    # -- inside --

    async def _connect(self) -> None:
        if self._connected:
            return
        message = await self._receive()
        if message["type"] == "websocket.connect":
            self._connected = True
        else:
            await self._depart(message)

    async def _pull(self) -> Data:
        self._check_open()
        message = await self._receive()
        if message["type"] != "websocket.receive":
            await self._depart(message)
        text = message.get("text")
        return message.get("bytes") or b"" if text is None else text

    async def _take(self, ahead: deque[Data]) -> Data:
        while not ahead:
            if self.gone:
                await checkpoint()
            self._check_open()
            await self._changed()
        data = ahead.popleft()
        self._ahead_size -= len(data)
        self._wake()
        return data

    async def _say(self, message: SendMessage) -> None:
        try:
            await self._send(message)
        except ClientDisconnected as error:
            self.client_left(error.code, error.reason)
            raise self._departure_error() from error
        except OSError as error:  # so ASGI 2.4 asks of a server
            self.client_left()
            raise self._departure_error() from error

    async def _depart(self, message: ReceiveMessage) -> NoReturn:
        if message["type"] != "websocket.disconnect":
            raise UnexpectedMessage(f"{message['type']!r} in a websocket")
        self.client_left(message.get("code", 1005), message.get("reason"))
        # A view is cancelled here, and a task of the view's as well.
        await checkpoint()
        raise self._departure_error()

    def _check_open(self) -> None:
        if self.gone:
            raise self._departure_error()
        if self.closed:
            raise UnexpectedMessage("websocket.close() has been called")

    def _departure_error(self) -> ClientDisconnected:
        return ClientDisconnected(
            code=self.close_code, reason=self.close_reason
        )

    async def _changed(self) -> None:
        if self._news is None:
            self._news = Event()
        await self._news.wait()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None


def check_close(code: int, reason: str) -> None:
    if not (
        1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code < 5000
    ):
        raise ValueError(
            f"close code {code} cannot be sent: use 1000 to 1003, 1007 to "
            f"1014 or 3000 to 4999"
        )
    if len(reason.encode()) > 123:
        raise ValueError("the reason of a close has at most 123 bytes")
