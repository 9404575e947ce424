"""Instructions per request of servers, side by side.

    python tests/bench/server.py [--requests 300] [NAME ...]

Each server runs twice in a process of its own under valgrind's callgrind
(Debian's package valgrind), for N and for 2N requests over one keep-alive
connection; the difference, divided by N, is what one request costs, the
start-up left out.  Instructions, unlike times, are the same whatever else the
machine does.  Nothing is asserted: the table is to be read.
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PORT = 8377
REQUEST = (
    b"GET /json HTTP/1.1\r\nHost: 127.0.0.1:8377\r\n"
    b"User-Agent: bench\r\nAccept: */*\r\n\r\n"
)

SERVERS = {
    "microquart + bare": ["-m", "microquart", "run", "apps:bare"],
    "uvicorn[h11] + bare": ["-m", "uvicorn", "apps:bare"],
    "hypercorn + bare": ["-m", "hypercorn", "apps:bare"],
    "microquart + view": ["-m", "microquart", "run", "apps_view:app"],
    "uvicorn[h11] + starlette": ["-m", "uvicorn", "apps_starlette:app"],
    "hypercorn + quart": ["-m", "hypercorn", "apps_quart:app"],
}
OPTIONS = {
    "microquart": ["--port", str(PORT), "--no-access-log"],
    "uvicorn": [
        *("--port", str(PORT), "--http", "h11", "--loop", "asyncio"),
        *("--no-access-log", "--log-level", "warning"),
    ],
    "hypercorn": [
        *("--bind", f"127.0.0.1:{PORT}", "--log-level", "warning"),
        *("--workers", "0"),
    ],
}


def options(name: str) -> list[str]:
    return OPTIONS[name.replace("[", " ").split()[0]]


def connect() -> socket.socket:
    """Connect to the server as soon as it listens."""
    until = time.monotonic() + 120
    while True:
        try:
            return socket.create_connection(("127.0.0.1", PORT))
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def ask(client: socket.socket, times: int) -> None:
    for _ in range(times):
        client.sendall(REQUEST)
        answer = b""
        while not answer.rstrip().endswith(b"}"):
            data = client.recv(65536)
            if not data:
                raise SystemExit(f"cut after {answer!r}")
            answer += data


def instructions(command: list[str], times: int) -> int:
    """Count what a server executes from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                *("valgrind", "--tool=callgrind"),
                f"--callgrind-out-file={folder}/out",
                *(sys.executable, *command),
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=HERE,
            # The same start each time: hashes, and no byte code to write.
            env={**os.environ, "PYTHONHASHSEED": "0"},
            text=True,
        )
        try:
            with connect() as client:
                ask(client, times)
        finally:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=120)
    found = re.search(r"Collected : (\d+)", log)
    if found is None:
        raise SystemExit(log)
    return int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("names", nargs="*", default=list(SERVERS))
    arguments = parser.parse_args()
    for name in arguments.names:
        command = [*SERVERS[name], *options(name)]
        instructions(command, 1)  # writes the byte code
        few = instructions(command, arguments.requests)
        many = instructions(command, 2 * arguments.requests)
        each = (many - few) / arguments.requests
        print(f"{name:28} {each / 1000:8.0f} k instructions", flush=True)


if __name__ == "__main__":
    main()
