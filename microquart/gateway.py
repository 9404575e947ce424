"""ASGI on one side, requests and responses on the other.

A view is cancelled when its client leaves.  A server that offers the
extension ``microquart.disconnect`` calls back then, which costs nothing.
Other servers tell only who waits in ``receive()``: there a task does, once
nobody else will, and it is ended with the request.  A cancellation of ours
stops here; one from outside passes.
"""

import asyncio
import types
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Mapping,
)
from functools import partial
from logging import Logger
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import anyio

from microquart.asgi import (
    HTTPResponseBody,
    HTTPResponseStart,
    HTTPScope,
    LifespanScope,
    Receive,
    ReceiveMessage,
    Send,
    SendMessage,
    WebSocketScope,
)
from microquart.http.errors import ClientDisconnected
from microquart.signals import websocket_received, websocket_sent
from microquart.wrappers.bodies import DataBody, ResponseBody
from microquart.wrappers.request import Request, RequestSettings
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Data, Websocket

Conversation: TypeAlias = Request | Websocket
Work: TypeAlias = Coroutine[Any, Any, None]
Watch: TypeAlias = Callable[[Callable[[], object]], object]

S = TypeVar("S", HTTPScope, WebSocketScope)

EXTENSION: Final = "microquart.disconnect"

# Close codes (RFC 6455, section 7.4.1).
NORMAL = 1000
INTERNAL_ERROR = 1011


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


class ASGIConnection(Generic[S]):
    """What both kinds share: the client may leave."""

    def __init__(self, app: GatewayApplication, scope: S) -> None:
        self.app = app
        self.scope: S = scope
        self.task: asyncio.Task[Any] | None = None  # None: not on asyncio

    async def until_gone(
        self, conversation: Conversation, work: Work, watch: Watch | None
    ) -> None:
        """Await ``work``; if the client leaves, cancel it, and return.

        ``watch``: calls what it is given when the client leaves.
        """
        try:
            self.task = task = asyncio.current_task()
        except RuntimeError:
            task = None
        if task is None:
            await until_gone_in_a_scope(conversation, work, watch)
            return
        # A scope of anyio's would cost more than all the rest of a request.
        conversation.cancel = task.cancel
        if watch is not None:
            watch(conversation.client_left)
        try:
            await work
        except asyncio.CancelledError:
            if not conversation.gone or task.uncancel():
                raise
            conversation.cancel = None
        except ClientDisconnected:
            if not conversation.gone:
                raise
        finally:
            if conversation.gone and conversation.cancel is not None:
                await absorb(task)
            conversation.cancel = None


class ASGIHTTPConnection(ASGIConnection[HTTPScope]):
    """Answers one request."""

    def __call__(self, receive: Receive, send: Send) -> Work:
        app, scope = self.app, self.scope
        extensions = scope.get("extensions")
        if extensions and EXTENSION in extensions:
            request = app.request_class(scope, receive, app.request_settings)
            return self.until_gone(
                request,
                self.answer(request, send),
                extensions[EXTENSION]["watch"],
            )
        inbox = Inbox(receive)
        request = app.request_class(scope, inbox.receive, app.request_settings)
        # What is not announced will hardly come: it may be read ahead.
        inbox.ahead = not announces_body(scope)
        watching = inbox.watch(request.client_left)
        work = beside(watching, self.answer(request, send))
        return self.until_gone(request, work, None)

    async def answer(self, request: Request, send: Send) -> None:
        """Have the application answer, and say what it answers."""
        app = self.app
        try:
            response = await app.handle_request(request)
        except ClientDisconnected:
            raise
        except Exception as error:
            response = app.answer_crash(error, request)
        timeout = response.timeout
        if timeout is ...:
            timeout = app.config["RESPONSE_TIMEOUT"]
        saying = self.say(request, response, send)
        if timeout is None:
            await saying
        elif self.task is not None:
            # A timer would cost more than saying it, which seldom waits.
            try:
                first = saying.send(None)
            except StopIteration:
                return
            await self.in_time(timeout, resumed(first, saying))
        else:
            await self.in_time(timeout, saying)

    async def in_time(self, seconds: float, saying: Awaitable[None]) -> None:
        """Let the client have so many seconds to take the response."""
        with anyio.move_on_after(seconds) as scope:
            await saying
        if scope.cancelled_caught:
            # The server sees that the end is missing, and cuts it.
            self.app.logger.warning(
                f"{self.scope['method']} {self.scope['path']}: the response "
                f"was not taken within {seconds} s"
            )

    async def say(
        self, request: Request, response: Response, send: Send
    ) -> None:
        """Send a response, as fast as the client takes it."""
        body = response.response
        start: HTTPResponseStart = {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.headers.to_fields(),
        }
        if isinstance(body, DataBody):
            last: HTTPResponseBody = {
                "type": "http.response.body",
                "body": b"" if request.method == "HEAD" else body.read(),
            }
            try:
                await send(start)
                await send(last)
            except OSError as error:  # so ASGI 2.4 asks of a server
                raise departure(request) from error
        else:
            await self.stream(request, start, body, send)

    async def stream(
        self,
        request: Request,
        start: HTTPResponseStart,
        body: ResponseBody,
        send: Send,
    ) -> None:
        """Send a body piece by piece; it is closed in any case."""

        async def say(message: SendMessage) -> None:
            try:
                await send(message)
            except OSError as error:
                raise departure(request) from error

        async with body as chunks:
            await say(start)
            if request.method != "HEAD":
                async for chunk in chunks:
                    data = chunk.encode() if isinstance(chunk, str) else chunk
                    await say(
                        {
                            "type": "http.response.body",
                            "body": data,
                            "more_body": True,
                        }
                    )
        await say({"type": "http.response.body", "body": b""})


class ASGIWebsocketConnection(ASGIConnection[WebSocketScope]):
    """Serves one websocket."""

    def __call__(self, receive: Receive, send: Send) -> Work:
        app, scope = self.app, self.scope
        websocket = app.websocket_class(
            scope,
            receive,
            send,
            app.request_settings,
            announce_received if websocket_received.receivers else None,
            announce_sent if websocket_sent.receivers else None,
        )
        work = self.converse(websocket, send)
        extensions = scope.get("extensions")
        if extensions and EXTENSION in extensions:
            watch = extensions[EXTENSION]["watch"]
            return self.until_gone(websocket, work, watch)
        work = beside(websocket.watch(), work)
        return self.until_gone(websocket, work, None)

    async def converse(self, websocket: Websocket, send: Send) -> None:
        """Have the application serve it, and end what it left open."""
        app = self.app
        try:
            try:
                response = await app.handle_websocket(websocket)
            except ClientDisconnected:
                raise
            except Exception as error:
                if websocket.accepted:
                    await websocket.close(INTERNAL_ERROR)
                response = app.answer_crash(error, websocket)
            if websocket.accepted:
                failed = response is not None and response.status_code >= 500
                await websocket.close(INTERNAL_ERROR if failed else NORMAL)
            elif response is None or not self._may_answer():
                await websocket.close()
            elif not websocket.closed:
                await self.reject(response, send)
        except ClientDisconnected:
            if not websocket.gone:
                raise

    def _may_answer(self) -> bool:
        extensions = self.scope.get("extensions")
        if not extensions:
            return False
        return "websocket.http.response" in extensions

    async def reject(self, response: Response, send: Send) -> None:
        """Answer the handshake by a response."""
        async with response.response as chunks:
            await send(
                {
                    "type": "websocket.http.response.start",
                    "status": response.status_code,
                    "headers": response.headers.to_fields(),
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


class ASGILifespan:
    """Starts the application, and stops it."""

    def __init__(self, app: GatewayApplication, scope: LifespanScope) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            match message["type"]:
                case "lifespan.startup":
                    self.app.state = self.scope.get("state", {})
                    try:
                        await self.app.startup()
                    except Exception as error:
                        await send(
                            {
                                "type": "lifespan.startup.failed",
                                "message": str(error),
                            }
                        )
                    else:
                        await send({"type": "lifespan.startup.complete"})
                case "lifespan.shutdown":
                    try:
                        await self.app.shutdown()
                    except Exception as error:
                        await send(
                            {
                                "type": "lifespan.shutdown.failed",
                                "message": str(error),
                            }
                        )
                    else:
                        await send({"type": "lifespan.shutdown.complete"})
                    return


# -- the client leaves --


async def until_gone_in_a_scope(
    conversation: Conversation, work: Work, watch: Watch | None
) -> None:
    with anyio.CancelScope() as scope:
        conversation.cancel = scope.cancel
        if watch is not None:
            watch(conversation.client_left)
        try:
            await work
        except ClientDisconnected:
            if not conversation.gone:
                raise
        finally:
            conversation.cancel = None


async def absorb(task: "asyncio.Task[Any]") -> None:
    """Take up a cancellation of ours that has not arrived, or was caught."""
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        if task.uncancel():
            raise
    else:
        task.uncancel()


def departure(request: Request) -> ClientDisconnected:
    """Take note that sending failed; return what ends the response."""
    request.cancel = None  # what would be cancelled ends by the exception
    request.client_left()
    return ClientDisconnected()


# -- a client that does not read --


@types.coroutine
def resumed(first: Any, steps: Work) -> Generator[Any, Any, None]:
    """Go on with a coroutine whose first step waits for ``first``."""
    while True:
        try:
            yield first
        except BaseException as error:
            step = partial(steps.throw, error)
        else:
            step = partial(steps.send, None)
        try:
            first = step()
        except StopIteration:
            return


# -- asking for the departure --


class Inbox:
    """Messages of a server that tells only who asks, for two who ask.

    The request takes the content when the view wants it.  ``watch()`` takes
    what comes after the end of the content, which is the departure; and if
    ``ahead``, the first message too, as there will be no content.
    """

    ahead = False

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: deque[ReceiveMessage] = deque()
        self._reading = False
        self._complete = False
        self._news: anyio.Event | None = None

    async def receive(self) -> ReceiveMessage:
        """Return the next message, for the request."""
        while not self._kept:
            if not self._reading:
                return await self._read()
            await self._change()
        return self._kept.popleft()

    async def watch(self, leave: Callable[[], object]) -> None:
        """Call ``leave`` when the client has left."""
        while True:
            if self._reading or not (self._complete or self.ahead):
                await self._change()
                continue
            self.ahead = False
            message = await self._read()
            self._kept.append(message)
            if message["type"] == "http.disconnect":
                leave()
                return

    async def _read(self) -> ReceiveMessage:
        self._reading = True
        try:
            message = await self._receive()
        finally:
            self._reading = False
            self._tell()
        if not message.get("more_body", False):
            self._complete = True
        return message

    async def _change(self) -> None:
        if self._news is None:
            self._news = anyio.Event()
        await self._news.wait()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None


def announces_body(scope: HTTPScope) -> bool:
    """Tell whether the head says that content follows."""
    return any(
        (name == b"content-length" and value.strip(b"0"))
        or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


async def beside(watch: Work, work: Work) -> None:
    """Run ``watch`` beside ``work``, if that waits at all, and end it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        await _beside_in_a_group(watch, work)
        return
    task: asyncio.Task[None] | None = None

    def start() -> None:
        nonlocal task
        task = loop.create_task(watch)

    soon = loop.call_soon(start)
    try:
        await work
    finally:
        soon.cancel()
        if task is None:
            watch.close()
        else:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


async def _beside_in_a_group(watch: Work, work: Work) -> None:
    failure: Exception | None = None

    async def run() -> None:
        await watch

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        try:
            await work
        except Exception as error:
            failure = error
        group.cancel_scope.cancel()
    # Not as a group of one, which the application would not have raised.
    if failure is not None:
        raise failure


async def announce_received(data: Data) -> None:
    await websocket_received.send_async(data)


async def announce_sent(data: Data) -> None:
    await websocket_sent.send_async(data)
