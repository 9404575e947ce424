"""One request, or one WebSocket, from the client's end, in memory.

The application runs in a task of its own and meets what a server would do:
``receive()`` waits, ``send()`` waits while the client does not read, and a
client that leaves is told at once.  What the application raises is raised
in the test.
"""

import json
from abc import abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

import anyio
import anyio.lowlevel

from microquart.asgi import (
    ASGIApplication,
    Fields,
    HTTPScope,
    ReceiveMessage,
    Scope,
    SendMessage,
    WebSocketScope,
)
from microquart.http.datastructures import Headers
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.testing.background import Background, Closed, Mailbox
from microquart.wrappers.response import Response

S = TypeVar("S", HTTPScope, WebSocketScope)
T = TypeVar("T", bytes, "str | bytes")

# What send() puts on the line before it waits for the client to read, bytes.
HIGH_WATER = 64 * 1024

NORMAL_CLOSURE = 1000
ABNORMAL_CLOSURE = 1006


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


class TestConnection(Generic[S]):
    """What both kinds share: the task, the line, and the departure."""

    __test__ = False  # pytest: this is no test

    # (state, message type): the next state.  A "+" marks a body message
    # that promises another.  What is not in it is an error.
    ORDER: ClassVar[dict[tuple[str, str], str]]
    # What receive() gives the application when the client has gone.
    DEPARTURE: ClassVar[str]

    def __init__(
        self, app: ASGIApplication, scope: S, _preserve_context: bool = False
    ) -> None:
        self.app = app
        self.scope = scope
        self.state = "waiting"
        self.status_code: int | None = None
        self.headers: Headers | None = None
        self.response_data = bytearray()
        self._to_app: Mailbox[ReceiveMessage] = Mailbox()
        self._task: Background | None = None
        self._watchers: list[Callable[[], object]] = []
        self._gone = False
        self._offer_departure()

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
        # The test has failed already, perhaps just because of what the
        # application raised: nothing may hide that.
        self.leave()
        try:
            await self._ended()
        except Exception as error:
            exc_value.add_note(f"the application raised {error!r}")

    def leave(self) -> None:
        """Leave: whoever watches or receives in the application is told."""
        self._to_app.close()
        if self.state != "done" and not self._gone:
            self._gone = True
            for tell in self._watchers:
                tell()

    # -- as the application sees it --

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
        await self._sent(message)
        if self.state == "done":
            self._to_app.close()

    # -- inside --

    @abstractmethod
    async def _finish(self) -> None: ...

    @abstractmethod
    async def _sent(self, message: SendMessage) -> None: ...

    @abstractmethod
    def _departure(self) -> ReceiveMessage: ...

    def _too_late(self) -> ClientDisconnected:
        return ClientDisconnected()
