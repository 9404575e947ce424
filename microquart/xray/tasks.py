"""Which task, or thread, something happens in: its name."""

import asyncio
import sys
from threading import current_thread
from typing import Any
from weakref import ref


class Tasks:
    """The names of tasks: their own, or what a tap knows them by.

    >>> Tasks().name()
    'MainThread'
    """

    def __init__(self) -> None:
        # By id, as long as the task is: looked at for each record.
        self._known: dict[int, tuple[str, ref[Any]]] = {}

    def name(self) -> str | None:
        """Return the name of the current one; None: a callback of the loop,
        which no task has called."""
        try:
            task: Any = asyncio.current_task()
        except RuntimeError:
            task = elsewhere()
        known = self._known.get(id(task))
        if known is not None:
            return known[0]
        if task is None:
            return None
        get_name = getattr(task, "get_name", None)  # asyncio's
        name: str = task.name if get_name is None else get_name()
        return name

    def call(self, name: str) -> None:
        """Call the current task so, until it is gone."""
        try:
            task: Any = asyncio.current_task()
        except RuntimeError:
            task = elsewhere()
        if task is not None:
            number, known = id(task), self._known
            gone = ref(task, lambda _: known.pop(number, None))
            known[number] = name, gone


def elsewhere() -> Any:
    """Return what runs where no loop of asyncio does: trio's task, or the
    thread."""
    # Where it is not imported, it does not run.
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            return trio.lowlevel.current_task()
        except RuntimeError:
            pass
    return current_thread()
