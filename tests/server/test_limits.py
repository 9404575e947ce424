"""Limits of a server, each reached through a socket, and who is not met."""

import socket
import time

import anyio
import anyio.to_thread
import pytest

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, hello, http
from tests.server.process import started
from tests.server.programs.target import endless
from tests.server.running import hear, running

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LOOPS = ["asyncio", "uvloop", "trio"]
BOUND = 1.2  # seconds for a stop in development


async def test_beyond_so_many_connections_accepting_pauses(loop_name, caplog):
    async with running(hello, max_connections=1) as server:
        async with await server.connect() as second:
            async with await server.connect() as first:
                # Whichever was let in, the other one waits.
                await first.send(GET)
                await second.send(GET)
                answered = [await heard_soon(each) for each in (first, second)]
                assert sorted(answered) == [False, True]
                inside = first if answered[0] else second
                outside = second if answered[0] else first
                await inside.aclose()
                assert await hear(outside, b"hello")
    told = [each for each in caplog.messages if "accepting pauses" in each]
    assert told == ["accepting pauses: 1 connections are open"]


async def heard_soon(client) -> bool:
    with anyio.move_on_after(0.2):
        return (await client.receive()).endswith(b"hello")
    return False


async def test_a_stop_comes_although_accepting_pauses(loop_name):
    async with running(hello, max_connections=1) as server:
        async with await server.connect() as client:
            await client.send(GET)
            assert await hear(client, b"hello")
            async with await server.connect():
                server.stop.set()
                with anyio.fail_after(2):
                    await server.stopped.wait()


@pytest.mark.slow
async def test_who_does_not_read_is_reset_and_nothing_is_kept(loop_name):
    """The kernel would keep megabytes for it, after the server has gone."""

    given_up = anyio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endless(send)
        except OSError:
            given_up.set()
            raise

    async with running(app, write_timeout=0.1) as server:
        client = socket.create_connection(("127.0.0.1", server.port))
        with client:
            client.sendall(GET)
            await given_up.wait()
            # What is in our own kernel can be read; what is in its is gone.
            with pytest.raises(ConnectionResetError):
                read_all(client)


def read_all(client: socket.socket) -> None:
    while client.recv(1 << 20):
        pass


# -- what was refused stands in the log, however often it happens --

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(
    (0, 0, 0, 4, 0, 0, 0, 0, 0)
)
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
LARGE = b"\x81\xfe" + (2000).to_bytes(2, "big") + bytes(4)
REFUSED = {
    "a head without a host": (
        b"GET / HTTP/1.1\r\n\r\n",
        "400 Bad Request",
    ),
    "a head that is too large": (
        GET[:-2] + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        "431 Request Header Fields Too Large",
    ),
    "a head that does not come": (GET[:-2], "408 Request Timeout"),
    "a ping of nine bytes": (
        PREFACE + bytes((0, 0, 9, 6, 0, 0, 0, 0, 0)) + bytes(9),
        "HTTP/2 FRAME_SIZE_ERROR",
    ),
    "a message that is too large": (UPGRADE + LARGE, "WebSocket 1009"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused_stands_in_the_log(case, loop_name, caplog):
    caplog.set_level("INFO", "microquart.server")
    said, told = REFUSED[case]
    async with running(
        greeting, header_timeout=0.1, ws_max_message_size=1000
    ) as server:
        with anyio.fail_after(5):
            for _ in range(2):
                async with await server.connect() as client:
                    await client.send(said)
                    await hear(client)
    lines = [each for each in caplog.messages if each.startswith("refused")]
    one, two = f"refused: {told} (1)", f"refused: {told} (2)"
    assert lines in ([two], [one, one])  # a sweep may come in between


async def greeting(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
    else:
        await hello(scope, receive, send)


# -- an upload that its view does not read on --


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_a_paused_upload_does_not_hold_up_a_stop(loop):
    with started("slow.py", "--debug", "--loop", loop) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                b"POST /upload HTTP/1.1\r\nHost: x\r\n"
                b"Content-Length: 200000000\r\n\r\n"
            )
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.sendall(bytes(200_000_000))
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < BOUND
    assert "cancelled: POST /upload" in server.said
    assert "Traceback" not in server.said


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 150000\r\n\r\n"
RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER, for no second


class TakesOne:
    """An application that takes one piece of the content, and waits."""

    def __init__(self) -> None:
        self.taken = anyio.Event()
        self.go_on = anyio.Event()
        self.ended = anyio.Event()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        scope["extensions"]["microquart.disconnect"]["watch"](self.go_on.set)
        await receive()
        self.taken.set()
        await self.go_on.wait()
        try:
            await answer(send)
        finally:
            self.ended.set()


async def uploading(server, app) -> socket.socket:
    """Return a connection that is not read, although all has been sent."""
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(HEAD)
    await anyio.to_thread.run_sync(client.sendall, bytes(150_000))
    await app.taken.wait()
    return client


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_who_leaves_is_missed_although_nobody_reads(loop_name, how):
    app = TakesOne()
    async with running(app) as server:
        client = await uploading(server, app)
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        with anyio.fail_after(0.6):
            await app.ended.wait()


async def test_an_answer_to_who_has_gone_is_no_error(loop_name, caplog):
    """Not even the first one to find out may write a traceback."""
    app = TakesOne()
    async with running(app, linger_bytes=10) as server:
        client = await uploading(server, app)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        app.go_on.set()
        await app.ended.wait()
    assert caplog.text == ""
