"""The application object: what it is made with, and what can be replaced."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys

import anyio
import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def text(response):
    return (await response.get_data()).decode()


# -- how it is made --


@row("Quart(import_name)")
async def test_an_application_answers_what_its_views_return(quart):
    app = quart.Quart(__name__)

    @app.route("/")
    async def index():
        return "hello"

    response = await app.test_client().get("/")
    assert (response.status_code, await text(response)) == (200, "hello")
    assert app.import_name == __name__


@row("Quart(static_folder=")
async def test_static_files_lie_where_the_arguments_say(quart):
    app = quart.Quart(__name__, static_folder="files", static_url_path="/s")
    response = await app.test_client().get("/s/a.txt")
    assert await text(response) == "a static file\n"
    assert app.static_url_path == "/s"


@row("Quart(static_folder=")
async def test_without_a_static_folder_there_is_no_static_route(quart):
    app = quart.Quart(__name__, static_folder=None)
    assert not app.has_static_folder
    assert list(app.url_map.iter_rules()) == []


@row("Quart(template_folder=)")
async def test_templates_lie_where_the_argument_says(quart):
    app = quart.Quart(__name__, template_folder="templates/other")
    async with app.app_context():
        assert await quart.render_template("page.txt") == "the other page"


@row("Quart(root_path=)")
async def test_the_root_path_is_where_files_are_sought(quart, tmp_path):
    (tmp_path / "data.txt").write_text("mine")
    app = quart.Quart(__name__, root_path=str(tmp_path))
    async with await app.open_resource("data.txt") as file:
        assert await file.read() == b"mine"


@row("Quart(instance_path=")
async def test_the_configuration_can_lie_in_the_instance_folder(
    quart, tmp_path
):
    (tmp_path / "settings.py").write_text("A = 1")
    app = quart.Quart(
        __name__, instance_path=str(tmp_path), instance_relative_config=True
    )
    app.config.from_pyfile("settings.py")
    assert (app.instance_path, app.config["A"]) == (str(tmp_path), 1)


@row("Quart(instance_path=")
def test_the_instance_path_is_absolute(quart):
    with pytest.raises(ValueError, match="absolute"):
        quart.Quart(__name__, instance_path="instance")


@row("Quart(host_matching=")
async def test_hosts_are_matched_when_asked_for(quart):
    app = quart.Quart(
        __name__,
        host_matching=True,
        static_host="files.example",
        static_folder="files",
    )

    @app.route("/", host="a.example")
    async def a():
        return "a"

    @app.route("/", host="<name>.b.example")
    async def b(name):
        return name

    client = app.test_client()
    answers = [
        await text(await client.get("/", headers={"Host": host}))
        for host in ("a.example", "x.b.example")
    ]
    assert answers == ["a", "x"]
    other = await client.get("/", headers={"Host": "c.example"})
    assert other.status_code == 404
    file = await client.get("/files/a.txt", headers={"Host": "files.example"})
    assert file.status_code == 200


@row("Quart(subdomain_matching=")
async def test_subdomains_are_matched_when_asked_for(quart):
    app = quart.Quart(__name__, subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.org"

    @app.route("/", subdomain="<user>")
    async def of_user(user):
        return user

    @app.route("/")
    async def index():
        return "index"

    client = app.test_client()
    assert await text(await client.get("/", subdomain="anna")) == "anna"
    assert await text(await client.get("/")) == "index"


@row("Quart(subdomain_matching=")
@pytest.mark.filterwarnings("ignore:Current server name")
@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("example.org", ["plain", "other"]),
        ("shop.example.org", ["shop", 404]),
        ("example.com", [404, 404]),
    ],
)
async def test_a_rule_with_a_subdomain_is_matched_by_it_anyhow(
    quart, host, answers
):
    app = quart.Quart(__name__, static_folder=None)
    app.config["SERVER_NAME"] = "example.org"
    app.add_url_rule("/", "plain", lambda: "plain")
    app.add_url_rule("/other", "other", lambda: "other")
    app.add_url_rule("/", "shop", lambda: "shop", subdomain="shop")
    client = app.test_client()
    for path, answer in zip(("/", "/other"), answers, strict=True):
        response = await client.get(path, headers={"Host": host})
        if answer == 404:
            assert response.status_code == 404
        else:
            assert await text(response) == answer


@row("Quart(subdomain_matching=")
@differs("without rules of subdomains SERVER_NAME refuses no other host")
async def test_server_name_alone_refuses_no_host(quart):
    app = quart.Quart(__name__, static_folder=None)
    app.config["SERVER_NAME"] = "example.org"
    app.add_url_rule("/", "plain", lambda: "plain")
    headers = {"Host": "10.0.0.1"}  # as a load balancer asks for its health
    response = await app.test_client().get("/", headers=headers)
    assert response.status_code == 200


# -- what it has --


@row("app.name")
def test_the_name_is_that_of_the_import_or_of_the_program(quart):
    assert quart.Quart("shop.web").name == "shop.web"
    assert quart.Quart("__main__").name


@row("app.debug", "app.testing", "app.secret_key")
@pytest.mark.parametrize(
    ("attribute", "key", "value"),
    [
        ("debug", "DEBUG", True),
        ("testing", "TESTING", True),
        ("secret_key", "SECRET_KEY", "a"),
    ],
)
def test_an_attribute_stands_for_a_configuration_key(
    app, attribute, key, value
):
    setattr(app, attribute, value)
    assert app.config[key] == value
    app.config[key] = None
    assert not getattr(app, attribute)


@row("app.testing")
@differs("the error of a view reaches the test: Quart answers with its page")
async def test_a_testing_application_lets_errors_pass(app):
    app.testing = True

    @app.route("/")
    async def view():
        raise KeyError("x")

    with pytest.raises(KeyError):
        await app.test_client().get("/")


@row("app.logger")
def test_the_logger_has_the_name_of_the_application(app):
    assert app.logger.name == app.name


@row("app.extensions")
def test_extensions_keep_their_state_in_a_dictionary(app):
    app.extensions["mine"] = 1
    assert app.extensions == {"mine": 1}


@row("app.url_map", "app.view_functions")
def test_rules_and_views_can_be_listed(quart):
    app = quart.Quart(__name__, static_folder=None)

    @app.route("/a/<int:x>", methods=["GET", "POST"])
    async def view(x):
        return "x"

    [rule] = app.url_map.iter_rules()
    assert (rule.rule, rule.endpoint) == ("/a/<int:x>", "view")
    assert rule.methods == {"GET", "HEAD", "OPTIONS", "POST"}
    assert app.view_functions == {"view": view}
    assert "-> view" in str(app.url_map)
    assert "int" in app.url_map.converters


@row("app.permanent_session_lifetime")
def test_the_life_of_a_session_is_31_days_unless_changed(app):
    assert app.permanent_session_lifetime.days == 31
    app.config["PERMANENT_SESSION_LIFETIME"] = 60
    assert app.permanent_session_lifetime.total_seconds() == 60


@row("app.auto_find_instance_path")
def test_the_instance_folder_is_found_beside_the_program(app):
    assert app.auto_find_instance_path() == app.instance_path
    assert app.instance_path.endswith("instance")


@row("app.open_resource")
async def test_files_of_the_application_and_the_instance_are_read(
    quart, tmp_path
):
    (tmp_path / "i.txt").write_text("of the instance")
    app = quart.Quart(__name__, instance_path=str(tmp_path))
    async with await app.open_resource("files/a.txt") as file:
        assert await file.read() == b"a static file\n"
    async with await app.open_resource("files/a.txt", "r") as file:
        assert await file.read() == "a static file\n"
    async with await app.open_instance_resource("i.txt") as file:
        assert await file.read() == b"of the instance"


# -- what can be replaced --


@row("app.make_config")
def test_the_class_of_the_configuration_can_be_replaced(quart):
    class Config(quart.config.Config):
        def __init__(self, root_path, defaults=None):
            super().__init__(root_path, defaults)
            self["EXTRA"] = 1

    class App(quart.Quart):
        config_class = Config

    assert App(__name__).config["EXTRA"] == 1
    assert App(__name__).make_config()["EXTRA"] == 1


@row("Request, Response, Websocket")
async def test_the_classes_of_request_and_response_can_be_replaced(
    quart, client, app
):
    class Request(quart.Request):
        @property
        def shout(self):
            return self.args["x"].upper()

    class Response(quart.Response):
        default_mimetype = "text/plain"

    app.request_class = Request
    app.response_class = Response

    @app.route("/")
    async def view():
        return quart.request.shout

    response = await client.get("/?x=a")
    assert (await text(response), response.mimetype) == ("A", "text/plain")
    assert type(response) is not Request


@row("Request, Response, Websocket")
async def test_the_class_of_websockets_can_be_replaced(quart, client, app):
    class Websocket(quart.Websocket):
        async def shout(self, data):
            await self.send(data.upper())

    app.websocket_class = Websocket

    @app.websocket("/")
    async def view():
        await quart.websocket.shout("a")

    async with client.websocket("/") as connection:
        assert await connection.receive() == "A"


@row("app.test_client_class")
async def test_the_classes_of_the_test_helpers_can_be_replaced(quart, app):
    class Client(quart.testing.QuartClient):
        def mine(self):
            return "mine"

    class Runner(quart.testing.QuartCliRunner):
        pass

    class TestApp(quart.testing.TestApp):
        __test__ = False

    app.test_client_class = Client
    app.test_cli_runner_class = Runner
    app.test_app_class = TestApp
    assert app.test_client().mine() == "mine"
    assert isinstance(app.test_cli_runner(), Runner)
    assert isinstance(app.test_app(), TestApp)


@row("app.url_rule_class")
async def test_further_classes_can_be_replaced(quart, werkzeug):
    class Globals(quart.ctx._AppCtxGlobals):
        colour = "red"

    class Rule(quart.routing.QuartRule):
        pass

    class Map(quart.routing.QuartMap):
        pass

    class App(quart.Quart):
        app_ctx_globals_class = Globals
        url_rule_class = Rule
        url_map_class = Map

    app = App(__name__)
    assert isinstance(app.url_map, Map)
    assert isinstance(next(app.url_map.iter_rules()), Rule)
    async with app.app_context():
        assert quart.g.colour == "red"


@row("app.json_provider_class")
async def test_the_json_provider_can_be_replaced(quart):
    class Provider(quart.json.provider.DefaultJSONProvider):
        def dumps(self, obj, **kwargs):
            return "[]"

    class App(quart.Quart):
        json_provider_class = Provider

    app = App(__name__)

    @app.route("/")
    async def view():
        return {"a": 1}

    response = await app.test_client().get("/")
    assert (await text(response)).strip() == "[]"


@row("app.json_provider_class")
async def test_the_session_interface_can_be_replaced(quart, client, app):
    class Session(dict, quart.sessions.SessionMixin):
        pass

    class Sessions(quart.sessions.SessionInterface):
        saved = None

        async def open_session(self, app, request):
            return Session(opened=request.path)

        async def save_session(self, app, session, response):
            Sessions.saved = dict(session)

    app.session_interface = Sessions()

    @app.route("/x")
    async def view():
        quart.session["seen"] = True
        return quart.session["opened"]

    assert await text(await client.get("/x")) == "/x"
    assert Sessions.saved == {"opened": "/x", "seen": True}


@row("app.asgi_http_class")
async def test_the_way_from_asgi_can_be_replaced(quart, app):
    class Hello:
        def __init__(self, app, scope):
            self.path = scope["path"]

        async def __call__(self, receive, send):
            start = {"type": "http.response.start", "status": 200}
            await send({**start, "headers": []})
            body = self.path.encode()
            await send({"type": "http.response.body", "body": body})

    app.asgi_http_class = Hello
    assert await text(await app.test_client().get("/x")) == "/x"


@row("app.asgi_http_class")
def test_the_three_classes_of_asgi_have_names(app):
    for kind in ("http", "websocket", "lifespan"):
        assert callable(getattr(app, f"asgi_{kind}_class"))


@row("app.lock_class")
async def test_the_aborter_can_be_replaced(quart, werkzeug):
    class Aborter(werkzeug.exceptions.Aborter):
        pass

    class Gone(werkzeug.exceptions.HTTPException):
        code = 499
        description = "gone"

    class App(quart.Quart):
        aborter_class = Aborter

        def make_aborter(self):
            aborter = super().make_aborter()
            aborter.mapping[499] = Gone
            return aborter

    app = App(__name__)

    @app.route("/")
    async def view():
        quart.abort(499)

    assert isinstance(app.aborter, Aborter)
    assert (await app.test_client().get("/")).status_code == 499


@row("app.lock_class")
async def test_locks_and_events_are_made_by_the_application(app):
    lock, event = app.lock_class(), app.event_class()
    async with lock:
        event.set()
    assert event.is_set()


# -- functions and threads --


@row("app.ensure_async")
async def test_plain_functions_become_async_ones(app):
    def plain(x):
        return x + 1

    async def coroutine(x):
        return x + 2

    assert await app.ensure_async(plain)(1) == 2
    assert await app.sync_to_async(plain)(1) == 2
    assert app.ensure_async(coroutine) is coroutine


@row("app.make_response")
async def test_a_return_value_becomes_a_response(quart, app):
    async with app.test_request_context("/"):
        response = await app.make_response(("a", 201, {"X-A": "b"}))
    assert isinstance(response, quart.Response)
    assert (response.status_code, response.headers["X-A"]) == (201, "b")


# -- the stages --


def noted(base, names, log):
    """A subclass whose methods of these names write down that they ran."""

    def noting(name):
        original = getattr(base, name)

        def stage(self, *args, **kwargs):
            log.append(name)
            return original(self, *args, **kwargs)

        return stage

    return type("Noted", (base,), {name: noting(name) for name in names})


STAGES = [
    "handle_request",
    "full_dispatch_request",
    "preprocess_request",
    "dispatch_request",
    "finalize_request",
    "process_response",
    "do_teardown_request",
    "do_teardown_appcontext",
]


@row("app.handle_request", "app.preprocess_request", "app.do_teardown_request")
async def test_the_stages_of_a_request_can_be_overridden(quart):
    log = []
    app = noted(quart.Quart, STAGES, log)(__name__)

    @app.route("/")
    async def view():
        log.append("view")
        return "x"

    await app.test_client().get("/")
    assert log == [*STAGES[:4], "view", *STAGES[4:]]


@row("app.preprocess_request")
async def test_the_answer_to_options_can_be_overridden(quart):
    log = []
    names = ["make_default_options_response"]
    app = noted(quart.Quart, names, log)(__name__)

    @app.route("/")
    async def view():
        return "x"

    response = await app.test_client().options("/")
    assert log == names
    assert response.allow.to_header() == "GET, HEAD, OPTIONS" or set(
        response.allow
    ) == {"GET", "HEAD", "OPTIONS"}


WEBSOCKET_STAGES = [
    "handle_websocket",
    "full_dispatch_websocket",
    "preprocess_websocket",
    "dispatch_websocket",
    "finalize_websocket",
    "postprocess_websocket",
    "do_teardown_websocket",
    "do_teardown_appcontext",
]


@row("app.handle_websocket", "app.do_teardown_request")
async def test_the_stages_of_a_websocket_can_be_overridden(quart):
    log = []
    app = noted(quart.Quart, WEBSOCKET_STAGES, log)(__name__)

    @app.websocket("/")
    async def view():
        log.append("view")
        await quart.websocket.send("x")

    async with app.test_client().websocket("/") as connection:
        await connection.receive()
        with pytest.raises(quart.testing.connections.WebsocketDisconnectError):
            await connection.receive()
    assert log == [*WEBSOCKET_STAGES[:4], "view", *WEBSOCKET_STAGES[4:]]


@row("app.handle_exception")
@pytest.mark.parametrize(
    ("path", "stages"),
    [
        ("/fails", ["handle_user_exception", "handle_exception"]),
        ("/gone", ["handle_user_exception", "handle_http_exception"]),
        ("/nope", ["handle_user_exception", "handle_http_exception"]),
    ],
)
async def test_the_stages_of_an_error_can_be_overridden(quart, path, stages):
    log = []
    names = [
        "handle_exception",
        "handle_user_exception",
        "handle_http_exception",
        "handle_websocket_exception",
        "handle_background_exception",
    ]
    app = noted(quart.Quart, names, log)(__name__)

    @app.route("/fails")
    async def fails():
        raise ValueError

    @app.route("/gone")
    async def gone():
        quart.abort(410)

    await app.test_client().get(path)
    assert log == stages


@row("app.handle_exception")
async def test_further_decisions_about_errors_can_be_overridden(quart):
    log = []
    names = ["trap_http_exception", "raise_routing_exception"]
    app = noted(quart.Quart, names, log)(__name__)
    await app.test_client().get("/nope")
    assert sorted(log) == sorted(names)
    assert app.should_ignore_error(ValueError()) is False


@row("app.handle_exception")
async def test_errors_beside_the_requests_have_their_stages(quart):
    log = []
    names = ["handle_websocket_exception", "handle_background_exception"]
    app = noted(quart.Quart, names, log)(__name__)

    async def fails():
        raise ValueError

    app.add_url_rule("/", "fails", fails, websocket=True)
    async with app.test_app() as running:
        app.add_background_task(fails)
        await anyio.wait_all_tasks_blocked()
        Rejected = quart.testing.connections.WebsocketResponseError
        with pytest.raises(Rejected):
            async with running.test_client().websocket("/") as connection:
                await connection.receive()
    assert sorted(log) == sorted(names)


@row("app.log_exception")
async def test_the_logging_of_errors_can_be_overridden(quart):
    logged = []

    class App(quart.Quart):
        async def log_exception(self, exception_info):
            logged.append(exception_info[0])

    class PlainApp(quart.Quart):
        def log_exception(self, exception_info):
            logged.append(exception_info[0])

    plain = not asyncio.iscoroutinefunction(quart.Quart.log_exception)
    app = (PlainApp if plain else App)(__name__)

    @app.route("/")
    async def view():
        raise ValueError

    assert (await app.test_client().get("/")).status_code == 500
    assert logged == [ValueError]


# -- running it --


@row("app.startup")
async def test_the_lifespan_can_be_run_by_hand(app):
    log = []

    @app.before_serving
    async def before():
        log.append("before")

    @app.after_serving
    async def after():
        log.append("after")

    await app.startup()
    log.append("serving")
    await app.shutdown()
    assert log == ["before", "serving", "after"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


async def asked(port):
    """Ask the server on a port for /, as soon as it listens."""
    while True:
        try:
            stream = await anyio.connect_tcp("127.0.0.1", port)
        except OSError:
            await anyio.lowlevel.checkpoint()
            continue
        async with stream:
            await stream.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            answer = b""
            with contextlib.suppress(anyio.EndOfStream):
                while True:
                    answer += await stream.receive()
        return answer


@pytest.mark.slow
@row("app.run_task")
async def test_the_server_is_a_coroutine_with_a_trigger_for_its_end(app):
    app.add_url_rule("/", "view", lambda: "hello")
    port, end = free_port(), anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(
            lambda: app.run_task("127.0.0.1", port, shutdown_trigger=end.wait)
        )
        answer = await asked(port)
        end.set()
    assert answer.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))
    assert answer.endswith(b"hello")


@pytest.mark.slow
@row("app.run")
def test_a_program_serves_itself_until_it_is_interrupted(quart, tmp_path):
    port = free_port()
    program = tmp_path / "program.py"
    program.write_text(
        f"from {quart.__name__} import Quart\n"
        "app = Quart(__name__)\n"
        "@app.get('/')\n"
        "async def index():\n    return 'hello'\n"
        f"app.run(port={port}, use_reloader=False)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = anyio.run(asked, port)
        process.send_signal(signal.SIGINT)
        process.wait(10)
    finally:
        process.kill()
        process.wait()
    assert answer.endswith(b"hello")
