"""HTTP/1.1 octet by octet: what a client hears, and that nothing is amiss.

Behind each request comes another, the last one: its answer shows that the
connection is in order, or its absence that the connection was given up.
"""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, http
from tests.server.running import hear, no_more, running

LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LAST_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlast"
)
BARE = {"date_header": False, "server_header": False}
ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 21\r\n\r\nInternal Server Error"
)


def get(*lines: bytes, method: bytes = b"GET", path: bytes = b"/") -> bytes:
    first = b"%b %b HTTP/1.1" % (method, path)
    return b"\r\n".join([first, b"Host: x", *lines, b"", b""])


def post(content: bytes, *lines: bytes) -> bytes:
    return get(*lines, method=b"POST") + content


def start(status: object = 200, *headers: tuple[bytes, bytes]) -> Any:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": headers,
    }


def body(content: object = b"", more: bool = False) -> Any:
    return {"type": "http.response.body", "body": content, "more_body": more}


def says(*messages: Any) -> Any:
    """An application that says this, and then whatever it is asked last."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/last":
            await answer(send, b"last")
            return
        for message in messages:
            if isinstance(message, Exception):
                raise message
            await send(message)

    return app


LENGTH = (b"content-length", b"5")
HELLO = (start(200, LENGTH), body(b"hello"))
PARTS = (start(), body(b"a", True), body(b"bc", True), body())
OK = b"HTTP/1.1 200 OK\r\n"
HEARD = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = b"transfer-encoding: chunked\r\n"

# What is asked, what the application says, and what is heard of it.
ANSWERS: dict[str, tuple[bytes, Sequence[Any], bytes]] = {
    "get": (get(), HELLO, HEARD),
    "head": (
        get(method=b"HEAD"),
        HELLO,
        OK + b"content-length: 5\r\n\r\n",
    ),
    "head of a stream": (
        get(method=b"HEAD"),
        PARTS,
        OK + b"\r\n",
    ),
    "leading empty line": (b"\r\n" + get(), HELLO, HEARD),
    "keep alive after post": (
        post(b"hello", b"Content-Length: 5"),
        HELLO,
        HEARD,
    ),
    "answer before the body": (
        post(b"x" * 70_000, b"Content-Length: 70000"),
        HELLO,
        HEARD,
    ),
    "unknown upgrade": (
        get(b"Connection: Upgrade", b"Upgrade: carrier-pigeon"),
        HELLO,
        HEARD,
    ),
    "upgrade to h2c": (
        get(
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        HELLO,
        HEARD,
    ),
    "ws by post": (
        get(
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            method=b"POST",
        ),
        HELLO,
        HEARD,
    ),
    "stream is chunked": (
        get(),
        PARTS,
        OK + CHUNKED + b"\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    ),
    "explicit chunked": (
        get(),
        (
            start(200, (b"Transfer-Encoding", b"chunked")),
            body(b"a", True),
            body(),
        ),
        OK + CHUNKED + b"\r\n1\r\na\r\n0\r\n\r\n",
    ),
    "no content": (
        get(),
        (start(204), body(b"what?")),
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ),
    "not modified": (
        get(),
        (start(304, (b"etag", b'"a"')), body(b"what?")),
        b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n',
    ),
    "unknown status": (
        get(),
        (start(299, LENGTH), body(b"hello")),
        b"HTTP/1.1 299 Unknown\r\ncontent-length: 5\r\n\r\nhello",
    ),
    "duplicate response headers": (
        get(),
        (
            start(200, (b"set-cookie", b"a"), (b"set-cookie", b"b"), LENGTH),
            body(b"hello"),
        ),
        OK + b"set-cookie: a\r\nset-cookie: b\r\n"
        b"content-length: 5\r\n\r\nhello",
    ),
    "headers as an iterator": (
        get(),
        (
            {**start(), "headers": {LENGTH: 1, (b"x-a", b"b"): 2}.keys()},
            body(b"hello"),
        ),
        OK + b"content-length: 5\r\nx-a: b\r\n\r\nhello",
    ),
    "headers left out": (
        get(),
        (
            {"type": "http.response.start", "status": 200},
            {"type": "http.response.body"},
        ),
        OK + b"content-length: 0\r\n\r\n",
    ),
    "odd header values": (
        get(),
        (
            start(200, (b"x-a", b"\xe9\tz"), (b"x-b", b""), LENGTH),
            body(b"hello"),
        ),
        OK + b"x-a: \xe9\tz\r\nx-b: \r\ncontent-length: 5\r\n\r\nhello",
    ),
    "server header of the application": (
        get(),
        (
            start(200, (b"server", b"mine"), (b"date", b"today"), LENGTH),
            body(b"hello"),
        ),
        OK + b"server: mine\r\ndate: today\r\ncontent-length: 5\r\n\r\nhello",
    ),
    # -- applications that fail, and leave the connection in order --
    "raise before the response": (get(), (ValueError(),), ERROR),
    "return without a response": (get(), (), ERROR),
    "raise after the start": (get(), (start(), ValueError()), ERROR),
    "return after the start": (get(), (start(200, LENGTH),), ERROR),
    "body before the start": (get(), (body(b"hello"),), ERROR),
    "two starts": (get(), (start(), start(201)), ERROR),
    "unknown message": (get(), ({"type": "http.response.pigeon"},), ERROR),
    "status of a wrong type": (get(), (start("ok"), body()), ERROR),
    "header splitting": (
        get(),
        (start(200, (b"x-a", b"b\r\nx-c: d")), body()),
        ERROR,
    ),
    "body of a wrong type": (get(), (start(), body("hello")), ERROR),
    "body shorter than its length": (
        get(),
        (start(200, LENGTH), body(b"hell")),
        ERROR,
    ),
    "body longer than its length": (
        get(),
        (start(200, LENGTH), body(b"hello, and more")),
        ERROR,
    ),
    "body after the end": (get(), (*HELLO, body(b"more")), HEARD),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_these_octets_and_the_next_one_follows(
    loop_name, name
):
    asked, messages, heard = ANSWERS[name]
    async with running(says(*messages), **BARE) as server:
        assert await server.says(asked + LAST) == heard + LAST_ANSWER


# What is not complete does not look it, and nothing follows.
CUT: dict[str, tuple[Sequence[Any], bytes]] = {
    "raise in the body": (
        (start(), body(b"a", True), ValueError()),
        OK + CHUNKED + b"\r\n1\r\na\r\n",
    ),
    "return in the body": (
        (start(), body(b"a", True)),
        OK + CHUNKED + b"\r\n1\r\na\r\n",
    ),
    "body in parts shorter than its length": (
        (start(200, LENGTH), body(b"he", True), body(b"ll")),
        OK + b"content-length: 5\r\n\r\nhe",
    ),
    "surplus in a second part": (
        (start(200, LENGTH), body(b"hell", True), body(b"o, and more")),
        OK + b"content-length: 5\r\n\r\nhell",
    ),
}


@pytest.mark.parametrize("name", CUT)
async def test_an_answer_that_breaks_off_is_the_last(loop_name, name):
    messages, heard = CUT[name]
    async with running(says(*messages), **BARE) as server:
        assert await server.says(get() + LAST) == heard
        assert await server.says(LAST) == LAST_ANSWER


# -- what the application is told --


@http
async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the content, in brackets as it came, and what is next."""
    assert scope["type"] == "http"
    if scope["path"] == "/last":
        await answer(send, b"last")
        return
    said = b""
    more = True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        said += message.get("body", b"")
        more = message.get("more_body", False)
    await answer(send, said + b" " + scope["http_version"].encode())
    message = await receive()
    assert message["type"] == "http.disconnect"


CONTENT = {
    "post with length": (post(b"hello", b"Content-Length: 5"), b"hello 1.1"),
    "post chunked": (
        post(
            b"2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked",
        ),
        b"hello 1.1",
    ),
    "post chunked with trailers": (
        post(
            b"5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n",
            b"Transfer-Encoding: chunked",
        ),
        b"hello 1.1",
    ),
    "post empty": (post(b"", b"Content-Length: 0"), b" 1.1"),
}


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("cut", [1, 1000], ids=["fragmented request", "whole"])
async def test_content_reaches_the_application(loop_name, name, cut):
    """And after its answer, receive() tells that there is no more."""
    asked, content = CONTENT[name]
    asked += LAST
    async with running(told, **BARE) as server:
        async with await server.connect() as client:
            for at in range(0, len(asked), cut):
                await client.send(asked[at : at + cut])
            heard = await hear(client)
    head = OK + b"content-length: %d\r\n\r\n" % len(content)
    assert heard == head + content + LAST_ANSWER


async def test_to_http_1_0_nothing_is_chunked_and_it_is_closed(loop_name):
    async with running(says(*PARTS), **BARE) as server:
        heard = await server.says(b"GET / HTTP/1.0\r\n\r\n" + LAST)
    assert heard == OK + b"connection: close\r\n\r\nabc"


async def test_pipelined_requests_are_answered_in_order(loop_name):
    @http
    async def path(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"<%b>" % scope["path"].encode())

    asked = b"".join(get(path=b"/%d" % number) for number in range(20))
    async with running(path) as server:
        heard = await server.says(asked + LAST)
    pieces = [piece.partition(b">")[0] for piece in heard.split(b"<")[1:]]
    assert pieces == [b"/%d" % number for number in range(20)] + [b"/last"]


CLOSING = {
    "connection close of the client": (get(b"Connection: close"), HELLO),
    "connection close of the application": (
        get(),
        (start(200, LENGTH, (b"connection", b"close")), body(b"hello")),
    ),
}


@pytest.mark.parametrize("name", CLOSING)
async def test_nothing_after_close_is_answered(loop_name, name):
    asked, messages = CLOSING[name]
    async with running(says(*messages), **BARE) as server:
        heard = await server.says(asked + LAST)
    assert heard.endswith(b"connection: close\r\n\r\nhello")
    assert heard.count(b"HTTP/1.1") == 1


async def test_eight_megabytes_arrive(loop_name, secured):
    content = bytes(range(256)) * 32_768
    async with running(
        says(start(), body(content[:100], True), body(content[100:])),
        **secured,
    ) as server:
        heard = await server.says(b"GET / HTTP/1.0\r\n\r\n")
    assert heard.partition(b"\r\n\r\n")[2] == content


async def test_a_large_body_that_is_ignored_does_not_cost_the_answer(
    loop_name,
):
    async with running(says(*HELLO), linger_timeout=0.1) as server:
        async with await server.connect() as client:
            await client.send(get(b"Content-Length: 1000000000"))
            assert (await hear(client, b"hello")).startswith(OK)
            # What still comes is read for a while, and not for ever.
            with pytest.raises(anyio.BrokenResourceError):
                await send_for_ever(client)


async def send_for_ever(client: ByteStream) -> None:
    while True:
        await client.send(bytes(65_536))


async def test_continue_is_said_when_the_application_reads(loop_name):
    async with running(told, **BARE) as server:
        async with await server.connect() as client:
            await client.send(
                post(b"", b"Content-Length: 5", b"Expect: 100-continue")
            )
            heard = await hear(client, b"\r\n\r\n")
            assert heard == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"hello")
            assert (await hear(client, b"1.1")).startswith(OK)


async def test_continue_is_not_said_to_who_is_answered(loop_name):
    asked = post(b"", b"Content-Length: 5", b"Expect: 100-continue")
    async with running(says(*HELLO), **BARE) as server:
        heard = await server.says(asked)
    assert heard == OK + b"content-length: 5\r\nconnection: close\r\n\r\nhello"


async def test_content_that_is_taken_late_arrives_whole(loop_name):
    content = bytes(range(256)) * 4096
    go_on = anyio.Event()
    sizes = []

    @http
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await go_on.wait()
        sizes.append(len(message["body"]))
        while message["more_body"]:
            message = await receive()
            sizes.append(len(message["body"]))
        await answer(send)

    async with running(slow) as server:
        async with await server.connect() as client:
            async with anyio.create_task_group() as group:
                await client.send(
                    post(b"", b"Content-Length: %d" % len(content))
                )
                group.start_soon(client.send, content)
                with anyio.move_on_after(0.05):
                    await client.receive()
                go_on.set()
                assert await hear(client, b"hello")
    assert sum(sizes) == len(content)
    assert len(sizes) > 1


async def test_an_application_may_go_on_after_its_answer(loop_name, caplog):
    go_on = anyio.Event()
    ended = anyio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send)
        if scope["path"] == "/":
            await go_on.wait()
            ended.set()

    async with running(app) as server:
        async with await server.connect() as client:
            await client.send(get())
            assert await hear(client, b"hello")
            await client.send(get(path=b"/next"))
            assert await hear(client, b"hello")
            go_on.set()
            await ended.wait()
    assert caplog.text == ""


async def test_who_leaves_within_the_content_is_missed(loop_name, secured):
    heard = anyio.Event()
    begun = anyio.Event()

    @http
    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            assert message.get("more_body")
            begun.set()
        heard.set()

    async with running(reads, **secured) as server:
        async with await server.connect() as client:
            await client.send(post(b"hello", b"Content-Length: 50"))
            await begun.wait()
        with anyio.fail_after(0.5):
            await heard.wait()


async def test_every_answer_has_one_date_and_one_server(loop_name):
    async with running(says(*HELLO)) as server:
        heard = await server.says(get() + LAST)
    assert heard.count(b"\r\ndate: ") == heard.count(b" GMT\r\n") == 2
    assert heard.count(b"\r\nserver: microquart\r\n") == 2


@pytest.mark.parametrize("off", ["date", "server"])
async def test_the_fields_of_the_server_can_be_left_out(loop_name, off):
    async with running(says(*HELLO), **{f"{off}_header": False}) as server:
        heard = await server.says(LAST)
    assert (b"\r\ndate: " in heard) == (off != "date")
    assert (b"\r\nserver: " in heard) == (off != "server")


# -- how long a connection lives --


async def test_a_connection_has_so_many_requests(loop_name):
    async with running(
        says(*HELLO), max_requests_per_connection=2, **BARE
    ) as server:
        heard = await server.says(get() * 3)
    last = b"content-length: 5\r\nconnection: close\r\n\r\nhello"
    assert heard == HEARD + OK + last


@pytest.mark.slow
async def test_the_keep_alive_time_spares_requests_and_begins_anew(loop_name):
    @http
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(2.2)  # the server looks once a second
        await answer(send)

    async with running(slow, keep_alive_timeout=1) as server:
        async with await server.connect() as client:
            for _ in range(2):
                await client.send(get())
                assert await hear(client, b"hello")
            assert await no_more(client)


async def test_connections_without_a_request_do_no_harm(loop_name, caplog):
    async with running(says(*HELLO)) as server:
        for said in (b"", b"GET", b"GET / HTTP/1.1\r\nHo"):
            async with await server.connect() as client:
                await client.send(said)
        assert await server.says(LAST)
    assert caplog.text == ""
