"""The same program under gunicorn, by its own ASGI worker."""

import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.server.conftest import Certificates
from tests.server.process import Process, command

PAGE = Path(__file__).parents[2] / "docs/how-to/gunicorn.md"
TIMEOUT = 10.0  # seconds
GRACEFUL = 1  # seconds that open requests get at a stop

pytestmark = pytest.mark.slow


def words() -> list[str]:
    """Return the command that the page has, without where it listens."""
    found = re.search(
        r"\$ gunicorn app:app (.*) --bind \S+$", PAGE.read_text(), re.M
    )
    assert found is not None
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "deployed:app",
        *found[1].split(),
    ]


@contextmanager
def started(folder: Path, *options: str) -> Iterator[Process]:
    """Run it round a block, from where its first worker is up."""
    pytest.importorskip("gunicorn")
    with command(
        *(*words(), "--bind", "127.0.0.1:0", *options),
        *("--graceful-timeout", str(GRACEFUL)),
        HOME=str(folder),  # where it has its control socket
    ) as process:
        process.listening()
        yield process
        assert process.stop() == 0


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Process]:
    with started(tmp_path) as process:
        yield process


@pytest.fixture
def client(gunicorn: Process) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{gunicorn.port}"
    with httpx.Client(base_url=url, timeout=TIMEOUT) as client:
        yield client


def test_text_json_and_an_upload(client: httpx.Client) -> None:
    assert client.get("/text").text == "hello"
    assert client.get("/json").json()["pid"] != os.getpid()
    assert client.get("/nowhere").status_code == 404
    content = (b"x" * 100_000 for _ in range(30))
    assert client.post("/upload", content=content).text == "3000000"


def test_a_part_arrives_when_it_is_sent_and_a_departure_is_noticed(
    gunicorn: Process, client: httpx.Client
) -> None:
    with client.stream("GET", "/parts") as response:
        assert next(response.iter_text()) == "first"
    gunicorn.wait_for("left")


def test_a_silent_view_is_cancelled_when_its_client_leaves(
    gunicorn: Process,
) -> None:
    with socket.create_connection(("127.0.0.1", gunicorn.port)) as client:
        client.sendall(b"GET /silent HTTP/1.1\r\nHost: x\r\n\r\n")
        gunicorn.wait_for("silent begins")
    gunicorn.wait_for("silent left")


def test_http2_can_be_had(certificates: Certificates, tmp_path: Path) -> None:
    options = ("--http-protocols", "h2,h1")
    files = (
        *("--certfile", str(certificates.certfile)),
        *("--keyfile", str(certificates.keyfile)),
    )
    with started(tmp_path, *options, *files) as gunicorn:
        context = certificates.client_context("h2", "http/1.1")
        with httpx.Client(http2=True, verify=context) as client:
            url = f"https://localhost:{gunicorn.port}"
            assert client.get(f"{url}/seen").json()[1:] == ["https", "2"]


def test_a_websocket_talks(gunicorn: Process) -> None:
    with connect(f"ws://127.0.0.1:{gunicorn.port}/echo") as talk:
        for message in ("hello", b"x" * 100_000):
            talk.send(message)
            assert talk.recv(TIMEOUT) == message


def test_a_proxy_is_believed(client: httpx.Client) -> None:
    fields = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}
    seen = client.get("/seen", headers=fields).json()
    assert seen == ["9.9.9.9", "https", "1.1"]


def test_a_worker_that_is_killed_is_replaced(
    gunicorn: Process, client: httpx.Client
) -> None:
    pid = client.get("/json").json()["pid"]
    os.kill(pid, signal.SIGKILL)
    gunicorn.wait_for("Booting worker")
    gunicorn.wait_for("started")


def test_at_a_stop_an_open_request_is_answered(gunicorn: Process) -> None:
    answers = []

    def ask() -> None:
        url = f"http://127.0.0.1:{gunicorn.port}/slow"
        answers.append(httpx.get(url, timeout=TIMEOUT).text)

    asking = threading.Thread(target=ask)
    asking.start()
    gunicorn.wait_for("slow begins")
    assert gunicorn.stop() == 0
    asking.join(TIMEOUT)
    assert answers == ["done"]
    assert re.search(r"stopped \d+", gunicorn.said)


def test_at_a_stop_an_endless_answer_gets_the_graceful_time(
    gunicorn: Process, client: httpx.Client
) -> None:
    with client.stream("GET", "/parts") as response:
        assert next(response.iter_text()) == "first"
        began = time.monotonic()
        assert gunicorn.stop() == 0
    assert GRACEFUL <= time.monotonic() - began < GRACEFUL + 2
