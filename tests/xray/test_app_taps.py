"""The upper half: routes, contexts, stages, and whose functions ran."""

import logging

import anyio
import pytest

from microquart import (
    Quart,
    Request,
    abort,
    after_this_request,
    render_template_string,
    request,
    websocket,
)
from microquart.context import Context
from microquart.views import MethodView
from microquart.xray.install import install, uninstall
from microquart.xray.taps.asgi import AsgiTap
from microquart.xray.tracer import Tracer
from tests.xray.checks import complaints


@pytest.fixture
def tracer():
    return Tracer(None)


@pytest.fixture
def app(tracer):
    app = Quart(__name__, static_folder=None)
    yield app
    assert complaints(tracer.records) == []


def told(tracer, name, ph="BI"):
    return [
        record.data
        for record in tracer.records
        if record.name == name and record.ph in ph
    ]


def calls(tracer):
    return [
        (data["kind"], data["qualname"]) for data in told(tracer, "user.call")
    ]


async def get(tracer, app, path, **options):
    taps = install(tracer, app=app)
    try:
        return await app.test_client().open(path, **options)
    finally:
        uninstall(taps)


async def test_the_users_functions_are_told_in_their_order(tracer, app):
    @app.before_request
    async def before():
        @after_this_request
        async def once(response):
            return response

    @app.get("/")
    def view():
        return "x"

    @app.after_request
    def after(response):
        return response

    @app.teardown_request
    async def teardown(exc):
        pass

    @app.teardown_appcontext
    async def last(exc):
        pass

    await get(tracer, app, "/")
    assert calls(tracer) == [
        ("before_request", "before"),
        ("view", "view"),
        ("after_request", "once"),
        ("after_request", "after"),
        ("teardown_request", "teardown"),
        ("teardown_appcontext", "last"),
    ]


async def test_an_error_handler_is_told_as_one(tracer, app):
    @app.errorhandler(418)
    async def teapot(error):
        return "short and stout"

    @app.errorhandler(LookupError)
    async def lost(error):
        return "lost"

    @app.get("/<int:code>")
    async def view(code):
        if code:
            abort(code)
        raise LookupError

    await get(tracer, app, "/418")
    await get(tracer, app, "/0")
    kinds = [call for call in calls(tracer) if call[0] != "view"]
    assert kinds == [("error_handler", "teapot"), ("error_handler", "lost")]


async def test_a_function_called_by_a_view_is_no_view(tracer, app):
    @app.context_processor
    async def colours():
        return {"red": "#f00"}

    @app.get("/")
    async def view():
        return await render_template_string("{{ red }}")

    await get(tracer, app, "/")
    assert calls(tracer) == [
        ("view", "view"),
        ("context_processor", "colours"),
    ]


async def test_a_call_has_the_line_of_the_users_function(tracer, app):
    class Items(MethodView):
        async def get(self):
            return "x"

    def plain():
        return "x"

    app.add_url_rule("/plain", view_func=plain)
    app.add_url_rule("/items", view_func=Items.as_view("items"))
    await get(tracer, app, "/plain")
    await get(tracer, app, "/items")
    places = [
        record.src
        for record in tracer.records
        if record.name == "user.call" and record.ph == "B"
    ]
    line = plain.__code__.co_firstlineno
    assert places[0] == f"tests/xray/test_app_taps.py:{line}"
    assert places[1].startswith("microquart/views.py:")


async def test_arguments_are_told_by_their_types_alone(tracer, app):
    @app.get("/<int:number>/<word>")
    async def view(number, word):
        return {}

    await get(tracer, app, "/7/secret")
    [call] = told(tracer, "user.call")
    assert call["args"] == {"number": "int", "word": "str"}
    [result] = told(tracer, "user.call", "E")
    assert result["result"] == "dict"


async def test_a_stage_that_is_left_out_is_not_told(tracer, app):
    @app.get("/")
    async def view():
        return "x"

    await get(tracer, app, "/", scope_base={"microquart.preserve_context": 0})
    stages = [data["stage"] for data in told(tracer, "app.stage")]
    assert "preprocess_request" not in stages
    assert "finalize_request" not in stages
    assert stages[:3] == [
        "full_dispatch_request",
        "dispatch_request",
        "make_response",
    ]


async def test_a_stage_that_a_subclass_overrides_is_told(tracer):
    class Own(Quart):
        async def preprocess_request(self, ctx=None):
            return "instead"

    app = Own(__name__)
    response = await get(tracer, app, "/none")
    assert await response.get_data() == b"instead"
    stages = [data["stage"] for data in told(tracer, "app.stage")]
    assert "preprocess_request" in stages


@pytest.mark.parametrize(
    ("path", "method", "verdicts"),
    [
        (
            "/users/7",
            "GET",
            [("/", "path"), ("/users/<int:id>", "match")],
        ),
        (
            "/users/x",
            "GET",
            [("/", "path"), ("/users/<int:id>", "converter")],
        ),
        (
            "/users/7",
            "POST",
            [("/", "path"), ("/users/<int:id>", "method")],
        ),
        ("/users/7/", "GET", [("/", "path"), ("/users/<int:id>", "slash")]),
    ],
)
async def test_each_rule_says_why(tracer, app, path, method, verdicts):
    @app.get("/")
    async def index():
        return ""

    @app.get("/users/<int:id>")
    async def user(id):
        return ""

    await get(tracer, app, path, method=method)
    tried = [
        (data["rule"], data["verdict"]) for data in told(tracer, "route.try")
    ]
    assert tried == verdicts


async def test_a_rule_that_fits_after_another_was_found_is_later(tracer, app):
    async def view(**values):
        return ""

    app.add_url_rule("/<int:number>", "number", view)
    app.add_url_rule("/<text>", "text", view)
    await get(tracer, app, "/7")
    tried = {
        data["rule"]: data["verdict"] for data in told(tracer, "route.try")
    }
    assert tried == {"/<int:number>": "match", "/<text>": "later"}
    [found] = told(tracer, "route.match", "E")
    assert found == {"endpoint": "number", "args": {"number": 7}}


async def test_a_context_is_told_as_it_comes_and_goes(tracer, app):
    @app.get("/")
    async def view():
        async with app.app_context():
            return ""

    await get(tracer, app, "/")
    told_of = [
        (record.name, record.data["kind"], record.data["depth"])
        for record in tracer.records
        if record.layer == "ctx"
    ]
    assert told_of == [
        ("ctx.push", "request", 0),
        ("ctx.push", "app", 1),
        ("ctx.pop", "app", 1),
        ("ctx.pop", "request", 0),
    ]


async def test_a_context_class_of_the_users_stays_it(tracer):
    class Own(Context):
        async def push(self):
            self.mine = True
            await super().push()

    class App(Quart):
        context_class = Own

    app = App(__name__)

    @app.get("/")
    async def view():
        return str(request.method)

    response = await get(tracer, app, "/")
    assert response.status_code == 200
    assert "ctx.push" in {record.name for record in tracer.records}
    assert app.context_class is Own


async def test_messages_are_told_on_each_side_of_middleware(tracer, app):
    class Header:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def named(message):
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-by", b"me"))
                await send(message)

            await self.app(scope, receive, named)

    def twice(app):
        async def call(scope, receive, send):
            await app(scope, receive, send)

        return call

    @app.get("/")
    async def view():
        return "x"

    app.asgi_app = twice(Header(app.asgi_app))
    await get(tracer, app, "/")
    sent = [
        (data["at"], ["x-by", "me"] in data["headers"])
        for data in told(tracer, "asgi.send")
        if data["message"] == "http.response.start"
    ]
    assert sent == [
        ("below Header", False),
        ("below twice", True),
        ("server", True),
    ]
    nested = [data["at"] for data in told(tracer, "asgi.app")]
    assert nested == ["server", "below twice", "below Header"]


async def test_what_waits_is_seen_to_wait(tracer, app):
    @app.post("/")
    async def view():
        return await request.get_data()

    await get(tracer, app, "/", method="POST", data=b"abc")
    [*_, end] = [
        record
        for record in tracer.records
        if record.name == "asgi.receive" and record.data.get("len")
    ]
    assert end.ph == "E"
    assert end.raw == b"abc"
    begins = {r.span: r for r in tracer.records if r.ph == "B"}
    assert begins[end.parent].data.get("qualname") == "view"


async def test_a_websocket_is_told(tracer, app):
    @app.websocket("/ws")
    async def echo():
        await websocket.send(await websocket.receive())

    taps = install(tracer, app=app)
    async with app.test_client().websocket("/ws") as client:
        await client.send("hello")
        assert await client.receive() == "hello"
    taps.remove()
    assert ("view", "echo") in calls(tracer)
    messages = [data["message"] for data in told(tracer, "asgi.send")]
    assert messages[:2] == ["websocket.accept", "websocket.send"]
    assert told(tracer, "ctx.push")[0]["kind"] == "websocket"


async def test_the_life_of_an_application_is_told(tracer, app):
    @app.before_serving
    async def open_database():
        pass

    @app.after_serving
    async def close_database():
        pass

    taps = install(tracer, app=app)
    async with app.test_app():
        pass
    taps.remove()
    assert calls(tracer) == [
        ("before_serving", "open_database"),
        ("after_serving", "close_database"),
    ]
    names = [record.name for record in tracer.records if record.ph == "E"]
    assert "lifespan.startup" in names
    assert "lifespan.shutdown" in names


async def test_a_background_task_is_told(tracer, app, caplog):
    caplog.set_level(logging.CRITICAL)
    done = anyio.Event()

    async def mail():
        done.set()

    @app.get("/")
    async def view():
        app.add_background_task(mail)
        return ""

    taps = install(tracer, app=app)
    async with app.test_app() as running:
        await running.test_client().get("/")
        await done.wait()
    taps.remove()
    assert ("background", "mail") in calls(tracer)
    [spawned] = told(tracer, "task.spawn")
    assert spawned == {"task": "background", "by": "r1"}
    assert told(tracer, "task.done")[0]["outcome"] == "done"


async def test_two_requests_do_not_mix(tracer, app):
    begun, go = anyio.Event(), anyio.Event()

    @app.get("/slow")
    async def slow():
        begun.set()
        await go.wait()
        return ""

    @app.get("/quick")
    async def quick():
        go.set()
        return ""

    client = app.test_client()
    taps = install(tracer, app=app)
    async with anyio.create_task_group() as group:
        group.start_soon(client.get, "/slow")
        await begun.wait()
        await client.get("/quick")
    taps.remove()
    for record in tracer.records:
        if record.name == "user.call":
            wanted = {"slow": "r1", "quick": "r2"}[record.data["qualname"]]
            assert record.req == wanted


async def test_a_request_class_of_the_users_is_left_alone(tracer):
    class Own(Request):
        pass

    class App(Quart):
        request_class = Own

    app = App(__name__)
    kinds = []

    @app.get("/")
    async def view():
        kinds.append(type(request._get_current_object()))
        return ""

    await get(tracer, app, "/")
    assert kinds == [Own]


async def test_two_traces_of_one_application_do_not_disturb(tracer, app):
    @app.get("/")
    async def view():
        return ""

    other = Tracer(None)
    outer = install(other, app=app)
    await get(tracer, app, "/")
    outer.remove()
    for each in (tracer, other):
        assert ("view", "view") in calls(each)


async def test_an_application_is_found_in_its_middleware(tracer, app):
    @app.get("/")
    async def view():
        return ""

    class Outer:
        def __init__(self, app):
            self.app = app

    taps = install(tracer, app=Outer(app))
    await app.test_client().get("/")
    taps.remove()
    assert calls(tracer) == [("view", "view")]


def test_what_is_no_application_of_ours_is_refused(tracer):
    async def foreign(scope, receive, send):
        pass

    with pytest.raises(TypeError, match="no application of microquart's"):
        install(tracer, app=foreign)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.response.start", "status": 200, "headers": 5},
        {"type": "http.response.start", "status": 200, "headers": [("a",)]},
        {"type": "http.response.body", "body": "text"},
        {"type": "http.response.body", "body": 5},
        {},
    ],
)
async def test_a_message_that_is_wrong_reaches_the_server(tracer, message):
    got = []

    async def wrong(scope, receive, send):
        await send(message)

    async def send(message):
        got.append(message)
        raise LookupError

    async def receive():
        raise AssertionError

    tap = AsgiTap(tracer, wrong, "server", outermost=True)
    scope = {"type": "http", "path": "/", "headers": []}
    with pytest.raises(LookupError):
        await tap(scope, receive, send)
    assert got == [message]
    assert complaints(tracer.records) == []


async def test_fields_that_can_be_read_once_are_not_used_up(tracer):
    got = []

    async def bare(scope, receive, send):
        fields = (pair for pair in [(b"a", b"b")])
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": fields})

    async def send(message):
        got.extend(message["headers"])

    async def receive():
        raise AssertionError

    tap = AsgiTap(tracer, bare, "server", outermost=True)
    await tap({"type": "http", "path": "/", "headers": []}, receive, send)
    assert got == [(b"a", b"b")]


async def test_a_sink_that_fails_harms_nobody(tracer, app, caplog):
    def broken(record):
        raise LookupError

    @app.get("/")
    async def view():
        return "x"

    tracer.sinks.append(broken)
    response = await get(tracer, app, "/")
    assert response.status_code == 200
    assert "a record was lost" in caplog.text
