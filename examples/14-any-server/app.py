"""An application on which servers differ; it notes when it is told what."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio

from microquart import Quart, Response, request, websocket

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = None
noted: dict[str, float] = {}  # what happened, and when (time.monotonic)

MB = 1_000_000


@contextmanager
def noting(name: str) -> Iterator[None]:
    """Note when a view begins, and when it is over, whatever ends it."""
    noted[f"{name} begun"] = time.monotonic()
    try:
        yield
    finally:
        noted[f"{name} over"] = time.monotonic()


@app.get("/noted")
async def what_is_noted() -> dict[str, float]:
    return noted


@app.get("/events")
async def events() -> Response:
    """An answer that has no end, unless the server says that it stops."""
    stopping = app.state.get("microquart.shutdown")

    async def beats() -> AsyncIterator[str]:
        with noting("events"):
            while stopping is None or not stopping.is_set():
                yield "data: beat\n\n"
                await anyio.sleep(0.1)

    response = Response(beats(), mimetype="text/event-stream")
    response.timeout = None
    return response


@app.get("/slow")
async def slow() -> str:
    with noting("slow"):
        await anyio.sleep(60)
    return "at last"


@app.websocket("/news")
async def news() -> None:
    """Send, and never receive."""
    with noting("news"):
        while True:
            await websocket.send("news")
            await anyio.sleep(0.1)


@app.post("/upload")
async def upload() -> str:
    """Take the first part, and no more for a while."""
    async for _ in request.body:
        await anyio.sleep(60)
    return "taken"


@app.get("/download")
async def download() -> AsyncIterator[bytes]:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield bytes(MB)

    return parts()
