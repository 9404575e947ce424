"""Several applications: who gets a request, and how each of them lives."""

import json

import anyio
import anyio.to_thread
import pytest
from websockets.sync.client import connect

from microquart import Quart, request, url_for, websocket
from microquart.middleware import DispatcherMiddleware
from microquart.server.lifespan import StartupFailed
from tests.middleware import conversation
from tests.middleware.conversation import Seen, handshake, response, said
from tests.server.running import Running, running

GET = b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
NAMES = ["/", "/api", "/api/v2", "b.example", "b.example/api", "[::1]"]


def host(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"host", value)]


# -- who gets it --


@pytest.mark.parametrize(
    ("at", "path", "name", "root_path"),
    [
        (b"a", "/", "/", ""),
        (b"a", "/x", "/", ""),
        (b"a", "/api", "/api", "/api"),
        (b"a", "/api/", "/api", "/api"),
        (b"a", "/api/users", "/api", "/api"),
        (b"a", "/apiary", "/", ""),
        (b"a", "/api/v2/users", "/api/v2", "/api/v2"),
        (b"a", "/api/v22", "/api", "/api"),
        (b"b.example", "/", "b.example", ""),
        (b"B.Example:8000", "/x", "b.example", ""),
        (b"b.example", "/api/v2", "b.example/api", "/api"),
        (b"c.b.example", "/", "/", ""),
        (b"[::1]:8000", "/", "[::1]", ""),
        (b"", "/", "/", ""),
    ],
)
@pytest.mark.parametrize("make", [conversation.request, handshake])
async def test_the_nearest_mount_gets_it(make, at, path, name, root_path):
    apps = {each: Seen() for each in NAMES}
    scope = make(path, headers=host(at))
    await said(DispatcherMiddleware(apps), scope)
    assert [each for each, app in apps.items() if app.scopes] == [name]
    got = apps[name].scope
    assert (got["root_path"], got["path"]) == (root_path, path)
    assert got["raw_path"] == path.encode()
    assert scope["root_path"] == "", "a middleware changes a copy"


@pytest.mark.parametrize("path", ["/all/api/x", "/api/x"])
async def test_a_mount_is_below_the_root_of_the_server(path):
    """Also where the server leaves its root out of the path."""
    app = Seen()
    scope = conversation.request(path, root_path="/all")
    await said(DispatcherMiddleware({"/api": app}), scope)
    assert app.scope["root_path"] == "/all/api"
    assert app.scope["path"] == "/all/api/x"


async def test_a_mount_can_be_a_dispatcher():
    app = Seen()
    inner = DispatcherMiddleware({"/b": app})
    outer = DispatcherMiddleware({"/a/": inner})
    await said(outer, conversation.request("/a/b/c"))
    assert app.scope["root_path"] == "/a/b"
    assert app.scope["path"] == "/a/b/c"


async def test_what_nobody_takes_is_not_found():
    dispatcher = DispatcherMiddleware({"/api": Seen(), "b.example": Seen()})
    messages = await said(dispatcher, conversation.request("/"))
    assert response(messages)[::2] == (404, b"Not Found")
    messages = await said(dispatcher, handshake("/"))
    assert response(messages)[0] == 404
    messages = await said(dispatcher, handshake("/", answerable=False))
    assert messages == [{"type": "websocket.close"}]


# -- how they live --


def life(name: str, log: list[str], **failures: str):
    """An application that notes what happens to it."""

    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            log.append(f"{name} {sorted(scope['state'])}")
            return
        scope["state"][name] = name
        for _ in range(2):
            kind = (await receive())["type"].partition(".")[2]
            log.append(f"{kind} {name}")
            if kind in failures:
                await send(
                    {
                        "type": f"lifespan.{kind}.failed",
                        "message": failures[kind],
                    }
                )
                return
            await send({"type": f"lifespan.{kind}.complete"})

    return app


async def knows_nothing(scope, receive, send):
    raise NotImplementedError(scope["type"])


LIFESPAN = {"type": "lifespan", "asgi": {"version": "3.0"}}
STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


async def test_they_start_in_order_and_stop_in_the_reverse():
    log: list[str] = []
    again = life("c", log)
    dispatcher = DispatcherMiddleware(
        {
            "/a": life("a", log),
            "/b": knows_nothing,
            "/c": again,
            "c.example": again,
        }
    )
    messages = await said(dispatcher, LIFESPAN, STARTUP, SHUTDOWN)
    assert messages == [
        {"type": "lifespan.startup.complete"},
        {"type": "lifespan.shutdown.complete"},
    ]
    assert log == ["startup a", "startup c", "shutdown c", "shutdown a"]


async def test_each_has_a_state_of_its_own_beside_the_servers():
    log: list[str] = []
    dispatcher = DispatcherMiddleware(
        {"/a": life("a", log), "/b": life("b", log)}
    )
    outer = {"server": 1}
    await said(dispatcher, {**LIFESPAN, "state": outer}, STARTUP, SHUTDOWN)
    assert outer == {"server": 1}
    log.clear()
    for path in ("/a", "/b"):
        scope = conversation.request(path, state={"server": 1})
        await said(dispatcher, scope)
    assert log == ["a ['a', 'server']", "b ['b', 'server']"]


async def test_who_cannot_start_is_named_and_the_others_stop():
    log: list[str] = []
    dispatcher = DispatcherMiddleware(
        {
            "/a": life("a", log),
            "/b": life("b", log, startup="no database"),
            "/c": life("c", log),
        }
    )
    assert await said(dispatcher, LIFESPAN, STARTUP) == [
        {"type": "lifespan.startup.failed", "message": "/b: no database"}
    ]
    assert log == ["startup a", "startup b", "shutdown a"]


async def test_who_cannot_stop_is_named_and_the_others_stop():
    log: list[str] = []
    dispatcher = DispatcherMiddleware(
        {"/": life("a", log), "/b": life("b", log, shutdown="too late")}
    )
    messages = await said(dispatcher, LIFESPAN, STARTUP, SHUTDOWN)
    assert messages[1:] == [
        {"type": "lifespan.shutdown.failed", "message": "/b: too late"}
    ]
    assert log[2:] == ["shutdown b", "shutdown a"]


async def test_an_error_between_start_and_stop_is_told(caplog):
    async def fails(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise ValueError("no such luck")

    dispatcher = DispatcherMiddleware({"/a": fails})
    messages = await said(dispatcher, LIFESPAN, STARTUP, SHUTDOWN)
    assert messages[1:] == [
        {
            "type": "lifespan.shutdown.failed",
            "message": "/a: ValueError: no such luck",
        }
    ]
    assert "/a: its lifespan failed" in caplog.text


# -- with our own server and framework --


def site(name: str, log: list[str]) -> Quart:
    app = Quart(__name__)

    @app.before_serving
    async def start() -> None:
        log.append(f"start {name}")

    @app.after_serving
    async def stop() -> None:
        log.append(f"stop {name}")

    @app.get("/where")
    async def where() -> list[str]:
        return [name, request.path, url_for("where")]

    @app.websocket("/where")
    async def socket() -> None:
        await websocket.send(f"{name} {websocket.path}")

    return app


async def test_views_are_below_their_mount(loop_name):
    log: list[str] = []
    dispatcher = DispatcherMiddleware(
        {
            "/shop": site("shop", log),
            "docs.example": site("docs", log),
            "": site("home", log),
        }
    )

    def talk(server: Running) -> str | bytes:
        with connect(f"ws://localhost:{server.port}/shop/where") as client:
            return client.recv()

    async def where(server: Running, path: bytes, host: bytes) -> list[str]:
        answer = await server.says(GET % (path, host))
        found: list[str] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return found

    async with running(dispatcher, lifespan="on") as server:
        assert log == ["start shop", "start docs", "start home"]
        assert await where(server, b"/shop/where", b"a") == [
            *("shop", "/where", "/shop/where")
        ]
        assert await where(server, b"/where", b"docs.example") == [
            *("docs", "/where", "/where")
        ]
        assert await where(server, b"/where", b"a") == [
            *("home", "/where", "/where")
        ]
        said = await anyio.to_thread.run_sync(talk, server)
        assert said == "shop /where"
        server.stop.set()
        await server.stopped.wait()
    assert log[3:] == ["stop home", "stop docs", "stop shop"]


async def test_the_server_ends_if_one_cannot_start(loop_name):
    app = Quart(__name__)

    @app.before_serving
    async def start() -> None:
        raise ValueError("no database")

    dispatcher = DispatcherMiddleware({"/shop": app})
    with pytest.raises(ExceptionGroup) as caught:
        async with running(dispatcher):
            pass
    failed = caught.value.subgroup(StartupFailed)
    assert failed is not None
    assert str(failed.exceptions[0]) == "/shop: no database"
