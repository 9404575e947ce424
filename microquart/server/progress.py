"""How far a peer has got with reading what it was sent.

The server's own buffer tells that late: it shrinks when the kernel's is down
by a third, and that one may hold megabytes.
"""

import socket
import struct
import sys

# tcp(7): TCP_INFO, and where its tcpi_bytes_acked is.
_ACKNOWLEDGED = struct.Struct("Q")
_AT = 120


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
    except OSError:
        return None
    if len(told) < _AT + _ACKNOWLEDGED.size:
        return None
    count: int = _ACKNOWLEDGED.unpack_from(told, _AT)[0]
    return count
