"""What a view reads of a request: so much, and no more.

Whichever way it is read, and whether or not a length was announced; the
limits stand in the configuration of the application.
"""

from typing import Any

import anyio
import anyio.lowlevel
import h2.events
import pytest

from microquart import Quart, request
from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, http
from tests.server.asking import ask, both, heard_of
from tests.server.h2client import talking
from tests.server.running import Running, hear, running

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"


def reading(**config: Any) -> Quart:
    """An application that reads in the way that its path names."""
    app = Quart(__name__)
    app.config.update(config)

    @app.post("/get_data")
    async def get_data() -> str:
        return str(len(await request.get_data()))

    @app.post("/form")
    async def form() -> str:
        return str(len(await request.form))

    @app.post("/files")
    async def files() -> str:
        return str(len(await request.files))

    @app.post("/json")
    async def json() -> str:
        return type(await request.json).__name__

    @app.post("/args")
    async def args() -> str:
        return str(len(request.args))

    @app.post("/chunks")
    async def chunks() -> str:
        return str(sum([len(chunk) async for chunk in request.body]))

    @app.get("/")
    async def hello() -> str:
        return "hello"

    return app


def part(content: bytes, *lines: bytes, file: bool = False) -> bytes:
    disposition = b'Content-Disposition: form-data; name="a"'
    if file:
        disposition += b'; filename="a"'
    return b"\r\n".join([b"--x", disposition, *lines, b"", content, b""])


def parts(*all_of_them: bytes) -> bytes:
    return b"".join(all_of_them) + b"--x--\r\n"


FRAMED = len(parts(part(b"", file=True)))

# How content of so many bytes is made for each way of reading.
WAYS = {
    "get_data": ("text/plain", lambda size: b"a" * size),
    "form": (URLENCODED, lambda size: b"a=" + b"b" * (size - 2)),
    "files": (
        MULTIPART,
        lambda size: parts(part(b"a" * (size - FRAMED), file=True)),
    ),
    "json": (JSON, lambda size: b'"%b"' % (b"a" * (size - 2))),
    "chunks": ("text/plain", lambda size: b"a" * size),
}
LIMIT = 10_000


@both
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("way", WAYS)
async def test_content_has_a_limit(loop_name, version, way, announced):
    kind, make = WAYS[way]
    async with running(reading(MAX_CONTENT_LENGTH=LIMIT)) as server:
        found = []
        for size in (LIMIT, LIMIT + 1):
            answer = await ask(
                server,
                version,
                f"/{way}",
                ("content-type", kind),
                method="POST",
                content=make(size),
                announced=announced,
            )
            found.append(answer.status)
    assert found == [200, 413]


EXPECTING = (
    b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\n"
    b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n"
)


@pytest.mark.parametrize("way", WAYS)
async def test_without_a_word_the_limit_is_16_mib(loop_name, way):
    """One that is announced to be longer is not even asked for."""
    kind = WAYS[way][0].encode()
    most = 500_000 if way == "form" else 16 * 1024 * 1024
    async with running(reading(), linger_timeout=0.01) as server:
        async with await server.connect() as client:
            await client.send(EXPECTING % (way.encode(), kind, most))
            heard = await hear(client, b"\r\n\r\n")
            assert heard.startswith(b"HTTP/1.1 100 ")
        async with await server.connect() as client:
            await client.send(EXPECTING % (way.encode(), kind, most + 1))
            # It never comes: the connection is closed behind the answer.
            assert heard_of(await hear(client)).status == 413


async def test_after_content_that_is_too_long_the_connection_goes_on(
    loop_name,
):
    content = bytes(20_000)
    post = b"POST /chunks HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n"
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with running(reading(MAX_CONTENT_LENGTH=LIMIT)) as server:
        async with await server.connect() as client:
            await client.send(post + content + get)
            heard = await hear(client, b"hello")
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert heard.count(b"HTTP/1.1 ") == 2


async def test_an_upload_that_waits_is_dropped_after_the_answer(loop_name):
    """So much of it; the rest ends the connection, not the linger time."""
    go_on = anyio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await answer(send)

    async def upload() -> None:
        with pytest.raises(anyio.BrokenResourceError):
            await client.send(bytes(20_000_000))

    async with running(app, linger_timeout=100) as server:
        async with await server.connect() as client:
            await client.send(
                b"POST / HTTP/1.1\r\nHost: x\r\n"
                b"Content-Length: 20000000\r\n\r\n"
            )
            async with anyio.create_task_group() as group:
                group.start_soon(upload)
                while not paused(server):
                    await anyio.lowlevel.checkpoint()
                go_on.set()
                assert (await hear(client)).endswith(b"hello")


def paused(server: Running) -> bool:
    assert server.shells is not None
    return any(
        shell.connection is not None and shell.connection.paused
        for shell in server.shells.open
    )


async def test_a_stream_whose_content_is_too_long_is_ended_alone(loop_name):
    async with running(reading(MAX_CONTENT_LENGTH=LIMIT)) as server:
        async with talking(server) as client:
            number = await client.ask("/chunks", method="POST", end=False)
            await client.send(number, bytes(LIMIT + 1))
            fields, _ = await client.answer(number)
            assert fields[":status"] == "413"
            reset = await client.until(h2.events.StreamReset, number)
            assert reset.error_code == 0
            assert (await client.answer(await client.ask()))[1] == b"hello"


# -- forms --

FIELD = part(b"")
LINE = b"X-A: b"
HEAD = 8 * 1024  # bytes of a part's fields, as names and values
NAMED = len("Content-Disposition" + 'form-data; name="a"')
FORMS = {
    "a field": (MULTIPART, parts(part(b"a" * 500_000)), 200),
    "a field, +1": (MULTIPART, parts(part(b"a" * 500_001)), 413),
    "two fields": (MULTIPART, parts(*[part(b"a" * 250_000)] * 2), 200),
    "two fields, +1": (MULTIPART, parts(*[part(b"a" * 250_001)] * 2), 413),
    "a file": (MULTIPART, parts(part(b"a" * 600_000, file=True)), 200),
    "parts": (MULTIPART, parts(*[FIELD] * 1000), 200),
    "parts, +1": (MULTIPART, parts(*[FIELD] * 1001), 413),
    "files": (MULTIPART, parts(*[part(b"", file=True)] * 1000), 200),
    "files, +1": (MULTIPART, parts(*[part(b"", file=True)] * 1001), 413),
    "lines": (MULTIPART, parts(part(b"", *[LINE] * 15)), 200),
    "lines, +1": (MULTIPART, parts(part(b"", *[LINE] * 16)), 413),
    "a line": (
        MULTIPART,
        parts(part(b"", b"X-A: " + b"b" * (HEAD - NAMED - 100))),
        200,
    ),
    "a long line": (MULTIPART, parts(part(b"", b"X-A: " + b"b" * HEAD)), 413),
    "urlencoded": (URLENCODED, b"a=" + b"b" * 499_998, 200),
    "pairs": (URLENCODED, b"&".join([b"a=b"] * 1000), 200),
    "pairs, +1": (URLENCODED, b"&".join([b"a=b"] * 1001), 413),
    "no pairs": (URLENCODED, b"&" * 1000, 413),
    "malformed": (MULTIPART, b"--x\r\n\r\n", 400),
    "no boundary": ("multipart/form-data", parts(FIELD), 400),
    "no UTF-8": (URLENCODED, b"a=\xff", 400),
}


@pytest.mark.slow
@both
@pytest.mark.parametrize("announced", [True, False])
async def test_forms_have_limits(loop_name, version, announced):
    async with running(reading()) as server:
        found = {}
        for name, (kind, content, _) in FORMS.items():
            answer = await ask(
                server,
                version,
                "/form",
                ("content-type", kind),
                method="POST",
                content=content,
                announced=announced,
            )
            found[name] = answer.status
    assert found == {name: status for name, (_, _, status) in FORMS.items()}


@both
async def test_an_urlencoded_form_is_counted_as_it_comes(loop_name, version):
    """If its length is announced it is refused before it comes."""
    async with running(reading()) as server:
        answer = await ask(
            server,
            version,
            "/form",
            ("content-type", URLENCODED),
            method="POST",
            content=b"a=" + b"b" * 499_999,
            announced=False,
        )
    assert answer.status == 413


@both
async def test_the_limits_of_forms_can_be_set(loop_name, version):
    app = reading(
        MAX_FORM_MEMORY_SIZE=10,
        MAX_FORM_PARTS=2,
        MAX_FORM_PART_HEAD=NAMED + 4,
        MAX_FORM_PART_LINES=2,
    )
    cases = [
        (MULTIPART, parts(part(b"", b"X: bcd")), 200),
        (MULTIPART, parts(part(b"", b"X: bcde")), 413),
        (MULTIPART, parts(part(b"", b"X:", b"Y:")), 413),
        (MULTIPART, parts(part(b"a" * 5), part(b"a" * 5)), 200),
        (MULTIPART, parts(part(b"a" * 5), part(b"a" * 6)), 413),
        (MULTIPART, parts(*[FIELD] * 3), 413),
        (URLENCODED, b"a=b&c=defg", 200),
        (URLENCODED, b"a=b&c=defgh", 413),
        (URLENCODED, b"a&b&c", 413),
    ]
    async with running(app) as server:
        found = [
            await ask(
                server,
                version,
                "/form",
                ("content-type", kind),
                method="POST",
                content=content,
            )
            for kind, content, _ in cases
        ]
    assert [answer.status for answer in found] == [each[2] for each in cases]


# -- JSON --

TEXTS = {
    "deep": (b"[" * 200 + b"]" * 200, 200),
    "too deep": (b"[" * 201 + b"]" * 201, 400),
    "objects too deep": (b'{"":' * 201 + b"1" + b"}" * 201, 400),
    "a bomb": (b"[" * 100_000, 400),
    "many digits": (b"1" * 4300, 200),
    "too many digits": (b"1" * 4301, 400),
    "a million digits": (b"1" * 1_000_000, 400),
    "no UTF-8": (b'"\xff"', 400),
    "half a text": (b'{"a":', 400),
    "nothing": (b" ", 400),
}


@both
async def test_json_has_limits(loop_name, version):
    async with running(reading()) as server:
        found = {}
        for name, (content, _) in TEXTS.items():
            answer = await ask(
                server,
                version,
                "/json",
                ("content-type", JSON),
                method="POST",
                content=content,
            )
            found[name] = answer.status
            # Nothing of a bad request is said to its sender.
            assert b"Traceback" not in answer.content
    assert found == {name: status for name, (_, status) in TEXTS.items()}


SET = {
    "deep": ("/json", b"[[]]", 200),
    "too deep": ("/json", b"[[[]]]", 400),
    "digits": ("/json", b"-123", 200),
    "too many digits": ("/json", b"1234", 400),
    "parameters": ("/args?a&b", b"", 200),
    "too many parameters": ("/args?a&b&c", b"", 400),
}


@both
async def test_the_limits_of_json_and_queries_can_be_set(loop_name, version):
    app = reading(MAX_JSON_DEPTH=2, MAX_JSON_DIGITS=3, MAX_QUERY_PARAMETERS=2)
    async with running(app) as server:
        found = {}
        for name, (path, content, _) in SET.items():
            answer = await ask(
                server,
                version,
                path,
                ("content-type", JSON),
                method="POST",
                content=content,
            )
            found[name] = answer.status
    assert found == {name: status for name, (*_, status) in SET.items()}


async def test_in_debug_mode_it_is_said_where_json_fails(loop_name):
    app = reading(DEBUG=True)
    async with running(app) as server:
        answer = await ask(
            server,
            "1.1",
            "/json",
            ("content-type", JSON),
            method="POST",
            host="localhost",
            content=b'{"a":',
        )
    assert answer.status == 400
    assert "line 1 column 6" in answer.text
