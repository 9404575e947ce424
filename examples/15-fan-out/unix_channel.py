"""What joins the processes of one machine: a broker on a Unix socket.

It is away for a moment when its process ends.  Who listens comes back by
itself; what is said meanwhile is not kept, and who says it is told so.
"""

import json
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.abc import SocketStream
from audience import Hear
from broker import GONE, read, serve

PAUSE = 0.05  # seconds between two attempts


class UnixChannel:
    """The connection of a process to the broker, which may run in it."""

    def __init__(self, hear: Hear[str], path: Path) -> None:
        self._hear, self._path = hear, path
        self._broker: SocketStream | None = None
        self._turn = anyio.Lock()

    async def run(self) -> None:
        """Listen, for ever; be the broker if there is none."""
        async with anyio.create_task_group() as group:
            while True:
                with suppress(OSError):
                    await self._listen(await anyio.connect_unix(self._path))
                with suppress(BlockingIOError):
                    await group.start(serve, self._path)
                    continue
                await anyio.sleep(PAUSE)

    async def _listen(self, broker: SocketStream) -> None:
        async with broker:
            self._broker = broker
            await read(broker, self._hear_line)
            self._broker = None

    async def _hear_line(self, line: bytes) -> None:
        await self._hear(json.loads(line))

    async def say(self, text: str) -> None:
        """Have all processes hear it, this one as well.

        Raises:
            ConnectionError: nobody would, at the moment.
        """
        async with self._turn:
            if self._broker is None:
                raise ConnectionError("there is no broker")
            try:
                await self._broker.send(json.dumps(text).encode() + b"\n")
            except GONE:
                raise ConnectionError("the broker has gone") from None
