"""The end of TLS, which both sides have to say: who waits how long for it."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from microquart.asgi import ASGIApplication, Receive, Scope, Send
from tests.server.applications import hello, http
from tests.server.conftest import Certificates
from tests.server.running import Running, running

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LIMIT = 0.2  # seconds for a goodbye
SOON = 5.0  # seconds: more than that, less than what a loop would wait
SIZE = 16 * 1024 * 1024  # more than two kernels hold
PIECE = bytes(64 * 1024)
CONTENT = bytes(SIZE)


@http
async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer piece by piece: TLS keeps some, and the socket's buffer some.

    At another path than / the end does not come.
    """
    assert scope["type"] == "http"
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"%d" % SIZE)],
        }
    )
    for _ in range(SIZE // len(PIECE)):
        await send(
            {"type": "http.response.body", "body": PIECE, "more_body": True}
        )
    if scope["path"] == "/":
        await send({"type": "http.response.body"})
        return
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def secured(
    app: ASGIApplication,
    certificates: Certificates,
    path: bytes = b"/",
    **settings: object,
) -> AsyncIterator[tuple[Running, ssl.SSLSocket]]:
    """Run a server over TLS, and ask it for one answer."""
    async with running(
        app,
        certfile=certificates.certfile,
        keyfile=certificates.keyfile,
        linger_timeout=LIMIT,
        # The answer is the server's from the first moment on.
        send_unsent=2 * SIZE,
        **settings,
    ) as server:
        context = certificates.client_context()
        client = await anyio.to_thread.run_sync(
            asked, server.port, context, path
        )
        with client:
            yield server, client


def asked(port: int, context: ssl.SSLContext, path: bytes) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port))
    client = context.wrap_socket(
        plain, server_hostname="localhost", suppress_ragged_eofs=False
    )
    client.sendall(GET.replace(b"/", path, 1))
    return client


def read_all(client: ssl.SSLSocket) -> bytes:
    """Read up to the server's goodbye; raise if there is none."""
    heard = bytearray()
    while more := client.recv(65536):
        heard += more
    return bytes(heard)


def is_closed(client: ssl.SSLSocket) -> bool:
    """Wait for the end of the connection under TLS."""
    with socket.socket(fileno=client.detach()) as plain:
        with suppress(ConnectionResetError):
            return plain.recv(1) == b""
    return True


async def nobody(server: Running) -> None:
    """Wait until no connection is open."""
    assert server.shells is not None
    with anyio.fail_after(SOON):
        while server.shells.open:
            await anyio.lowlevel.checkpoint()


async def test_who_never_says_goodbye_is_gone_soon(
    loop_name, certificates: Certificates, caplog
):
    async with secured(hello, certificates) as (server, client):
        heard = await anyio.to_thread.run_sync(read_all, client)
        assert heard.endswith(b"hello")
        await nobody(server)
        assert await anyio.to_thread.run_sync(is_closed, client)
    assert caplog.text == ""


async def test_an_idle_connection_that_is_ended_is_gone_soon(
    loop_name, certificates: Certificates, caplog
):
    async with running(
        hello,
        certfile=certificates.certfile,
        keyfile=certificates.keyfile,
        linger_timeout=LIMIT,
        graceful_timeout=SOON,
    ) as server:
        context = certificates.client_context()
        client = await anyio.to_thread.run_sync(asked_on, server.port, context)
        with client:
            server.stop.set()
            with anyio.fail_after(SOON):
                await server.stopped.wait()
    assert caplog.text == ""


def asked_on(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port))
    client = context.wrap_socket(plain, server_hostname="localhost")
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    heard = b""
    while not heard.endswith(b"hello"):
        heard += client.recv(4096)
    return client


@pytest.mark.slow
async def test_who_reads_for_longer_than_that_gets_every_byte(
    loop_name, certificates: Certificates, caplog
):
    async with secured(large, certificates) as (server, client):
        with anyio.move_on_after(4 * LIMIT):
            await server.stopped.wait()  # it does not
        heard = await anyio.to_thread.run_sync(read_all, client)
        assert heard.endswith(CONTENT)
        await nobody(server)
    assert caplog.text == ""


@pytest.mark.slow
@pytest.mark.parametrize("path", [b"/", b"/open"])
async def test_who_says_goodbye_and_does_not_read_is_a_slow_reader(
    loop_name, certificates: Certificates, path
):
    async with secured(large, certificates, path, write_timeout=LIMIT) as (
        server,
        client,
    ):
        client.setblocking(False)
        with suppress(ssl.SSLError):
            client.unwrap()
        await nobody(server)


class Early:
    """A client that says goodbye before it has read what it asked for."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.plain = socket.create_connection(("127.0.0.1", port))
        self._heard = ssl.MemoryBIO()
        self._said = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._heard, self._said, server_hostname="localhost"
        )
        while self._is_waiting(self._tls.do_handshake):
            pass
        self._tls.write(GET)
        self.plain.sendall(self._said.read())

    def say_goodbye(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self.plain.sendall(self._said.read())

    def read_all(self) -> bytes:
        heard = bytearray()

        def read() -> bool:
            more = self._tls.read(65536)
            heard.extend(more)
            return bool(more)

        while self._is_waiting(read):
            pass
        return bytes(heard)

    def _is_waiting(self, act: Callable[[], object]) -> bool:
        try:
            return bool(act())
        except ssl.SSLZeroReturnError:
            return False
        except ssl.SSLWantReadError:
            self.plain.sendall(self._said.read())
            more = self.plain.recv(65536)
            self._heard.write(more)
            return more != b""


@pytest.mark.slow
async def test_who_says_goodbye_before_it_has_read_gets_every_byte(
    loop_name, certificates: Certificates, caplog
):
    answered = anyio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await large(scope, receive, send)
        answered.set()

    async with running(
        app,
        certfile=certificates.certfile,
        keyfile=certificates.keyfile,
        send_unsent=2 * SIZE,
    ) as server:
        context = certificates.client_context()
        client = await anyio.to_thread.run_sync(Early, server.port, context)
        with client.plain:
            if loop_name != "trio":  # there it is answered when all is sent
                await answered.wait()
            await anyio.to_thread.run_sync(client.say_goodbye)
            heard = await anyio.to_thread.run_sync(client.read_all)
    assert heard.endswith(CONTENT)
    assert caplog.text == ""
