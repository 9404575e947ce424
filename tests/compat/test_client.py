"""The client of tests."""

from io import BytesIO

import pytest

row = pytest.mark.row
differs = pytest.mark.differs

METHODS = ["get", "post", "put", "patch", "delete", "head", "options", "trace"]


@pytest.fixture
def app(quart):
    app = quart.Quart(__name__)
    app.secret_key = "k"
    everything = [method.upper() for method in METHODS]

    @app.route("/echo", methods=everything, provide_automatic_options=False)
    async def echo():
        request = quart.request
        return {
            "method": request.method,
            "args": request.args.to_dict(),
            "header": request.headers.get("X-A"),
            "type": request.mimetype,
            "data": (await request.get_data(as_text=True)),
            "scheme": request.scheme,
            "host": request.host,
            "version": request.http_version,
            "user": getattr(request.authorization, "username", None),
        }

    @app.route("/set")
    async def set_it():
        quart.session["a"] = 1
        return quart.redirect("/get")

    @app.route("/get")
    async def get_it():
        return [quart.session.get("a"), quart.request.cookies.get("b")]

    return app


@row("app.test_client()", "client.get, client.post")
@pytest.mark.parametrize("method", METHODS)
async def test_each_method_has_its_function(client, method):
    response = await getattr(client, method)("/echo")
    assert response.status_code == 200
    if method != "head":
        assert (await response.get_json())["method"] == method.upper()


@row("client.get, client.post")
async def test_open_takes_a_method(client):
    response = await client.open("/echo", method="PUT")
    assert (await response.get_json())["method"] == "PUT"


ARGUMENTS = [
    ({"headers": {"X-A": "b"}}, "header", "b"),
    ({"query_string": {"a": "1"}}, "args", {"a": "1"}),
    ({"json": {"a": 1}}, "type", "application/json"),
    ({"form": {"a": "1"}}, "type", "application/x-www-form-urlencoded"),
    ({"data": "abc"}, "data", "abc"),
    ({"data": b"abc"}, "data", "abc"),
    ({"scheme": "https"}, "scheme", "https"),
    ({"http_version": "2"}, "version", "2"),
    ({"subdomain": "x"}, "host", "x.localhost"),
    ({"auth": ("anna", "s")}, "user", "anna"),
    ({"scope_base": {"http_version": "3"}}, "version", "3"),
]


@row("headers=, query_string=")
@pytest.mark.parametrize(("kwargs", "name", "value"), ARGUMENTS)
async def test_a_request_has_arguments(client, kwargs, name, value):
    answer = await (await client.post("/echo", **kwargs)).get_json()
    assert answer[name] == value


@row("headers=, query_string=")
@pytest.mark.parametrize("path", ["/mounted/get", "/get"])
@differs("root_path= is put before a path that does not begin with it")
async def test_the_path_of_the_mount_need_not_be_repeated(client, path):
    response = await client.get(path, root_path="/mounted")
    assert response.status_code == 200


@row("client.get, client.post")
@differs("HEAD brings no content, as from a server")
async def test_head_brings_no_content(client):
    response = await client.head("/get")
    assert (response.status_code, await response.get_data()) == (200, b"")


@row("headers=, query_string=")
async def test_a_request_has_files(quart, client):
    file = quart.datastructures.FileStorage(BytesIO(b"content"), "a.txt")
    response = await client.post("/echo", form={"a": "1"}, files={"f": file})
    answer = await response.get_json()
    assert answer["type"] == "multipart/form-data"


@row("headers=, query_string=")
async def test_a_request_has_one_kind_of_content(client):
    with pytest.raises(ValueError, match=r"."):
        await client.post("/echo", data="a", json={})


@row("follow_redirects=")
async def test_redirects_are_followed_with_their_cookies(client):
    response = await client.get("/set", follow_redirects=True)
    assert await response.get_json() == [1, None]


@row("cookies: client.set_cookie")
async def test_the_client_keeps_cookies(client):
    client.set_cookie("localhost", "b", "2")
    await client.get("/set")
    assert await (await client.get("/get")).get_json() == [1, "2"]
    client.delete_cookie("localhost", "b")
    assert await (await client.get("/get")).get_json() == [1, None]


@row("cookies: client.set_cookie")
async def test_the_client_can_do_without_cookies(app):
    client = app.test_client(use_cookies=False)
    await client.get("/set")
    assert await (await client.get("/get")).get_json() == [None, None]
    assert client.cookie_jar is None


@row("async with client.session_transaction()")
async def test_a_test_changes_the_session(client):
    async with client.session_transaction() as session:
        session["a"] = 7
    assert await (await client.get("/get")).get_json() == [7, None]
    async with client.session_transaction() as session:
        assert session["a"] == 7


@row("async with app.test_client()")
async def test_the_context_of_a_request_can_be_kept(quart, app):
    @app.route("/kept")
    async def kept():
        quart.g.x = 1
        return "x"

    async with app.test_client() as client:
        await client.get("/kept?a=1")
        assert quart.request.args["a"] == "1"


@row("async with app.test_client()")
@differs("g is kept too, and all is gone with the client: not so in Quart")
async def test_g_of_a_request_can_be_kept(quart, app):
    @app.route("/kept")
    async def kept():
        quart.g.x = 1
        return "x"

    async with app.test_client() as client:
        await client.get("/kept")
        assert quart.g.x == 1
    assert not quart.has_request_context()


@row("client.request(): send")
async def test_a_request_goes_piece_by_piece(quart, app, client):
    @app.route("/stream", methods=["POST"])
    async def view():
        body = quart.request.body

        async def stream():
            async for chunk in body:
                yield bytes(chunk).upper()

        return stream(), 201, {"X-A": "b"}

    async with client.request("/stream", method="POST") as connection:
        await connection.send(b"a")
        assert await connection.receive() == b"A"
        await connection.send(b"b")
        assert await connection.receive() == b"B"
        await connection.send_complete()
    response = await connection.as_response()
    assert (response.status_code, connection.status_code) == (201, 201)
    assert connection.headers["X-A"] == "b"


@row("client.request(): send")
async def test_a_client_may_leave(quart, app, client):
    log = []

    @app.route("/stream", methods=["POST"])
    async def view():
        try:
            async for chunk in quart.request.body:
                log.append(bytes(chunk))
        finally:
            log.append("left")
        return "x"

    async with client.request("/stream", method="POST") as connection:
        await connection.send(b"a")
        await connection.disconnect()
    assert log[-1] == "left"


@row("client.websocket(): send")
async def test_a_websocket_is_tested(quart, app, client):
    log = []

    @app.websocket("/ws")
    async def view():
        try:
            while True:
                data = await quart.websocket.receive_json()
                await quart.websocket.send_json([data])
        finally:
            log.append("left")

    async with client.websocket("/ws") as connection:
        await connection.send_json({"a": 1})
        assert await connection.receive_json() == [{"a": 1}]
        await connection.send('"b"')
        assert await connection.receive() == '["b"]'
        await connection.disconnect()
    assert log == ["left"]


@row("client.websocket(): send")
async def test_a_rejected_websocket_has_a_response(quart, app, client):
    @app.websocket("/ws")
    async def view():
        return "no", 401

    Rejected = quart.testing.connections.WebsocketResponseError
    with pytest.raises(Rejected) as caught:
        async with client.websocket("/ws") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 401


@row("client.websocket(): send")
async def test_a_rejected_websocket_is_told_at_the_end_of_the_block(
    quart, app, client
):
    Rejected = quart.testing.connections.WebsocketResponseError
    with pytest.raises(Rejected):
        async with client.websocket("/get"):  # which is no websocket
            pass


@row("client.push_promises")
async def test_what_was_pushed_would_be_known(client):
    await client.get("/get")
    assert client.push_promises == []


@row("client.http_connection_class")
async def test_the_classes_of_connections_can_be_replaced(quart, app):
    class HTTP(quart.testing.client.TestHTTPConnection):
        __test__ = False

    class Websocket(quart.testing.client.TestWebsocketConnection):
        __test__ = False

    class Client(quart.testing.QuartClient):
        http_connection_class = HTTP
        websocket_connection_class = Websocket

    app.test_client_class = Client
    client = app.test_client()
    assert isinstance(client.request("/"), HTTP)
    assert isinstance(client.websocket("/"), Websocket)
    assert (await client.get("/get")).status_code == 200


@row("async with app.test_app()")
async def test_an_application_is_started_for_a_test(quart, app):
    log = []
    app.before_serving(lambda: log.append("start"))
    app.after_serving(lambda: log.append("stop"))
    async with app.test_app() as test_app:
        client = test_app.test_client()
        assert (await client.get("/get")).status_code == 200
    test_app = app.test_app()
    await test_app.startup()
    await test_app.shutdown()
    assert log == ["start", "stop"] * 2


@row("app.test_cli_runner().invoke")
def test_a_command_is_tested(app):
    @app.cli.command("hello")
    def hello():
        print("hello")

    result = app.test_cli_runner().invoke(args=["hello"])
    assert (result.exit_code, result.output) == (0, "hello\n")
    result = app.test_cli_runner().invoke(hello)
    assert result.output == "hello\n"


@row("make_test_headers_path_and_query_string")
def test_the_parts_of_a_request_are_made(quart, app):
    testing = quart.testing
    make = testing.make_test_headers_path_and_query_string
    headers, path, query = make(
        app, "/a b?c=1", {"X-A": "b"}, auth=("u", "p"), subdomain="x"
    )
    assert (path, query) == ("/a b", b"c=1")
    assert headers["X-A"] == "b"
    assert headers["host"] == "x.localhost"
    assert headers["Authorization"].startswith("Basic ")
    body, headers = testing.make_test_body_with_headers(json={"a": 1})
    assert body.replace(b" ", b"") == b'{"a":1}'
    assert headers["Content-Type"] == "application/json"
    scope = testing.make_test_scope(
        "http", "/a", "GET", headers, b"", "http", "", "1.1", {"x": 1}
    )
    assert (scope["type"], scope["path"], scope["x"]) == ("http", "/a", 1)
