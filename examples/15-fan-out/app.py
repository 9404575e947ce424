"""A chat over several processes, or machines: what one says, all hear."""

import os
from pathlib import Path
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from audience import Audience
from unix_channel import UnixChannel

from microquart import Quart, render_template, websocket

LONGEST = 1000  # characters of a message
TOO_SLOW = 1013  # "try again later" in IANA's list of close codes

app = Quart(__name__)
audience = Audience[str]()  # the browsers of this process


class Channel(Protocol):
    """What joins the processes."""

    async def run(self) -> None: ...

    async def say(self, text: str) -> None: ...


def channel() -> Channel:
    if url := os.environ.get("REDIS_URL"):
        from redis_channel import RedisChannel

        return RedisChannel(audience.tell, url)
    beside = Path(__file__).with_name("broker.socket")
    return UnixChannel(audience.tell, Path(os.environ.get("BROKER", beside)))


@app.before_serving
async def join() -> None:
    app.extensions["channel"] = channel()
    app.add_background_task(listen, app.extensions["channel"])


async def listen(channel: Channel) -> None:
    """Be joined with the other processes while this one serves."""
    assert app.shutdown_event is not None
    async with anyio.create_task_group() as group:
        group.start_soon(channel.run)
        await app.shutdown_event.wait()
        group.cancel_scope.cancel()


@app.get("/")
async def page() -> str:
    return await render_template("chat.html")


@app.websocket("/chat")
async def chat() -> None:
    """Tell a browser what all say, and all what this one says."""
    await websocket.send(f"you are with process {os.getpid()}")
    with audience.joined() as messages:
        async with anyio.create_task_group() as group:
            group.start_soon(tell, messages)
            while True:
                await say(str(await websocket.receive())[:LONGEST])


async def say(text: str) -> None:
    try:
        await app.extensions["channel"].say(f"{os.getpid()}: {text}")
    except ConnectionError as error:
        await websocket.send(f"not said: {text} ({error})")


async def tell(messages: MemoryObjectReceiveStream[str]) -> None:
    """Tell this browser, as long as it is not too slow."""
    async for text in messages:
        await websocket.send(text)
    await websocket.close(TOO_SLOW, "too slow")
