"""The time from a command to its first answer, of servers side by side.

    python tests/bench/start.py [--times 15] [NAME ...]

Each server is started so many times, in a process of its own, and asked until
it answers; then it is killed.  They take turns, so that whatever else the
machine does meets all of them.  Printed are the median and the best, in
milliseconds, beside an interpreter that does nothing.  Byte code is warm: the
first start of each writes it and is not counted.  Servers that are not
installed are left out.  Nothing is asserted: the table is to be read.
"""

import argparse
import subprocess
import sys
import time
from importlib.util import find_spec
from statistics import median

from memory import HYPERCORN, MICROQUART, UVICORN, Server

NOTHING = ["-c", "pass"]
COMMANDS = {
    "python -c pass": NOTHING,
    "microquart + view": [*MICROQUART, "apps_view:app"],
    "microquart + view, uvloop": [
        *(*MICROQUART, "--loop", "uvloop", "apps_view:app"),
    ],
    "microquart + view, trio": [
        *(*MICROQUART, "--loop", "trio", "apps_view:app"),
    ],
    "uvicorn[h11] + starlette": [
        *(*UVICORN, "--loop", "asyncio", "apps_starlette:app"),
    ],
    "hypercorn + quart": [*HYPERCORN, "apps_quart:app"],
}
# What has to be installed for them, beside microquart.
NEEDED = {
    "microquart + view, uvloop": ("uvloop",),
    "microquart + view, trio": ("trio",),
    "uvicorn[h11] + starlette": ("uvicorn", "starlette"),
    "hypercorn + quart": ("hypercorn", "quart"),
}


def is_installed(name: str) -> bool:
    return all(find_spec(module) for module in NEEDED.get(name, ()))


def seconds(words: list[str]) -> float:
    """Return how long a command takes to answer, or to end without one."""
    if words is NOTHING:
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True)
        return time.perf_counter() - began
    server = Server(words, None)
    server.stop()
    return server.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("names", nargs="*", help="parts of their names")
    options = parser.parse_args()
    taken: dict[str, list[float]] = {
        name: []
        for name in COMMANDS
        if is_installed(name)
        and (not options.names or any(n in name for n in options.names))
    }
    for turn in range(options.times + 1):
        for name, each in taken.items():
            took = seconds(COMMANDS[name])
            if turn:
                each.append(1000 * took)
    print(f"{'':28}  median    best  ms")
    for name, each in taken.items():
        print(f"{name:28} {median(each):7.0f} {min(each):7.0f}")


if __name__ == "__main__":
    main()
