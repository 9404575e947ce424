"""WebSockets through real sockets, with a client that is not ours."""

import ssl
from typing import Any

import anyio
import anyio.to_thread
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from microquart.asgi import Receive, Scope, Send
from tests.server.programs.echoes import app as echo
from tests.server.running import Running, running


def client(server: Running, **options: Any) -> ClientConnection:
    """Connect; for a worker thread, since the client is a plain one."""
    context: ssl.SSLContext | None = server.client_context
    scheme = "ws" if context is None else "wss"
    return connect(
        f"{scheme}://localhost:{server.port}/chat",
        ssl=context,
        max_size=None,
        **options,
    )


async def test_text_and_bytes_are_echoed(loop_name, secured):
    def talk(server: Running) -> None:
        with client(server) as socket:
            socket.send("héllo")
            assert socket.recv() == "héllo"
            socket.send(b"\x00\xff")
            assert socket.recv() == b"\x00\xff"

    async with running(echo, **secured) as server:
        await anyio.to_thread.run_sync(talk, server)


async def test_two_megabytes_go_both_ways(loop_name, secured):
    def talk(server: Running) -> None:
        with client(server) as socket:
            socket.send(b"x" * 2_000_000)
            assert len(socket.recv()) == 2_000_000

    async with running(echo, **secured) as server:
        await anyio.to_thread.run_sync(talk, server)


@pytest.mark.slow
async def test_two_thousand_messages_are_echoed_in_order(loop_name):
    def talk(server: Running) -> None:
        with client(server) as socket:
            for number in range(2000):
                socket.send(str(number))
            for number in range(2000):
                assert socket.recv() == str(number)

    async with running(echo) as server:
        await anyio.to_thread.run_sync(talk, server)


async def test_a_ping_is_answered(loop_name):
    def talk(server: Running) -> None:
        with client(server) as socket:
            assert socket.ping(b"here?").wait(5)

    async with running(echo) as server:
        await anyio.to_thread.run_sync(talk, server)


async def test_deflate_is_agreed_on_when_offered(loop_name):
    def talk(server: Running) -> None:
        with client(server) as socket:
            assert socket.response is not None
            offered = socket.response.headers["Sec-WebSocket-Extensions"]
            assert offered.startswith("permessage-deflate")
            socket.send("a" * 100_000)
            assert socket.recv() == "a" * 100_000
        with client(server, compression=None) as socket:
            assert socket.response is not None
            assert "Sec-WebSocket-Extensions" not in socket.response.headers

    async with running(echo) as server:
        await anyio.to_thread.run_sync(talk, server)


async def test_the_clients_close_reaches_the_application_with_its_code(
    loop_name,
):
    told: dict[str, Any] = {}
    closed = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        told.update(await receive())
        closed.set()

    def talk(server: Running) -> None:
        with client(server) as socket:
            socket.close(4001, "enough")

    async with running(app, lifespan="off") as server:
        await anyio.to_thread.run_sync(talk, server)
        await closed.wait()
    assert told == {
        "type": "websocket.disconnect",
        "code": 4001,
        "reason": "enough",
    }


async def test_a_refusal_is_a_403(loop_name):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})

    def talk(server: Running) -> None:
        with pytest.raises(InvalidStatus) as caught:
            client(server)
        assert caught.value.response.status_code == 403

    async with running(app, lifespan="off") as server:
        await anyio.to_thread.run_sync(talk, server)


async def test_a_refusal_may_be_a_whole_response(loop_name):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(
            {
                "type": "websocket.http.response.start",
                "status": 401,
                "headers": [(b"x-why", b"no ticket")],
            }
        )
        await send(
            {
                "type": "websocket.http.response.body",
                "body": b"no ",
                "more_body": True,
            }
        )
        await send({"type": "websocket.http.response.body", "body": b"entry"})

    def talk(server: Running) -> None:
        with pytest.raises(InvalidStatus) as caught:
            client(server)
        response = caught.value.response
        assert response.status_code == 401
        assert response.headers["x-why"] == "no ticket"
        assert response.body == b"no entry"

    async with running(app, lifespan="off") as server:
        await anyio.to_thread.run_sync(talk, server)


async def test_a_failing_application_closes_with_1011(loop_name, caplog):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise ValueError("no such luck")

    def talk(server: Running) -> None:
        with client(server) as socket:
            with pytest.raises(ConnectionClosed):
                socket.recv()
            assert socket.close_code == 1011

    async with running(app, lifespan="off") as server:
        await anyio.to_thread.run_sync(talk, server)
    assert "WEBSOCKET /chat: the application failed" in caplog.text


async def test_at_the_stop_clients_are_told_1001(loop_name):
    accepted = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        accepted.set()
        await receive()

    def talk(server: Running) -> int | None:
        with client(server) as socket:
            with pytest.raises(ConnectionClosed):
                socket.recv()
            return socket.close_code

    codes = []

    async with running(app, lifespan="off") as server:

        async def listen() -> None:
            codes.append(await anyio.to_thread.run_sync(talk, server))

        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await accepted.wait()
            server.stop.set()
    assert codes == [1001]


@pytest.mark.slow
async def test_a_peer_that_is_silent_is_found_dead(loop_name):
    told: dict[str, Any] = {}
    found = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        told.update(await receive())
        found.set()

    handshake = (
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with running(
        app, lifespan="off", ws_ping_interval=0.1, ws_ping_timeout=0.1
    ) as server:
        async with await server.connect() as socket:
            await socket.send(handshake)
            await found.wait()
    assert told["code"] == 1006


async def test_fifty_websockets_at_a_time(loop_name):
    def talk(server: Running) -> None:
        with client(server) as socket:
            socket.send("x")
            assert socket.recv() == "x"

    async with running(echo) as server:
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(anyio.to_thread.run_sync, talk, server)
