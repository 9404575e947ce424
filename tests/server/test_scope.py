"""What an application is told of a request, through a socket."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, http
from tests.server.process import started
from tests.server.running import hear, running

LINE = b"GET / HTTP/1.1\r\n"


class Told:
    """An application that keeps its scopes, and returns a value."""

    def __init__(self) -> None:
        self.scopes: dict[str, dict[str, Any]] = {}
        self.may_start = anyio.Event()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> Any:
        self.scopes[scope["type"]] = dict(scope)
        if scope["type"] == "lifespan":
            await receive()
            await self.may_start.wait()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await answer(send)
        return "a value that nobody wants"


# What is asked, and what is then in the scope.
SCOPES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "asgi version": (
        LINE,
        {"asgi": {"version": "3.0", "spec_version": "2.5"}},
    ),
    "method version scheme": (
        LINE,
        {"method": "GET", "http_version": "1.1", "scheme": "http"},
    ),
    "unusual methods": (
        b"PROPFIND / HTTP/1.1\r\n",
        {"method": "PROPFIND"},
    ),
    "OPTIONS": (b"OPTIONS / HTTP/1.1\r\n", {"method": "OPTIONS"}),
    "utf8 path": (
        b"GET /caf%C3%A9 HTTP/1.1\r\n",
        {"path": "/café", "raw_path": b"/caf%C3%A9"},
    ),
    "encoded slash": (
        b"GET /a%2Fb HTTP/1.1\r\n",
        {"path": "/a/b", "raw_path": b"/a%2Fb"},
    ),
    "invalid utf8 path": (
        b"GET /%ff HTTP/1.1\r\n",
        {"path": "/\ufffd", "raw_path": b"/%ff"},
    ),
    "query string": (
        b"GET /?a=%20b+c&a HTTP/1.1\r\n",
        {"path": "/", "query_string": b"a=%20b+c&a"},
    ),
    "absolute target": (
        b"GET http://x/p?q HTTP/1.1\r\n",
        {"path": "/p", "query_string": b"q"},
    ),
    "dot segments": (b"GET /a/../b HTTP/1.1\r\n", {"path": "/a/../b"}),
    "root path default": (LINE, {"root_path": ""}),
    "header names, values and their order": (
        LINE + b"X-B: \t One \r\nx-a: \xe9\xc3\xa9\r\nX-B: two\r\n",
        {
            "headers": [
                (b"x-b", b"One"),
                (b"x-a", b"\xe9\xc3\xa9"),
                (b"x-b", b"two"),
                (b"host", b"x"),
            ]
        },
    ),
}


@pytest.mark.parametrize("name", SCOPES)
async def test_the_scope_says_what_was_asked(loop_name, name):
    asked, said = SCOPES[name]
    app = Told()
    app.may_start.set()
    async with running(app) as server:
        await server.says(asked + b"Host: x\r\n\r\n", b"hello")
    scope = app.scopes["http"]
    assert {key: scope[key] for key in said} == said
    assert all(isinstance(each, dict) for each in scope["extensions"].values())


async def test_the_root_path_is_before_the_path(loop_name):
    app = Told()
    app.may_start.set()
    async with running(app, root_path="/api/") as server:
        await server.says(LINE + b"Host: x\r\n\r\n", b"hello")
    assert app.scopes["http"]["root_path"] == "/api"
    assert app.scopes["http"]["path"] == "/api/"


async def test_the_lifespan_has_a_scope_and_nobody_comes_before_it(loop_name):
    app = Told()
    listening = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listening.extra(anyio.abc.SocketAttribute.local_port)
    await listening.aclose()
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            async with running(app, bind=(f"127.0.0.1:{port}",)):
                pass

        group.start_soon(ask)
        async with await until_it_listens(port) as client:
            await client.send(LINE + b"Host: x\r\nConnection: close\r\n\r\n")
            with anyio.move_on_after(0.1) as nothing:
                await client.receive()
            assert nothing.cancelled_caught
            assert list(app.scopes) == ["lifespan"]
            app.may_start.set()
            assert (await hear(client)).endswith(b"hello")
    scope = app.scopes["lifespan"]
    assert scope["asgi"]["version"] == "3.0"
    assert isinstance(scope["state"], dict)


async def until_it_listens(port: int) -> anyio.abc.SocketStream:
    while True:
        try:
            return await anyio.connect_tcp("127.0.0.1", port)
        except OSError:
            await anyio.lowlevel.checkpoint()


async def test_the_state_is_a_copy_for_each_request(loop_name):
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert "mine" not in scope["state"]
        scope["state"]["mine"] = scope
        await answer(send)

    async with running(app) as server:
        for _ in range(2):
            assert await server.says(LINE + b"Host: x\r\n\r\n", b"hello")


async def test_the_limit_of_a_head_can_be_raised(loop_name):
    app = Told()
    app.may_start.set()
    large = LINE + b"Host: x\r\nA: " + b"a" * 65_536 + b"\r\n\r\n"
    async with running(app, max_header_bytes=100_000) as server:
        assert (await server.says(large, b"hello")).endswith(b"hello")


@pytest.mark.slow
def test_a_factory_makes_the_application(tmp_path):
    (tmp_path / "made.py").write_text(
        "from microquart import Quart\n\n\ndef make_it():\n"
        "    app = Quart(__name__)\n    return app\n"
    )
    with started(f"{tmp_path}/made.py:make_it()") as server:
        assert server.port
        assert server.stop() == 0
