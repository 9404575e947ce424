"""HTTP/2 frame by frame: what becomes of fields, and of windows."""

import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.protocol.frames import DATA, PING, WINDOW_UPDATE, build
from tests.server.applications import answer, echo, hello, http
from tests.server.attacks import h2 as frames
from tests.server.h2client import talking
from tests.server.running import running

SIZE = 16_000
STREAMS = range(1, 61, 2)


async def test_the_crumbs_of_a_cookie_are_joined(loop_name):
    seen: list[tuple[bytes, bytes]] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        seen.extend(scope["headers"])
        await answer(send)

    crumbs = [("cookie", "a=b"), ("x", "y"), ("cookie", "c=d")]
    async with running(app) as server:
        async with talking(server) as client:
            await client.answer(await client.ask("/", *crumbs))
    cookies = [value for name, value in seen if name == b"cookie"]
    assert cookies == [b"a=b; c=d"]


@pytest.mark.parametrize("late", [False, True])
async def test_content_of_ended_streams_keeps_no_window(loop_name, late):
    """What comes before and after the answer, thirty times the window.

    It comes although each stream has been answered and reset; the window
    of the connection is given back all the same.
    """
    async with running(hello) as server:
        async with await server.connect() as client:
            heard = b""
            await client.send(frames.PREFACE)
            for number in STREAMS:
                head = frames.request(number, "/", ended=False)
                body = build(DATA, 0, number, bytes(SIZE)) * 3
                await client.send(head if late else head + body)
                while number not in frames.resets(heard):
                    heard += await client.receive()
                if late:
                    await client.send(body)
            # What answers it comes after all that was owed.
            await client.send(build(PING, 0, 0, b"the last"))
            while b"the last" not in heard:
                heard += await client.receive()
    sent = 3 * SIZE * len(STREAMS)
    assert frames.farewell(heard) is None
    assert frames.resets(heard) == dict.fromkeys(STREAMS, 0)
    assert given_back(heard) > sent - 32_768


def given_back(heard: bytes) -> int:
    """Return by how much the window of the connection was opened."""
    return sum(
        int.from_bytes(content, "big")
        for kind, number, content in frames.frames_of(heard)
        if kind == WINDOW_UPDATE and number == 0
    )


async def test_after_that_an_upload_passes(loop_name):
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (hello if scope["path"] == "/" else echo)(scope, receive, send)

    async with running(app) as server:
        async with talking(server) as client:
            for _ in range(10):
                number = client.h2.get_next_available_stream_id()
                head = [(":method", "POST"), (":scheme", "http")]
                head += [(":authority", "x"), (":path", "/")]
                client.h2.send_headers(number, head)
                for _ in range(3):
                    client.h2.send_data(number, bytes(SIZE))
                await client.flush()
                await client.answer(number)
            number = await client.ask("/echo", method="POST", end=False)
            for _ in range(4):
                while client.h2.local_flow_control_window(number) < SIZE:
                    await client.read()
                await client.send(number, bytes(SIZE))
            await client.send(number, b"", end=True)
            assert len((await client.answer(number))[1]) == 4 * SIZE
