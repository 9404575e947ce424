"""The server half: sockets, protocols and calls, on every loop."""

from contextlib import contextmanager

import anyio
import anyio.to_thread
import httpx
import pytest
from websockets.sync.client import connect

import microquart
from microquart import Quart, request, websocket
from microquart.server.watchdog import Watchdog
from microquart.xray.install import install
from microquart.xray.taps.h1 import TappedH1
from microquart.xray.taps.h2 import TappedH2
from microquart.xray.taps.line import Line
from microquart.xray.tracer import Tracer
from tests.protocol.clients import H1Socket, H2Client, H2Socket
from tests.protocol.conversation import CONNECTIONS, body, start
from tests.server.applications import echo, hello
from tests.server.running import WATCHERS, Running, hear, running
from tests.xray.checks import complaints

ASKED = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


@pytest.fixture
def tracer():
    return Tracer(None)


@pytest.fixture
def app():
    app = Quart(__name__, static_folder=None)

    @app.route("/users/<int:id>", methods=["GET", "POST"])
    async def user(id):
        await request.get_data()
        return {"id": id}

    @app.websocket("/ws")
    async def ws():
        while True:
            await websocket.send(await websocket.receive())

    return app


@pytest.fixture
def tapped(tracer):
    """Has servers get their taps before anything else happens."""

    def watch(shells):
        install(tracer, server=shells)

    WATCHERS.append(watch)
    yield
    WATCHERS.remove(watch)


def names(tracer, *layers):
    return [each.name for each in tracer.records if each.layer in layers]


def told(tracer, name):
    return [each.data for each in tracer.records if each.name == name]


def events(tracer, way):
    return [
        each.data["event"]
        for each in tracer.records
        if each.name == "h1.event" and each.dir == way
    ]


async def test_a_request_is_told_from_socket_to_socket(
    loop_name, secured, tracer, app
):
    async with running(app, **secured) as server:
        install(tracer, server=server.shells)
        await server.says(
            b"POST /users/7?a=b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
            b"transfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n"
        )
    assert complaints(tracer.records) == []
    assert events(tracer, "in") == ["Request", "Data", "EndOfMessage"]
    assert events(tracer, "out") == ["Response", "Data", "EndOfMessage"]
    own = [each for each in tracer.records if each.req == "r1"]
    layers = {each.layer for each in own}
    assert layers >= {"h1", "task", "asgi", "ctx", "route", "app", "user"}
    assert {each.conn for each in own} == {"c1"}


async def test_a_tls_connection_says_what_was_agreed(
    loop_name, tracer, certificates
):
    settings = {
        "certfile": certificates.certfile,
        "keyfile": certificates.keyfile,
        "client_context": certificates.client_context("h2"),
    }
    async with running(hello, **settings) as server:
        install(tracer, server=server.shells)
        async with await server.connect() as client:
            await client.receive()
    [accepted] = told(tracer, "net.accept")
    [ready] = told(tracer, "tls.ready")
    assert accepted["tls"] is True
    assert accepted["alpn"] == ready["alpn"] == "h2"
    assert ready["version"] == "TLSv1.3"
    assert ready["sni"] == "localhost"


async def test_a_pipelined_request_is_another_one(loop_name, tracer):
    async with running(hello) as server:
        install(tracer, server=server.shells)
        await server.says(b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\n" + ASKED)
    assert complaints(tracer.records) == []
    assert told(tracer, "h1.cycle") == [{"n": 1}]
    answers = [
        (each.req, each.data["status"])
        for each in tracer.records
        if each.name == "h1.event" and each.data["event"] == "Response"
    ]
    assert answers == [("r1", 200), ("r2", 200)]


async def test_the_states_of_both_sides_are_told(loop_name, tracer):
    async with running(hello) as server:
        install(tracer, server=server.shells)
        await server.says(ASKED)
    states = told(tracer, "h1.state")
    assert [each["client"] for each in states if "client" in each] == [
        ["IDLE", "SEND_BODY"],
        ["SEND_BODY", "MUST_CLOSE"],
    ]
    assert [each["server"] for each in states if "server" in each] == [
        ["IDLE", "SEND_RESPONSE"],
        ["SEND_RESPONSE", "SEND_BODY"],
        ["SEND_BODY", "MUST_CLOSE"],
    ]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\n bad: x\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nhost: a\r\nexpect: x\r\n\r\n", 417),
    ],
)
async def test_a_refusal_says_whose_fault_it_is(
    loop_name, tracer, said, status
):
    async with running(hello) as server:
        install(tracer, server=server.shells)
        await server.says(said)
    assert complaints(tracer.records) == []
    assert {each.req for each in tracer.records} == {None, "r1"}
    [error] = told(tracer, "h1.error")
    assert (error["hint"], error["whose"]) == (status, "the peer's")


async def test_a_client_that_leaves_is_told(loop_name, tracer):
    begun = anyio.Event()

    async def waits(scope, receive, send):
        if scope["type"] == "http":
            begun.set()
            await receive()
            await receive()

    async with running(waits) as server:
        install(tracer, server=server.shells)
        async with await server.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nhalf a")
            await begun.wait()
    assert complaints(tracer.records) == []
    assert told(tracer, "task.done")[0]["outcome"] == "gone"


async def test_http2_is_told_frame_by_frame(loop_name, tracer, app):
    async with running(app) as server:
        install(tracer, server=server.shells)
        async with httpx.AsyncClient(http1=False, http2=True) as client:
            await client.get(f"{server.url}/users/1", headers={"x-a": "b"})
            await client.post(f"{server.url}/users/2", content=b"x" * 100_000)
    assert complaints(tracer.records) == []
    frames = [each for each in tracer.records if each.name == "h2.frame"]
    asked = [each for each in frames if each.data["frame"] == "HEADERS"]
    assert [(each.stream, each.req, each.dir) for each in asked] == [
        (1, "r1", "in"),
        (1, "r1", "out"),
        (3, "r2", "in"),
        (3, "r2", "out"),
    ]
    assert told(tracer, "h2.stream") == [
        {"state": ["IDLE", "HALF_CLOSED_REMOTE"]},
        {"state": ["HALF_CLOSED_REMOTE", "CLOSED"]},
        {"state": ["IDLE", "OPEN"]},
        {"state": ["OPEN", "HALF_CLOSED_REMOTE"]},
        {"state": ["HALF_CLOSED_REMOTE", "CLOSED"]},
    ]
    received = sum(
        each.data["len"]
        for each in frames
        if each.dir == "in" and each.data["frame"] == "DATA"
    )
    assert received == 100_000


async def test_a_websocket_is_told_frame_by_frame(loop_name, tracer, app):
    def talk(server: Running) -> None:
        url = f"ws://localhost:{server.port}/ws"
        with connect(url, compression=None) as client:
            client.send("hello")
            assert client.recv() == "hello"

    async with running(app) as server:
        install(tracer, server=server.shells)
        await anyio.to_thread.run_sync(talk, server)
    assert complaints(tracer.records) == []
    frames = [
        (each.dir, each.data["opcode"], each.raw)
        for each in tracer.records
        if each.name == "ws.frame"
    ]
    assert frames[:2] == [("in", "TEXT", b"hello"), ("out", "TEXT", b"hello")]
    assert {frame[:2] for frame in frames[2:]} == {
        ("in", "CLOSE"),
        ("out", "CLOSE"),
    }
    states = [each["state"] for each in told(tracer, "ws.state")]
    assert states[0] == ["CONNECTING", "OPEN"]
    assert states[-1][1] == "CLOSED"


async def test_an_application_that_is_not_ours_shows_what_it_says(
    loop_name, tracer
):
    async with running(echo) as server:
        install(tracer, server=server.shells)
        await server.says(ASKED)
    assert names(tracer, "asgi", "app", "user").count("asgi.app") == 2
    assert {"app", "user"}.isdisjoint(each.layer for each in tracer.records)


async def test_a_slow_reader_is_seen(loop_name, tracer, secured):
    async def large(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200})
            for _ in range(200):
                part = {"type": "http.response.body", "body": bytes(65536)}
                await send({**part, "more_body": True})
            await send({"type": "http.response.body"})

    async with running(large, **secured) as server:
        install(tracer, server=server.shells)
        async with await server.connect() as client:
            await client.send(ASKED)
            with anyio.fail_after(5):
                while "net.pause" not in names(tracer, "net"):
                    await anyio.lowlevel.checkpoint()
            await hear(client)
    assert complaints(tracer.records) == []
    paused = names(tracer, "net")
    assert paused.count("net.pause") == paused.count("net.resume") > 0
    assert {"what": "socket", "seconds": 30.0} in told(tracer, "timer.start")


async def test_an_application_that_does_not_read_stops_the_peer(
    loop_name, tracer
):
    begun, go = anyio.Event(), anyio.Event()

    async def late(scope, receive, send):
        if scope["type"] == "http":
            begun.set()
            await go.wait()
            await echo(scope, receive, send)

    content = bytes(300_000)
    head = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
    async with running(late) as server:
        install(tracer, server=server.shells)
        async with await server.connect() as client:
            async with anyio.create_task_group() as group:
                group.start_soon(
                    client.send,
                    head + b"content-length: 300000\r\n\r\n" + content,
                )
                await begun.wait()
                while "net.pause" not in names(tracer, "net"):
                    await anyio.lowlevel.checkpoint()
                go.set()
                await hear(client)
    assert complaints(tracer.records) == []
    assert "net.resume" in names(tracer, "net")


def test_a_blocked_loop_is_told_with_its_line(tracer):
    class Server:
        watchdog = Watchdog("asyncio.sleep")

    from microquart.xray.swaps import Swaps
    from microquart.xray.taps.shells import tap_watchdog

    swaps = Swaps()
    tap_watchdog(tracer, swaps, Server.watchdog)
    Server.watchdog.say(0.812, "demo.py:12 (time.sleep)")
    swaps.remove()
    [record] = tracer.records
    assert record.src == "demo.py:12"
    assert record.data == {"ms": 812, "so_far": False}
    assert "say" not in vars(Server.watchdog)


def waits(tracer):
    """Return what was waited for, and what of that took too long."""
    started = [each["what"] for each in told(tracer, "timer.start")]
    return started, [each["what"] for each in told(tracer, "timer.fire")]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
async def test_an_idle_connection_that_ends_is_told(
    loop_name, tracer, version
):
    async with running(hello, keep_alive_timeout=0.05) as server:
        install(tracer, server=server.shells)
        async with httpx.AsyncClient(
            http1=version == "HTTP/1.1", http2=version == "HTTP/2"
        ) as client:
            await client.get(server.url)
            server.shells.sweep(anyio.current_time() + 1)
            with anyio.fail_after(2):
                while "net.close" not in names(tracer, "net"):
                    await anyio.lowlevel.checkpoint()
    started, fired = waits(tracer)
    assert started[-1] == "idle"
    assert fired == ["idle"]
    [ended] = told(tracer, "timer.fire")
    assert ended["seconds"] >= 0.9


async def test_content_that_does_not_come_is_told(loop_name, tracer):
    async with running(echo, body_idle_timeout=0.05) as server:
        install(tracer, server=server.shells)
        async with await server.connect() as client:
            await client.send(
                b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"
            )
            with anyio.fail_after(2):
                while "content" not in waits(tracer)[0]:
                    await anyio.lowlevel.checkpoint()
            server.shells.sweep(anyio.current_time() + 1)
            await hear(client)
    [started] = [
        each
        for each in tracer.records
        if each.name == "timer.start" and each.data["what"] == "content"
    ]
    [fired] = [each for each in tracer.records if each.name == "timer.fire"]
    assert (started.req, fired.req) == ("r1", "r1")
    assert started.data["seconds"] == 0.05
    assert fired.data["what"] == "content"


async def test_a_silent_connection_that_ends_is_told(loop_name, tracer):
    async with running(hello, header_timeout=0.05) as server:
        install(tracer, server=server.shells)
        async with await server.connect() as client:
            with anyio.fail_after(2):
                while not server.shells.open:
                    await anyio.lowlevel.checkpoint()
            server.shells.sweep(anyio.current_time() + 1)
            assert await hear(client) == b""
    assert waits(tracer)[1] == ["first head"]


@contextmanager
def tapped_connections(tracer):
    """Have the clients in memory speak with connections that have taps."""
    usual = dict(CONNECTIONS)
    CONNECTIONS.update(
        h1=lambda *args: TappedH1(Line(tracer, args[0], None), *args),
        h2=lambda *args: TappedH2(Line(tracer, args[0], "h2"), *args),
    )
    yield
    CONNECTIONS.update(usual)


def test_what_a_stream_of_http2_waits_for_is_told(tracer):
    def takes(stream):
        while stream.take() is not None:
            pass

    with tapped_connections(tracer):
        client = H2Client(takes)
        number = client.post(b"abc", end=False)
        client.exchange()
        client.connection.expire(client.connection.now + 40)
    started, fired = waits(tracer)
    assert "content" in started
    assert fired[0] == "content"
    late = next(each for each in tracer.records if each.name == "timer.fire")
    assert (late.stream, late.data["seconds"]) == (number, 40.0)


def test_a_window_that_stays_closed_is_told(tracer):
    def large(stream):
        stream.send(start())
        stream.send(body(bytes(400_000)))

    with tapped_connections(tracer):
        client = H2Client(large)
        client.reads = False
        client.request()
        client.exchange()
        client.connection.expire(client.connection.now + 40)
    assert "window" in waits(tracer)[0]
    assert waits(tracer)[1] == ["window"]


@pytest.mark.parametrize("kind", [H1Socket, H2Socket])
def test_a_pong_that_does_not_come_is_told(tracer, kind):
    with tapped_connections(tracer):
        socket = kind()
        for seconds in (21, 42):
            socket.connection.expire(float(seconds))
    started, fired = waits(tracer)
    assert "pong" in started
    assert fired == ["pong"]


async def test_each_record_says_in_which_task_it_was(loop_name, tracer, app):
    @app.before_request
    async def load():
        async with anyio.create_task_group() as group:
            group.start_soon(emit, name="helper")

    async def emit():
        tracer.emit("x.y")

    async with running(app) as server:
        install(tracer, server=server.shells)
        await server.says(ASKED.replace(b"/", b"/users/7", 1))
    tasks = {each.name: each.task for each in tracer.records}
    for name in ("asgi.app", "user.call", "route.match", "task.done"):
        assert tasks[name] == "call r1"
    assert tasks["x.y"] not in {"call r1", None}
    # On asyncio a callback of the loop reads; on trio a task.
    assert (tasks["net.recv"] is None) is (loop_name != "trio")


async def test_a_trace_of_a_server_has_both_halves(loop_name, app):
    async with running(app) as server:
        with microquart.trace(server.shells) as trace:
            await server.says(
                b"GET /users/7?token=abc HTTP/1.1\r\nhost: a\r\n"
                b"cookie: secret\r\nconnection: close\r\n\r\n"
            )
    assert trace.requests[0].calls() == ["user"]
    assert len(trace) > 20
    everything = repr(list(trace))
    assert "secret" not in everything
    assert "token=abc" not in everything


async def test_connections_that_are_open_stay_as_they_are(loop_name, tracer):
    async with running(hello) as server:
        async with await server.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            await hear(client, b"hello")
            mine = server.shells.open
            before = set(mine)
            taps = install(tracer, server=server.shells)
            await server.says(ASKED)
            taps.remove()
            assert server.shells.open is mine
            assert before <= mine
            await client.send(ASKED)
            assert (await hear(client)).endswith(b"hello")
    assert complaints(tracer.records) == []


async def test_after_the_block_a_trace_does_not_grow(loop_name):
    asked = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    async with running(hello) as server:
        async with await server.connect() as client:
            with microquart.trace(server.shells) as trace:
                await client.send(asked)
                await hear(client, b"hello")
            before = len(trace)
            await client.send(asked)
            await hear(client, b"hello")
            assert len(trace) == before
        with anyio.fail_after(2):
            while server.shells.open:
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("settings", [{}, {"limit_concurrency": 5}])
async def test_the_start_and_the_end_of_an_application_are_told(
    loop_name, tracer, app, settings, tapped
):
    @app.before_serving
    async def open_database():
        pass

    @app.after_serving
    async def close_database():
        pass

    async with running(app, **settings) as server:
        await server.says(ASKED)
    assert complaints(tracer.records) == []
    spans = [
        each.data.get("qualname", each.name)
        for each in tracer.records
        if each.ph == "B" and each.layer in {"lifespan", "user"}
    ]
    assert spans == [
        *("lifespan.startup", "open_database"),
        *("lifespan.shutdown", "close_database"),
    ]
