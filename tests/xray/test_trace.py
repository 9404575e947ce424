"""The views of a trace, and its file."""

from pathlib import Path

import pytest

from microquart.asgi import (
    ASGIApplication,
    Receive,
    Scope,
    Send,
    SendMessage,
)
from microquart.xray.requests import PARTS, TracedRequest
from microquart.xray.trace import Trace, load
from microquart.xray.tracing import trace
from tests.xray.recorded import (
    make_app,
    over_http1,
    over_http2,
    over_websocket,
    traced,
)


async def one(path: str, method: str = "GET", **options: str) -> TracedRequest:
    app = make_app()
    with trace(app) as t:
        await app.test_client().open(path, method=method, **options)
    return t.requests[0]


async def test_a_request_says_what_was_asked_and_answered() -> None:
    request = await one("/users/7?a=b", "POST", data="abcd")
    assert (request.method, request.target) == ("POST", "/users/7?a=b")
    assert (request.protocol, request.status) == ("HTTP/1.1", 201)
    assert request.length("receive") == 0  # the view did not ask for it
    assert request.length("send") == len("changed")
    assert ("content-length", "7") in request.response_headers


async def test_the_calls_are_those_of_the_users_functions() -> None:
    request = await one("/users/7")
    assert request.calls() == ["load_user", "user", "no_store", "close_db"]
    assert request.calls("view") == ["user"]


async def test_the_route_says_what_was_tried() -> None:
    route = (await one("/users/7")).route
    assert route.tried == [
        ("/static/<path:filename>", "path"),
        ("/", "path"),
        ("/users/<int:id>", "match"),
        ("/users/<int:id>", "method"),
        ("/gone", "path"),
        ("/broken", "path"),
        ("/chat", "path"),
    ]
    assert (route.endpoint, route.args) == ("user", {"id": 7})
    assert (await one("/nowhere")).route.status == 404


async def test_messages_have_types() -> None:
    request = await one("/")
    assert request.asgi("send").types == [
        "http.response.start",
        "http.response.body",
    ]
    assert request.asgi("receive").types == []


async def test_times_are_counted_once() -> None:
    request = await one("/")
    assert 0 < request.time("view") < request.time("asgi.app")
    assert request.time("index") == request.time("view")
    assert request.time("dispatch_request") >= request.time("view")
    assert tuple(request.parts) == PARTS
    assert sum(request.parts.values()) == pytest.approx(request.duration)


async def test_each_skin_of_middleware_has_its_messages() -> None:
    app = make_app()
    app.asgi_app = Shouting(app.asgi_app)
    with trace(app) as t:
        await app.test_client().get("/")
    (request,) = t.requests
    outer, inner = request.asgi("send"), request.asgi("send", "below Shouting")
    assert [m.raw for m in outer] == [b"", b"HELLO"]
    assert [m.raw for m in inner] == [b"", b"hello"]
    assert request.length("send") == 5
    assert request.parts["middleware"] > 0
    assert sum(request.parts.values()) == pytest.approx(request.duration)


class Shouting:
    def __init__(self, app: ASGIApplication) -> None:
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def shout(message: SendMessage) -> None:
            if message["type"] == "http.response.body":
                message["body"] = message.get("body", b"").upper()
            await send(message)

        await self.app(scope, receive, shout)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/", None),
        ("/gone", "gone raised Gone"),
        ("/broken", "broken raised ZeroDivisionError"),
        (
            "/users/x",
            "no rule for GET /users/x; "
            "/users/<int:id>: 'x' does not fit '<int:id>'",
        ),
    ],
)
async def test_an_error_is_what_first_went_wrong(
    path: str, error: str | None
) -> None:
    request = await one(path)
    found = request.error
    assert (found and found.partition(", tests")[0]) == error


async def test_a_request_has_the_reads_and_writes_that_carried_it() -> None:
    t = await over_http1()
    assert [request.status for request in t.requests] == [200, 201, 404]
    for request in t.requests:
        names = [record.name for record in request.records]
        assert names.count("net.recv") == 1  # all three came at once
        assert names.count("net.write") == 1
        assert [r.seq for r in request.records] == sorted(
            r.seq for r in request.records
        )


async def test_requests_of_http2_have_streams() -> None:
    t = await over_http2()
    assert {(r.protocol, r.stream) for r in t.requests} == {
        ("HTTP/2", 1),
        ("HTTP/2", 3),
    }


async def test_the_end_of_a_websocket_is_no_error() -> None:
    (request,) = (await over_websocket()).requests
    assert (request.kind, request.method) == ("websocket", "WEBSOCKET")
    assert (request.status, request.error) == (101, None)
    assert request.length("send") == request.length("receive") == 7


async def test_a_trace_is_the_same_after_its_file(tmp_path: Path) -> None:
    t = await over_http1()
    path = tmp_path / "a.xray.jsonl"
    t.save(path, bodies=True)
    again = load(path)
    assert again == t
    assert again.head == t.head
    assert str(again) == str(t)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{}", "has no xray"),
        ('{"xray": 2}', "version 2"),
        ('{"xray": 1}\n{"seq": 1}\n', "no trace"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load(path)


async def test_what_the_server_refuses_is_a_request_too() -> None:
    async with traced() as (server, t):
        await server.says(b"GET / HTTP/1.1\r\nbad\r\n\r\n")
    (request,) = t.requests
    assert (request.method, request.target, request.status) == ("-", "", 400)
    assert request.error == "h1: a field line is malformed (RFC 9112, 5)"


def test_an_empty_trace_has_no_requests() -> None:
    assert Trace().requests == []
    assert str(Trace()) == ""
