"""The test client: what it asks, and what it makes of the answers."""

import json
from contextvars import ContextVar
from io import BytesIO
from typing import Any

import pytest

from microquart.asgi import (
    ASGIApplication,
    HTTPScope,
    Receive,
    Scope,
    Send,
)
from microquart.http.datastructures import Headers, MultiDict
from microquart.http.errors import UnexpectedMessage
from microquart.http.fields import Authorization
from microquart.testing import (
    HTTPDisconnectError,
    QuartClient,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_scope,
)
from microquart.wrappers.uploads import FileStorage
from tests.app.applications import (
    answering,
    echo,
    respond,
)


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
    variable: ContextVar[str] = ContextVar("variable", default="test")

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
