"""How URLs are built."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def view(**values):
    return "x"


BUILT = [
    ("user", {"name": "anna"}, "/users/anna"),
    ("user", {"name": "a b/c"}, "/users/a%20b/c"),
    ("user", {"name": "a", "x": 1}, "/users/a?x=1"),
    ("user", {"name": "a", "x": [1, 2]}, "/users/a?x=1&x=2"),
    ("user", {"name": "a", "x": None}, "/users/a"),
    ("user", {"name": "a", "x": "ü &"}, "/users/a?x=%C3%BC+%26"),
    ("post", {"id": 7}, "/posts/7"),
    ("post", {"id": "7"}, "/posts/7"),
    ("file", {"path": "a/b c"}, "/files/a/b%20c"),
    ("index", {}, "/"),
    ("paged", {}, "/paged/"),
    ("paged", {"page": 1}, "/paged/"),
    ("paged", {"page": 2}, "/paged/2"),
    ("static", {"filename": "a.css"}, "/static/a.css"),
]
VARIANTS = [
    ({"_external": True}, "http://localhost/"),
    ({"_external": True, "_scheme": "https"}, "https://localhost/"),
    ({"_anchor": "top"}, "/#top"),
    ({"_anchor": "a b"}, "/#a%20b"),
    ({"x": 1, "_anchor": "top"}, "/?x=1#top"),
    ({"_external": False}, "/"),
]


@pytest.fixture
def app(quart):
    app = quart.Quart(__name__)
    app.add_url_rule("/", "index", view)
    app.add_url_rule("/users/<name>", "user", view)
    app.add_url_rule("/posts/<int:id>", "post", view)
    app.add_url_rule("/files/<path:path>", "file", view)
    app.add_url_rule("/paged/", "paged", view, defaults={"page": 1})
    app.add_url_rule("/paged/<int:page>", "paged", view)
    app.add_url_rule("/get", "by_method", view, methods=["GET"])
    app.add_url_rule("/post", "by_method", view, methods=["POST"])
    return app


@row("url_for(endpoint, **values)")
@pytest.mark.parametrize(("endpoint", "values", "url"), BUILT)
async def test_a_url_is_built_from_values(quart, app, endpoint, values, url):
    async with app.test_request_context("/"):
        assert quart.url_for(endpoint, **values) == url


@row("url_for(endpoint, **values)")
@pytest.mark.parametrize(
    ("endpoint", "values"),
    [("nope", {}), ("user", {}), ("post", {"id": "x"})],
)
async def test_a_url_that_cannot_be_built_is_an_error(
    quart, werkzeug, app, endpoint, values
):
    async with app.test_request_context("/"):
        with pytest.raises((werkzeug.routing.BuildError, ValueError)):
            quart.url_for(endpoint, **values)


@row("url_for(endpoint, **values)")
async def test_the_error_of_a_url_knows_what_is_near(quart, werkzeug, app):
    async with app.test_request_context("/"):
        with pytest.raises(werkzeug.routing.BuildError) as caught:
            quart.url_for("usr", name="a")
    assert "usr" in str(caught.value)
    assert "Did you mean 'user'" in str(caught.value)


@row("url_for _external")
@pytest.mark.parametrize(("arguments", "url"), VARIANTS)
async def test_a_url_has_variants(quart, app, arguments, url):
    async with app.test_request_context("/"):
        assert quart.url_for("index", **arguments) == url


@row("url_for _external")
async def test_a_url_can_be_of_a_method(quart, app):
    async with app.test_request_context("/"):
        assert quart.url_for("by_method", _method="POST") == "/post"
        assert quart.url_for("by_method", _method="GET") == "/get"


@row("url_for _external")
async def test_a_scheme_needs_an_external_url(quart, app):
    async with app.app_context():
        app.config["SERVER_NAME"] = "example.org"
    async with app.app_context():
        with pytest.raises(ValueError, match="xternal"):
            quart.url_for("index", _scheme="https", _external=False)


@row('url_for(".relative")')
async def test_a_name_with_a_dot_is_of_the_same_blueprint(quart, app):
    blueprint = quart.Blueprint("shop", __name__, url_prefix="/shop")

    @blueprint.route("/a")
    async def a():
        return quart.url_for(".b") + " " + quart.url_for("index")

    @blueprint.route("/b")
    async def b():
        return "b"

    app.register_blueprint(blueprint)
    response = await app.test_client().get("/shop/a")
    assert await response.get_data() == b"/shop/b /"


@row("url_for outside a request")
@pytest.mark.parametrize(
    ("secure", "scheme"), [(False, "http"), (True, "https")]
)
async def test_outside_of_a_request_the_configuration_gives_the_host(
    quart, app, secure, scheme
):
    app.config["SERVER_NAME"] = "example.org"
    app.config["PREFER_SECURE_URLS"] = secure
    async with app.app_context():
        assert quart.url_for("index") == f"{scheme}://example.org/"
        assert quart.url_for("index", _external=False) == "/"


@row("url_for outside a request")
@differs("APPLICATION_ROOT and PREFERRED_URL_SCHEME count, as in Flask")
async def test_outside_of_a_request_the_configuration_gives_root_and_scheme(
    quart, app
):
    app.config["SERVER_NAME"] = "example.org"
    app.config["PREFERRED_URL_SCHEME"] = "https"
    app.config["APPLICATION_ROOT"] = "/base"
    async with app.app_context():
        assert quart.url_for("index") == "https://example.org/base/"


@row("url_for outside a request")
async def test_outside_of_a_request_a_server_name_is_needed(quart, app):
    async with app.app_context():
        with pytest.raises(RuntimeError, match="SERVER_NAME"):
            quart.url_for("index")


@row("url_build_error_handlers")
async def test_a_handler_can_build_what_nobody_knows(quart, app):
    def build(error, endpoint, values):
        return f"/{endpoint}/{values['x']}" if endpoint == "far" else None

    app.url_build_error_handlers.append(build)
    async with app.test_request_context("/"):
        assert quart.url_for("far", x=1) == "/far/1"
        with pytest.raises(Exception, match="nope"):
            quart.url_for("nope")


@row("app.inject_url_defaults")
async def test_the_application_builds_urls_too(quart, app):
    @app.url_defaults
    def defaults(endpoint, values):
        values.setdefault("lang", "de")

    values = {}
    app.inject_url_defaults("index", values)
    assert values == {"lang": "de"}
    async with app.test_request_context("/"):
        assert app.url_for("index") == "/?lang=de"


@row("root_path in URLs")
async def test_urls_begin_with_the_path_of_the_mount(quart, app):
    @app.route("/here")
    async def here():
        return f"{quart.request.path} {quart.url_for('index')}"

    client = app.test_client()
    response = await client.get("/mounted/here", root_path="/mounted")
    assert await response.get_data() == b"/here /mounted/"
