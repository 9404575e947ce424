"""An application to stand behind the proxy, which tells what it sees."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

from microquart import Quart, Response, request, websocket

app = Quart(__name__)
app.config["RESPONSE_TIMEOUT"] = None
app.extensions["sent"] = 0


@app.get("/")
async def fields() -> dict[str, Any]:
    return {"http": request.http_version, "fields": list(request.headers)}


@app.post("/measure")
async def measure() -> dict[str, int]:
    request.max_content_length = None
    size = 0
    async for data in request.body:
        size += len(data)
    return {"bytes": size}


@app.post("/refuse")
async def refuse() -> tuple[str, int]:
    """Answer before the body has come."""
    return "no\n", 413


@app.get("/flood")
async def flood() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for number in count(1):
            yield bytes(65_536)
            app.extensions["sent"] = number * 65_536

    return Response(pieces(), mimetype="application/octet-stream")


@app.get("/sent")
async def sent() -> dict[str, int]:
    return {"bytes": app.extensions["sent"]}


@app.get("/broken")
async def broken() -> Response:
    """Break off in the middle."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        raise OSError("the disk is gone")

    return Response(pieces())


@app.websocket("/echo")
async def echo() -> None:
    await websocket.accept(subprotocol="echo")
    while (data := await websocket.receive()) != "bye":
        await websocket.send(data)
    await websocket.close(4000, "bye")
