"""What Quart's extensions replace, override and reach into."""

import asyncio

import pytest

from microquart import Quart, request
from microquart.testing import QuartClient, sentinel


@pytest.fixture
def app():
    app = Quart(__name__, static_folder=None)

    @app.route("/", methods=["GET", "POST"])
    async def index():
        return {
            "args": request.args,
            "json": await request.get_json(silent=True),
        }

    @app.get("/moved")
    async def moved():
        return app.redirect("/?moved=yes")

    return app


class Client(QuartClient):
    """As quart-schema's, which makes dictionaries of models."""

    async def _make_request(self, path, method, headers, data, *rest):
        form, files, query, json, *others = rest
        return await super()._make_request(
            *(path, method, headers, data, form, files, query),
            json if json is sentinel else {"made": json},
            *others,
        )


async def test_a_client_may_change_the_parts_of_a_request(app):
    app.test_client_class = Client
    response = await app.test_client().post("/", json="model")
    assert (await response.get_json())["json"] == {"made": "model"}


async def test_such_a_client_follows_redirects(app):
    app.test_client_class = Client
    client = app.test_client()
    response = await client.get("/moved", follow_redirects=True)
    assert (await response.get_json())["args"] == {"moved": "yes"}


def test_a_rule_tells_its_converters_by_the_name_of_werkzeug(app):
    app.add_url_rule("/<int:number>/<name>", "rule", lambda number, name: "")
    (rule,) = app.url_map.iter_rules("rule")
    names = {n: type(c).__name__ for n, c in rule._converters.items()}
    assert names == {"number": "IntegerConverter", "name": "UnicodeConverter"}


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_task_of_asyncio_is_waited_for_like_ours(app):
    done = []

    @app.before_serving
    async def start():
        async def work():
            await app.shutdown_event.wait()
            done.append("work")

        app.background_tasks.add(asyncio.create_task(work()))

    async with app.test_app():
        assert done == []
    assert done == ["work"]
    assert app.background_tasks == set()


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_task_of_asyncio_that_lasts_too_long_is_cancelled(app):
    app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.01

    @app.before_serving
    async def start():
        task = asyncio.create_task(asyncio.Event().wait())
        app.background_tasks.add(task)
        app.extensions["task"] = task

    async with app.test_app():
        pass
    assert app.extensions["task"].cancelled()


async def test_a_cookie_without_a_host_is_for_the_host_of_the_requests(app):
    @app.get("/cookies")
    async def cookies():
        return request.cookies

    client = app.test_client()
    client.set_cookie(None, "colour", "red")
    response = await client.get("/cookies")
    assert await response.get_json() == {"colour": "red"}
    client.delete_cookie(None, "colour")
    assert await (await client.get("/cookies")).get_json() == {}
