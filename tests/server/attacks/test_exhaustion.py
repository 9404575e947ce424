"""Connections that do nothing: so many that something could run out."""

import resource
from contextlib import ExitStack, contextmanager

import pytest

from tests.server.attacks.conftest import LOOPS
from tests.server.attacks.siege import besieged, hear, siege, until

IDLE = 1_500
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
# A record of TLS that announces 512 bytes of a ClientHello, and stops.
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
FEW = ("sh", "-c", 'ulimit -n 64; exec "$@"', "sh")


@contextmanager
def clients(target, count):
    """Connect so many times round a block."""
    with ExitStack() as stack:
        yield [stack.enter_context(target.connect()) for _ in range(count)]


def twice(target, attack):
    """Judge the second time: so many leave the allocator in pieces."""
    attack()
    with siege(target):
        attack()


@pytest.mark.slow
def test_idle_connections_disturb_nobody(target):
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, descriptors // 2 - 100)

    def attack():
        with clients(target, count) as idle:
            for client in idle:
                client.sendall(GET)
                assert client.recv(65536).endswith(b"hello")

    twice(target, attack)


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_handshakes_that_stall_are_ended(loop, certificates):
    options = (
        *("--loop", loop, "--no-access-log"),
        *("--certfile", str(certificates.certfile)),
        *("--keyfile", str(certificates.keyfile)),
        *("--tls-handshake-timeout", "0.5"),
    )
    context = certificates.client_context()
    with besieged(*options, context=context) as target:
        assert target.ask("/") == b"hello"

        def attack():
            with clients(target, 100) as stalled:
                for client in stalled[::2]:
                    client.sendall(HALF_A_HELLO)
                for client in stalled:
                    assert len(hear(client)) < 20  # at most an alert

        twice(target, attack)


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "limit", [(), ("--max-connections", "1000")], ids=["limit", "no limit"]
)
def test_without_descriptors_who_is_there_is_served(loop, limit):
    options = ("--loop", loop, "--no-access-log", *limit)
    with besieged(*options, before=FEW) as target:
        assert target.ask("/") == b"hello"
        with siege(target, known=True), clients(target, 100):
            assert until(lambda: target.descriptors > 50)
            if limit:
                assert until(lambda: "Too many open" in "".join(target.said))
        assert target.ask("/") == b"hello"
    assert len(target.said) < 20
