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

IDLE = 500  # connections
PER_CONNECTION = 12 * KIB
PER_TLS_CONNECTION = 80 * KIB
HELLO = 35 * MIB
# Of what the allocator and the kernel round up.
MARGIN = 1.25

# What hello does not need: it is loaded when somebody does.
SELDOM = [
    *("bz2", "difflib", "email", "getpass", "html", "importlib.metadata"),
    *("itsdangerous", "jinja2", "lzma", "multipart", "shutil", "tempfile"),
    *("tomllib", "zipfile", "microquart.debug", "microquart.environment"),
    *("microquart.testing", "microquart.cli.console"),
]


@contextmanager
def enough_descriptors() -> Iterator[None]:
    """Let this process and those that it starts have many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4 * IDLE, hard), hard))
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
    loop: str, *options: str, context: ssl.SSLContext | None = None
) -> float:
    options = ("--no-access-log", "--loop", loop, *options)
    with (
        enough_descriptors(),
        started("hello.py", *options) as server,
        ExitStack() as stack,
    ):
        for _ in range(20):
            connected(server, context).close()
        before = server.memory
        for _ in range(IDLE):
            stack.enter_context(connected(server, context))
        return (server.memory - before) / IDLE


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_connection_is_small(loop):
    assert cost_of_an_idle_connection(loop) < PER_CONNECTION * MARGIN


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_connection_over_tls_is_small(
    loop, certificates: Certificates
):
    options = [f"--certfile={certificates.certfile}"]
    options += [f"--keyfile={certificates.keyfile}"]
    context = certificates.client_context()
    cost = cost_of_an_idle_connection(loop, *options, context=context)
    assert cost < PER_TLS_CONNECTION * MARGIN


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_hello_is_small(loop):
    options = ("--no-access-log", "--loop", loop)
    with started("hello.py", *options) as server:
        for _ in range(20):
            connected(server).close()
        assert server.memory < HELLO * MARGIN


@pytest.mark.slow
def test_hello_loads_nothing_that_it_does_not_need():
    with started("hello.py") as server, connected(server) as client:
        loaded = json.loads(ask(client, b"/modules"))
    assert [name for name in SELDOM if name in loaded] == []


@pytest.mark.slow
def test_importing_microquart_loads_neither_server_nor_what_few_need():
    program = "import sys, microquart; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    unwanted = [*SELDOM, "click", "h11", "h2", "wsproto", "microquart.server"]
    assert "microquart.app" in loaded
    assert [name for name in unwanted if name in loaded] == []
