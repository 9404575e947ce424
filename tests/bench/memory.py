"""Memory and the time to start, of servers side by side.

    python tests/bench/memory.py [--connections 2000] [--times 5] [NAME ...]

Each server runs in a process of its own and serves twenty requests.  Printed
are the seconds from its command to its first answer (the best of so many
times), its resident memory after that, and what each connection adds that has
been served one request and waits for the next, in clear and over TLS.  Then
the import of each framework: the best of many, beside an empty interpreter's,
in turn.  Byte code is warm.  Nothing is asserted: the tables are to be read.

Linux: the figures are those of /proc.
"""

import argparse
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

HERE = Path(__file__).parent
MICROQUART = ["-m", "microquart", "run", "--no-access-log"]
HYPERCORN = ["-m", "hypercorn", "--workers", "0", "--log-level", "warning"]
UVICORN = [
    *("-m", "uvicorn", "--http", "h11", "--no-access-log"),
    *("--log-level", "warning"),
]
SERVERS = {
    "microquart + view": [*MICROQUART, "apps_view:app"],
    "microquart + view, uvloop": [
        *(*MICROQUART, "--loop", "uvloop", "apps_view:app"),
    ],
    "microquart + view, trio": [
        *(*MICROQUART, "--loop", "trio", "apps_view:app"),
    ],
    "microquart + bare": [*MICROQUART, "apps:bare"],
    "uvicorn[h11] + bare": [*UVICORN, "--loop", "asyncio", "apps:bare"],
    "uvicorn[h11] + starlette": [
        *(*UVICORN, "--loop", "asyncio", "apps_starlette:app"),
    ],
    "uvicorn[h11] + quart": [
        *(*UVICORN, "--loop", "asyncio", "apps_quart:app"),
    ],
    "hypercorn + bare": [*HYPERCORN, "apps:bare"],
    "hypercorn + quart": [*HYPERCORN, "apps_quart:app"],
}
IMPORTS = ("microquart", "quart", "starlette.applications", "asyncio")
GET = b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n"


class Server:
    """A server that has answered, in a process of its own."""

    def __init__(self, words: list[str], context: ssl.SSLContext | None):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._context = context
        words = [sys.executable, *words, *self._address(words)]
        environment = {**os.environ}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        began = time.perf_counter()
        self._process = subprocess.Popen(
            words,
            cwd=HERE,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait().close()
        except BaseException:
            self.stop()
            raise
        self.seconds = time.perf_counter() - began

    def _address(self, words: list[str]) -> list[str]:
        if "uvicorn" in words:
            return ["--port", str(self.port)]
        return ["--bind", f"127.0.0.1:{self.port}"]

    def _wait(self) -> socket.socket:
        until = time.monotonic() + 30
        while True:
            try:
                return self.connect()
            except (ConnectionRefusedError, ConnectionResetError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.002)

    def connect(self) -> socket.socket:
        """Return a connection that has been served one request."""
        client = socket.create_connection(("127.0.0.1", self.port))
        if self._context is not None:
            client = self._context.wrap_socket(client)
        client.sendall(GET)
        if not client.recv(65536).startswith(b"HTTP/1.1 200"):
            raise ValueError("not answered by 200")
        return client

    @property
    def memory(self) -> int:
        """Resident KiB."""
        said = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        found = re.search(r"^Rss:\s+(\d+) kB", said, re.MULTILINE)
        assert found is not None
        return int(found[1])

    def stop(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def running(
    words: list[str], context: ssl.SSLContext | None = None
) -> Iterator[Server]:
    server = Server(words, context)
    try:
        for _ in range(20):
            server.connect().close()
        yield server
    finally:
        server.stop()


def each_idle(server: Server, number: int) -> float:
    """Return the KiB that a connection adds while it waits."""
    before = server.memory
    clients = [server.connect() for _ in range(number)]
    cost = (server.memory - before) / number
    for client in clients:
        client.close()
    return cost


def measured(
    words: list[str],
    options: argparse.Namespace,
    context: ssl.SSLContext,
    tls: list[str],
) -> tuple[float, float, float, float]:
    seconds = []
    memory = []
    for _ in range(options.times):
        with running(words) as server:
            seconds.append(server.seconds)
            memory.append(server.memory / 1024)
    with running(words) as server:
        clear = each_idle(server, options.connections)
    with running([*words, *tls], context) as server:
        secure = each_idle(server, options.connections)
    return min(seconds), min(memory), clear, secure


def imported(names: tuple[str, ...], times: int) -> dict[str, float]:
    """Return the milliseconds of each import, an empty program's left out."""
    programs = {"": "pass"} | {name: f"import {name}" for name in names}
    best = dict.fromkeys(programs, 1e9)
    for _ in range(times):
        for name, program in programs.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            took = (time.perf_counter() - began) * 1000
            best[name] = min(best[name], took)
    return {name: best[name] - best[""] for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("names", nargs="*", help="parts of their names")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{'':28} start s    MiB   KiB idle   over TLS")
    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        own = authority.issue_cert("127.0.0.1")
        file = Path(folder, "certificate.pem")
        own.private_key_and_cert_chain_pem.write_to_path(file)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for name, words in SERVERS.items():
            if options.names and not any(n in name for n in options.names):
                continue
            flag = "--ssl-" if "uvicorn" in words else "--"
            tls = [f"{flag}certfile={file}", f"{flag}keyfile={file}"]
            row = measured(words, options, context, tls)
            start, memory, clear, secure = row
            print(
                f"{name:28} {start:7.2f} {memory:6.1f} {clear:10.1f}"
                f" {secure:10.1f}",
                flush=True,
            )
    print("\nimport, ms beside an empty interpreter")
    for name, took in imported(IMPORTS, 6 * options.times).items():
        print(f"{name:28} {took:7.0f}")


if __name__ == "__main__":
    main()
