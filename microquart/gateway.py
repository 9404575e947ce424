"""ASGI on one side, requests and responses on the other.

A view is cancelled when its client leaves.  A server that offers the
extension ``microquart.disconnect`` calls back then, which costs nothing.
Other servers tell only who waits in ``receive()``: there a task does, once
nobody else will, and it is ended with the request.  A cancellation of ours
stops here; one from outside passes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeAlias

import anyio

from microquart.asgi import (
    HTTPResponseBody,
    HTTPResponseStart,
    HTTPScope,
    LifespanScope,
    Receive,
    ReceiveMessage,
    Send,
    WebSocketScope,
)
from microquart.http.errors import ClientDisconnected
from microquart.signals import websocket_received, websocket_sent
from microquart.wrappers.bodies import DataBody
from microquart.wrappers.request import Request, RequestSettings
from microquart.wrappers.request_body import within
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Data, Websocket

Conversation: TypeAlias = Request | Websocket
Work: TypeAlias = Coroutine[Any, Any, None]
Watch: TypeAlias = Callable[[Callable[[], object]], object]

EXTENSION = "microquart.disconnect"

# Close codes (RFC 6455, section 7.4.1).
NORMAL = 1000
INTERNAL_ERROR = 1011


class GatewayApplication(Protocol):
    """What the gateway asks of the application."""

    @property
    def config(self) -> dict[str, Any]: ...

    @property
    def request_class(self) -> type[Request]: ...

    @property
    def websocket_class(self) -> type[Websocket]: ...

    @property
    def request_settings(self) -> RequestSettings: ...

    def handle_request(
        self, request: Request
    ) -> Coroutine[Any, Any, Response]: ...

    def handle_websocket(
        self, websocket: Websocket
    ) -> Coroutine[Any, Any, Response | None]: ...

    def answer_crash(
        self, error: Exception, conversation: Conversation
    ) -> Response: ...

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...


class ASGIHTTPConnection:
    """Answers one request."""

    def __init__(self, app: GatewayApplication, scope: HTTPScope) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        app, scope = self.app, self.scope
        extension = (scope.get("extensions") or {}).get(EXTENSION)
        if extension is not None:
            request = app.request_class(scope, receive, app.request_settings)
            work = self.answer(request, send)
            await until_gone(request, work, extension["watch"])
        else:
            inbox = Inbox(receive)
            request = app.request_class(
                scope, inbox.receive, app.request_settings
            )
            inbox.watch_from_start = not announces_body(request)
            work = beside(
                inbox.watch(request.client_left), self.answer(request, send)
            )
            await until_gone(request, work)

    async def answer(self, request: Request, send: Send) -> None:
        """Have the application answer, and say it."""
        app = self.app
        try:
            response = await app.handle_request(request)
        except ClientDisconnected:
            if request.gone:
                return
            raise
        except Exception as error:
            response = app.answer_crash(error, request)
        timeout = response.timeout
        if timeout is ...:
            timeout = app.config["RESPONSE_TIMEOUT"]
        work = self.say(request, response, send)
        if timeout is None:
            await work
        else:
            await within(timeout, work)

    async def say(
        self, request: Request, response: Response, send: Send
    ) -> None:
        """Send the response, as fast as the client takes it."""
        body = response.response
        start: HTTPResponseStart = {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.headers.to_fields(),
        }
        if isinstance(body, DataBody):
            await send(start)
            await send({"type": "http.response.body", "body": body.read()})
            return
        async with body as chunks:
            await send(start)
            async for chunk in chunks:
                data = chunk.encode() if isinstance(chunk, str) else chunk
                await send(
                    {
                        "type": "http.response.body",
                        "body": data,
                        "more_body": True,
                    }
                )
            await send({"type": "http.response.body", "body": b""})
