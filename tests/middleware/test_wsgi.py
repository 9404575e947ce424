"""WSGI applications on our server, through a2wsgi, beside a Quart one."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import bottle
import cherrypy
import flask
import pytest
from a2wsgi import WSGIMiddleware

from microquart import Quart
from microquart.middleware import DispatcherMiddleware
from tests.server.applications import hello
from tests.server.running import running

# a2wsgi speaks asyncio only.
pytestmark = pytest.mark.parametrize(
    "anyio_backend", ["asyncio", "asyncio+uvloop"], indirect=True
)

REQUEST = (
    b"%b HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n"
    b"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
)


def with_flask() -> Any:
    app = flask.Flask(__name__)

    @app.get("/where/<name>")
    def where(name: str) -> str:
        link = flask.url_for("where", name="x", _external=True)
        return f"{flask.request.remote_addr} {name} {link}"

    @app.post("/length")
    def length() -> str:
        return str(len(flask.request.get_data()))

    @app.get("/parts")
    def parts() -> tuple[Iterator[str], dict[str, str]]:
        return (f"{number}\n" for number in range(3)), {"X-Parts": "3"}

    return app


def with_bottle() -> Any:
    app = bottle.Bottle()

    @app.get("/where/<name>", name="where")
    def where(name: str) -> str:
        scheme, host, *_ = bottle.request.urlparts
        path = app.get_url("where", name="x")
        address = bottle.request.environ["REMOTE_ADDR"]
        return f"{address} {name} {scheme}://{host}{path}"

    @app.post("/length")
    def length() -> str:
        return str(len(bottle.request.body.read()))

    @app.get("/parts")
    def parts() -> Iterator[str]:
        bottle.response.set_header("X-Parts", "3")
        yield from ("0\n", "1\n", "2\n")

    return app


def with_cherrypy() -> Any:
    class Root:
        @cherrypy.expose
        def where(self, name: str) -> str:
            address = cherrypy.request.remote.ip
            return f"{address} {name} {cherrypy.url('/where/x')}"

        @cherrypy.expose
        def length(self) -> str:
            return str(len(cherrypy.request.body.read()))

        @cherrypy.expose
        def parts(self) -> Iterator[str]:
            cherrypy.response.headers["X-Parts"] = "3"
            return (f"{number}\n" for number in range(3))

    cherrypy.config.update({"environment": "embedded"})
    config = {"/parts": {"response.stream": True}}
    # None: below whatever it is mounted at.
    return cherrypy.Application(Root(), None, config)


@pytest.fixture(params=[with_flask, with_bottle, with_cherrypy])
def mounted(
    request: pytest.FixtureRequest,
) -> Iterator[DispatcherMiddleware]:
    """A Quart application, and a WSGI one below /old."""
    make: Callable[[], Any] = request.param
    new = Quart(__name__)

    @new.get("/")
    async def home() -> str:
        return "new"

    old = WSGIMiddleware(make())
    yield DispatcherMiddleware({"": new, "/old": old})
    old.executor.shutdown()


TRUSTED = {"proxy_headers": True, "forwarded_allow_ips": ("127.0.0.1",)}


async def test_it_is_below_its_mount_and_behind_the_proxy(mounted):
    async with running(mounted, **TRUSTED) as server:
        answer = await server.says(
            REQUEST % b"GET /old/where/caf%C3%A9" + b"\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.partition(b"\r\n\r\n")[2].decode() == (
            "9.9.9.9 café https://a.example/old/where/x"
        )
        answer = await server.says(REQUEST % b"GET /" + b"\r\n")
        assert answer.endswith(b"\r\n\r\nnew")


async def test_it_reads_a_body(mounted):
    body = b"x" * 100_000
    head = REQUEST % b"POST /old/length" + b"Content-Length: 100000\r\n\r\n"
    async with running(mounted) as server:
        answer = await server.says(head + body)
    assert answer.endswith(b"\r\n\r\n100000")


async def test_it_answers_in_parts(mounted):
    async with running(mounted) as server:
        answer = await server.says(REQUEST % b"GET /old/parts" + b"\r\n")
    assert b"\r\nx-parts: 3\r\n" in answer
    parts = [b"2\r\n%d\n\r\n" % number for number in range(3)]
    assert answer.endswith(b"\r\n\r\n" + b"".join(parts) + b"0\r\n\r\n")


async def test_what_it_does_not_know_is_its_own_404(mounted):
    async with running(mounted) as server:
        answer = await server.says(REQUEST % b"GET /old/nowhere" + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_a_slow_one_keeps_nobody_waiting():
    began, go_on = threading.Event(), threading.Event()

    def slow(environ: Any, start_response: Any) -> list[bytes]:
        began.set()
        go_on.wait(5)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"slow"]

    async def ask_the_slow_one() -> None:
        answers.append(await server.says(REQUEST % b"GET /old" + b"\r\n"))

    answers: list[bytes] = []
    old = WSGIMiddleware(slow)
    both = DispatcherMiddleware({"": hello, "/old": old})
    async with running(both) as server:
        async with anyio.create_task_group() as group:
            group.start_soon(ask_the_slow_one)
            while not began.is_set():
                await anyio.lowlevel.checkpoint()
            answer = await server.says(REQUEST % b"GET /" + b"\r\n")
            assert answer.endswith(b"hello")
            assert answers == []
            go_on.set()
    assert answers[0].endswith(b"slow")
    old.executor.shutdown()
