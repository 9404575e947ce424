"""Proxies in front of any server: by their addresses, or by their number."""

from copy import deepcopy

import pytest

from microquart import Quart, url_for
from microquart import request as current_request
from microquart.middleware import ProxyFixMiddleware, ProxyHeadersMiddleware
from tests.middleware.conversation import (
    Seen,
    handshake,
    request,
    response,
    said,
)

PROXY = "10.0.0.1"  # the client of the scopes
SCOPES = [request, handshake]


def fields(**more: str) -> list[tuple[bytes, bytes]]:
    lines = {"host": "a.example", **more}
    return [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in lines.items()
    ]


async def seen(middleware, scope, **options):
    """Return the scope that an application gets."""
    app = Seen()
    await said(middleware(app, **options), scope)
    return app.scope


# -- by their addresses --


@pytest.mark.parametrize("make", SCOPES)
async def test_nobody_is_trusted_by_default(make):
    scope = make(
        headers=fields(x_forwarded_for="9.9.9.9", forwarded="for=9.9.9.9")
    )
    assert await seen(ProxyHeadersMiddleware, scope) == scope


@pytest.mark.parametrize("make", SCOPES)
async def test_a_trusted_proxy_says_who_asks(make):
    scope = make(
        "/items",
        headers=fields(
            x_forwarded_for="6.6.6.6, 9.9.9.9",
            x_forwarded_proto="https",
            x_forwarded_host="b.example",
            x_forwarded_port="8443",
            x_forwarded_prefix="/shop",
        ),
    )
    before = deepcopy(scope)
    got = await seen(ProxyHeadersMiddleware, scope, trusted_hosts=PROXY)
    assert got["client"] == ("9.9.9.9", 0)
    assert got["scheme"] == ("https" if make is request else "wss")
    assert got["headers"][0] == (b"host", b"b.example:8443")
    assert [name for name, _ in got["headers"]].count(b"host") == 1
    assert got["root_path"] == "/shop"
    assert got["path"] == "/shop/items"
    assert got["raw_path"] == b"/shop/items"
    assert scope == before, "a middleware changes a copy"


async def test_the_prefix_of_a_proxy_stands_for_that_of_the_server():
    scope = request(
        "/shop/items",
        root_path="/shop",
        headers=fields(x_forwarded_prefix="/all/shop"),
    )
    got = await seen(ProxyHeadersMiddleware, scope, trusted_hosts=PROXY)
    assert got["root_path"] == "/all/shop"
    assert got["path"] == "/all/shop/items"
    assert got["raw_path"] == b"/all/shop/items"


async def test_a_server_may_leave_out_what_it_does_not_know():
    scope = request(headers=fields(x_forwarded_for="9.9.9.9"))
    del scope["client"], scope["scheme"], scope["root_path"]
    scope["raw_path"] = None
    got = await seen(ProxyHeadersMiddleware, scope, trusted_hosts="unix")
    assert got["client"] == ("9.9.9.9", 0)
    assert got["scheme"] == "http"


async def test_only_the_named_fields_are_believed():
    scope = request(
        headers=fields(x_forwarded_for="9.9.9.9", x_forwarded_host="evil")
    )
    got = await seen(
        ProxyHeadersMiddleware,
        scope,
        trusted_hosts=PROXY,
        fields=["X-Forwarded-For"],
    )
    assert got["client"] == ("9.9.9.9", 0)
    assert got["headers"] == scope["headers"]


async def test_the_lifespan_passes():
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    assert await seen(ProxyHeadersMiddleware, scope) is scope
    assert await seen(ProxyFixMiddleware, scope) is scope


async def test_the_links_of_a_view_lead_to_the_proxy():
    app = Quart(__name__)

    @app.get("/items/<int:id>")
    async def item(id: int) -> list[str | None]:
        return [
            current_request.remote_addr,
            url_for("item", id=2),
            url_for("item", id=2, _external=True),
        ]

    fixed = ProxyHeadersMiddleware(app, trusted_hosts="10.0.0.0/8")
    scope = request(
        "/items/1",
        headers=fields(
            x_forwarded_for="9.9.9.9",
            x_forwarded_proto="https",
            x_forwarded_prefix="/shop",
        ),
    )
    _, _, content = response(await said(fixed, scope))
    assert content.split(b'"')[1::2] == [
        b"9.9.9.9",
        b"/shop/items/2",
        b"https://a.example/shop/items/2",
    ]


# -- by their number --


@pytest.mark.parametrize("make", SCOPES)
@pytest.mark.parametrize(
    ("hops", "client"), [(1, "10.0.0.9"), (2, "9.9.9.9"), (3, "6.6.6.6")]
)
async def test_the_client_is_so_many_from_the_right(make, hops, client):
    scope = make(
        headers=fields(
            x_forwarded_for="6.6.6.6, 9.9.9.9,10.0.0.9",
            forwarded="for=6.6.6.6, for=9.9.9.9,for=10.0.0.9",
        )
    )
    for mode in ("legacy", "modern"):
        got = await seen(
            ProxyFixMiddleware, scope, mode=mode, trusted_hops=hops
        )
        assert got["client"] == (client, 0)


@pytest.mark.parametrize("hops", [0, 4])
@pytest.mark.parametrize("mode", ["legacy", "modern"])
async def test_with_fewer_values_than_proxies_nothing_changes(hops, mode):
    scope = request(
        headers=fields(
            x_forwarded_for="6.6.6.6, 9.9.9.9, 10.0.0.9",
            x_forwarded_proto="https",
            forwarded="for=6.6.6.6;proto=https, for=9.9.9.9, for=10.0.0.9",
        )
    )
    got = await seen(ProxyFixMiddleware, scope, mode=mode, trusted_hops=hops)
    assert got == scope


async def test_legacy_is_the_default_and_knows_scheme_and_host():
    scope = request(
        headers=fields(
            x_forwarded_for="9.9.9.9",
            x_forwarded_proto="https",
            x_forwarded_host="b.example",
            forwarded="for=6.6.6.6;host=evil.example",
        )
    )
    got = await seen(ProxyFixMiddleware, scope)
    assert got["client"] == ("9.9.9.9", 0)
    assert got["scheme"] == "https"
    assert (b"host", b"b.example") in got["headers"]


async def test_modern_knows_forwarded_alone():
    scope = request(
        headers=fields(
            forwarded='for="[2001:db8::9]:80";proto=https;host=b.example',
            x_forwarded_for="6.6.6.6",
            x_forwarded_host="evil.example",
        )
    )
    got = await seen(ProxyFixMiddleware, scope, mode="modern")
    assert got["client"] == ("2001:db8::9", 80)
    assert got["scheme"] == "https"
    assert (b"host", b"b.example") in got["headers"]


async def test_without_forwarded_modern_does_not_take_the_other_fields():
    scope = request(headers=fields(x_forwarded_for="6.6.6.6"))
    assert await seen(ProxyFixMiddleware, scope, mode="modern") == scope


async def test_a_prefix_and_a_port_are_not_taken_by_number():
    scope = request(
        headers=fields(x_forwarded_prefix="/evil", x_forwarded_port="1")
    )
    assert await seen(ProxyFixMiddleware, scope) == scope
