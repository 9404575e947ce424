"""Which view answers which URL."""

import uuid

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def told(client, path, **kwargs):
    """Ask for a path and return the status and the text."""
    response = await client.open(path, **kwargs)
    return response.status_code, (await response.get_data()).decode()


async def say(**values):
    """A view that says what the URL has given it."""
    return repr(values)


@row("app.route, methods=")
@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 200), ("HEAD", 200), ("OPTIONS", 200), ("POST", 405)],
)
async def test_a_route_answers_get_and_what_comes_with_it(
    app, client, method, status
):
    app.add_url_rule("/", view_func=say)
    response = await client.open("/", method=method)
    assert response.status_code == status


@row("app.route, methods=")
async def test_a_route_answers_the_methods_that_are_given(app, client):
    @app.route("/", methods=["put", "DELETE"])
    async def view():
        return "x"

    codes = {
        method: (await client.open("/", method=method)).status_code
        for method in ("GET", "PUT", "DELETE", "POST")
    }
    assert codes == {"GET": 405, "PUT": 200, "DELETE": 200, "POST": 405}


@row("app.route, methods=")
def test_methods_are_no_string(app):
    with pytest.raises(TypeError, match="methods"):
        app.add_url_rule("/", "x", say, methods="GET")


@row("app.get, app.post")
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
async def test_each_method_has_its_decorator(app, client, method):
    @getattr(app, method)("/")
    async def view():
        return method

    assert await told(client, "/", method=method.upper()) == (200, method)
    assert (await client.open("/", method="TRACE")).status_code == 405


@row("app.get, app.post")
def test_a_decorator_of_one_method_takes_no_others(app):
    with pytest.raises(TypeError):
        app.get("/", methods=["POST"])


@row("app.websocket")
async def test_websockets_have_their_routes(quart, app, client):
    @app.websocket("/a/<int:x>")
    async def view(x):
        await quart.websocket.send(str(x))

    async def other():
        await quart.websocket.send("other")

    app.add_websocket("/b", view_func=other)
    async with client.websocket("/a/1") as connection:
        assert await connection.receive() == "1"
    async with client.websocket("/b") as connection:
        assert await connection.receive() == "other"


@row("app.websocket")
async def test_a_path_can_have_a_view_and_a_websocket(quart, app, client):
    @app.route("/")
    async def view():
        return "view"

    @app.websocket("/")
    async def socket():
        await quart.websocket.send("socket")

    assert await told(client, "/") == (200, "view")
    async with client.websocket("/") as connection:
        assert await connection.receive() == "socket"


@row("app.add_url_rule")
async def test_a_rule_can_be_added_without_a_decorator(app, client):
    app.add_url_rule("/a", "name", say)
    app.add_url_rule("/b", view_func=say, methods=["POST"])
    assert set(app.view_functions) >= {"name", "say"}
    assert await told(client, "/a") == (200, "{}")
    assert await told(client, "/b", method="POST") == (200, "{}")


@row("app.endpoint")
async def test_a_view_can_be_given_to_an_endpoint_later(app, client):
    app.add_url_rule("/", endpoint="index")

    @app.endpoint("index")
    async def view():
        return "later"

    assert await told(client, "/") == (200, "later")


@row("provide_automatic_options")
async def test_options_can_be_left_to_the_view(quart, app, client):
    @app.route("/a", methods=["GET", "OPTIONS"])
    async def mine():
        return quart.request.method

    @app.route("/b", provide_automatic_options=False)
    async def none():
        return "b"

    assert await told(client, "/a", method="OPTIONS") == (200, "OPTIONS")
    assert (await client.options("/b")).status_code == 405


MATCHES = [
    ("/<x>", "/a", {"x": "a"}),
    ("/<x>", "/a/b", None),
    ("/<x>/end", "/a/end", {"x": "a"}),
    ("/a-<x>.txt", "/a-b.txt", {"x": "b"}),
    ("/<x>-<y>", "/a-b-c", {"x": "a-b", "y": "c"}),
    ("/<int:x>", "/7", {"x": 7}),
    ("/<int:x>", "/007", {"x": 7}),
    ("/<int:x>", "/-7", None),
    ("/<int:x>", "/a", None),
    ("/<float:x>", "/1.5", {"x": 1.5}),
    ("/<float:x>", "/1", None),
    ("/<path:x>", "/a/b/c", {"x": "a/b/c"}),
    ("/<path:x>/end", "/a/b/end", {"x": "a/b"}),
    ("/<string:x>", "/a", {"x": "a"}),
    ("/<any(a, bc):x>", "/bc", {"x": "bc"}),
    ("/<any(a, bc):x>", "/b", None),
    (
        "/<uuid:x>",
        "/12345678-1234-5678-1234-567812345678",
        {"x": uuid.UUID("12345678-1234-5678-1234-567812345678")},
    ),
    ("/<uuid:x>", "/12345678", None),
]
ARGUMENTS = [
    ("/<int(min=3):x>", "/2", None),
    ("/<int(min=3):x>", "/3", {"x": 3}),
    ("/<int(max=3):x>", "/4", None),
    ("/<int(min=1, max=3):x>", "/2", {"x": 2}),
    ("/<int(signed=True):x>", "/-7", {"x": -7}),
    ("/<int(fixed_digits=3):x>", "/007", {"x": 7}),
    ("/<int(fixed_digits=3):x>", "/7", None),
    ("/<float(signed=True):x>", "/-1.5", {"x": -1.5}),
    ("/<float(min=2):x>", "/1.5", None),
    ("/<string(length=2):x>", "/de", {"x": "de"}),
    ("/<string(length=2):x>", "/deu", None),
    ("/<string(minlength=2):x>", "/a", None),
    ("/<string(maxlength=2):x>", "/abc", None),
    ("/<string(minlength=2, maxlength=3):x>", "/abc", {"x": "abc"}),
]


async def matches(client, app, rule, path, values):
    app.add_url_rule(rule, view_func=say)
    expected = (200, repr(values)) if values is not None else 404
    answer = await told(client, path)
    assert answer == expected if values is not None else answer[0] == expected


@row("<variable>", "<int:>")
@pytest.mark.parametrize(("rule", "path", "values"), MATCHES)
async def test_a_rule_matches(app, client, rule, path, values):
    await matches(client, app, rule, path, values)


@row("converter arguments")
@pytest.mark.parametrize(("rule", "path", "values"), ARGUMENTS)
async def test_the_arguments_of_a_converter_restrict_it(
    app, client, rule, path, values
):
    await matches(client, app, rule, path, values)


@row("custom converters")
async def test_a_converter_of_the_user_makes_values_and_urls(
    quart, werkzeug, app, client
):
    class Names(werkzeug.routing.BaseConverter):
        regex = r"[a-z+]+"

        def to_python(self, value):
            if value == "none":
                raise werkzeug.routing.ValidationError
            return value.split("+")

        def to_url(self, value):
            return "+".join(value)

    app.url_map.converters["names"] = Names

    @app.route("/<names:x>")
    async def view(x):
        return repr(x) + quart.url_for("view", x=["c", "d"])

    assert await told(client, "/a+b") == (200, "['a', 'b']/c+d")
    assert (await client.get("/none")).status_code == 404
    assert (await client.get("/A")).status_code == 404


@row("custom converters")
async def test_a_converter_of_the_user_takes_arguments(werkzeug, app, client):
    class Times(werkzeug.routing.BaseConverter):
        weight = 50

        def __init__(self, url_map, factor=1, *, add=0):
            super().__init__(url_map)
            self.factor, self.add = factor, add

        def to_python(self, value):
            return int(value) * self.factor + self.add

    app.url_map.converters["times"] = Times
    app.add_url_rule("/<times(3, add=1):x>", view_func=say)
    assert await told(client, "/2") == (200, "{'x': 7}")


@row("custom converters")
async def test_a_converter_can_take_slashes(werkzeug, app, client):
    class Everything(werkzeug.routing.BaseConverter):
        regex = ".*?"
        part_isolating = False

    app.url_map.converters["everything"] = Everything
    app.add_url_rule("/<everything:x>/end", view_func=say)
    assert await told(client, "/a/b/end") == (200, "{'x': 'a/b'}")


@row("defaults=")
async def test_defaults_give_what_the_url_does_not(app, client):
    app.add_url_rule("/users/", "users", say, defaults={"page": 1})
    app.add_url_rule("/users/<int:page>", "users", say)
    assert await told(client, "/users/") == (200, "{'page': 1}")
    assert await told(client, "/users/2") == (200, "{'page': 2}")
    response = await client.get("/users/1")
    assert response.status_code == 308
    assert response.location.endswith("/users/")


@row("strict_slashes")
async def test_a_missing_slash_is_redirected_and_another_is_not_found(
    app, client
):
    app.add_url_rule("/a/", "a", say)
    app.add_url_rule("/b", "b", say)
    response = await client.get("/a?x=1")
    assert response.status_code == 308
    assert response.location.endswith("/a/?x=1")
    assert (await client.get("/b/")).status_code == 404


@row("strict_slashes")
async def test_slashes_need_not_be_strict(app, client):
    app.add_url_rule("/a/", "a", say, strict_slashes=False)
    app.url_map.strict_slashes = False
    app.add_url_rule("/b", "b", say)
    assert await told(client, "/a") == (200, "{}")
    assert await told(client, "/b/") == (200, "{}")


@row("merge_slashes")
async def test_doubled_slashes_are_merged_by_a_redirect(app, client):
    app.add_url_rule("/a/b", "a", say)
    app.add_url_rule("/c/<path:x>", "c", say, merge_slashes=False)
    response = await client.get("/a//b")
    assert response.status_code == 308
    assert response.location.endswith("/a/b")
    assert await told(client, "/c/x//y") == (200, "{'x': 'x//y'}")


@row("redirect_to=")
@differs("Werkzeug's options of a rule: Quart refuses them")
async def test_a_rule_can_redirect(app, client):
    app.add_url_rule("/new/<x>", "new", say)
    app.add_url_rule("/old/<x>", "old", redirect_to="/new/<x>")
    app.add_url_rule(
        "/older/<x>", "older", redirect_to=lambda adapter, x: f"new/{x}"
    )
    for path in ("/old/a", "/older/a"):
        response = await client.get(path)
        assert response.status_code == 308
        assert response.location.endswith("/new/a")


@row("redirect_to=")
@differs("Werkzeug's options of a rule: Quart refuses them")
async def test_a_rule_can_be_for_building_only(quart, app, client):
    app.add_url_rule("/x", "x", build_only=True)

    @app.route("/")
    async def view():
        return quart.url_for("x")

    assert (await client.get("/x")).status_code == 404
    assert await told(client, "/") == (200, "/x")


@row("redirect_to=")
@differs("Werkzeug's options of a rule: Quart refuses them")
async def test_a_rule_can_be_the_alias_of_another(quart, app, client):
    app.add_url_rule("/users", "users", say, defaults={})
    app.add_url_rule("/people", "users", say, alias=True)
    response = await client.get("/people")
    assert response.status_code == 308
    assert response.location.endswith("/users")


@row("host=, subdomain=")
async def test_a_rule_can_be_of_a_host(quart):
    app = quart.Quart(__name__, static_folder=None, host_matching=True)
    app.add_url_rule("/", "one", say, host="<any(a, b):name>.example")
    client = app.test_client()
    answer = await told(client, "/", headers={"Host": "b.example"})
    assert answer == (200, "{'name': 'b'}")
    answer = await told(client, "/", headers={"Host": "c.example"})
    assert answer[0] == 404


@row("405 with Allow")
async def test_another_method_of_a_known_path_is_told_the_methods(app, client):
    app.add_url_rule("/", "a", say, methods=["GET", "POST"])
    response = await client.delete("/")
    assert response.status_code == 405
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS", "POST"}


RULES = ["/a", "/<int:x>", "/<x>", "/<path:x>", "/a/<x>", "/<x>/b"]


@row("rule priority by weight")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/a", "/a"),
        ("/1", "/<int:x>"),
        ("/b", "/<x>"),
        ("/b/c", "/<path:x>"),
        ("/a/b", "/a/<x>"),
        ("/c/b", "/<x>/b"),
    ],
)
async def test_the_most_particular_rule_is_taken(
    quart, app, client, path, rule, reverse
):
    async def view(**values):
        return quart.request.url_rule.rule

    for one in sorted(RULES, reverse=reverse):
        app.add_url_rule(one, one.replace(".", ""), view)
    assert await told(client, path) == (200, rule)


@row("url_value_preprocessor")
async def test_values_are_taken_from_urls_and_put_into_them(
    quart, app, client
):
    @app.url_value_preprocessor
    def take(endpoint, values):
        quart.g.lang = values.pop("lang", None)

    @app.url_defaults
    def put(endpoint, values):
        if app.url_map.is_endpoint_expecting(endpoint, "lang"):
            values.setdefault("lang", quart.g.lang)

    @app.route("/<lang>/a")
    async def a():
        return quart.g.lang + quart.url_for("b")

    @app.route("/<lang>/b")
    async def b():
        return "b"

    assert await told(client, "/de/a") == (200, "de/de/b")


@row("url_value_preprocessor")
@differs("preprocessors run for websockets: in Quart they raise RuntimeError")
async def test_values_are_taken_from_the_urls_of_websockets(
    quart, app, client
):
    @app.url_value_preprocessor
    def take(endpoint, values):
        quart.g.lang = values.pop("lang")

    @app.websocket("/<lang>")
    async def view():
        await quart.websocket.send(quart.g.lang)

    async with client.websocket("/de") as connection:
        assert await connection.receive() == "de"


@row("Unicode rules and paths")
async def test_rules_and_paths_may_have_any_letters(quart, app, client):
    @app.route("/größe/<name>")
    async def view(name):
        return name + quart.url_for("view", name="ü b")

    answer = await told(client, "/gr%C3%B6%C3%9Fe/%C3%A4")
    assert answer == (200, "ä/gr%C3%B6%C3%9Fe/%C3%BC%20b")


@row("endpoint conflict")
def test_an_endpoint_has_one_view(app):
    @app.route("/a")
    async def view():
        return "a"

    async def other():
        return "b"

    with pytest.raises(AssertionError, match="overwriting an existing"):
        app.add_url_rule("/b", "view", other)
    app.add_url_rule("/b", "view", view)  # the same is no conflict


@row("create_url_adapter")
async def test_the_binding_of_the_map_can_be_overridden(quart):
    class App(quart.Quart):
        def create_url_adapter(self, request):
            return self.url_map.bind("example.org", path_info="/other")

    app = App(__name__)
    app.add_url_rule("/other", view_func=say)

    @app.route("/")
    async def view():
        return quart.url_for("say", _external=True)

    async with app.app_context():
        assert quart.url_for("say") == "http://example.org/other"


@row("app.add_url_rule")
@differs("after the first request nothing is registered: in Quart it passes")
async def test_what_is_registered_too_late_is_an_error(app, client):
    await client.get("/")
    with pytest.raises(AssertionError, match="add_url_rule"):
        app.add_url_rule("/", view_func=say)
