"""Step 5: an App object: the other side of ASGI."""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, TypeAlias
from urllib.parse import unquote

import h11

Fields: TypeAlias = list[tuple[bytes, bytes]]
Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Stream:
    """One application call: a request, and the response to it."""

    # "+" marks a body that promises another one.
    ORDER: ClassVar = {
        ("waiting", "http.response.start"): "started",
        ("started", "http.response.body+"): "started",
        ("started", "http.response.body"): "done",
    }

    def __init__(self, connection: "Connection", scope: Scope) -> None:
        self.connection = connection
        self.scope = scope
        self.state = "waiting"
        self.inbox: deque[Message] = deque()
        self.gone = False  # the client left before the end

    def take(self) -> Message | None:
        """Return the next message for the application; None: not yet."""
        if self.gone or self.state == "done":
            return {"type": "http.disconnect"}
        return self.inbox.popleft() if self.inbox else None

    def receive(self, data: bytes, more: bool) -> None:
        message = {"type": "http.request", "body": data, "more_body": more}
        self.inbox.append(message)

    def send(self, message: Message) -> None:
        self.advance(message)
        if message["type"] == "http.response.start":
            fields = list(message.get("headers", []))
            self.connection.respond(self, message["status"], fields)
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        if self.scope["method"] == "HEAD":
            data = b""
        self.connection.write(self, data, more)

    def end(self) -> None:
        """Complete what the application, which has returned, left open."""
        if self.state != "done":
            self.connection.refuse(self, 500)

    def advance(self, message: Message) -> None:
        kind = message["type"] + "+" * message.get("more_body", False)
        try:
            self.state = self.ORDER[self.state, kind]
        except KeyError:
            raise RuntimeError(f"{kind} in state {self.state}") from None


class Connection:
    """What is said on one connection: bytes in, bytes out, no socket."""

    def __init__(self) -> None:
        self.streams: dict[int, Stream] = {}  # by number: the open ones
        self.output: list[bytes] = []
        self._opened: list[Stream] = []

    @property
    def closed(self) -> bool:
        """Once the output is sent, close the socket."""
        return False

    def receive_data(self, data: bytes) -> None: ...

    def lost(self) -> None:
        """The socket broke: what was sent may not have arrived."""
        for stream in self.streams.values():
            stream.gone = True

    def data_to_send(self) -> bytes:
        data = b"".join(self.output)
        self.output.clear()
        return data

    def opened(self) -> list[Stream]:
        """Return the streams that want an application call, once each."""
        opened, self._opened = self._opened, []
        return opened

    def respond(self, stream: Stream, status: int, fields: Fields) -> None:
        """Send the head of a response."""

    def write(self, stream: Stream, data: bytes, more: bool) -> None:
        """Send content; more: it is not the last."""

    def refuse(self, stream: Stream, status: int) -> None:
        """Say what went wrong, if that can be said."""


class H1Connection(Connection):
    """HTTP/1.1: one stream at a time, number 0."""

    def __init__(self) -> None:
        super().__init__()
        self.h11 = h11.Connection(h11.SERVER)

    @property
    def closed(self) -> bool:
        return self.h11.our_state in (h11.MUST_CLOSE, h11.ERROR)

    def receive_data(self, data: bytes) -> None:
        self.h11.receive_data(data)
        self._parse()

    def respond(self, stream: object, status: int, fields: Fields) -> None:
        phrase = PHRASES.get(status, "")
        self._send(
            h11.Response(status_code=status, headers=fields, reason=phrase)
        )

    def write(self, stream: object, data: bytes, more: bool) -> None:
        if data:
            self._send(h11.Data(data=data))
        if not more:
            self._send(h11.EndOfMessage())
            self._next()

    def refuse(self, stream: object, status: int) -> None:
        if self.h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            nothing = (b"content-length", b"0")
            self.respond(None, status, [nothing, (b"connection", b"close")])
            self.write(None, b"", more=False)
        else:
            self.h11.send_failed()

    def _parse(self) -> None:
        try:
            while True:
                match self.h11.next_event():
                    case h11.Request() as request:
                        self._open(request)
                    case h11.Data() as event:
                        self.streams[0].receive(bytes(event.data), more=True)
                    case h11.EndOfMessage():
                        self.streams[0].receive(b"", more=False)
                        self._next()
                    case h11.NEED_DATA | h11.PAUSED:
                        return
        except h11.RemoteProtocolError as error:
            self.refuse(None, error.error_status_hint)

    def _open(self, request: h11.Request) -> None:
        line = (request.http_version, request.method, request.target)
        scope = http_scope(line, list(request.headers))
        stream = self.streams[0] = Stream(self, scope)
        self._opened.append(stream)
        if self.h11.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def _next(self) -> None:
        """Go on with the next request, once both halves are done."""
        if self.h11.our_state is self.h11.their_state is h11.DONE:
            self.streams.clear()
            self.h11.start_next_cycle()
            self._parse()

    def _send(self, event: h11.Event) -> None:
        self.output.append(self.h11.send(event) or b"")


def http_scope(line: tuple[bytes, bytes, bytes], fields: Fields) -> Scope:
    version, method, target = line
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": version.decode(),
        "method": method.decode(),
        "path": unquote(path.decode()),
        "query_string": query,
        "headers": fields,
    }


class Shell(asyncio.Protocol):
    """What waits: the socket of one connection, and a task for each call."""

    transport: asyncio.Transport
    task: asyncio.Task[None]

    def __init__(self, app: ASGIApplication) -> None:
        self.app = app
        self.connection: Connection = H1Connection()
        self.news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.connection.receive_data(data)
        self.settle()
        self.news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lost()
        self.news.set()

    def settle(self) -> None:
        """Do what the connection says."""
        for stream in self.connection.opened():
            self.task = asyncio.create_task(self.run(stream))
        if data := self.connection.data_to_send():
            self.transport.write(data)
        if self.connection.closed:
            self.transport.close()

    async def run(self, stream: Stream) -> None:
        async def receive() -> Message:
            while (message := stream.take()) is None:
                self.news.clear()
                await self.news.wait()
            return message

        async def send(message: Message) -> None:
            stream.send(message)
            self.settle()

        try:
            await self.app(stream.scope, receive, send)
        except Exception:
            logging.exception("the application failed")
        stream.end()
        self.settle()


class Request:
    """What a view is given."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.path: str = scope["path"]
        self._receive = receive

    @property
    async def body(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ConnectionError("the client has gone")
            yield message.get("body", b"")
            more = message.get("more_body", False)

    async def get_data(self) -> bytes:
        return b"".join([data async for data in self.body])


@dataclass
class Response:
    """What a view gives, or is made of what it gives."""

    data: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


View: TypeAlias = Callable[[Request], Awaitable[Any]]


class App:
    """An ASGI application that is made of views."""

    def __init__(self) -> None:
        self.views: dict[str, View] = {}

    def route(self, path: str) -> Callable[[View], View]:
        def register(view: View) -> View:
            self.views[path] = view
            return view

        return register

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not spoken here")
        response = await self.handle_request(Request(scope, receive))
        await say(response, send)

    async def handle_request(self, request: Request) -> Response:
        try:
            return response_from(await self.dispatch_request(request))
        except Exception:
            logging.exception("%s failed", request.path)
            return Response(b"Internal Server Error\n", 500)

    async def dispatch_request(self, request: Request) -> Any:
        view = self.views.get(request.path)
        return await view(request) if view else Response(b"Not Found\n", 404)


def response_from(value: Any) -> Response:
    """Make a response of what a view has returned."""
    match value:
        case Response():
            return value
        case str():
            headers = {"content-type": "text/html; charset=utf-8"}
            return Response(value.encode(), headers=headers)
    raise TypeError(f"a view cannot return {value!r}")


async def say(response: Response, send: Send) -> None:
    headers = {"content-length": str(len(response.data)), **response.headers}
    fields = [(key.encode(), text.encode()) for key, text in headers.items()]
    start = {"type": "http.response.start", "status": response.status}
    await send({**start, "headers": fields})
    await send({"type": "http.response.body", "body": response.data})


app = App()


@app.route("/")
async def hello(request: Request) -> str:
    return "Hello!\n"


async def serve(app: ASGIApplication, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Shell(app), "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(app, int(sys.argv[1]) if sys.argv[1:] else 8000))
