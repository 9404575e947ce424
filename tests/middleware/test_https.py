"""From HTTP to HTTPS."""

import pytest

from microquart.middleware import HTTPToHTTPSRedirectMiddleware
from tests.middleware.conversation import (
    Seen,
    handshake,
    request,
    response,
    said,
)


def host(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"host", value)]


@pytest.mark.parametrize(
    ("scope", "to", "location"),
    [
        (request("/a"), None, b"https://a.example/a"),
        (request("/a"), "b.example", b"https://b.example/a"),
        (
            request("/a", query_string=b"b=1&c=%20"),
            None,
            b"https://a.example/a?b=1&c=%20",
        ),
        (
            request("/é x", raw_path=b"/%C3%A9%20x"),
            None,
            b"https://a.example/%C3%A9%20x",
        ),
        (
            request("/é x", raw_path=None),
            None,
            b"https://a.example/%C3%A9%20x",
        ),
        (
            request("/all/a", root_path="/all"),
            None,
            b"https://a.example/all/a",
        ),
        (request("/a", root_path="/all"), None, b"https://a.example/all/a"),
        (request("//evil.example"), None, b"https://a.example//evil.example"),
        (request(headers=host(b"a:80")), None, b"https://a/"),
        (request(headers=host(b"a:8080")), None, b"https://a:8080/"),
        (request(headers=host(b"[::1]:80")), None, b"https://[::1]/"),
        (handshake("/a"), None, b"wss://a.example/a"),
        (handshake("/a", http_version="2"), None, b"https://a.example/a"),
    ],
)
async def test_what_comes_in_clear_is_sent_to_the_same_place(
    scope, to, location
):
    app = Seen()
    redirect = HTTPToHTTPSRedirectMiddleware(app, to)
    status, headers, content = response(await said(redirect, scope))
    assert (status, content) == (307, b"")
    assert headers[b"location"] == location
    assert app.scopes == []


@pytest.mark.parametrize(
    "scope",
    [
        request(scheme="https"),
        handshake(scheme="wss"),
        {"type": "lifespan", "asgi": {"version": "3.0"}},
    ],
    ids=lambda scope: scope["type"],
)
async def test_what_comes_in_secret_passes(scope):
    app = Seen()
    await said(HTTPToHTTPSRedirectMiddleware(app, None), scope)
    assert app.scope is scope


async def test_a_scope_without_scheme_is_in_clear():
    scope = request()
    del scope["scheme"]
    messages = await said(HTTPToHTTPSRedirectMiddleware(Seen()), scope)
    assert response(messages)[0] == 307


async def test_a_websocket_is_closed_where_it_cannot_be_answered():
    redirect = HTTPToHTTPSRedirectMiddleware(Seen())
    messages = await said(redirect, handshake(answerable=False))
    assert messages == [{"type": "websocket.close"}]


@pytest.mark.parametrize("value", [b"a@b", b"a/b", b"a\r\nb", b""])
async def test_nobody_is_sent_to_what_is_no_host(value):
    redirect = HTTPToHTTPSRedirectMiddleware(Seen())
    messages = await said(redirect, request(headers=host(value)))
    assert response(messages)[0] == 400
    messages = await said(redirect, request(headers=[]))
    assert response(messages)[0] == 400
