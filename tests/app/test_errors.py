"""Error handlers: who answers for which exception, and what nobody answers."""

import logging

import pytest

from microquart import (
    Blueprint,
    Quart,
    abort,
    got_request_exception,
    request,
)
from microquart.exceptions import (
    HTTPException,
    InternalServerError,
    NotFound,
    default_exceptions,
)


class Teapot(Exception):
    pass


class SmallTeapot(Teapot):
    pass


@pytest.fixture
def app():
    app = Quart(__name__, static_folder=None)
    logging.getLogger(app.name).setLevel(logging.CRITICAL)
    yield app
    logging.getLogger(app.name).setLevel(logging.NOTSET)


def raising(error):
    async def view():
        raise error

    return view


async def answer(app, error, path="/"):
    app.add_url_rule(path, path, raising(error))
    response = await app.test_client().get(path)
    return response.status_code, await response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("registered", "error", "told"),
    [
        (404, NotFound(), "handled 404"),
        (NotFound, NotFound(), "handled 404"),
        (HTTPException, NotFound(), "handled 404"),
        (Exception, NotFound(), "handled 404"),
        (Teapot, SmallTeapot(), "handled SmallTeapot"),
        (Exception, Teapot(), "handled Teapot"),
        (500, Teapot(), "handled 500"),
        (InternalServerError, Teapot(), "handled 500"),
    ],
)
async def test_a_handler_answers(app, registered, error, told):
    @app.errorhandler(registered)
    async def handle(error):
        name = (
            error.code
            if isinstance(error, HTTPException)
            else type(error).__name__
        )
        return f"handled {name}", 299

    assert await answer(app, error) == (299, told)


async def test_a_plain_handler_answers(app):
    @app.errorhandler(Teapot)
    def handle(error):
        return f"{request.path} {type(error).__name__}", 418

    assert await answer(app, Teapot(), "/x") == (418, "/x Teapot")


async def test_one_handler_for_every_code(app):
    for code in default_exceptions:
        app.register_error_handler(
            code, lambda error: (str(error.code), error.code)
        )
    assert await answer(app, NotFound()) == (404, "404")


async def test_the_nearest_class_wins(app):
    app.register_error_handler(Exception, lambda error: "Exception")
    app.register_error_handler(Teapot, lambda error: "Teapot")
    assert await answer(app, SmallTeapot()) == (200, "Teapot")


async def test_a_code_wins_over_a_class(app):
    app.register_error_handler(HTTPException, lambda error: "class")
    app.register_error_handler(404, lambda error: "code")
    assert await answer(app, NotFound()) == (200, "code")


async def test_a_blueprint_wins_over_its_application(app):
    parent = Blueprint("parent", __name__)
    child = Blueprint("child", __name__)
    app.register_error_handler(404, lambda error: "app 404")
    app.register_error_handler(403, lambda error: "app 403")
    app.register_error_handler(410, lambda error: "app 410")
    parent.register_error_handler(404, lambda error: "parent 404")
    parent.register_error_handler(403, lambda error: "parent 403")
    child.register_error_handler(404, lambda error: "child 404")

    @child.get("/<int:code>")
    async def view(code):
        abort(code)

    parent.register_blueprint(child)
    app.register_blueprint(parent)
    client = app.test_client()
    told = [
        await (await client.get(f"/{c}")).get_data() for c in (404, 403, 410)
    ]
    assert told == [b"child 404", b"parent 403", b"app 410"]


async def test_a_blueprint_handles_errors_of_the_whole_application(app):
    blueprint = Blueprint("errors", __name__)

    @blueprint.app_errorhandler(404)
    async def handle(error):
        return "everywhere", 404

    app.register_blueprint(blueprint)
    response = await app.test_client().get("/nope")
    assert await response.get_data() == b"everywhere"


async def test_without_a_handler_the_exception_answers(app):
    assert await answer(app, NotFound("not here")) == (
        404,
        "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n"
        "<h1>Not Found</h1>\n<p>not here</p>\n",
    )


async def test_an_unhandled_exception_is_500_and_logged(app, caplog):
    logging.getLogger(app.name).setLevel(logging.ERROR)
    status, page = await answer(app, Teapot("secret"), "/x")
    assert status == 500
    assert "secret" not in page
    assert "Exception on request GET /x" in caplog.text
    assert "Teapot: secret" in caplog.text


async def test_the_handler_of_500_knows_the_original(app):
    error = Teapot()
    seen = []

    @app.errorhandler(500)
    async def handle(error):
        seen.append(error.original_exception)
        return "sorry", 500

    assert await answer(app, error) == (500, "sorry")
    assert seen == [error]


async def test_a_handler_that_returns_nothing_is_named(app):
    app.testing = True

    @app.errorhandler(Teapot)
    async def handle(error): ...

    with pytest.raises(TypeError) as caught:
        await answer(app, Teapot())
    line = handle.__code__.co_firstlineno
    assert str(caught.value) == (
        f"errorhandler 'handle' (test_errors.py:{line}) returned None: "
        "must return a response, or what becomes one"
    )


async def test_a_handler_that_fails_is_500(app):
    @app.errorhandler(Teapot)
    async def handle(error):
        raise ValueError

    assert (await answer(app, Teapot()))[0] == 500


async def test_a_signal_tells_of_unhandled_exceptions(app):
    seen = []

    @got_request_exception.connect_via(app)
    async def listen(sender, exception):
        seen.append(exception)

    error = Teapot()
    await answer(app, error)
    assert seen == [error]


async def test_a_failing_after_hook_does_not_hide_the_500(app, caplog):
    logging.getLogger(app.name).setLevel(logging.ERROR)

    @app.after_request
    async def after(response):
        raise ValueError("after")

    @app.get("/")
    async def view():
        return "x"

    assert (await app.test_client().get("/")).status_code == 500
    assert "Request finalizing errored" in caplog.text


@pytest.mark.parametrize(
    ("settings", "raised"),
    [
        ({}, False),
        ({"TESTING": True}, True),
        ({"PROPAGATE_EXCEPTIONS": True}, True),
        ({"TESTING": True, "PROPAGATE_EXCEPTIONS": False}, False),
    ],
)
async def test_exceptions_propagate(app, settings, raised):
    app.config.update(settings)
    if raised:
        with pytest.raises(Teapot):
            await answer(app, Teapot())
    else:
        assert (await answer(app, Teapot()))[0] == 500


async def test_in_debug_mode_the_page_has_the_traceback(app):
    app.debug = True
    status, page = await answer(app, Teapot("why"))
    assert status == 500
    assert "Teapot: why" in page


async def test_in_debug_mode_a_404_tells_what_was_tried(app):
    app.debug = True

    @app.get("/x")
    async def view():
        return "x"

    response = await app.test_client().get("/x/")
    assert response.status_code == 404
    assert "extra slash" in await response.get_data(as_text=True)


# -- trapping --


async def test_trapped_http_exceptions_are_errors_of_the_program(app):
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    app.testing = True
    app.register_error_handler(
        404, lambda error: "not asked, as it is trapped"
    )
    app.add_url_rule("/", "view", raising(NotFound()))
    assert await (await app.test_client().get("/")).get_data() == (
        b"not asked, as it is trapped"
    )
    app.error_handler_spec.clear()
    with pytest.raises(NotFound):
        await app.test_client().get("/")


@pytest.mark.parametrize(
    ("settings", "status", "named"),
    [
        ({}, 400, False),
        ({"TRAP_BAD_REQUEST_ERRORS": False, "DEBUG": True}, 400, True),
    ],
)
async def test_a_missing_key_is_400_and_named_in_debug_mode(
    app, settings, status, named
):
    app.config.update(settings)

    @app.get("/")
    async def view():
        return request.args["page"]

    response = await app.test_client().get("/")
    assert response.status_code == status
    assert ("page" in await response.get_data(as_text=True)) == named


async def test_a_missing_key_is_trapped_where_asked_for(app):
    app.config["TRAP_BAD_REQUEST_ERRORS"] = True
    app.testing = True

    @app.get("/")
    async def view():
        return request.args["page"]

    with pytest.raises(KeyError):
        await app.test_client().get("/")


# -- registering --


@pytest.mark.parametrize(
    ("registered", "error"),
    [
        (999, "not a recognized HTTP error code"),
        (int, "not a subclass of Exception"),
    ],
)
def test_what_cannot_be_handled(app, registered, error):
    with pytest.raises(ValueError, match=error):
        app.register_error_handler(registered, lambda error: "x")


def test_an_instance_cannot_be_registered(app):
    with pytest.raises(TypeError, match="is an instance, not a class"):
        app.register_error_handler(NotFound(), lambda error: "x")
