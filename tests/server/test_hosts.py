"""Which hosts are answered, and that no path leads to another one."""

import pytest

from microquart import Quart, redirect, request, url_for, websocket
from tests.server.asking import ask, both
from tests.server.running import running
from tests.server.test_origins import shake

TRUSTED = ["a.example", ".b.example", "[::1]"]
HOSTS = {
    "a.example": True,
    "A.Example": True,
    "a.example:8000": True,
    "x.a.example": False,
    "b.example": True,
    "x.b.example": True,
    "xb.example": False,
    "b.example.evil.example": False,
    "evil.example": False,
    "[::1]:8000": True,
    "127.0.0.1": False,
}


def site(**config: object) -> tuple[Quart, list[str]]:
    app = Quart(__name__)
    app.config.update(config)
    seen: list[str] = []

    @app.get("/")
    async def hello() -> str:
        seen.append(request.host)
        return "hello"

    @app.get("/page/")
    async def page() -> str:
        return "page"

    @app.websocket("/")
    async def socket() -> None:
        seen.append("websocket")
        await websocket.accept()

    return app, seen


@pytest.mark.slow
@both
async def test_a_host_that_is_not_trusted_gets_nothing_at_all(
    loop_name, version
):
    """Neither a page nor a redirect, a 404 or a 405."""
    app, seen = site(TRUSTED_HOSTS=TRUSTED)
    paths = {"/": 200, "/page": 308, "/nowhere": 404}
    async with running(app) as server:
        for host, trusted in HOSTS.items():
            seen.clear()
            for path, status in paths.items():
                answer = await ask(server, version, path, host=host)
                found = (host, path, answer.status)
                assert found == (host, path, status if trusted else 400)
            answer = await ask(
                server, version, "/page/", method="DELETE", host=host
            )
            assert answer.status == (405 if trusted else 400)
            assert bool(seen) is trusted, host


@pytest.mark.parametrize("version", ["1.1", "2"])
async def test_a_websocket_has_to_ask_for_a_trusted_host_too(
    loop_name, version
):
    app, seen = site(TRUSTED_HOSTS=TRUSTED)
    async with running(app) as server:
        assert await shake(server, version, None, "evil.example") == 400
        assert seen == []
        assert await shake(server, version, None, "a.example") < 300


# -- redirects --

# What could be read as the start of another host.
PATHS = [
    "//evil.example",
    "///evil.example",
    "/%5Cevil.example",
    "/%5C%5Cevil.example",
    "/%09/evil.example",
    "//evil.example//x",
    "/http://evil.example",
    "/%0D%0ALocation:%20http://evil.example",
    "/..//evil.example",
    "/%2F/evil.example",
    "/%2F%2Fevil.example",
    "//evil.example/%2e%2e",
    "/evil.example//",
]


@both
async def test_no_redirect_of_the_router_leaves_the_host(loop_name, version):
    app = Quart(__name__)

    @app.get("/<path:name>/")
    async def page(name: str) -> str:
        return "page"

    @app.get("/<name>/")
    async def one(name: str) -> str:
        return "page"

    async with running(app) as server:
        answers = [await ask(server, version, path) for path in PATHS]
    redirected = [each for each in answers if each.status == 308]
    assert len(redirected) > len(PATHS) / 2
    for answer in redirected:
        location = answer["location"]
        assert location[0] == "/"
        assert location[1:2] not in {"/", "\\"}
        assert location.isascii()
        assert location.isprintable()


@both
async def test_a_redirect_is_a_path_whatever_the_host(loop_name, version):
    app, _ = site()
    async with running(app) as server:
        for host in ("x", "evil.example", "a:80"):
            answer = await ask(server, version, "/page?a=b", host=host)
            assert answer.status == 308
            assert answer["location"] == "/page/?a=b"


@both
@pytest.mark.parametrize("to", ["/\r\nSet-Cookie: a=b", "/\n", "/\0", "/a\rb"])
async def test_a_view_cannot_split_its_answer_with_a_redirect(
    loop_name, version, to
):
    app = Quart(__name__)

    @app.get("/")
    async def view():
        return redirect(to)

    @app.get("/field")
    async def field():
        return "", {"X-To": to}

    async with running(app) as server:
        answers = [await ask(server, version, at) for at in ("/", "/field")]
    for answer in answers:
        assert answer.all("set-cookie") == []
        assert answer.all("x-to") == []
        location = "".join(answer.all("location"))
        assert location.isprintable()
    assert answers[1].status == 500


# -- URLs --


@both
async def test_with_a_server_name_no_client_chooses_the_host_of_urls(
    loop_name, version
):
    app = Quart(__name__)
    app.config["SERVER_NAME"] = "shop.example"

    @app.get("/")
    async def home() -> str:
        return url_for("home", _external=True)

    async with running(app) as server:
        for host in ("shop.example", "evil.example"):
            answer = await ask(server, version, "/", host=host)
            assert answer.text == "http://shop.example/"
