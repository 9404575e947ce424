"""Rooms, and who is in them: each member has a queue, and it is bounded."""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

Message = dict[str, Any]

QUEUE = 64  # messages that a member may be behind
KEPT = 20  # messages that a newcomer gets


class Member:
    """Somebody in a room, as far as messages to them are concerned."""

    def __init__(self) -> None:
        self.too_slow = anyio.Event()
        self._in, self._out = anyio.create_memory_object_stream[Message](QUEUE)

    def tell(self, message: Message) -> None:
        """Queue a message: nobody ever waits for a member."""
        try:
            self._in.send_nowait(message)
        except anyio.WouldBlock:
            self.too_slow.set()

    async def messages(self) -> AsyncIterator[Message]:
        async for message in self._out:
            yield message

    def close(self) -> None:
        self._in.close()
        self._out.close()


@dataclass
class Room:
    members: set[Member] = field(default_factory=set)
    kept: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT))

    def say(self, message: Message) -> None:
        self.kept.append(message)
        for member in self.members:
            member.tell(message)


class Rooms:
    """A room is there as long as somebody is in it."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    @contextmanager
    def entered(self, name: str) -> Iterator[tuple[Room, Member]]:
        """Be in a room for the length of a block."""
        room = self._rooms.setdefault(name, Room())
        member = Member()
        for message in room.kept:
            member.tell(message)
        room.members.add(member)
        try:
            yield room, member
        finally:
            room.members.discard(member)
            member.close()
            if not room.members:
                del self._rooms[name]

    def __len__(self) -> int:
        return len(self._rooms)
