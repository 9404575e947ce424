"""The application: routes, answers, URLs, options, files, configuration."""

import os
from datetime import timedelta

import pytest

from microquart import (
    Quart,
    Response,
    abort,
    current_app,
    json,
    jsonify,
    make_response,
    redirect,
    request,
    send_file,
    url_for,
)
from microquart.exceptions import HTTPException
from microquart.routing import BuildError


@pytest.fixture
def app():
    return Quart(__name__, static_folder=None)


# -- what a view returns --


def lines():
    yield "a"
    yield b"b"


async def async_lines():
    yield "a"
    yield b"b"


@pytest.mark.parametrize(
    ("value", "status", "kind", "body"),
    [
        ("hello", 200, "text/html; charset=utf-8", b"hello"),
        (b"hello", 200, "text/html; charset=utf-8", b"hello"),
        ({"a": 1}, 200, "application/json", b'{"a":1}\n'),
        ([1, 2], 200, "application/json", b"[1,2]\n"),
        (("hello", 201), 201, "text/html; charset=utf-8", b"hello"),
        (("hello", {"Content-Type": "text/x"}), 200, "text/x", b"hello"),
        (
            ("hello", 404, {"X-A": "b"}),
            404,
            "text/html; charset=utf-8",
            b"hello",
        ),
        (({"a": 1}, 202), 202, "application/json", b'{"a":1}\n'),
        (Response("x", 418), 418, "text/html; charset=utf-8", b"x"),
    ],
)
async def test_a_view_returns(app, value, status, kind, body):
    @app.get("/")
    async def view():
        return value

    response = await app.test_client().get("/")
    assert response.status_code == status
    assert response.headers["Content-Type"] == kind
    assert await response.get_data() == body


@pytest.mark.parametrize("generator", [lines, async_lines])
async def test_a_generator_is_streamed(app, generator):
    @app.get("/")
    async def view():
        return generator()

    response = await app.test_client().get("/")
    assert await response.get_data() == b"ab"
    assert "Content-Length" not in response.headers


async def test_a_plain_view_runs_with_its_context(app):
    @app.get("/<name>")
    def view(name):
        return f"{request.method} {name} {current_app.name == app.name}"

    response = await app.test_client().get("/anna")
    assert await response.get_data(as_text=True) == "GET anna True"


async def test_make_response_makes_one_to_be_changed(app):
    @app.get("/")
    async def view():
        response = await make_response("x", 201)
        response.headers["X-A"] = "b"
        return response

    response = await app.test_client().get("/")
    assert (response.status_code, response.headers["X-A"]) == (201, "b")


async def test_jsonify_makes_a_response(app):
    @app.get("/")
    async def view():
        return jsonify(a=1)

    assert await (await app.test_client().get("/")).get_json() == {"a": 1}


# -- mistakes are told with the line --


def first_line(func):
    return f"test_app.py:{func.__code__.co_firstlineno}"


async def error_of(app, path="/"):
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.testing = True
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await app.test_client().get(path)
    return str(caught.value)


async def test_a_view_that_returns_nothing_is_named(app):
    @app.get("/")
    async def user():
        if request.args:
            return "x"
        request.method.lower()

    line = user.__code__.co_firstlineno
    assert await error_of(app) == (
        f"view 'user' (test_app.py:{line}) returned None: is a return missing "
        f"on one branch? line {line + 4} has none"
    )


async def test_a_view_that_returns_a_number_is_named(app):
    @app.get("/")
    async def user():
        return 42

    told = await error_of(app)
    assert told.startswith(
        f"view 'user' ({first_line(user)}) returned 42 (int)"
    )
    assert "str, bytes, dict, list, a Response" in told
    assert 'str(42) or {"value": 42}' in told


async def test_a_view_that_does_not_take_the_rules_value_is_named(app):
    @app.get("/<id>")
    async def v():
        return "x"

    assert await error_of(app, "/7") == (
        f"rule '/<id>' passes id, but v() at {first_line(v)} does not take it"
    )


@pytest.mark.parametrize("taken_by", ["kwargs", "preprocessor", "hook"])
async def test_a_value_may_be_taken_otherwise(app, taken_by):
    if taken_by == "kwargs":

        @app.get("/<id>", endpoint="v")
        async def with_kwargs(**values):
            return "x"

    else:

        @app.get("/<id>")
        async def v():
            return "x"

    if taken_by == "preprocessor":
        app.url_value_preprocessor(lambda endpoint, values: values.pop("id"))
    if taken_by == "hook":

        @app.before_request
        async def take():
            request.view_args.pop("id")

    assert (await app.test_client().get("/7")).status_code == 200


def test_two_views_with_one_name_are_named_both(app):
    @app.get("/a")
    async def v():
        return "a"

    first = v

    with pytest.raises(AssertionError) as caught:

        @app.get("/b")
        async def v():
            return "b"

    told = str(caught.value)
    assert told.startswith(
        "View function mapping is overwriting an existing endpoint function: v"
    )
    assert first_line(first) in told
    assert 'endpoint="..."' in told


async def test_a_before_hook_that_returns_false_is_named(app):
    @app.get("/")
    async def view():
        return "x"

    @app.before_request
    async def b():
        return False

    assert await error_of(app) == (
        f"before_request 'b' ({first_line(b)}) returned False; return None to "
        "go on, or a response to stop"
    )


async def test_an_after_hook_that_forgets_the_response_is_named(app):
    @app.get("/")
    async def view():
        return "x"

    @app.after_request
    async def a(response):
        pass

    assert await error_of(app) == (
        f"after_request 'a' ({first_line(a)}) returned None: "
        "must return the response"
    )


# -- routes --


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
async def test_a_decorator_of_one_method(app, method):
    @getattr(app, method)("/")
    async def view():
        return request.method

    response = await app.test_client().open("/", method=method.upper())
    assert await response.get_data() == method.upper().encode()


async def test_head_is_answered_by_get_without_a_body(app):
    @app.get("/")
    async def view():
        return "hello"

    response = await app.test_client().head("/")
    assert response.headers["Content-Length"] == "5"
    assert await response.get_data() == b""


async def test_options_are_answered_by_the_framework(app):
    @app.route("/", methods=["GET", "POST"])
    async def view():
        return "x"

    response = await app.test_client().options("/")
    assert sorted(response.allow) == ["GET", "HEAD", "OPTIONS", "POST"]


@pytest.mark.parametrize("by", ["rule", "view", "config"])
async def test_options_are_left_to_the_view(app, by):
    async def view():
        return "x"

    if by == "view":
        view.provide_automatic_options = False
    if by == "config":
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    automatic = False if by == "rule" else None
    app.add_url_rule("/", None, view, provide_automatic_options=automatic)
    assert (await app.test_client().options("/")).status_code == 405


async def test_another_method_is_405_with_allow(app):
    @app.post("/")
    async def view():
        return "x"

    response = await app.test_client().get("/")
    assert response.status_code == 405
    assert sorted(response.allow) == ["OPTIONS", "POST"]


async def test_a_missing_slash_redirects(app):
    @app.get("/x/")
    async def view():
        return "x"

    response = await app.test_client().get("/x?a=1")
    assert (response.status_code, response.location) == (308, "/x/?a=1")


def test_methods_must_be_a_list(app):
    with pytest.raises(TypeError, match="list of strings"):
        app.add_url_rule("/", "view", None, methods="GET")


def test_methods_are_for_route(app):
    with pytest.raises(TypeError, match="Use the 'route' decorator"):
        app.get("/", methods=["POST"])


async def test_a_function_can_be_given_to_an_endpoint(app):
    app.add_url_rule("/", "index")

    @app.endpoint("index")
    async def whatever():
        return "x"

    assert (await app.test_client().get("/")).status_code == 200


async def test_registering_after_the_first_request_is_refused(app):
    await app.test_client().get("/")
    with pytest.raises(
        AssertionError, match="already handled its first request"
    ):
        app.before_request(lambda: None)


# -- URLs --


@pytest.fixture
def urls(app):
    @app.route("/users/<int:id>", methods=["GET", "POST"])
    async def user(id):
        return "x"

    @app.websocket("/ws")
    async def ws(): ...

    return app


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({"id": 7}, "/users/7"),
        ({"id": 7, "q": "a b"}, "/users/7?q=a+b"),
        ({"id": 7, "_anchor": "é x"}, "/users/7#%C3%A9%20x"),
        ({"id": 7, "_external": True}, "http://localhost/users/7"),
        ({"id": 7, "_scheme": "https"}, "https://localhost/users/7"),
        ({"id": 7, "_method": "POST"}, "/users/7"),
    ],
)
async def test_url_for_in_a_request(urls, values, url):
    async with urls.test_request_context("/"):
        assert url_for("user", **values) == url


async def test_url_for_below_a_root_path(urls):
    async with urls.test_request_context("/", root_path="/api"):
        assert url_for("user", id=7) == "/api/users/7"


async def test_url_for_a_websocket(urls):
    async with urls.test_request_context("/"):
        assert url_for("ws", _external=True) == "ws://localhost/ws"


async def test_url_for_outside_of_a_request_is_whole(urls):
    urls.config["SERVER_NAME"] = "example.com"
    urls.config["PREFERRED_URL_SCHEME"] = "https"
    async with urls.app_context():
        assert url_for("user", id=7) == "https://example.com/users/7"
        assert url_for("user", id=7, _external=False) == "/users/7"


async def test_url_for_without_a_server_name_says_so(urls):
    async with urls.app_context():
        with pytest.raises(RuntimeError, match="SERVER_NAME"):
            url_for("user", id=7)


async def test_a_scheme_needs_a_whole_url(urls):
    async with urls.test_request_context("/"):
        with pytest.raises(ValueError, match="External must be True"):
            url_for("user", id=7, _scheme="https", _external=False)


async def test_an_unknown_endpoint_is_told_with_what_is_near(urls):
    async with urls.test_request_context("/"):
        with pytest.raises(BuildError) as caught:
            url_for("usr", id=7)
    assert "user" in str(caught.value)


async def test_missing_values_are_told(urls):
    async with urls.test_request_context("/"):
        with pytest.raises(BuildError) as caught:
            url_for("user")
    assert "id" in str(caught.value)


async def test_build_errors_may_be_handled(urls):
    urls.url_build_error_handlers.append(lambda error, endpoint, values: None)
    urls.url_build_error_handlers.append(
        lambda error, endpoint, values: f"/elsewhere/{endpoint}"
    )
    async with urls.test_request_context("/"):
        assert url_for("nope") == "/elsewhere/nope"


async def test_url_defaults_add_values(app):
    @app.get("/<lang>/x")
    async def view(lang):
        return lang

    @app.url_defaults
    def add(endpoint, values):
        values.setdefault("lang", "de")

    async with app.test_request_context("/"):
        assert url_for("view") == "/de/x"


# -- redirects and aborts --


async def test_redirect(app):
    @app.get("/")
    async def view():
        return redirect("/x?a=b", 303)

    response = await app.test_client().get("/")
    assert (response.status_code, response.location) == (303, "/x?a=b")


@pytest.mark.parametrize("location", ["/a\r\nSet-Cookie: a=b", "/a\0"])
async def test_a_redirect_refuses_control_characters(app, location):
    async with app.app_context():
        with pytest.raises(ValueError, match="control character"):
            redirect(location)


async def test_abort_raises_what_the_application_has(app):
    class Own(HTTPException):
        code = 404
        description = "own"

    app.aborter.mapping[404] = Own
    async with app.app_context():
        with pytest.raises(Own):
            abort(404)


def test_abort_works_without_an_application():
    with pytest.raises(HTTPException) as caught:
        abort(404)
    assert caught.value.code == 404
    assert abort.mapping[404].code == 404


# -- files --


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.txt").write_text("hello")
    return tmp_path


async def test_static_files_are_served(folder):
    app = Quart(__name__, root_path=str(folder))
    client = app.test_client()
    response = await client.get("/static/a.txt")
    assert await response.get_data() == b"hello"
    assert response.cache_control.max_age == 12 * 3600
    assert (
        response.etag
        if hasattr(response, "etag")
        else response.headers["ETag"]
    )
    assert (await client.get("/static/../test_app.py")).status_code == 404
    async with app.test_request_context("/"):
        assert url_for("static", filename="a.txt") == "/static/a.txt"


async def test_a_static_file_in_parts(folder):
    client = Quart(__name__, root_path=str(folder)).test_client()
    response = await client.get(
        "/static/a.txt", headers={"Range": "bytes=1-2"}
    )
    assert (response.status_code, await response.get_data()) == (206, b"el")


async def test_the_static_folder_may_be_elsewhere(folder):
    app = Quart(
        __name__,
        root_path=str(folder),
        static_folder=str(folder / "static"),
        static_url_path="/files",
    )
    response = await app.test_client().get("/files/a.txt")
    assert response.status_code == 200


async def test_send_file_uses_the_max_age_of_the_application(folder, app):
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(seconds=7)

    @app.get("/")
    async def view():
        return await send_file(folder / "static" / "a.txt", as_attachment=True)

    response = await app.test_client().get("/")
    assert response.cache_control.max_age == 7
    assert "a.txt" in response.headers["Content-Disposition"]


async def test_resources_are_opened_to_be_read(folder):
    app = Quart(__name__, root_path=str(folder), instance_path=str(folder))
    async with await app.open_resource("static/a.txt") as file:
        assert await file.read() == b"hello"
    async with await app.open_instance_resource("static/a.txt", "r") as file:
        assert await file.read() == "hello"
    with pytest.raises(ValueError, match="only be read"):
        await app.open_resource("static/a.txt", "w")


# -- configuration --


def test_the_defaults_are_those_of_quart(app):
    assert app.config["MAX_CONTENT_LENGTH"] == 16 * 1024 * 1024
    assert app.config["RESPONSE_TIMEOUT"] == 60
    assert app.debug is False
    assert app.testing is False


def test_attributes_read_and_set_the_configuration(app):
    app.secret_key = "s"
    app.testing = True
    app.permanent_session_lifetime = 60
    assert app.config["SECRET_KEY"] == "s"
    assert app.config["TESTING"] is True
    assert app.permanent_session_lifetime == timedelta(minutes=1)


async def test_limits_follow_the_configuration(app):
    @app.post("/")
    async def view():
        return await request.get_data()

    client = app.test_client()
    assert (await client.post("/", data=b"x" * 100)).status_code == 200
    app.config["MAX_CONTENT_LENGTH"] = 10
    assert (await client.post("/", data=b"x" * 100)).status_code == 413


MULTIPART = "multipart/form-data; boundary=x"
PART = (
    "--x\r\nContent-Disposition: form-data; name=a\r\n"
    "X-A: b\r\n\r\nc\r\n--x--\r\n"
)


@pytest.mark.parametrize(
    ("key", "least", "path", "kind", "content", "status"),
    [
        ("MAX_JSON_DEPTH", 3, "/json", "application/json", "[[[]]]", 400),
        ("MAX_JSON_DIGITS", 3, "/json", "application/json", "123", 400),
        ("MAX_QUERY_PARAMETERS", 3, "/args?a&b&c", "text/plain", "", 400),
        ("MAX_FORM_PART_HEAD", 40, "/form", MULTIPART, PART, 413),
        ("MAX_FORM_PART_LINES", 2, "/form", MULTIPART, PART, 413),
    ],
)
async def test_a_limit_of_reading_follows_the_configuration(
    app, key, least, path, kind, content, status
):
    @app.post("/json")
    async def read_json():
        return str(await request.get_json())

    @app.post("/form")
    async def read_form():
        return str(await request.form)

    @app.post("/args")
    async def read_args():
        return str(request.args)

    client, headers = app.test_client(), {"Content-Type": kind}
    for limit, wanted in [
        (app.config[key], 200),
        (least, 200),
        (least - 1, status),
        (None, 200),
    ]:
        app.config[key] = limit
        answer = await client.post(path, data=content, headers=headers)
        assert answer.status_code == wanted


async def test_depth_that_python_refuses_is_the_clients_mistake(app):
    app.config["MAX_JSON_DEPTH"] = None

    @app.post("/")
    async def view():
        return str(await request.get_json())

    headers = {"Content-Type": "application/json"}
    data = "[" * 1_000_000
    answer = await app.test_client().post("/", data=data, headers=headers)
    assert answer.status_code == 400


async def test_the_json_of_the_application_has_its_limits(app):
    app.config["MAX_JSON_DEPTH"] = 1
    with pytest.raises(ValueError, match="More than 1 levels"):
        app.json.loads("[[]]")
    async with app.app_context():
        with pytest.raises(ValueError, match="More than 1 levels"):
            json.loads("[[]]")


async def test_a_request_may_set_its_own_limits_of_a_part(app):
    app.config.update(MAX_FORM_PART_HEAD=1, MAX_FORM_PART_LINES=1)

    @app.post("/")
    async def view():
        request.max_form_part_head = 40
        request.max_form_part_lines = None
        return (await request.form)["a"]

    headers = {"Content-Type": MULTIPART}
    answer = await app.test_client().post("/", data=PART, headers=headers)
    assert await answer.get_data(as_text=True) == "c"


def test_an_instance_path_must_be_absolute():
    with pytest.raises(ValueError, match="must be absolute"):
        Quart(__name__, instance_path="instance")


def test_the_instance_path_is_found():
    assert os.path.basename(Quart(__name__).instance_path) == "instance"


def test_the_name_is_the_import_name():
    assert Quart("shop.main").name == "shop.main"
    assert repr(Quart("shop.main")) == "<Quart 'shop.main'>"


async def test_untrusted_hosts_are_refused(app):
    app.config["TRUSTED_HOSTS"] = ["example.com"]

    @app.get("/")
    async def view():
        return "x"

    client = app.test_client()
    assert (await client.get("/")).status_code == 400
    trusted = {"Host": "example.com"}
    assert (await client.get("/", headers=trusted)).status_code == 200


async def test_rules_for_hosts():
    app = Quart(__name__, host_matching=True, static_folder=None)
    app.add_url_rule("/", "a", lambda: "a", host="a.example")
    app.add_url_rule("/", "b", lambda: "b", host="<name>.b.example")
    app.view_functions["b"] = lambda name: name
    client = app.test_client()
    one = await client.get("/", headers={"Host": "a.example"})
    two = await client.get("/", headers={"Host": "x.b.example"})
    assert await one.get_data() == b"a"
    assert await two.get_data() == b"x"


async def test_rules_for_subdomains():
    app = Quart(__name__, subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "a", lambda: "api", subdomain="api")
    client = app.test_client()
    assert (await client.get("/")).status_code == 404
    response = await client.get("/", subdomain="api")
    assert await response.get_data() == b"api"


# -- what a subclass may change --


async def test_a_subclass_overrides_a_stage():
    class Shouting(Quart):
        async def make_response(self, result):
            response = await super().make_response(result)
            response.set_data((await response.get_data()).upper())
            return response

        async def dispatch_request(self, request_context=None):
            return f"<{await super().dispatch_request(request_context)}>"

    app = Shouting(__name__)

    @app.get("/")
    async def view():
        return "hello"

    response = await app.test_client().get("/")
    assert await response.get_data() == b"<HELLO>"


STAGES = [
    "handle_request",
    "full_dispatch_request",
    "preprocess_request",
    "dispatch_request",
    "finalize_request",
    "make_response",
    "process_response",
    "do_teardown_request",
    "do_teardown_appcontext",
]


@pytest.mark.parametrize("stage", STAGES)
async def test_a_stage_set_after_the_first_request_is_called(app, stage):
    called = []

    @app.get("/")
    async def view():
        return "x"

    client = app.test_client()
    await client.get("/")
    original = getattr(app, stage)

    async def recording(*args, **kwargs):
        called.append(stage)
        return await original(*args, **kwargs)

    setattr(app, stage, recording)
    await client.get("/")
    assert called == [stage]
    delattr(app, stage)
    await client.get("/")
    assert called == [stage]


async def test_a_view_may_be_exchanged_at_any_time(app):
    @app.get("/")
    async def view():
        return "x"

    client = app.test_client()
    await client.get("/")

    async def other():
        return "y"

    app.view_functions["view"] = other
    assert await (await client.get("/")).get_data() == b"y"


async def test_all_of_the_users_functions_come_through_one_door(app):
    seen = []

    @app.get("/")
    async def view():
        return "x"

    @app.before_request
    def before(): ...

    @app.after_request
    async def after(response):
        return response

    @app.teardown_request
    async def teardown(error): ...

    await app.test_client().get("/")
    original = app.ensure_async

    def ensure_async(func):
        seen.append(func)
        return original(func)

    app.ensure_async = ensure_async
    await app.test_client().get("/")
    assert {view, before, after, teardown} <= set(seen)


async def test_the_classes_can_be_replaced(app):
    class OwnResponse(Response):
        default_mimetype = "text/plain"

    class OwnRequest(app.request_class):
        @property
        def shout(self):
            return self.path.upper()

    app.response_class = OwnResponse
    app.request_class = OwnRequest

    @app.get("/<name>")
    async def view(name):
        return request.shout

    response = await app.test_client().get("/x")
    assert response.mimetype == "text/plain"
    assert await response.get_data() == b"/X"


async def test_middleware_goes_round_asgi_app(app):
    class Middleware:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                scope = {**scope, "path": "/x"}
            await self.app(scope, receive, send)

    app.asgi_app = Middleware(app.asgi_app)

    @app.get("/x")
    async def view():
        return "x"

    assert (await app.test_client().get("/other")).status_code == 200
