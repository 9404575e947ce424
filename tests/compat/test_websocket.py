"""Websockets, as a view sees them."""

import anyio
import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@row("websocket.receive, websocket.send")
async def test_text_and_bytes_go_both_ways(quart, app, client):
    @app.websocket("/")
    async def view():
        while True:
            await quart.websocket.send(await quart.websocket.receive())

    async with client.websocket("/") as connection:
        for data in ("a", b"b", ""):
            await connection.send(data)
            assert await connection.receive() == data


@row("websocket.receive_json")
async def test_json_goes_both_ways(quart, app, client):
    @app.websocket("/")
    async def view():
        data = await quart.websocket.receive_json()
        await quart.websocket.send_json(data, more=1)

    @app.websocket("/one")
    async def one():
        data = await quart.websocket.receive_json()
        await quart.websocket.send_json({"got": data})

    async with client.websocket("/one") as connection:
        await connection.send_json({"a": [1]})
        assert await connection.receive_json() == {"got": {"a": [1]}}


@row("websocket.accept")
async def test_a_view_accepts_with_headers_and_a_protocol(quart, app, client):
    @app.websocket("/")
    async def view():
        offers = quart.websocket.requested_subprotocols
        await quart.websocket.accept(
            headers={"X-A": "b"}, subprotocol=offers[0]
        )
        await quart.websocket.send("x")

    base = {"subprotocols": ["p", "q"]}
    async with client.websocket("/", scope_base=base) as connection:
        assert await connection.receive() == "x"
    assert connection.accepted


@row("websocket.accept")
@differs(
    "the test client knows headers and protocol: in Quart it forgets them"
)
async def test_a_test_sees_what_was_accepted(quart, app, client):
    @app.websocket("/")
    async def view():
        await quart.websocket.accept({"X-A": "b"}, "q")
        await quart.websocket.send("x")

    socket = client.websocket("/", subprotocols=["p", "q"])
    async with socket as connection:
        assert await connection.receive() == "x"
    assert (connection.headers["X-A"], connection.subprotocol) == ("b", "q")


@row("websocket.accept")
async def test_the_first_message_accepts(quart, app, client):
    @app.websocket("/")
    async def view():
        await quart.websocket.send("x")

    async with client.websocket("/") as connection:
        assert await connection.receive() == "x"


@row("websocket.close")
async def test_a_view_closes_with_a_code(quart, app, client):
    @app.websocket("/")
    async def view():
        await quart.websocket.accept()
        await quart.websocket.close(4001, "enough")

    Disconnected = quart.testing.connections.WebsocketDisconnectError
    async with client.websocket("/") as connection:
        with pytest.raises(Disconnected) as caught:
            await connection.receive()
    assert caught.value.args[0] == 4001


@row("websocket.requested_subprotocols")
@differs(
    "the client's subprotocols= reach the scope: in Quart the header only"
)
async def test_the_offers_of_the_client_are_known(quart, app, client):
    @app.websocket("/")
    async def view():
        await quart.websocket.send_json(
            list(quart.websocket.requested_subprotocols)
        )

    socket = client.websocket("/", subprotocols=["p", "q"])
    async with socket as connection:
        assert await connection.receive_json() == ["p", "q"]


async def rejection(quart, client, path="/"):
    """Return the response that a websocket is rejected by."""
    Rejected = quart.testing.connections.WebsocketResponseError
    with pytest.raises(Rejected) as caught:
        async with client.websocket(path) as connection:
            await connection.receive()
    return caught.value.response


@row("return value or abort")
@pytest.mark.parametrize("way", ["return", "abort", "hook"])
async def test_a_websocket_is_rejected_by_a_response(quart, app, client, way):
    @app.before_websocket
    async def before():
        return ("hook", 403) if way == "hook" else None

    @app.websocket("/")
    async def view():
        if way == "abort":
            quart.abort(401)
        return "no", 402

    response = await rejection(quart, client)
    codes = {"return": 402, "abort": 401, "hook": 403}
    assert response.status_code == codes[way]


@row("return value or abort")
async def test_an_unknown_websocket_is_not_found(quart, app, client):
    assert (await rejection(quart, client, "/nope")).status_code == 404


@row("CancelledError at disconnection")
async def test_a_view_is_cancelled_when_the_client_leaves(quart, app, client):
    log = []

    @app.websocket("/")
    async def view():
        await quart.websocket.send("x")
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            log.append("cancelled")
            raise

    async with client.websocket("/") as connection:
        await connection.receive()
    await anyio.wait_all_tasks_blocked()
    assert log == ["cancelled"]


@row("CancelledError at disconnection")
async def test_who_receives_is_cancelled_when_the_client_leaves(
    quart, app, client
):
    ended = anyio.Event()

    @app.websocket("/")
    async def view():
        try:
            while True:
                await quart.websocket.receive()
        finally:
            ended.set()

    async with client.websocket("/") as connection:
        await connection.send("a")
        await connection.disconnect()
        with anyio.fail_after(5):
            await ended.wait()


@row("concurrent send and receive")
async def test_two_tasks_send_and_receive(quart, app, client):
    @app.websocket("/")
    async def view():
        async def sending():
            for number in range(3):
                await quart.websocket.send(str(number))

        async def receiving():
            for _ in range(3):
                got.append(await quart.websocket.receive())

        got = []
        async with anyio.create_task_group() as group:
            group.start_soon(sending)
            group.start_soon(receiving)
        await quart.websocket.send(" ".join(got))

    async with client.websocket("/") as connection:
        for letter in "abc":
            await connection.send(letter)
        received = [await connection.receive() for _ in range(4)]
    assert received == ["0", "1", "2", "a b c"]


@row("websocket.headers, args")
async def test_a_websocket_knows_what_a_request_knows(quart, app, client):
    @app.websocket("/<a>")
    async def view(a):
        websocket = quart.websocket
        await websocket.send_json(
            [
                websocket.headers["X-A"],
                websocket.args["x"],
                websocket.cookies["c"],
                websocket.path,
                websocket.view_args,
                websocket.authorization.username,
                websocket.scheme,
                websocket.host,
                websocket.endpoint,
                websocket.url,
                websocket.is_secure,
            ]
        )

    async with client.websocket(
        "/v?x=1",
        headers={"X-A": "b", "Cookie": "c=2"},
        auth=("anna", "s"),
    ) as connection:
        assert await connection.receive_json() == [
            "b",
            "1",
            "2",
            "/v",
            {"a": "v"},
            "anna",
            "ws",
            "localhost",
            "view",
            "ws://localhost/v?x=1",
            False,
        ]


@row("after_this_websocket")
async def test_a_function_can_run_after_this_websocket(quart, app, client):
    log = []

    @app.websocket("/")
    async def view():
        @quart.ctx.after_this_websocket
        async def after(response):
            log.append(response)
            return response

        await quart.websocket.send("x")

    Disconnected = quart.testing.connections.WebsocketDisconnectError
    async with client.websocket("/") as connection:
        await connection.receive()
        with pytest.raises(Disconnected):
            await connection.receive()
    assert log == [None]
