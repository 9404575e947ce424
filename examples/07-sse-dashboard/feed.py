"""Events for any number of readers, who may be slow, or come back."""

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import anyio


@dataclass(frozen=True)
class Event:
    id: int
    data: Any

    def __str__(self) -> str:
        """As it is sent (HTML standard, 9.2.6)."""
        return f"id: {self.id}\ndata: {json.dumps(self.data)}\n\n"


class Feed:
    """The last events; a reader asks for those after the last that it has.

    There is no queue for each reader, so who is slow takes no memory: it
    finds the oldest events gone.
    """

    def __init__(self, keep: int = 300) -> None:
        self.closed = False
        # Ids go on growing when the server is started anew.
        self._id = time.time_ns() // 1_000_000
        self._kept: deque[Event] = deque(maxlen=keep)
        self._news = anyio.Event()

    def publish(self, data: Any) -> None:
        self._id += 1
        self._kept.append(Event(self._id, data))
        self._ring()

    def close(self) -> None:
        """There will be no more."""
        self.closed = True
        self._ring()

    def after(self, id: int) -> list[Event]:
        return [event for event in self._kept if event.id > id]

    async def wait(self, id: int) -> None:
        """Wait until there is an event after this one, or the end."""
        while not (self.closed or self.after(id)):
            await self._news.wait()

    def _ring(self) -> None:
        self._news.set()
        self._news = anyio.Event()
