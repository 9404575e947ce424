"""Sockets: where to listen, and who comes in.

The accept loop is the same on asyncio and trio.  It takes what waits in
batches, pauses when there are connections or descriptors enough, and, when
the server stops, takes what the kernel has accepted already before the
socket closes: a client whose connection was made is answered.
"""

import errno
import os
import re
import resource
import socket
import ssl
import stat
import struct
import sys
from array import array
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from logging import getLogger
from typing import Any

import anyio
import anyio.lowlevel

from microquart.protocol import Peer
from microquart.server.proxy_protocol import Header
from microquart.server.settings import Settings
from microquart.server.tls import tls_extension

logger = getLogger("microquart.server")

# Connections accepted at once if there are other workers, who are to get as
# many.
_SHARE = 4
# After the last connection is let in: of the time that idle ones get.  Some
# are being made at this moment, by clients that are not so near.
LAST_CALL = 0.2
_PAUSE = 0.1  # seconds, when there is no descriptor left
_SAY_EVERY = 1.0  # seconds between two lines about pauses
_OUT_OF_DESCRIPTORS = (
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
)

# Between the last accept and the close a client could connect in vain.  This
# filter (socket(7)) has the kernel drop whoever asks for a connection: they
# ask again a second later, and are refused then.
_SO_ATTACH_FILTER = 26
_NO_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte of the flags
        (0x54, 0, 0, 0x12),  # of these: SYN, ACK
        (0x15, 0, 1, 0x02),  # is it SYN alone?
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # let pass
    )
)


class BindError(OSError):
    """An address cannot be listened on; ``bind`` names it."""

    def __init__(self, bind: str, error: OSError) -> None:
        super().__init__(error.errno, f"{bind}: {error.strerror or error}")
        self.bind = bind


class Bound(socket.socket):
    """A socket that we have made: nobody else decides who listens there."""


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen, taken apart."""

    kind: str  # "tcp", "unix" or "fd"
    host: str = ""
    port: int = 0
    path: str = ""
    descriptor: int = -1


def parse_bind(text: str) -> Bind:
    """Take an address of the command line apart.

    >>> parse_bind("[::1]:8000")
    Bind(kind='tcp', host='::1', port=8000, path='', descriptor=-1)

    Raises:
        ValueError: it has none of the forms, which the message lists.
    """
    if text.startswith("unix:"):
        return Bind("unix", path=text.removeprefix("unix:"))
    if text.startswith("fd://") and text[5:].isdigit():
        return Bind("fd", descriptor=int(text[5:]))
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and int(port) < 65536:
        if host.startswith("[") and host.endswith("]"):
            return Bind("tcp", host[1:-1], int(port))
        if ":" not in host:
            return Bind("tcp", host or "0.0.0.0", int(port))
    raise ValueError(
        f"{text!r} is no address: use HOST:PORT, [::1]:PORT, unix:PATH or fd://N"
    )


def parse_mode(text: str | None) -> int | None:
    """Return the mode that octal digits say; None: as the umask has it.

    Raises:
        ValueError: they are none, or more than nine bits.
    """
    if text is None:
        return None
    if not re.fullmatch("0?[0-7]{3}", text):
        raise ValueError(f"{text!r} is no mode: use octal digits, as 660")
    return int(text, 8)


def open_sockets(settings: Settings) -> list[socket.socket]:
    """Return a listening socket for each address of the settings.

    Raises:
        BindError: one cannot be had; none stays open then.
        ValueError: one is no address, or the mode is none.
    """
    sockets: list[socket.socket] = []
    try:
        for text in settings.bind:
            bind = parse_bind(text)
            try:
                sockets.append(_open_socket(bind, settings))
            except OSError as error:
                raise BindError(text, error) from error
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _open_socket(bind: Bind, settings: Settings) -> socket.socket:
    if bind.kind == "fd":
        listener = socket.socket(fileno=bind.descriptor)
    elif bind.kind == "unix":
        mode = parse_mode(settings.socket_mode)
        _remove_stale(bind.path)
        listener = _bound(socket.AF_UNIX, bind.path)
        if mode is not None:
            # Nobody can connect before listen(): there is no race.
            os.chmod(bind.path, mode)
    else:
        family, _, _, _, address = socket.getaddrinfo(
            bind.host,
            bind.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        listener = _bound(family, address)
    listener.listen(settings.backlog)
    listener.setblocking(False)
    return listener


def _bound(family: int, address: Any) -> Bound:
    listener = Bound(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    """Remove the socket of a server that is no more, and nothing else."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except OSError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(path) == errno.ECONNREFUSED:
            os.unlink(path)


def refuse(listener: socket.socket) -> bool:
    """Let nobody connect any more; who has connected can be accepted still.

    Return whether that was ours to do: others listen on a socket that was
    inherited.
    """
    if not isinstance(listener, Bound):
        return False
    with suppress(OSError):
        if listener.family == socket.AF_UNIX:
            listener.shutdown(socket.SHUT_RD)
        elif sys.platform == "linux":
            program = array("B", _NO_SYN)
            address, size = program.buffer_info()
            listener.setsockopt(
                socket.SOL_SOCKET,
                _SO_ATTACH_FILTER,
                struct.pack("HP", size // 8, address),
            )
    return True


def close_socket(listener: socket.socket) -> None:
    """Close a listening socket, and remove its path if we have made it."""
    path = ""
    if listener.family == socket.AF_UNIX and isinstance(listener, Bound):
        path = listener.getsockname()
    listener.close()
    if path and not path.startswith("\0"):
        try:
            os.unlink(path)
        except FileNotFoundError:
            return


def url(listener: socket.socket, secure: bool) -> str:
    """Return where a client finds this socket, for a person to read."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    host, port = name[:2]
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if secure else 'http'}://{host}:{port}"


def connection_limit(settings: Settings) -> int:
    """Return how many connections may be open at once."""
    if settings.max_connections is not None:
        return settings.max_connections
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(10_000, max(1, descriptors * 8 // 10))


def accept_batch(settings: Settings) -> int:
    """Return how many connections are accepted before others get a turn."""
    batch = max(1, settings.accept_batch)
    return min(batch, _SHARE) if settings.workers > 1 else batch


class Pauses:
    """Says why accepting pauses, once a second at most."""

    def __init__(self) -> None:
        self._said_at = -_SAY_EVERY

    def tell(self, why: str) -> None:
        """Log it, unless that was done a moment ago."""
        now = anyio.current_time()
        if now >= self._said_at + _SAY_EVERY:
            self._said_at = now
            logger.warning("accepting pauses: %s", why)


async def accept(
    listener: socket.socket,
    admit: Callable[[socket.socket], None],
    room: Callable[[], Awaitable[None]],
    pauses: Pauses,
    settings: Settings,
) -> None:
    """Admit whoever connects, until cancelled.

    ``room()`` returns when there is place for one connection more.
    """
    batch = accept_batch(settings)
    # Without a descriptor left not even a refusal can be had; one in reserve
    # keeps the rest of the program (logs, files) alive meanwhile.
    while True:
        await room()
        await anyio.wait_readable(listener)
        try:
            for _ in range(batch):
                admit(accept_one(listener))
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # refuse() has closed a Unix socket's door
            if error.errno in _OUT_OF_DESCRIPTORS:
                pauses.tell(os.strerror(error.errno))
                await anyio.sleep(_PAUSE)
        await anyio.lowlevel.checkpoint()


def accept_one(listener: socket.socket) -> socket.socket:
    """Return the next connection that waits.

    Raises:
        BlockingIOError: none waits.
        OSError: it was given up meanwhile, or descriptors have run out.
    """
    peer, _ = listener.accept()
    peer.setblocking(False)
    if peer.family in (socket.AF_INET, socket.AF_INET6):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def drain(
    listener: socket.socket, admit: Callable[[socket.socket], None]
) -> None:
    """Admit whoever the kernel has accepted already."""
    while True:
        try:
            admit(accept_one(listener))
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in (errno.EINVAL, *_OUT_OF_DESCRIPTORS):
                return


def peer_of(
    peer: socket.socket,
    tls: ssl.SSLObject | None,
    header: Header | None = None,
) -> Peer:
    """Return what is known of the other side before its first byte.

    A PROXY header tells of the client that a load balancer speaks for.
    """
    secure = tls is not None
    extension = tls_extension(tls) if tls is not None else None
    if header is not None and header.client is not None:
        return Peer(header.client, header.server, secure, extension)
    try:
        client, server = peer.getpeername(), peer.getsockname()
    except OSError:  # it has left already
        return Peer(secure=secure)
    if peer.family not in (socket.AF_INET, socket.AF_INET6):
        return Peer(None, (server or "", None), secure, extension)
    return Peer(client[:2], server[:2], secure, extension)
