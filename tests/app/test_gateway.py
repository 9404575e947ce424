"""The gateway: scope in, messages out, and the client that leaves."""

import logging
from collections.abc import Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from microquart import (
    Quart,
    Response,
    abort,
    appcontext_popped,
    appcontext_tearing_down,
    request,
    request_tearing_down,
    websocket,
)
from microquart.context import Context
from microquart.gateway import ASGIHTTPConnection
from microquart.http.errors import ClientDisconnected

HTTP = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"localhost")],
    "client": ("127.0.0.1", 5000),
    "server": ("127.0.0.1", 80),
}
WEBSOCKET = {
    **{key: HTTP[key] for key in HTTP if key != "method"},
    "type": "websocket",
    "scheme": "ws",
    "subprotocols": [],
}


class Server:
    """What an ASGI server is to an application.

    ``tells``: by the extension, when the client leaves.
    """

    def __init__(self, app, scope=HTTP, tells=True, extensions=(), **changes):
        self.app = app
        self.scope = {**scope, **changes}
        self.scope["extensions"] = {name: {} for name in extensions}
        if tells:
            watch = {"watch": self.watch}
            self.scope["extensions"]["microquart.disconnect"] = watch
        self.sent = []
        self.gone = anyio.Event()
        self.returned = False
        self.waiting = 0  # calls of receive() that wait
        self.inbox = []
        self.callbacks: list[Callable[[], object]] = []
        self.news = anyio.Event()
        if scope["type"] == "http":
            self.put({"type": "http.request", "body": b"", "more_body": False})
        else:
            self.put({"type": "websocket.connect"})

    def put(self, message):
        self.inbox.append(message)
        self.tell()

    def tell(self):
        self.news.set()
        self.news = anyio.Event()

    def watch(self, callback):
        self.callbacks.append(callback)

    def leave(self):
        self.gone.set()
        for callback in self.callbacks:
            callback()
        self.tell()

    async def receive(self):
        await anyio.lowlevel.checkpoint()
        self.waiting += 1
        try:
            while not self.inbox:
                if self.gone.is_set():
                    return {"type": f"{self.scope['type']}.disconnect"}
                await self.news.wait()
        finally:
            self.waiting -= 1
        return self.inbox.pop(0)

    async def send(self, message):
        await anyio.lowlevel.checkpoint()
        if self.gone.is_set():
            raise ClientDisconnected
        self.sent.append(message)

    async def run(self):
        await self.app(self.scope, self.receive, self.send)
        self.returned = True

    @asynccontextmanager
    async def running(self):
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(self.run)
                await anyio.wait_all_tasks_blocked()
                yield self


@pytest.fixture
def app():
    app = Quart(__name__, static_folder=None)
    logging.getLogger(app.name).setLevel(logging.CRITICAL)
    yield app
    logging.getLogger(app.name).setLevel(logging.NOTSET)


both = pytest.mark.parametrize("tells", [True, False], ids=["told", "asking"])


def types(server):
    return [message["type"] for message in server.sent]


# -- messages --


@both
async def test_a_response_in_memory_is_two_messages(app, tells):
    @app.get("/")
    async def view():
        return "hello", 201, {"X-A": "b"}

    server = Server(app, tells=tells)
    await server.run()
    assert server.sent == [
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"content-length", b"5"),
                (b"x-a", b"b"),
            ],
        },
        {"type": "http.response.body", "body": b"hello"},
    ]


@both
async def test_a_stream_is_sent_as_it_comes(app, tells):
    @app.get("/")
    async def view():
        async def generate():
            yield "a"
            yield b"b"

        return generate()

    server = Server(app, tells=tells)
    await server.run()
    bodies = [(m["body"], m.get("more_body", False)) for m in server.sent[1:]]
    assert bodies == [(b"a", True), (b"b", True), (b"", False)]


async def test_a_stream_waits_for_the_client(app):
    made = []

    @app.get("/")
    async def view():
        async def generate():
            for number in range(10):
                made.append(number)
                yield b"x"

        return generate()

    server = Server(app)
    gate = anyio.Event()
    send = server.send

    async def slow(message):
        if message["type"] == "http.response.body":
            await gate.wait()
        await send(message)

    server.send = slow
    async with server.running():
        assert made == [0]
        gate.set()
    assert len(made) == 10


async def test_head_gets_no_body_and_does_not_run_a_stream(app):
    log = []

    @app.get("/")
    async def view():
        async def generate():
            log.append("started")
            yield b"x"

        return generate()

    server = Server(app, method="HEAD")
    await server.run()
    assert server.sent[1:] == [{"type": "http.response.body", "body": b""}]
    assert log == []


@both
async def test_a_body_is_pulled_when_the_view_wants_it(app, tells):
    @app.post("/")
    async def view():
        return await request.get_data()

    headers = [(b"content-length", b"3")]
    server = Server(app, tells=tells, method="POST", headers=headers)
    server.inbox = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"c", "more_body": False},
    ]
    await server.run()
    assert server.sent[1]["body"] == b"abc"


@both
async def test_a_body_that_nobody_wants_stays_with_the_server(app, tells):
    @app.post("/")
    async def view():
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        return "x"

    headers = [(b"content-length", b"3")]
    server = Server(app, tells=tells, method="POST", headers=headers)
    server.inbox = [
        {"type": "http.request", "body": b"abc", "more_body": False}
    ]
    await server.run()
    assert len(server.inbox) == 1


async def test_a_body_without_an_announcement_is_not_lost(app):
    @app.post("/")
    async def view():
        await anyio.wait_all_tasks_blocked()
        return await request.get_data()

    server = Server(app, tells=False, method="POST")
    server.inbox = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"c", "more_body": False},
    ]
    await server.run()
    assert server.sent[1]["body"] == b"abc"


async def test_an_unknown_scope_is_an_error(app):
    with pytest.raises(RuntimeError, match="unknown type 'mail'"):
        await app({"type": "mail"}, None, None)


# -- the client leaves --


@both
async def test_a_view_is_cancelled_when_its_client_leaves(app, tells):
    log = []

    @app.get("/")
    async def view():
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            log.append("cancelled")
            raise

    @app.teardown_request
    async def teardown(error):
        await anyio.lowlevel.checkpoint()
        log.append(f"teardown {request.path} {type(error).__name__}")

    async with Server(app, tells=tells).running() as server:
        server.leave()
    assert log[0] == "cancelled"
    assert log[1].startswith("teardown / Cancelled")
    assert (server.returned, server.sent) == (True, [])


@both
async def test_a_stream_is_closed_when_its_client_leaves(app, tells):
    log = []

    @app.get("/")
    async def view():
        async def generate():
            try:
                yield b"x"
                await anyio.sleep_forever()
            finally:
                log.append("closed")

        return Response(generate())

    async with Server(app, tells=tells).running() as server:
        server.leave()
    assert log == ["closed"]
    assert server.returned


async def test_a_failed_send_ends_the_stream_without_an_error(app):
    log = []

    @app.teardown_request
    async def teardown(error):
        log.append(type(error).__name__)

    @app.get("/")
    async def view():
        async def generate():
            try:
                while True:
                    yield b"x"
            finally:
                log.append("closed")

        return generate()

    server = Server(app)
    send = server.send

    async def broken(message):
        if len(server.sent) == 3:
            raise BrokenPipeError
        await send(message)

    server.send = broken
    await server.run()
    assert log == ["closed", "ClientDisconnected"]


async def test_a_failed_send_ends_a_short_response_without_an_error(app):
    @app.get("/")
    async def view():
        return "x"

    server = Server(app)

    async def broken(message):
        raise BrokenPipeError

    server.send = broken
    await server.run()
    assert server.returned


@both
async def test_a_departure_is_seen_while_a_body_is_read(app, tells):
    log = []

    @app.post("/")
    async def view():
        try:
            await request.get_data()
        finally:
            log.append(request.gone)

    headers = [(b"content-length", b"3")]
    server = Server(app, tells=tells, method="POST", headers=headers)
    server.inbox = [{"type": "http.request", "body": b"a", "more_body": True}]
    async with server.running():
        server.leave()
    assert (log, server.returned, server.sent) == ([True], True, [])


@both
async def test_a_departure_is_seen_after_the_body_was_read(app, tells):
    log = []

    @app.post("/")
    async def view():
        await request.get_data()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")

    headers = [(b"content-length", b"1")]
    server = Server(app, tells=tells, method="POST", headers=headers)
    server.inbox = [{"type": "http.request", "body": b"a", "more_body": False}]
    async with server.running():
        server.leave()
    assert (log, server.returned) == (["cancelled"], True)


@both
async def test_what_is_shielded_is_finished(app, tells):
    log = []
    go_on = anyio.Event()

    @app.get("/")
    async def view():
        async with request.shield():
            await go_on.wait()
            log.append("finished")
        await anyio.lowlevel.checkpoint()
        log.append("not reached")

    async with Server(app, tells=tells).running() as server:
        server.leave()
        await anyio.wait_all_tasks_blocked()
        assert not server.returned
        go_on.set()
    assert (log, server.returned) == (["finished"], True)


async def test_a_view_that_swallows_the_cancellation_hurts_nobody(app):
    @app.get("/")
    async def view():
        with anyio.CancelScope(shield=True):
            await go_on.wait()
        return "x"

    go_on = anyio.Event()
    server = Server(app)
    log = []

    async def outside():
        await server.run()
        await anyio.lowlevel.checkpoint()
        log.append("goes on")

    async with anyio.create_task_group() as group:
        group.start_soon(outside)
        await anyio.wait_all_tasks_blocked()
        server.leave()
        go_on.set()
    assert log == ["goes on"]


@both
async def test_a_cancellation_from_outside_passes(app, tells):
    @app.get("/")
    async def view():
        await anyio.sleep_forever()

    server = Server(app, tells=tells)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(server.run)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert not server.returned


async def test_nobody_is_called_back_after_the_response(app):
    @app.get("/")
    async def view():
        return "x"

    server = Server(app)
    await server.run()
    server.leave()
    await anyio.lowlevel.checkpoint()


async def test_who_has_left_already_is_not_served(app):
    log = []

    @app.get("/")
    async def view():
        await anyio.lowlevel.checkpoint()
        log.append("not reached")

    server = Server(app)
    server.watch = lambda callback: callback()
    server.scope["extensions"]["microquart.disconnect"]["watch"] = server.watch
    await server.run()
    assert log == []


async def test_no_task_asks_where_the_server_tells(app):
    waiting = []

    @app.get("/")
    async def view():
        await anyio.wait_all_tasks_blocked()
        waiting.append(server.waiting)
        return "x"

    for tells in (True, False):
        server = Server(app, tells=tells)
        await server.run()
        assert server.waiting == 0
    assert waiting == [0, 1]


@pytest.mark.parametrize("error", [ValueError("a"), OSError("b")])
@both
async def test_an_error_of_the_view_is_not_taken_for_a_departure(
    app, tells, error
):
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.get("/")
    async def view():
        async def generate():
            yield b"x"
            raise error

        return generate()

    with pytest.raises(type(error)):
        await Server(app, tells=tells).run()


# -- the end of a context, where no hook is registered --


@pytest.mark.parametrize(
    "signal",
    [request_tearing_down, appcontext_tearing_down, appcontext_popped],
)
async def test_who_listens_to_the_end_hears_it(app, signal):
    heard = []

    @app.get("/")
    async def view():
        return "x"

    async def listen(sender, **values):
        heard.append(sender)

    await Server(app).run()
    with signal.connected_to(listen, app):
        await Server(app).run()
    await Server(app).run()
    assert heard == [app]


async def test_the_files_of_a_form_are_closed(app):
    @app.post("/")
    async def view():
        files.append((await request.files)["file"])
        return "x"

    files = []
    boundary = b"--b\r\n"
    head = b'content-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = boundary + head + b"x\r\n--b--\r\n"
    fields = [
        (b"content-type", b"multipart/form-data; boundary=b"),
        (b"content-length", b"%d" % len(body)),
    ]
    for _ in range(2):  # the first request has a longer way
        server = Server(app, method="POST", headers=fields)
        server.inbox[0]["body"] = body
        await server.run()
    assert [file.stream.closed for file in files] == [True, True]


async def test_a_context_that_fails_to_begin_has_no_end(app):
    class Broken(Context):
        async def push(self):
            raise LookupError("no session store")

    app.context_class = Broken
    app.testing = True
    log = []

    @app.teardown_request
    async def teardown(error):
        log.append("teardown")

    @app.errorhandler(LookupError)
    async def handle(error):
        log.append("handler")

    with pytest.raises(LookupError, match="no session store"):
        await Server(app).run()
    assert log == []


# -- a client that does not read --


@pytest.mark.parametrize("where", ["response", "config"])
async def test_a_response_that_is_not_taken_is_cut(app, where, caplog):
    caplog.set_level(logging.WARNING, app.name)
    log = []

    @app.teardown_request
    async def teardown(error):
        log.append("teardown")

    @app.get("/")
    async def view():
        response = Response("x")
        if where == "response":
            response.timeout = 0.01
        return response

    if where == "config":
        app.config["RESPONSE_TIMEOUT"] = 0.01
    server = Server(app)

    async def stuck(message):
        await anyio.sleep_forever()

    server.send = stuck
    with anyio.fail_after(2):
        await server.run()
    assert (server.returned, log) == (True, ["teardown"])
    assert [record.getMessage() for record in caplog.records] == [
        "GET /: the response was not taken within 0.01 s"
    ]


async def test_who_leaves_meanwhile_is_not_said_to_be_slow(app, caplog):
    caplog.set_level(logging.WARNING, app.name)

    @app.get("/")
    async def view():
        return "x"

    server = Server(app)

    async def stuck(message):
        await anyio.sleep_forever()

    server.send = stuck
    async with server.running():
        server.leave()
    assert (server.returned, caplog.records) == (True, [])


async def test_an_endless_stream_has_no_time_limit(app):
    app.config["RESPONSE_TIMEOUT"] = 0.01

    @app.get("/")
    async def view():
        async def generate():
            await anyio.sleep(0.03)
            yield b"x"

        response = Response(generate())
        response.timeout = None
        return response

    server = Server(app)
    await server.run()
    assert types(server)[-1] == "http.response.body"
    assert len(server.sent) == 3


# -- websockets --

REJECTS = ("websocket.http.response",)


@both
async def test_a_websocket_is_accepted_and_closed(app, tells):
    @app.websocket("/")
    async def view():
        await websocket.send(await websocket.receive())

    server = Server(app, WEBSOCKET, tells)
    server.put({"type": "websocket.receive", "text": "hello"})
    await server.run()
    assert types(server) == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    assert server.sent[1]["text"] == "hello"
    assert server.sent[2]["code"] == 1000


@both
async def test_a_websocket_view_is_cancelled_when_its_client_leaves(
    app, tells
):
    log = []

    @app.websocket("/")
    async def view():
        await websocket.accept()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")

    async with Server(app, WEBSOCKET, tells).running() as server:
        server.leave()
    assert (log, server.returned) == (["cancelled"], True)


@both
async def test_a_value_before_the_accept_rejects(app, tells):
    @app.websocket("/")
    async def view():
        return "no", 401, {"X-A": "b"}

    server = Server(app, WEBSOCKET, tells, REJECTS)
    await server.run()
    start, *bodies = server.sent
    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 401
    assert (b"x-a", b"b") in start["headers"]
    assert b"".join(message["body"] for message in bodies) == b"no"
    assert not bodies[-1].get("more_body", False)


@pytest.mark.parametrize("how", ["abort", "hook", "nowhere"])
async def test_whatever_answers_rejects(app, how):
    @app.websocket("/")
    async def view():
        if how == "abort":
            abort(401)

    @app.before_websocket
    async def before():
        return ("no", 401) if how == "hook" else None

    path = "/nope" if how == "nowhere" else "/"
    server = Server(app, WEBSOCKET, extensions=REJECTS, path=path)
    await server.run()
    assert server.sent[0]["status"] == (404 if how == "nowhere" else 401)


async def test_without_the_extension_a_rejection_is_a_close(app):
    @app.websocket("/")
    async def view():
        abort(401)

    server = Server(app, WEBSOCKET)
    await server.run()
    assert types(server) == ["websocket.close"]


async def test_a_websocket_that_nobody_accepts_is_closed(app):
    @app.websocket("/")
    async def view(): ...

    server = Server(app, WEBSOCKET)
    await server.run()
    assert types(server) == ["websocket.close"]


@pytest.mark.parametrize("propagate", [True, False])
async def test_an_error_after_the_accept_closes_with_1011(app, propagate):
    app.config["PROPAGATE_EXCEPTIONS"] = propagate

    @app.websocket("/")
    async def view():
        await websocket.accept()
        raise ValueError("broken")

    server = Server(app, WEBSOCKET)
    if propagate:
        with pytest.raises(ValueError, match="broken"):
            await server.run()
    else:
        await server.run()
    assert types(server) == ["websocket.accept", "websocket.close"]
    assert server.sent[1]["code"] == 1011


async def test_a_view_closes_its_websocket_itself(app):
    @app.websocket("/")
    async def view():
        await websocket.accept(subprotocol="chat")
        await websocket.close(4000, "bye")

    server = Server(app, WEBSOCKET, subprotocols=["chat"])
    await server.run()
    assert server.sent[0]["subprotocol"] == "chat"
    assert server.sent[1:] == [
        {"type": "websocket.close", "code": 4000, "reason": "bye"}
    ]


@pytest.mark.parametrize("accepts", [True, False])
async def test_a_stream_that_nobody_takes_ends_its_context(app, accepts):
    log = []

    @app.teardown_websocket
    async def teardown(error):
        log.append("teardown")

    @app.websocket("/")
    async def view():
        if accepts:
            await websocket.accept()

        async def generate():
            yield "x"

        return generate()

    await Server(app, WEBSOCKET).run()
    assert log == ["teardown"]


# -- replacing it --


async def test_the_gateway_can_be_replaced(app):
    class Own(ASGIHTTPConnection):
        async def __call__(self, receive, send):
            self.scope["path"] = "/x"
            await super().__call__(receive, send)

    app.asgi_http_class = Own

    @app.get("/x")
    async def view():
        return "x"

    server = Server(app)
    await server.run()
    assert server.sent[1]["body"] == b"x"
