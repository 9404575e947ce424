"""Something traced that stops between any two of its records.

It runs in a thread and on a loop of its own.  Whoever tells the tracer of a
record waits there, in the middle of whatever it does, until somebody wants
the next one; and the loop's clock stands still meanwhile.  A step back is
everything anew, up to one record less.
"""

import asyncio
from collections.abc import Callable, Coroutine
from threading import Semaphore, Thread
from time import perf_counter_ns
from typing import Any

from microquart.xray.record import Record
from microquart.xray.tracer import Tracer

Play = Callable[[Tracer], Coroutine[Any, Any, object]]
Wanted = Callable[[Record], bool]


class Stepper:
    """Goes through what ``play`` does; ``at`` is how many records there are.

    ``make`` makes the tracer of each time that it is played.
    """

    def __init__(self, play: Play, make: Callable[[], Tracer]) -> None:
        self._play = play
        self._make = make
        self._run = Run(play, make())

    @property
    def records(self) -> list[Record]:
        """The records so far."""
        return self._run.records

    @property
    def over(self) -> bool:
        """There is no other record."""
        return self._run.over

    def next(self, wanted: Wanted | None = None) -> Record | None:
        """Go on to the next record that is wanted; None: there is none.

        Raises:
            Exception: what was played has failed.
        """
        while (record := self._run.step()) is not None:
            if wanted is None or wanted(record):
                return record
        return None

    def back(self, wanted: Wanted | None = None) -> Record | None:
        """Go back to the record before that is wanted, or to the beginning.

        Raises:
            Exception: as ``next``.
        """
        before = self.records if self.over else self.records[:-1]
        count = len(before)
        while count and wanted is not None and not wanted(before[count - 1]):
            count -= 1
        self._run.end()
        self._run = Run(self._play, self._make())
        record = None
        for _ in range(count):
            record = self._run.step()
        return record

    def close(self) -> None:
        """End it where it is."""
        self._run.end()


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time goes on only while something runs."""

    stopped = 0  # nanoseconds

    def time(self) -> float:
        return super().time() - self.stopped / 1e9


class Run:
    """It, once."""

    def __init__(self, play: Play, tracer: Tracer) -> None:
        self.records: list[Record] = []
        self.over = False
        self._play = play
        self._tracer = tracer
        self._error: BaseException | None = None
        self._free = False  # nothing waits any more
        self._go, self._told = Semaphore(0), Semaphore(0)
        self._loop = Clock()
        self._task: asyncio.Task[object] | None = None
        self._thread = Thread(target=self._work, daemon=True)
        tracer.sinks.append(self._saw)

    def step(self) -> Record | None:
        if self.over:
            return None
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._go.release()
        self._told.acquire()
        if self._error is not None:
            raise self._error
        return None if self.over else self.records[-1]

    def end(self) -> None:
        self._free = True
        if self._thread.ident is None:
            self._loop.close()
            return
        if not self.over:
            self._loop.call_soon_threadsafe(self._cancel)
            self._go.release()
        self._thread.join()

    # -- in its thread --

    def _work(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._main())
        except asyncio.CancelledError:
            pass  # ended before its end
        except Exception as error:
            self._error = None if self._free else error
        finally:
            self.over = True
            self._told.release()

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        await self._play(self._tracer)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _saw(self, record: Record) -> None:
        """Wait, unless it is free.  The tracer has its lock: who else tells
        of something waits, too."""
        record.t -= self._loop.stopped
        if self._free:
            return
        began = perf_counter_ns()
        self.records.append(record)
        self._told.release()
        self._go.acquire()
        self._loop.stopped += perf_counter_ns() - began
