"""One port, three protocols: HTTP/1.1, HTTP/2, and one of our own.

TLS agrees on the protocol (ALPN); the views are the same for all.  This is
also how a program runs the server by itself.
"""

import argparse
import re
import signal
from collections.abc import AsyncIterator
from typing import Any

import anyio
from line import NAME, LineConnection

from microquart import Quart, Response, abort, request
from microquart.protocol import Connection, Peer, Service, connect
from microquart.server import log
from microquart.server.serve import serve
from microquart.server.settings import Certificates, Settings
from microquart.server.shells import Shells

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


def connection(
    alpn: str | None, first: bytes, peer: Peer, service: Service, now: float
) -> Connection | None:
    """Make the connection that speaks what TLS has agreed on."""
    if alpn == NAME:
        return LineConnection(peer, service, now)
    return connect(alpn, first, peer, service, now)


def made(server: Shells) -> None:
    server.make_connection = connection


async def stop() -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return


async def main(port: int) -> None:
    settings = Settings(bind=(f"127.0.0.1:{port}",), https=True)
    log.configure(settings)
    certificates = Certificates(settings)
    assert certificates.context is not None
    certificates.context.set_alpn_protocols([NAME, "h2", "http/1.1"])
    await serve(
        app,
        settings,
        certificates=certificates,
        made=made,
        shutdown_trigger=stop,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--loop", default="asyncio")
    given = parser.parse_args()
    uvloop = given.loop == "uvloop"
    options: dict[str, Any] = {"use_uvloop": True} if uvloop else {}
    backend = "asyncio" if uvloop else given.loop
    anyio.run(main, given.port, backend=backend, backend_options=options)
