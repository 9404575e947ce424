"""Requests piece by piece, and websockets, as a client in memory has them."""

import json
from typing import Any

import anyio
import pytest

from microquart.asgi import (
    ASGIApplication,
    Receive,
    Scope,
    Send,
    WebSocketScope,
)
from microquart.http.datastructures import Headers
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.testing import (
    HTTPDisconnectError,
    QuartClient,
    WebsocketDisconnectError,
    WebsocketResponseError,
)
from tests.app.applications import (
    body_of,
    counting,
    echo,
    respond,
    talking,
)

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


async def without_end(send: Send) -> None:
    while True:
        await send(
            {
                "type": "http.response.body",
                "body": bytes(100_000),
                "more_body": True,
            }
        )


async def test_a_departure_ends_the_waiting_of_a_sender() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        with pytest.raises(ClientDisconnected):
            await without_end(send)

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


async def enter(app: ASGIApplication, how: str) -> None:
    async with QuartClient(app).websocket("/") as websocket:
        await anyio.wait_all_tasks_blocked()
        if how != "the block":
            await getattr(websocket, how)()


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
        await enter(app, how)
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

    with pytest.raises(UnexpectedMessage, match=r"websocket\.send"):
        async with QuartClient(app).websocket("/") as websocket:
            await websocket.receive()
