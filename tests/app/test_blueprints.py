"""Blueprints: names, prefixes, nesting, files, and what is recorded."""

import pytest

from microquart import (
    Blueprint,
    Quart,
    render_template,
    request,
    url_for,
    websocket,
)


@pytest.fixture
def app():
    return Quart(__name__, static_folder=None)


def blueprint_with_view(name="shop", **options):
    blueprint = Blueprint(name, __name__, **options)

    @blueprint.get("/x")
    async def view(**values):
        return " ".join(
            [request.endpoint, *request.blueprints, *sorted(values)]
        )

    return blueprint


async def body(app, path, **options):
    response = await app.test_client().get(path, **options)
    return (
        (await response.get_data()).decode()
        if response.status_code == 200
        else None
    )


# -- registering --


@pytest.mark.parametrize(
    ("own", "given", "path", "told"),
    [
        ({}, {}, "/x", "shop.view shop"),
        ({"url_prefix": "/a"}, {}, "/a/x", "shop.view shop"),
        ({"url_prefix": "/a/"}, {}, "/a/x", "shop.view shop"),
        ({"url_prefix": "/a"}, {"url_prefix": "/b"}, "/b/x", "shop.view shop"),
        ({}, {"name": "other"}, "/x", "other.view other"),
        ({"url_defaults": {"lang": "de"}}, {}, "/x", "shop.view shop lang"),
        ({}, {"url_defaults": {"lang": "de"}}, "/x", "shop.view shop lang"),
    ],
)
async def test_a_blueprint_is_registered(app, own, given, path, told):
    app.register_blueprint(blueprint_with_view(**own), **given)
    assert await body(app, path) == told


async def test_a_rule_may_be_the_prefix_itself(app):
    blueprint = Blueprint("shop", __name__, url_prefix="/shop")
    blueprint.add_url_rule("", "index", lambda: "index")
    app.register_blueprint(blueprint)
    assert await body(app, "/shop") == "index"


async def test_subdomains_of_a_blueprint():
    app = Quart(__name__, subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.com"
    parent = blueprint_with_view("parent", subdomain="api")
    parent.register_blueprint(blueprint_with_view("child", subdomain="v1"))
    app.register_blueprint(parent)
    assert await body(app, "/x", subdomain="api") == "parent.view parent"
    child = await body(app, "/x", subdomain="v1.api")
    assert child == "parent.child.view parent.child parent"


def test_a_name_can_be_taken_only_once(app):
    app.register_blueprint(Blueprint("shop", __name__))
    with pytest.raises(ValueError, match="already registered for a different"):
        app.register_blueprint(Blueprint("shop", __name__))


async def test_a_blueprint_can_be_registered_again_by_another_name(app):
    blueprint = blueprint_with_view()
    app.register_blueprint(blueprint, url_prefix="/a")
    with pytest.raises(
        ValueError, match="already registered for this blueprint"
    ):
        app.register_blueprint(blueprint, url_prefix="/b")
    app.register_blueprint(blueprint, url_prefix="/b", name="again")
    assert await body(app, "/b/x") == "again.view again"
    assert sorted(app.blueprints) == ["again", "shop"]
    assert list(app.iter_blueprints()) == [blueprint, blueprint]


@pytest.mark.parametrize(("name", "told"), [("", "empty"), ("a.b", "dot")])
def test_a_name_that_cannot_be(name, told):
    with pytest.raises(ValueError, match=told):
        Blueprint(name, __name__)


def test_an_endpoint_has_no_dot():
    blueprint = Blueprint("shop", __name__)
    with pytest.raises(ValueError, match="dot"):
        blueprint.add_url_rule("/", "a.b", lambda: "x")


def test_a_registered_blueprint_is_finished(app):
    blueprint = Blueprint("shop", __name__)
    app.register_blueprint(blueprint)
    with pytest.raises(AssertionError, match="already been registered"):
        blueprint.before_request(lambda: None)


# -- nesting --


async def test_nested_blueprints_join_names_and_prefixes(app):
    child = blueprint_with_view("child", url_prefix="/child")
    parent = blueprint_with_view("parent", url_prefix="/parent")
    top = blueprint_with_view("top", url_prefix="/top")
    parent.register_blueprint(child)
    top.register_blueprint(parent)
    app.register_blueprint(top)
    path = "/top/parent/child/x"
    names = "top.parent.child top.parent top"
    assert await body(app, path) == f"top.parent.child.view {names}"


async def test_the_options_of_nesting_stand_above_the_childs(app):
    parent = Blueprint("parent", __name__, url_prefix="/parent")
    parent.register_blueprint(
        blueprint_with_view("child", url_prefix="/child"),
        url_prefix="/other",
        name="c",
    )
    app.register_blueprint(parent)
    assert (
        await body(app, "/parent/other/x") == "parent.c.view parent.c parent"
    )


def test_a_blueprint_is_not_its_own_parent():
    blueprint = Blueprint("shop", __name__)
    with pytest.raises(ValueError, match="on itself"):
        blueprint.register_blueprint(blueprint)


# -- URLs --


async def test_a_relative_endpoint_is_in_the_blueprint(app):
    blueprint = Blueprint("shop", __name__, url_prefix="/shop")

    @blueprint.get("/a")
    async def a():
        return url_for(".b")

    @blueprint.get("/b")
    async def b():
        return "b"

    app.register_blueprint(blueprint)
    assert await body(app, "/shop/a") == "/shop/b"


async def test_url_defaults_of_a_blueprint(app):
    blueprint = Blueprint("shop", __name__, url_prefix="/<lang>")

    @blueprint.url_defaults
    def add(endpoint, values):
        values["lang"] = "de"

    @blueprint.get("/x")
    async def view(lang):
        return url_for(".view")

    app.register_blueprint(blueprint)
    assert await body(app, "/fr/x") == "/de/x"


# -- recording --


def test_what_is_recorded_is_done_at_each_registration(app):
    log = []
    blueprint = Blueprint("shop", __name__, url_prefix="/shop")
    blueprint.record(lambda state: log.append(("each", state.name)))
    blueprint.record_once(lambda state: log.append(("once", state.url_prefix)))
    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="again")
    assert log == [("each", "shop"), ("once", "/shop"), ("each", "again")]


def test_the_state_of_a_registration_can_be_replaced(app):
    class Own(Blueprint):
        def make_setup_state(self, app, options, first_registration=False):
            state = super().make_setup_state(app, options, first_registration)
            state.url_prefix = "/own"
            return state

    blueprint = Own("shop", __name__)
    blueprint.add_url_rule("/x", "x", lambda: "x")
    app.register_blueprint(blueprint)
    assert [rule.rule for rule in app.url_map.iter_rules()] == ["/own/x"]


# -- hooks for the whole application --


async def test_hooks_of_a_blueprint_for_all_requests(app):
    log = []
    blueprint = Blueprint("shop", __name__)

    @blueprint.before_app_request
    async def before():
        log.append("before")

    @blueprint.after_app_request
    async def after(response):
        log.append("after")
        return response

    @blueprint.teardown_app_request
    async def teardown(error):
        log.append("teardown")

    app.register_blueprint(blueprint)
    app.register_blueprint(blueprint, name="again")
    app.add_url_rule("/y", "y", lambda: "y")
    await body(app, "/y")
    assert log == ["before", "after", "teardown"]


async def test_hooks_of_a_blueprint_for_all_websockets(app):
    log = []
    blueprint = Blueprint("shop", __name__)

    @blueprint.before_app_websocket
    async def before():
        log.append("before")

    @blueprint.teardown_app_websocket
    async def teardown(error):
        log.append("teardown")

    @blueprint.after_app_websocket
    async def after(response):
        log.append("after")

    @app.websocket("/")
    async def view():
        await websocket.send("x")

    app.register_blueprint(blueprint)
    async with app.test_client().websocket("/") as connection:
        assert await connection.receive() == "x"
    assert log == ["before", "after", "teardown"]


async def test_hooks_of_a_blueprint_round_the_serving(app):
    log = []
    blueprint = Blueprint("shop", __name__)

    @blueprint.before_app_serving
    async def before():
        log.append("before")

    @blueprint.while_app_serving
    async def during():
        log.append("start")
        yield
        log.append("end")

    @blueprint.after_app_serving
    async def after():
        log.append("after")

    app.register_blueprint(blueprint)
    async with app.test_app():
        log.append("serving")
    assert log == ["before", "start", "serving", "end", "after"]


async def test_url_values_of_a_blueprint_for_the_whole_application(app):
    blueprint = Blueprint("shop", __name__)

    @blueprint.app_url_value_preprocessor
    def take(endpoint, values):
        values.pop("lang", None)

    @blueprint.app_url_defaults
    def add(endpoint, values):
        values.setdefault("lang", "de")

    app.register_blueprint(blueprint)

    @app.get("/<lang>/x")
    async def view():
        return url_for("view")

    assert await body(app, "/fr/x") == "/de/x"


async def test_a_websocket_of_a_blueprint(app):
    blueprint = Blueprint("shop", __name__, url_prefix="/shop")

    @blueprint.websocket("/ws")
    async def view():
        await websocket.send(websocket.endpoint)

    app.register_blueprint(blueprint)
    async with app.test_client().websocket("/shop/ws") as connection:
        assert await connection.receive() == "shop.view"


# -- files, templates, commands --


@pytest.fixture
def folder(tmp_path):
    for name in ("static", "templates"):
        (tmp_path / name).mkdir()
    (tmp_path / "static" / "a.txt").write_text("hello")
    (tmp_path / "templates" / "a.html").write_text(
        "{{ who }} & {{ other|shout }}"
    )
    return tmp_path


async def test_files_of_a_blueprint(app, folder):
    blueprint = Blueprint(
        "shop",
        __name__,
        root_path=str(folder),
        static_folder="static",
        url_prefix="/shop",
    )
    app.register_blueprint(blueprint)
    assert await body(app, "/shop/static/a.txt") == "hello"
    async with app.test_request_context("/"):
        url = url_for("shop.static", filename="a.txt")
        assert url == "/shop/static/a.txt"
    async with await blueprint.open_resource("static/a.txt", "r") as file:
        assert await file.read() == "hello"


async def test_templates_of_a_blueprint(app, folder):
    blueprint = Blueprint(
        "shop", __name__, root_path=str(folder), template_folder="templates"
    )

    @blueprint.context_processor
    async def add():
        return {"who": request.endpoint}

    @blueprint.app_context_processor
    def add_everywhere():
        return {"other": "<b>"}

    @blueprint.app_template_filter("shout")
    def shout(text):
        return text.upper()

    @blueprint.get("/x")
    async def view():
        return await render_template("a.html")

    app.register_blueprint(blueprint)
    assert await body(app, "/x") == "shop.view & &lt;B&gt;"


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ({}, {"shop": ["sell"]}),
        ({"cli_group": "market"}, {"market": ["sell"]}),
        ({"cli_group": None}, {"sell": None}),
    ],
)
def test_commands_of_a_blueprint(app, group, names):
    blueprint = Blueprint("shop", __name__, **group)

    @blueprint.cli.command("sell")
    def sell(): ...

    app.register_blueprint(blueprint)
    found = {
        name: sorted(command.commands)
        if hasattr(command, "commands")
        else None
        for name, command in app.cli.commands.items()
    }
    assert found == names
