"""A websocket as a view has it, between two plain functions of ASGI."""

import asyncio
import json

import anyio
import pytest

from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.wrappers.websocket import (
    AHEAD_MESSAGES,
    IN_A_ROW,
    RequestSettings,
    Websocket,
)

CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept", "subprotocol": None, "headers": []}


def leaving(code=1001, reason="bye"):
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


class Server:
    """Gives what the client sends, keeps what it is sent; both may wait."""

    def __init__(self, *messages):
        self.coming = [CONNECT, *map(self.message, messages)]
        self.sent = []
        self.pulled = 0
        self.news = anyio.Event()
        self.error = None

    @staticmethod
    def message(data):
        match data:
            case str():
                return {"type": "websocket.receive", "text": data}
            case bytes():
                return {
                    "type": "websocket.receive",
                    "bytes": data,
                    "text": None,
                }
        return data

    def add(self, *messages):
        self.coming += map(self.message, messages)
        self.news.set()
        self.news = anyio.Event()

    async def receive(self):
        while self.pulled == len(self.coming):
            await self.news.wait()
        self.pulled += 1
        return self.coming[self.pulled - 1]

    async def send(self, message):
        await anyio.lowlevel.checkpoint()
        if self.error:
            raise self.error
        self.sent.append(message)

    def said(self):
        return [one.get("text", one.get("bytes")) for one in self.sent[1:]]


def websocket(server, **entries):
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "path": "/ws",
        "headers": [(b"host", b"localhost")],
        "query_string": b"a=1",
        **entries,
    }
    return Websocket(scope, server.receive, server.send, RequestSettings(json))


# -- messages --


def test_a_websocket_has_what_a_request_has():
    ws = websocket(Server(), subprotocols=["chat", "v2"])
    assert (ws.method, ws.scheme, ws.path) == ("GET", "ws", "/ws")
    assert ws.args == {"a": "1"}
    assert ws.url == "ws://localhost/ws?a=1"
    assert ws.requested_subprotocols == ["chat", "v2"]
    assert repr(ws) == "<Websocket 'ws://localhost/ws?a=1' [GET]>"


async def test_the_first_receive_accepts():
    server = Server("a", b"b", "")
    ws = websocket(server)
    assert [await ws.receive() for _ in range(3)] == ["a", b"b", ""]
    assert server.sent == [ACCEPT]


async def test_the_first_send_accepts():
    server = Server()
    ws = websocket(server)
    await ws.send("a")
    await ws.send(b"b")
    assert server.sent == [
        ACCEPT,
        {"type": "websocket.send", "text": "a"},
        {"type": "websocket.send", "bytes": b"b"},
    ]


async def test_nothing_is_pulled_before_it_is_asked_for():
    server = Server("a", "b")
    ws = websocket(server)
    await ws.accept()
    assert server.pulled == 1
    await ws.receive()
    assert server.pulled == 2


async def test_an_acceptance_can_say_more():
    server = Server()
    ws = websocket(server)
    await ws.accept({"X-Colour": "green"}, "chat")
    await ws.accept({"X-Colour": "red"})
    assert server.sent == [
        {
            "type": "websocket.accept",
            "subprotocol": "chat",
            "headers": [(b"x-colour", b"green")],
        }
    ]


async def test_two_tasks_that_begin_together_accept_once():
    server = Server("a")
    ws = websocket(server)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ws.send, "b")
        group.start_soon(ws.receive)
    assert server.sent[0] == ACCEPT
    assert server.said() == ["b", "b", "b"]


async def test_json_is_a_message():
    server = Server('{"a": 1}', b"[1]", "{")
    ws = websocket(server)
    assert await ws.receive_json() == {"a": 1}
    assert await ws.receive_json() == [1]
    with pytest.raises(ValueError, match="line 1"):
        await ws.receive_json()
    await ws.send_json([1])
    await ws.send_json(1, 2)
    await ws.send_json(a=1)
    assert server.said() == ["[1]", "[1, 2]", '{"a": 1}']
    with pytest.raises(TypeError):
        await ws.send_json(1, a=1)


async def test_only_text_and_bytes_can_be_sent():
    server = Server()
    ws = websocket(server)
    await ws.send(bytearray(b"a"))
    assert server.said() == [b"a"]
    with pytest.raises(
        TypeError, match=r"not dict: is websocket\.send_json\(\)"
    ):
        await ws.send({})


async def test_a_view_that_only_sends_lets_others_run():
    class Eager(Server):
        async def send(self, message):
            self.sent.append(message)

    ws = websocket(Eager())
    others = []

    async def other():
        others.append(len(ws.scope))

    async with anyio.create_task_group() as group:
        await ws.accept()
        group.start_soon(other)
        for _ in range(2 * (IN_A_ROW + 1)):
            await ws.send("a")
        assert others


async def test_somebody_can_be_told_of_each_message():
    told = []

    async def received(data):
        told.append(("received", data))

    async def sent(data):
        told.append(("sent", data))

    server = Server("a")
    plain = websocket(server)
    ws = Websocket(
        plain.scope,
        server.receive,
        server.send,
        plain.settings,
        received,
        sent,
    )
    await ws.send(await ws.receive())
    assert told == [("received", "a"), ("sent", "a")]


# -- the end --


async def test_a_view_closes():
    server = Server("a")
    ws = websocket(server)
    await ws.receive()
    await ws.close(1001, "done")
    await ws.close()
    assert server.sent == [
        ACCEPT,
        {"type": "websocket.close", "code": 1001, "reason": "done"},
    ]
    assert (ws.closed, ws.close_code, ws.close_reason) == (True, 1001, "done")
    with pytest.raises(UnexpectedMessage):
        await ws.send("b")
    with pytest.raises(UnexpectedMessage):
        await ws.receive()


async def test_a_view_refuses():
    server = Server()
    ws = websocket(server)
    await ws.close()
    assert server.sent == [
        {"type": "websocket.close", "code": 1000, "reason": ""}
    ]
    assert not ws.accepted
    with pytest.raises(UnexpectedMessage):
        await ws.accept()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
async def test_a_code_that_no_close_has_is_refused(code):
    with pytest.raises(ValueError, match=str(code)):
        await websocket(Server()).close(code)


async def test_a_reason_that_is_too_long_is_refused():
    ws = websocket(Server())
    with pytest.raises(ValueError, match="123 bytes"):
        await ws.close(1000, "é" * 62)
    await ws.close(1000, "é" * 61)


async def test_the_departure_has_a_code_and_a_reason():
    ws = websocket(Server("a", leaving()))
    await ws.receive()
    for _ in range(2):
        with pytest.raises(ClientDisconnected) as gone:
            await ws.receive()
        assert (gone.value.code, gone.value.reason) == (1001, "bye")
    with pytest.raises(ClientDisconnected):
        await ws.send("a")
    await ws.close()
    assert (ws.gone, ws.closed) == (True, False)
    assert (ws.close_code, ws.close_reason) == (1001, "bye")


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({"type": "websocket.disconnect"}, 1005, ""),
        (
            {"type": "websocket.disconnect", "code": 4000, "reason": None},
            4000,
            "",
        ),
    ],
)
async def test_a_departure_may_say_less(message, code, reason):
    ws = websocket(Server(message))
    with pytest.raises(ClientDisconnected):
        await ws.receive()
    assert (ws.close_code, ws.close_reason) == (code, reason)


async def test_a_client_that_leaves_before_the_acceptance_is_gone():
    server = Server()
    server.coming = [leaving(1006, "")]
    ws = websocket(server)
    with pytest.raises(ClientDisconnected):
        await ws.accept()
    assert server.sent == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConnectionResetError(), 1006), (ClientDisconnected(code=1001), 1001)],
)
async def test_a_server_that_cannot_send_says_that_the_client_has_gone(
    error, code
):
    server = Server()
    ws = websocket(server)
    await ws.accept()
    server.error = error
    with pytest.raises(ClientDisconnected) as gone:
        await ws.send("a")
    assert gone.value.code == ws.close_code == code
    assert ws.gone


async def test_closing_after_the_departure_is_no_error():
    server = Server()
    ws = websocket(server)
    await ws.accept()
    server.error = ConnectionResetError()
    await ws.close()
    assert ws.gone


async def test_a_foreign_message_is_an_error():
    with pytest.raises(UnexpectedMessage):
        await websocket(Server({"type": "http.disconnect"})).receive()


# -- the view is cancelled, as the gateway would do it --


async def cancelled(ws, view):
    with anyio.CancelScope() as scope:
        ws.runs_in = scope
        await view()
    return scope.cancelled_caught


async def test_a_view_that_receives_is_cancelled_when_the_client_leaves():
    ws = websocket(Server("a", leaving()))

    async def view():
        while True:
            await ws.receive()

    assert await cancelled(ws, view)
    assert ws.close_code == 1001


async def test_so_is_one_that_receives_in_a_task_of_its_own():
    ws = websocket(Server("a", leaving()))

    async def receive():
        while True:
            await ws.receive()

    async def view():
        async with anyio.create_task_group() as group:
            group.start_soon(receive)
            await anyio.Event().wait()

    assert await cancelled(ws, view)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("together", ["gather", "group"])
async def test_so_is_one_of_asyncio_tasks(anyio_backend, together):
    ws = websocket(Server("a", leaving()))
    log = []

    async def receive():
        while True:
            try:
                await ws.receive()
            except asyncio.CancelledError:
                log.append("receiver")
                raise

    async def view():
        if together == "gather":
            await asyncio.gather(receive(), asyncio.Event().wait())
        async with asyncio.TaskGroup() as group:
            group.create_task(receive())
            await asyncio.Event().wait()

    task = asyncio.create_task(view())
    ws.runs_in = task
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["receiver"]


async def test_the_server_can_say_that_the_client_has_gone():
    ws = websocket(Server())

    async def view():
        await ws.send("a")
        ws.client_left(4000, "tired")
        await anyio.Event().wait()

    assert await cancelled(ws, view)
    assert (ws.close_code, ws.close_reason) == (4000, "tired")
    ws.client_left()
    assert ws.close_code == 4000


async def test_a_view_can_finish_what_it_began():
    ws = websocket(Server())
    log = []

    async def view():
        async with ws.shield():
            ws.client_left()
            await anyio.lowlevel.checkpoint()
            log.append("finished")

    assert await cancelled(ws, view)
    assert log == ["finished"]


# -- a view that only sends is watched --


async def test_a_view_that_only_sends_is_cancelled_when_the_client_leaves():
    server = Server("unread", "too")
    ws = websocket(server)

    async def view():
        await ws.send("a")
        server.add(leaving())
        await anyio.Event().wait()

    async with anyio.create_task_group() as group:
        group.start_soon(ws.watch)
        assert await cancelled(ws, view)
    assert ws.close_code == 1001


async def test_what_was_pulled_ahead_is_received_in_order():
    server = Server("a", b"b")
    ws = websocket(server)
    async with anyio.create_task_group() as group:
        group.start_soon(ws.watch)
        await anyio.wait_all_tasks_blocked()
        assert server.pulled == 3
        assert [await ws.receive() for _ in range(2)] == ["a", b"b"]
        received = []

        async def receive():
            received.append(await ws.receive())

        group.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        server.add("c")
        await anyio.wait_all_tasks_blocked()
        assert received == ["c"]
        server.add(leaving())
    with pytest.raises(ClientDisconnected):
        await ws.receive()


@pytest.mark.parametrize(
    ("message", "most"), [("a", AHEAD_MESSAGES), ("a" * 40_000, 2)]
)
async def test_a_client_is_not_read_ahead_without_end(message, most):
    server = Server(*[message] * (most + 2))
    ws = websocket(server)
    async with anyio.create_task_group() as group:
        group.start_soon(ws.watch)
        await anyio.wait_all_tasks_blocked()
        assert server.pulled == 1 + most
        assert await ws.receive() == message
        await anyio.wait_all_tasks_blocked()
        assert server.pulled == 2 + most
        ws.client_left()
