"""A step of the book in a process of its own, and plain words to it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "steps"
STEPS = sorted(path.stem for path in FOLDER.glob("[01]*.py"))
TIMEOUT = 10.0  # seconds: no test waits longer


def since(number: int) -> list[str]:
    """Return the steps from one on."""
    return STEPS[number - 1 :]


@dataclass
class Program:
    """A running server, and how to speak to it."""

    popen: "subprocess.Popen[str]"
    port: int

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, TIMEOUT) as client:
            yield client

    def says(self, text: str) -> str:
        """Say this on a new connection; return all that comes back."""
        with self.connected() as client:
            client.sendall(wire(text))
            return read(client)

    def prints(self, text: str) -> str:
        """Read up to a line that begins so, and return it."""
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            if line.startswith(text):
                return line.strip()
        raise AssertionError(f"{text!r} was not printed")

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Send a signal; return what was printed until the end."""
        self.popen.send_signal(number)
        printed, _ = self.popen.communicate(timeout=TIMEOUT)
        return printed

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.popen.pid).memory_info().rss)


@contextmanager
def started(*words: str) -> Iterator[Program]:
    """Run a Python program that says where it listens."""
    popen = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": f"{FOLDER}:{ROOT}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    limit = threading.Timer(6 * TIMEOUT, popen.kill)
    limit.start()
    try:
        program = Program(popen, 0)
        program.port = int(program.prints("listening").rpartition(":")[2])
        yield program
    finally:
        limit.cancel()
        popen.kill()
        popen.communicate()


def wire(text: str) -> bytes:
    """Return text as HTTP has it: lines that end in CRLF.

    >>> wire("GET / HTTP/1.1\\n\\n")
    b'GET / HTTP/1.1\\r\\n\\r\\n'
    """
    return text.replace("\n", "\r\n").encode("latin-1")


def read(client: socket.socket, end: str | None = None) -> str:
    """Return what comes up to these words, or else to the end."""
    heard = b""
    while end is None or end.encode() not in heard:
        data = client.recv(65536)
        if not data:
            break
        heard += data
    return heard.decode("latin-1")


def get(path: str = "/", *fields: str, method: str = "GET") -> str:
    """Return a request, after which the connection ends."""
    head = [f"{method} {path} HTTP/1.1", "host: test", "connection: close"]
    return "\n".join([*head, *fields, "", ""])
