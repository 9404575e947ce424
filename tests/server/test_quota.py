"""How many requests at once, and how many in all."""

import urllib.request

import anyio
import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.server.quota import Quota
from microquart.server.settings import Settings
from tests.server.applications import answer, hello
from tests.server.process import started
from tests.server.running import hear, no_more, running

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SOCKET = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
BUSY = b"Service Unavailable"


class Slow:
    """An application whose answers wait until they may go."""

    def __init__(self) -> None:
        self.go_on = anyio.Event()
        self.called = anyio.Event()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        self.called.set()
        await self.go_on.wait()
        await answer(send)


@pytest.mark.parametrize("asked", [GET, SOCKET], ids=["HTTP", "WebSocket"])
async def test_beyond_the_limit_503_says_when_to_come_again(
    loop_name, asked, caplog
):
    app = Slow()
    async with running(app, limit_concurrency=1) as server:
        async with await server.connect() as first:
            await first.send(GET)
            await app.called.wait()
            heard = await server.says(asked, BUSY)
            assert heard.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in heard
            app.go_on.set()
            assert await hear(first, b"hello")
            assert await server.says(GET, b"hello")
    assert "answered 503: 1 requests are open" in caplog.text


async def test_a_request_that_fails_counts_no_longer(loop_name):
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("no such luck")

    async with running(broken, limit_concurrency=1) as server:
        for _ in range(2):
            heard = await server.says(GET, b"Internal Server Error")
            assert heard.startswith(b"HTTP/1.1 500 ")


async def test_after_so_many_requests_the_server_ends(loop_name):
    async with running(hello, max_requests=3, stop_linger=0.1) as server:
        async with await server.connect() as client:
            for _ in range(3):
                assert not server.stopped.is_set()
                await client.send(GET)
                assert await hear(client, b"hello")
            assert await no_more(client)
        await server.stopped.wait()


@pytest.mark.parametrize("jitter", [0, 5])
def test_some_more_are_left_to_chance(jitter):
    settings = Settings(max_requests=100, max_requests_jitter=jitter)
    counts = {Quota(settings).allowed for _ in range(100)}
    assert min(counts) >= 100
    assert max(counts) <= 100 + jitter
    assert len(counts) > bool(jitter)


async def test_without_a_limit_nothing_is_between():
    assert Quota(Settings()).around(hello) is hello


@pytest.mark.slow
def test_without_a_supervisor_the_process_ends_with_0():
    options = ("--max-requests", "1", "--no-access-log")
    with started("worker.py", *options) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}"):
            pass
        assert server.end() == 0
    assert "stopping: 1 requests are enough" in server.said
