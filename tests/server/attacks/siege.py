"""How each attack is judged, always the same way.

While it goes on, and after it, a client that does no harm is answered within
a second; the memory of the server stays within bounds and comes back, as do
its descriptors and the calls of its application; and it writes no traceback.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.server.process import RUN, Process, command

ROOT = Path(__file__).parents[3]
MIB = 1024 * 1024
PATIENCE = 1.0  # seconds in which another client is answered
TIMEOUT = 8.0  # seconds until an attacker gives up waiting
PAUSE = 0.02  # seconds between two looks
LIMIT = 300.0  # seconds that a target may live: all attacks need it
PEAK = 40 * MIB  # more memory than before, while it goes on
# More memory than before, after it: pieces that allocators keep.  It does not
# grow with the number of attacks.
REST = 8 * MIB
OPTIONS = (
    "--no-access-log",
    *("--header-timeout", "1"),
    *("--body-idle-timeout", "1"),
    *("--body-min-rate", "20000"),
    *("--write-timeout", "1"),
    *("--write-min-rate", "500000"),
    *("--rate-grace", "0.3"),
    *("--linger-timeout", "0.3"),
)


@dataclass
class Target:
    """A server under attack, in a process of its own."""

    process: Process
    context: ssl.SSLContext | None = None  # of its clients
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seen = psutil.Process(self.process.popen.pid)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return self.process.memory

    def held(self) -> int:
        """Resident bytes, without what only waits to be collected."""
        self.ask("/collect")
        return self.memory

    @property
    def descriptors(self) -> int:
        return self._seen.num_fds()

    def connect(self, buffer: int | None = None) -> socket.socket:
        """Connect, and read no more than so many bytes ahead."""
        client = socket.socket()
        if buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(TIMEOUT)
        try:
            client.connect(("127.0.0.1", self.process.port))
        except BaseException:
            client.close()
            raise
        return client

    def says(self, data: bytes) -> bytes:
        """Say this on a new connection; return all that comes."""
        client = self.connect()
        if self.context is not None:
            client = self.context.wrap_socket(
                client, server_hostname="localhost"
            )
        with client:
            return say(client, data)

    def ask(self, path: str) -> bytes:
        """Return the content of an answer."""
        request = f"GET {path} HTTP/1.0\r\n\r\n".encode()
        return self.says(request).partition(b"\r\n\r\n")[2]

    def running(self, tag: str) -> int:
        """How many calls with this query string run."""
        return int(self.ask(f"/running?{tag}"))

    def until_ended(self, tag: str) -> bool:
        """Wait until no call with this query string runs."""
        return until(lambda: self.running(tag) == 0)

    def read_log(self) -> None:
        """Read what the server says, to the end."""
        assert self.process.popen.stderr is not None
        self.said.extend(self.process.popen.stderr)


class Other(threading.Thread):
    """The client that does no harm: how long it waits at worst."""

    def __init__(self, target: Target, client: socket.socket | None) -> None:
        super().__init__(daemon=True)
        self.target = target
        self.client = client  # None: it connects for each request
        self.worst = 0.0  # seconds
        self.memory = 0  # the server's, at its highest
        self.failed: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while True:
            last = self.enough.is_set()
            began = time.monotonic()
            try:
                self.ask()
            except (OSError, AssertionError) as error:
                self.failed.append(repr(error))
            self.worst = max(self.worst, time.monotonic() - began)
            self.memory = max(self.memory, self.target.memory)
            if last:
                return
            self.enough.wait(PAUSE)

    def ask(self) -> None:
        if self.client is not None:
            self.client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            heard = b""
            while not heard.endswith(b"hello"):
                heard += self.client.recv(65536)
        else:
            assert self.target.ask("/") == b"hello"


@contextmanager
def siege(target: Target, known: bool = False) -> Iterator[None]:
    """Judge the attack that is made in a block.

    ``known``: the other client has connected before.
    """
    with ExitStack() as stack:
        client = stack.enter_context(target.connect()) if known else None
        other = Other(target, client)
        other.ask()
        memory, descriptors = target.held(), target.descriptors
        said = len(target.said)
        other.start()
        try:
            yield
        finally:
            other.enough.set()
            other.join(2 * TIMEOUT)
        assert not other.failed, other.failed
        assert other.worst < PATIENCE, other.worst
        assert other.memory - memory < PEAK
        assert until(lambda: target.descriptors <= descriptors)
        assert until(lambda: target.held() - memory < REST)
    log = "".join(target.said[said:])
    assert "Traceback" not in log, log


@contextmanager
def besieged(
    *options: str,
    program: str = "target.py",
    before: Sequence[str] = (),
    context: ssl.SSLContext | None = None,
) -> Iterator[Target]:
    """Run the target round a block, and see that it ends well.

    ``before``: what its command begins with; ``context``: of its clients.
    """
    with command(
        *before,
        *RUN,
        program,
        *("--bind", "127.0.0.1:0"),
        *options,
        limit=LIMIT,
        PYTHONPATH=str(ROOT),
        # glibc keeps up to 64 MiB of what was freed, unless it is told.
        MALLOC_TRIM_THRESHOLD_="131072",
    ) as process:
        process.listening()
        target = Target(process, context)
        log = threading.Thread(target=target.read_log, daemon=True)
        log.start()
        yield target
        process.popen.terminate()
        log.join(TIMEOUT)
        said = "".join(target.said)
        assert "Traceback" not in said, said
        code = process.popen.wait(TIMEOUT)
        assert code == 0, (code, said[-1500:])


def until(fact: Callable[[], bool]) -> bool:
    """Wait until it is so; return whether it came to be."""
    end = time.monotonic() + TIMEOUT
    pause = threading.Event()
    while not fact():
        if time.monotonic() > end:
            return False
        pause.wait(PAUSE)
    return True


def say(client: socket.socket, data: bytes) -> bytes:
    """Say this, as far as anybody listens; return all that comes."""
    with suppress(ConnectionError):
        client.sendall(data)
    return hear(client)


def hear(client: socket.socket) -> bytes:
    """Read up to the end, whichever it is."""
    heard = []
    with suppress(ConnectionError):
        while data := client.recv(65536):
            heard.append(data)
    return b"".join(heard)
