"""Run app.py under four servers, and print in a table what differs."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SERVERS = {
    "microquart": "microquart run app:app --port {port}",
    "uvicorn": "uvicorn app:app --port {port}",
    "hypercorn": "hypercorn app:app --bind 127.0.0.1:{port}",
    "granian": "granian app:app --interface asgi --port {port}",
}
MB = 1_000_000
UPLOAD = 200 * MB
PAUSE = 0.02  # seconds between two looks
STARTING = 20.0  # seconds


class Server:
    """A process, with the processes that it has started."""

    def __init__(self, name: str, patience: float) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.patience = patience
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                *SERVERS[name].format(port=self.port).split(),
            ],
            cwd=Path(__file__).parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def noted(self) -> dict[str, float]:
        url = f"http://127.0.0.1:{self.port}/noted"
        with urllib.request.urlopen(url, timeout=5) as response:
            return dict(json.load(response))

    def wait_for(self, name: str) -> float | None:
        """Return when this was noted; None: not within the patience."""
        until = time.monotonic() + self.patience
        while name not in (noted := self.noted()):
            if time.monotonic() > until:
                return None
            time.sleep(PAUSE)
        return noted[name]

    def ask(self, head: str) -> socket.socket:
        """Connect, and say this much."""
        client = socket.create_connection(("127.0.0.1", self.port), 5)
        client.sendall(head.replace("\n", "\r\n").encode())
        return client

    def memory(self) -> int:
        own = psutil.Process(self.process.pid)
        processes = [own, *own.children(recursive=True)]
        return sum(each.memory_info().rss for each in processes)


@contextmanager
def serving(name: str, patience: float) -> Iterator[Server]:
    server = Server(name, patience)
    try:
        until = time.monotonic() + STARTING
        while True:
            with suppress(OSError):
                server.noted()
                break
            if server.process.poll() is not None or time.monotonic() > until:
                raise TimeoutError(f"{name} does not answer")
            time.sleep(PAUSE)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


# -- what is asked --

GET = "GET /{} HTTP/1.1\nHost: localhost\n\n"
HANDSHAKE = """GET /news HTTP/1.1
Host: localhost
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==

"""
POST = f"POST /upload HTTP/1.1\nHost: localhost\nContent-Length: {UPLOAD}\n\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5)


def stop(server: Server) -> str:
    """Seconds from SIGTERM to the end, with an event stream open."""
    with server.ask(GET.format("events")) as client:
        server.wait_for("events begun")
        client.recv(1000)
        began = time.monotonic()
        server.process.terminate()
        try:
            server.process.wait(server.patience)
        except subprocess.TimeoutExpired:
            return f"> {server.patience:g} s"
        return f"{time.monotonic() - began:.1f} s"


def departure(server: Server, head: str, name: str) -> str:
    """Seconds from when a client has gone to when the view is told."""
    with server.ask(head):
        server.wait_for(f"{name} begun")
    gone = time.monotonic()
    told = server.wait_for(f"{name} over")
    return "never" if told is None else f"{max(told - gone, 0):.2f} s"


def upload(server: Server) -> str:
    """What a view that does not read on costs."""
    before, part, taken = server.memory(), bytes(MB), 0
    with server.ask(POST) as client:
        client.settimeout(0.5)  # seconds without progress
        with suppress(TimeoutError):
            while taken < UPLOAD:
                taken += client.send(part)
        grown = server.memory() - before
    return f"{taken / MB:.0f} MB, {grown / MB:+.0f} MB"


def download(server: Server) -> str:
    """What a client that does not read costs."""
    before = server.memory()
    with server.ask(GET.format("download")):
        time.sleep(2)
        return f"{(server.memory() - before) / MB:+.0f} MB"


def http2(server: Server) -> str:
    with server.ask("") as client, suppress(OSError):
        client.sendall(PREFACE)
        if client.recv(9)[3:4] == b"\4":  # SETTINGS
            return "yes"
    return "no"


QUESTIONS: dict[str, Callable[[Server], str]] = {
    "HTTP/2 without TLS": http2,
    "tells a stream that its client has gone": lambda server: departure(
        server, GET.format("events"), "events"
    ),
    "tells a slow view": lambda server: departure(
        server, GET.format("slow"), "slow"
    ),
    "tells a WebSocket that only sends": lambda server: departure(
        server, HANDSHAKE, "news"
    ),
    "memory for a client that does not read": download,
    "takes of 200 MB that no view reads": upload,
    "stops with an event stream open": stop,
}


def column(name: str, patience: float) -> list[str]:
    """Ask one server everything, each time a new process of it."""
    answers = []
    for answer in QUESTIONS.values():
        with serving(name, patience) as server:
            answers.append(answer(server))
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description="Print what differs.")
    parser.add_argument("servers", nargs="*", default=list(SERVERS))
    parser.add_argument(
        "--patience",
        type=float,
        default=5.0,
        help="seconds after which something counts as never [default: 5]",
    )
    options = parser.parse_args()
    with ThreadPoolExecutor() as pool:
        patience = [options.patience] * len(options.servers)
        columns = list(pool.map(column, options.servers, patience))
    print(f"{'':40}", *(f"{name:>15}" for name in options.servers))
    for question, *answers in zip(QUESTIONS, *columns, strict=True):
        print(f"{question:40}", *(f"{answer:>15}" for answer in answers))


if __name__ == "__main__":
    main()
