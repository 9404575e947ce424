"""What an application says with a line break in it is not sent at all."""

from typing import Any

import h2.events
import pytest

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer
from tests.server.asking import Answer, ask, both
from tests.server.h2client import talking
from tests.server.running import Running, running
from tests.server.test_origins import HANDSHAKE

VALUE = b"b\r\nset-cookie: c=d"
FIELDS = [
    (b"a", VALUE),
    (b"a", b"b\n"),
    (b"a", b"b\0"),
    (b"a", b"b\rc"),
    (b"a\r\nset-cookie", b"c=d"),
    (b"a b", b"c"),
    (b"", b"c"),
]


class Says:
    """An application that says this once, and nothing amiss elsewhere."""

    def __init__(self, *messages: Any) -> None:
        self.messages = messages

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError(scope["type"])
        if scope["path"] == "/ok":
            await answer(send)
            return
        await receive()
        for message in self.messages:
            await send(message)


def start(*fields: tuple[bytes, bytes], **more: Any) -> Any:
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": fields,
        **more,
    }


BODY = {"type": "http.response.body", "body": b"hello"}


async def fails(server: Running, version: str) -> Answer:
    """Return the answer; there is none of the application's in it."""
    found = await ask(server, version)
    names = {name for name, _ in found.fields}
    assert found.status == 500
    assert {"a", "a b", "", "set-cookie", "link"}.isdisjoint(names)
    assert (await ask(server, version, "/ok")).content == b"hello"
    return found


@both
@pytest.mark.parametrize("field", FIELDS)
async def test_a_field_cannot_split_an_answer(loop_name, version, field):
    async with running(Says(start(field), BODY)) as server:
        await fails(server, version)


@both
@pytest.mark.parametrize("link", [VALUE, b"</a>\n", b"\0"])
async def test_an_early_hint_cannot_be_split(loop_name, version, link):
    hint = {"type": "http.response.early_hint", "links": [link]}
    async with running(Says(hint, start(), BODY)) as server:
        await fails(server, version)


@pytest.mark.parametrize("field", FIELDS)
async def test_trailers_cannot_be_split(loop_name, field):
    """The answer has begun, so its stream is reset."""
    trailers = {"type": "http.response.trailers", "headers": [field]}
    app = Says(start(trailers=True), BODY, trailers)
    async with running(app) as server:
        async with talking(server) as client:
            number = await client.ask()
            await client.until(h2.events.StreamReset, number)
            assert not [
                event
                for event in client.events
                if isinstance(event, h2.events.TrailersReceived)
            ]


@pytest.mark.parametrize("field", FIELDS)
async def test_a_handshake_cannot_be_split(loop_name, field):
    app = Says({"type": "websocket.accept", "headers": [field]})
    said = HANDSHAKE.format(host="x", origin="")
    async with running(app) as server:
        heard = await server.says(said.encode(), b"\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in heard


@pytest.mark.parametrize("name", ["a\r\nset-cookie: c=d", "a\n", "a b", ""])
async def test_a_subprotocol_cannot_split_a_handshake(loop_name, name):
    app = Says({"type": "websocket.accept", "subprotocol": name})
    said = HANDSHAKE.format(host="x", origin="")
    async with running(app) as server:
        heard = await server.says(said.encode(), b"\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in heard


@pytest.mark.parametrize("field", FIELDS)
async def test_a_refusal_of_a_websocket_cannot_be_split(loop_name, field):
    app = Says(
        {
            "type": "websocket.http.response.start",
            "status": 403,
            "headers": [field],
        },
        {"type": "websocket.http.response.body", "body": b"hello"},
    )
    said = HANDSHAKE.format(host="x", origin="")
    async with running(app) as server:
        heard = await server.says(said.encode(), b"\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in heard
