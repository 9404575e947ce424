"""A task of its own for an application under test.

A task group would be tied to the task that opened it, and test runners run
the two halves of a fixture in two tasks.  So each connection, and each
``TestApp``, owns one task and ends it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Background:
    """Runs an async function at once, and keeps what it raised.

    ``variables`` are the context variables that it sees and sets: a copy of
    the current ones unless they are given.
    """

    def __init__(
        self,
        function: Callable[[], Awaitable[None]],
        variables: Context | None = None,
    ) -> None:
        self.failure: BaseException | None = None
        self.variables = copy_context() if variables is None else variables
        self._function = function
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._start()

    @property
    def done(self) -> bool:
        return self._ended.is_set()

    def cancel(self) -> None:
        self._scope.cancel()

    async def end(self) -> None:
        """Wait for the end; raise what the function raised, only once.

        Whoever is cancelled while it waits here, ends the task.
        """
        try:
            await self._ended.wait()
        finally:
            self.cancel()
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def _start(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            import trio

            trio.lowlevel.spawn_system_task(self._run, context=self.variables)
        else:
            self._task = loop.create_task(self._run(), context=self.variables)

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._function()
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            # pytest.fail() in a view is no Exception; and it would break
            # trio itself if it left a system task.
            self.failure = error
        finally:
            self._ended.set()


class Closed(Exception):
    """Nothing is in the box, and nothing will be."""


class Mailbox(Generic[T]):
    """A queue between the test and the application, without an end."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._closed = False
        self._news = anyio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item; after the end it is lost, as on a broken line."""
        if not self._closed:
            self._items.append(item)
            self._news.set()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    async def get(self) -> T:
        """Wait for the next item.

        Raises:
            Closed: the box has been closed and emptied.
        """
        while not self._items:
            if self._closed:
                raise Closed
            if self._news.is_set():
                self._news = anyio.Event()
            await self._news.wait()
        return self._items.popleft()
