"""Blueprints: parts of an application."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def said(client, path, **kwargs):
    response = await client.open(path, **kwargs)
    return response.status_code, (await response.get_data()).decode()


@row("Blueprint(name, import_name")
async def test_a_blueprint_is_made_with_much(quart, app, client):
    blueprint = quart.Blueprint(
        "shop",
        __name__,
        url_prefix="/<lang>",
        url_defaults={"colour": "red"},
        static_folder="files",
        static_url_path="/s",
        template_folder="templates/shop",
        cli_group="shop",
    )

    @blueprint.route("/a")
    async def view(lang, colour):
        return lang + colour + await quart.render_template("shop.txt")

    app.register_blueprint(blueprint)
    assert await said(client, "/de/a") == (200, "dered" + "the shop")
    assert blueprint.name == "shop"


@row("Blueprint(name, import_name")
async def test_a_blueprint_may_have_a_subdomain(quart):
    app = quart.Quart(__name__, subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.org"
    blueprint = quart.Blueprint("shop", __name__, subdomain="shop")
    blueprint.add_url_rule("/", "view", lambda: "shop")
    app.register_blueprint(blueprint)
    client = app.test_client()
    assert await said(client, "/", subdomain="shop") == (200, "shop")
    assert (await said(client, "/"))[0] == 404


@row("Blueprint(name, import_name")
def test_the_name_of_a_blueprint_has_no_dot(quart):
    with pytest.raises(ValueError, match="dot"):
        quart.Blueprint("a.b", __name__)


@row("app.register_blueprint")
async def test_registration_overrides_the_blueprint(quart, app, client):
    blueprint = quart.Blueprint("shop", __name__, url_prefix="/shop")
    blueprint.add_url_rule("/a", "view", lambda **values: str(values))
    app.register_blueprint(
        blueprint, url_prefix="/x", name="other", url_defaults={"y": 1}
    )
    assert await said(client, "/x/a") == (200, "{'y': 1}")
    assert (await said(client, "/shop/a"))[0] == 404
    async with app.test_request_context("/"):
        assert quart.url_for("other.view") == "/x/a"


@row("app.iter_blueprints")
def test_blueprints_are_listed(quart, app):
    blueprint = quart.Blueprint("shop", __name__)
    app.register_blueprint(blueprint)
    assert list(app.iter_blueprints()) == [blueprint]
    assert app.blueprints == {"shop": blueprint}


@row("route, get, post")
async def test_a_blueprint_has_the_methods_of_an_application(
    quart, app, client
):
    blueprint = quart.Blueprint("bp", __name__, url_prefix="/bp")

    async def view():
        return quart.request.method

    for method in ("get", "post", "put", "patch", "delete"):
        getattr(blueprint, method)(f"/{method}", endpoint=method)(view)
    blueprint.route("/route", methods=["GET", "POST"])(view)
    blueprint.add_url_rule("/rule", "rule", view)
    blueprint.add_url_rule("/ep", "ep")

    @blueprint.endpoint("ep")
    async def ep():
        return "ep"

    app.register_blueprint(blueprint)
    for method in ("get", "post", "put", "patch", "delete"):
        path = f"/bp/{method}"
        answer = await said(client, path, method=method.upper())
        assert answer == (200, method.upper())
    assert await said(client, "/bp/route", method="POST") == (200, "POST")
    assert await said(client, "/bp/rule") == (200, "GET")
    assert "bp.rule" in app.view_functions


@row("route, get, post")
async def test_a_blueprint_has_websockets(quart, app, client):
    blueprint = quart.Blueprint("bp", __name__, url_prefix="/bp")

    @blueprint.websocket("/a")
    async def one():
        await quart.websocket.send(quart.websocket.endpoint)

    async def two():
        await quart.websocket.send(quart.websocket.endpoint)

    blueprint.add_websocket("/b", view_func=two)
    app.register_blueprint(blueprint)
    for path, endpoint in (("/bp/a", "bp.one"), ("/bp/b", "bp.two")):
        async with client.websocket(path) as connection:
            assert await connection.receive() == endpoint


@row("bp.register_blueprint")
async def test_blueprints_are_nested(quart, app, client):
    parent = quart.Blueprint("parent", __name__, url_prefix="/p")
    child = quart.Blueprint("child", __name__, url_prefix="/c")

    @child.route("/")
    async def view():
        return quart.url_for(".view") + " " + quart.url_for("parent.index")

    @parent.route("/")
    async def index():
        return quart.url_for(".child.view")

    parent.register_blueprint(child)
    app.register_blueprint(parent)
    assert await said(client, "/p/c/") == (200, "/p/c/ /p/")
    assert await said(client, "/p/") == (200, "/p/c/")


@row("bp.register, bp.record")
def test_a_blueprint_records_what_is_to_be_done(quart, app):
    log = []
    blueprint = quart.Blueprint("bp", __name__, url_prefix="/bp")

    @blueprint.record
    def each(state):
        log.append((state.url_prefix, state.first_registration))

    @blueprint.record_once
    def once(state):
        log.append("once")

    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="again", url_prefix="/x")
    assert log == [("/bp", True), "once", ("/x", False)]


@row("bp.register, bp.record")
def test_the_state_of_a_setup_can_be_replaced(quart, app):
    made = []

    class Blueprint(quart.Blueprint):
        def make_setup_state(self, app, options, first_registration=False):
            state = super().make_setup_state(app, options, first_registration)
            made.append((state.app is app, state.options))
            return state

    app.register_blueprint(Blueprint("bp", __name__), url_prefix="/x")
    assert made == [(True, {"url_prefix": "/x"})]


def noting(log, name):
    async def hook(*args):
        log.append(name)
        return args[0] if args else None

    return hook


@row("before_request, after_request, teardown_request")
async def test_the_hooks_of_a_blueprint_are_for_its_routes(quart, app, client):
    log = []
    blueprint = quart.Blueprint("bp", __name__)
    blueprint.add_url_rule("/in", "view", lambda: "in")
    blueprint.before_request(noting(log, "before"))
    blueprint.after_request(noting(log, "after"))
    blueprint.teardown_request(noting(log, "teardown"))
    app.add_url_rule("/out", "out", lambda: "out")
    app.register_blueprint(blueprint)
    await client.get("/out")
    assert log == []
    await client.get("/in")
    assert log == ["before", "after", "teardown"]


@row("before_app_request")
async def test_a_blueprint_has_hooks_for_all_requests(quart, app, client):
    log = []
    blueprint = quart.Blueprint("bp", __name__)
    blueprint.before_app_request(noting(log, "before"))
    blueprint.after_app_request(noting(log, "after"))
    blueprint.teardown_app_request(noting(log, "teardown"))
    app.add_url_rule("/", "out", lambda: "out")
    app.register_blueprint(blueprint)
    await client.get("/")
    assert log == ["before", "after", "teardown"]


@row("before_app_websocket", "before_request, after_request, teardown_request")
@pytest.mark.parametrize("where", ["", "app_"])
async def test_a_blueprint_has_hooks_for_websockets(quart, app, client, where):
    log = []
    blueprint = quart.Blueprint("bp", __name__)
    getattr(blueprint, f"before_{where}websocket")(noting(log, "before"))
    getattr(blueprint, f"after_{where}websocket")(noting(log, "after"))
    getattr(blueprint, f"teardown_{where}websocket")(noting(log, "teardown"))

    async def view():
        await quart.websocket.send("x")

    owner = app if where else blueprint
    owner.add_url_rule("/", "view", view, websocket=True)
    app.register_blueprint(blueprint)
    Disconnected = quart.testing.connections.WebsocketDisconnectError
    async with client.websocket("/") as connection:
        await connection.receive()
        with pytest.raises(Disconnected):
            await connection.receive()
    assert log[:2] == ["before", "after"]


@row("before_request, after_request, teardown_request")
@differs("a blueprint's teardown_websocket runs: Quart forgets it")
async def test_the_end_of_a_websocket_is_told_to_its_blueprint(
    quart, app, client
):
    log = []
    blueprint = quart.Blueprint("bp", __name__)
    blueprint.teardown_websocket(noting(log, "teardown"))

    @blueprint.websocket("/")
    async def view():
        await quart.websocket.send("x")

    app.register_blueprint(blueprint)
    async with client.websocket("/") as connection:
        await connection.receive()
    assert log == ["teardown"]


@row("before_app_serving")
async def test_a_blueprint_has_hooks_for_the_serving(quart, app):
    log = []
    blueprint = quart.Blueprint("bp", __name__)
    blueprint.before_app_serving(noting(log, "before"))
    blueprint.after_app_serving(noting(log, "after"))

    @blueprint.while_app_serving
    async def around():
        log.append("start")
        yield
        log.append("end")

    app.register_blueprint(blueprint)
    async with app.test_app():
        pass
    assert sorted(log) == ["after", "before", "end", "start"]


@row("errorhandler, register_error_handler")
async def test_the_error_handlers_of_a_blueprint(quart, app, client):
    blueprint = quart.Blueprint("bp", __name__, url_prefix="/bp")

    async def fails():
        raise KeyError

    blueprint.add_url_rule("/404", "a", lambda: quart.abort(404))
    blueprint.add_url_rule("/key", "b", fails)
    app.add_url_rule("/key", "c", fails)

    @blueprint.errorhandler(404)
    async def not_found(error):
        return "bp 404"

    blueprint.register_error_handler(KeyError, lambda error: "bp key")

    @blueprint.app_errorhandler(500)
    async def all_of_them(error):
        return "app 500"

    app.register_blueprint(blueprint)
    answers = [await said(client, p) for p in ("/bp/404", "/bp/key", "/key")]
    assert [text for _, text in answers] == ["bp 404", "bp key", "app 500"]


@row("context_processor, app_context_processor")
async def test_a_blueprint_gives_variables_to_templates(quart, app, client):
    blueprint = quart.Blueprint("bp", __name__)

    @blueprint.context_processor
    async def own():
        return {"own": "o"}

    @blueprint.app_context_processor
    def every():
        return {"every": "e"}

    async def view():
        return await quart.render_template_string("{{ own }}{{ every }}")

    blueprint.add_url_rule("/in", "in", view)
    app.add_url_rule("/out", "out", view)
    app.register_blueprint(blueprint)
    assert (await said(client, "/in"))[1] == "oe"
    assert (await said(client, "/out"))[1] == "e"


@row("app_template_filter")
async def test_a_blueprint_adds_to_templates(quart, app):
    blueprint = quart.Blueprint("bp", __name__)
    blueprint.app_template_filter("shout")(str.upper)
    blueprint.app_template_test("short")(lambda value: len(value) < 3)
    blueprint.app_template_global("hello")(lambda: "hello")
    blueprint.add_app_template_filter(str.lower, "whisper")
    blueprint.add_app_template_test(lambda value: value == "A", "a")
    blueprint.add_app_template_global(lambda: "bye", "bye")
    app.register_blueprint(blueprint)
    async with app.app_context():
        text = await quart.render_template_string(
            "{{ 'a'|shout }}{{ 'A'|whisper }}{{ 'a' is short }}"
            "{{ 'A' is a }}{{ hello() }}{{ bye() }}"
        )
    assert text == "AaTrueTruehellobye"


@row("url_value_preprocessor, url_defaults")
async def test_a_blueprint_takes_values_from_urls(quart, app, client):
    blueprint = quart.Blueprint("bp", __name__, url_prefix="/<lang>")

    @blueprint.url_value_preprocessor
    def take(endpoint, values):
        quart.g.lang = values.pop("lang")

    @blueprint.url_defaults
    def put(endpoint, values):
        values.setdefault("lang", quart.g.lang)

    @blueprint.app_url_value_preprocessor
    def every(endpoint, values):
        quart.g.every = endpoint

    @blueprint.app_url_defaults
    def every_default(endpoint, values):
        values.setdefault("x", "1")

    @blueprint.route("/a")
    async def view():
        return quart.g.lang + quart.g.every + quart.url_for(".view")

    app.register_blueprint(blueprint)
    assert await said(client, "/de/a") == (200, "debp.view/de/a?x=1")


@row("bp.static_folder")
async def test_a_blueprint_has_files(quart, app, client):
    blueprint = quart.Blueprint(
        "bp", __name__, url_prefix="/bp", static_folder="files"
    )
    app.register_blueprint(blueprint)
    assert blueprint.has_static_folder
    assert await said(client, "/bp/files/a.txt") == (200, "a static file\n")
    async with await blueprint.open_resource("files/a.txt") as file:
        assert await file.read() == b"a static file\n"
    async with app.test_request_context("/"):
        url = quart.url_for("bp.static", filename="a.txt")
        assert url == "/bp/files/a.txt"
        response = await blueprint.send_static_file("a.txt")
        assert response.status_code == 200
        assert blueprint.get_send_file_max_age("a.txt") == 43200
    assert blueprint.jinja_loader is None


@row("bp.cli")
def test_a_blueprint_has_commands(quart, app):
    blueprint = quart.Blueprint("bp", __name__, cli_group="shop")

    @blueprint.cli.command("open")
    def open_it():
        print("opened")

    app.register_blueprint(blueprint)
    result = app.test_cli_runner().invoke(args=["shop", "open"])
    assert result.output == "opened\n"


@row("duplicate name: ValueError")
def test_a_name_is_registered_once(quart, app):
    app.register_blueprint(quart.Blueprint("bp", __name__))
    with pytest.raises(ValueError, match="bp"):
        app.register_blueprint(quart.Blueprint("bp", __name__))
