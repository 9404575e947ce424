"""Answers that are made while they are sent, as fast as the client reads."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import anyio

from microquart import Quart, Response, request, send_file

PIECE = 64 * 1024  # bytes

app = Quart(__name__)
# A stream may last; the server drops a client who does not read
# (--write-timeout).
app.config["RESPONSE_TIMEOUT"] = None
app.extensions["streams"] = {}


@app.get("/count")
async def counting() -> Response:
    """A line every half second, until the client has enough."""

    async def lines() -> AsyncIterator[str]:
        for number in count(1):
            yield f"{number}\n"
            await anyio.sleep(0.5)

    return Response(lines(), mimetype="text/plain")


@app.get("/rows.csv")
async def rows() -> Response:
    """A table of any length; only a thousand rows are in memory."""
    total = request.args.get("rows", 1_000, type=int)

    async def lines() -> AsyncIterator[str]:
        yield "number,square\r\n"
        for start in range(0, total, 1_000):
            numbers = range(start, min(start + 1_000, total))
            yield "".join(f"{n},{n * n}\r\n" for n in numbers)

    return Response(lines(), mimetype="text/csv")


@app.get("/flood")
async def flood() -> Response:
    """Bytes without end: this never waits, and yet is not ahead."""
    streams: dict[int, int] = app.extensions["streams"]
    name = id(request.scope)

    async def pieces() -> AsyncIterator[bytes]:
        streams[name] = 0
        try:
            while True:
                yield bytes(PIECE)
                streams[name] += PIECE
        finally:
            # Reached when the client leaves, too.
            del streams[name]

    return Response(pieces(), mimetype="application/octet-stream")


@app.get("/produced")
async def produced() -> dict[str, Any]:
    """How many bytes each open flood has made so far."""
    return {"streams": list(app.extensions["streams"].values())}


@app.get("/source")
async def source() -> Response:
    """A file: by ranges, if asked for, and not at all if it is known."""
    return await send_file(Path(__file__), mimetype="text/plain")
