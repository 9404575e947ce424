"""Hooks: their order, what they may change, what happens if they fail."""

import pytest

from microquart import (
    Blueprint,
    Quart,
    after_this_request,
    g,
    request,
    request_finished,
    request_started,
    request_tearing_down,
    session,
    websocket,
)
from microquart.ctx import after_this_websocket
from microquart.testing import WebsocketDisconnectError


@pytest.fixture
def app():
    return Quart(__name__, static_folder=None)


def note(name, log, value=None):
    """Make a hook of any kind that writes down its name."""

    async def hook(*args):
        log.append(name)
        return args[0] if args and value is ... else value

    return hook


def nested(app, log, kind):
    """Register all hooks of a kind on an app and two nested blueprints."""
    child = Blueprint("child", __name__)
    parent = Blueprint("parent", __name__)
    for owner, name in ((app, "app"), (parent, "parent"), (child, "child")):
        for number in (1, 2):
            getattr(owner, f"before_{kind}")(
                note(f"before {name} {number}", log)
            )
            getattr(owner, f"after_{kind}")(
                note(f"after {name} {number}", log, ...)
            )
            getattr(owner, f"teardown_{kind}")(
                note(f"teardown {name} {number}", log)
            )
    parent.register_blueprint(child)
    return parent, child


# The application first, then from the outer to the inner blueprint; at the end
# the other way round.
ORDER = [
    *(
        f"before {name} {n}"
        for name in ("app", "parent", "child")
        for n in (1, 2)
    ),
    "view",
    *(
        f"after {name} {n}"
        for name in ("child", "parent", "app")
        for n in (2, 1)
    ),
    *(
        f"teardown {name} {n}"
        for name in ("child", "parent", "app")
        for n in (2, 1)
    ),
]


async def test_hooks_of_a_request_run_from_outside_to_inside_and_back(app):
    log = []
    parent, child = nested(app, log, "request")

    @child.get("/")
    async def view():
        log.append("view")
        return "x"

    app.register_blueprint(parent)
    await app.test_client().get("/")
    assert log == ORDER


async def test_hooks_of_a_websocket_run_in_the_same_order(app):
    log = []
    parent, child = nested(app, log, "websocket")

    @child.websocket("/")
    async def view():
        log.append("view")
        await websocket.accept()

    app.register_blueprint(parent)
    async with app.test_client().websocket("/") as connection:
        with pytest.raises(WebsocketDisconnectError):
            await connection.receive()
    assert log == ORDER


async def test_hooks_of_one_kind_are_not_run_for_the_other(app):
    log = []
    app.before_websocket(note("websocket", log))

    @app.get("/")
    async def view():
        return "x"

    await app.test_client().get("/")
    assert log == []


async def test_plain_hooks_run_in_threads_with_their_context(app):
    log = []

    @app.before_request
    def before():
        log.append(request.path)

    @app.after_request
    def after(response):
        response.headers["X-A"] = request.method
        return response

    @app.get("/x")
    async def view():
        return "x"

    response = await app.test_client().get("/x")
    assert (log, response.headers["X-A"]) == (["/x"], "GET")


async def test_a_value_of_a_before_hook_answers(app):
    app.before_request(note("1", [], ("stop", 403)))
    app.before_request(note("2", log := []))

    @app.get("/")
    async def view():
        log.append("view")
        return "x"

    response = await app.test_client().get("/")
    assert (response.status_code, log) == (403, [])


async def test_after_hooks_run_for_errors_too(app):
    @app.after_request
    async def after(response):
        response.headers["X-A"] = "b"
        return response

    @app.get("/")
    async def view():
        raise ValueError

    for path, status in (("/", 500), ("/nope", 404)):
        response = await app.test_client().get(path)
        assert (response.status_code, response.headers["X-A"]) == (status, "b")


async def test_after_this_request_runs_once_and_before_the_others(app):
    log = []
    app.after_request(note("every", log, ...))

    @app.get("/<path>")
    async def view(path):
        if path == "once":
            after_this_request(note("this", log, ...))
        return "x"

    client = app.test_client()
    await client.get("/once")
    await client.get("/other")
    assert log == ["this", "every", "every"]


async def test_after_this_websocket_runs_once(app):
    log = []

    @app.websocket("/")
    async def view():
        after_this_websocket(note("this", log))
        await websocket.accept()

    async with app.test_client().websocket("/") as connection:
        with pytest.raises(WebsocketDisconnectError):
            await connection.receive()
    assert log == ["this"]


async def test_hooks_after_a_websocket_run_although_the_client_left(app):
    log = []
    app.after_websocket(note("after", log))
    app.teardown_websocket(note("teardown", log))

    @app.websocket("/")
    async def view():
        after_this_websocket(note("this", log))
        await websocket.receive()

    async with app.test_client().websocket("/"):
        pass
    assert log == ["this", "after", "teardown"]


def test_after_this_request_needs_a_request():
    with pytest.raises(RuntimeError, match="Not within a request context"):
        after_this_request(lambda response: response)


async def test_preprocessors_change_what_the_url_gave(app):
    blueprint = Blueprint("shop", __name__, url_prefix="/<lang>")

    @blueprint.url_value_preprocessor
    def take(endpoint, values):
        g.lang = values.pop("lang")

    @app.url_value_preprocessor
    def first(endpoint, values):
        if values is not None:
            values["extra"] = endpoint

    @blueprint.get("/x")
    async def view(extra):
        return f"{g.lang} {extra}"

    app.register_blueprint(blueprint)
    response = await app.test_client().get("/de/x")
    assert await response.get_data() == b"de shop.view"


async def test_preprocessors_run_for_websockets(app):
    @app.url_value_preprocessor
    def take(endpoint, values):
        g.name = values.pop("name")

    @app.websocket("/<name>")
    async def view():
        await websocket.send(g.name)

    async with app.test_client().websocket("/anna") as connection:
        assert await connection.receive() == "anna"


# -- teardown --


async def test_teardown_gets_the_error_that_ended_the_request(app):
    seen = []
    app.testing = True

    @app.teardown_request
    async def teardown(error):
        seen.append(error)

    @app.get("/")
    async def view():
        raise ValueError("a")

    with pytest.raises(ValueError, match="a"):
        await app.test_client().get("/")
    assert [repr(error) for error in seen] == ["ValueError('a')"]


async def test_teardown_gets_none_if_the_error_was_answered(app):
    seen = []

    @app.teardown_request
    async def teardown(error):
        seen.append(error)

    @app.get("/")
    async def view():
        raise ValueError

    assert (await app.test_client().get("/")).status_code == 500
    assert seen == [None]


async def test_every_teardown_runs_although_one_fails(app, caplog):
    log = []
    app.testing = True

    @app.teardown_request
    async def one(error):
        log.append("one")

    @app.teardown_request
    async def two(error):
        raise ValueError("two")

    @app.teardown_appcontext
    async def three(error):
        log.append("three")
        raise KeyError("three")

    @app.teardown_appcontext
    async def four(error):
        log.append("four")

    @app.get("/x")
    async def view():
        return "x"

    with pytest.raises(ExceptionGroup) as caught:
        await app.test_client().get("/x")
    assert [type(e) for e in caught.value.exceptions] == [ValueError, KeyError]
    assert log == ["one", "three", "four"]
    assert "Exception at the end of request GET /x" in caplog.text


async def test_request_and_g_are_there_during_teardown(app):
    seen = []

    @app.teardown_request
    def teardown(error):
        seen.append((request.path, g.user))

    @app.teardown_appcontext
    async def teardown_app(error):
        seen.append(g.user)

    @app.get("/x")
    async def view():
        g.user = "anna"
        return "x"

    await app.test_client().get("/x")
    assert seen == [("/x", "anna"), "anna"]


# -- signals --


async def test_signals_of_a_request(app):
    log = []

    def listener(name):
        async def listen(sender, **values):
            log.append((name, sender, sorted(values)))

        return listen

    @app.get("/")
    async def view():
        log.append("view")
        return "x"

    signals = [
        (request_started, "started"),
        (request_finished, "finished"),
        (request_tearing_down, "tearing down"),
    ]
    listeners = [(signal, listener(name)) for signal, name in signals]
    for signal, listen in listeners:
        signal.connect(listen)
    await app.test_client().get("/")
    for signal, listen in listeners:
        signal.disconnect(listen)
    assert log == [
        ("started", app, []),
        "view",
        ("finished", app, ["response"]),
        ("tearing down", app, ["exc"]),
    ]


# -- the session is saved after the hooks --


async def test_a_hook_may_still_change_the_session(app):
    app.secret_key = "s"

    @app.after_request
    async def after(response):
        session["n"] = session.get("n", 0) + 1
        response.headers["X-N"] = str(session["n"])
        return response

    @app.get("/")
    async def view():
        return "x"

    client = app.test_client()
    await client.get("/")
    assert (await client.get("/")).headers["X-N"] == "2"


async def test_a_request_without_a_session_sets_no_cookie(app):
    app.secret_key = "s"

    @app.get("/")
    async def view():
        return "x"

    response = await app.test_client().get("/")
    assert "Set-Cookie" not in response.headers
    assert "Vary" not in response.headers


async def test_a_permanent_session_gets_a_new_date_although_nobody_looked(app):
    app.secret_key = "s"

    @app.get("/login")
    async def login():
        session["user"] = "anna"
        session.permanent = True
        return "x"

    @app.get("/")
    async def view():
        return "x"

    client = app.test_client()
    await client.get("/login")
    assert "Set-Cookie" in (await client.get("/")).headers
