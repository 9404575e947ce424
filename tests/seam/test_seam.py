"""ASGI is the seam: their applications on our server, ours on theirs."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

PROGRAMS = Path(__file__).parent / "programs"
TIMEOUT = 20.0  # seconds for a server to listen, and to end

APPLICATIONS = ["starlette", "fastapi", "django", "litestar", "quart", "ours"]
SERVERS = {
    "microquart": ["-m", "microquart", "run", "{app}", "--port", "{port}"],
    "microquart, uvloop": [
        *("-m", "microquart", "run", "{app}", "--port", "{port}"),
        *("--loop", "uvloop"),
    ],
    "uvicorn": ["-m", "uvicorn", "{app}", "--port", "{port}"],
    "hypercorn": ["-m", "hypercorn", "{app}", "-b", "127.0.0.1:{port}"],
    "granian": [
        *("-m", "granian", "--interface", "asgi", "--port", "{port}"),
        "{app}",
    ],
    "daphne": ["-m", "daphne", "-p", "{port}", "{app}"],
}
PAIRS = [
    *(("microquart", name) for name in APPLICATIONS),
    ("microquart, uvloop", "fastapi"),
    *((name, "ours") for name in ("uvicorn", "hypercorn", "granian")),
    ("daphne", "ours"),
]
# Daphne has no lifespan, and neither has Django.
WITHOUT_LIFESPAN = {"daphne", "django"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(server: str, app: str, notes: Path) -> Iterator[httpx.Client]:
    port = free_port()
    words = {"app": f"app_{app}:app", "port": str(port)}
    process = subprocess.Popen(
        [sys.executable, *(word.format(**words) for word in SERVERS[server])],
        cwd=PROGRAMS,
        env={**os.environ, "NOTES": str(notes), "PYTHONPATH": str(PROGRAMS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + TIMEOUT
        while not listens(port):
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < until, "the server does not listen"
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("server", "app"), PAIRS)
def test_an_application_runs_on_a_server(server, app, tmp_path):
    notes = tmp_path / "notes"
    with serving(server, app, notes) as client:
        text = client.get("/text")
        assert (text.status_code, text.text) == (200, "hello")
        assert client.get("/json").json() == {"hello": "world"}
        assert client.get("/stream").text == "0\n1\n2\n"
        assert client.get("/nowhere").status_code == 404
        content = (b"x" * 100_000 for _ in range(30))
        assert client.post("/upload", content=content).text == "3000000"
    if not {server, app} & WITHOUT_LIFESPAN:
        assert notes.read_text() == "started\nstopped\n"
