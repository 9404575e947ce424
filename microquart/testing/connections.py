"""One request, or one WebSocket, from the client's end."""

from typing import Any, ClassVar

import anyio
import anyio.lowlevel

from microquart.asgi import (
    ASGIApplication,
    HTTPScope,
    ReceiveMessage,
    SendMessage,
    WebSocketScope,
)
from microquart.http.datastructures import Headers
from microquart.http.errors import ClientDisconnected
from microquart.testing.line import Line
from microquart.testing.utils import json_of
from microquart.wrappers.response import Response

# RFC 6455 7.4.1; the second is what is said of a broken line.
NORMAL_CLOSURE = 1000
ABNORMAL_CLOSURE = 1006

# How long an application may think about a handshake that nobody waits for,
# seconds.
HANDSHAKE = 1.0

# RFC 9110 6.4.1: without content, whatever the application sends.
WITHOUT_CONTENT = (204, 304)


class HTTPDisconnectError(Exception):
    """There is nothing more to receive."""


class WebsocketDisconnectError(Exception):
    """The application has closed the WebSocket, with this code."""

    def __init__(
        self, code: int = NORMAL_CLOSURE, reason: str | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class WebsocketResponseError(Exception):
    """The application has answered the handshake by a response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


class TestHTTPConnection(Line[HTTPScope, bytes]):
    """One request; leave the block to have it completed and answered.

    >>> async def upload(client):
    ...     async with client.request("/files", method="POST") as connection:
    ...         await connection.send(b"the first half, ")
    ...         await connection.send(b"the second")
    ...     return await connection.as_response()
    """

    ORDER: ClassVar = {
        ("waiting", "http.response.push"): "waiting",
        ("started", "http.response.push"): "started",
        ("waiting", "http.response.start"): "started",
        ("started", "http.response.body+"): "started",
        ("started", "http.response.body"): "done",
    }

    def __init__(
        self,
        app: ASGIApplication,
        scope: HTTPScope,
        _preserve_context: bool = False,
    ) -> None:
        super().__init__(app, scope, _preserve_context)
        self.push_promises: list[tuple[str, Headers]] = []
        self._complete = False

    async def send(self, data: bytes) -> None:
        """Send a piece of the request's body."""
        self._to_app.put(
            {"type": "http.request", "body": data, "more_body": True}
        )
        await anyio.lowlevel.checkpoint()

    async def send_complete(self) -> None:
        """End the request's body."""
        self._complete = True
        self._to_app.put(
            {"type": "http.request", "body": b"", "more_body": False}
        )
        await anyio.lowlevel.checkpoint()

    async def disconnect(self) -> None:
        """Leave without waiting for the response, or for the rest of it."""
        self._leave()
        await anyio.lowlevel.checkpoint()

    async def as_response(self) -> Response:
        """Wait for the response, and return what was not received of it.

        Raises:
            HTTPDisconnectError: there is none, as the client left before,
                or the application has returned without one.
        """
        await self._drain()
        await self._raise_failure()
        if self.status_code is None:
            raise self._last_word()
        return self._response()

    async def _finish(self) -> None:
        if not self._complete:
            await self.send_complete()
        await self._drain()
        await self._task.end()

    def _sent(self, message: SendMessage) -> None:
        match message["type"]:
            case "http.response.start":
                self._start(message["status"], message.get("headers", ()))
            case "http.response.body":
                if (data := message.get("body", b"")) and self._has_content():
                    self._deliver(data)
            case "http.response.push":
                headers = Headers.from_fields(message.get("headers", ()))
                self.push_promises.append((message["path"], headers))

    def _has_content(self) -> bool:
        return (
            self.scope["method"] != "HEAD"
            and self.status_code not in WITHOUT_CONTENT
        )

    def _drained(self, data: bytes) -> None:
        self.response_data += data

    def _departure(self) -> ReceiveMessage:
        return {"type": "http.disconnect"}

    def _last_word(self) -> Exception:
        if self.state == "done":
            return HTTPDisconnectError("the response has ended")
        who = "the client left" if self._gone else "the application returned"
        return HTTPDisconnectError(f"{who} before the response was complete")


class TestWebsocketConnection(Line[WebSocketScope, str | bytes]):
    """One WebSocket; leaving the block is leaving the application.

    >>> async def echo(client):
    ...     async with client.websocket("/echo") as websocket:
    ...         await websocket.send("hello")
    ...         return await websocket.receive()
    """

    ORDER: ClassVar = {
        ("waiting", "websocket.accept"): "accepted",
        ("accepted", "websocket.send"): "accepted",
        ("accepted", "websocket.close"): "done",
        # Before the handshake is accepted, closing refuses it: 403.
        ("waiting", "websocket.close"): "done",
        ("waiting", "websocket.http.response.start"): "answering",
        ("answering", "websocket.http.response.body+"): "answering",
        ("answering", "websocket.http.response.body"): "done",
    }

    def __init__(
        self,
        app: ASGIApplication,
        scope: WebSocketScope,
        _preserve_context: bool = False,
    ) -> None:
        super().__init__(app, scope, _preserve_context)
        self.accepted = False
        self.subprotocol: str | None = None
        self._told = False
        self._closed: tuple[int, str | None] = (ABNORMAL_CLOSURE, None)
        self._to_app.put({"type": "websocket.connect"})

    async def accept(self) -> None:
        """Wait until the application has accepted the handshake.

        Raises:
            WebsocketResponseError: it has not.
        """
        await self._answered.wait()
        if not self.accepted:
            await self._drain()
            await self._raise_failure()
            raise self._last_word()

    async def receive(self) -> str | bytes:
        try:
            return await super().receive()
        except (WebsocketDisconnectError, WebsocketResponseError):
            self._told = True
            raise

    async def send(self, data: str | bytes) -> None:
        """Send a text or a binary message."""
        if isinstance(data, str):
            self._to_app.put({"type": "websocket.receive", "text": data})
        else:
            self._to_app.put({"type": "websocket.receive", "bytes": data})
        await anyio.lowlevel.checkpoint()

    async def receive_json(self) -> Any:
        """Return the next message, read by the application's provider."""
        return json_of(self.app).loads(await self.receive())

    async def send_json(self, data: Any) -> None:
        """Send a message, written by the application's provider."""
        await self.send(json_of(self.app).dumps(data))

    async def close(
        self, code: int = NORMAL_CLOSURE, reason: str | None = None
    ) -> None:
        """Close the WebSocket as a client does."""
        if not self._gone and self.state != "done":
            self._closed = code, reason
        self._leave()
        await anyio.lowlevel.checkpoint()

    async def disconnect(self) -> None:
        """Break the line: the application is told the code 1006."""
        await self.close(ABNORMAL_CLOSURE)

    async def _finish(self) -> None:
        # Who opens a WebSocket waits for the answer to the handshake.
        if not self._gone:
            with anyio.move_on_after(HANDSHAKE):
                await self._answered.wait()
                if not self.accepted:
                    await self._drain()
        await self.disconnect()
        await self._drain()
        await self._task.end()
        last = self._last_word()
        if isinstance(last, WebsocketResponseError) and not self._told:
            raise last

    def _sent(self, message: SendMessage) -> None:
        match message["type"]:
            case "websocket.accept":
                self.accepted = True
                self.subprotocol = message.get("subprotocol")
                self._start(101, message.get("headers", ()))
            case "websocket.send":
                self._deliver(
                    message.get("bytes") or message.get("text") or ""
                )
            case "websocket.http.response.start":
                self._start(message["status"], message.get("headers", ()))
            case "websocket.http.response.body":
                self.response_data += message.get("body", b"")
            case "websocket.close":
                code = message.get("code", NORMAL_CLOSURE)
                self._closed = code, message.get("reason")
                if not self.accepted:
                    self._start(403, ())

    def _departure(self) -> ReceiveMessage:
        code, reason = self._closed
        return {
            "type": "websocket.disconnect",
            "code": code,
            "reason": reason,
        }

    def _last_word(self) -> Exception:
        if self.accepted:
            return WebsocketDisconnectError(*self._closed)
        if self._gone:
            return WebsocketDisconnectError(ABNORMAL_CLOSURE)
        if self.status_code is None:
            # The application returned and said nothing: a server says 500.
            self._start(500, ())
        return WebsocketResponseError(self._response())

    def _too_late(self) -> ClientDisconnected:
        return ClientDisconnected("the client has gone", *self._closed)
