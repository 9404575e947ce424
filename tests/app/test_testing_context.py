"""The test client and an application of ours: contexts, sessions, errors."""

import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import anyio
import anyio.lowlevel
import click
import pytest

from microquart.app import Quart
from microquart.context import (
    has_app_context,
    has_request_context,
    the_context,
)
from microquart.exceptions import NotFound
from microquart.sessions import SessionInterface, SessionMixin
from microquart.testing import QuartClient, WebsocketResponseError
from microquart.wrappers.response import Response
from tests.app.applications import echo


@pytest.fixture
def app() -> Quart:
    app = Quart(__name__)
    app.testing = True
    app.secret_key = "key"

    @app.get("/set/<name>/<value>")
    async def set_value(name: str, value: str) -> dict[str, Any]:
        ctx = the_context("request")
        ctx.g.name = name
        ctx.session[name] = value
        return dict(ctx.session)

    @app.get("/get")
    async def get_values() -> dict[str, Any]:
        return dict(the_context("request").session)

    return app


# -- the context of the last request --


async def test_the_context_is_kept_in_the_block(app: Quart) -> None:
    async with app.test_client() as client:
        await client.get("/set/a/1?x=y")
        ctx = the_context("request")
        assert ctx.request is not None
        assert ctx.request.args["x"] == "y"
        assert ctx.session["a"] == "1"
        assert ctx.g.name == "a"
    assert not has_app_context()


async def test_the_next_request_takes_its_place(app: Quart) -> None:
    ended = []

    @app.teardown_request
    async def end(error: BaseException | None) -> None:
        ended.append(the_context("app").g.name)

    async with app.test_client() as client:
        await client.get("/set/a/1")
        assert ended == []
        await client.get("/set/b/2")
        assert ended == ["a"]
        assert the_context("app").g.name == "b"
    assert ended == ["a", "b"]


async def test_the_context_around_the_block_comes_back(app: Quart) -> None:
    async with app.test_request_context("/around"):
        async with app.test_client() as client:
            await client.get("/get")
        ctx = the_context("request")
        assert ctx.request is not None
        assert ctx.request.path == "/around"


async def test_without_a_block_nothing_is_kept(app: Quart) -> None:
    await app.test_client().get("/get")
    assert not has_app_context()


async def test_a_block_cannot_be_in_itself(app: Quart) -> None:
    async with app.test_client() as client:
        with pytest.raises(RuntimeError, match="in use already"):
            await client.__aenter__()


async def test_the_context_of_a_failed_request_is_kept(app: Quart) -> None:
    async with app.test_client() as client:
        response = await client.get("/nope")
        ctx = the_context("request")
        assert response.status_code == 404
        assert ctx.request is not None
        assert isinstance(ctx.request.routing_exception, NotFound)


@pytest.fixture
async def kept(app: Quart) -> AsyncIterator[QuartClient]:
    async with app.test_client() as client:
        yield client


async def test_a_fixture_may_enter_the_block(kept: QuartClient) -> None:
    await kept.get("/set/a/1")
    assert the_context("app").g.name == "a"


async def test_other_applications_have_no_context_to_keep() -> None:
    async with QuartClient(echo) as client:
        await client.get("/")
        assert not has_app_context()


# -- sessions --


async def test_a_session_can_be_looked_into_and_changed(app: Quart) -> None:
    client = app.test_client()
    await client.get("/set/a/1")
    async with client.session_transaction() as session:
        assert dict(session) == {"a": "1"}
        session["b"] = 2
    response = await client.get("/get")
    assert await response.get_json() == {"a": "1", "b": 2}


async def test_in_a_transaction_there_is_no_request(app: Quart) -> None:
    async with app.test_client().session_transaction():
        assert not has_request_context()


async def test_a_failed_transaction_changes_nothing(app: Quart) -> None:
    client = app.test_client()
    with pytest.raises(KeyError, match="nope"):
        async with client.session_transaction() as session:
            session["a"] = session["nope"]
    assert len(client.cookie_jar) == 0


async def test_a_transaction_may_be_on_another_host(app: Quart) -> None:
    client = app.test_client()
    headers = {"Host": "a.test"}
    async with client.session_transaction("/", headers=headers) as session:
        session["a"] = 1
    response = await client.get("/get", headers=headers)
    assert await response.get_json() == {"a": 1}
    assert await (await client.get("/get")).get_json() == {}


async def test_without_a_key_there_is_no_transaction(app: Quart) -> None:
    app.secret_key = None
    with pytest.raises(RuntimeError, match="has the application a secret_key"):
        async with app.test_client().session_transaction():
            pass


async def test_without_cookies_there_is_no_transaction(app: Quart) -> None:
    with pytest.raises(RuntimeError, match="keeps no cookies"):
        async with app.test_client(use_cookies=False).session_transaction():
            pass


async def test_other_applications_have_no_sessions() -> None:
    with pytest.raises(RuntimeError, match="has no sessions"):
        async with QuartClient(echo).session_transaction():
            pass


class Stored(dict[str, Any], SessionMixin):
    """A session that is kept in a dictionary of the test's."""


class Store(SessionInterface):
    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}

    async def open_session(self, app: Any, request: Any) -> Stored:
        await anyio.lowlevel.checkpoint()
        name = request.cookies.get("sid", "new")
        return Stored(self.sessions.get(name, {}))

    async def save_session(
        self, app: Any, session: Any, response: Response | None
    ) -> None:
        await anyio.lowlevel.checkpoint()
        self.sessions["1"] = dict(session)
        if response is not None:
            response.set_cookie("sid", "1")


async def test_sessions_may_be_elsewhere(app: Quart) -> None:
    app.session_interface = store = Store()
    client = app.test_client()
    await client.get("/set/a/1")
    assert store.sessions == {"1": {"a": "1"}}
    async with client.session_transaction() as session:
        session["b"] = 2
    response = await client.get("/get")
    assert await response.get_json() == {"a": "1", "b": 2}


@pytest.mark.parametrize(
    ("path", "vary"), [("/get", True), ("/set/a/1", True), ("/nope", False)]
)
async def test_who_looks_at_the_session_varies_with_the_cookie(
    app: Quart, path: str, vary: bool
) -> None:
    response = await app.test_client().get(path)
    assert ("cookie" in response.vary) is vary


async def test_a_permanent_session_is_refreshed_by_any_request(
    app: Quart,
) -> None:
    client = app.test_client()
    async with client.session_transaction() as session:
        session.permanent = True
        session["a"] = 1
    response = await client.get("/nope")
    assert "expires=" in response.headers["set-cookie"].lower()
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    assert "set-cookie" not in (await client.get("/nope")).headers


async def test_the_cookie_is_secure_over_https(app: Quart) -> None:
    response = await app.test_client().get("/set/a/1", scheme="https")
    assert "; Secure" in response.headers["set-cookie"]


# -- errors and classes --


async def test_what_a_view_raises_is_raised_in_the_test(app: Quart) -> None:
    @app.get("/fail")
    async def fail() -> str:
        raise KeyError("in the view")

    with pytest.raises(KeyError, match="in the view"):
        await app.test_client().get("/fail")


@pytest.mark.parametrize("where", ["testing", "PROPAGATE_EXCEPTIONS"])
async def test_unless_exceptions_do_not_propagate(
    app: Quart, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/fail")
    async def fail() -> str:
        raise KeyError("in the view")

    if where == "testing":
        app.testing = False
    else:
        app.config["PROPAGATE_EXCEPTIONS"] = False
    with caplog.at_level(logging.ERROR):
        response = await app.test_client().get("/fail")
    assert response.status_code == 500
    assert "KeyError: 'in the view'" in caplog.text


async def test_responses_are_of_the_application_s_class(app: Quart) -> None:
    class Mine(Response):
        pass

    app.response_class = Mine
    assert isinstance(await app.test_client().get("/get"), Mine)


async def test_json_is_written_by_the_application(app: Quart) -> None:
    @app.post("/json")
    async def read() -> str:
        request = the_context("request").request
        assert request is not None
        return str(await request.get_json())

    sent = {"id": UUID(int=1)}  # which the standard library refuses
    response = await app.test_client().post("/json", json=sent)
    assert str(UUID(int=1)).encode() in await response.get_data()


async def test_a_websocket_of_an_application(app: Quart) -> None:
    @app.websocket("/echo")
    async def websocket_echo() -> None:
        websocket = the_context("websocket").websocket
        assert websocket is not None
        while True:
            await websocket.send(await websocket.receive())

    client = app.test_client()
    async with client.websocket("/echo") as websocket:
        await websocket.send("hello")
        assert await websocket.receive() == "hello"
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket("/nope") as websocket:
            await websocket.receive()
    assert caught.value.response.status_code == 404


async def test_a_departure_cancels_the_view(app: Quart) -> None:
    ended = []

    @app.get("/wait")
    async def wait() -> str:
        try:
            await anyio.sleep_forever()
            return "never"
        finally:
            ended.append("cancelled")

    async with app.test_client().request("/wait") as connection:
        await connection.send_complete()
        await anyio.wait_all_tasks_blocked()
        await connection.disconnect()
    assert ended == ["cancelled"]


def test_a_command_can_be_run(app: Quart) -> None:
    async def greet(name: str) -> None:
        click.echo(f"{name} {the_context('app').app is app}")

    app.cli.command()(click.argument("name")(greet))
    result = app.test_cli_runner().invoke(args=["greet", "anna"])
    assert result.output == "anna True\n"
