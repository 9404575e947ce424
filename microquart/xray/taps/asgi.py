"""The taps between the server, each skin of middleware, and the application.

The same message passes each of them, so that two neighbours show what the
skin between them does.  A tap is opened and closed round each ``receive()``
and ``send()``: what waits is seen to wait.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from types import CellType, FunctionType
from typing import Any

from microquart.asgi import (
    ASGIApplication,
    Receive,
    ReceiveMessage,
    Scope,
    Send,
    SendMessage,
)
from microquart.xray.record import Data
from microquart.xray.swaps import Swaps
from microquart.xray.tracer import PREVIEW, Place, Span, Tracer, texts

# Under which names links of the chain keep what they wrap.
LINKS = ("app", "asgi_app", "application", "middleware_stack", "_app", "inner")
_DEPTH = 50  # of the onion: no chain of middleware is so long

# Of a scope, beside what is told in other words.
_SCOPE = ("type", "http_version", "method", "scheme", "root_path")
_MESSAGE = ("status", "more_body", "code", "reason", "subprotocol", "trailers")


class AsgiTap:
    """Stands for one application; what else one asks of it, that answers.

    ``look`` is called before each request.
    """

    def __init__(
        self,
        tracer: Tracer,
        app: ASGIApplication,
        at: str,
        outermost: bool,
        look: Callable[[], object] | None = None,
    ) -> None:
        self._tracer = tracer
        self._wrapped = app
        self._at = at
        self._outermost = outermost
        self._look = look

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            if self._outermost:  # else somebody else tells of it
                life = Life(self._tracer, receive, send)
                receive, send = life.receive, life.send
            await self._wrapped(scope, receive, send)
            return
        if self._look is not None:
            self._look()
        where = self._place(scope)
        if where is not None:
            self._tracer.tasks.call(f"call {where.req}")
        data = {"at": self._at, **scope_data(scope)}
        with self._tracer.span("asgi.app", data, at=where) as span:
            span.result = {"at": self._at, "outcome": "done"}
            messages = Messages(self._tracer, self._at, receive, send)
            await self._wrapped(scope, messages.receive, messages.send)

    def _place(self, scope: Scope) -> Place | None:
        """Return where a call belongs; None: to what is current."""
        if not self._outermost:
            return None
        known = self._tracer.calls.pop(id(scope), None)
        return known or Place(req=self._tracer.new_req())


class LifeTap:
    """Stands for an application under a tapped server, for its life alone:
    the server does not ask for that where its calls are tapped."""

    def __init__(self, tracer: Tracer, app: ASGIApplication) -> None:
        self._tracer = tracer
        self._wrapped = app

    def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            life = Life(self._tracer, receive, send)
            receive, send = life.receive, life.send
        return self._wrapped(scope, receive, send)


class Messages:
    """``receive()`` and ``send()`` of one call, at one place."""

    def __init__(
        self, tracer: Tracer, at: str, receive: Receive, send: Send
    ) -> None:
        self._tracer = tracer
        self._at = at
        self._receive = receive
        self._send = send

    async def receive(self) -> ReceiveMessage:
        at = {"at": self._at}
        with self._tracer.span("asgi.receive", at, dir="in") as span:
            span.result |= at
            message = await self._receive()
            span.result |= message_data(message)
            span.raw = content_of(message)[:PREVIEW]
        return message

    async def send(self, message: SendMessage) -> None:
        message = with_lists(message)
        data = {"at": self._at, **message_data(message)}
        raw = content_of(message)[:PREVIEW]
        with self._tracer.span("asgi.send", data, dir="out", raw=raw) as span:
            span.result = {"at": self._at}
            await self._send(message)


class Life:
    """The messages of a lifespan: from the question to the answer."""

    def __init__(self, tracer: Tracer, receive: Receive, send: Send) -> None:
        self._tracer = tracer
        self._receive = receive
        self._send = send
        self._span: Span | None = None

    async def receive(self) -> ReceiveMessage:
        message = await self._receive()
        if message["type"] in ("lifespan.startup", "lifespan.shutdown"):
            self._span = self._tracer.span(message["type"], {}).begin()
        return message

    async def send(self, message: SendMessage) -> None:
        await self._send(message)
        if self._span is not None:
            self._span.result = {"message": message["type"]}
            self._span.end()


# -- what is told of scopes and messages --


def scope_data(told: Mapping[str, Any]) -> Data:
    """Return what a record says of a scope."""
    path = told.get("raw_path") or told["path"].encode()
    query = told.get("query_string", b"")
    target = path + b"?" + query if query else path
    return {
        **{name: told[name] for name in _SCOPE if name in told},
        "target": target.decode("latin-1"),
        "headers": texts(told["headers"]),
        "client": address(told.get("client")),
        "server": address(told.get("server")),
    }


def message_data(told: Mapping[str, Any]) -> dict[str, object]:
    """Return what a record says of a message: its content by length."""
    kind = str(told.get("type"))
    data: dict[str, object] = {"message": kind}
    data |= {name: told[name] for name in _MESSAGE if name in told}
    if "headers" in told:
        # An application may say anything; the server will tell it.
        with suppress(TypeError, ValueError, AttributeError):
            data["headers"] = texts(told["headers"] or ())
    if kind.endswith((".request", ".body", ".send", ".receive")):
        data["len"] = len(content_of(told))
    if isinstance(told.get("text"), str):
        data["text"] = True
    return data


def content_of(told: Mapping[str, Any]) -> bytes:
    content = told.get("body") or told.get("bytes") or told.get("text") or b""
    if isinstance(content, str):
        return content.encode("utf-8", "surrogatepass")
    known = isinstance(content, bytes | bytearray | memoryview)
    return bytes(content) if known else b""


def with_lists(message: Any) -> Any:
    """Return a message whose fields can be read twice."""
    if isinstance(message.get("headers"), Iterator):
        return {**message, "headers": list(message["headers"])}
    return message


def address(pair: object) -> str | None:
    """Return an address as it is written.

    >>> address(("127.0.0.1", 80)), address(("/run/x.sock", None))
    ('127.0.0.1:80', '/run/x.sock')
    """
    if not isinstance(pair, tuple | list):
        return None
    host, port = pair
    return str(host) if port is None else f"{host}:{port}"


# -- the onion --


def links(app: object) -> Iterator[tuple[object, str | CellType, object]]:
    """Yield each place in a chain of middleware where one link holds the
    next: the link, the attribute or cell, and what is there."""
    for _ in range(_DEPTH):
        step = next_link(app)
        if step is None:
            return
        yield app, *step
        app = step[1]


def next_link(app: object) -> tuple[str | CellType, object] | None:
    known = getattr(app, "__dict__", {})
    for name in LINKS:
        if callable(known.get(name)):
            return name, known[name]
    if isinstance(app, FunctionType):
        names = app.__code__.co_freevars
        for name, cell in zip(names, app.__closure__ or (), strict=True):
            if name in LINKS and callable(cell.cell_contents):
                return cell, cell.cell_contents
    return None


class Onion:
    """The skins of middleware round an application, a tap below each.

    Starlette makes its skins when it is first called: ``look`` again.
    """

    def __init__(self, tracer: Tracer, swaps: Swaps, app: object) -> None:
        self._tracer = tracer
        self._swaps = swaps
        self._innermost = app
        self._times = Counter[str]()
        self.look()

    def look(self) -> None:
        """Put taps into what was not there before."""
        for link, where, inner in [*links(self._innermost)]:
            tap: Any = inner
            if where != "asgi_app" or not hasattr(link, "url_map"):
                at = self._below(skin_of(link))
                tap = AsgiTap(self._tracer, tap, at, outermost=False)
            if isinstance(where, CellType):
                self._swaps.cell(where, tap)
            elif tap is not inner:
                self._swaps.attribute(link, where, tap)
            self._innermost = inner

    def _below(self, skin: str) -> str:
        """Return a name for what is below a skin, another for each."""
        self._times[skin] += 1
        times = self._times[skin]
        return f"below {skin}" if times == 1 else f"below {skin} {times}"


def skin_of(link: object) -> str:
    """Return the name of middleware: of its class, or of what made it."""
    if not isinstance(link, FunctionType):
        return type(link).__name__
    *_, name = ["", *link.__qualname__.split(".<locals>.")[:-1]]
    return name.rpartition(".")[2] or link.__name__
