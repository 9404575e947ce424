"""How long the application may take for one request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import h2.events
import pytest

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, http
from tests.server.h2client import Client, talking
from tests.server.running import Running, hear, running

TIME = 0.05  # seconds for a request
GET = b"GET /x?y=1 HTTP/1.1\r\nHost: x\r\n\r\n"
BUSY = b"Service Unavailable"
START = {"type": "http.response.start", "status": 200}


class Late:
    """An application that says some messages, and then waits for ever."""

    def __init__(self, *messages) -> None:
        self.messages = messages
        self.cancelled = anyio.Event()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        for message in self.messages:
            await send(message)
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled.set()
            raise


def part(content: bytes):
    return {"type": "http.response.body", "body": content, "more_body": True}


@asynccontextmanager
async def in_time(app, **settings) -> AsyncIterator[Running]:
    """Serve with little time for a request, and give a test not much more."""
    with anyio.fail_after(3):
        async with running(app, request_timeout=TIME, **settings) as server:
            yield server


@pytest.mark.parametrize("messages", [[], [START]], ids=["-", "a start"])
async def test_who_has_said_nothing_in_time_is_cancelled_and_503(
    messages, loop_name, caplog
):
    app = Late(*messages)
    async with in_time(app) as server:
        heard = await server.says(GET)
        await app.cancelled.wait()
    head, _, content = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 1" in head
    assert content == BUSY
    assert caplog.messages == [
        "answered 503: GET /x?y=1 took more than 0.05 s"
    ]


async def test_what_has_begun_is_cut_visibly(loop_name, caplog):
    app = Late(START, part(b"one"))
    async with in_time(app) as server:
        heard = await server.says(GET)
        await app.cancelled.wait()
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert heard.endswith(b"\r\n3\r\none\r\n")  # and no last chunk
    assert caplog.messages == ["cut: GET /x?y=1 took more than 0.05 s"]


async def test_over_http_2_it_is_the_stream_that_ends(loop_name):
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/soon":
            await answer(send)
        await Late(*{"/": [], "/part": [START, part(b"one")]}[scope["path"]])(
            scope, receive, send
        )

    async with in_time(app) as server, talking(server) as client:
        late, begun = await client.ask("/"), await client.ask("/part")
        fields, content = await client.answer(late)
        assert (fields[":status"], content) == ("503", BUSY)
        assert fields["retry-after"] == "1"
        reset = await client.until(h2.events.StreamReset, begun)
        assert reset.error_code == 2  # INTERNAL_ERROR
        assert await is_served(client)


async def is_served(client: Client) -> bool:
    fields, _ = await client.answer(await client.ask("/soon"))
    return fields[":status"] == "200"


async def test_who_cleans_up_for_long_does_not_keep_its_client(
    loop_name, caplog
):
    """A function in a thread cannot be stopped, for one."""
    go_on = anyio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope(shield=True):
            await go_on.wait()
            await answer(send)

    async with in_time(app) as server:
        async with await server.connect() as client:
            await client.send(GET)
            heard = await hear(client)
            assert heard.startswith(b"HTTP/1.1 503 ")
            assert heard.endswith(BUSY)
        go_on.set()
    assert len(caplog.messages) == 1  # what it says then is no error


async def test_who_is_in_time_is_as_without(loop_name, caplog):
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send)

    async with in_time(app) as server:
        async with await server.connect() as client:
            for _ in range(2):
                await client.send(GET)
                assert (await hear(client, b"hello")).startswith(
                    b"HTTP/1.1 200 "
                )
            await anyio.sleep(2 * TIME)
            await client.send(GET)
            assert await hear(client, b"hello")
    assert caplog.messages == []


@pytest.mark.parametrize("error", [ValueError, ExceptionGroup])
async def test_an_error_is_logged_as_without(error, loop_name, caplog):
    causes = [KeyError("one"), KeyError("two")]
    raised = error("no such luck", causes)

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise raised

    async with in_time(app) as server:
        heard = await server.says(GET, b"Internal Server Error")
    assert heard.startswith(b"HTTP/1.1 500 ")
    (record,) = caplog.records
    assert repr(record.exc_info[1]) == repr(raised)


async def test_two_starts_are_an_error_still(loop_name, caplog):
    app = Late(START, START)
    async with in_time(app) as server:
        heard = await server.says(GET, b"Internal Server Error")
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert "'http.response.start' in state 'started'" in caplog.text


async def test_websockets_have_all_the_time(loop_name):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise NotImplementedError(scope["type"])
        await receive()
        await send({"type": "websocket.accept"})
        await anyio.sleep(2 * TIME)
        await send({"type": "websocket.send", "text": "late"})
        await receive()

    async with in_time(app) as server:
        async with await server.connect() as client:
            await client.send(
                b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert (await hear(client, b"late")).endswith(b"\x81\x04late")


async def test_a_client_that_has_left_is_no_reason_to_go_on(loop_name, caplog):
    app = Late()
    async with in_time(app, half_close_timeout=0.01) as server:
        async with await server.connect() as client:
            await client.send(GET)
        await app.cancelled.wait()
    assert caplog.messages == ["cancelled: GET /x?y=1 took more than 0.05 s"]


async def test_without_a_time_nothing_is_between(loop_name):
    seen = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(send.__qualname__)
        await answer(send)

    async with running(app) as server:
        await server.says(GET, b"hello")
    assert not seen[0].startswith("Answer")
