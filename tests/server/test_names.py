"""Hosts that are served, fields that are added, modes of Unix sockets."""

import stat

import anyio.to_thread
import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from microquart.asgi import Receive, Scope, Send
from microquart.server.fields import parse_fields
from microquart.server.listen import open_sockets, parse_mode
from microquart.server.names import ServerNames
from microquart.server.settings import Settings
from tests.server.applications import hello, http
from tests.server.programs.echoes import app as echo
from tests.server.running import Running, running

GET = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"

# -- server_names --


@pytest.mark.parametrize(
    ("names", "host", "is_served"),
    [
        (["a.example"], "a.example", True),
        (["a.example"], "a.example:8000", True),
        (["A.example"], "a.EXAMPLE", True),
        (["a.example:80"], "a.example:80", True),
        (["a.example:80"], "a.example:81", False),
        (["a.example"], "b.example", False),
        (["a.example"], "b.a.example", False),
        (["a.example"], "", False),
        (["*.a.example"], "b.a.example", True),
        (["*.a.example"], "c.b.a.example:1", True),
        (["*.a.example"], "a.example", False),
        (["*.a.example"], "ba.example", False),
        (["b.example", "*.a.example"], "b.example", True),
        (["[::1]"], "[::1]:8000", True),
    ],
)
def test_a_host_is_served_if_it_has_a_name(names, host, is_served):
    assert ServerNames(hello, names).serves(host) is is_served


async def test_another_host_is_answered_421_and_the_connection_stays(
    loop_name,
):
    async with running(hello, server_names=("a.example",)) as server:
        keep = GET.replace(b"Connection: close\r\n", b"")
        answers = await server.says(
            keep % b"evil.example" + GET % b"a.example"
        )
    refused, served = answers.split(b"HTTP/1.1 ")[1:]
    assert refused.startswith(b"421 Misdirected Request\r\n")
    assert served.startswith(b"200 OK\r\n")


async def test_over_http_2_the_authority_is_looked_at(loop_name):
    def ask(server: Running) -> list[int]:
        with httpx.Client(http1=False, http2=True) as client:
            return [
                client.get(server.url, headers={"Host": host}).status_code
                for host in ("a.example", "evil.example")
            ]

    async with running(hello, server_names=("a.example",)) as server:
        assert await anyio.to_thread.run_sync(ask, server) == [200, 421]


async def test_a_websocket_is_refused_too(loop_name):
    def talk(server: Running) -> None:
        with connect(f"ws://localhost:{server.port}") as client:
            client.send("x")
            assert client.recv() == "x"
        with pytest.raises(InvalidStatus) as caught:
            connect(f"ws://127.0.0.1:{server.port}")
        assert caught.value.response.status_code == 421

    async with running(echo, server_names=("localhost",)) as server:
        await anyio.to_thread.run_sync(talk, server)


async def test_what_a_trusted_proxy_says_is_the_host(loop_name):
    said = GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Host: a.example\r\n\r\n")
    async with running(
        hello,
        server_names=("a.example",),
        proxy_headers=True,
        forwarded_allow_ips=("127.0.0.1",),
    ) as server:
        answer = await server.says(said % b"backend")
    assert answer.startswith(b"HTTP/1.1 200 ")


# -- response_fields --


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("X-A: b", (b"x-a", b"b")),
        ("x-a:b", (b"x-a", b"b")),
        (" X-A:  b; c=d ", (b"x-a", b"b; c=d")),
        ("X-A:", (b"x-a", b"")),
    ],
)
def test_a_line_is_a_field(line, field):
    assert parse_fields([line]) == [field]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "X-A",
        "X A: b",
        ": b",
        "X-A: b\r\nX-B: c",
        "X-A: b\x00",
        "X-A: ä",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "Connection: close",
    ],
)
def test_what_cannot_be_sent_is_no_field(line):
    with pytest.raises(ValueError, match=r"no field|the server itself"):
        parse_fields([line])


@http
async def own(scope: Scope, receive: Receive, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"X-Frame-Options", b"DENY")],
        }
    )
    await send({"type": "http.response.body"})


FIELDS = ("X-Frame-Options: SAMEORIGIN", "Server: nothing", "X-More: 1")


@pytest.mark.parametrize(
    ("app", "frames"), [(hello, b"SAMEORIGIN"), (own, b"DENY")]
)
async def test_each_response_has_the_fields_that_it_does_not_bring(
    loop_name, app, frames
):
    async with running(
        app, response_fields=FIELDS, server_header=False
    ) as server:
        answer = await server.says(GET % b"x")
    assert answer.count(b"\r\nx-frame-options: ") == 1
    assert b"\r\nx-frame-options: %b\r\n" % frames in answer
    assert b"\r\nserver: nothing\r\n" in answer
    assert b"\r\nx-more: 1\r\n" in answer
    assert b"\r\ndate: " in answer


async def test_the_server_field_can_be_another_one(loop_name):
    async with running(hello, response_fields=("Server: nothing",)) as server:
        answer = await server.says(GET % b"x")
    assert answer.count(b"\r\nserver: ") == 1
    assert b"\r\nserver: nothing\r\n" in answer


async def test_a_refusal_and_a_websocket_have_them_too(loop_name):
    def talk(server: Running) -> None:
        with connect(f"ws://localhost:{server.port}") as client:
            assert client.response is not None
            assert client.response.headers["X-More"] == "1"

    async with running(echo, response_fields=FIELDS) as server:
        await anyio.to_thread.run_sync(talk, server)
        answer = await server.says(GET % b"a@b")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-more: 1\r\n" in answer


async def test_over_http_2_they_are_the_same(loop_name):
    def ask(server: Running) -> httpx.Response:
        with httpx.Client(http1=False, http2=True) as client:
            return client.get(server.url)

    async with running(own, response_fields=FIELDS) as server:
        response = await anyio.to_thread.run_sync(ask, server)
    assert response.headers.get_list("x-frame-options") == ["DENY"]
    assert response.headers["x-more"] == "1"


# -- socket_mode --


@pytest.mark.parametrize("mode", ["600", "660", "666", "0777"])
def test_a_unix_socket_has_the_mode_that_was_asked_for(tmp_path, mode):
    path = tmp_path / "socket"
    (listener,) = open_sockets(Settings((f"unix:{path}",), socket_mode=mode))
    with listener:
        assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)


@pytest.mark.parametrize("mode", ["", "9", "66", "rw-rw----", "1777", "-660"])
def test_what_is_no_mode_makes_no_socket(tmp_path, mode):
    path = tmp_path / "socket"
    with pytest.raises(ValueError, match="no mode: use octal digits, as 660"):
        open_sockets(Settings((f"unix:{path}",), socket_mode=mode))
    assert not path.exists()


def test_without_a_mode_the_umask_has_it():
    assert parse_mode(None) is None
