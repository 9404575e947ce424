"""What the kernel knows of a peer before we do.

How far it has got with reading what it was sent: our own buffer tells that
late, for it shrinks when the kernel's is down by a third, and that one may
hold megabytes.  And that it has left, while we do not read.
"""

import fcntl
import select
import socket
import struct
import sys
import termios
from contextlib import suppress

# socket(7): SO_LINGER, on, for no second: the peer gets a reset.
_AT_ONCE = struct.pack("ii", 1, 0)
# tcp(7): TCP_INFO, and where its tcpi_bytes_acked is.
_ACKNOWLEDGED = struct.Struct("Q")
_AT = 120
# poll(2): it will send no more.  Other systems do not tell.
_ENDED = getattr(select, "POLLRDHUP", 0)
# What asking a socket raises that has been closed: on uvloop the second.
_CLOSED = (OSError, ValueError)

LOOK = 0.1  # seconds between two looks after a peer that is not read
READ = 64 * 1024  # bytes of one turn: no connection can hold the loop


class Watch:
    """Tells whether a peer leaves whose sending is paused.

    ``patience``: seconds after its FIN, which is no departure by itself.
    """

    def __init__(self, peer: socket.socket, patience: float) -> None:
        self._poll = select.poll()
        number = peer.fileno()
        if number >= 0:  # or else it is closed, or only in memory
            self._poll.register(number, _ENDED)
        self._patience = patience
        self._waited = 0.0

    def has_left(self) -> bool:
        """Look once; to be called again and again, after each ``LOOK``."""
        for _, events in self._poll.poll(0):
            if events & (select.POLLERR | select.POLLHUP):
                return True
            self._waited += LOOK
        return self._waited > self._patience


def forget(peer: socket.socket) -> None:
    """Have the kernel drop what waits to be sent, when the socket closes.

    It would keep megabytes, and send them again and again to a peer that
    does not read.
    """
    with suppress(*_CLOSED):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)


def acknowledged(peer: socket.socket) -> int | None:
    """Return how many bytes the peer's kernel has taken so far.

    None: it is no TCP connection, or our kernel does not tell.
    """
    if sys.platform != "linux":
        return None
    try:
        told = peer.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _AT + _ACKNOWLEDGED.size
        )
    except _CLOSED:
        return None
    if len(told) < _AT + _ACKNOWLEDGED.size:
        return None
    count: int = _ACKNOWLEDGED.unpack_from(told, _AT)[0]
    return count


def unacknowledged(peer: socket.socket) -> int:
    """Return how many bytes our kernel holds that the peer's has not taken.

    0, too, if ours does not tell.
    """
    told = bytes(4)
    with suppress(*_CLOSED):
        told = fcntl.ioctl(peer.fileno(), termios.TIOCOUTQ, told)
    return int.from_bytes(told, sys.byteorder)
