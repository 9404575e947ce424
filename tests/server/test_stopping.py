"""A stop: nobody who was let in loses a request, and nobody holds it up."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from hyperframe.frame import SettingsFrame

from tests.server.conftest import Certificates
from tests.server.load import PREFACE, WAYS, load_on, requests
from tests.server.process import Process, started

LOOPS = ["asyncio", "uvloop", "trio"]
# Development: 0.5 s for open requests, 0.2 s for those cancelled, 0.3 s for
# the application's shutdown, and 0.2 s for the rest.
BOUND = 1.2
# Open requests may take as long as ever: only who has not begun one ends.
SOON = ("--stop-linger", "0.1")
TIMES = 4
LOOP_OPTIONS = [("--no-access-log", "--loop", loop) for loop in LOOPS]
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("way", WAYS)
def test_under_load_no_request_is_lost(way, loop):
    with started("worker.py", "--no-access-log", "--loop", loop) as server:
        with load_on(server.port, way) as load:
            load.wait_for(200)
            server.popen.send_signal(signal.SIGTERM)
        assert server.end() == 0
    assert load.lost == []


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_under_load_no_request_to_two_workers_is_lost(way):
    options = ("--no-access-log", "--workers", "2")
    with started("worker.py", *options) as server:
        # The second worker may be on its way, with the sockets open.
        with load_on(server.port, way) as load:
            load.wait_for(200)
            server.popen.send_signal(signal.SIGTERM)
        assert server.end() == 0
    assert load.lost == []


@pytest.mark.slow
def test_requests_that_run_are_ended():
    with started("worker.py", "--no-access-log") as server:
        with load_on(server.port, "HTTP/1.1", "/slow") as load:
            load.wait_for(1)
            server.popen.send_signal(signal.SIGTERM)
        assert server.end() == 0
    assert load.lost == []
    assert load.answered > 1


# -- what would never end by itself --


def open_http(client: socket.socket, path: bytes, fields: bytes = b"") -> None:
    client.sendall(GET % (path, fields))


def events(client: socket.socket) -> None:
    open_http(client, b"/events")


def upload(client: socket.socket) -> None:
    open_http(client, b"/read", b"Content-Length: 1000000\r\n")


def websocket(client: socket.socket) -> None:
    fields = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    fields += b"Sec-WebSocket-Version: 13\r\n"
    fields += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    open_http(client, b"/socket", fields)


def http2(client: socket.socket) -> None:
    client.sendall(PREFACE + SettingsFrame(0).serialize())
    client.sendall(b"".join(requests(b"/events", [1])))


OPEN = {
    "an event stream": (events, "GET /events"),
    "an upload": (upload, "GET /read"),
    "a WebSocket": (websocket, "WEBSOCKET /socket"),
    "an HTTP/2 stream": (http2, "GET /events"),
}


def opened(server: Process, *names: str) -> Iterator[socket.socket]:
    """Yield connections, each with such a request that runs."""
    for name in names:
        client = socket.create_connection(("127.0.0.1", server.port))
        OPEN[name][0](client)
        client.settimeout(5)
        if name != "an upload":
            client.recv(1)
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_open_streams_of_all_kinds_end_within_the_bound(loop):
    options = ("--debug", "--no-access-log", "--loop", loop)
    with started("worker.py", *options) as server, ExitStack() as stack:
        for client in opened(server, *OPEN):
            stack.enter_context(client)
        began = time.monotonic()
        assert server.stop() == 0
        took = time.monotonic() - began
    assert took < BOUND
    # A WebSocket has an end: its client was told, and may answer no more.
    for said in ("GET /events", "GET /read"):
        assert f"waiting for {said} (" in server.said
        assert f"cancelled: {said} (" in server.said
    assert "shutdown of" in server.said
    assert "Traceback" not in server.said


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN)
def test_a_second_signal_ends_it_at_once(name):
    with started("worker.py", "--no-access-log") as server:
        (client,) = opened(server, name)
        with client:
            server.popen.send_signal(signal.SIGINT)
            server.wait_for("SIGINT: stopping")
            began = time.monotonic()
            assert server.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < BOUND
    assert "stopping now" in server.said
    assert "Traceback" not in server.said


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_a_startup_that_takes_long_is_given_up(loop):
    options = ("--loop", loop, "--no-access-log")
    with started("worker.py", *options, wait=False, FAIL="hang") as server:
        server.wait_for("starting")
        began = time.monotonic()
        assert server.stop() == 0
    assert time.monotonic() - began < BOUND
    assert "Traceback" not in server.said


@pytest.mark.slow
@pytest.mark.parametrize("options", [*LOOP_OPTIONS, ("--workers", "1")])
def test_a_signal_right_after_the_announcement_is_an_orderly_stop(options):
    for _ in range(TIMES):
        with started("worker.py", "--debug", *options) as server:
            assert server.stop() == 0
        assert "SIGTERM: stopping" in server.said
        assert "Traceback" not in server.said


# -- who has connected, and says nothing that could be answered --


@pytest.mark.slow
@pytest.mark.parametrize("options", LOOP_OPTIONS)
def test_a_handshake_that_stalls_does_not_hold_up_a_stop(
    options, certificates: Certificates
):
    tls = [f"--certfile={certificates.certfile}"]
    tls += [f"--keyfile={certificates.keyfile}"]
    with started("worker.py", *SOON, *tls, *options) as server:
        assert_stops_beside(server, b"\x16\x03\x01")


@pytest.mark.slow
@pytest.mark.parametrize("options", LOOP_OPTIONS)
def test_a_proxy_that_stalls_does_not_hold_up_a_stop(options):
    trusting = ("--proxy-protocol", "--forwarded-allow-ips", "127.0.0.1")
    with started("worker.py", *SOON, *trusting, *options) as server:
        assert_stops_beside(server, b"PROXY TCP4 192.0.2.1 ")


def assert_stops_beside(server: Process, beginning: bytes) -> None:
    """Stop a server while a client has not said more than a beginning."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(beginning)
        began = time.monotonic()
        assert server.stop() == 0
        # Neither refused nor answered: it was ended.
        client.settimeout(1)
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert time.monotonic() - began < BOUND
    assert "Traceback" not in server.said
