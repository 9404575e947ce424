"""An application with something of everything, for servers of others."""

import os
import sys
from collections.abc import AsyncIterator

import anyio

from microquart import Quart, request, websocket
from microquart.middleware import ProxyHeadersMiddleware

app = Quart(__name__)
app.asgi_app = ProxyHeadersMiddleware(app.asgi_app, "127.0.0.1")


def note(what: str) -> None:
    print(f"{what} {os.getpid()}", file=sys.stderr, flush=True)


@app.before_serving
async def started() -> None:
    note("started")


@app.after_serving
async def stopped() -> None:
    note("stopped")


@app.get("/text")
async def text() -> str:
    return "hello"


@app.get("/json")
async def json() -> dict[str, int]:
    return {"pid": os.getpid()}


@app.get("/parts")
async def parts() -> AsyncIterator[str]:
    """Send a part, and nothing more until the client leaves."""

    async def endless() -> AsyncIterator[str]:
        yield "first"
        try:
            await anyio.sleep_forever()
        finally:
            note("left")

    return endless()


@app.post("/upload")
async def upload() -> str:
    size = 0
    async for part in request.body:
        size += len(part)
    return str(size)


@app.get("/slow")
async def slow() -> str:
    note("slow begins")
    await anyio.sleep(0.5)
    return "done"


@app.get("/silent")
async def silent() -> None:
    note("silent begins")
    try:
        await anyio.sleep_forever()
    finally:
        note("silent left")


@app.get("/seen")
async def seen() -> list[str | None]:
    return [request.remote_addr, request.scheme, request.http_version]


@app.websocket("/echo")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())
