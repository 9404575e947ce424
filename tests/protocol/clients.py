"""Clients: the real libraries in their client role, without a socket."""

from collections.abc import Callable, Iterator
from typing import Any

import h2.config
import h2.connection
import h2.events
import wsproto.connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Message, TextMessage
from wsproto.extensions import PerMessageDeflate

from microquart.protocol.h2 import H2Connection
from microquart.protocol.limits import Limits
from microquart.protocol.stream import Peer, Service, Stream
from tests.protocol.conversation import CONNECTIONS, hello

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REQUEST = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"x"),
    (b":path", b"/"),
]

GOAWAY = 7


def request(
    method: bytes = b"GET", *fields: tuple[bytes, bytes], **pseudo: bytes
):
    """Return the field lines of a request."""
    values = {
        "method": method,
        "scheme": b"http",
        "authority": b"x",
        "path": b"/",
    }
    values.update(pseudo)
    lines = [(b":" + name.encode(), value) for name, value in values.items()]
    return [*lines, *fields]


def frames_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut whole frames apart: the kind of each, and its bytes."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        yield data[at + 3], data[at : at + 9 + size]
        at += 9 + size


class H2Client:
    """A client of ours with the connection that it speaks to.

    What the server opens is answered at once by ``answer``.  ``events`` has
    what the client has heard of the connection, and the other methods tell
    what it has heard of a stream.
    """

    def __init__(
        self,
        answer: Callable[[Any], None] = hello,
        service: Service | None = None,
        settings: dict[SettingCodes, int] | None = None,
        begin: bool = True,
        **limits: Any,
    ) -> None:
        self.answer = answer
        self.service = service or Service(limits=Limits(**limits))
        self.connection = self.make_connection()
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.streams: dict[int, Any] = {}
        self.woken: list[Stream] = []
        self.events: list[h2.events.Event] = []
        self.goaways: list[tuple[int, bytes, bytes]] = []  # code, last, reason
        self.raw = b""  # all that it has heard
        self.reads = True  # whether it opens its windows again
        if begin:
            self.h2.initiate_connection()
            if settings:
                self.h2.update_settings(settings)
            self.exchange()

    def make_connection(self) -> H2Connection:
        peer = Peer(("192.0.2.1", 1234), ("192.0.2.2", 80))
        return CONNECTIONS["h2"](peer, self.service, 0.0)

    # -- what it says --

    def request(
        self, *fields: tuple[bytes, bytes], end: bool = True, lines: Any = None
    ) -> int:
        """Send a request, and return the number of its stream."""
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(
            number, lines or [*REQUEST, *fields], end_stream=end
        )
        self.exchange()
        return number

    def post(
        self,
        content: bytes = b"",
        *fields: tuple[bytes, bytes],
        end: bool = True,
    ) -> int:
        """Send a request with content."""
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, request(b"POST", *fields))
        if content or end:
            self.h2.send_data(number, content, end_stream=end)
        self.exchange()
        return number

    def send(self, number: int, data: bytes, end: bool = False) -> None:
        self.h2.send_data(number, data, end_stream=end)
        self.exchange()

    def reset(self, number: int, code: int = ErrorCodes.CANCEL) -> None:
        self.h2.reset_stream(number, code)
        self.exchange()

    def says(self, raw: bytes) -> None:
        """Send bytes which its library would not send."""
        self.exchange()
        self.connection.receive_data(raw)
        self.exchange()

    # -- the shell between the two --

    def exchange(self) -> None:
        """Carry bytes to and fro until both are silent."""
        while True:
            if data := self.h2.data_to_send():
                self.connection.receive_data(data)
            self.settle()
            answer = self.connection.data_to_send()
            if answer:
                self.hears(answer)
            elif not data:
                return

    def settle(self) -> None:
        while opened := self.connection.opened():
            for stream in opened:
                self.streams[stream.number] = stream
                self.answer(stream)
        self.woken += self.connection.woken()

    def hears(self, data: bytes) -> None:
        self.raw += data
        for kind, frame in frames_of(data):
            if kind == GOAWAY:
                # For its library the conversation would end here.
                self.goaways.append(
                    (
                        int.from_bytes(frame[13:17], "big"),
                        frame[9:13],
                        frame[17:],
                    )
                )
                continue
            for event in self.h2.receive_data(frame):
                self.events.append(event)
                if isinstance(event, h2.events.DataReceived) and self.reads:
                    self.acknowledge(event)

    def acknowledge(self, event: h2.events.DataReceived) -> None:
        """Open the windows again."""
        self.h2.acknowledge_received_data(
            event.flow_controlled_length, event.stream_id
        )

    def at(self, now: float) -> None:
        """It is so late now."""
        self.connection.now = now
        self.connection.expire(now)
        self.exchange()

    # -- what it has heard --

    def of(self, number: int, kind: type) -> list[Any]:
        """Return the events of a stream, of one kind."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and event.stream_id == number
        ]

    def head(self, number: int) -> dict[bytes, bytes]:
        """Return the fields of the answer."""
        (event,) = self.of(number, h2.events.ResponseReceived)
        return dict(event.headers)

    def status(self, number: int) -> int | None:
        events = self.of(number, h2.events.ResponseReceived)
        return int(dict(events[0].headers)[b":status"]) if events else None

    def content(self, number: int) -> bytes:
        return b"".join(
            event.data for event in self.of(number, h2.events.DataReceived)
        )

    def ended(self, number: int) -> bool:
        return bool(self.of(number, h2.events.StreamEnded))

    def reset_code(self, number: int) -> int | None:
        events = self.of(number, h2.events.StreamReset)
        return events[0].error_code if events else None

    @property
    def failed(self) -> int | None:
        """The error code with which the server has ended the connection."""
        return self.goaways[-1][0] if self.connection.closing else None

    @property
    def stream(self) -> Any:
        """The last stream that the server has opened."""
        return self.streams[max(self.streams)]


KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = [
    (b"host", b"x"),
    (b"upgrade", b"websocket"),
    (b"connection", b"keep-alive, Upgrade"),
    (b"sec-websocket-key", KEY),
    (b"sec-websocket-version", b"13"),
]
CONNECT = [
    *request(b"CONNECT", protocol=b"websocket"),
    (b"sec-websocket-version", b"13"),
]


def accept(stream: Any) -> None:
    """The application that accepts, and waits."""
    stream.send({"type": "websocket.accept"})


class Socket:
    """The client of a WebSocket: wsproto's frames on one of two carriers."""

    def __init__(
        self,
        answer: Callable[[Any], None] = accept,
        *fields: tuple[bytes, bytes],
        service: Service | None = None,
        deflate: PerMessageDeflate | None = None,
        **limits: Any,
    ) -> None:
        self.answer = answer
        self.service = service or Service(limits=Limits(**limits))
        self.fields = list(fields)
        if deflate is not None:
            offer = f"permessage-deflate; {deflate.offer()}".encode()
            self.fields.append((b"sec-websocket-extensions", offer))
        self.deflate = deflate
        self.stream: Any = None
        self.status = 0
        self.head: list[tuple[bytes, bytes]] = []
        self.early = b""  # what came after the head
        self.events: list[Any] = []
        self.woken = 0
        self.open()
        extensions = []
        if agreed := self.field(b"sec-websocket-extensions"):
            assert deflate is not None
            deflate.finalize(agreed.decode())
            extensions = [deflate]
        self.ws = wsproto.connection.Connection(
            wsproto.connection.CLIENT, extensions
        )
        self.began = True
        self.read(self.early)
        self.exchange()

    # -- the carrier --

    def open(self) -> None:
        """Shake hands."""
        raise NotImplementedError

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        raise NotImplementedError

    def exchange(self) -> None:
        """Hear what there is to hear."""
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether the server has ended the carrier."""
        raise NotImplementedError

    @property
    def stuck(self) -> bool:
        """Whether the server reads no more."""
        raise NotImplementedError

    def vanish(self) -> None:
        """Be gone without a word."""
        raise NotImplementedError

    # -- what it says --

    def send(self, event: Any) -> None:
        self.raw(self.ws.send(event))

    def text(self, data: str, finished: bool = True) -> None:
        self.send(TextMessage(data, message_finished=finished))

    def binary(self, data: bytes, finished: bool = True) -> None:
        self.send(BytesMessage(data, message_finished=finished))

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        self.send(CloseConnection(code, reason))

    def at(self, now: float) -> None:
        """It is so late now."""
        self.connection.now = now
        self.connection.expire(now)
        self.exchange()

    # -- what it has heard --

    def read(self, data: bytes) -> None:
        if data and self.ws.state is not ConnectionState.CLOSED:
            self.ws.receive_data(data)
            self.events += self.ws.events()

    def field(self, name: bytes) -> bytes | None:
        return dict(self.head).get(name)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def messages(self) -> list[str | bytes]:
        """The whole messages that have come."""
        whole, parts = [], []
        for event in self.of(Message):
            parts.append(event.data)
            if event.message_finished:
                whole.append(parts[0][:0].join(parts))
                parts = []
        return whole

    @property
    def closed(self) -> int | None:
        """The code of the close frame that has come."""
        events = self.of(CloseConnection)
        return int(events[0].code) if events else None

    def take(self) -> list[Any]:
        """Take all messages that the application can have."""
        messages = []
        while (message := self.stream.take()) is not None:
            messages.append(message)
            if message["type"] == "websocket.disconnect":
                break
        self.exchange()
        return messages

    def received(self) -> list[Any]:
        """Take the messages, and return what they say."""
        return [
            message.get("text", message.get("bytes", message["type"]))
            for message in self.take()
        ]


class H1Socket(Socket):
    """A WebSocket on a connection of its own."""

    http_version = "1.1"

    def open(self) -> None:
        peer = Peer(("192.0.2.1", 1234), ("192.0.2.2", 80))
        self.connection = CONNECTIONS["h1"](peer, self.service, 0.0)
        lines = [b"%b: %b" % line for line in [*UPGRADE, *self.fields]]
        self.answered = b""
        self.raw(b"\r\n".join([b"GET /chat?a=b HTTP/1.1", *lines, b"", b""]))
        head, _, self.early = self.answered.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        self.status = int(line.split()[1]) if line else 0
        self.head = [tuple(line.split(b": ", 1)) for line in lines]

    def raw(self, data: bytes) -> None:
        self.connection.receive_data(data)
        self.exchange()

    def exchange(self) -> None:
        for stream in self.connection.opened():
            self.stream = stream
            self.answer(stream)
        self.woken += len(self.connection.woken())
        data = self.connection.data_to_send()
        if hasattr(self, "began"):
            self.read(data)
        else:
            self.answered += data

    @property
    def stuck(self) -> bool:
        return self.connection.paused

    @property
    def ended(self) -> bool:
        return self.connection.closed or self.connection.closing

    def vanish(self) -> None:
        self.connection.lost()


class H2Socket(Socket):
    """A WebSocket on a stream of an HTTP/2 connection."""

    http_version = "2"

    def open(self) -> None:
        self.client = H2Client(self._opened, service=self.service)
        self.connection = self.client.connection
        lines = [*CONNECT, *self.fields]
        lines[3] = (b":path", b"/chat?a=b")
        self.number = self.client.request(lines=lines, end=False)
        self.status = self.client.status(self.number) or 0
        if self.status:
            (event,) = self.client.of(self.number, h2.events.ResponseReceived)
            self.head = list(event.headers)
        self.heard = 0
        self.unsent = b""  # for want of a window
        self.early = self._news()

    def _opened(self, stream: Any) -> None:
        self.stream = stream
        self.answer(stream)

    def _news(self) -> bytes:
        events = self.client.events[self.heard :]
        self.heard = len(self.client.events)
        return b"".join(
            event.data
            for event in events
            if isinstance(event, h2.events.DataReceived)
        )

    def raw(self, data: bytes) -> None:
        self.unsent += data
        self.exchange()

    def push(self) -> None:
        """Send what the window allows."""
        h2 = self.client.h2
        while self.unsent and not self.ended:
            room = min(h2.local_flow_control_window(self.number), 16384)
            if not room:
                return
            data, self.unsent = self.unsent[:room], self.unsent[room:]
            self.client.send(self.number, data)

    @property
    def stuck(self) -> bool:
        return bool(self.unsent)

    def exchange(self) -> None:
        self.client.exchange()
        if hasattr(self, "began"):
            self.push()
        self.woken += len(self.client.woken)
        self.client.woken.clear()
        if hasattr(self, "began"):
            self.read(self._news())

    @property
    def ended(self) -> bool:
        number = self.number
        return (
            self.client.ended(number)
            or self.client.reset_code(number) is not None
        )

    def vanish(self) -> None:
        self.client.reset(self.number)
