"""Instructions per request of servers, side by side.

    python tests/bench/server.py [--requests 300] [NAME ...]

Each server runs twice in a process of its own under valgrind's callgrind
(Debian's package valgrind), for N and for 2N requests (HTTP/2: 32 at a time;
ws: messages of 32 bytes, echoed) over one connection; the difference, divided
by N, is what one request costs, the start-up left out.  Instructions, unlike
times, are the same whatever else the machine does.  Nothing is asserted: the
table is to be read.
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
from collections.abc import Callable
from pathlib import Path

from loads import LOADS

Load = Callable[[socket.socket, int], None]

HERE = Path(__file__).parent
PORT = 8377
MICROQUART = ["-m", "microquart", "run"]
SERVERS = {
    "h1 microquart + bare": [*MICROQUART, "apps:bare"],
    "h1 microquart[httptools] + bare": ["serve_httptools.py"],
    "h1 uvicorn[h11] + bare": ["-m", "uvicorn", "apps:bare"],
    "h1 hypercorn + bare": ["-m", "hypercorn", "apps:bare"],
    "h1 microquart + view": [*MICROQUART, "apps_view:app"],
    "h1 uvicorn[h11] + starlette": ["-m", "uvicorn", "apps_starlette:app"],
    "h1 hypercorn + quart": ["-m", "hypercorn", "apps_quart:app"],
    "h2 floor": ["floors.py", "h2", str(PORT)],
    "h2 microquart + bare": [*MICROQUART, "apps:bare"],
    "h2 hypercorn + bare": ["-m", "hypercorn", "apps:bare"],
    "ws floor": ["floors.py", "ws", str(PORT)],
    "ws microquart + bare": [*MICROQUART, "apps:bare"],
    "ws uvicorn[wsproto] + bare": ["-m", "uvicorn", "apps:bare"],
    "ws hypercorn + bare": ["-m", "hypercorn", "apps:bare"],
}
OPTIONS = {
    "microquart": ["--port", str(PORT), "--no-access-log"],
    "uvicorn": [
        *("--port", str(PORT), "--http", "h11", "--loop", "asyncio"),
        *("--no-access-log", "--log-level", "warning", "--ws", "wsproto"),
    ],
    "hypercorn": [
        *("--bind", f"127.0.0.1:{PORT}", "--log-level", "warning"),
        *("--workers", "0"),
    ],
}


def options(name: str) -> list[str]:
    return OPTIONS.get(name.replace("[", " ").split()[1], [])


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


def instructions(command: list[str], load: Load, times: int) -> int:
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
                load(client, times)
        finally:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=120)
    found = re.search(r"Collected : (\d+)", log)
    if found is None:
        raise SystemExit(log)
    return int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=320)
    parser.add_argument("names", nargs="*", default=list(SERVERS))
    arguments = parser.parse_args()
    for name in arguments.names:
        command = [*SERVERS[name], *options(name)]
        load = LOADS[name.split()[0]]
        instructions(command, load, 1)  # writes the byte code
        few = instructions(command, load, arguments.requests)
        many = instructions(command, load, 2 * arguments.requests)
        each = (many - few) / arguments.requests
        print(f"{name:31} {each / 1000:8.0f} k instructions", flush=True)


if __name__ == "__main__":
    main()
