"""Who sends megabytes keeps nobody else from being served."""

import socket
import ssl

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.protocol import Peer, Service
from microquart.protocol.h1 import H1Connection
from tests.server.applications import answer, http
from tests.server.conftest import Certificates
from tests.server.running import hear, running

KIB = 1024
SIZE = 64 * KIB * KIB
UPLOAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
TURN = 64 * KIB  # bytes for one connection
FLOOD = 512 * KIB  # bytes that wait in the kernel, at least


class Turns:
    """What each turn of the loop has brought, connection by connection.

    A seam of the server: it makes the connections, which note what they get.
    """

    def __init__(self) -> None:
        self.turn = 0
        self.heard: list[tuple[int, Peer, int]] = []

    def connect(
        self,
        alpn: str | None,
        first: bytes,
        peer: Peer,
        service: Service,
        now: float,
    ) -> H1Connection:
        return Noting(self, peer, service, now)

    async def count(self) -> None:
        while True:
            await anyio.lowlevel.checkpoint()
            self.turn += 1


class Noting(H1Connection):
    """A connection that notes how much it gets, and when."""

    def __init__(
        self, turns: Turns, peer: Peer, service: Service, now: float
    ) -> None:
        super().__init__(peer, service, now)
        self.turns = turns

    def receive_data(self, data: bytes) -> None:
        turns = self.turns
        turns.heard.append((turns.turn, self.peer, len(data)))
        super().receive_data(data)


class TakesLater:
    """An application that answers a GET, and takes content when told to."""

    def __init__(self) -> None:
        self.go = anyio.Event()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await http(self._serve)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["method"] == "GET":
            await answer(send)
            return
        await self.go.wait()
        while (await receive())["type"] == "http.request":
            pass


def connected(port: int, context: ssl.SSLContext | None) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    if context is None:
        return client
    return context.wrap_socket(client, server_hostname="localhost")


def fill(client: socket.socket) -> int:
    """Send until the kernel takes no more; return how much that was."""
    client.setblocking(False)
    sent = 0
    try:
        while True:
            sent += client.send(bytes(TURN))
    except (BlockingIOError, ssl.SSLWantWriteError):
        return sent


# Whether the connection itself has the reading paused for a while.
@pytest.mark.parametrize("unread", [SIZE, TURN], ids=["", "paused"])
@pytest.mark.parametrize("secure", [False, True], ids=["clear", "TLS"])
async def test_a_turn_of_the_loop_brings_a_connection_64_kib_at_most(
    loop_name, certificates: Certificates, secure, unread
):
    turns = Turns()
    settings: dict[str, object] = {}
    context = None
    if secure:
        context = certificates.client_context()
        settings["certfile"] = certificates.certfile
        settings["keyfile"] = certificates.keyfile
    app = TakesLater()
    async with running(app, body_unread=unread, **settings) as server:
        assert server.shells is not None
        server.shells.make_connection = turns.connect
        one, other = [
            await anyio.to_thread.run_sync(connected, server.port, context)
            for _ in range(2)
        ]
        async with anyio.create_task_group() as group:
            group.start_soon(turns.count)
            with one, other:
                one.sendall(UPLOAD)
                while not turns.heard:
                    await anyio.lowlevel.checkpoint()
                large = turns.heard.pop()[1]
                # The loop has no turn meanwhile: all of it waits.
                sent = fill(one)
                other.sendall(GET)
                heard = await anyio.to_thread.run_sync(other.recv, TURN)
                app.go.set()
                while taken(turns, large) < sent:
                    await anyio.lowlevel.checkpoint()
                pieces = turns.heard.copy()
            group.cancel_scope.cancel()
    assert sent >= FLOOD
    assert heard.startswith(b"HTTP/1.1 200")
    each: dict[int, int] = {}
    for turn, peer, size in pieces:
        if peer is large:
            each[turn] = each.get(turn, 0) + size
    # trio wakes tasks in no order: the one that counts may come first in a
    # turn, and last in the next.
    assert max(each.values()) <= TURN * (2 if loop_name == "trio" else 1)
    # And who asks little has its turn among the first.
    at = [peer is large for _, peer, _ in pieces].index(False)
    assert sum(size for _, _, size in pieces[:at]) <= 4 * TURN


def taken(turns: Turns, peer: Peer) -> int:
    return sum(size for _, each, size in turns.heard if each is peer)


@pytest.mark.parametrize("anyio_backend", ["trio"], indirect=True)
async def test_on_trio_an_application_that_only_sends_lets_others_have_turns():
    told = anyio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["path"] == "/stop":
            told.set()
            await answer(send)
            return
        await send({"type": "http.response.start", "status": 200})
        # So little that the kernel takes all of it at once.
        for _ in range(20_000):
            if told.is_set():
                break
            await send(
                {"type": "http.response.body", "body": b"x", "more_body": True}
            )
        await send(
            {"type": "http.response.body", "body": b"%d" % told.is_set()}
        )

    async with running(app) as server, await server.connect() as first:
        await first.send(GET)
        await server.says(GET.replace(b"/ ", b"/stop "), b"hello")
        assert (await hear(first, b"0\r\n\r\n")).endswith(
            b"1\r\n1\r\n0\r\n\r\n"
        )
