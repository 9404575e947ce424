"""WebSockets frame by frame: what is said, what is refused, how it ends."""

import anyio
import pytest

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer
from tests.server.programs.echoes import app as echo
from tests.server.running import hear, running

FIELDS = {
    b"Host": b"x",
    b"Connection": b"Upgrade",
    b"Upgrade": b"websocket",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
}
KEY = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80


def handshake(path=b"/", **changes):
    fields = FIELDS | {
        name.replace("_", "-").encode(): value
        for name, value in changes.items()
    }
    lines = [b"%b: %b" % (n, v) for n, v in fields.items() if v is not None]
    return b"\r\n".join([b"GET %b HTTP/1.1" % path, *lines, b"", b""])


def frame(opcode, content=b"", fin=FIN, masked=True):
    """Return a frame whose mask changes nothing."""
    bit = 0x80 if masked else 0
    size = len(content)
    if size < 126:
        head = bytes([fin | opcode, bit | size])
    elif size < 65536:
        head = bytes([fin | opcode, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([fin | opcode, bit | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + content


def said(opcode, content=b""):
    """What the server says so."""
    return frame(opcode, content, masked=False)


def closing(code, reason=b""):
    return code.to_bytes(2, "big") + reason


END = frame(CLOSE, closing(1000))
ENDED = said(CLOSE, closing(1000))


async def until(client, piece):
    """Read until this is in what comes after the head; return that."""
    heard = b""
    while piece not in heard.partition(b"\r\n\r\n")[2]:
        heard += await client.receive()
    return heard.partition(b"\r\n\r\n")[2]


async def talk(server, frames, then=b"", upto=b"", **fields):
    """Shake hands and say this at once; return what comes after the 101.

    ``then``: said after ``upto`` was heard.
    """
    async with await server.connect() as client:
        await client.send(handshake(**fields) + frames)
        heard = await until(client, upto) if then else b""
        await client.send(then)
        heard += await hear(client)
    return heard if then else heard.partition(b"\r\n\r\n")[2]


# -- what is said, in one packet with the handshake --

SAID = {
    "ws text": (frame(TEXT, b"h\xc3\xa9llo"), said(TEXT, b"h\xc3\xa9llo")),
    "ws binary": (frame(BINARY, b"\0\xff"), said(BINARY, b"\0\xff")),
    "ws ping": (frame(PING, b"here?"), said(PONG, b"here?")),
    "ws unasked pong": (
        frame(PONG, b"here!") + frame(TEXT, b"x"),
        said(TEXT, b"x"),
    ),
    "ws fragments": (
        frame(TEXT, b"he", 0)
        + frame(PING, b"?")
        + frame(CONTINUATION, b"l", 0)
        + frame(CONTINUATION, b"lo"),
        said(PONG, b"?") + said(TEXT, b"hello"),
    ),
    "ws split character": (
        frame(TEXT, b"\xe2\x82", 0) + frame(CONTINUATION, b"\xac"),
        said(TEXT, b"\xe2\x82\xac"),
    ),
    "ws messages before close": (
        frame(TEXT, b"1") + frame(TEXT, b"2"),
        said(TEXT, b"1") + said(TEXT, b"2"),
    ),
    **{
        f"ws frame sizes: {size}": (
            frame(BINARY, bytes(size)),
            said(BINARY, bytes(size)),
        )
        for size in (0, 1, 125, 126, 127, 65_535, 65_536)
    },
}


@pytest.mark.parametrize("name", SAID)
async def test_what_is_said_is_echoed_and_the_close_too(loop_name, name):
    frames, heard = SAID[name]
    async with running(echo) as server:
        assert await talk(server, frames, END, heard) == heard + ENDED


# -- what is refused --

REFUSED = {
    "ws unmasked frame": (frame(TEXT, b"x", masked=False), 1002),
    "ws invalid utf8": (frame(TEXT, b"\xff"), 1007),
    "ws unknown opcode": (frame(3, b"x"), 1002),
    "ws reserved bits": (frame(TEXT, b"x", FIN | 0x20), 1002),
    "ws reserved bit of deflate": (frame(TEXT, b"x", FIN | 0x40), 1002),
    "ws long control frame": (frame(PING, bytes(126)), 1002),
    "ws ping in fragments": (frame(PING, b"x", 0), 1002),
    "ws stray continuation": (frame(CONTINUATION, b"x"), 1002),
    "ws interleaved messages": (
        frame(TEXT, b"x", 0) + frame(TEXT, b"y"),
        1002,
    ),
    "ws bad close code": (frame(CLOSE, closing(1005)), 1002),
    "ws close of one byte": (frame(CLOSE, b"\3"), 1002),
    "ws message too large": (frame(BINARY, bytes(1001)), 1009),
    "ws fragments too large": (
        frame(BINARY, bytes(600), 0) + frame(CONTINUATION, bytes(600)),
        1009,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_against_the_rules_is_closed_with_its_code(
    loop_name, name, caplog
):
    frames, code = REFUSED[name]
    async with running(echo, ws_max_message_size=1000) as server:
        heard = await talk(server, frames)
        assert heard[0] == FIN | CLOSE
        assert int.from_bytes(heard[2:4], "big") == code
        # Nobody else suffers.
        assert await talk(server, END) == ENDED
    assert "Traceback" not in caplog.text


HANDSHAKES = {
    "ws without a key": ({"Sec_WebSocket_Key": None}, 400),
    "ws with half a key": ({"Sec_WebSocket_Key": b"abc"}, 400),
    "ws wrong version": ({"Sec_WebSocket_Version": b"8"}, 426),
}


@pytest.mark.parametrize("name", HANDSHAKES)
async def test_a_handshake_that_is_none_is_refused(loop_name, name):
    fields, status = HANDSHAKES[name]
    async with running(echo) as server:
        heard = await server.says(handshake(**fields))
    assert heard.startswith(b"HTTP/1.1 %d " % status)
    if status == 426:
        assert b"\r\nsec-websocket-version: 13\r\n" in heard


# -- the application's side --


class App:
    """Says some messages, receives in between, and notes what it hears."""

    def __init__(self, *messages: object, returns: bool = False) -> None:
        self.messages = messages
        self.returns = returns
        self.told: list[dict[str, object]] = []
        self.raised: list[Exception] = []
        self.ended = anyio.Event()
        self.scope: Scope

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = "a pool"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.scope = scope
        try:
            await self.talk(receive, send)
        finally:
            self.ended.set()

    async def talk(self, receive: Receive, send: Send) -> None:
        self.told.append(await receive())
        for message in self.messages:
            if isinstance(message, Exception):
                raise message
            try:
                await send(message)
            except Exception as error:
                self.raised.append(error)
                raise
        while not self.returns:
            self.told.append(await receive())
            if self.told[-1]["type"] == "websocket.disconnect":
                return


ACCEPT = {"type": "websocket.accept"}


def close(code, reason=""):
    return {"type": "websocket.close", "code": code, "reason": reason}


def text(content):
    return {"type": "websocket.send", "text": content}


async def test_the_scope_and_the_fields_of_the_handshake(loop_name, secured):
    app = App(
        {
            **ACCEPT,
            "subprotocol": "chat",
            "headers": [(b"x-a", b"1"), (b"x-a", b"2")],
        },
        close(1000),
    )
    async with running(app, **secured) as server:
        heard = await server.says(
            handshake(
                b"/caf%C3%A9?a=%20",
                Sec_WebSocket_Protocol=b"superchat, chat",
                X_Y=b"\xe9",
            ),
            ENDED,
        )
    head = heard.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert b"\r\nsec-websocket-accept: " + KEY + b"\r\n" in head.replace(
        b"Sec-WebSocket-Accept", b"sec-websocket-accept"
    )
    assert b"\r\nsec-websocket-protocol: chat\r\n" in head
    assert b"\r\nx-a: 1\r\nx-a: 2\r\n" in head
    assert b"\r\ndate: " in head
    assert b"\r\nserver: microquart\r\n" in head
    scope = app.scope
    assert scope["type"] == "websocket"
    assert scope["scheme"] == ("wss" if secured else "ws")
    assert scope["path"] == "/café"
    assert scope["raw_path"] == b"/caf%C3%A9"
    assert scope["query_string"] == b"a=%20"
    assert scope["http_version"] == "1.1"
    assert scope["subprotocols"] == ["superchat", "chat"]
    assert (b"x-y", b"\xe9") in scope["headers"]
    assert scope["client"][0] == "127.0.0.1"
    assert scope["server"] == ("127.0.0.1", server.port)
    assert scope["state"]["pool"] == "a pool"
    assert "websocket.http.response" in scope["extensions"]


# What the application says, what is heard, and with which code it is told.
LIVES = {
    "ws close by the application": ([close(1000)], closing(1000), 1000),
    "ws close with a reason": (
        [close(4001, "enough")],
        closing(4001, b"enough"),
        4001,
    ),
    "ws raise after": ([ValueError()], closing(1011), None),
    "ws two accepts": ([ACCEPT], closing(1011), None),
    "ws send after close": ([close(1000), text("x")], closing(1000), None),
}


@pytest.mark.parametrize("name", LIVES)
async def test_a_websocket_ends_as_the_application_has_it(loop_name, name):
    messages, payload, code = LIVES[name]
    app = App(ACCEPT, *messages)
    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(handshake())
            heard = await until(client, payload)
            await client.send(frame(CLOSE, payload))
            assert await hear(client) == b""
            await app.ended.wait()
    assert heard[0] == FIN | CLOSE
    if code is not None:
        assert app.told[-1]["type"] == "websocket.disconnect"
        assert app.told[-1]["code"] == code


async def test_an_application_that_returns_closes(loop_name):
    async with running(App(ACCEPT, returns=True)) as server:
        assert await talk(server, b"", END, ENDED) == ENDED


FAILS = {
    "ws raise before": ([ValueError()], 500),
    "ws return before": ([], 403),
    "ws send before accept": ([text("x")], 500),
    "ws reject": ([close(1000)], 403),
}


@pytest.mark.parametrize("name", FAILS)
async def test_what_is_not_accepted_is_refused(loop_name, name):
    messages, status = FAILS[name]
    app = App(*messages, returns=True)
    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(handshake())
            heard = await client.receive()
    assert heard.startswith(b"HTTP/1.1 %d " % status)


async def test_after_a_refusal_there_is_a_disconnect_to_hear(loop_name):
    app = App(close(1000))
    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(handshake())
            await client.receive()
            await app.ended.wait()
    assert app.told[-1]["type"] == "websocket.disconnect"


CLOSES = {
    "ws close without a code": (b"", 1005, ""),
    "ws close reason": (closing(4001, b"enough"), 4001, "enough"),
}


@pytest.mark.parametrize("name", CLOSES)
async def test_the_clients_close_is_answered_and_told(loop_name, name):
    payload, code, reason = CLOSES[name]
    app = App(ACCEPT)
    async with running(app) as server:
        heard = await talk(server, frame(CLOSE, payload))
        await app.ended.wait()
    assert heard == said(CLOSE, payload[:2])
    assert app.told[-1]["code"] == code
    assert app.told[-1].get("reason", "") == reason


async def test_what_comes_with_the_handshake_is_heard(loop_name):
    app = App(ACCEPT)
    async with running(app) as server:
        await talk(server, frame(TEXT, b"x") + frame(CLOSE, closing(4001)))
        await app.ended.wait()
    assert app.raised == []
    assert [message["type"] for message in app.told] == [
        "websocket.connect",
        "websocket.receive",
        "websocket.disconnect",
    ]
    assert app.told[-1]["code"] == 4001


async def test_a_client_that_vanishes_is_1006_and_told_soon(
    loop_name, secured
):
    app = App(ACCEPT)
    async with running(app, **secured) as server:
        async with await server.connect() as client:
            await client.send(handshake())
            await hear(client, b"\r\n\r\n")
        with anyio.fail_after(0.5):
            await app.ended.wait()
    assert app.told[-1]["code"] == 1006


async def test_who_leaves_before_the_accept_does_no_harm(loop_name):
    go_on, ended = anyio.Event(), anyio.Event()
    called = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        called.set()
        await go_on.wait()
        try:
            await send({"type": "websocket.accept"})
        finally:
            ended.set()

    async with running(app, lifespan="off") as server:
        async with await server.connect() as client:
            await client.send(handshake())
            await called.wait()
        go_on.set()
        await ended.wait()
        async with await server.connect() as client:
            await client.send(handshake())
            assert (await client.receive()).startswith(b"HTTP/1.1 101 ")


async def test_sending_to_nobody_ends_the_call_alone(loop_name):
    raised = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "x" * 1000})
                await anyio.lowlevel.checkpoint()
        except OSError:
            raised.set()
            raise

    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with running(app, lifespan="off") as server:
        async with await server.connect() as client:
            await client.send(handshake())
            await client.receive()
        with anyio.fail_after(1):
            await raised.wait()
        assert await server.says(get, b"hello")


async def test_deflate_can_be_turned_off(loop_name):
    offer = {"Sec_WebSocket_Extensions": b"permessage-deflate"}
    async with running(echo, ws_compression=False) as server:
        heard = await server.says(handshake(**offer) + END)
    assert heard.startswith(b"HTTP/1.1 101 ")
    assert b"permessage-deflate" not in heard.lower()


@pytest.mark.slow
async def test_the_server_pings_and_the_keep_alive_time_is_not_its_own(
    loop_name,
):
    """Over three times as long as an idle connection would live."""
    async with running(
        echo, ws_ping_interval=0.2, ws_ping_timeout=5, keep_alive_timeout=0.3
    ) as server:
        async with await server.connect() as client:
            await client.send(handshake())
            await hear(client, b"\r\n\r\n")
            for _ in range(2):  # once a second, as the server looks
                ping = await client.receive()
                assert ping[0] == FIN | PING
                await client.send(frame(PONG, ping[2:]))
            await client.send(frame(TEXT, b"still here"))
            assert await hear(client, b"here") == said(TEXT, b"still here")
