"""The application's life: what runs before, while and after serving.

Background tasks belong to it: each is kept until it has ended, its errors
are logged with the request that started it, and a shutdown waits for them,
``BACKGROUND_TASK_SHUTDOWN_TIMEOUT`` seconds, before it cancels them.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextvars import copy_context
from typing import Any, TypeVar

import anyio
import anyio.from_thread

from microquart.context import Context
from microquart.pipeline import Pipeline
from microquart.scaffold import setupmethod
from microquart.signals import (
    announce,
    got_background_exception,
    got_serving_exception,
)
from microquart.typing import (
    AfterServingCallable,
    BeforeServingCallable,
    Event,
    WhileServingCallable,
)

T_after_serving = TypeVar("T_after_serving", bound=AfterServingCallable)
T_before_serving = TypeVar("T_before_serving", bound=BeforeServingCallable)
T_while_serving = TypeVar("T_while_serving", bound=WhileServingCallable)


class BackgroundTask:
    """Runs an async function beside the requests; it never raises."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()

    def start(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            import trio

            # A system task, as no nursery of ours outlives the request.
            trio.lowlevel.spawn_system_task(self._main, context=copy_context())
        else:
            self._task = loop.create_task(self._main())

    def cancel(self) -> None:
        self._scope.cancel()

    def done(self) -> bool:
        return self._ended.is_set()

    async def wait(self) -> None:
        await self._ended.wait()

    async def _main(self) -> None:
        try:
            with self._scope:
                await self._run()
        finally:
            self._ended.set()


class Serving(Pipeline):
    """An application as far as it starts and stops."""

    event_class: Callable[[], Event] = anyio.Event
    background_task_class = BackgroundTask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before_serving_funcs: list[BeforeServingCallable] = []
        self.while_serving_funcs: list[WhileServingCallable] = []
        self.while_serving_gens: list[AsyncGenerator[None, None]] = []
        self.after_serving_funcs: list[AfterServingCallable] = []
        # An extension may add what ``asyncio.create_task()`` gives.
        self.background_tasks: set[BackgroundTask | asyncio.Task[Any]] = set()
        self.shutdown_event: Event | None = None

    def app_context(self) -> Context:
        """Return the application's own context, to be entered."""
        return self.context_class(self)

    @setupmethod
    def before_serving(self, func: T_before_serving) -> T_before_serving:
        """Call ``func`` before the first request."""
        self.before_serving_funcs.append(func)
        return func

    @setupmethod
    def while_serving(self, func: T_while_serving) -> T_while_serving:
        """Run a generator: to its ``yield`` before, to its end after."""
        self.while_serving_funcs.append(func)
        return func

    @setupmethod
    def after_serving(self, func: T_after_serving) -> T_after_serving:
        """Call ``func`` after the last request."""
        self.after_serving_funcs.append(func)
        return func

    async def startup(self) -> None:
        """Do what is to be done before serving, as a server's lifespan does.

        Raises:
            Exception: what a function raised; what had started is ended.
        """
        self.shutdown_event = self._event_of_the_stop()
        try:
            async with self.app_context():
                for func in self.before_serving_funcs:
                    await self.ensure_async(func)()
                for make in self.while_serving_funcs:
                    generator = make()
                    self.while_serving_gens.append(generator)
                    await anext(generator)
        except Exception as error:
            await self._tell_failure(error)
            await self._close_generators()
            raise

    async def shutdown(self) -> None:
        """Wait for background tasks, do what is to be done after serving."""
        if self.shutdown_event is not None:
            self.shutdown_event.set()
        await self._drain()
        try:
            async with self.app_context():
                while self.while_serving_gens:
                    await _finish(self.while_serving_gens.pop())
                for func in self.after_serving_funcs:
                    await self.ensure_async(func)()
        except Exception as error:
            await self._tell_failure(error)
            await self._close_generators()
            raise

    def _event_of_the_stop(self) -> Event:
        """Return our server's event, which is set when a stop begins.

        Another server tells of the stop when it has ended all requests.
        """
        told: Event | None = self.state.get("microquart.shutdown")
        if told is not None and self.event_class is anyio.Event:
            return told
        return self.event_class()

    async def _close_generators(self) -> None:
        while self.while_serving_gens:
            await self.while_serving_gens.pop().aclose()

    async def _tell_failure(self, error: Exception) -> None:
        await announce(got_serving_exception, self, exception=error)
        self.log_exception((type(error), error, error.__traceback__))

    # -- background tasks --

    def add_background_task(
        self, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """Call ``func`` beside the requests, plain or async.

        It has an application context of its own.  A plain view may call
        this too, from its thread.
        """

        task: BackgroundTask

        async def run() -> None:
            try:
                async with self.app_context():
                    await self.ensure_async(func)(*args, **kwargs)
            except Exception as error:
                await self.handle_background_exception(error)
            finally:
                self.background_tasks.discard(task)

        def start() -> None:
            nonlocal task
            task = self.background_task_class(run)
            self.background_tasks.add(task)
            task.start()

        _on_the_loop(start)

    async def handle_background_exception(self, error: Exception) -> None:
        """Log what a background task raised."""
        await announce(got_background_exception, self, exception=error)
        self.log_exception((type(error), error, error.__traceback__))

    async def _drain(self) -> None:
        timeout: float | None = self.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"]
        tasks = [task for task in self.background_tasks if not task.done()]
        with anyio.move_on_after(timeout):
            for task in tasks:
                await _end_of(task)
        for task in tasks:
            task.cancel()
        # A thread cannot be cancelled: it is not waited for twice as long.
        with anyio.move_on_after(timeout):
            for task in tasks:
                await _end_of(task)
        self.background_tasks.clear()


async def _end_of(task: BackgroundTask | asyncio.Task[Any]) -> None:
    if not isinstance(task, asyncio.Task):
        await task.wait()
    elif not task.done():
        await asyncio.wait([task])


async def _finish(generator: AsyncGenerator[None, None]) -> None:
    try:
        await anext(generator)
    except StopAsyncIteration:
        return
    await generator.aclose()
    raise RuntimeError("While serving generator didn't terminate")


def _on_the_loop(start: Callable[[], None]) -> None:
    """Call ``start`` where there is a loop, from a worker thread too."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if not _in_trio():
            anyio.from_thread.run_sync(start)
            return
    start()


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())
