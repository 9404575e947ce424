"""An application behind a proxy: who answers, and what it sees."""

import os
import sys
from collections.abc import AsyncIterator

from microquart import Quart, request, url_for, websocket

app = Quart(__name__)


@app.get("/pid")
async def pid() -> str:
    return str(os.getpid())


@app.get("/seen")
async def seen() -> dict[str, str | None]:
    return {
        "client": request.remote_addr,
        "link": url_for("pid", _external=True),
    }


@app.websocket("/echo")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


@app.get("/parts")
async def parts() -> AsyncIterator[str]:
    """Send a part, and nothing more until the client leaves."""

    async def endless() -> AsyncIterator[str]:
        yield "first"
        await app.event_class().wait()

    return endless()


@app.post("/wait")
async def wait() -> None:
    print(f"{os.getpid()} waits", file=sys.stderr, flush=True)
    await app.event_class().wait()
