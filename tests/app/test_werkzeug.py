"""What programs and extensions of Quart bring along of Werkzeug."""

import pytest

from microquart import Blueprint, Quart, make_response
from microquart.exceptions import HTTPException, NotFound

theirs = pytest.importorskip("werkzeug.exceptions")
redirect = pytest.importorskip("werkzeug.utils").redirect
Response = pytest.importorskip("werkzeug.wrappers").Response

RED = {"X-Colour": "red"}


class Refused(theirs.Unauthorized):
    """As an extension derives one."""

    def get_headers(self, *args):
        return [*super().get_headers(*args), ("X-Refused", "yes")]


@pytest.fixture
def app():
    app = Quart(__name__, static_folder=None)

    @app.get("/refused")
    async def refused():
        raise Refused("not you")

    @app.get("/theirs")
    def missing():
        raise theirs.NotFound

    return app


async def answer(app, path):
    response = await app.test_client().get(path)
    return response.status_code, await response.get_data(as_text=True)


async def test_an_exception_of_werkzeug_answers(app):
    response = await app.test_client().get("/refused")
    assert response.status_code == 401
    assert response.headers["X-Refused"] == "yes"
    assert response.mimetype == "text/html"
    assert "<p>not you</p>" in await response.get_data(as_text=True)


@pytest.mark.parametrize(
    "registered", [401, Refused, theirs.Unauthorized, HTTPException, Exception]
)
async def test_a_handler_answers_for_an_exception_of_werkzeug(app, registered):
    @app.errorhandler(registered)
    async def handle(error):
        return f"{type(error).__name__} {error.code}", error.code

    assert await answer(app, "/refused") == (401, "Refused 401")


@pytest.mark.parametrize(
    "registered", [theirs.NotFound, theirs.HTTPException, NotFound, 404]
)
@pytest.mark.parametrize("path", ["/nowhere", "/theirs"])
async def test_the_same_handler_answers_for_ours(app, registered, path):
    @app.errorhandler(registered)
    async def handle(error):
        return error.name, 404

    assert await answer(app, path) == (404, "Not Found")


async def test_a_handler_for_a_class_of_an_extension_answers_for_no_other(app):
    @app.errorhandler(Refused)
    async def handle(error):
        return "handled"

    @app.get("/plain")
    async def plain():
        raise theirs.Unauthorized

    assert (await answer(app, "/plain"))[0] == 401
    assert await answer(app, "/refused") == (200, "handled")


async def test_the_nearest_class_answers(app):
    for kind in (theirs.HTTPException, theirs.Unauthorized, Refused):
        app.register_error_handler(kind, lambda e, kind=kind: kind.__name__)
    assert await answer(app, "/refused") == (200, "Refused")
    assert await answer(app, "/theirs") == (200, "HTTPException")


async def test_a_blueprint_handles_an_exception_of_werkzeug(app):
    part = Blueprint("part", __name__, url_prefix="/part")

    @part.get("/")
    async def index():
        raise Refused

    @part.errorhandler(theirs.Unauthorized)
    async def handle(error):
        return "of the part"

    app.register_blueprint(part)
    assert await answer(app, "/part/") == (200, "of the part")
    assert (await answer(app, "/refused"))[0] == 401


@pytest.mark.parametrize(
    ("make", "status", "body"),
    [
        (lambda: Response("text", 202, RED), 202, "text"),
        (lambda: Response(iter(["a", "b"]), headers=RED), 200, "ab"),
        (lambda: (Response("text", headers=RED), 201), 201, "text"),
    ],
)
async def test_a_view_may_return_a_response_of_werkzeug(
    app, make, status, body
):
    @app.get("/")
    async def index():
        return make()

    response = await app.test_client().get("/")
    assert response.status_code == status
    assert response.headers["X-Colour"] == "red"
    assert response.mimetype == "text/plain"
    assert await response.get_data(as_text=True) == body


async def test_a_redirect_of_werkzeug_leads_elsewhere(app):
    @app.get("/")
    async def index():
        return await make_response(redirect("/refused", 303))

    response = await app.test_client().get("/")
    assert (response.status_code, response.location) == (303, "/refused")


async def test_an_exception_may_have_a_response_of_werkzeug(app):
    @app.get("/")
    async def index():
        theirs.abort(Response("its own", 418))

    assert await answer(app, "/") == (418, "its own")
