"""The numbered steps of the page are what happens, with real clients."""

import re
from pathlib import Path

import anyio.lowlevel
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from microquart import Quart, websocket
from tests.docs.recording import missing, recorded
from tests.server.running import running

PAGE = Path(__file__).parents[2] / "docs/explanation/life-on-the-wire.md"
STEP = re.compile(r"^\d+\. \{line\}`[^<`]+<([^>@]+)", re.MULTILINE)


@pytest.fixture
def app():
    app = Quart(__name__)

    @app.get("/")
    async def index():
        return "hello"

    @app.websocket("/ws")
    async def echo():
        await websocket.send(await websocket.receive())

    return app


def steps(heading):
    text = PAGE.read_text().partition(f"\n## {heading}\n")[2]
    return STEP.findall(text.partition("\n## ")[0])


async def curl(program, url, *options):
    await anyio.run_process([program("curl"), "-s", *options, url])


async def converse(url):
    async with connect(url.replace("http", "ws") + "/ws") as line:
        await line.send("hello")
        assert await line.recv() == "hello"
        with pytest.raises(ConnectionClosed):
            await line.recv()


async def until(calls, name):
    while not any(name in call for call in calls):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_steps_of_the_page_are_what_happens(app, program):
    with recorded() as calls:
        async with running(app, access_log=True) as server:
            await until(calls, "listen.py::accept")
            seen = {"Startup": [*calls]}
            for heading, ask in {
                "A request over HTTP/1.1": curl(program, server.url),
                "A request over HTTP/2": curl(
                    program, server.url, "--http2-prior-knowledge"
                ),
                "A websocket": converse(server.url),
            }.items():
                calls.clear()
                await ask
                # The server has still to see that the client has left.
                await until(calls, "connection_lost")
                seen[heading] = [*calls]
            calls.clear()
        seen["Shutdown"] = [*calls]
    for heading, called in seen.items():
        told = steps(heading)
        assert len(told) > 5, heading
        assert missing(told, called) == [], heading
