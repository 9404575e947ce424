"""nginx as the documentation has it, in front of four workers."""

import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.conftest import present
from tests.server.conftest import Certificates
from tests.server.nginx import free_port, nginx_with
from tests.server.process import RUN, Process, command

PAGE = Path(__file__).parents[2] / "docs/how-to/behind-nginx.md"
WORKERS = 4
CLIENTS = 4  # at once
TIMEOUT = 10.0  # seconds
LIES = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=6.6.6.6",
}

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """A server behind nginx."""

    server: Process
    url: str
    certificates: Certificates

    def client(self) -> httpx.Client:
        context = self.certificates.client_context()
        return httpx.Client(base_url=self.url, verify=context, timeout=TIMEOUT)


def block(kind: str) -> str:
    """Return the only block of this kind that the page has."""
    (text,) = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.S)
    return text


def options() -> list[str]:
    """Return the words after ``microquart run app.py``."""
    text = block("console").replace("\\\n", " ")
    start = "$ microquart run app.py "
    assert text.startswith(start)
    return text.removeprefix(start).split()


@pytest.fixture(scope="module")
def site(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Run what the page says, with paths and a port of the tests' own."""
    program = shutil.which("nginx")
    present("nginx", program is not None)
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    replaced = {
        "/run/app/socket": str(folder / "socket"),
        "443": f"127.0.0.1:{port}",
        "/etc/ssl/app/cert.pem": str(certificates.certfile),
        "/etc/ssl/app/key.pem": str(certificates.keyfile),
    }
    configuration, words = block("nginx"), options()
    for text, other in replaced.items():
        assert text in configuration
        configuration = configuration.replace(text, other)
        words = [word.replace(text, other) for word in words]
    with (
        command(*RUN, "behind.py", *words, "--no-access-log") as server,
        nginx_with(program or "nginx", configuration, folder, port),
    ):
        for _ in range(WORKERS):
            server.wait_for(" serves\n")
        yield Site(server, f"https://localhost:{port}", certificates)
        assert server.stop() == 0


@contextmanager
def load(site: Site) -> Iterator[list[tuple[int, str]]]:
    """Have clients ask throughout a block; give what they are answered."""
    answers: list[tuple[int, str]] = []
    enough = threading.Event()

    def ask() -> None:
        with site.client() as client:
            while not enough.is_set():
                response = client.get("/pid")
                answers.append((response.status_code, response.text))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        enough.set()
        for thread in threads:
            thread.join(TIMEOUT)
    # A client that was not answered has ended with an exception.
    assert {status for status, _ in answers} == {200}


def test_all_workers_answer(site: Site):
    pids: set[str] = set()
    until = time.monotonic() + TIMEOUT
    with load(site), site.client() as client:
        while len(pids) < WORKERS:
            assert time.monotonic() < until, pids
            pids.add(client.get("/pid").text)


def test_workers_that_are_killed_cost_no_answer(site: Site):
    with load(site), site.client() as client:
        for _ in range(2):
            pid = int(client.get("/pid").text)
            os.kill(pid, signal.SIGKILL)
            site.server.wait_for(f"worker {pid} ended (signal 9)")
            site.server.wait_for(" serves\n")


def test_a_change_whose_worker_is_killed_is_not_tried_again(site: Site):
    answers = []

    def ask() -> None:
        with site.client() as client:
            answers.append(client.post("/wait").status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    pid = int(site.server.wait_for(" waits\n").split()[0])
    os.kill(pid, signal.SIGKILL)
    asking.join(TIMEOUT)
    assert answers == [502]
    site.server.wait_for(" serves\n")


def test_a_reload_costs_no_answer(site: Site):
    with load(site):
        site.server.popen.send_signal(signal.SIGHUP)
        for _ in range(WORKERS):
            site.server.wait_for(" serves\n")


def test_a_websocket_talks(site: Site):
    url = site.url.replace("https", "wss")
    context = site.certificates.client_context()
    with connect(f"{url}/echo", ssl=context) as client:
        for size in (5, 100_000):
            client.send("x" * size)
            assert client.recv() == "x" * size


def test_the_view_sees_the_client_and_none_of_its_lies(site: Site):
    with site.client() as client:
        seen = client.get("/seen", headers=LIES).json()
    # nginx says $host, which has no port.
    assert seen == {"client": "127.0.0.1", "link": "https://localhost/pid"}


def test_a_part_arrives_when_it_is_sent(site: Site):
    with site.client() as client:
        with client.stream("GET", "/parts") as response:
            assert next(response.iter_text()) == "first"
