"""Mails on their way.  A folder stands for the mail server."""

from itertools import count
from pathlib import Path

import anyio

KEPT = 10_000  # mails of which the state is known


class Outbox:
    def __init__(self, folder: Path, seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.states: dict[int, str] = {}
        self.waiting = 0
        self._folder = anyio.Path(folder)
        self._seconds = seconds
        self._numbers = count(1)

    def promise(self) -> int:
        """Return the number of a new mail, which ``send()`` is to take."""
        self.waiting += 1
        number = next(self._numbers)
        self.states[number] = "waiting"
        if len(self.states) > KEPT:
            del self.states[next(iter(self.states))]
        return number

    async def send(self, number: int, to: str) -> None:
        """Send a mail; what goes wrong is in its state, too.

        Raises:
            ValueError: that is no address.
        """
        state = "failed"
        try:
            await anyio.sleep(self._seconds)
            if "@" not in to:
                raise ValueError(f"mail {number}: {to!r} is no address")
            path = self._folder / f"{number}.txt"
            await path.write_text(f"To: {to}\n")
            state = "sent"
        finally:  # when it is cancelled, too
            self.waiting -= 1
            if number in self.states:
                self.states[number] = state
