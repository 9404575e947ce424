"""A broker on a Unix socket: the line that one process says, all hear.

It is a task in one of these processes, the one that has the lock.  The kernel
takes the lock from a process that ends, however it ends: another may be next.
"""

import fcntl
import os
import socket
from collections.abc import AsyncIterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketListener, SocketStream, TaskStatus
from audience import Audience, Hear

LONGEST = 64 * 1024  # bytes of a line
GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError)


async def serve(path: Path, *, task_status: TaskStatus[None]) -> None:
    """Be the broker.

    Raises:
        BlockingIOError: another process is.
    """
    audience = Audience[bytes]()

    async def member(stream: SocketStream) -> None:
        async def listen() -> None:
            await read(stream, audience.tell)
            group.cancel_scope.cancel()

        with audience.joined() as heard:
            async with stream, anyio.create_task_group() as group:
                group.start_soon(listen)
                await write(stream, heard)
                group.cancel_scope.cancel()

    with bound(path) as door:
        async with await SocketListener.from_socket(door) as listener:
            task_status.started()
            await listener.serve(member)


@contextmanager
def bound(path: Path) -> Iterator[socket.socket]:
    """Listen there, if nobody else has the lock on the folder."""
    folder = os.open(path.parent, os.O_RDONLY)
    with ExitStack() as ending, socket.socket(socket.AF_UNIX) as door:
        ending.callback(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)  # of a process that was killed
        door.bind(str(path))
        ending.callback(path.unlink)
        path.chmod(0o600)
        door.listen()
        yield door


async def read(stream: SocketStream, hear: Hear[bytes]) -> None:
    """Pass on each line, until the other side has gone."""
    connection = stream.extra(SocketAttribute.raw_socket)
    rest = b""
    with suppress(*GONE, anyio.EndOfStream):
        while len(rest) < LONGEST:
            # A receive() that waits, and is cancelled while something comes,
            # logs an InvalidStateError on asyncio (anyio 4.16).
            await anyio.wait_readable(connection)
            *lines, rest = (rest + await stream.receive()).split(b"\n")
            for line in lines:
                await hear(line)


async def write(stream: SocketStream, lines: AsyncIterable[bytes]) -> None:
    """Send each line, until there are no more, or the other has gone."""
    with suppress(*GONE):
        async for line in lines:
            await stream.send(line + b"\n")
