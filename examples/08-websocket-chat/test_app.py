"""How to test WebSockets: several clients, in memory and through sockets."""

import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from microquart.testing import WebsocketResponseError


async def said(connection):
    message = json.loads(await connection.receive())
    return f"{message['name']} {message['text']}"


async def test_all_in_a_room_hear_what_one_says(client):
    async with client.websocket("/rooms/hall?name=Ada") as ada:
        assert await said(ada) == "Ada has come"
        async with client.websocket("/rooms/hall?name=Bob") as bob:
            assert await said(bob) == "Ada has come"
            assert await said(bob) == await said(ada) == "Bob has come"
            await bob.send("hello")
            assert await said(ada) == await said(bob) == "Bob hello"
        assert await said(ada) == "Bob has left"


async def test_another_room_hears_nothing(app, client):
    async with client.websocket("/rooms/hall?name=Ada") as ada:
        async with client.websocket("/rooms/attic?name=Bob") as bob:
            assert await said(bob) == "Bob has come"
            await bob.send("hello")
            assert await said(bob) == "Bob hello"
            assert len(app.extensions["rooms"]) == 2
        assert await said(ada) == "Ada has come"
        await ada.send("and?")
        assert await said(ada) == "Ada and?"
    assert len(app.extensions["rooms"]) == 0


@pytest.mark.parametrize("query", ["", "?name=", f"?name={'x' * 31}"])
async def test_without_a_name_nobody_comes_in(client, query):
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket(f"/rooms/hall{query}") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 400


# -- through sockets --


def address(server, room="hall", name="Ada"):
    url = server.url.replace("http", "ws")
    return f"{url}/rooms/{room}?name={name}"


@pytest.mark.slow
@pytest.mark.parametrize("data", ["x" * 501, "", b"bytes"])
def test_what_is_no_text_ends_the_conversation(serve, data):
    with connect(address(serve())) as ada:
        ada.recv()
        ada.send(data)
        with pytest.raises(ConnectionClosed) as caught:
            ada.recv()
    assert caught.value.rcvd.code == 1007


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_who_does_not_read_is_put_out_and_holds_up_nobody(serve, loop):
    server = serve("--loop", loop)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(
            b"GET /rooms/hall?name=Slow HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert slow.recv(12) == b"HTTP/1.1 101"
        with connect(address(server), compression=None) as ada:
            heard = set()
            while "has left" not in heard:
                for _ in range(32):
                    ada.send("\N{GRINNING FACE}" * 500)  # 6 kB of JSON
                heard |= {json.loads(ada.recv())["text"] for _ in range(32)}


@pytest.mark.slow
def test_a_stop_says_goodbye(serve):
    server = serve()
    with connect(address(server)) as ada:
        ada.recv()
        server.process.terminate()
        with pytest.raises(ConnectionClosed) as caught:
            ada.recv()
    assert caught.value.rcvd.code == 1001


@pytest.mark.slow
def test_two_browsers_talk(serve, browser):
    server = serve()
    browser.open(server.url)
    browser.ask("enter.elements.name.value = 'Ada'; enter.requestSubmit()")
    browser.until("said.children.length == 1")
    with connect(address(server, name="Bob")) as bob:
        bob.recv()
        bob.recv()
        bob.send("<b>hello</b>")
        browser.until("said.lastChild.innerText.includes('Bob: <b>hello</b>')")
        browser.ask("say.elements.text.value = 'hi'; say.requestSubmit()")
        bob.recv()
        assert json.loads(bob.recv())["text"] == "hi"
    browser.until("said.lastChild.innerText.includes('Bob has left')")
    browser.size(400)
    assert browser.fits()
