"""Clients of a server in memory: what they say, and what they hear.

The server is the real one, from its shell upwards; only the socket is not
there.  So nothing is late and nothing is lost: what a client has not heard
when all is quiet will never come.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import h2.config
import h2.connection
import h2.events
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Event

from microquart.asgi import ASGIApplication
from microquart.server.asyncio_shell import AsyncioServer, AsyncioShell
from microquart.server.serve import serve
from microquart.server.settings import Settings
from microquart.server.shells import Shells, service_of

# Turns of the loop after which nothing moves any more, if no one waits for a
# clock or a thread.
_TURNS = 50

# Called with each server that is made: whoever looks inside puts taps there.
WATCHERS: list[Callable[[Shells], object]] = []

# What does not depend on the time of day.
SETTINGS = Settings(
    access_log=False,
    bind=("127.0.0.1:0",),
    date_header=False,
    server_header=False,
)


def tell_watchers(shells: Shells) -> None:
    for watch in WATCHERS:
        watch(shells)


async def quiet() -> None:
    """Let everyone go on until each has to wait for somebody else."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Server:
    """A server without a socket."""

    def __init__(self, app: ASGIApplication) -> None:
        self.shells = AsyncioServer(
            app=app,
            settings=SETTINGS,
            service=service_of(SETTINGS, {}),
            access_log=None,
        )
        tell_watchers(self.shells)

    def client(self) -> "Client":
        """Connect one that speaks in bytes."""
        return Client(self.shells)

    async def h2_client(self) -> "H2Client":
        """Connect one that speaks HTTP/2."""
        client = H2Client(self.client())
        await client.exchange()
        return client

    async def websocket(self, path: str = "/") -> "WebSocketClient":
        """Connect one, and let it shake hands."""
        client = self.client()
        answer = await client.says(HANDSHAKE % path.encode())
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return WebSocketClient(client)


class Client(asyncio.Transport):
    """One connection; for the shell it is the transport."""

    def __init__(self, server: Shells) -> None:
        super().__init__()
        self.heard = b""
        self.closed = False  # by the server
        self._shell = AsyncioShell(server, None)
        self._shell.connection_made(self)

    async def says(self, data: bytes) -> bytes:
        """Say it; return what has come when all was quiet."""
        before = len(self.heard)
        self._shell.data_received(data)
        await quiet()
        return self.heard[before:]

    async def leaves(self) -> None:
        """Go without a word."""
        self._shell.connection_lost(None)
        await quiet()

    # -- as the shell sees it --

    def write(self, data: Any) -> None:
        self.heard += data

    def close(self) -> None:
        self.closed = True
        asyncio.get_running_loop().call_soon(self._shell.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, *args: Any, **kwargs: Any) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def getpeername(self) -> None:
        raise OSError("there is no socket")


class Running(NamedTuple):
    """A server that listens on a socket, and how to stop it."""

    address: tuple[str, int]
    stop: Callable[[], object]


@asynccontextmanager
async def serving(app: ASGIApplication) -> AsyncIterator[Running]:
    """Run a server round a block, with a socket, for what needs its life."""
    stop = asyncio.Event()
    ready: asyncio.Future[list[str]] = asyncio.Future()
    async with asyncio.TaskGroup() as group:
        group.create_task(
            serve(
                app,
                SETTINGS,
                shutdown_trigger=stop.wait,
                ready=ready.set_result,
                made=tell_watchers,
            )
        )
        [url] = await ready
        yield Running(("127.0.0.1", int(url.rpartition(":")[2])), stop.set)
        stop.set()


class H2Client:
    """A client of HTTP/2; ``events`` is what it has heard, in h2's words."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.events: list[h2.events.Event] = []
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8")
        )
        self.h2.initiate_connection()

    async def exchange(self) -> None:
        """Say what there is to be said, and hear the answers."""
        while data := self.h2.data_to_send():
            self.hears(await self.client.says(data))

    def hears(self, data: bytes) -> None:
        self.events += self.h2.receive_data(data)

    async def asks(self, path: str, method: str = "GET") -> int:
        """Send the head of a request; return the number of its stream."""
        number = self.h2.get_next_available_stream_id()
        head = [
            (":method", method),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", path),
        ]
        self.h2.send_headers(number, head, end_stream=method == "GET")
        await self.exchange()
        return number

    async def uploads(self, number: int, size: int) -> int:
        """Send so much content; return how much of it the windows let."""
        left = size
        while left and (room := self.h2.local_flow_control_window(number)):
            size_now = min(left, room, self.h2.max_outbound_frame_size)
            left -= size_now
            self.h2.send_data(number, bytes(size_now), end_stream=not left)
            await self.exchange()
        return size - left

    async def resets(self, number: int) -> None:
        """Give a stream up."""
        self.h2.reset_stream(number)
        await self.exchange()

    def content(self, number: int) -> bytes:
        return b"".join(
            event.data or b""
            for event in self.events
            if isinstance(event, h2.events.DataReceived)
            and event.stream_id == number
        )

    def ended(self, number: int) -> bool:
        """Return whether all of an answer has come."""
        return any(
            isinstance(event, h2.events.StreamEnded)
            and event.stream_id == number
            for event in self.events
        )


HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class WebSocketClient:
    """A client that has shaken hands; it speaks in wsproto's events."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ws = Connection(ConnectionType.CLIENT)

    async def says(self, *events: Event) -> list[Event]:
        """Send frames; return what the server has answered."""
        heard: list[Event] = []
        for event in events:
            answer = await self.client.says(self.ws.send(event))
            self.ws.receive_data(answer)
            heard += self.ws.events()
        return heard


def lines(*texts: str, content: bytes = b"") -> bytes:
    """Return a message of HTTP/1.1.

    >>> lines("GET / HTTP/1.1", "Host: a")
    b'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'
    """
    return "\r\n".join([*texts, "", ""]).encode() + content


def same(got: object, wanted: object) -> None:
    """Raise an AssertionError that says both, unless they are equal."""
    assert got == wanted, f"expected {wanted!r}, got {got!r}"


def kinds(events: Iterable[object]) -> list[str]:
    """Return the names of events."""
    return [type(event).__name__ for event in events]
