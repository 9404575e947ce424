"""A conversation with a connection: bytes in, bytes out, no socket."""

from collections.abc import Callable
from typing import Any

from microquart.asgi import SendMessage
from microquart.protocol.h1 import H1Connection
from microquart.protocol.h2 import H2Connection
from microquart.protocol.limits import Limits
from microquart.protocol.stream import HTTPStream, Peer, Service, Stream

Answer = Callable[[HTTPStream], None]

# What the conversations are held with; a plugin may put others here.
CONNECTIONS: dict[str, Callable[[Peer, Service, float], Any]] = {
    "h1": H1Connection,
    "h2": H2Connection,
}


def start(status: int = 200, *fields: tuple[bytes, bytes]) -> SendMessage:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": list(fields),
    }


def body(data: bytes = b"", more: bool = False) -> SendMessage:
    return {"type": "http.response.body", "body": data, "more_body": more}


def hello(stream: HTTPStream) -> None:
    """The application that answers at once, whatever was asked."""
    stream.send(start(200, (b"content-length", b"5")))
    stream.send(body(b"hello"))
    stream.end(False)


def nothing(stream: HTTPStream) -> None:
    """The application that waits."""


class Conversation:
    """An H1Connection with its shell: what it opens is answered at once."""

    def __init__(
        self,
        answer: Answer = hello,
        service: Service | None = None,
        **limits: Any,
    ) -> None:
        self.answer = answer
        self.service = service or Service(limits=Limits(**limits))
        self.connection = CONNECTIONS["h1"](
            Peer(("192.0.2.1", 1234), ("192.0.2.2", 80)), self.service, 0.0
        )
        self.streams: list[HTTPStream] = []
        self.woken: list[Stream] = []

    def says(self, data: bytes, cut: int | None = None) -> bytes:
        """The client says so much, in pieces of so many bytes."""
        step = cut or max(len(data), 1)
        for at in range(0, max(len(data), 1), step):
            self.connection.receive_data(data[at : at + step])
            self.settle()
        return self.hears()

    def settle(self) -> None:
        while opened := self.connection.opened():
            for stream in opened:
                assert isinstance(stream, HTTPStream)
                self.streams.append(stream)
                self.answer(stream)
        self.woken += self.connection.woken()

    def hears(self) -> bytes:
        self.settle()
        return self.connection.data_to_send()

    @property
    def stream(self) -> HTTPStream:
        return self.streams[-1]


def taken(stream: HTTPStream) -> bytes:
    """Take all the content that is there."""
    data = b""
    while (message := stream.take()) is not None:
        assert message["type"] == "http.request"
        data += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return data
