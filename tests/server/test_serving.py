"""The server through real sockets, on every loop, in clear and over TLS."""

import logging
import os
import socket
import stat

import anyio
import anyio.lowlevel
import pytest

from microquart import Quart
from microquart.asgi import Receive, Scope, Send
from microquart.server.listen import BindError, open_sockets
from microquart.server.serve import serve
from microquart.server.settings import Settings
from tests.server.applications import answer, echo, hello, http, peers
from tests.server.running import hear, no_more, running

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_get_is_answered(loop_name, secured):
    async with running(hello, **secured) as server:
        heard = await server.says(GET, b"hello")
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nserver: microquart\r\n" in heard
    assert b" GMT\r\n" in heard


async def test_three_megabytes_go_both_ways(loop_name, secured):
    content = os.urandom(3_000_000)
    head = b"POST / HTTP/1.0\r\nContent-Length: 3000000\r\n\r\n"
    async with running(echo, **secured) as server:
        heard = b""
        async with await server.connect() as client:
            async with anyio.create_task_group() as group:
                group.start_soon(client.send, head + content)
                heard = await hear(client)
    assert heard.partition(b"\r\n\r\n")[2] == content


async def test_a_connection_serves_several_requests(loop_name, secured):
    async with running(hello, **secured) as server:
        async with await server.connect() as client:
            for _ in range(3):
                await client.send(GET)
                assert await hear(client, b"hello")


async def test_a_part_is_sent_before_the_next_is_made(loop_name, secured):
    go_on = anyio.Event()

    @http
    async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send(
            {"type": "http.response.body", "body": b"a", "more_body": True}
        )
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"b"})

    async with running(in_parts, **secured) as server:
        async with await server.connect() as client:
            await client.send(GET)
            assert await hear(client, b"1\r\na\r\n")
            go_on.set()
            assert await hear(client, b"0\r\n\r\n") == b"1\r\nb\r\n0\r\n\r\n"


async def test_a_failing_application_is_a_500_and_a_log_line(
    loop_name, caplog
):
    @http
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("no such luck")

    with caplog.at_level(logging.ERROR, "microquart.server"):
        async with running(broken) as server:
            heard = await server.says(GET, b"Internal Server Error")
            assert heard.startswith(b"HTTP/1.1 500 ")
            assert b"luck" not in heard
            assert await server.says(GET, b"Internal Server Error")
    assert "GET /: the application failed" in caplog.text
    assert "no such luck" in caplog.text


async def test_a_refused_request_sees_its_answer(loop_name, secured):
    """The client is still sending when it is refused."""
    async with running(hello, **secured) as server:
        async with await server.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 100_000)
            heard = await hear(client, b"Host: header\n")
    assert heard.startswith(b"HTTP/1.1 400 ")


async def test_many_connections_are_served_at_the_same_time(loop_name):
    waiting = 0
    all_here = anyio.Event()

    @http
    async def together(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 50:
            all_here.set()
        await all_here.wait()
        await answer(send)

    async with running(together) as server:
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(server.says, GET, b"hello")


# -- where it listens -------------------------------------------------------


async def test_both_ends_are_in_the_scope(loop_name):
    async with running(peers) as server:
        heard = await server.says(GET, b")")
        assert f"('127.0.0.1', {server.port})".encode() in heard
        assert b"http ('127.0.0.1', " in heard


async def test_ipv6_is_served(loop_name):
    async with running(peers, bind=("[::1]:0",)) as server:
        assert server.url.startswith("http://[::1]:")
        assert b"http ('::1', " in await server.says(GET, b")")


async def test_a_unix_socket_is_served_and_removed(loop_name, tmp_path):
    path = tmp_path / "socket"
    async with running(peers, bind=(f"unix:{path}",)) as server:
        heard = await server.says(GET, b")")
    assert f"http None ('{path}', None)".encode() in heard
    assert not path.exists()


async def test_an_inherited_descriptor_is_served(loop_name):
    inherited = socket.create_server(("127.0.0.1", 0))
    bind = (f"fd://{inherited.detach()}",)
    async with running(hello, bind=bind) as server:
        assert await server.says(GET, b"hello")


async def test_several_addresses_are_served(loop_name, tmp_path):
    bind = ("127.0.0.1:0", f"unix:{tmp_path}/socket")
    async with running(hello, bind=bind) as server:
        assert await server.says(GET, b"hello")
        server.urls.reverse()
        assert await server.says(GET, b"hello")


def test_a_socket_of_a_dead_server_is_replaced_and_a_file_is_not(tmp_path):
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "socket"))
    dead.close()
    (opened,) = open_sockets(Settings(bind=(f"unix:{tmp_path}/socket",)))
    opened.close()
    (tmp_path / "file").write_text("precious")
    with pytest.raises(BindError, match="file"):
        open_sockets(Settings(bind=(f"unix:{tmp_path}/file",)))
    assert stat.S_ISREG((tmp_path / "file").stat().st_mode)


def test_a_port_in_use_names_the_address_and_leaves_no_socket_open():
    with socket.create_server(("127.0.0.1", 0)) as used:
        bind = f"127.0.0.1:{used.getsockname()[1]}"
        with pytest.raises(BindError, match=bind):
            open_sockets(Settings(bind=("127.0.0.1:0", bind)))


@pytest.mark.parametrize("text", ["", "8000", "::1:80", "x:y", "a:99999"])
def test_a_malformed_address_is_named(text):
    with pytest.raises(ValueError, match="is no address"):
        open_sockets(Settings(bind=(text,)))


# -- departures -------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_application_learns_that_its_client_has_gone(
    loop_name, secured, how
):
    heard = anyio.Event()
    called = anyio.Event()

    @http
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        called.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        heard.set()

    async with running(waits, **secured) as server:
        client = await server.connect()
        await client.send(GET)
        await called.wait()
        if how == "reset":
            raw = client.extra(anyio.abc.SocketAttribute.raw_socket)
            raw.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            await anyio.aclose_forcefully(client)
        else:
            await client.aclose()
        with anyio.fail_after(0.5):
            await heard.wait()


async def test_a_watcher_is_called_when_the_client_leaves(loop_name):
    gone = anyio.Event()
    called = anyio.Event()

    @http
    async def watches(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"]["microquart.disconnect"]["watch"](gone.set)
        called.set()
        await gone.wait()

    async with running(watches) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await called.wait()
        with anyio.fail_after(0.5):
            await gone.wait()


async def test_sending_to_a_client_that_left_raises_soon(loop_name):
    raised = anyio.Event()

    @http
    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        try:
            while True:
                await send(
                    {
                        "type": "http.response.body",
                        "body": b"x" * 1000,
                        "more_body": True,
                    }
                )
                await anyio.lowlevel.checkpoint()
        except OSError:
            raised.set()
            raise

    async with running(streams) as server:
        client = await server.connect()
        await client.send(GET)
        await client.receive()
        await client.aclose()
        with anyio.fail_after(0.5):
            await raised.wait()


async def test_a_half_closed_client_gets_its_answer(loop_name):
    async with running(hello) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await client.send_eof()
            assert (await hear(client)).endswith(b"hello")


# -- time -------------------------------------------------------------------


@pytest.mark.slow
async def test_an_idle_connection_is_closed(loop_name, secured):
    async with running(hello, keep_alive_timeout=0.2, **secured) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await hear(client, b"hello")
            assert await no_more(client)


@pytest.mark.slow
async def test_half_a_head_is_answered_with_408(loop_name):
    async with running(hello, header_timeout=0.2) as server:
        heard = await server.says(b"GET / HT")
    assert heard.startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow
async def test_a_silent_client_is_closed(loop_name):
    async with running(hello, header_timeout=0.2) as server:
        assert await server.says(b"") == b""


# -- the end ----------------------------------------------------------------


async def test_a_request_that_runs_at_the_stop_is_completed(loop_name):
    called = anyio.Event()

    @http
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        called.set()
        await scope["state"]["microquart.shutdown"].wait()
        await answer(send)

    async with running(slow) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await called.wait()
            server.stop.set()
            heard = await hear(client)
    assert heard.endswith(b"hello")
    assert b"connection: close" in heard


async def test_a_connection_in_the_accept_queue_is_answered(loop_name):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = listener.getsockname()[1]
    # Its connection is made by the kernel; the server stops before it
    # accepts anything.
    client = await anyio.connect_tcp("127.0.0.1", port)
    await client.send(GET)

    async def at_once() -> None:
        return

    with anyio.fail_after(5):
        async with client, anyio.create_task_group() as group:
            group.start_soon(
                lambda: serve(
                    hello,
                    Settings(access_log=False),
                    sockets=[listener],
                    shutdown_trigger=at_once,
                )
            )
            assert (await hear(client)).endswith(b"hello")


async def test_a_request_that_outlasts_the_stop_is_cancelled(
    loop_name, caplog
):
    cancelled = anyio.Event()
    called = anyio.Event()

    @http
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        called.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async with running(endless, graceful_timeout=0.1) as server:
        async with await server.connect() as client:
            await client.send(GET.replace(b"/", b"/events", 1))
            await called.wait()
            server.stop.set()
            with anyio.fail_after(1):
                await cancelled.wait()
                await server.stopped.wait()
    assert "cancelled: GET /events (0 s)" in caplog.text


async def test_the_application_is_told_of_the_stop_first(loop_name):
    told = anyio.Event()
    called = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        called.set()
        await scope["state"]["microquart.shutdown"].wait()
        told.set()
        await answer(send)

    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await called.wait()
            server.stop.set()
            assert (await hear(client)).endswith(b"hello")
            assert told.is_set()


async def test_a_stream_may_wait_in_scopes_of_its_own(loop_name):
    app = Quart(__name__)

    @app.get("/")
    async def scoped():
        async def pieces():
            yield "begun"
            with anyio.move_on_after(0.01):
                await anyio.sleep(60)
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.lowlevel.checkpoint)
            yield "ended"

        return pieces()

    async with running(app) as server:
        heard = await server.says(GET[:-2] + b"Connection: close\r\n\r\n")
    assert b"begun" in heard
    assert heard.endswith(b"ended\r\n0\r\n\r\n")


async def test_a_stream_of_a_view_that_waits_for_the_stop_ends(loop_name):
    app = Quart(__name__)

    @app.get("/")
    async def events():
        async def pieces():
            yield "begun"
            await app.shutdown_event.wait()
            yield "ended"

        return pieces()

    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await hear(client, b"begun\r\n")
            server.stop.set()
            with anyio.fail_after(1):
                assert b"ended" in await hear(client)


async def test_idle_connections_do_not_delay_the_stop(loop_name):
    async with running(hello, stop_linger=0.1) as server:
        async with await server.connect() as client:
            await client.send(GET)
            await hear(client, b"hello")
            server.stop.set()
            with anyio.fail_after(1):
                assert await no_more(client)
                await server.stopped.wait()


async def test_after_the_stop_nobody_is_let_in(loop_name):
    async with running(hello) as server:
        server.stop.set()
        await server.stopped.wait()
        with pytest.raises(OSError, match="connection attempts failed"):
            await server.connect()
