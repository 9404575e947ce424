"""One application call on a connection: its scope and its ASGI messages.

A stream stands between an application that speaks ASGI and a connection that
speaks bytes, and waits for neither.  What the peer sends gathers in an inbox
and is taken from there, one message at a time, when the application asks:
``take()`` repays, so a peer can never be further ahead than its window or the
64 KiB that an HTTP/1.1 socket may hold.  What the application sends is
checked against a table and handed to the connection at once.

The order of messages is that of the ASGI specification; a message that is not
in the table is an error of the application's, and nothing of it is sent.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias

from microquart.asgi import (
    Address,
    Extensions,
    FieldList,
    Fields,
    HTTPResponseBody,
    HTTPResponseStart,
    HTTPScope,
    ReceiveMessage,
    SendMessage,
    StreamScope,
    TLSExtension,
)
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.http.targets import decode_path
from microquart.protocol.limits import Limits

# RFC 9110 5.1 and 5.5: what an application may put into a field line.
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch

# RFC 9110 7.6.1: these speak of one connection, so they are the server's own.
_HOP_BY_HOP = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding"]
)
READ_BY_US = _HOP_BY_HOP | {b"content-length", b"date", b"server"}


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of the other side before its first byte."""

    client: Address | None = None
    server: Address | None = None
    secure: bool = False
    tls: TLSExtension | None = None


Proxied: TypeAlias = tuple[Peer, FieldList, str]


@dataclass(slots=True)
class Service:
    """What all the connections of one server share."""

    limits: Limits = field(default_factory=Limits)
    root_path: str = ""
    state: dict[str, Any] | None = (
        None  # the lifespan's, copied for each scope
    )
    # Field lines that each response gets unless the application sets them.
    # The core has no clock: a shell renews the date here once a second.
    fields: FieldList = field(default_factory=list)
    read_by_us: frozenset[bytes] = READ_BY_US  # the names of those too
    # Says who asks, by which fields and below which path, when it was a proxy
    # that connected.
    proxied: Callable[[Peer, FieldList], Proxied] | None = None
    prior_knowledge: bool = True  # HTTP/2 on a port in clear
    websockets: bool = True
    # What was refused, by a limit or a rule, and how often: a shell tells it
    # from time to time, so that an attack does not fill the log.
    refused: Counter[str] = field(default_factory=Counter[str])

    def refuse(self, what: str) -> None:
        """Take note of something that is refused."""
        self.refused[what] += 1


class Transport(Protocol):
    """What a stream asks of the connection that carries it."""

    service: Service
    now: float

    def respond(
        self, stream: "Stream", status: int, fields: FieldList, more: bool
    ) -> None:
        """Send the head of the final response; more: content follows."""

    def inform(self, stream: "Stream", status: int, fields: FieldList) -> None:
        """Send an interim response (1xx)."""

    def write(self, stream: "Stream", data: bytes, more: bool) -> None:
        """Send content; more: it is not the last."""

    def trail(self, stream: "HTTPStream", fields: FieldList) -> None:
        """Send the trailer section, which ends the response."""

    def wanted(self, stream: "HTTPStream") -> None:
        """The application waits for content which is not here."""

    def taken(self, stream: "Stream", size: int) -> None:
        """The application has taken so many bytes: let as many more come."""

    def wake(self, stream: "Stream") -> None:
        """The stream has news for who waits on it."""

    def abort(self, stream: "Stream") -> None:
        """The response cannot be ended properly, and must not look whole."""

    def release(self, stream: "Stream") -> None:
        """The application has returned."""


class Stream:
    """What HTTP requests and WebSockets have in common, as a shell sees it."""

    __slots__ = (
        "_gone_callbacks",
        "blocked",
        "close",
        "connection",
        "gone",
        "number",
        "scope",
        "sent",
        "state",
        "status",
        "unread",
    )

    ORDER: ClassVar[dict[tuple[str, str], str]]

    def __init__(self, connection: Transport, number: int = 0) -> None:
        self.connection = connection
        self.number = number  # HTTP/2's stream identifier, else 0
        self.state = "waiting"
        self.status = 0  # of the response, once it is known
        self.sent = 0  # bytes of content
        self.blocked = False  # the peer cannot take more yet
        self.gone = False  # the peer left before the end
        self.unread = 0  # bytes that the application has not taken
        self.close = False  # the application wants the connection closed
        self._gone_callbacks: list[Callable[..., object]] = []
        self.scope: StreamScope

    # -- as a shell sees it --

    def take(self) -> ReceiveMessage | None:
        """Return the next message for the application; None: not yet."""
        raise NotImplementedError

    def send(self, message: SendMessage) -> None:
        """Take a message from the application and send what it says.

        Raises:
            UnexpectedMessage: it is out of order or malformed.
            ClientDisconnected: there is nobody to send it to.
        """
        raise NotImplementedError

    def misses(self, message: SendMessage) -> bool:
        """Whether an application is told that its peer left meanwhile."""
        return True

    def end(self, failed: bool) -> None:
        """Complete what the application, which has returned, left open."""
        raise NotImplementedError

    @property
    def agreed(self) -> bool:
        """Whether both sides have said that this is the end."""
        return False

    @property
    def farewell(self) -> tuple[object, ...]:
        """What the peer said when it left: a WebSocket's code and reason."""
        return ()

    # -- as the application sees it, through its scope --

    def watch(self, callback: Callable[..., object]) -> None:
        """Have callback called once if the peer leaves before the end."""
        if self.gone:
            callback(*self.farewell)
        elif self.state != "done":
            self._gone_callbacks.append(callback)

    # -- as the connection sees it --

    @property
    def chunked(self) -> bool:
        """Whether HTTP/1.1 has to mark where the content ends."""
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Content has arrived."""
        raise NotImplementedError

    def complete(self) -> None:
        """All content has arrived."""
        raise NotImplementedError

    def drop(self) -> int:
        """Forget what nobody will take; return its size in bytes."""
        raise NotImplementedError

    def expire(self, now: float) -> None:
        """Time has passed: for streams with a clock of their own."""

    def shutdown(self) -> None:
        """The server ends: for streams that have no end by themselves."""

    def leave(self) -> None:
        """The peer has gone, or has given this stream up."""
        if self.gone or self.state == "done":
            return
        self.gone = True
        self.blocked = False
        callbacks, self._gone_callbacks = self._gone_callbacks, []
        for callback in callbacks:
            callback(*self.farewell)

    # -- inside --

    def _advance(self, kind: str) -> None:
        try:
            self.state = self.ORDER[self.state, kind]
        except KeyError:
            raise UnexpectedMessage(
                f"{kind!r} in state {self.state!r}: expected "
                + (self._expected() or "nothing more")
            ) from None

    def _expected(self) -> str:
        return " or ".join(
            repr(kind) for state, kind in self.ORDER if state == self.state
        )


class HTTPStream(Stream):
    """A request and its response."""

    __slots__ = (
        "_complete",
        "_fields",
        "_inbox",
        "_remaining",
        "method",
    )

    # "+" marks a message that promises another one of its kind, or, at the
    # start, that trailers will follow the content.
    ORDER: ClassVar[dict[tuple[str, str], str]] = {
        ("waiting", "http.response.early_hint"): "waiting",
        ("waiting", "http.response.start"): "started",
        ("waiting", "http.response.start+"): "started+",
        ("started", "http.response.body+"): "started",
        ("started", "http.response.body"): "done",
        ("started+", "http.response.body+"): "started+",
        ("started+", "http.response.body"): "trailing",
        ("trailing", "http.response.trailers+"): "trailing",
        ("trailing", "http.response.trailers"): "done",
    }

    def __init__(
        self, connection: Transport, method: str, number: int = 0
    ) -> None:
        super().__init__(connection, number)
        self.method = method
        self._inbox: list[bytes] = []
        self._complete = False  # all content of the request is here
        # The head waits for the first content, so that both leave together
        # and an application that fails in between is answered with a 500.
        self._fields: FieldList | None = None
        self._remaining: int | None = None  # of the announced length

    # -- as a shell sees it --

    def take(self) -> ReceiveMessage | None:
        if self.gone or self.state == "done":
            return {"type": "http.disconnect"}
        if self._inbox:
            inbox = self._inbox
            data = inbox[0] if len(inbox) == 1 else b"".join(inbox)
            inbox.clear()
            self.unread = 0
            more = not self._complete
            self.connection.taken(self, len(data))
            if not more:
                self._complete = False
            return {"type": "http.request", "body": data, "more_body": more}
        if self._complete:
            # Said once; what remains to be heard is the peer's departure.
            self._complete = False
            return {"type": "http.request", "body": b"", "more_body": False}
        self.connection.wanted(self)
        return None

    def send(self, message: SendMessage) -> None:
        if self.gone:
            raise ClientDisconnected
        match message["type"]:
            case "http.response.start":
                self._start(message)
            case "http.response.body":
                self._body(message)
            case "http.response.early_hint":
                self._advance("http.response.early_hint")
                links = [(b"link", link) for link in message.get("links", ())]
                self.connection.inform(self, 103, checked_fields(links))
            case "http.response.trailers":
                more = message.get("more_trailers", False)
                kind = "http.response.trailers" + ("+" if more else "")
                fields = checked_fields(message.get("headers", ()))
                self._advance(kind)
                if not more:
                    self.connection.trail(self, fields)
            case kind:
                self._advance(str(kind))

    def end(self, failed: bool) -> None:
        if self.state != "done" and not self.gone:
            if self.state == "waiting" or self._fields is not None:
                self._answer_500()
            else:
                self.state = "done"
                self.connection.abort(self)
        self.connection.release(self)

    # -- as the connection sees it --

    @property
    def chunked(self) -> bool:
        bodiless = self.method == "HEAD" or self.status in (204, 304)
        return self._remaining is None and not bodiless

    def receive(self, data: bytes) -> None:
        self._inbox.append(data)
        self.unread += len(data)
        self.connection.wake(self)

    def complete(self) -> None:
        self._complete = True
        self.connection.wake(self)

    def drop(self) -> int:
        size, self.unread = self.unread, 0
        self._inbox.clear()
        return size

    # -- inside --

    def _start(self, message: HTTPResponseStart) -> None:
        status = message["status"]
        if type(status) is not int or not 200 <= status <= 999:
            raise UnexpectedMessage(
                f"status {status!r}: a final response has an int from 200"
            )
        fields: FieldList = []
        length = None
        close = False
        own = set()
        read_by_us = self.connection.service.read_by_us
        try:
            for name, value in message.get("headers", ()):
                name = name.lower()
                if not (_TOKEN(name) and _VALUE(value)):
                    raise _bad_field(name, value)
                if name in read_by_us:
                    if name == b"content-length":
                        if length is not None or not value.isdigit():
                            raise _bad_field(name, value)
                        length = int(value)
                        if status == 204:
                            continue  # RFC 9110 8.6: must not be sent
                    elif name in _HOP_BY_HOP:
                        if name == b"connection":
                            close = close or b"close" in value.lower()
                        continue
                    else:
                        own.add(name)
                fields.append((name, value))
        except (TypeError, AttributeError, ValueError) as error:
            raise UnexpectedMessage(
                "'headers' of 'http.response.start' has to be an iterable of "
                f"(bytes, bytes) pairs: {error}"
            ) from None
        self._advance(
            "http.response.start+"
            if message.get("trailers")
            else "http.response.start"
        )
        for line in self.connection.service.fields:
            if line[0] not in own:
                fields.append(line)
        self.status = status
        self.close = close
        self._remaining = length
        self._fields = fields

    def _body(self, message: HTTPResponseBody) -> None:
        data = message.get("body", b"")
        more = message.get("more_body", False)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise UnexpectedMessage(
                f"'body' of 'http.response.body' is a {type(data).__name__}: "
                "it has to be bytes"
            )
        data = bytes(data)
        before = self.state
        self._advance("http.response.body+" if more else "http.response.body")
        fields = self._fields
        if self.method == "HEAD" or self.status in (204, 304):
            # RFC 9110 6.4.1: no content, whatever the application sends.
            data = b""
        elif self._remaining is not None:
            self._remaining -= len(data)
            if self._remaining < 0 or (self._remaining and not more):
                self.state = before
                raise UnexpectedMessage(
                    "the content is "
                    + ("longer" if self._remaining < 0 else "shorter")
                    + " than the content-length that was announced"
                )
        elif fields is not None and self.state == "done":
            # It is whole, so its length is known: no need for chunks.
            fields.append((b"content-length", b"%d" % len(data)))
            self._remaining = 0
        last = self.state == "done"
        if fields is not None:
            self._fields = None
            only_head = last and not data
            self.connection.respond(self, self.status, fields, not only_head)
            if only_head:
                return
        if data or last:
            self.sent += len(data)
            self.connection.write(self, data, not last)

    def _answer_500(self) -> None:
        body = b"Internal Server Error"
        self.state = "waiting"
        self._fields = None
        self.status = 500
        self.send(
            {
                "type": "http.response.start",
                "status": 500,
                "headers": [(b"content-type", b"text/plain; charset=utf-8")],
            }
        )
        self.send({"type": "http.response.body", "body": body})


def http_scope(
    stream: HTTPStream,
    peer: Peer,
    version: str,
    path: bytes,
    query: bytes,
    fields: FieldList,
) -> HTTPScope:
    """Return the scope of a request; the path is raw, without root_path."""
    service = stream.connection.service
    root_path = service.root_path
    if service.proxied is not None:
        peer, fields, root_path = service.proxied(peer, fields)
    extensions: Extensions = {
        "http.response.trailers": {},
        "http.response.early_hint": {},
        "microquart.disconnect": {"watch": stream.watch},
    }
    if peer.tls is not None:
        extensions["tls"] = peer.tls
    scope: HTTPScope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": version,
        "method": stream.method,
        "scheme": "https" if peer.secure else "http",
        "path": root_path + decode_path(path),
        "raw_path": root_path.encode() + path if root_path else path,
        "query_string": query,
        "root_path": root_path,
        "headers": fields,
        "client": peer.client,
        "server": peer.server,
        "extensions": extensions,
    }
    if service.state is not None:
        scope["state"] = service.state.copy()
    return scope


def checked_fields(headers: Fields) -> FieldList:
    """Return field lines of the application as a list, names in lower case.

    Raises:
        UnexpectedMessage: a name is no token, or a value has a control
            character, which could split the response in two.
    """
    fields = []
    try:
        for name, value in headers:
            name = name.lower()
            if not (_TOKEN(name) and _VALUE(value)):
                raise _bad_field(name, value)
            if name not in _HOP_BY_HOP:
                fields.append((name, value))
    except (TypeError, AttributeError, ValueError) as error:
        raise UnexpectedMessage(
            f"headers have to be (bytes, bytes) pairs: {error}"
        ) from None
    return fields


def _bad_field(name: bytes, value: bytes) -> UnexpectedMessage:
    return UnexpectedMessage(
        f"field {name!r}: {value!r} cannot be sent: a name is a token, a "
        "value has no control characters (RFC 9110, section 5.5)"
    )
