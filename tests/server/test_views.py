"""Views behind our own server: what they learn, and what they share."""

import asyncio
import subprocess
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from websockets.sync.client import connect

from microquart import Quart, g, request, websocket
from tests.server.running import hear, running

SOON = 0.5  # seconds in which a departure is known

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_view_that_waits_is_cancelled_when_its_client_leaves(
    loop_name, secured
):
    app = Quart(__name__)
    called, cancelled = anyio.Event(), anyio.Event()

    @app.get("/")
    async def waits() -> str:
        called.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return ""

    async with running(app, **secured) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await called.wait()
        with anyio.fail_after(SOON):
            await cancelled.wait()


async def test_a_stream_is_closed_when_its_client_leaves(loop_name, secured):
    app = Quart(__name__)
    closed = anyio.Event()

    @app.get("/")
    async def stream() -> AsyncIterator[bytes]:
        async def parts() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await anyio.sleep_forever()
            finally:
                closed.set()

        return parts()

    async with running(app, **secured) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await hear(client, b"first\r\n")
        with anyio.fail_after(SOON):
            await closed.wait()


async def test_a_view_may_finish_what_must_be_finished(loop_name):
    app = Quart(__name__)
    called, gone, done = anyio.Event(), anyio.Event(), anyio.Event()

    @app.get("/")
    async def saves() -> str:
        async with request.shield():
            called.set()
            await gone.wait()
            await anyio.lowlevel.checkpoint()
            done.set()
        await anyio.sleep_forever()
        return ""

    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await called.wait()
        gone.set()
        with anyio.fail_after(SOON):
            await done.wait()


@pytest.mark.slow
async def test_a_thousand_interleaved_requests_see_only_their_own(loop_name):
    app = Quart(__name__)
    all_here = anyio.Event()
    here = 0

    @app.before_request
    async def note() -> None:
        g.number = request.args["n"]

    @app.get("/")
    async def together() -> str:
        nonlocal here
        here += 1
        if here == 100:
            all_here.set()
        await all_here.wait()
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
            assert g.number == request.args["n"]
        return f"<{g.number}>"

    @app.get("/thread")
    def threaded() -> str:
        assert g.number == request.args["n"]
        return f"<{g.number}>"

    async def ask(first: int) -> None:
        async with await server.connect() as client:
            for number in range(first, first + 10):
                path = b"/thread" if number % 10 == 9 else b"/"
                target = b"%b?n=%d" % (path, number)
                await client.send(GET.replace(b"/", target, 1))
                assert await hear(client, b"<%d>" % number)

    async with running(app) as server:
        async with anyio.create_task_group() as group:
            for first in range(0, 1000, 10):
                group.start_soon(ask, first)


async def test_nc_gets_its_answer_although_it_ends_its_side(
    loop_name, program
):
    nc = program("nc")
    app = Quart(__name__)

    @app.get("/")
    async def hello() -> str:
        await anyio.lowlevel.checkpoint()
        return "hello"

    async with running(app) as server:
        done = await anyio.run_process(
            [nc, "-N", "127.0.0.1", str(server.port)],
            input=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            stderr=subprocess.DEVNULL,
        )
    assert done.stdout.endswith(b"\r\n\r\nhello")


async def test_a_departure_is_no_error_in_the_log(loop_name, caplog):
    app = Quart(__name__)
    called, ended = anyio.Event(), anyio.Event()

    @app.get("/")
    async def waits() -> str:
        called.set()
        await anyio.sleep_forever()
        return ""

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        ended.set()

    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await called.wait()
        await ended.wait()
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_task_of_the_view_is_not_the_servers_to_cancel():
    """What the view starts for itself goes on when its client leaves."""
    app = Quart(__name__)
    called, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    tasks = []

    @app.get("/")
    async def starts() -> str:
        async def work() -> None:
            await go_on.wait()
            done.set()

        tasks.append(asyncio.create_task(work()))
        called.set()
        await asyncio.Event().wait()
        return ""

    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await called.wait()
        go_on.set()
        await done.wait()


async def test_a_websocket_view_can_see_why_its_client_has_left(loop_name):
    app = Quart(__name__)
    told = []
    ended = anyio.Event()

    @app.websocket("/")
    async def listens() -> None:
        here = websocket._get_current_object()
        try:
            await websocket.receive()
        finally:
            told.append((here.close_code, here.close_reason))
            ended.set()

    def talk(port: int) -> None:
        with connect(f"ws://127.0.0.1:{port}/") as socket:
            socket.close(4001, "bye")

    async with running(app) as server:
        await anyio.to_thread.run_sync(talk, server.port)
        await ended.wait()
    assert told == [(4001, "bye")]
