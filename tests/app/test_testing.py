"""The test client: it speaks ASGI to anything, and behaves as a server."""

import json
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any

import anyio
import pytest

from microquart.asgi import (
    ASGIApplication,
    HTTPScope,
    Receive,
    Scope,
    Send,
    WebSocketScope,
)
from microquart.http.datastructures import Headers, MultiDict
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.http.fields import Authorization
from microquart.testing import (
    HTTPDisconnectError,
    LifespanError,
    QuartClient,
    TestApp,
    WebsocketDisconnectError,
    WebsocketResponseError,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_scope,
)
from microquart.testing.background import Background, Closed, Mailbox
from microquart.testing.cookies import CookieJar
from microquart.wrappers.uploads import FileStorage

Answer = Callable[[HTTPScope, bytes], tuple[int, dict[str, str], bytes]]
Talk = Callable[[WebSocketScope, Receive, Send], Awaitable[None]]


async def body_of(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError(message["type"])
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def respond(
    send: Send, body: bytes, status: int = 200, **fields: str
) -> None:
    headers = Headers({k.replace("_", "-"): v for k, v in fields.items()})
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": headers.to_fields(),
        }
    )
    await send({"type": "http.response.body", "body": body})


def answering(answer: Answer) -> ASGIApplication:
    """Return an application made of a function: no framework is needed."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        status, headers, body = answer(scope, await body_of(receive))
        await respond(send, body, status, **headers)

    return app


def talking(talk: Talk) -> ASGIApplication:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        assert (await receive())["type"] == "websocket.connect"
        await talk(scope, receive, send)

    return app


@answering
def echo(scope: HTTPScope, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Answer with what was asked, as JSON."""
    asked = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": str(scope.get("raw_path")),
        "query": scope["query_string"].decode(),
        "root_path": scope.get("root_path"),
        "scheme": scope.get("scheme"),
        "http_version": scope["http_version"],
        "server": scope.get("server"),
        "client": scope.get("client"),
        "headers": {k.decode(): v.decode() for k, v in scope["headers"]},
        "body": body.decode("latin-1"),
    }
    return 200, {}, json.dumps(asked).encode()


async def ask(path: str = "/", **options: Any) -> dict[str, Any]:
    client = QuartClient(echo)
    response = await client.open(path, **options)
    found: dict[str, Any] = json.loads(await response.get_data())
    return found


# -- what is asked --


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"method": "GET", "path": "/", "query": "", "body": ""}),
        ({"path": "/a%20b"}, {"path": "/a b", "raw_path": "b'/a%20b'"}),
        ({"path": "/a%2Fb"}, {"path": "/a/b", "raw_path": "b'/a%2Fb'"}),
        ({"path": "/ü"}, {"path": "/ü", "raw_path": "b'/%C3%BC'"}),
        ({"path": "/?a=1&b=%20"}, {"path": "/", "query": "a=1&b=%20"}),
        ({"path": "/?q=ü"}, {"query": "q=%C3%BC"}),
        ({"query_string": {"a": 1, "b": [2, 3]}}, {"query": "a=1&b=2&b=3"}),
        ({"method": "PURGE"}, {"method": "PURGE"}),
        (
            {"scheme": "https"},
            {"scheme": "https", "server": ["localhost", 443]},
        ),
        ({"http_version": "2"}, {"http_version": "2"}),
        ({"path": "https://a.test/x"}, {"scheme": "https", "path": "/x"}),
        ({"path": "/x", "root_path": "/app"}, {"path": "/app/x"}),
        ({"path": "/app/x", "root_path": "/app"}, {"path": "/app/x"}),
        ({"scope_base": {"client": ("::1", 1)}}, {"client": ["::1", 1]}),
    ],
    ids=str,
)
async def test_a_request_becomes_a_scope(
    options: dict[str, Any], expected: dict[str, Any]
) -> None:
    asked = await ask(**options)
    assert {key: asked[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"host": "localhost", "user-agent": "microquart"}),
        ({"subdomain": "api"}, {"host": "api.localhost"}),
        ({"headers": {"Host": "a.test"}}, {"host": "a.test"}),
        ({"headers": [("X-A", "1")]}, {"x-a": "1"}),
        ({"path": "http://a.test:8000/"}, {"host": "a.test:8000"}),
        ({"auth": ("me", "pw")}, {"authorization": "Basic bWU6cHc="}),
        (
            {"auth": Authorization("bearer", token="t")},
            {"authorization": "Bearer t"},
        ),
        ({"data": "ü"}, {"content-length": "2"}),
        ({"json": 1}, {"content-type": "application/json"}),
        (
            {"json": 1, "headers": {"Content-Type": "application/x+json"}},
            {"content-type": "application/x+json"},
        ),
    ],
    ids=str,
)
async def test_a_request_has_header_fields(
    options: dict[str, Any], expected: dict[str, str]
) -> None:
    headers = (await ask(**options))["headers"]
    assert {key: headers[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"data": b"raw"}, "raw"),
        ({"data": "text"}, "text"),
        ({"json": {"a": None}}, '{"a": null}'),
        ({"json": None}, "null"),
        ({"form": {"a": "1 2", "b": ["x", "y"]}}, "a=1+2&b=x&b=y"),
        ({"form": MultiDict([("a", "1"), ("a", "2")])}, "a=1&a=2"),
    ],
    ids=str,
)
async def test_a_request_has_one_kind_of_body(
    options: dict[str, Any], body: str
) -> None:
    assert (await ask(method="POST", **options))["body"] == body


@pytest.mark.parametrize(
    "options",
    [
        {"json": 1, "data": b"x"},
        {"form": {}, "data": b"x"},
        {"json": 1, "form": {}},
        {"json": 1, "files": {}},
    ],
    ids=str,
)
def test_two_kinds_of_body_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give one of"):
        make_test_body_with_headers(**options)


def test_two_queries_are_refused() -> None:
    with pytest.raises(ValueError, match="given twice"):
        make_test_headers_path_and_query_string(echo, "/?a=1", None, {"b": 2})


async def test_headers_of_the_caller_are_not_changed() -> None:
    headers = Headers({"X-A": "1"})
    await ask(headers=headers, json=1)
    assert list(headers) == [("X-A", "1")]


async def test_files_and_fields_become_one_multipart_body() -> None:
    file = FileStorage(BytesIO(b"PNG"), 'a "b".png', content_type="image/png")
    text = FileStorage(BytesIO(b"one"), "1.txt")
    asked = await ask(
        method="POST",
        form={"a": "ü"},
        files={"pic": file, "doc": [text, text]},
    )
    boundary = asked["headers"]["content-type"].partition("boundary=")[2]
    parts = asked["body"].encode("latin-1").decode().split(f"--{boundary}")
    assert parts[-1] == "--\r\n"
    assert parts[1:-1] == [
        '\r\nContent-Disposition: form-data; name="a"\r\n\r\nü\r\n',
        '\r\nContent-Disposition: form-data; name="pic"; '
        'filename="a %22b%22.png"\r\nContent-Type: image/png\r\n\r\nPNG\r\n',
        '\r\nContent-Disposition: form-data; name="doc"; '
        'filename="1.txt"\r\n\r\none\r\n',
        '\r\nContent-Disposition: form-data; name="doc"; '
        'filename="1.txt"\r\n\r\n\r\n',
    ]


@pytest.mark.parametrize(
    "verb",
    ["get", "post", "put", "patch", "delete", "options", "trace", "query"],
)
async def test_each_method_has_a_verb(verb: str) -> None:
    response = await getattr(QuartClient(echo), verb)("/")
    assert json.loads(await response.get_data())["method"] == verb.upper()


async def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="folow_redirects"):
        await ask(folow_redirects=True)


def test_a_scope_can_be_made_by_hand() -> None:
    scope = make_test_scope(
        "http", "/a b", "GET", Headers(), b"", "http", "", "1.1", {"extra": 1}
    )
    assert scope["raw_path"] == b"/a%20b"
    assert {"extra": 1}.items() <= dict(scope).items()


# -- what is answered --


async def test_a_response_is_what_the_application_sent() -> None:
    @answering
    def app(scope: HTTPScope, body: bytes) -> Any:
        return 404, {"X_A": "1"}, b"not here"

    response = await QuartClient(app).get("/")
    assert response.status_code == 404
    assert list(response.headers) == [("X-A", "1")]
    assert await response.get_data() == b"not here"


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)]
)
async def test_content_that_http_does_not_allow_is_dropped(
    method: str, status: int
) -> None:
    @answering
    def app(scope: HTTPScope, body: bytes) -> Any:
        return status, {"Content_Length": "7"}, b"content"

    response = await QuartClient(app).open("/", method=method)
    assert await response.get_data() == b""
    assert response.headers["Content-Length"] == "7"


async def test_what_the_application_raises_is_raised_in_the_test() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("in the view")

    with pytest.raises(KeyError, match="in the view"):
        await QuartClient(app).get("/")


async def test_a_failure_after_half_a_response_is_raised_too() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise KeyError("too late")

    with pytest.raises(KeyError, match="too late"):
        await QuartClient(app).get("/")


async def test_no_response_at_all_is_an_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    with pytest.raises(HTTPDisconnectError, match="application returned"):
        await QuartClient(app).get("/")


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.response.body"}],
        [{"type": "http.response.start", "status": 200}] * 2,
        [{"type": "http.response.strat", "status": 200}],
        [
            {"type": "http.response.start", "status": 200},
            {"type": "http.response.body"},
            {"type": "http.response.body"},
        ],
    ],
    ids=["body first", "two starts", "misspelt", "body after the end"],
)
async def test_messages_out_of_order_are_refused(messages: list[Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with pytest.raises(UnexpectedMessage):
        await QuartClient(app).get("/")


async def test_context_variables_of_the_application_stay_in_it() -> None:
    from contextvars import ContextVar

    variable = ContextVar("variable", default="test")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert variable.get() == "test"
        variable.set("application")
        await respond(send, b"")

    await QuartClient(app).get("/")
    assert variable.get() == "test"


# -- redirects --


def redirecting(status: int, location: str) -> ASGIApplication:
    @answering
    def app(scope: HTTPScope, body: bytes) -> Any:
        if scope["path"] == "/from":
            return status, {"Location": location, "Set_Cookie": "a=1"}, b""
        headers = Headers.from_fields(scope["headers"])
        told = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "host": headers.get("host"),
            "cookie": headers.get("cookie"),
            "type": headers.get("content-type"),
            "body": body.decode(),
        }
        return 200, {}, json.dumps(told).encode()

    return app


async def follow(
    status: int, location: str, method: str = "GET", **options: Any
) -> dict[str, Any]:
    client = QuartClient(redirecting(status, location))
    response = await client.open(
        "/from?x=1", method=method, follow_redirects=True, **options
    )
    found: dict[str, Any] = json.loads(await response.get_data())
    return found


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/to", {"path": "/to", "query": "", "host": "localhost"}),
        ("to?y=2", {"path": "/to", "query": "y=2"}),
        ("http://localhost/to", {"path": "/to"}),
        ("//localhost/to", {"path": "/to"}),
        ("http://api.localhost/to", {"path": "/to", "host": "api.localhost"}),
        ("/a%2Fb", {"path": "/a/b"}),
    ],
)
async def test_a_redirect_is_followed(
    location: str, expected: dict[str, str]
) -> None:
    told = await follow(302, location)
    assert expected.items() <= told.items()
    assert told["cookie"] == (None if "api" in location else "a=1")


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "GET", "GET"),
        (301, "POST", "GET"),
        (301, "PUT", "PUT"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
async def test_a_redirect_may_change_the_method(
    status: int, method: str, expected: str
) -> None:
    if method == "HEAD":
        client = QuartClient(redirecting(status, "/to"))
        response = await client.head("/from", follow_redirects=True)
        assert response.status_code == 200
        return
    body = {} if method == "GET" else {"json": 1}
    told = await follow(status, "/to", method, **body)
    assert told["method"] == expected
    kept = expected == method != "GET"
    assert (told["type"], told["body"]) == (
        ("application/json", "1") if kept else (None, "")
    )


async def test_without_being_asked_no_redirect_is_followed() -> None:
    client = QuartClient(redirecting(302, "/to"))
    assert (await client.get("/from")).status_code == 302


async def test_a_redirect_to_another_site_cannot_be_followed() -> None:
    with pytest.raises(RuntimeError, match="leaves localhost"):
        await follow(302, "https://other.example/")


async def test_a_circle_of_redirects_ends() -> None:
    with pytest.raises(RuntimeError, match="more than 20 redirects"):
        await follow(302, "/from")


# -- cookies --


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("field", "url", "expected"),
    [
        ("a=1", "http://x.test/", "a=1"),
        ("a=1", "http://y.test/", ""),
        ("a=1", "http://sub.x.test/", ""),
        ("a=1; Domain=x.test", "http://sub.x.test/", "a=1"),
        ("a=1; Domain=.X.test", "http://sub.x.test/", "a=1"),
        ("a=1; Domain=x.test", "http://evilx.test/", ""),
        ("a=1; Domain=other.test", "http://other.test/", ""),
        ("a=1; Path=/shop", "http://x.test/shop", "a=1"),
        ("a=1; Path=/shop", "http://x.test/shop/cart", "a=1"),
        ("a=1; Path=/shop", "http://x.test/shopping", ""),
        ("a=1; Path=/shop", "http://x.test/", ""),
        ("a=1; Secure", "https://x.test/", ""),
        ("a=1; Max-Age=60", "http://x.test/", "a=1"),
        ("a=1; Max-Age=0", "http://x.test/", ""),
        ("a=1; Max-Age=-1", "http://x.test/", ""),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://x.test/", ""),
        ("a=1; Expires=rubbish", "http://x.test/", "a=1"),
        ("=1", "http://x.test/", ""),
        ("nothing", "http://x.test/", ""),
    ],
)
def test_a_cookie_goes_where_it_belongs(
    field: str, url: str, expected: str
) -> None:
    jar = CookieJar(Clock())
    jar.extract([field], "http://x.test/")
    assert jar.header(url) == expected


@pytest.mark.parametrize(
    ("origin", "url", "expected"),
    [
        ("https://x.test/", "https://x.test/", "a=1"),
        ("https://x.test/", "wss://x.test/", "a=1"),
        ("https://x.test/", "http://x.test/", ""),
        ("http://x.test/", "https://x.test/", ""),
        ("http://localhost/", "http://localhost/", "a=1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/", "a=1"),
    ],
)
def test_a_secure_cookie_is_for_https_and_for_loopback(
    origin: str, url: str, expected: str
) -> None:
    jar = CookieJar()
    jar.extract(["a=1; Secure"], origin)
    assert jar.header(url) == expected


def test_a_cookie_without_a_path_belongs_to_the_directory() -> None:
    jar = CookieJar()
    jar.extract(["a=1"], "http://x.test/shop/cart")
    assert [cookie.path for cookie in jar] == ["/shop"]


def test_the_longest_path_comes_first() -> None:
    jar = CookieJar()
    fields = ["a=1; Path=/", "b=2; Path=/shop", "c=3; Path=/"]
    jar.extract(fields, "http://x.test/")
    assert jar.header("http://x.test/shop") == "b=2; a=1; c=3"


def test_a_cookie_ends_in_time() -> None:
    clock = Clock()
    jar = CookieJar(clock)
    jar.extract(["a=1; Max-Age=60"], "http://x.test/")
    clock.now += 59
    assert len(jar) == 1
    clock.now += 1
    assert (len(jar), jar.header("http://x.test/")) == (0, "")


def test_an_address_has_no_subdomains() -> None:
    jar = CookieJar()
    jar.extract(["a=1; Domain=0.0.1"], "http://127.0.0.1/")
    assert len(jar) == 0


@answering
def counting(scope: HTTPScope, body: bytes) -> Any:
    cookie = Headers.from_fields(scope["headers"]).get("cookie", "")
    count = int(cookie.partition("n=")[2] or 0) + 1
    return 200, {"Set_Cookie": f"n={count}; Path=/"}, cookie.encode()


async def test_the_client_keeps_cookies() -> None:
    client = QuartClient(counting)
    seen = [await (await client.get("/")).get_data() for _ in range(3)]
    assert seen == [b"", b"n=1", b"n=2"]


async def test_a_client_may_keep_no_cookies() -> None:
    client = QuartClient(counting, use_cookies=False)
    await client.get("/")
    assert await (await client.get("/")).get_data() == b""
    assert client.cookie_jar is None
    with pytest.raises(RuntimeError, match="keeps no cookies"):
        client.set_cookie("localhost", "n", "1")


async def test_a_cookie_can_be_set_and_deleted_by_hand() -> None:
    client = QuartClient(counting)
    client.set_cookie("localhost", "n", "7")
    assert await (await client.get("/")).get_data() == b"n=7"
    client.delete_cookie("localhost", "n")
    assert await (await client.get("/")).get_data() == b""


async def test_cookies_of_the_request_come_before_those_of_the_jar() -> None:
    client = QuartClient(counting)
    client.set_cookie("localhost", "n", "7")
    response = await client.get("/", headers={"Cookie": "a=1"})
    assert await response.get_data() == b"a=1; n=7"


# -- a request piece by piece --


async def test_body_and_response_can_go_in_turns() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        while (message := await receive())["type"] == "http.request":
            body = message.get("body", b"").upper()
            more = message.get("more_body", False)
            await send(
                {"type": "http.response.body", "body": body, "more_body": more}
            )
            if not more:
                return

    async with QuartClient(app).request("/", method="POST") as connection:
        await connection.send(b"one")
        assert await connection.receive() == b"ONE"
        await connection.send(b"two")
        assert await connection.receive() == b"TWO"
        await connection.send_complete()
        with pytest.raises(HTTPDisconnectError, match="has ended"):
            await connection.receive()
    assert connection.status_code == 200


async def test_the_rest_can_be_had_as_a_response() -> None:
    async with QuartClient(counting).request("/") as connection:
        await connection.send_complete()
    response = await connection.as_response()
    assert response.headers["set-cookie"] == "n=1; Path=/"


async def test_leaving_the_block_completes_the_request() -> None:
    async with QuartClient(echo).request("/", method="POST") as connection:
        await connection.send(b"half")
    response = await connection.as_response()
    assert json.loads(await response.get_data())["body"] == "half"


async def test_after_the_response_the_application_is_told_so() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"")
        await body_of(receive)
        seen.extend([(await receive())["type"], (await receive())["type"]])

    await QuartClient(app).get("/")
    assert seen == ["http.disconnect", "http.disconnect"]


async def test_a_departure_is_received() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])

    async with QuartClient(app).request("/") as connection:
        await connection.send(b"x")
        await connection.disconnect()
    assert seen == ["http.request", "http.disconnect"]
    with pytest.raises(HTTPDisconnectError, match="the client left"):
        await connection.as_response()


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_a_departure_is_told_to_who_watches(late: bool) -> None:
    gone: list[str] = []
    go_on = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        extensions = scope.get("extensions")
        assert extensions is not None
        watch = extensions["microquart.disconnect"]["watch"]
        if late:
            await go_on.wait()
        watch(lambda: gone.append("gone"))
        await go_on.wait()

    async with QuartClient(app).request("/") as connection:
        await anyio.wait_all_tasks_blocked()
        await connection.disconnect()
        await connection.disconnect()
        go_on.set()
    assert gone == ["gone"]


async def test_a_client_that_stays_is_not_called_gone() -> None:
    gone: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        extensions = scope.get("extensions") or {}
        extensions["microquart.disconnect"]["watch"](
            lambda: gone.append("gone")
        )
        await respond(send, b"")

    async with QuartClient(app).request("/") as connection:
        await connection.as_response()
        await connection.disconnect()
    assert gone == []


async def test_extensions_can_be_taken_away() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        assert scope.get("extensions") is None
        await respond(send, b"")

    await QuartClient(app).get("/", scope_base={"extensions": None})


async def test_sending_to_a_client_that_left_raises() -> None:
    raised: list[Exception] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            await respond(send, b"")
        except ClientDisconnected as error:
            raised.append(error)

    async with QuartClient(app).request("/") as connection:
        await connection.disconnect()
    assert len(raised) == 1


async def test_sending_waits_while_the_client_does_not_read() -> None:
    sent: list[int] = []
    size = 40_000

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        for number in range(10):
            await send(
                {
                    "type": "http.response.body",
                    "body": bytes(size),
                    "more_body": number < 9,
                }
            )
            sent.append(number)

    async with QuartClient(app).request("/") as connection:
        await connection.send_complete()
        await anyio.wait_all_tasks_blocked()
        assert sent == [0]
        await connection.receive()
        await anyio.wait_all_tasks_blocked()
        assert sent == [0, 1]
    response = await connection.as_response()
    assert len(await response.get_data()) == 9 * size


async def test_a_departure_ends_the_waiting_of_a_sender() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        with pytest.raises(ClientDisconnected):
            while True:
                await send(
                    {
                        "type": "http.response.body",
                        "body": bytes(100_000),
                        "more_body": True,
                    }
                )

    async with QuartClient(app).request("/") as connection:
        await anyio.wait_all_tasks_blocked()
        await connection.disconnect()


async def test_receiving_raises_what_the_application_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("in the view")

    with pytest.raises(KeyError, match="in the view"):
        async with QuartClient(app).request("/") as connection:
            await connection.receive()


async def test_a_failed_assertion_in_the_block_is_what_is_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await body_of(receive)

    with pytest.raises(AssertionError, match="mine") as caught:
        async with QuartClient(app).request("/"):
            raise AssertionError("mine")
    assert caught.value.__notes__ == [
        "the application raised ConnectionError('http.disconnect')"
    ]


async def test_pushes_are_recorded() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.push",
                "path": "/style.css",
                "headers": [(b"accept", b"text/css")],
            }
        )
        await respond(send, b"")

    client = QuartClient(app)
    await client.get("/")
    [(path, headers)] = client.push_promises
    assert (path, headers["accept"]) == ("/style.css", "text/css")


# -- websockets --


@talking
async def websocket_echo(
    scope: WebSocketScope, receive: Receive, send: Send
) -> None:
    await send({"type": "websocket.accept", "subprotocol": "chat"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is None:
            data = message.get("bytes")
            await send({"type": "websocket.send", "bytes": data})
        else:
            await send({"type": "websocket.send", "text": text.upper()})


async def test_messages_go_both_ways() -> None:
    async with QuartClient(websocket_echo).websocket("/") as websocket:
        await websocket.accept()
        assert websocket.accepted
        assert websocket.subprotocol == "chat"
        await websocket.send("text")
        assert await websocket.receive() == "TEXT"
        await websocket.send(b"bytes")
        assert await websocket.receive() == b"bytes"
        await websocket.send_json({"A": [1, None]})
        with pytest.raises(json.JSONDecodeError):
            await websocket.receive_json()  # NULL, in upper case
        await websocket.send_json([1])
        assert await websocket.receive_json() == [1]
        await websocket.send("")
        assert await websocket.receive() == ""


async def test_a_handshake_has_what_was_asked_for() -> None:
    seen: list[Any] = []

    @talking
    async def app(scope: WebSocketScope, receive: Receive, send: Send) -> None:
        headers = Headers.from_fields(scope["headers"])
        seen.extend([scope.get("subprotocols"), scope["path"]])
        seen.extend([headers.get("cookie"), scope.get("query_string")])
        await send({"type": "websocket.accept"})

    client = QuartClient(app)
    client.set_cookie("localhost", "a", "1")
    async with client.websocket("/ws?x=1", subprotocols=["a", "b"]) as ws:
        await ws.accept()
    assert seen == [["a", "b"], "/ws", "a=1", b"x=1"]


@pytest.mark.parametrize(
    ("leave", "expected"),
    [
        ("disconnect", {"code": 1006, "reason": None}),
        ("close", {"code": 1000, "reason": None}),
        ("close 4000", {"code": 4000, "reason": "bye"}),
        ("the block", {"code": 1006, "reason": None}),
    ],
)
async def test_the_application_is_told_how_the_client_left(
    leave: str, expected: dict[str, Any]
) -> None:
    seen: list[Any] = []

    @talking
    async def app(scope: WebSocketScope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        seen.append(await receive())
        try:
            await send({"type": "websocket.send", "text": "too late"})
        except ClientDisconnected as error:
            seen.append({"code": error.code, "reason": error.reason})

    async with QuartClient(app).websocket("/") as websocket:
        await websocket.accept()
        if leave == "close 4000":
            await websocket.close(4000, "bye")
        elif leave != "the block":
            await getattr(websocket, leave)()
    assert seen == [{"type": "websocket.disconnect", **expected}, expected]


async def test_the_client_is_told_how_the_application_closed() -> None:
    @talking
    async def app(scope: WebSocketScope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "last"})
        await send({"type": "websocket.close", "code": 4001, "reason": "why"})
        assert await receive() == {
            "type": "websocket.disconnect",
            "code": 4001,
            "reason": "why",
        }

    async with QuartClient(app).websocket("/") as websocket:
        assert await websocket.receive() == "last"
        with pytest.raises(WebsocketDisconnectError) as caught:
            await websocket.receive()
    assert (caught.value.code, caught.value.reason) == (4001, "why")
    assert caught.value.args == (4001,)


REJECTIONS: list[tuple[list[Any], int, bytes]] = [
    ([{"type": "websocket.close"}], 403, b""),
    ([], 500, b""),
    (
        [
            {
                "type": "websocket.http.response.start",
                "status": 401,
                "headers": [(b"x-a", b"1")],
            },
            {
                "type": "websocket.http.response.body",
                "body": b"not ",
                "more_body": True,
            },
            {"type": "websocket.http.response.body", "body": b"you"},
        ],
        401,
        b"not you",
    ),
]


@pytest.mark.parametrize(("messages", "status", "body"), REJECTIONS)
@pytest.mark.parametrize("how", ["receive", "accept", "the block"])
async def test_a_rejection_is_a_response(
    messages: list[Any], status: int, body: bytes, how: str
) -> None:
    @talking
    async def app(scope: WebSocketScope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with pytest.raises(WebsocketResponseError) as caught:
        async with QuartClient(app).websocket("/") as websocket:
            await anyio.wait_all_tasks_blocked()
            if how != "the block":
                await getattr(websocket, how)()
    assert caught.value.response.status_code == status
    assert await caught.value.response.get_data() == body


async def test_a_rejection_that_was_seen_is_not_raised_again() -> None:
    @talking
    async def app(scope: WebSocketScope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})

    async with QuartClient(app).websocket("/") as websocket:
        with pytest.raises(WebsocketResponseError):
            await websocket.receive()


async def test_a_websocket_raises_what_the_application_raises() -> None:
    @talking
    async def app(scope: WebSocketScope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        raise KeyError("in the view")

    with pytest.raises(KeyError, match="in the view"):
        async with QuartClient(app).websocket("/") as websocket:
            await websocket.receive()


async def test_websocket_messages_out_of_order_are_refused() -> None:
    @talking
    async def app(scope: WebSocketScope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.send", "text": "too early"})

    with pytest.raises(UnexpectedMessage, match="websocket.send"):
        async with QuartClient(app).websocket("/") as websocket:
            await websocket.receive()


# -- lifespan --


class Started:
    """An application with a life, as little of one as there can be."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.seen: list[str] = []

    def test_client(self) -> QuartClient:
        return QuartClient(self)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "lifespan":
            await respond(send, str(scope.get("state")).encode())
            return
        scope.get("state", {})["pool"] = "open"
        for _ in range(2):
            kind = (await receive())["type"]
            self.seen.append(kind)
            answer = self.answers[kind]
            if isinstance(answer, Exception):
                raise answer
            await send(answer)


COMPLETE = {
    "lifespan.startup": {"type": "lifespan.startup.complete"},
    "lifespan.shutdown": {"type": "lifespan.shutdown.complete"},
}


async def test_an_application_is_started_and_stopped() -> None:
    app = Started(COMPLETE)
    async with TestApp(app) as test_app:
        assert app.seen == ["lifespan.startup"]
        response = await test_app.test_client().get("/")
        assert await response.get_data() == b"{'pool': 'open'}"
    assert app.seen == ["lifespan.startup", "lifespan.shutdown"]


async def test_it_can_be_started_in_one_task_and_stopped_in_another() -> None:
    app = Started(COMPLETE)
    test_app = TestApp(app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(test_app.startup)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(test_app.shutdown)
    assert app.seen == ["lifespan.startup", "lifespan.shutdown"]


@pytest.mark.parametrize("when", ["startup", "shutdown"])
async def test_a_failed_lifespan_is_an_error(when: str) -> None:
    failed = {"type": f"lifespan.{when}.failed", "message": "no database"}
    test_app = TestApp(Started({**COMPLETE, f"lifespan.{when}": failed}))
    if when == "shutdown":
        await test_app.startup()
    with pytest.raises(LifespanError, match="no database"):
        await getattr(test_app, when)()


@pytest.mark.parametrize("when", ["startup", "shutdown"])
async def test_what_a_lifespan_raises_is_raised(when: str) -> None:
    answers = {**COMPLETE, f"lifespan.{when}": KeyError("no database")}
    test_app = TestApp(Started(answers))
    if when == "shutdown":
        await test_app.startup()
    with pytest.raises(KeyError, match="no database"):
        await getattr(test_app, when)()


async def test_an_application_that_does_not_start_is_not_waited_for() -> None:
    class Silent(Started):
        async def __call__(
            self, scope: Scope, receive: Receive, send: Send
        ) -> None:
            await anyio.sleep_forever()

    with pytest.raises(TimeoutError, match="did not start up"):
        await TestApp(Silent({}), startup_timeout=0.01).startup()


# -- the parts --


async def test_a_mailbox_gives_what_was_put_and_then_says_closed() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.close()
    box.put(2)
    assert await box.get() == 1
    for _ in range(2):
        with pytest.raises(Closed):
            await box.get()


async def test_several_may_wait_at_one_mailbox() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int] = []

    async def take() -> None:
        taken.append(await box.get())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        box.put(1)
        box.put(2)
    assert sorted(taken) == [1, 2]


async def test_who_is_cancelled_while_waiting_for_a_task_ends_it() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("ended")

    background = Background(forever)
    with anyio.move_on_after(0.01):
        await background.end()
    await anyio.wait_all_tasks_blocked()
    assert ended == ["ended"]


async def test_what_is_no_exception_is_raised_as_well() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pytest.fail("in the view")

    with pytest.raises(pytest.fail.Exception, match="in the view"):
        await QuartClient(app).get("/")
