"""An application that never waits, in a process of its own."""

import socket

import pytest

from tests.server.process import started


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_a_client_that_leaves_a_flood_does_not_stop_the_loop(loop):
    with started("flood.py", "--loop", loop) as server:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port)) as peer:
                peer.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
                peer.recv(100_000)
            # Closed with content unread: the next write finds it broken.
            with socket.create_connection(("127.0.0.1", server.port)) as peer:
                peer.settimeout(5)
                peer.sendall(
                    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                with peer.makefile("rb") as file:
                    assert file.read().endswith(b"ok")
        assert server.stop() == 0
