"""From HTTP to HTTPS, as browsers and clients of websockets are sent on."""

import pytest

from microquart import Quart, request, websocket
from microquart.middleware import HTTPToHTTPSRedirectMiddleware
from tests.server.asking import ask, both, heard_of
from tests.server.h2client import talking
from tests.server.running import hear, running
from tests.server.test_origins import HANDSHAKE


def site() -> Quart:
    app = Quart(__name__)

    @app.route("/a", methods=["GET", "POST"])
    async def view() -> str:
        return request.scheme

    @app.websocket("/")
    async def socket() -> None:
        await websocket.accept()

    return app


TARGETS = {
    ("/a", "a.example"): "https://a.example/a",
    ("/a?b=1&c=%20", "a.example"): "https://a.example/a?b=1&c=%20",
    ("/%C3%A9%20x", "a.example"): "https://a.example/%C3%A9%20x",
    ("//evil.example", "a.example"): "https://a.example//evil.example",
    ("/a", "a.example:80"): "https://a.example/a",
    ("/a", "a.example:8080"): "https://a.example:8080/a",
    ("/a", "[::1]:80"): "https://[::1]/a",
}


@both
async def test_what_comes_in_clear_is_sent_to_the_same_place(
    loop_name, version
):
    app = HTTPToHTTPSRedirectMiddleware(site())
    async with running(app) as server:
        for (target, host), location in TARGETS.items():
            for method in ("GET", "POST"):
                answer = await ask(
                    server, version, target, method=method, host=host
                )
                assert (answer.status, answer.content) == (307, b"")
                assert answer["location"] == location


@both
async def test_it_can_be_another_host(loop_name, version):
    app = HTTPToHTTPSRedirectMiddleware(site(), "b.example")
    async with running(app) as server:
        answer = await ask(server, version, "/a", host="evil.example")
    assert answer["location"] == "https://b.example/a"


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
async def test_what_comes_over_tls_passes(loop_name, certificates, alpn):
    context = certificates.client_context(alpn)
    app = HTTPToHTTPSRedirectMiddleware(site())
    async with running(
        app,
        certfile=certificates.certfile,
        keyfile=certificates.keyfile,
        client_context=context,
    ) as server:
        version = "2" if alpn == "h2" else "1.1"
        assert (await ask(server, version, "/a")).text == "https"


async def test_behind_a_proxy_what_came_over_tls_passes(loop_name):
    app = HTTPToHTTPSRedirectMiddleware(site())
    trusted = {"proxy_headers": True, "forwarded_allow_ips": ("127.0.0.1",)}
    field = ("x-forwarded-proto", "https")
    async with running(app, **trusted) as server:
        assert (await ask(server, "1.1", "/a", field)).text == "https"
        assert (await ask(server, "1.1", "/a")).status == 307
    async with running(app) as server:
        assert (await ask(server, "1.1", "/a", field)).status == 307


async def test_a_websocket_is_sent_on_too(loop_name):
    app = HTTPToHTTPSRedirectMiddleware(site())
    said = HANDSHAKE.format(host="a.example:80", origin="")
    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(said.encode())
            answer = heard_of(await hear(client, b"\r\n\r\n"))
    assert (answer.status, answer["location"]) == (307, "wss://a.example/")


async def test_a_websocket_over_http_2_is_sent_on_too(loop_name):
    """It is a request like others there, and its scheme is https."""
    app = HTTPToHTTPSRedirectMiddleware(site())
    async with running(app) as server:
        async with talking(server) as client:
            number = await client.ask(
                "/",
                (":protocol", "websocket"),
                ("sec-websocket-version", "13"),
                method="CONNECT",
                end=False,
            )
            fields, _ = await client.answer(number)
    assert (fields[":status"], fields["location"]) == ("307", "https://x/")
