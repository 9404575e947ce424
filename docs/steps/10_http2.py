"""Step 10: HTTP/2: many streams on one connection."""

import asyncio
import logging
import re
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, ClassVar, TypeAlias, cast
from urllib.parse import unquote

import h2.connection as http2
import h2.events as h2e
import h11
import wsproto.connection as frames
import wsproto.events as ws
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from wsproto.utilities import generate_accept_token

Fields: TypeAlias = list[tuple[bytes, bytes]]
Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

LIMIT = 64 * 1024  # bytes that wait for a slow reader, on either side
MAX_CONTENT = 1024 * 1024  # bytes that a view is given in one piece
PHRASES = {status.value: status.phrase for status in HTTPStatus}


class ClientDisconnected(OSError):
    """There is nobody to read from, or to write to."""


class Stream:
    """One application call: what passes, and in which order."""

    ORDER: ClassVar[dict[tuple[str, str], str]]
    number = 0  # HTTP/2 has others

    def __init__(self, connection: "Connection", scope: Scope) -> None:
        self.connection = connection
        self.scope = scope
        self.state = "waiting"
        self.inbox: deque[tuple[Message, int]] = deque()
        self.unread = 0  # bytes in the inbox
        self.unsent = bytearray()  # what a window holds back
        self.gone = False  # the client left before the end

    def take(self) -> Message | None:
        """Return the next message for the application; None: not yet."""
        if self.inbox:
            message, size = self.inbox.popleft()
            self.unread -= size
            self.connection.taken(self, size)
            return message
        if self.gone or self.state == "done":
            return {"type": self.scope["type"] + ".disconnect"}
        self.connection.wanted(self)
        return None

    def put(self, message: Message, size: int = 0) -> None:
        if self.state != "done":
            self.inbox.append((message, size))
            self.unread += size

    def advance(self, message: Message) -> None:
        if self.gone:
            raise ClientDisconnected
        kind = message["type"] + "+" * message.get("more_body", False)
        try:
            self.state = self.ORDER[self.state, kind]
        except KeyError:
            raise RuntimeError(f"{kind} in state {self.state}") from None

    def receive(self, data: bytes, more: bool) -> None: ...

    def send(self, message: Message) -> None: ...

    def end(self) -> None:
        """Complete what the application, which has returned, left open."""


class HTTPStream(Stream):
    """A request, and the response to it."""

    # "+" marks a body that promises another one.
    ORDER: ClassVar = {
        ("waiting", "http.response.start"): "started",
        ("started", "http.response.body+"): "started",
        ("started", "http.response.body"): "done",
    }
    head: Message | None = None  # leaves with the first content

    def receive(self, data: bytes, more: bool) -> None:
        message = {"type": "http.request", "body": data, "more_body": more}
        self.put(message, len(data))

    def send(self, message: Message) -> None:
        self.advance(message)
        if message["type"] == "http.response.start":
            self.head = message
            return
        if self.head:
            fields = list(self.head.get("headers", []))
            self.connection.respond(self, self.head["status"], fields)
            self.head = None
        data, more = message.get("body", b""), message.get("more_body", False)
        if self.scope["method"] == "HEAD":
            data = b""
        if not more:
            self.inbox.clear()  # the rest of the request is not wanted
            self.unread = 0
        self.connection.write(self, data, more)

    def end(self) -> None:
        if self.state != "done" and not self.gone:
            self.connection.refuse(self, 500)


class WebSocketStream(Stream):
    """A WebSocket: wsproto knows its frames."""

    ORDER: ClassVar = {
        ("waiting", "websocket.accept"): "open",
        ("waiting", "websocket.close"): "refused",
        ("open", "websocket.send"): "open",
        ("open", "websocket.close"): "done",
    }

    connection: "H1Connection"

    def __init__(self, connection: "H1Connection", scope: Scope) -> None:
        super().__init__(connection, scope)
        del scope["method"]  # a WebSocket has none
        self.frames = frames.Connection(frames.SERVER)
        self.parts: list[Any] = []  # of a message that is not whole
        self.put({"type": "websocket.connect"})

    def receive(self, data: bytes, more: bool) -> None:
        self.frames.receive_data(data)
        for event in self.frames.events():
            match event:
                case ws.Message():
                    self._join(event)
                case ws.Ping():
                    self._write(event.response())
                case ws.CloseConnection(code):
                    self._write(event.response())
                    self.put({"type": "websocket.disconnect", "code": code})
                    self.gone = True
                    self.connection.abort()

    def send(self, message: Message) -> None:
        self.advance(message)
        match message:
            case {"type": "websocket.accept"}:
                key = dict(self.scope["headers"])[b"sec-websocket-key"]
                self.connection.switch(key)
            case {"text": str(data)} | {"bytes": data}:
                self._write(ws.Message(data))
            case _ if self.state == "refused":
                self.connection.refuse(self, 403)
            case _:
                self._write(ws.CloseConnection(message.get("code", 1000)))

    def end(self) -> None:
        if self.state in ("waiting", "open") and not self.gone:
            self.send({"type": "websocket.close", "code": 1011})

    def _join(self, event: ws.Message[Any]) -> None:
        self.parts.append(event.data)
        if event.message_finished:
            whole, self.parts = event.data[:0].join(self.parts), []
            kind = "text" if isinstance(whole, str) else "bytes"
            self.put({"type": "websocket.receive", kind: whole}, len(whole))

    def _write(self, event: ws.Event) -> None:
        if self.frames.state is not frames.ConnectionState.CLOSED:
            self.connection.output.append(self.frames.send(event))


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

    @property
    def paused(self) -> bool:
        """Do not read: what has arrived has not been taken yet."""
        return False

    def receive_data(self, data: bytes) -> None: ...

    def lost(self) -> None:
        """The socket broke: what was sent may not have arrived."""
        for stream in self.streams.values():
            stream.gone, stream.unsent = True, bytearray()

    def data_to_send(self) -> bytes:
        data = b"".join(self.output)
        self.output.clear()
        return data

    def opened(self) -> list[Stream]:
        """Return the streams that want an application call, once each."""
        opened, self._opened = self._opened, []
        return opened

    def wanted(self, stream: Stream) -> None:
        """The application waits for content which is not here."""

    def taken(self, stream: Stream, size: int) -> None:
        """The application has taken so many bytes: let as many come."""

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

    @property
    def paused(self) -> bool:
        unread = sum(stream.unread for stream in self.streams.values())
        return unread + len(self.h11.trailing_data[0]) > LIMIT

    def receive_data(self, data: bytes) -> None:
        if self.h11.our_state is h11.SWITCHED_PROTOCOL:
            return self.streams[0].receive(data, more=True)
        self.h11.receive_data(data)
        self._parse()

    def respond(self, stream: object, status: int, fields: Fields) -> None:
        if self.h11.they_are_waiting_for_100_continue:
            # The content may come now, or never: no request can follow it.
            fields.append((b"connection", b"close"))
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

    def switch(self, key: bytes) -> None:
        """Speak WebSocket from now on (RFC 6455, section 4.2.2)."""
        fields = [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
        fields.append((b"sec-websocket-accept", generate_accept_token(key)))
        self._send(h11.InformationalResponse(status_code=101, headers=fields))
        self.streams[0].receive(self.h11.trailing_data[0], more=True)

    def wanted(self, stream: object) -> None:
        if self.h11.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def refuse(self, stream: object, status: int) -> None:
        if self.h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            nothing = (b"content-length", b"0")
            self.respond(None, status, [nothing, (b"connection", b"close")])
            self.write(None, b"", more=False)
        else:
            self.abort()

    def abort(self) -> None:
        """Send nothing more, and close."""
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
        kind = HTTPStream if scope["type"] == "http" else WebSocketStream
        stream = self.streams[0] = kind(self, scope)
        self._opened.append(stream)

    def _next(self) -> None:
        """Go on with the next request, once both halves are done."""
        if self.h11.our_state is self.h11.their_state is h11.DONE:
            self.streams.clear()
            self.h11.start_next_cycle()
            self._parse()

    def _send(self, event: h11.Event) -> None:
        self.output.append(self.h11.send(event) or b"")


class H2Connection(Connection):
    """HTTP/2: many streams, which take turns."""

    closed = False

    def __init__(self) -> None:
        super().__init__()
        self.h2 = http2.H2Connection(H2Configuration(client_side=False))
        self.h2.initiate_connection()

    def receive_data(self, data: bytes) -> None:
        try:
            for event in self.h2.receive_data(data):
                self._handle(event)
            self._pump()
        except ProtocolError:
            self.closed = True  # h2 has written its GOAWAY

    def data_to_send(self) -> bytes:
        return self.h2.data_to_send()

    def respond(self, stream: Stream, status: int, fields: Fields) -> None:
        head = [(b":status", b"%d" % status), *fields]
        self.h2.send_headers(stream.number, head)

    def write(self, stream: Stream, data: bytes, more: bool) -> None:
        stream.unsent += data
        self._pump()

    def refuse(self, stream: Stream, status: int) -> None:
        if self.streams.pop(stream.number, None):
            self.h2.reset_stream(stream.number, ErrorCodes.INTERNAL_ERROR)

    def taken(self, stream: Stream, size: int) -> None:
        if size and stream.number in self.streams:
            self.h2.increment_flow_control_window(size, stream.number)

    def _handle(self, event: h2e.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0))
        match event:
            case h2e.RequestReceived():
                self._open(event.stream_id, event.headers)
            case h2e.DataReceived(flow_controlled_length=size) if stream:
                if size:
                    self.h2.increment_flow_control_window(size)
                stream.receive(event.data, more=True)
            case h2e.StreamEnded() if stream:
                stream.receive(b"", more=False)
            case h2e.StreamReset() if stream:
                stream.gone, stream.unsent = True, bytearray()
                del self.streams[stream.number]

    def _open(self, number: int, fields: Fields) -> None:
        head = dict(fields)
        fields = [(k.replace(b":authority", b"host"), v) for k, v in fields]
        scope = http_scope((b"2", head[b":method"], head[b":path"]), fields)
        stream = self.streams[number] = HTTPStream(self, scope)
        stream.number = number
        self._opened.append(stream)

    def _pump(self) -> None:
        """Send a frame of each stream in turn, as the windows allow."""
        turns = deque(self.streams.values())
        while turns:
            stream = turns.popleft()
            room = self.h2.local_flow_control_window(stream.number)
            data = bytes(stream.unsent[: max(0, min(room, 2**14))])
            if data:
                del stream.unsent[: len(data)]
                self.h2.send_data(stream.number, data)
                turns.append(stream)
                # The next time the others come first.
                self.streams[stream.number] = self.streams.pop(stream.number)
            elif stream.state == "done" and not stream.unsent:
                self.h2.end_stream(stream.number)
                del self.streams[stream.number]
                if not self.h2.streams[stream.number].closed:
                    self.h2.reset_stream(stream.number)  # no more of it


def http_scope(line: tuple[bytes, bytes, bytes], fields: Fields) -> Scope:
    version, method, target = line
    path, _, query = target.partition(b"?")
    kind = "websocket" if b"sec-websocket-key" in dict(fields) else "http"
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": version.decode(),
        "method": method.decode(),
        "path": unquote(path.decode()),
        "query_string": query,
        "headers": [(k, v) for k, v in fields if k[:1] != b":"],
    }


class Shell(asyncio.Protocol):
    """What waits: the socket of one connection, and a task for each call."""

    transport: asyncio.Transport
    task: asyncio.Task[None]

    def __init__(self, app: ASGIApplication) -> None:
        self.app = app
        self.connection: Connection = H1Connection()
        self.news = asyncio.Event()
        self.writing_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        # RFC 9113 3.4: HTTP/2 begins so, and no request of HTTP/1.1 does.
        if data.startswith(b"PRI ") and not self.connection.streams:
            self.connection = H2Connection()
        self.connection.receive_data(data)
        self.settle()
        self.news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lost()
        self.resume_writing()

    def pause_writing(self) -> None:
        self.writing_paused = True

    def resume_writing(self) -> None:
        self.writing_paused = False
        self.news.set()

    def settle(self) -> None:
        """Do what the connection says."""
        for stream in self.connection.opened():
            self.task = asyncio.create_task(self.run(stream))
        if data := self.connection.data_to_send():
            self.transport.write(data)
        if self.connection.paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
        if self.connection.closed:
            self.transport.close()

    async def run(self, stream: Stream) -> None:
        async def receive() -> Message:
            while (message := stream.take()) is None:
                self.settle()
                self.news.clear()
                await self.news.wait()
            self.settle()
            return message

        async def send(message: Message) -> None:
            stream.send(message)
            self.settle()
            while self.writing_paused or len(stream.unsent) > LIMIT:
                self.news.clear()
                await self.news.wait()

        try:
            await self.app(stream.scope, receive, send)
        except ClientDisconnected:
            pass  # there is nobody left who could be told
        except Exception:
            logging.exception("the application failed")
        stream.end()
        self.settle()


class Request:
    """What a view is given."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope.get("method", "WEBSOCKET")
        self.path: str = scope["path"]
        self.receive = receive
        self.send = send

    @property
    async def body(self) -> AsyncGenerator[bytes, None]:
        more = True
        while more:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientDisconnected
            yield message.get("body", b"")
            more = message.get("more_body", False)

    async def get_data(self) -> bytes:
        content = bytearray()
        async for data in self.body:
            content += data
            if len(content) > MAX_CONTENT:
                raise HTTPException(413, {})
        return bytes(content)


@dataclass
class Response:
    """What a view gives, or is made of what it gives."""

    data: bytes | AsyncGenerator[bytes, None]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


View: TypeAlias = Callable[..., Awaitable[Any]]
Before: TypeAlias = Callable[[], Awaitable[Any]]
After: TypeAlias = Callable[[Response], Awaitable[Response]]


class HTTPException(Exception):
    """What is said in place of what a view would have given."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.response = Response(
            f"{PHRASES[status]}\n".encode(), status, headers
        )


# What a variable of a rule accepts, and what makes a value of its text.
CONVERTERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "": ("[^/]+", str),
    "int": ("[0-9]{1,18}", int),  # no number that takes long to read
    "path": (".+", str),
}
variables = re.compile(r"<(?:(\w+):)?(\w+)>").split


class Rule:
    """A pattern of paths, and the view that answers them."""

    def __init__(self, text: str, methods: set[str], view: View) -> None:
        self.methods = methods
        self.view = view
        self.converters: dict[str, Callable[[str], object]] = {}
        # "/a/<int:b>/c" is cut into "/a/", "int", "b", "/c".
        pieces = variables(text)
        pattern = re.escape(pieces[0])
        for at in range(1, len(pieces), 3):
            kind, name, literal = pieces[at : at + 3]
            regex, self.converters[name] = CONVERTERS[kind or ""]
            pattern += f"(?P<{name}>{regex})" + re.escape(literal)
        self.pattern = re.compile(pattern)

    def match(self, path: str) -> dict[str, object] | None:
        """Return the values of the variables; None: the path is not mine."""
        found = self.pattern.fullmatch(path)
        return found and {
            name: self.converters[name](text)
            for name, text in found.groupdict().items()
        }


class Map:
    """The rules of an application, in the order in which they are tried."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def match(self, method: str, path: str) -> tuple[Rule, dict[str, object]]:
        allowed: set[str] = set()
        for rule in self.rules:
            values = rule.match(path)
            if values is None:
                continue
            if method in rule.methods:
                return rule, values
            allowed |= rule.methods
        if allowed:
            raise HTTPException(405, {"allow": ", ".join(sorted(allowed))})
        raise HTTPException(404, {})


@dataclass
class Context:
    """What is current while a view runs."""

    app: "App"
    request: Request
    g: SimpleNamespace = field(default_factory=SimpleNamespace)


current: ContextVar[Context] = ContextVar("current")


class Proxy:
    """Stands for what a function finds, at each use anew."""

    def __init__(self, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_find", find)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._find(), name, value)


g = cast(SimpleNamespace, Proxy(lambda: current.get().g))
request = cast(Request, Proxy(lambda: current.get().request))


class App:
    """An ASGI application that is made of views."""

    def __init__(self) -> None:
        self.url_map = Map()
        self.before: list[Before] = []
        self.after: list[After] = []

    def route(self, rule: str, *methods: str) -> Callable[[View], View]:
        def register(view: View) -> View:
            names = {*methods} or {"GET"}
            names |= {"HEAD"} if "GET" in names else set()
            self.url_map.rules.append(Rule(rule, names, view))
            return view

        return register

    def before_request(self, hook: Before) -> Before:
        self.before.append(hook)
        return hook

    def after_request(self, hook: After) -> After:
        self.after.append(hook)
        return hook

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("lifespan is not spoken here")
        ctx = Context(self, Request(scope, receive, send))
        token = current.set(ctx)
        try:
            if scope["type"] == "http":
                await say(await self.handle_request(ctx.request), send)
            else:
                with suppress(HTTPException):  # the server refuses then
                    await self.dispatch_request(ctx.request)
        finally:
            current.reset(token)

    async def handle_request(self, request: Request) -> Response:
        try:
            response = response_from(await self.dispatch_request(request))
        except HTTPException as error:
            response = error.response
        except ClientDisconnected:
            raise
        except Exception:
            logging.exception("%s %s failed", request.method, request.path)
            response = Response(b"Internal Server Error\n", 500)
        for hook in reversed(self.after):
            response = await hook(response)
        return response

    async def dispatch_request(self, request: Request) -> Any:
        for hook in self.before:
            if (value := await hook()) is not None:
                return value
        rule, values = self.url_map.match(request.method, request.path)
        return await rule.view(**values)


def response_from(value: Any) -> Response:
    """Make a response of what a view has returned."""
    match value:
        case Response():
            return value
        case str():
            headers = {"content-type": "text/html; charset=utf-8"}
            return Response(value.encode(), headers=headers)
        case AsyncGenerator():
            return Response(value)
    raise TypeError(f"a view cannot return {value!r}")


async def say(response: Response, send: Send) -> None:
    data, headers = response.data, response.headers
    if isinstance(data, bytes):
        headers = {"content-length": str(len(data)), **headers}
    fields = [(key.encode(), text.encode()) for key, text in headers.items()]
    start = {"type": "http.response.start", "status": response.status}
    await send({**start, "headers": fields})
    body: Message = {"type": "http.response.body"}
    if isinstance(data, bytes):
        await send({**body, "body": data})
        return
    async with aclosing(data):
        async for chunk in data:
            await send({**body, "body": chunk, "more_body": True})
    await send(body)


app = App()


@app.route("/")
async def hello() -> str:
    return "Hello!\n"


async def serve(app: ASGIApplication, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Shell(app), "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(app, int(sys.argv[1]) if sys.argv[1:] else 8000))
