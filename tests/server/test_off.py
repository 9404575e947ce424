"""Limits that are turned off: nothing of the server needs their number."""

from dataclasses import fields

import anyio
import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.protocol.limits import ENDLESS, FOREVER, Limits
from microquart.server import listen
from microquart.server.settings import Settings, stopping_soon
from tests.server.applications import answer
from tests.server.h2client import talking
from tests.server.running import hear, running

OFF = {
    name: None
    for name in [
        *(
            each.name
            for each in fields(Limits)
            if each.default is None or "None" in str(each.type)
        ),
        *Limits.ENDS,
        *Settings.ENDS,
    ]
}
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Say how many fields there are, or how many bytes a message has."""
    if scope["type"] == "http":
        await answer(send, b"%d fields" % len(scope["headers"]))
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        size = len(message.get("bytes") or b"")
        await send({"type": "websocket.send", "text": f"{size} bytes"})
        await receive()
    else:
        raise NotImplementedError(scope["type"])


async def test_http_1_1_has_no_limits_then(loop_name, secured):
    fields = b"".join(b"X-%d: %b\r\n" % (n, b"v" * 90) for n in range(1000))
    head = b"GET /%b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (b"p" * 9000, fields)
    async with running(app, **OFF, **secured) as server:
        heard = await server.says(head, b"fields")
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert heard.endswith(b"1001 fields")


async def test_chunks_have_none(loop_name):
    chunk = b"1;%b\r\nx\r\n" % (b"e" * 1000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with running(app, **OFF) as server:
        heard = await server.says(head + chunk * 40 + b"0\r\n\r\n", b"fields")
    assert heard.endswith(b"2 fields")


async def test_http_2_has_none(loop_name):
    async with running(app, **OFF) as server, talking(server) as client:
        for _ in range(150):  # more than may be reset at once
            await client.reset(await client.ask())
        fields = [(f"x-{n}", "v" * 90) for n in range(200)]
        _, content = await client.answer(await client.ask("/", *fields))
    assert content == b"201 fields"


async def test_a_websocket_has_none(loop_name):
    size = 17 * 1024 * 1024
    head = b"\x82\xff" + size.to_bytes(8, "big") + bytes(4)
    async with running(app, **OFF) as server:
        async with await server.connect() as client:
            await client.send(UPGRADE + head)
            await client.send(bytes(size))
            assert await hear(client, b"%d bytes" % size)


async def test_a_stop_waits_without_an_end(loop_name):
    go_on, called = anyio.Event(), anyio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        called.set()
        await go_on.wait()
        await answer(send)

    async with running(slow, **OFF) as server:
        async with await server.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await called.wait()
            server.stop.set()
            with anyio.move_on_after(0.2):
                await server.stopped.wait()
            assert not server.stopped.is_set()
            go_on.set()
            assert (await hear(client)).endswith(b"hello")


def test_off_is_a_number_where_one_is_needed():
    settings = Settings().with_values(**OFF)
    assert settings.limits.max_fields == ENDLESS
    assert settings.limits.h2_error_budget == (ENDLESS, FOREVER)
    assert settings.limits.keep_alive_timeout is None
    assert settings.graceful_timeout == FOREVER


def test_in_development_a_stop_has_an_end_all_the_same():
    assert stopping_soon(Settings(graceful_timeout=None)).graceful_timeout < 1


# -- how many are accepted before others get their turn --


@pytest.mark.parametrize(
    ("settings", "batch"),
    [
        ({}, 64),
        ({"accept_batch": 8}, 8),
        ({"accept_batch": 0}, 1),
        ({"accept_batch": None}, ENDLESS),
        ({"workers": 1}, 64),
        ({"workers": 2}, 4),
        ({"workers": 2, "accept_batch": 2}, 2),
    ],
)
def test_a_batch_is_a_setting_and_small_among_workers(settings, batch):
    assert listen.accept_batch(Settings(**settings)) == batch


@pytest.mark.parametrize(
    ("batch", "turns"), [(2, [0, 2, 4, 5]), (None, [0, 5])]
)
async def test_after_a_batch_others_get_their_turn(batch, turns, loop_name):
    admitted, seen = [], []
    settings = Settings(bind=("127.0.0.1:0",), accept_batch=batch)
    (listener,) = listen.open_sockets(settings)
    clients = [
        await anyio.connect_tcp(*listener.getsockname()) for _ in range(5)
    ]

    async def room() -> None:
        seen.append(len(admitted))
        if len(admitted) == len(clients):
            group.cancel_scope.cancel()
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(
            listen.accept,
            *(listener, admitted.append, room, listen.Pauses(), settings),
        )
    assert seen == turns
    for each in admitted:
        each.close()
    for client in clients:
        await client.aclose()
    listen.close_socket(listener)
