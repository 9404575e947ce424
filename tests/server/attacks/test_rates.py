"""The least rates by themselves: with no limit of silence beside them.

A rate is looked at once a second, so each of these takes two or three; they
go on at the same time.
"""

import socket
import time
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSStream

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, http
from tests.server.programs.target import endless
from tests.server.running import Running, hear, running

KIB = 1024
LARGE = 10 * KIB * KIB  # bytes, more than the kernel keeps for a connection
LEISURE = 2.2  # seconds
PACE = 0.05  # seconds between two drops
SIP = 2000  # bytes

POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
COUNTED = POST + b"Content-Length: 100000\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Told:
    """An application that notes how its client has left."""

    def __init__(self, sends: bool) -> None:
        self.sends = sends
        self.gone = anyio.Event()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError(scope["type"])
        if self.sends:
            with suppress(OSError):
                await endless(send)
        while (await receive())["type"] != "http.disconnect":
            continue
        self.gone.set()


@pytest.mark.slow
async def test_the_least_rates_hold(loop_name, certificates):
    tls = {
        "certfile": certificates.certfile,
        "keyfile": certificates.keyfile,
        "client_context": certificates.client_context(),
    }
    async with anyio.create_task_group() as group:
        group.start_soon(content_below_the_least_rate, COUNTED, b"x" * 100)
        drop = b"64;a=b\r\n%b\r\n" % (b"x" * 100)
        group.start_soon(content_below_the_least_rate, CHUNKED, drop)
        for secured in ({}, tls):
            group.start_soon(reading_below_the_least_rate, secured)
            group.start_soon(an_answer_that_is_read_at_leisure, secured)


async def content_below_the_least_rate(head: bytes, drop: bytes) -> None:
    """It is answered with 408, and the application told."""
    app = Told(sends=False)
    async with running(
        app, body_idle_timeout=None, body_min_rate=1_000_000, rate_grace=0.1
    ) as server:
        async with await server.connect() as client:
            await client.send(head)
            heard = await trickle(client, drop)
        await app.gone.wait()
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in heard


async def trickle(client: ByteStream, drop: bytes) -> bytes:
    """Send a drop after the other until there is an answer."""
    heard = b""
    while not heard:
        await client.send(drop)
        with anyio.move_on_after(PACE):
            heard = await client.receive()
    return heard


async def reading_below_the_least_rate(secured: dict[str, Any]) -> None:
    """It ends the connection, and is a departure for the application."""
    app = Told(sends=True)
    async with running(
        app,
        write_timeout=None,
        write_min_rate=1_000_000,
        rate_grace=0.1,
        **secured,
    ) as server:
        async with await server.connect() as client:
            read_ahead(client, 4 * KIB)
            await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                while not app.gone.is_set():
                    await client.receive(SIP)
                    with anyio.move_on_after(PACE):
                        await app.gone.wait()
            await app.gone.wait()


async def an_answer_that_is_read_at_leisure(secured: dict[str, Any]) -> None:
    """It comes in one piece, takes longer than write_timeout, and is whole."""

    @http
    async def whole(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, bytes(LARGE))

    async with running(whole, write_timeout=0.5, **secured) as server:
        async with await sipping(server) as client:
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            heard = 0
            end = time.monotonic() + LEISURE
            while time.monotonic() < end:
                heard += len(await client.receive())
                with anyio.move_on_after(PACE):
                    await server.stopped.wait()
            heard += len(await hear(client))
    assert heard > LARGE


class Sips(ByteStream):
    """A client's end that takes from the kernel what is asked for, no more.

    The streams of a loop read ahead: uvloop's take megabytes at once, and then
    nothing for a while.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)

    async def receive(self, max_bytes: int = 64 * KIB) -> bytes:
        await anyio.wait_readable(self._socket)
        data = self._socket.recv(max_bytes)
        if not data:
            raise anyio.EndOfStream
        return data

    async def send(self, item: bytes) -> None:
        assert self._socket.send(item) == len(item)

    async def send_eof(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        self._socket.close()


async def sipping(server: Running) -> ByteStream:
    plain = Sips(server.port)
    if server.client_context is None:
        return plain
    return await TLSStream.wrap(
        plain,
        hostname="localhost",
        ssl_context=server.client_context,
        standard_compatible=False,
    )


def read_ahead(client: ByteStream, size: int) -> None:
    """Let the kernel read so much of what nobody has asked for, no more."""
    raw = client.extra(SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
