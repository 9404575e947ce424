"""One port, three protocols: HTTP/1.1, HTTP/2, and one of our own.

TLS agrees on the protocol (ALPN); the views are the same for all.  This is
also how a program runs the server by itself.
"""

import argparse
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import anyio
from line import NAME, LineConnection

from microquart import Quart, Response, abort, request
from microquart.server import log
from microquart.server.serve import run
from microquart.server.settings import Settings

app = Quart(__name__)


@app.post("/hello")
async def hello() -> str:
    extensions: Any = request.scope.get("extensions") or {}
    line = extensions.get("line")  # our own: see line.py
    number = f", this is line {line['number']}" if line else ""
    return f"Hello, {await request.get_data(as_text=True)}{number}\n"


@app.post("/count")
async def count() -> Response:
    data = await request.get_data()
    if not re.fullmatch(rb"[1-9]\d?", data):
        abort(400, "A number from 1 to 99 is missing.")

    async def numbers() -> AsyncIterator[str]:
        for number in range(1, int(data) + 1):
            yield f"{number}\n"
            await anyio.sleep(0.1)

    return Response(numbers(), mimetype="text/plain")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--loop", default="asyncio")
    given = parser.parse_args()
    settings = Settings(
        bind=(f"127.0.0.1:{given.port}",), loop=given.loop, https=True
    )
    log.configure(settings)
    sys.exit(run(app, settings, protocols={NAME: LineConnection}))
