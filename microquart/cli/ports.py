"""Why an address cannot be listened on, and what to do about it."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from microquart.server.listen import BindError, parse_bind

# The state of a listening socket in /proc/net/tcp (Linux, tcp_states.h).
LISTENING = "0A"


def explain(error: BindError, option: str) -> str:
    """Say in one line who has the address, or what is wrong with it.

    ``option`` is the one that named it, ``--port`` or ``--bind``.
    """
    bind = parse_bind(error.bind)
    if bind.kind != "tcp":
        return str(error.strerror)
    match error.errno:
        case errno.EADDRINUSE:
            user = owner(bind.port) or "another process"
            other = _other(bind.host, bind.port, option)
            return f"port {bind.port} is used by {user}; try {other}"
        case errno.EACCES:
            other = _other(bind.host, bind.port, option)
            return f"port {bind.port} needs the rights of root; try {other}"
        case errno.EADDRNOTAVAIL | socket.EAI_NONAME:
            return (
                f"{bind.host} is no address of this machine; "
                "try 127.0.0.1, or 0.0.0.0 for all of its addresses"
            )
    return str(error.strerror)


def _other(host: str, port: int, option: str) -> str:
    port = free_port(host, max(port + 1, 8000))
    if option == "--port":
        return f"--port {port}"
    shown = f"[{host}]" if ":" in host else host
    return f"--bind {shown}:{port}"


def free_port(host: str, first: int) -> int:
    """Return a port that nobody listens on, ``first`` or soon after it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + 100, 65536)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    return first


# -- who listens, where the kernel tells (Linux) --


def owner(port: int) -> str | None:
    """Name the process that listens on a port: ``python3 (pid 4242)``.

    None: it is another user's, or this system does not tell.
    """
    targets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for pid in sorted(_numbers("/proc")) if targets else []:
        if targets & set(_opened(pid)):
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            return f"{name} (pid {pid})"
    return None


def _inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if (
                state == LISTENING
                and int(local.rpartition(":")[2], 16) == port
            ):
                yield inode


def _opened(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    try:
        for number in os.listdir(folder):
            yield os.readlink(f"{folder}/{number}")
    except OSError:  # another user's, or just ended
        return


def _numbers(folder: str) -> list[int]:
    if not os.path.isdir(folder):
        return []
    return [int(name) for name in os.listdir(folder) if name.isdigit()]
