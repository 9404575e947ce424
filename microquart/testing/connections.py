"""One request, or one WebSocket, from the client's end, in memory.

The application runs in a task of its own and meets what a server would do:
``receive()`` waits, ``send()`` waits while the client does not read, and it
is told at once that a client has left.  What it raises is raised in the test.
"""

from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

import anyio
import anyio.lowlevel

from microquart.asgi import (
    ASGIApplication,
    Extensions,
    Fields,
    HTTPScope,
    ReceiveMessage,
    SendMessage,
    WebSocketScope,
)
from microquart.http.datastructures import Headers
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.testing.background import Background, Closed, Mailbox
from microquart.testing.utils import json_of
from microquart.wrappers.response import Response

S = TypeVar("S", HTTPScope, WebSocketScope)
T = TypeVar("T", bytes, str | bytes)

# What the line takes before send() waits for the client to read, bytes.
HIGH_WATER = 64 * 1024

NORMAL_CLOSURE = 1000
NO_STATUS = 1005
ABNORMAL_CLOSURE = 1006

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


class TestConnection(Generic[S, T]):
    """What both kinds share: the task, the line, and the departure."""

    __test__ = False  # for pytest: this is no test

    # (state, message type): the next state.  A "+" marks a body message
    # that promises another.  What is not in it is an error.
    ORDER: ClassVar[dict[tuple[str, str], str]]

    def __init__(
        self, app: ASGIApplication, scope: S, _preserve_context: bool = False
    ) -> None:
        self.app = app
        self.scope: S = scope
        self.state = "waiting"
        self.status_code: int | None = None
        self.headers: Headers | None = None
        self.response_data = bytearray()
        self._to_app: Mailbox[ReceiveMessage] = Mailbox()
        self._from_app: Mailbox[T] = Mailbox()
        self._unread = 0
        self._read = anyio.Event()
        self._answered = anyio.Event()
        self._gone = False
        self._watchers: list[Callable[[], object]] = []
        extensions = scope.get("extensions")
        if extensions is not None:
            ours: Extensions = {"microquart.disconnect": {"watch": self.watch}}
            ours.update(extensions)
            scope["extensions"] = ours

    # -- as the test sees it --

    async def __aenter__(self) -> Self:
        self._task = Background(self._call)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if exc_value is None:
            await self._finish()
            return
        # The test has failed already, and nothing may hide that.
        self._leave()
        try:
            await self._task.end()
        except Exception as error:
            exc_value.add_note(f"the application raised {error!r}")

    async def receive(self) -> T:
        """Wait for the next piece of what the application sends.

        It raises what the application raised, and if there is nothing
        more, why: HTTPDisconnectError, WebsocketDisconnectError or
        WebsocketResponseError.
        """
        try:
            data = await self._from_app.get()
        except Closed:
            await self._raise_failure()
            raise self._last_word() from None
        self._take(data)
        return data

    @property
    def variables(self) -> Context:
        """The context variables as the application has left them."""
        return self._task.variables

    # -- as the application sees it --

    def watch(self, callback: Callable[[], object]) -> None:
        """Have ``callback`` called once if the client leaves."""
        if self._gone:
            callback()
        else:
            self._watchers.append(callback)

    async def _asgi_receive(self) -> ReceiveMessage:
        await anyio.lowlevel.checkpoint()
        try:
            return await self._to_app.get()
        except Closed:
            return self._departure()

    async def _asgi_send(self, message: SendMessage) -> None:
        await anyio.lowlevel.checkpoint()
        if self._gone:
            raise self._too_late()
        self._advance(message)
        self._sent(message)
        if self.state != "waiting":
            self._answered.set()
        if self.state == "done":
            self._to_app.close()
            self._from_app.close()
        while self._unread > HIGH_WATER and not self._gone:
            await self._read.wait()

    # -- inside --

    async def _call(self) -> None:
        try:
            await self.app(self.scope, self._asgi_receive, self._asgi_send)
        finally:
            self._to_app.close()
            self._from_app.close()
            self._answered.set()

    def _advance(self, message: SendMessage) -> None:
        more = "+" if message.get("more_body") else ""
        kind = f"{message['type']}{more}"
        try:
            self.state = self.ORDER[self.state, kind]
        except KeyError:
            raise UnexpectedMessage(
                f"the application sent {kind} in state {self.state!r}"
            ) from None

    def _start(self, status: int, fields: Fields) -> None:
        self.status_code = status
        self.headers = Headers.from_fields(list(fields))

    def _deliver(self, data: T) -> None:
        self._unread += len(data)
        self._from_app.put(data)

    def _take(self, data: T) -> None:
        self._unread -= len(data)
        self._wake_sender()

    def _wake_sender(self) -> None:
        self._read.set()
        self._read = anyio.Event()

    def _leave(self) -> None:
        """Leave; who watches, receives or sends in the application knows."""
        self._to_app.close()
        if self._gone or self.state == "done" or self._task.done:
            return
        self._gone = True
        self._wake_sender()
        for tell in self._watchers:
            tell()

    async def _drain(self) -> None:
        """Take what comes until nothing more comes."""
        while True:
            try:
                data = await self._from_app.get()
            except Closed:
                return
            self._take(data)
            self._drained(data)

    def _drained(self, data: T) -> None: ...

    async def _raise_failure(self) -> None:
        if self._task.done:
            await self._task.end()

    def _response(self) -> Response:
        response_class: type[Response] = getattr(
            self.app, "response_class", Response
        )
        headers = self.headers or Headers()
        response = response_class(
            bytes(self.response_data), self.status_code, headers.copy()
        )
        # As they came: the constructor has put in what it misses.
        response.headers = headers
        return response

    async def _finish(self) -> None:
        raise NotImplementedError

    def _sent(self, message: SendMessage) -> None:
        raise NotImplementedError

    def _departure(self) -> ReceiveMessage:
        raise NotImplementedError

    def _last_word(self) -> Exception:
        raise NotImplementedError

    def _too_late(self) -> ClientDisconnected:
        return ClientDisconnected()


class TestHTTPConnection(TestConnection[HTTPScope, bytes]):
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


class TestWebsocketConnection(TestConnection[WebSocketScope, str | bytes]):
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
        return json_of(self.app).loads(await self.receive())

    async def send_json(self, data: Any) -> None:
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
