"""What a slow client or a slow application costs: almost nothing."""

import socket

import h2.connection
import pytest

from tests.server.process import Process, started

MIB = 1024 * 1024
CHUNK = b"x" * 64 * 1024
LOOPS = ["asyncio", "uvloop", "trio"]
# Seconds without a byte that pass when nobody reads on.
STALLED = 0.5


def warm_up(server: Process) -> None:
    """Have the server do once what is measured then."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not client.recv(MIB).endswith(b"0\r\n\r\n"):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_an_upload_that_nobody_reads_is_held_back(loop):
    with started("slow.py", "--loop", loop) as server:
        warm_up(server)
        before = server.memory
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(STALLED)
            client.sendall(
                b"POST /upload HTTP/1.1\r\nHost: x\r\n"
                b"Content-Length: 200000000\r\n\r\n"
            )
            with pytest.raises(TimeoutError):
                client.sendall(CHUNK * 3200)
            assert server.memory - before < 2 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_a_download_that_nobody_reads_waits(loop):
    with started("slow.py", "--loop", loop) as server:
        warm_up(server)
        before = server.memory
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1)
            client.settimeout(STALLED)
            # Another request is served meanwhile, so time has passed.
            warm_up(server)
            assert server.memory - before < 2 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("window", [65_535, 2**31 - 1])
def test_a_hundred_streams_to_a_slow_reader_are_held_back(loop, window):
    fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", "/"),
    ]
    client = h2.connection.H2Connection()
    client.local_settings.initial_window_size = window
    client.initiate_connection()
    with started("streams.py", "--loop", loop) as server:
        address = ("127.0.0.1", server.port)
        with socket.create_connection(address) as connection:
            connection.sendall(client.data_to_send())
            before = server.memory
            for number in range(1, 200, 2):
                client.send_headers(number, fields, end_stream=True)
            connection.sendall(client.data_to_send())
            # It reads a little, as slow readers do.
            for _ in range(5):
                client.receive_data(connection.recv(16_384))
            connection.settimeout(STALLED)
            assert server.memory - before < 64 * MIB
