"""The packages that the pages on extending lead to, each with a server."""

import re
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from os import environ
from pathlib import Path

import httpx
import pytest

from tests.server.process import RUN, command

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIND = ("--bind", "127.0.0.1:0")

pytestmark = pytest.mark.slow


@pytest.fixture(params=["asyncio", "trio"])
def loop(request):
    return request.param


def path_of(package):
    return f"{HERE / package}:{ROOT}"


@contextmanager
def serving(package, program, *options, **environment):
    """Run a program with one package on its path; yield a client of it."""
    words = [*RUN, program, *BIND, *options]
    path = path_of(package)
    with command(
        *words, folder=HERE / "programs", PYTHONPATH=path, **environment
    ) as process:
        process.listening()
        url = f"http://127.0.0.1:{process.port}"
        with httpx.Client(base_url=url, follow_redirects=False) as client:
            yield client


@contextmanager
def speaking(package, name, what, *settings):
    """Run a server that speaks a protocol of the package, too."""
    words = (sys.executable, "served.py", name, what, *settings)
    path = path_of(package)
    with command(*words, folder=HERE / "programs", PYTHONPATH=path) as process:
        process.listening()
        yield process


# -- a session store --


@pytest.fixture
def visits(tmp_path, loop):
    def serve():
        return serving(
            "session-store",
            "visits.py",
            *("--loop", loop),
            SESSIONS=str(tmp_path / "sessions.db"),
        )

    return serve


def test_a_session_outlives_the_server(visits):
    with visits() as client:
        assert client.get("/visit").text == "1"
        answer = client.get("/visit")
        assert answer.text == "2"
        assert answer.headers["vary"] == "Cookie"
        cookies = client.cookies
    with visits() as client:
        client.cookies = cookies
        assert client.get("/read").text == "2"
        assert "set-cookie" not in client.get("/read").headers


def test_a_name_is_given_never_taken(visits):
    with visits() as client:
        chosen = client.get("/visit", headers={"Cookie": "session=chosen"})
        assert chosen.cookies["session"] != "chosen"
        before = dict(client.cookies)
        client.post("/login")
        assert client.cookies["session"] != before["session"]
        assert client.get("/read").text == "1"
        client.cookies = before
        assert client.get("/read").text == "None"


def test_a_session_that_is_cleared_is_gone(visits):
    with visits() as client:
        client.get("/visit")
        before = dict(client.cookies)
        client.post("/logout")
        assert not client.cookies
        client.cookies = before
        assert client.get("/read").text == "None"


# -- a router --


@pytest.fixture
def articles(loop):
    with serving("own-router", "articles.py", "--loop", loop) as client:
        yield client


def test_the_router_finds_views_and_builds_urls(articles):
    url = articles.get("/").text
    assert url == "/2026/a%20caf%C3%A9?page=2"
    found = articles.get(url).json()
    assert found == {"year": "2026", "slug": "a café"}
    assert articles.post("/api/x").text == "added x"


def test_the_router_says_what_is_wrong(articles):
    assert articles.get("/26/x").status_code == 404
    refused = articles.post("/2026/x")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    options = articles.options("/api/x")
    assert options.headers["allow"] == "OPTIONS, POST"
    assert articles.get("/live").status_code == 400
    assert articles.get("/wrong").status_code == 500


def test_the_router_explains_itself_in_development():
    with serving("own-router", "articles.py", "--debug") as client:
        said = client.get("/nothing").text
        assert "does not fit" in said
        assert "article" in said


# -- a protocol --


def exchange(process, certificates, alpn, said):
    """Agree on a protocol, say this, hear all that comes."""
    context = certificates.client_context(alpn)
    address = ("127.0.0.1", process.port)
    with socket.create_connection(address) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            agreed = tls.selected_alpn_protocol()
            tls.sendall(said)
            heard = b""
            try:
                while data := tls.recv(65536):
                    heard += data
            except ssl.SSLEOFError:
                pass
            return agreed, heard


def speaking_nine(certificates, *settings):
    return speaking(
        "alpn-protocol",
        *("http/0.9", "http_0_9:NineConnection", *settings),
        f"certfile={certificates.certfile}",
        f"keyfile={certificates.keyfile}",
    )


@pytest.fixture
def nine(certificates, loop):
    with speaking_nine(certificates, f"loop={loop}") as process:
        yield process


def test_one_port_speaks_the_new_protocol_and_the_usual_ones(
    nine, certificates
):
    said = b"GET /hello?name=Ada\r\n"
    answer = exchange(nine, certificates, "http/0.9", said)
    assert answer == ("http/0.9", b"hello Ada by 1.0\n")
    said = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    agreed, heard = exchange(nine, certificates, "http/1.1", said + b"\r\n")
    assert agreed == "http/1.1"
    assert heard.endswith(b"hello None by 1.1\n")
    context = certificates.client_context("h2")
    url = f"https://localhost:{nine.port}/hello?name=Bob"
    with httpx.Client(http2=True, verify=context) as client:
        assert client.get(url).text == "hello Bob by 2\n"


@pytest.mark.parametrize("said", [b"POST /\r\n", b"x" * 5000, b"GET / /\n"])
def test_what_is_no_request_of_it_is_not_answered(nine, certificates, said):
    assert exchange(nine, certificates, "http/0.9", said)[1] == b""


def test_the_protocol_is_offered_with_renewed_certificates(nine, certificates):
    nine.popen.send_signal(signal.SIGHUP)
    nine.wait_for("certificate")
    said = b"GET /hello?name=Ada\n"
    agreed, answer = exchange(nine, certificates, "http/0.9", said)
    assert agreed == "http/0.9"
    assert answer != b""
    assert nine.stop() == 0


def test_a_trace_leaves_the_protocol_as_it_is(certificates):
    said = b"GET /hello?name=Ada\n"
    with speaking_nine(certificates, "trace=yes") as process:
        answer = exchange(process, certificates, "http/0.9", said)
        assert answer == ("http/0.9", b"hello Ada by 1.0\n")
        assert process.stop() == 0
        assert "Traceback" not in process.said


def test_a_trace_shows_the_router_at_work():
    with serving("own-router", "articles.py", "--trace", "-v") as client:
        assert client.get("/2026/x").status_code == 200
        assert client.get("/nothing").status_code == 404


# -- another parser --


def test_another_parser_serves_http(loop):
    with speaking(
        "httptools-connection",
        *("http/1.1", "httptools_connection:HttptoolsConnection"),
        f"loop={loop}",
    ) as process:
        url = f"http://127.0.0.1:{process.port}"
        with httpx.Client(base_url=url) as client:
            answer = client.get("/hello?name=Ada")
            assert answer.text == "hello Ada by 1.1\n"
            data = bytes(range(256)) * 1000
            assert client.post("/echo", content=data).content == data
            chunks = (data[at : at + 9999] for at in range(0, len(data), 9999))
            assert client.post("/echo", content=chunks).content == data
        assert process.stop() == 0


def test_another_parser_holds_the_same_conversations():
    files = ("test_h1", "test_h1_responses", "test_both", "test_ws")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-m", "not slow"),
            *("-p", "tests.extending.httptools_plugin"),
            *("-p", "no:cacheprovider"),
            *(str(ROOT / "tests/protocol" / f"{each}.py") for each in files),
        ],
        cwd=ROOT,
        env={**environ, "PYTHONPATH": path_of("httptools-connection")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 1000
