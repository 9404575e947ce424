"""Functions that run before and after views, and in which order."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


def noting(log, name, result=None):
    """A hook that writes its name down; an after hook gives back its own."""

    async def hook(*args):
        log.append(name)
        return args[0] if args and result is ... else result

    return hook


@row("before_request")
async def test_a_before_hook_may_answer(app, client):
    log = []
    app.before_request(noting(log, "1"))
    app.before_request(noting(log, "2", ("stopped", 403)))
    app.before_request(noting(log, "3"))
    app.add_url_rule("/", "view", noting(log, "view", "x"))
    response = await client.get("/")
    assert (response.status_code, log) == (403, ["1", "2"])


@row("before_request")
async def test_a_before_hook_runs_for_unknown_paths_too(app, client):
    log = []
    app.before_request(noting(log, "before"))
    assert (await client.get("/nope")).status_code == 404
    assert log == ["before"]


@row("after_request")
async def test_an_after_hook_may_give_another_response(quart, app, client):
    @app.after_request
    async def other(response):
        return quart.Response(await response.get_data() + b"b", 299)

    app.add_url_rule("/", "view", lambda: "a")
    response = await client.get("/")
    assert (response.status_code, await response.get_data()) == (299, b"ab")


@row("after_request")
async def test_after_hooks_see_errors_too(app, client):
    @app.after_request
    async def after(response):
        response.headers["X-Status"] = str(response.status_code)
        return response

    async def fails():
        raise ValueError

    app.add_url_rule("/fails", "fails", fails)
    for path, status in (("/fails", "500"), ("/nope", "404")):
        assert (await client.get(path)).headers["X-Status"] == status


@row("teardown_request")
@pytest.mark.parametrize(
    ("path", "error"), [("/", None), ("/fails", None), ("/nope", None)]
)
async def test_a_teardown_hook_always_runs(app, client, path, error):
    log = []

    @app.teardown_request
    async def teardown(exc):
        log.append(exc)

    async def fails():
        raise ValueError

    app.add_url_rule("/", "view", lambda: "x")
    app.add_url_rule("/fails", "fails", fails)
    await client.get(path)
    assert log == [error]


@row("teardown_request", "teardown_appcontext")
async def test_a_teardown_hook_is_told_what_was_not_answered(app, client):
    log = []
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.teardown_request
    async def request_end(exc):
        log.append(("request", type(exc)))

    @app.teardown_appcontext
    def context_end(exc):
        log.append(("context", type(exc)))

    async def fails():
        raise ValueError

    app.add_url_rule("/", "fails", fails)
    with pytest.raises(ValueError, match=r"^$"):
        await client.get("/")
    assert log == [("request", ValueError), ("context", ValueError)]


@row("teardown_request")
@differs("every teardown function runs although one fails")
async def test_teardown_goes_on_behind_a_failure(app, client):
    log = []

    async def fails(exc):
        raise ValueError

    app.testing = True
    app.teardown_request(noting(log, "1"))
    app.teardown_request(fails)
    app.add_url_rule("/", "view", lambda: "x")
    with pytest.raises(ExceptionGroup):
        await client.get("/")
    assert log == ["1"]


@row("before_websocket, after_websocket")
async def test_websockets_have_their_hooks(quart, app, client):
    log = []
    app.before_websocket(noting(log, "before"))
    app.after_websocket(noting(log, "after", ...))
    app.teardown_websocket(noting(log, "teardown"))

    @app.websocket("/")
    async def view():
        await quart.websocket.send("x")

    Disconnected = quart.testing.connections.WebsocketDisconnectError
    async with client.websocket("/") as connection:
        await connection.receive()
        with pytest.raises(Disconnected):
            await connection.receive()
    assert log == ["before", "after", "teardown"]


@row("before_websocket, after_websocket")
@differs("after hooks run although the client has left: Quart skips them")
async def test_websockets_have_their_hooks_when_the_client_leaves(
    quart, app, client
):
    log = []
    app.after_websocket(noting(log, "after", ...))
    app.teardown_websocket(noting(log, "teardown"))

    @app.websocket("/")
    async def view():
        await quart.websocket.receive()

    async with client.websocket("/"):
        pass
    assert log == ["after", "teardown"]


@row("teardown_appcontext")
async def test_the_context_of_an_application_has_its_end(app):
    log = []
    app.teardown_appcontext(noting(log, "1"))
    app.teardown_appcontext(noting(log, "2"))
    async with app.app_context():
        assert log == []
    assert log == ["1", "2"]


@row("sync and async hooks")
async def test_a_hook_may_be_plain(quart, app, client):
    log = []

    @app.before_request
    def before():
        log.append("before " + quart.request.path)

    @app.after_request
    def after(response):
        log.append("after " + quart.request.path)
        return response

    @app.teardown_request
    def teardown(exc):
        log.append("teardown")

    app.add_url_rule("/", "view", lambda: "x")
    await client.get("/")
    assert log == ["before /", "after /", "teardown"]


# -- the order --

OWNERS = ("app", "parent", "child")


def nested(quart, app, log, kind):
    """Hooks on an application, a blueprint and one in it; return the last."""
    child = quart.Blueprint("child", __name__)
    parent = quart.Blueprint("parent", __name__)
    owners = dict(zip(OWNERS, (app, parent, child), strict=True))
    for name, owner in owners.items():
        for n in (1, 2):
            owner_name = f"{name} {n}"
            before = getattr(owner, f"before_{kind}")
            before(noting(log, f"before {owner_name}"))
            after = getattr(owner, f"after_{kind}")
            after(noting(log, f"after {owner_name}", ...))
            teardown = getattr(owner, f"teardown_{kind}")
            teardown(noting(log, f"teardown {owner_name}"))
    parent.register_blueprint(child)
    return parent, child


async def ran(quart, app, kind):
    """Run the hooks of a kind around a view; return what ran, in order."""
    log = []
    parent, child = nested(quart, app, log, kind)

    async def view():
        log.append("view")
        if kind == "websocket":
            await quart.websocket.send("x")
        return "x" if kind == "request" else None

    child.add_url_rule("/", "view", view, websocket=kind == "websocket")
    app.register_blueprint(parent)
    client = app.test_client()
    if kind == "request":
        await client.get("/")
    else:
        async with client.websocket("/") as connection:
            await connection.receive()
            Disconnected = quart.testing.connections.WebsocketDisconnectError
            with pytest.raises(Disconnected):
                await connection.receive()
    return log


ORDER = [
    *(f"before {name} {n}" for name in OWNERS for n in (1, 2)),
    "view",
    *(f"after {name} {n}" for name in reversed(OWNERS) for n in (2, 1)),
    *(f"teardown {name} {n}" for name in reversed(OWNERS) for n in (2, 1)),
]


@row("order: application, parent")
async def test_hooks_run_from_outside_to_inside_and_back(quart, app):
    assert await ran(quart, app, "request") == ORDER


@row("order: application, parent")
@differs("blueprints' teardown_websocket runs: Quart forgets it")
async def test_hooks_of_websockets_run_in_the_same_order(quart, app):
    assert await ran(quart, app, "websocket") == ORDER
