"""What ties a worker to its supervisor: two pipes, and the sockets.

The worker reads orders from one pipe: a byte each, and the end of the pipe is
the end of the supervisor, however that came about.  It says how it is on the
other one, a line each.
"""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, Self

import anyio

from microquart.server.imports import Imports

# The descriptors: of the orders, of the news, and of each socket.
VARIABLE = "MICROQUART_LEASH"

STOP, NOW = b"s", b"n"  # the orders


class Overseer(Protocol):
    """Who wants to know how a server is."""

    def ready(self, urls: list[str]) -> None:
        """It lets connections in."""

    def beat(self) -> None:
        """Its loop turns; said each second."""

    def stopping(self) -> None:
        """It accepts nothing new."""


class Leash:
    """The worker's ends of both pipes."""

    def __init__(
        self, orders: int, news: int, sockets: Sequence[int], reload: bool
    ) -> None:
        self._orders = orders
        self._news = news
        self._imports = Imports() if reload else None
        self.bind = tuple(f"fd://{number}" for number in sockets)
        for number in (orders, news, *sockets):
            os.set_inheritable(number, False)
        os.set_blocking(news, False)

    @classmethod
    def inherited(cls, reload: bool = False) -> Self | None:
        """Return the leash of this process; None: it is nobody's worker.

        With ``reload`` it tells which files the application has imported.
        """
        held = [int(each) for each in os.environ.get(VARIABLE, "").split()]
        # Programs that a worker starts have the variable too, but not the
        # pipes.
        if not held or not all(map(_is_pipe, held[:2])):
            return None
        orders, news, *sockets = held
        return cls(orders, news, sockets, reload)

    async def order(self) -> bytes:
        """Wait for an order, STOP or NOW; empty: the supervisor has died."""
        await anyio.wait_readable(self._orders)
        return os.read(self._orders, 1)

    # -- as an Overseer --

    def ready(self, urls: list[str]) -> None:
        self._say("ready")
        self._tell_imports()

    def beat(self) -> None:
        self._say("beat")
        self._tell_imports()

    def stopping(self) -> None:
        self._say("stopping")

    # -- inside --

    def _tell_imports(self) -> None:
        if self._imports is not None:
            for path in self._imports.added():
                self._say(f"imported {path}")

    def _say(self, line: str) -> None:
        # A supervisor that has died, or that is far behind, hears nothing.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._news, os.fsencode(f"{line}\n"))


def _is_pipe(number: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False
