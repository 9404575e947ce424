"""Errors: their classes, who answers for them, what is seen of them."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def said(app, path="/", **kwargs):
    response = await app.test_client().get(path, **kwargs)
    return response.status_code, (await response.get_data()).decode()


CODES = [
    *(400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415),
    *(416, 417, 418, 421, 422, 423, 424, 428, 429, 431, 451),
    *(500, 501, 502, 503, 504, 505),
]


@row("HTTPException and one class per status")
@pytest.mark.parametrize("code", CODES)
async def test_each_status_has_its_class(quart, werkzeug, app, code):
    kind = werkzeug.exceptions.default_exceptions[code]
    error = kind()
    assert error.code == code
    assert isinstance(error, werkzeug.exceptions.HTTPException)
    assert str(error).startswith(f"{code} {error.name}: ")
    assert error.description


@row("HTTPException and one class per status")
async def test_an_error_is_a_page(quart, werkzeug, app):
    async def view():
        raise werkzeug.exceptions.NotFound("<not> here")

    app.add_url_rule("/", "view", view)
    status, text = await said(app)
    assert status == 404
    assert "<title>404 Not Found</title>" in text
    assert "&lt;not&gt; here" in text


@row("HTTPException and one class per status")
async def test_an_error_of_the_user_has_its_code(quart, werkzeug, app):
    class Mine(werkzeug.exceptions.HTTPException):
        code = 299
        description = "mine"

    async def view():
        raise Mine

    app.add_url_rule("/", "view", view)
    status, text = await said(app)
    assert (status, "mine" in text) == (299, True)


@row("HTTPException and one class per status")
async def test_an_error_can_have_its_response(quart, werkzeug, app):
    async def view():
        response = quart.Response("mine", 299)
        raise werkzeug.exceptions.NotFound(response=response)

    app.add_url_rule("/", "view", view)
    assert await said(app) == (299, "mine")


@pytest.fixture
def failing(quart, werkzeug, app):
    """An application that fails in some ways."""

    async def not_found():
        quart.abort(404)

    async def key():
        raise KeyError("x")

    app.add_url_rule("/key", view_func=key)
    app.add_url_rule("/404", view_func=not_found)
    return app


@row("app.errorhandler")
async def test_a_handler_answers_for_a_code_or_a_class(failing):
    @failing.errorhandler(404)
    async def not_found(error):
        return f"{error.code}", 404

    @failing.errorhandler(KeyError)
    def key(error):
        return f"key {error.args[0]}", 400

    assert await said(failing, "/404") == (404, "404")
    assert await said(failing, "/nope") == (404, "404")
    assert await said(failing, "/key") == (400, "key x")


@row("app.errorhandler")
@pytest.mark.parametrize("kind", ["HTTPException", "Exception"])
async def test_a_handler_can_answer_for_all(failing, werkzeug, kind):
    wanted = getattr(werkzeug.exceptions, kind, Exception)

    @failing.errorhandler(wanted)
    async def handler(error):
        return type(error).__name__, 299

    assert await said(failing, "/404") == (299, "NotFound")
    name = "KeyError" if wanted is Exception else "InternalServerError"
    assert await said(failing, "/key") == (299, name)


@row("app.register_error_handler")
async def test_a_handler_is_registered_without_a_decorator(failing):
    async def handler(error):
        return "mine", 299

    failing.register_error_handler(404, handler)
    assert await said(failing, "/404") == (299, "mine")


@row("app.register_error_handler")
@pytest.mark.parametrize("what", [299, ValueError("x"), int])
def test_a_handler_is_for_a_known_code_or_a_class(app, what):
    with pytest.raises((ValueError, TypeError)):
        app.register_error_handler(what, lambda error: "x")


@row("handler lookup")
async def test_the_nearest_handler_answers(quart, werkzeug, failing):
    blueprint = quart.Blueprint("bp", __name__, url_prefix="/bp")

    @blueprint.route("/404")
    async def not_found():
        quart.abort(404)

    @blueprint.route("/index")
    async def index():
        raise IndexError

    @blueprint.errorhandler(404)
    async def of_blueprint(error):
        return "blueprint"

    @failing.errorhandler(404)
    async def of_app(error):
        return "app"

    @failing.errorhandler(LookupError)
    async def lookup(error):
        return "LookupError"

    @failing.errorhandler(Exception)
    async def general(error):
        return "Exception"

    @failing.errorhandler(KeyError)
    async def key(error):
        return "KeyError"

    failing.register_blueprint(blueprint)
    paths = ["/bp/404", "/404", "/bp/nope", "/key", "/bp/index"]
    assert [(await said(failing, path))[1] for path in paths] == [
        *("blueprint", "app", "app", "KeyError", "LookupError")
    ]


@row("500 for unhandled exceptions")
async def test_the_handler_of_500_sees_the_original(failing):
    @failing.errorhandler(500)
    async def handler(error):
        return type(error.original_exception).__name__, 500

    assert await said(failing, "/key") == (500, "KeyError")


@row("500 for unhandled exceptions")
async def test_an_error_is_answered_by_500(failing):
    status, text = await said(failing, "/key")
    assert (status, "Internal Server Error" in text) == (500, True)


@row("BadRequestKeyError")
@pytest.mark.parametrize("debug", [False, True])
async def test_a_missing_argument_is_a_bad_request(quart, app, debug):
    app.debug = debug
    app.config["TRAP_BAD_REQUEST_ERRORS"] = False

    async def view():
        return quart.request.args["missing"]

    app.add_url_rule("/", "view", view)
    status, text = await said(app)
    assert (status, "missing" in text) == (400, debug)


@row("RequestRedirect")
async def test_a_redirect_of_the_router_is_an_exception(quart, app):
    seen = []

    @app.before_request
    async def before():
        error = quart.request.routing_exception
        seen.append((error.code, error.new_url.endswith("/a/")))

    app.add_url_rule("/a/", "view", lambda: "x")
    assert (await said(app, "/a"))[0] == 308
    assert seen == [(308, True)]


@row("debug page")
async def test_the_page_of_development_has_the_traceback(failing):
    failing.debug = True
    status, text = await said(failing, "/key")
    assert (status, "KeyError" in text) == (500, True)
    assert "raise KeyError" in text


@row("PROPAGATE_EXCEPTIONS")
async def test_exceptions_can_be_trapped(quart, werkzeug, failing):
    failing.config["TRAP_HTTP_EXCEPTIONS"] = True

    @failing.errorhandler(500)
    async def handler(error):
        return type(error.original_exception).__name__, 500

    assert await said(failing, "/404") == (500, "NotFound")


@row("PROPAGATE_EXCEPTIONS")
async def test_bad_requests_can_be_trapped(quart, werkzeug, app):
    app.config["TRAP_BAD_REQUEST_ERRORS"] = True

    async def view():
        return quart.request.args["missing"]

    app.add_url_rule("/", "view", view)
    assert (await said(app))[0] == 500


@row("PROPAGATE_EXCEPTIONS")
async def test_exceptions_can_pass_to_the_server(failing):
    failing.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(KeyError):
        await said(failing, "/key")
