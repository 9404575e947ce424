"""How many connections may wait to be accepted, as the kernel knows it."""

import os
import socket
import struct
import sys

import psutil
import pytest

from tests.server.applications import hello
from tests.server.running import running

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells the length of the queue"
)

# Of tcp_info in linux/tcp.h: for a socket that listens, tcpi_sacked is how
# many may wait.  After 8 octets come numbers of 32 bits, it is the sixth.
SACKED = 8 + 5 * 4


def listener_of(process: psutil.Process, port: int) -> int:
    """Return the descriptor of the socket that listens on a port."""
    (found,) = {
        each.fd
        for each in process.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    }
    return found


def may_wait(descriptor: int) -> int:
    """Return how long the queue of a socket that listens may be."""
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    (number,) = struct.unpack_from("I", info, SACKED)
    return int(number)


@pytest.mark.parametrize("backlog", [1, 37, 100])
async def test_so_many_connections_may_wait(loop_name, backlog):
    async with running(hello, backlog=backlog) as server:
        descriptor = listener_of(psutil.Process(), server.port)
        assert may_wait(descriptor) == backlog
