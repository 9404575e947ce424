"""How to test what stands between: a real server on either side."""

import os
import socket
import sys
import threading
import time
from itertools import pairwise

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from examples.conftest import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def behind(here):
    words = [sys.executable, "-m", "microquart", "run"]
    server = Server([*words, str(here / "behind.py"), "--port", "0"], {})
    yield server
    assert server.stop() == 0


@pytest.fixture
def proxy(request, serve, behind):
    loop = getattr(request, "param", "asyncio")
    return serve("--loop", loop, UPSTREAM=behind.url)


on_both_loops = pytest.mark.parametrize(
    "proxy", ["asyncio", "trio"], indirect=True
)


def test_a_request_is_passed_on_and_says_from_whom(proxy):
    lies = {
        "x-forwarded-for": "6.6.6.6",
        "connection": "x-mine",
        "x-mine": "1",
    }
    with httpx.Client(http1=False, http2=True) as client:
        said = client.get(f"{proxy.url}/?a=1", headers={"te": "trailers"})
        assert said.http_version == "HTTP/2"
    seen = said.json()
    fields = {name.lower(): value for name, value in seen["fields"]}
    assert seen["http"] == "1.1"
    assert fields["x-forwarded-for"] == "127.0.0.1"
    fields = dict(httpx.get(proxy.url, headers=lies).json()["fields"])
    names = {name.lower() for name in fields}
    assert "6.6.6.6" not in fields.values()
    assert "x-mine" not in names


@on_both_loops
@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_passed_on(proxy, chunked):
    body = bytes(5_000_000)
    content = iter([body[:3_000_000], body[3_000_000:]]) if chunked else body
    said = httpx.post(f"{proxy.url}/measure", content=content)
    assert said.json() == {"bytes": 5_000_000}


def test_an_early_answer_ends_the_upload(proxy):
    assert httpx.post(
        f"{proxy.url}/refuse", content=bytes(99)
    ).status_code == (413)


def test_head_has_no_body(proxy):
    said = httpx.head(proxy.url)
    assert (said.status_code, said.content) == (200, b"")


def test_an_answer_that_breaks_off_is_no_whole_one(proxy):
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{proxy.url}/broken")


@on_both_loops
def test_who_does_not_read_is_not_read_for(proxy, behind):
    host, port = proxy.url.removeprefix("http://").split(":")

    def sent() -> int:
        return httpx.get(f"{behind.url}/sent").json()["bytes"]

    def still() -> bool:
        sizes = [sent() for _ in range(10)]
        return sizes[0] > 0 and all(a == b for a, b in pairwise(sizes))

    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        until(still)
        # Four sockets hold some of it.
        assert sent() < 32_000_000


def until(condition) -> None:
    late = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < late


def test_without_an_upstream_it_is_502(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = serve(UPSTREAM=f"http://127.0.0.1:{port}")
    assert httpx.get(server.url).status_code == 502
    with pytest.raises(InvalidStatus):
        connect(server.url.replace("http", "ws"))


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n", b"no HTTP\r\n\r\n"]
)
def test_an_upstream_that_makes_no_sense_is_502(serve, answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = serve(UPSTREAM=f"http://127.0.0.1:{port}")
        thread = threading.Thread(target=say, args=(listener, answer))
        thread.start()
        assert httpx.get(server.url).status_code == 502
        thread.join()


def say(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(answer)


@on_both_loops
def test_a_client_that_leaves_is_no_error(proxy):
    host, port = proxy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(100_000)
    httpx.get(proxy.url)
    assert proxy.stop() == 0
    assert "Traceback" not in "".join(proxy.log)


@on_both_loops
def test_a_websocket_is_passed_on(proxy):
    url = proxy.url.replace("http", "ws")
    with connect(f"{url}/echo", subprotocols=["echo"]) as client:
        assert client.subprotocol == "echo"
        for data in ("text", b"bytes", "", os.urandom(1_000_000)):
            client.send(data)
            assert client.recv() == data
        client.send("bye")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv()
    assert caught.value.rcvd.code == 4000
    assert caught.value.rcvd.reason == "bye"


def test_a_websocket_that_is_refused_is_refused(proxy):
    with pytest.raises(InvalidStatus):
        connect(proxy.url.replace("http", "ws") + "/nothing")
