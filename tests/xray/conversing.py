"""Traces of one question to an application in memory."""

import asyncio
from typing import Any

import anyio

from microquart import Quart, request, websocket
from microquart.xray.clients import (
    Asked,
    Client,
    H1Client,
    H2Client,
    WebSocketClient,
)
from microquart.xray.inprocess import traced
from microquart.xray.redaction import Redactor
from microquart.xray.replay import whole
from microquart.xray.trace import Trace


def make_app() -> Quart:
    app = Quart(__name__, static_folder=None)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/plain")
    def plain() -> str:
        return "in a thread"

    @app.get("/forever")
    async def forever() -> None:
        await anyio.sleep_forever()

    @app.post("/")
    async def echo() -> bytes:
        return bytes(await request.get_data())

    @app.post("/length")
    async def length() -> dict[str, int]:
        return {"length": len(await request.get_data())}

    @app.websocket("/ws")
    async def socket() -> None:
        while True:
            await websocket.send(f"got {await websocket.receive()}")

    return app


SECRETS = [("cookie", "session=12345"), ("authorization", "Bearer 67890")]
LONG = b"a" * 200_000

CLIENTS: dict[str, Any] = {
    "HTTP/1.1": lambda: H1Client(Asked("GET", "/", SECRETS)),
    "HTTP/1.1, a thread": lambda: H1Client(Asked("GET", "/plain")),
    "HTTP/1.1, a body": lambda: H1Client(Asked("POST", "/", content=LONG)),
    "HTTP/2": lambda: H2Client(Asked("GET", "/", SECRETS)),
    "HTTP/2, a body": lambda: H2Client(Asked("POST", "/", content=LONG)),
    "WebSocket": lambda: WebSocketClient(Asked("GET", "/ws"), "hello"),
}


def trace_of(
    client: Client, app: Any = None, redactor: Redactor | None = None
) -> Trace:
    tracer = whole(redactor or Redactor(bodies=None))
    asyncio.run(traced(app or make_app(), client, tracer))
    return Trace(tracer.records, tracer.head())
