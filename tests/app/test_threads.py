"""Plain functions and iterables, run in worker threads."""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing
from contextvars import ContextVar

import anyio
import pytest

from microquart.threads import (
    is_async,
    iterate_in_thread,
    run_in_thread,
    run_sync,
)

colour: ContextVar[str] = ContextVar("colour")


async def wait() -> None: ...


def plain() -> None: ...


async def stream() -> AsyncIterator[int]:
    yield 1


class Waits:
    async def __call__(self) -> None: ...

    async def method(self) -> None: ...


class DoesNotWait:
    def __call__(self) -> None: ...


@functools.wraps(wait)
async def decorated() -> None: ...


@functools.wraps(wait)
def decorated_plainly() -> object:
    return wait()


@pytest.mark.parametrize(
    ("func", "answer"),
    [
        (wait, True),
        (plain, False),
        (Waits(), True),
        (Waits().method, True),
        (DoesNotWait(), False),
        (Waits, False),
        (functools.partial(wait), True),
        (functools.partial(functools.partial(Waits())), True),
        (functools.partial(plain), False),
        (decorated, True),
        (decorated_plainly, False),
        (stream, False),
        (run_sync(plain), True),
    ],
)
def test_a_function_is_async_if_its_call_gives_a_coroutine(
    func: Callable[..., object], answer: bool
) -> None:
    assert is_async(func) is answer


async def test_a_function_runs_in_another_thread_with_its_arguments() -> None:
    def view(a: int, *, b: int) -> tuple[int, int]:
        return a + b, threading.get_ident()

    result, thread = await run_sync(view)(1, b=2)
    assert result == 3
    assert thread != threading.get_ident()


async def test_a_thread_has_a_copy_of_its_callers_context() -> None:
    def view() -> str:
        seen = colour.get()
        colour.set("red")
        return seen

    colour.set("green")
    assert await run_in_thread(view) == "green"
    assert colour.get() == "green"


async def test_an_exception_comes_out_of_the_thread() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 / 0)


async def test_stop_iteration_becomes_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await run_in_thread(next, iter(()))


async def test_the_coroutine_of_a_plain_decorator_is_awaited_on_the_loop() -> (
    None
):
    async def view() -> int:
        return threading.get_ident()

    def decorator() -> object:
        return view()

    assert await run_sync(decorator)() == threading.get_ident()


async def test_a_generator_function_gives_an_async_iterator() -> None:
    def view() -> Generator[int, None, None]:
        yield threading.get_ident()

    (thread,) = [item async for item in await run_sync(view)()]
    assert thread != threading.get_ident()


@pytest.mark.parametrize("items", [[], [1], [1, None, 0, "x"]])
async def test_an_iterable_is_iterated_whatever_its_items(
    items: list[object],
) -> None:
    assert [item async for item in iterate_in_thread(items)] == items
    assert [item async for item in iterate_in_thread(iter(items))] == items


async def test_a_generator_keeps_its_context_from_step_to_step() -> None:
    def steps() -> Iterator[str]:
        yield colour.get()
        colour.set("red")
        yield colour.get()
        yield colour.get()

    colour.set("green")
    seen = [item async for item in iterate_in_thread(steps())]
    assert seen == ["green", "red", "red"]
    assert colour.get() == "green"


async def test_an_error_in_a_generator_comes_after_its_items() -> None:
    def steps() -> Iterator[int]:
        yield 1
        raise LookupError

    iterator = iterate_in_thread(steps())
    assert await anext(iterator) == 1
    with pytest.raises(LookupError):
        await anext(iterator)


class Steps:
    """A generator that says where it was closed, and waits when told."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go_on = threading.Event()
        self.closed_in: int | None = None

    def __call__(self) -> Iterator[int]:
        try:
            yield 1
            self.began.set()
            self.go_on.wait(5)
            yield 2
        finally:
            self.closed_in = threading.get_ident()

    async def read(self) -> None:
        iterator = iterate_in_thread(self())
        async with aclosing(iterator):
            async for _ in iterator:
                pass


async def test_a_generator_that_is_left_is_closed_in_a_thread() -> None:
    steps = Steps()
    iterator = iterate_in_thread(steps())
    assert await anext(iterator) == 1
    assert steps.closed_in is None
    await iterator.aclose()
    assert steps.closed_in not in (None, threading.get_ident())


async def test_a_cancelled_generator_is_closed_when_its_thread_is_done() -> (
    None
):
    steps = Steps()
    async with anyio.create_task_group() as group:
        group.start_soon(steps.read)
        await run_in_thread(steps.began.wait, 5)
        group.cancel_scope.cancel()
        assert steps.closed_in is None
        steps.go_on.set()
    assert steps.closed_in not in (None, threading.get_ident())


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_cancelled_by_asyncio_itself_waits_for_its_thread_too(
    anyio_backend: str,
) -> None:
    steps = Steps()
    task = asyncio.create_task(steps.read())
    await run_in_thread(steps.began.wait, 5)
    task.cancel()
    await asyncio.wait([task], timeout=0.01)
    assert not task.done()
    steps.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps.closed_in not in (None, threading.get_ident())


async def test_a_cancelled_call_that_has_not_begun_never_begins() -> None:
    called: list[int] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_in_thread(called.append, 1)
    assert called == []
