"""The line between a client in a test and an application, in memory.

The application runs in a task of its own and meets what a server would do:
``receive()`` waits, ``send()`` waits while the client does not read, and it
is told at once that a client has left.  What it raises is raised in the test.
"""

from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

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
from microquart.wrappers.response import Response

S = TypeVar("S", HTTPScope, WebSocketScope)
T = TypeVar("T", bytes, str | bytes)

# What the line takes before send() waits for the client to read, bytes.
HIGH_WATER = 64 * 1024


class Line(Generic[S, T]):
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
