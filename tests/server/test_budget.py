"""What the server costs before it has anything to do: memory, and modules."""

import json
import resource
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.server.conftest import Certificates
from tests.server.process import Process, started

KIB = 1024
MIB = 1024 * KIB
LOOPS = ["asyncio", "uvloop", "trio"]
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"

IDLE = 2000  # connections
# Their handshakes take four times as long as all the rest, and each costs
# the same: measured with 500 and with 2,000, it differs by 2 %.
IDLE_OVER_TLS = 500
PER_CONNECTION = 12 * KIB
PER_TLS_CONNECTION = 80 * KIB
HELLO = {
    "asyncio": 35 * MIB,
    "uvloop": 35 * MIB,
    # What trio imports (attrs, ctypes, sortedcontainers, idna) has 5 MiB,
    # and asyncio is there as well: the framework asks it which loop runs.
    "trio": 37 * MIB,
}
# A server keeps a fifth of its descriptors for what is no connection.
DESCRIPTORS = IDLE * 10 // 8 + 100
# Every limit that is off by default.
LIMITS = (
    f"--max-connections={IDLE + 100}",
    f"--limit-concurrency={IDLE}",
    f"--max-requests={100 * IDLE}",
    "--request-timeout=60",
    "--server-names=x",
)

# What hello does not need: it is loaded when somebody does.
SELDOM = [
    *("bz2", "calendar", "cryptography", "ctypes", "decimal", "difflib"),
    *("email", "getpass", "h2", "hpack", "html", "http.client"),
    *("http.server", "hyperframe"),
    *("importlib.metadata", "itsdangerous", "jinja2", "lzma", "multipart"),
    *("multiprocessing", "pdb", "random", "readline", "secrets", "shutil"),
    *("sqlite3", "sysconfig", "tempfile", "tomllib", "unittest"),
    *("urllib.request", "watchfiles", "xml", "zipfile"),
    *("microquart.cli.console", "microquart.cli.traces", "microquart.debug"),
    *("microquart.environment", "microquart.learn", "microquart.testing"),
    *("microquart.xray",),
]
# Each loop's own; the others do without.
ASYNCIO = {"anyio._backends._asyncio", "microquart.server.asyncio_shell"}
OWN = {
    "asyncio": ASYNCIO,
    "uvloop": ASYNCIO | {"uvloop"},
    "trio": {"anyio._backends._trio", "microquart.server.anyio_shell", "trio"},
}
# And what trio itself imports of the above.
FOR_TRIO = {"bz2", "ctypes", "lzma", "random", "shutil", "tempfile"}


@pytest.fixture(scope="module", autouse=True)
def warm_byte_code() -> None:
    """Have the byte code written: who compiles keeps a megabyte of it."""
    for loop in LOOPS:
        options = ("--loop", loop)
        # Empty counts as not set.
        with started("hello.py", *options, PYTHONDONTWRITEBYTECODE=""):
            pass


@contextmanager
def enough_descriptors() -> Iterator[None]:
    """Let this process and those that it starts have many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.skip(f"{DESCRIPTORS} descriptors are needed; the limit: {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connected(
    server: Process, context: ssl.SSLContext | None = None
) -> socket.socket:
    """Return a connection that has been served one request, and waits."""
    client = socket.create_connection(("127.0.0.1", server.port))
    if context is not None:
        client = context.wrap_socket(client, server_hostname="localhost")
    ask(client, b"/")
    return client


def ask(client: socket.socket, path: bytes) -> bytes:
    client.sendall(GET % path)
    answer = client.makefile("rb")
    length = 0
    while (line := answer.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split()[1])
    return answer.read(length)


def cost_of_an_idle_connection(
    loop: str,
    connections: int,
    *options: str,
    context: ssl.SSLContext | None = None,
) -> float:
    options = ("--no-access-log", "--loop", loop, *LIMITS, *options)
    with (
        enough_descriptors(),
        started("hello.py", *options) as server,
        ExitStack() as stack,
    ):
        for _ in range(20):
            connected(server, context).close()
        before = server.memory
        for _ in range(connections):
            stack.enter_context(connected(server, context))
        return (server.memory - before) / connections


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_connection_is_small(loop):
    assert cost_of_an_idle_connection(loop, IDLE) <= PER_CONNECTION


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_connection_over_tls_is_small(
    loop, certificates: Certificates
):
    options = [f"--certfile={certificates.certfile}"]
    options += [f"--keyfile={certificates.keyfile}"]
    context = certificates.client_context()
    cost = cost_of_an_idle_connection(
        loop, IDLE_OVER_TLS, *options, context=context
    )
    assert cost <= PER_TLS_CONNECTION


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_hello_is_small(loop):
    options = ("--no-access-log", "--loop", loop)
    with started("hello.py", *options) as server:
        for _ in range(20):
            connected(server).close()
        assert server.memory <= HELLO[loop]


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_hello_loads_nothing_that_it_does_not_need(loop):
    options = ("--loop", loop)
    with started("hello.py", *options) as server, connected(server) as client:
        loaded = set(json.loads(ask(client, b"/modules")))
    others = set().union(*OWN.values()) - OWN[loop]
    unwanted = {*SELDOM, *others} - (FOR_TRIO if loop == "trio" else set())
    assert OWN[loop] <= loaded
    assert unwanted & loaded == set()


@pytest.mark.slow
def test_importing_microquart_loads_neither_server_nor_what_few_need():
    program = "import sys, microquart; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    unwanted = [*SELDOM, "click", "h11", "wsproto", "microquart.server"]
    assert "microquart.app" in loaded
    assert [name for name in unwanted if name in loaded] == []
