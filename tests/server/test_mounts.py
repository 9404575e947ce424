"""Several applications on one port: who answers for which host and path."""

from microquart.asgi import ASGIApplication, Receive, Scope, Send
from microquart.middleware import DispatcherMiddleware
from tests.server.applications import answer, http
from tests.server.asking import ask, both
from tests.server.running import running

MOUNTS = ["/", "/api", "/api/v2", "b.example", "b.example/api", "[::1]"]
# Host and path, the mount that answers, and what it takes for its root.
ASKED = [
    ("a", "/", "/", ""),
    ("a", "/x", "/", ""),
    ("a", "/api", "/api", "/api"),
    ("a", "/api/", "/api", "/api"),
    ("a", "/api?b=/api/v2", "/api", "/api"),
    ("a", "/apiary", "/", ""),
    ("a", "/api/v2/users", "/api/v2", "/api/v2"),
    ("a", "/api/v22", "/api", "/api"),
    ("a", "/API", "/", ""),
    ("a", "/%61pi/x", "/api", "/api"),
    ("a", "//api", "/", ""),
    ("b.example", "/", "b.example", ""),
    ("B.Example:8000", "/x", "b.example", ""),
    ("b.example", "/api/v2", "b.example/api", "/api"),
    ("c.b.example", "/", "/", ""),
    ("[::1]:8000", "/", "[::1]", ""),
]


def named(name: str) -> ASGIApplication:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        said = f"{name} {scope['root_path']} {scope['path']}"
        await answer(send, said.encode())

    return app


@both
async def test_the_nearest_mount_answers(loop_name, version):
    app = DispatcherMiddleware({name: named(name) for name in MOUNTS})
    async with running(app) as server:
        for host, target, name, root in ASKED:
            found = await ask(server, version, target, host=host)
            path = target.partition("?")[0].replace("%61", "a")
            assert found.text == f"{name} {root} {path}"


@both
async def test_what_nobody_takes_is_not_found(loop_name, version):
    mounts = {name: named(name) for name in ("/api", "b.example")}
    async with running(DispatcherMiddleware(mounts)) as server:
        for host, target in (("a", "/"), ("c.b.example", "/"), ("a", "/ap")):
            found = await ask(server, version, target, host=host)
            assert (found.status, found.content) == (404, b"Not Found")
