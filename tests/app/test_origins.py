"""Whose pages may open a websocket (cross-site WebSocket hijacking)."""

import pytest

from microquart import Blueprint, Quart, websocket
from microquart.testing import WebsocketResponseError


def echo(**options) -> Quart:
    app = Quart(__name__)

    @app.websocket("/", **options)
    async def view() -> None:
        await websocket.send("hello")

    return app


async def opens(app: Quart, origin: str | None, host: str = "a.example"):
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    try:
        async with app.test_client().websocket("/", headers=headers) as client:
            return await client.receive()
    except WebsocketResponseError as error:
        return error.response.status_code


@pytest.mark.parametrize(
    ("origin", "host", "outcome"),
    [
        (None, "a.example", "hello"),
        ("https://a.example", "a.example", "hello"),
        ("http://A.example:80", "a.example", "hello"),
        ("https://a.example", "a.example:443", "hello"),
        ("http://localhost:8000", "localhost:8000", "hello"),
        ("http://localhost:3000", "localhost:8000", 403),
        ("https://evil.example", "a.example", 403),
        ("https://a.example.evil", "a.example", 403),
        ("null", "a.example", 403),
    ],
)
async def test_pages_of_the_same_host_and_no_others_may(origin, host, outcome):
    assert await opens(echo(), origin, host) == outcome


@pytest.mark.parametrize("allowed", ["*", ["*"], ["https://b.example"]])
@pytest.mark.parametrize("where", ["route", "config"])
async def test_others_can_be_let_in(allowed, where):
    app = echo(**({"allowed_origins": allowed} if where == "route" else {}))
    if where == "config":
        app.config["WEBSOCKET_ALLOWED_ORIGINS"] = allowed
    assert await opens(app, "https://b.example") == "hello"
    outcome = "hello" if "*" in allowed else 403
    assert await opens(app, "https://c.example") == outcome


async def test_a_route_has_the_last_word_in_a_blueprint_too():
    app = Quart(__name__)
    app.config["WEBSOCKET_ALLOWED_ORIGINS"] = "*"
    blueprint = Blueprint("inner", __name__)

    @blueprint.websocket("/", allowed_origins=[])
    async def view() -> None:
        await websocket.send("hello")

    app.register_blueprint(blueprint)
    assert await opens(app, "https://b.example") == 403
    assert await opens(app, "https://a.example") == "hello"


async def test_a_request_has_no_such_limit():
    app = Quart(__name__)
    app.get("/")(lambda: "hello")
    response = await app.test_client().get(
        "/", headers={"Origin": "https://b"}
    )
    assert response.status_code == 200
