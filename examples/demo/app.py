"""What microquart does, on one page: ``make demo``, then open the address.

JSON, a response that comes in pieces, an upload that is never whole in memory,
and a WebSocket.  It runs on every loop: ``make demo ARGS="--loop trio"``.
The page begins with a link to the trace of the request that loaded it.
"""

import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import anyio

from microquart import Quart, render_template, request, websocket

app = Quart(__name__)


@app.get("/")
async def page() -> str:
    return await render_template(
        "page.html", http=request.http_version, xray=xray()
    )


def xray() -> str | None:
    """Return where this request is shown, if it is.

    ``--trace`` says where its page is; ``--request-id`` gives each request a
    name, which the response carries, and by which the page finds it.
    """
    page = os.environ.get("MICROQUART_TRACE_URL")
    name = request.scope.get("state", {}).get("request_id")
    if page is None or name is None:
        return None
    return f"{page}#x-request-id:{quote(name)}"


@app.get("/hello/<name>")
async def hello(name: str) -> dict[str, Any]:
    """A dictionary is JSON."""
    return {"hello": name, "http": request.http_version}


@app.get("/count/<int:last>")
async def count(last: int) -> tuple[AsyncIterator[str], dict[str, str]]:
    """A generator is sent as it goes; when the client leaves, it ends."""

    async def numbers() -> AsyncIterator[str]:
        for number in range(1, last + 1):
            yield f"{number}\n"
            await anyio.sleep(0.1)

    return numbers(), {"content-type": "text/plain"}


@app.post("/measure")
async def measure() -> dict[str, int]:
    """Read a body as it comes, without keeping it."""
    pieces = size = 0
    async for data in request.body:
        pieces += 1
        size += len(data)
    return {"bytes": size, "pieces": pieces}


@app.websocket("/echo")
async def echo() -> None:
    """Answer each message until the client closes."""
    while True:
        message = await websocket.receive()
        await websocket.send(message[::-1])
