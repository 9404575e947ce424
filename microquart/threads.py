"""Plain functions called from async code: each runs in a worker thread.

The thread has a copy of the caller's context, so ``request``, ``g`` and the
user's own context variables mean there what they mean here.  A thread cannot
be stopped: who is cancelled meanwhile waits for its end, and whatever comes
next (teardown, the closing of a generator) never runs beside it.
"""

import inspect
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar, overload

from anyio import CancelScope, get_cancelled_exc_class, to_thread

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def is_async(func: Callable[..., object]) -> bool:
    """Return whether calling ``func`` gives a coroutine.

    It looks through ``functools.partial`` and at the ``__call__`` of an
    object.  A plain decorator round an ``async def`` counts as plain.
    """
    while isinstance(func, partial):
        func = func.func
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        type(func).__call__
    )


async def run_in_thread(
    func: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Call ``func`` in a worker thread and return, or raise, what it does.

    Raises:
        RuntimeError: instead of StopIteration, which no coroutine can raise.
    """
    call = _Call(partial(func, *args, **kwargs))
    try:
        await to_thread.run_sync(call.run)
    except get_cancelled_exc_class():
        # asyncio's own ``task.cancel()`` does not wait for the thread.
        with CancelScope(shield=True):
            await to_thread.run_sync(call.over)
        raise
    return call.result


@overload
def run_sync(
    func: Callable[P, Generator[T, Any, Any]],
) -> Callable[P, Coroutine[Any, Any, AsyncIterator[T]]]: ...
@overload
def run_sync(
    func: Callable[P, Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]: ...
@overload
def run_sync(func: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]: ...
def run_sync(
    func: Callable[P, object],
) -> Callable[P, Coroutine[Any, Any, object]]:
    """Return an async function that runs ``func`` in a worker thread.

    A generator comes back as an async iterator that is advanced in threads
    too.  A coroutine, from a plain decorator round an ``async def``, is
    awaited here on the loop.
    """

    @wraps(func)
    async def in_thread(*args: P.args, **kwargs: P.kwargs) -> object:
        result = await run_in_thread(func, *args, **kwargs)
        if inspect.isgenerator(result):
            return iterate_in_thread(result)
        if inspect.iscoroutine(result):
            return await result
        return result

    return in_thread


async def iterate_in_thread(iterable: Iterable[T]) -> AsyncGenerator[T, None]:
    """Yield the items of an iterable, each fetched in a worker thread.

    They are all fetched in one copy of the context.  If this is closed before
    the end, so is the iterator: in a thread as well, and in spite of a
    cancellation.
    """
    run = copy_context().run
    iterator = (
        iterable
        if isinstance(iterable, Iterator)
        else await run_in_thread(run, iter, iterable)
    )
    try:
        while item := await run_in_thread(run, _advance, iterator):
            yield item[0]
    finally:
        close = getattr(iterator, "close", None)
        # A generator that has ended has no frame, and nothing to close.
        if close and getattr(iterator, "gi_frame", iterator) is not None:
            with CancelScope(shield=True):
                await run_in_thread(run, close)


def _advance(iterator: Iterator[T]) -> tuple[T] | None:
    for item in iterator:
        return (item,)
    return None


class _Call(Generic[R]):
    """A call that runs once in a thread, and whose end can be waited for."""

    def __init__(self, func: Callable[[], R]) -> None:
        self._func = func
        self._running = threading.Lock()
        self._given_up = False

    def run(self) -> None:
        with self._running:
            if self._given_up:
                return
            try:
                self.result = self._func()
            except StopIteration as error:
                raise RuntimeError("a thread raised StopIteration") from error

    def over(self) -> None:
        """Wait until it has ended, or see to it that it never begins."""
        with self._running:
            self._given_up = True
