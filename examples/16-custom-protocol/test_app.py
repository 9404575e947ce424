"""How to test a protocol: without a socket first, then as a client."""

import socket
import ssl

import httpx
import pytest

from microquart.protocol import Peer, Service


@pytest.fixture
def connection(importable):
    from line import LineConnection

    return LineConnection(Peer(), Service(), now=0.0)


def answer(stream, body, status=200):
    stream.send({"type": "http.response.start", "status": status})
    stream.send({"type": "http.response.body", "body": body})
    stream.end(failed=False)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_way_the_bytes_are_cut_does_not_matter(connection, size):
    said = b"hello Ada\nhello Bob\r\n"
    bodies = []
    for begin in range(0, len(said), size):
        connection.receive_data(said[begin : begin + size])
        for stream in connection.opened():
            bodies.append(stream.take()["body"])
            answer(stream, b"hi\nthere")
    for stream in connection.opened():
        bodies.append(stream.take()["body"])
        answer(stream, b"hi\nthere")
    assert bodies == [b"Ada", b"Bob"]
    assert connection.data_to_send() == b"200 hi\n200 there\n200.\n" * 2


def test_a_line_waits_for_the_answer_to_the_one_before(connection):
    connection.receive_data(b"a\nb\n")
    (first,) = connection.opened()
    assert not connection.opened()
    answer(first, b"")
    (second,) = connection.opened()
    assert second.scope["path"] == "/b"
    assert second.scope["extensions"]["line"] == {"number": 2}


@pytest.mark.parametrize("said", [b"Hello\n", b"\0\n", b"x" * 4097, b"x"])
def test_what_is_no_line_ends_the_connection(connection, said):
    connection.receive_data(said)
    connection.receive_data(b"")
    assert connection.data_to_send().startswith(b"400 ")
    assert connection.closed


def test_who_is_silent_is_closed(connection):
    connection.expire(74.0)
    assert not connection.closed
    connection.expire(75.0)
    assert connection.closed


def test_who_dribbles_is_closed(connection):
    for second in range(10):
        connection.now = float(second)
        connection.receive_data(b"x")
    connection.expire(10.0)
    assert connection.closed


def test_a_stop_waits_for_the_answer(connection):
    connection.receive_data(b"a\nb\n")
    (stream,) = connection.opened()
    connection.shutdown()
    assert not connection.closed
    answer(stream, b"")
    assert connection.data_to_send() == b"200.\n"
    assert connection.closed


# -- through TLS --


class Lines:
    """A client of line/1."""

    def __init__(self, url):
        host, port = url.removeprefix("https://").split(":")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["line/1"])
        plain = socket.create_connection((host, int(port)))
        self.socket = context.wrap_socket(plain)
        self.file = self.socket.makefile("rw", newline="\n")

    def ask(self, line):
        self.file.write(f"{line}\n")
        self.file.flush()
        lines = []
        while not lines or not lines[-1].endswith(".\n"):
            lines.append(self.file.readline())
        return "".join(lines)

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_one_port_speaks_them_all(serve, tmp_path, loop):
    server = serve("--loop", loop, XDG_CONFIG_HOME=tmp_path)
    for http2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
        with httpx.Client(http2=http2, verify=False) as client:
            said = client.post(f"{server.url}/hello", content="Ada")
            assert said.text == "Hello, Ada\n"
            assert said.http_version == version
    client = Lines(server.url)
    assert client.ask("hello Ada") == (
        "200 Hello, Ada, this is line 1\n200.\n"
    )
    assert client.ask("count 2") == "200 1\n200 2\n200.\n"
    assert client.ask("count x").startswith("400 ")
    assert client.ask("nothing").startswith("404 ")
    client.close()
