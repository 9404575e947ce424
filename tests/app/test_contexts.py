"""Contexts: what is current where, and what outlives a request."""

import anyio
import pytest

from microquart import (
    Quart,
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    copy_current_app_context,
    copy_current_request_context,
    copy_current_websocket_context,
    current_app,
    flash,
    g,
    get_flashed_messages,
    has_app_context,
    has_request_context,
    has_websocket_context,
    message_flashed,
    request,
    session,
    stream_with_context,
    websocket,
)
from microquart.context import Context, current
from microquart.sessions import SecureCookieSession, SessionInterface
from microquart.threads import run_in_thread


@pytest.fixture
def app():
    return Quart(__name__, static_folder=None)


# -- pushing --


async def test_an_application_context_has_the_application_and_g(app):
    assert not has_app_context()
    async with app.app_context():
        g.user = "anna"
        assert current_app.name == app.name
        assert g.user == "anna"
        assert has_app_context()
        assert not has_request_context()
    assert not has_app_context()


async def test_a_request_context_has_the_request_too(app):
    async with app.test_request_context(
        "/x?a=1", method="POST", json={"b": 2}
    ):
        assert (request.method, request.path, request.args["a"]) == (
            "POST",
            "/x",
            "1",
        )
        assert await request.get_json() == {"b": 2}
        assert current_app.name == app.name
        assert has_request_context()
        assert not has_websocket_context()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"headers": {"X-A": "b"}}, lambda: request.headers["X-A"] == "b"),
        ({"query_string": {"a": "1"}}, lambda: request.args["a"] == "1"),
        ({"scheme": "https"}, lambda: request.url == "https://localhost/x"),
        ({"root_path": "/api"}, lambda: request.root_path == "/api"),
        ({"http_version": "2"}, lambda: request.http_version == "2"),
        (
            {"scope_base": {"client": ("::1", 1)}},
            lambda: request.remote_addr == "::1",
        ),
        ({"auth": ("a", "b")}, lambda: request.authorization.password == "b"),
        ({"subdomain": "api"}, lambda: request.host == "api.localhost"),
        (
            {"form": {"a": "1"}},
            lambda: request.mimetype.endswith("urlencoded"),
        ),
        ({"data": b"abc"}, lambda: request.method == "GET"),
    ],
)
async def test_a_request_context_for_a_test(app, options, expected):
    async with app.test_request_context("/x", **options):
        assert expected()


async def test_a_request_context_finds_its_rule(app):
    @app.get("/users/<int:id>")
    async def user(id):
        return "x"

    async with app.test_request_context("/users/7") as ctx:
        assert request.endpoint == "user"
        assert request.view_args == {"id": 7}
        assert request.url_rule.rule == "/users/<int:id>"
        assert ctx.request.routing_exception is None
    async with app.test_request_context("/nope"):
        assert request.routing_exception.code == 404


async def test_a_request_in_a_context_of_its_application_shares_g(app):
    async with app.app_context():
        g.user = "anna"
        async with app.test_request_context("/"):
            assert g.user == "anna"
            g.user = "berta"
        assert g.user == "berta"


async def test_contexts_of_two_applications_do_not_share_g(app):
    other = Quart("other")
    async with app.app_context():
        g.user = "anna"
        async with other.test_request_context("/"):
            assert "user" not in g
            assert current_app.name == "other"
        assert current_app.name == app.name


async def test_an_application_context_inside_a_request_still_sees_the_request(
    app,
):
    async with app.test_request_context("/x"):
        g.user = "anna"
        async with app.app_context():
            assert "user" not in g
            assert request.path == "/x"
        assert g.user == "anna"


async def test_popping_what_is_not_pushed_is_told(app):
    context = app.app_context()
    async with context:
        pass
    with pytest.raises(AssertionError, match="which is not pushed"):
        await context.pop()


async def test_popping_in_the_wrong_order_is_told(app):
    outer, inner = app.app_context(), app.app_context()
    await outer.push()
    await inner.push()
    with pytest.raises(AssertionError, match="popped"):
        await outer.pop()
    assert current.get(None) is None


async def test_a_context_may_be_pushed_twice(app):
    ctx = app.test_request_context("/")
    ended = []

    @app.teardown_request
    async def teardown(error):
        ended.append(error)

    async with ctx:
        async with ctx:
            assert request.path == "/"
        assert ended == []
        assert request.path == "/"
    assert ended == [None]


async def test_signals_of_an_application_context(app):
    log = []
    listeners = []
    for signal, name in (
        (appcontext_pushed, "pushed"),
        (appcontext_tearing_down, "tearing down"),
        (appcontext_popped, "popped"),
    ):

        async def listen(sender, name=name, **values):
            log.append(name)

        signal.connect(listen, app)
        listeners.append(listen)
    async with app.app_context():
        log.append("inside")
    assert log == ["pushed", "inside", "tearing down", "popped"]


async def test_the_class_of_contexts_can_be_replaced(app):
    log = []

    class Recording(Context):
        async def push(self):
            log.append("push")
            await super().push()

        async def pop(self, *args):
            log.append("pop")
            await super().pop(*args)

    app.context_class = Recording

    @app.get("/")
    async def view():
        log.append("view")
        return "x"

    await app.test_client().get("/")
    assert log == ["push", "view", "pop"]


async def test_matching_can_be_replaced(app):
    class Odd(Context):
        def match_request(self):
            self.conversation.url_rule = next(self.app.url_map.iter_rules())
            self.conversation.view_args = {"name": "odd"}

    app.context_class = Odd

    @app.get("/<name>")
    async def view(name):
        return name

    response = await app.test_client().get("/anything/at/all")
    assert await response.get_data() == b"odd"


# -- g --


async def test_g_is_a_place_for_anything(app):
    async with app.app_context():
        g.a = 1
        assert g.get("a") == 1
        assert g.get("b", 2) == 2
        assert g.setdefault("c", 3) == 3
        assert sorted(g) == ["a", "c"]
        assert "a" in g
        assert g.pop("a") == 1
        assert g.pop("a", None) is None
        assert "a" not in g
        with pytest.raises(KeyError):
            g.pop("a")
        with pytest.raises(AttributeError, match="'a'"):
            _ = g.a
        del g.c
        assert list(g) == []


# -- tasks and threads --


async def test_a_task_of_the_view_has_its_context(app):
    @app.get("/x")
    async def view():
        seen = []

        async def task():
            seen.append((request.path, g.user))

        g.user = "anna"
        async with anyio.create_task_group() as group:
            group.start_soon(task)
        return str(seen[0])

    response = await app.test_client().get("/x")
    assert await response.get_data() == b"('/x', 'anna')"


async def test_run_in_thread_takes_the_context_along(app):
    async with app.test_request_context("/x"):
        assert await run_in_thread(lambda: request.path) == "/x"


async def test_a_copied_context_outlives_the_request(app):
    kept = []

    @app.get("/x")
    async def view():
        g.user = "anna"

        @copy_current_request_context
        async def later():
            return request.path, g.user, current_app.name == app.name

        kept.append(later)
        return "x"

    await app.test_client().get("/x")
    assert await kept[0]() == ("/x", "anna", True)
    assert not has_request_context()


async def test_a_copied_context_can_be_used_by_several_tasks_at_once(app):
    seen = []
    async with app.test_request_context("/x"):

        @copy_current_request_context
        async def later():
            await anyio.lowlevel.checkpoint()
            seen.append(request.path)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(later)
    assert seen == ["/x"] * 3


async def test_a_copied_application_context(app):
    async with app.app_context():
        g.user = "anna"

        @copy_current_app_context
        def later():
            return g.user, current_app.name

    assert await later() == ("anna", app.name)


async def test_a_copied_websocket_context(app):
    @app.websocket("/x")
    async def view():
        @copy_current_websocket_context
        async def later():
            await websocket.send(websocket.path)

        async with anyio.create_task_group() as group:
            group.start_soon(later)

    async with app.test_client().websocket("/x") as connection:
        assert await connection.receive() == "/x"


@pytest.mark.parametrize(
    "copying",
    [
        copy_current_app_context,
        copy_current_request_context,
        copy_current_websocket_context,
    ],
)
def test_without_a_context_nothing_can_be_copied(copying):
    with pytest.raises(RuntimeError, match="Not within a"):
        copying(lambda: None)


# -- streams --


async def test_a_stream_runs_within_the_context_of_its_request(app):
    log = []

    @app.teardown_request
    async def teardown(error):
        log.append("teardown")

    @app.get("/x")
    async def view():
        g.user = "anna"
        session_before = session.get("user")

        async def generate():
            yield f"{request.path} "
            log.append("stream")
            yield f"{g.user} {session_before}"

        return generate()

    response = await app.test_client().get("/x")
    assert await response.get_data() == b"/x anna None"
    assert log == ["stream", "teardown"]


async def test_stream_with_context_is_harmless_and_keeps_g(app):
    @app.get("/x")
    async def view():
        g.user = "anna"

        @stream_with_context
        async def generate():
            yield request.path
            yield g.user

        return generate()

    response = await app.test_client().get("/x")
    assert await response.get_data() == b"/xanna"


async def test_stream_with_context_works_outside_of_the_request(app):
    async with app.test_request_context("/x"):

        @stream_with_context
        async def generate():
            yield request.path

    assert [piece async for piece in generate()] == ["/x"]


async def test_teardown_gets_the_error_of_a_stream(app):
    seen = []
    app.testing = True

    @app.teardown_request
    async def teardown(error):
        seen.append(repr(error))

    @app.get("/")
    async def view():
        async def generate():
            yield "a"
            raise ValueError("broken")

        return generate()

    with pytest.raises(ValueError, match="broken"):
        await app.test_client().get("/")
    assert seen == ["ValueError('broken')"]


# -- the session --


async def test_another_session_interface_is_awaited_before_the_hooks(app):
    log = []

    class Interface(SessionInterface):
        async def open_session(self, app, request):
            log.append("open")
            return SecureCookieSession({"user": "anna"})

        async def save_session(self, app, session, response):
            log.append("save")

    app.session_interface = Interface()

    @app.before_request
    async def before():
        log.append(session["user"])

    @app.get("/")
    async def view():
        return "x"

    await app.test_client().get("/")
    assert log == ["open", "anna", "save"]


async def test_no_session_means_a_null_session(app):
    class Interface(SessionInterface):
        def open_session(self, app, request):  # plain: also allowed
            return None

        async def save_session(self, app, session, response):
            raise AssertionError("a null session is not saved")

    app.session_interface = Interface()

    @app.get("/")
    async def view():
        return str(len(session))

    response = await app.test_client().get("/")
    assert await response.get_data() == b"0"


async def test_changing_a_session_without_a_key_is_told(app):
    async with app.test_request_context("/"):
        with pytest.raises(RuntimeError, match="no secret key"):
            session["a"] = 1


# -- flashes --


async def test_messages_wait_for_the_next_request(app):
    app.secret_key = "s"

    @app.get("/set")
    async def set_messages():
        await flash("one")
        await flash("two", "error")
        return "x"

    @app.get("/get")
    async def get():
        again = get_flashed_messages()
        assert again == get_flashed_messages()
        return [
            again,
            get_flashed_messages(with_categories=True),
            get_flashed_messages(category_filter=["error"]),
        ]

    client = app.test_client()
    await client.get("/set")
    assert await (await client.get("/get")).get_json() == [
        ["one", "two"],
        [["message", "one"], ["error", "two"]],
        ["two"],
    ]
    assert await (await client.get("/get")).get_json() == [[], [], []]


async def test_a_signal_tells_of_flashes(app):
    app.secret_key = "s"
    seen = []

    async def listen(sender, message, category):
        seen.append((message, category))

    message_flashed.connect(listen, app)
    async with app.test_request_context("/"):
        await flash("one", "info")
    assert seen == [("one", "info")]


async def test_a_teardown_is_not_cut_by_what_a_thread_has_not_heard(app):
    ended = []

    @app.teardown_request
    def teardown(error):  # in a thread too: it has to be waited for
        ended.append(error)

    with anyio.CancelScope() as scope:

        @app.get("/")
        def view():
            anyio.from_thread.run_sync(scope.cancel)
            return "hello"

        async with app.test_request_context("/") as ctx:
            await app.full_dispatch_request(ctx)
    assert scope.cancel_called
    assert ended == [None]
