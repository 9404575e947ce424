"""ASGI on one side, requests and responses on the other."""

import asyncio
import types
from collections.abc import Awaitable, Coroutine, Generator, Mapping
from functools import partial
from logging import Logger
from typing import Any, Final, Protocol

import anyio

from microquart.asgi import (
    HTTPResponseStart,
    HTTPScope,
    LifespanScope,
    Receive,
    Send,
    WebSocketScope,
)
from microquart.departure import (
    Conversation,
    Inbox,
    Watch,
    Work,
    absorb,
    announces_body,
    beside,
    departure,
    in_a_scope,
    is_over,
    unwatched,
)
from microquart.signals import websocket_received, websocket_sent
from microquart.threads import run_sync
from microquart.wrappers.bodies import ResponseBody
from microquart.wrappers.request import Request, RequestSettings
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Data, Websocket

TELLS: Final = "microquart.disconnect"  # the extension that calls back

# Close codes (RFC 6455, section 7.4.1).
NORMAL = 1000
INTERNAL_ERROR = 1011

SAID: Final = object()  # a response that was sent without waiting


class GatewayApplication(Protocol):
    """What the gateway asks of the application."""

    state: dict[str, Any]

    @property
    def config(self) -> Mapping[str, Any]: ...

    @property
    def logger(self) -> Logger: ...

    @property
    def request_class(self) -> type[Request]: ...

    @property
    def websocket_class(self) -> type[Websocket]: ...

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

    def startup(self) -> Coroutine[Any, Any, None]: ...

    def shutdown(self) -> Coroutine[Any, Any, None]: ...


# -- requests --


class ASGIHTTPConnection:
    """Answers one request."""

    def __init__(self, app: GatewayApplication, scope: HTTPScope) -> None:
        self.app = app
        self.scope = scope

    def __call__(self, receive: Receive, send: Send) -> Work:
        return serve_request(self.app, self.scope, receive, send)


def serve_request(
    app: GatewayApplication, scope: HTTPScope, receive: Receive, send: Send
) -> Work:
    """Return what answers one request, unless the client leaves before."""
    extensions = scope.get("extensions")
    if extensions and TELLS in extensions:
        request = app.request_class(scope, receive, app.request_settings())
        return answer(app, request, send, extensions[TELLS]["watch"])
    # What is not announced will hardly come: it may be read ahead.
    inbox = Inbox(receive, ahead=not announces_body(scope))
    request = app.request_class(scope, inbox.receive, app.request_settings())
    return beside(
        inbox.watch(request.client_left), answer(app, request, send, unwatched)
    )


async def answer(
    app: GatewayApplication, request: Request, send: Send, watch: Watch
) -> None:
    """Have the application answer, and say what it answers."""
    try:
        request.runs_in = asyncio.current_task()
    except RuntimeError:  # on trio only a scope can be cancelled
        if request.runs_in is None:
            await in_a_scope(request, answer(app, request, send, watch))
            return
    watch(request.client_left)
    try:
        try:
            response = await app.handle_request(request)
        except Exception as error:
            if is_over(request, error):
                return
            response = app.answer_crash(error, request)
        # A timer would cost more than saying it, which seldom waits.
        saying = say(request, response, send)
        waits_for = next(saying.__await__(), SAID)
        if waits_for is not SAID:
            rest = resumed(waits_for, saying)
            await in_time(rest, app, request, response)
    except BaseException as error:
        if not is_over(request, error):
            raise
    finally:
        if request.gone:
            await absorb(request)
        request.runs_in = None


async def say(request: Request, response: Response, send: Send) -> None:
    """Send a response, as fast as the client takes it."""
    data = response.held()
    if data is None:
        await stream(request, response.start(), response.response, send)
        return
    if request.method == "HEAD":
        data = b""
    try:
        await send(response.start())
        await send({"type": "http.response.body", "body": data})
    except OSError as error:  # so ASGI 2.4 asks of a server
        raise departure(request) from error


async def stream(
    request: Request,
    start: HTTPResponseStart,
    body: ResponseBody,
    send: Send,
) -> None:
    """Send a body piece by piece; it is closed in any case."""
    sending = True  # or else it is the body that fails
    async with body as chunks:
        try:
            await send(start)
            if request.method != "HEAD":
                sending = False
                async for chunk in chunks:
                    data = chunk.encode() if isinstance(chunk, str) else chunk
                    sending = True
                    await send(
                        {
                            "type": "http.response.body",
                            "body": data,
                            "more_body": True,
                        }
                    )
                    sending = False
        except OSError as error:
            if sending:
                raise departure(request) from error
            raise
    try:
        await send({"type": "http.response.body", "body": b""})
    except OSError as error:
        raise departure(request) from error


async def in_time(
    saying: Awaitable[None],
    app: GatewayApplication,
    request: Request,
    response: Response,
) -> None:
    """Have the client take in time what is left of a response.

    That has begun, maybe in scopes of its own: another cannot be put around.
    """
    seconds = response.timeout
    if seconds is ...:
        seconds = request.settings.response_timeout
    if seconds is None:
        await saying
    elif isinstance(request.runs_in, anyio.CancelScope):
        await in_time_on_trio(seconds, saying, app, request, request.runs_in)
    else:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await saying
        except TimeoutError:
            if not limit.expired():
                raise
            tell_untaken(seconds, app, request)


async def in_time_on_trio(
    seconds: float,
    saying: Awaitable[None],
    app: GatewayApplication,
    request: Request,
    scope: anyio.CancelScope,
) -> None:
    """Let the scope that is around all of the request end in time."""
    scope.deadline = anyio.current_time() + seconds
    try:
        await saying
    except BaseException:
        if scope.cancel_called and not request.gone:
            tell_untaken(seconds, app, request)
        raise


def tell_untaken(
    seconds: float, app: GatewayApplication, request: Request
) -> None:
    # The server sees that the end is missing, and cuts it.
    app.logger.warning(
        f"{request.method} {request.path}: the response was not taken "
        f"within {seconds} s"
    )


@types.coroutine
def resumed(first: Any, steps: Work) -> Generator[Any, Any, None]:
    """Go on with a coroutine whose first step waits for ``first``."""
    while True:
        try:
            value = yield first
        except BaseException as error:
            step = partial(steps.throw, error)
        else:
            step = partial(steps.send, value)
        try:
            first = step()
        except StopIteration:
            return


# -- websockets --


class ASGIWebsocketConnection:
    """Serves one websocket."""

    def __init__(self, app: GatewayApplication, scope: WebSocketScope) -> None:
        self.app = app
        self.scope = scope

    def __call__(self, receive: Receive, send: Send) -> Work:
        return serve_websocket(self.app, self.scope, receive, send)


def serve_websocket(
    app: GatewayApplication,
    scope: WebSocketScope,
    receive: Receive,
    send: Send,
) -> Work:
    """Return what serves one websocket, until the client leaves."""
    websocket = app.websocket_class(
        scope,
        receive,
        send,
        app.request_settings(),
        announce_received if websocket_received.receivers else None,
        announce_sent if websocket_sent.receivers else None,
    )
    extensions = scope.get("extensions")
    if extensions and TELLS in extensions:
        return converse(app, websocket, send, extensions[TELLS]["watch"])
    return beside(websocket.watch(), converse(app, websocket, send, unwatched))


async def converse(
    app: GatewayApplication, websocket: Websocket, send: Send, watch: Watch
) -> None:
    """Have the application serve it, and end what it left open."""
    try:
        websocket.runs_in = asyncio.current_task()
    except RuntimeError:  # on trio only a scope can be cancelled
        if websocket.runs_in is None:
            await in_a_scope(websocket, converse(app, websocket, send, watch))
            return
    watch(websocket.client_left)
    try:
        try:
            response = await app.handle_websocket(websocket)
        except Exception as error:
            if is_over(websocket, error):
                return
            if websocket.accepted:
                await websocket.close(INTERNAL_ERROR)
            response = app.answer_crash(error, websocket)
        if response is None:
            await websocket.close()
        elif websocket.accepted or not may_answer(websocket):
            async with response.response:
                pass  # nobody takes it; its context ends with it
            failed = websocket.accepted and response.status_code >= 500
            await websocket.close(INTERNAL_ERROR if failed else NORMAL)
        elif not websocket.closed:
            await reject(response, send)
    except BaseException as error:
        if not is_over(websocket, error):
            raise
    finally:
        if websocket.gone:
            await absorb(websocket)
        websocket.runs_in = None


def may_answer(websocket: Websocket) -> bool:
    """Tell whether a handshake can be answered by a response."""
    extensions = websocket.scope.get("extensions")
    return bool(extensions and "websocket.http.response" in extensions)


async def reject(response: Response, send: Send) -> None:
    """Answer a handshake by a response."""
    async with response.response as chunks:
        await send(
            {
                "type": "websocket.http.response.start",
                "status": response.status_code,
                "headers": response.to_fields(),
            }
        )
        async for chunk in chunks:
            data = chunk.encode() if isinstance(chunk, str) else chunk
            await send(
                {
                    "type": "websocket.http.response.body",
                    "body": data,
                    "more_body": True,
                }
            )
    await send({"type": "websocket.http.response.body", "body": b""})


async def announce_received(data: Data) -> None:
    await websocket_received.send_async(data, _sync_wrapper=run_sync)


async def announce_sent(data: Data) -> None:
    await websocket_sent.send_async(data, _sync_wrapper=run_sync)


# -- the application's life --


class ASGILifespan:
    """Starts the application, and stops it."""

    def __init__(self, app: GatewayApplication, scope: LifespanScope) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        app = self.app
        message = await receive()
        while message["type"] != "lifespan.startup":
            message = await receive()
        app.state = self.scope.get("state", {})
        try:
            await app.startup()
        except Exception as error:
            await send(
                {"type": "lifespan.startup.failed", "message": str(error)}
            )
            return
        await send({"type": "lifespan.startup.complete"})
        while message["type"] != "lifespan.shutdown":
            message = await receive()
        try:
            await app.shutdown()
        except Exception as error:
            await send(
                {"type": "lifespan.shutdown.failed", "message": str(error)}
            )
            return
        await send({"type": "lifespan.shutdown.complete"})
