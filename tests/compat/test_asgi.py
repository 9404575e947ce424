"""The application as a server sees it."""

import anyio
import pytest

row = pytest.mark.row
differs = pytest.mark.differs


def scope(kind="http", **more):
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": {"http": "http", "websocket": "ws"}.get(kind),
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
        "extensions": {},
        "subprotocols": [],
        "state": {},
        **more,
    }


class Line:
    """What a server gives to an application, and what it gets."""

    def __init__(self, *messages):
        self.messages = list(messages)
        self.sent = []

    async def receive(self):
        if not self.messages:
            await anyio.sleep_forever()
        return self.messages.pop(0)

    async def send(self, message):
        self.sent.append(message)

    def types(self):
        return [message["type"] for message in self.sent]

    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)


REQUEST = {"type": "http.request", "body": b"", "more_body": False}


@row("app as an ASGI callable", "lifespan, http, websocket scopes")
async def test_a_server_calls_the_application(app):
    app.add_url_rule("/", "view", lambda: "hello")
    line = Line(REQUEST)
    await app(scope(), line.receive, line.send)
    assert line.types()[0] == "http.response.start"
    assert line.sent[0]["status"] == 200
    headers = {name.lower(): value for name, value in line.sent[0]["headers"]}
    assert headers[b"content-length"] == b"5"
    assert line.body() == b"hello"
    assert not line.sent[-1].get("more_body", False)


@row("lifespan, http, websocket scopes")
async def test_a_server_opens_a_websocket(quart, app):
    @app.websocket("/")
    async def view():
        await quart.websocket.send(await quart.websocket.receive())

    line = Line(
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "a"},
    )
    await app(scope("websocket"), line.receive, line.send)
    assert line.types() == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    assert line.sent[1]["text"] == "a"


@row("lifespan, http, websocket scopes")
async def test_a_server_starts_and_stops_the_application(app):
    log = []
    app.before_serving(lambda: log.append("start"))
    app.after_serving(lambda: log.append("stop"))
    line = Line({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    await app(scope("lifespan"), line.receive, line.send)
    assert log == ["start", "stop"]
    assert line.types() == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


@row("app.asgi_app = Middleware")
async def test_middleware_goes_around_the_application(app, client):
    class Middleware:
        def __init__(self, inner):
            self.inner = inner

        async def __call__(self, scope, receive, send):
            async def sending(message):
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-a", b"b"))
                await send(message)

            if "authorization" not in dict(scope.get("headers", ())):
                await self.inner(scope, receive, sending)

    app.asgi_app = Middleware(app.asgi_app)
    app.add_url_rule("/", "view", lambda: "x")
    assert (await client.get("/")).headers["X-A"] == "b"


@row("websocket.http.response")
@pytest.mark.parametrize(
    ("extensions", "types"),
    [
        ({}, ["websocket.close"]),
        (
            {"websocket.http.response": {}},
            ["websocket.http.response.start", "websocket.http.response.body"],
        ),
    ],
)
async def test_a_rejection_has_a_body_where_the_server_can(
    quart, app, extensions, types
):
    @app.websocket("/")
    async def view():
        return "no", 401

    line = Line({"type": "websocket.connect"})
    opening = scope("websocket", extensions=extensions)
    await app(opening, line.receive, line.send)
    assert list(dict.fromkeys(line.types())) == types
    if extensions:
        assert (line.sent[0]["status"], line.body()) == (401, b"no")


@row("http.disconnect cancels the view")
async def test_a_view_is_cancelled_when_the_client_leaves(app):
    log = []

    @app.route("/")
    async def view():
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")

    line = Line(REQUEST, {"type": "http.disconnect"})
    await app(scope(), line.receive, line.send)
    assert (log, line.sent) == (["cancelled"], [])


@row("http.response.push, root_path")
async def test_the_application_may_be_mounted(quart, app):
    @app.route("/a")
    async def view():
        return quart.request.path + " " + quart.url_for("view")

    line = Line(REQUEST)
    mounted = scope(path="/m/a", raw_path=b"/m/a", root_path="/m")
    await app(mounted, line.receive, line.send)
    assert line.body() == b"/a /m/a"


@row("http.response.push, root_path")
@pytest.mark.parametrize(
    ("root", "path", "status"),
    [("/x", "/x/api/x", 200), ("/m", "/other/api/x", 404)],
)
async def test_the_mount_is_cut_off_the_beginning(app, root, path, status):
    app.add_url_rule("/api/x", "view", lambda: "x")
    line = Line(REQUEST)
    mounted = scope(path=path, raw_path=path.encode(), root_path=root)
    await app(mounted, line.receive, line.send)
    assert line.sent[0]["status"] == status


@row("http.response.push, root_path")
async def test_what_the_lifespan_keeps_is_in_the_scope(quart, app):
    @app.route("/")
    async def view():
        return quart.request.scope["state"]["a"]

    line = Line(REQUEST)
    await app(scope(state={"a": "kept"}), line.receive, line.send)
    assert line.body() == b"kept"
