"""What is current, where, and for how long."""

import anyio
import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@row("request, websocket, session")
async def test_each_request_has_its_own(quart, app):
    app.secret_key = "k"
    both = anyio.Event()
    arrived = []

    @app.route("/<name>")
    async def view(name):
        quart.g.name = name
        arrived.append(name)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        assert quart.current_app.name == app.name
        return quart.g.name + quart.request.path + str(len(quart.session))

    answers = {}

    async def ask(name):
        response = await app.test_client().get(f"/{name}")
        answers[name] = await response.get_data()

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "a")
        group.start_soon(ask, "b")
    assert answers == {"a": b"a/a0", "b": b"b/b0"}


@row("request, websocket, session")
async def test_a_proxy_knows_its_object(quart, app):
    async with app.test_request_context("/"):
        proxied = quart.request._get_current_object()
        assert type(proxied) is quart.Request
        assert quart.request == proxied
        assert isinstance(quart.request, quart.Request)
    assert not quart.request


@row("g.get, g.pop")
async def test_g_keeps_things_for_a_request(quart, app):
    async with app.app_context():
        g = quart.g
        g.user = "anna"
        assert g.user == g.get("user") == "anna"
        assert "user" in g
        assert "nope" not in g
        assert g.get("nope", 1) == 1
        assert g.setdefault("list", []) == []
        assert list(g) == ["user", "list"]
        assert g.pop("user") == "anna"
        assert g.pop("user", None) is None
        with pytest.raises(KeyError):
            g.pop("user")
        with pytest.raises(AttributeError):
            _ = g.user
        del g.list
        assert list(g) == []


@row("async with app.app_context()")
async def test_the_application_can_be_made_current(quart, app):
    async with app.app_context():
        assert quart.current_app._get_current_object() is app
    assert not quart.current_app


@row("async with app.app_context()")
async def test_a_context_in_a_request_has_its_own_g(quart, app):
    async with app.test_request_context("/"):
        quart.g.x = 1
        async with app.app_context():
            quart.g.x = 2
        assert quart.g.x == 1


@row("async with app.test_request_context")
async def test_a_request_can_be_made_up(quart, app):
    async with app.test_request_context(
        "/a", method="POST", headers={"X-A": "b"}, json={"a": 1}
    ):
        request = quart.request
        assert (request.method, request.path) == ("POST", "/a")
        assert request.headers["x-a"] == "b"
        assert await request.get_json() == {"a": 1}


@row("async with app.test_request_context")
@pytest.mark.parametrize(
    ("kwargs", "question", "answer"),
    [
        ({"query_string": {"a": "1"}}, lambda r: r.args["a"], "1"),
        ({"scheme": "https"}, lambda r: r.is_secure, True),
        ({"auth": ("a", "b")}, lambda r: r.authorization.username, "a"),
        ({"subdomain": "x"}, lambda r: r.host, "x.localhost"),
        ({"http_version": "2"}, lambda r: r.http_version, "2"),
        ({"root_path": "/r"}, lambda r: r.root_path, "/r"),
        ({"scope_base": {"a": 1}}, lambda r: r.scope["a"], 1),
    ],
)
async def test_a_made_up_request_has_parts(
    quart, app, kwargs, question, answer
):
    async with app.test_request_context("/", **kwargs):
        assert question(quart.request) == answer


@row("async with app.test_request_context")
async def test_a_made_up_request_has_content(quart, app):
    async with app.test_request_context("/", method="POST", data="abc"):
        assert await quart.request.get_data() == b"abc"
    async with app.test_request_context("/", method="POST", form={"a": "1"}):
        assert (await quart.request.form)["a"] == "1"


@row("async with app.test_request_context")
async def test_a_made_up_request_is_matched(quart, app):
    app.add_url_rule("/a/<int:x>", "view", lambda x: "x")
    async with app.test_request_context("/a/7"):
        assert quart.request.endpoint == "view"
        assert quart.request.view_args == {"x": 7}


@row("app.request_context, app.websocket_context")
async def test_a_context_is_made_from_a_request(quart, app):
    async with app.test_request_context("/a"):
        request = quart.request._get_current_object()
    async with app.request_context(request):
        assert quart.request.path == "/a"


@row("app.request_context, app.websocket_context")
async def test_a_context_is_made_from_a_websocket(quart, app, client):
    seen = []

    @app.websocket("/a")
    async def view():
        seen.append(quart.websocket._get_current_object())
        await quart.websocket.send("x")

    async with client.websocket("/a") as connection:
        await connection.receive()
    async with app.websocket_context(seen[0]):
        assert quart.websocket.path == "/a"


@row("context in tasks made by the view")
async def test_a_task_of_the_view_has_its_context(quart, app, client):
    @app.route("/a")
    async def view():
        async def task():
            got.append(quart.request.path + quart.g.x)

        got = []
        quart.g.x = "g"
        async with anyio.create_task_group() as group:
            group.start_soon(task)
        return got

    assert await (await client.get("/a")).get_json() == ["/ag"]


@row("copy_current_app_context")
@pytest.mark.parametrize("kind", ["app", "request"])
async def test_a_function_can_take_its_context_along(quart, app, kind):
    copy = getattr(quart, f"copy_current_{kind}_context")

    async def later():
        if kind == "app":
            return quart.current_app.name
        return quart.request.path

    async with app.test_request_context("/a"):
        taken = copy(later)
    assert await taken() == (app.name if kind == "app" else "/a")


@row("copy_current_app_context")
async def test_a_function_can_take_its_websocket_along(quart, app, client):
    seen = []

    @app.websocket("/a")
    async def view():
        @quart.copy_current_websocket_context
        async def later():
            return quart.websocket.path

        seen.append(later)
        await quart.websocket.send("x")

    async with client.websocket("/a") as connection:
        await connection.receive()
    assert await seen[0]() == "/a"


@row("errors outside a context")
@pytest.mark.parametrize(
    "question",
    [
        lambda quart: quart.request.path,
        lambda quart: quart.websocket.path,
        lambda quart: quart.session["a"],
        lambda quart: quart.g.a,
        lambda quart: quart.current_app.name,
        lambda quart: quart.url_for("a"),
        lambda quart: quart.copy_current_request_context(print),
        lambda quart: quart.after_this_request(print),
    ],
)
async def test_without_a_context_there_is_an_error(quart, question):
    with pytest.raises(RuntimeError):
        question(quart)
