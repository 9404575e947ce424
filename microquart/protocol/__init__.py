"""What decides: bytes on one side, ASGI messages on the other.

Nothing here waits, reads a clock, touches a socket or logs.  A connection is
a plain object; a shell (``microquart.server``) carries bytes and time to it
and acts on what it says.  One rule joins them, *touch, then settle*: after
every call into the connection or one of its streams the shell sends
``data_to_send()``, starts the application for each of ``opened()``, wakes
those of ``woken()``, and looks at ``paused``, ``closing`` and ``closed``.
"""

import re
from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from microquart.protocol.h1 import H1Connection
from microquart.protocol.preface import PREFACE
from microquart.protocol.stream import Peer, Service, Stream

__all__ = [
    "PREFACE",
    "Connection",
    "Peer",
    "Service",
    "Stream",
    "connect",
    "make_h2",
]


# The first line of HTTP/1.1, however wrong: it has a target, or a version.
_HTTP_1 = re.compile(rb"\S* (?:[/*]|\S+://|.* HTTP/)").match


class Connection(Protocol):
    """One network connection, as a shell sees it."""

    now: float  # monotonic seconds; the shell sets it before each touch
    multiplexed: bool  # several streams at a time: gather their output

    @property
    def paused(self) -> bool:
        """Do not read: what has arrived has not been taken yet."""
        ...

    @property
    def closing(self) -> bool:
        """Once the output is sent, send no more; reading goes on."""
        ...

    @property
    def closed(self) -> bool:
        """Once the output is sent, close the socket."""
        ...

    @property
    def idle(self) -> bool:
        """No request is open or half here: nothing is lost by closing."""
        ...

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the peer; ``b""`` says that no more will come."""

    def lost(self) -> None:
        """The socket broke: what was sent may not have arrived."""

    def data_to_send(self) -> bytes:
        """Return the output so far, once."""
        ...

    def opened(self) -> Iterable[Stream]:
        """Return the streams that want an application call, once each."""
        ...

    def woken(self) -> Iterable[Stream]:
        """Return the streams that have news for who waits on them."""
        ...

    def expire(self, now: float) -> None:
        """Note that time has passed: end what has waited for too long."""

    def shutdown(self) -> None:
        """Finish the open streams, and accept no other."""


Factory: TypeAlias = Callable[[Peer, Service, float], Connection]
# What connect() does, and what may stand in its place.
Connect: TypeAlias = Callable[
    [str | None, bytes, Peer, Service, float], Connection | None
]


def make_h2(peer: Peer, service: Service, now: float) -> Connection:
    """Make a connection of HTTP/2.

    Its library is imported for the first: it has 1.5 MB, and a server
    without TLS may never meet a client that speaks it.
    """
    from microquart.protocol.h2 import H2Connection

    return H2Connection(peer, service, now)


def connect(
    alpn: str | None,
    first: bytes,
    peer: Peer,
    service: Service,
    now: float,
    h1: Factory = H1Connection,
    h2: Factory = make_h2,
) -> Connection | None:
    """Return the connection that speaks what the peer does; None: not yet.

    ``alpn`` is what TLS has agreed on.  Without it the first bytes tell:
    HTTP/2 begins with its preface, and no other protocol does.  ``h1`` and
    ``h2`` make the connection.
    """
    if alpn == "h2":
        return h2(peer, service, now)
    if alpn is None and service.prior_knowledge and not peer.secure:
        if first.startswith(PREFACE):
            return h2(peer, service, now)
        if PREFACE.startswith(first):
            return None
        # RFC 9112 2.2: one empty line before the request is ignored.
        line = first.removeprefix(b"\r\n")
        if b"\r\n" in line and not _HTTP_1(line):
            # Whoever speaks so takes no 400; HTTP/2 has words for it (3.4).
            return h2(peer, service, now)
    return h1(peer, service, now)
