"""Who hears: queues that have an end, so that the slow cost no memory."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

import anyio
from anyio.streams.memory import (
    MemoryObjectReceiveStream,
    MemoryObjectSendStream,
)

T = TypeVar("T")
Hear = Callable[[T], Awaitable[None]]

QUEUE = 100  # items that wait for one listener
PATIENCE = 0.2  # seconds that one item may be held up


class Audience(Generic[T]):
    """Everybody who listens: browsers to a process, processes to a broker."""

    def __init__(self) -> None:
        self._queues: set[MemoryObjectSendStream[T]] = set()
        self._turn = anyio.Lock()

    @contextmanager
    def joined(self) -> Iterator[MemoryObjectReceiveStream[T]]:
        """Listen within a block; the stream ends for who is too slow."""
        queue, heard = anyio.create_memory_object_stream[T](QUEUE)
        self._queues.add(queue)
        try:
            with queue, heard:
                yield heard
        finally:
            self._queues.discard(queue)

    async def tell(self, item: T) -> None:
        """Tell all, in one order; who is slow holds them up once."""
        async with self._turn:
            late = anyio.current_time() + PATIENCE
            for queue in list(self._queues):
                if not await _told(queue, item, late):
                    self._queues.discard(queue)
                    queue.close()


async def _told(
    queue: MemoryObjectSendStream[T], item: T, late: float
) -> bool:
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        try:
            queue.send_nowait(item)
        except anyio.WouldBlock:
            # After a burst all queues may be full; most have room at once.
            with anyio.CancelScope(deadline=late) as scope:
                await queue.send(item)
            return not scope.cancelled_caught
    return True  # or has left
