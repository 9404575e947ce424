"""Whose pages may open a websocket, as the handshake of a browser asks."""

from typing import Any

import h2.events
import pytest
from anyio.abc import ByteStream

from microquart import Quart, websocket
from tests.server.h2client import talking
from tests.server.running import Running, running

HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: {host}\r\n{origin}"
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
OPENED = {"1.1": 101, "2": 200}


def site(**options: Any) -> Quart:
    app = Quart(__name__)

    @app.websocket("/", **options)
    async def view() -> None:
        await websocket.receive()

    return app


async def shake(
    server: Running, version: str, origin: str | None, host: str = "a.example"
) -> int:
    """Return the status that a handshake is answered with."""
    if version == "2":
        return await shake_by_stream(server, origin, host)
    line = "" if origin is None else f"Origin: {origin}\r\n"
    async with await server.connect() as client:
        said = HANDSHAKE.format(host=host, origin=line)
        await client.send(said.encode())
        return int((await head(client)).split()[1])


async def head(client: ByteStream) -> bytes:
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += await client.receive()
    return heard


async def shake_by_stream(
    server: Running, origin: str | None, host: str
) -> int:
    fields = [] if origin is None else [("origin", origin)]
    async with talking(server) as client:
        await client.until(h2.events.RemoteSettingsChanged)
        number = client.h2.get_next_available_stream_id()
        client.h2.send_headers(
            number,
            [
                *((":method", "CONNECT"), (":protocol", "websocket")),
                *((":scheme", "http"), (":path", "/"), (":authority", host)),
                *(("sec-websocket-version", "13"), *fields),
            ],
        )
        await client.flush()
        event = await client.until(h2.events.ResponseReceived, number)
        assert isinstance(event, h2.events.ResponseReceived)
        return int(dict(event.headers or ())[":status"])


ORIGINS = [
    (None, "a.example", True),
    ("https://a.example", "a.example", True),
    ("http://A.example:80", "a.example", True),
    ("https://a.example", "a.example:443", True),
    ("http://localhost:8000", "localhost:8000", True),
    ("http://localhost:3000", "localhost:8000", False),
    ("https://evil.example", "a.example", False),
    ("https://a.example.evil", "a.example", False),
    ("https://evil.example/a.example", "a.example", False),
    ("https://a.example@evil.example", "a.example", False),
    ("null", "a.example", False),
]


@pytest.mark.parametrize("version", OPENED)
async def test_pages_of_the_same_host_and_no_others_may(loop_name, version):
    async with running(site()) as server:
        found = [
            await shake(server, version, origin, host)
            for origin, host, _ in ORIGINS
        ]
    opened = OPENED[version]
    assert found == [opened if may else 403 for _, _, may in ORIGINS]


@pytest.mark.parametrize("version", OPENED)
@pytest.mark.parametrize("allowed", ["*", ["*"], ["https://b.example"]])
@pytest.mark.parametrize("where", ["route", "config"])
async def test_others_can_be_let_in(loop_name, version, allowed, where):
    app = site(**({"allowed_origins": allowed} if where == "route" else {}))
    if where == "config":
        app.config["WEBSOCKET_ALLOWED_ORIGINS"] = allowed
    opened = OPENED[version]
    async with running(app) as server:
        assert await shake(server, version, "https://b.example") == opened
        status = await shake(server, version, "https://c.example")
    assert status == (opened if "*" in allowed else 403)


async def test_the_view_of_a_refused_page_is_not_called(loop_name):
    app = Quart(__name__)
    called = []

    @app.websocket("/")
    async def view() -> None:
        called.append(websocket.headers.get("Origin"))
        await websocket.accept()

    async with running(app) as server:
        assert await shake(server, "1.1", "https://evil.example") == 403
        assert await shake(server, "1.1", None) == 101
    assert called == [None]
