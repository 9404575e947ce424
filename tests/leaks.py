"""What a test may not leave behind: tasks, descriptors and threads, as a set.

Each thing is a tuple whose first entry is its kind and whose last entry can
be read, so that what is left after a test is a difference of two sets.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import trio

# Where the kernel lists this process's descriptors; macOS and Windows have no
# such directory that tells what a descriptor is.
DESCRIPTORS = "/proc/self/fd"

# Idle threads that the libraries keep for the next call, 10 seconds at most.
POOLED = ("AnyIO worker thread", "Trio thread")

# anyio's plugin runs each piece of a test (fixture, body) in a task of its
# own.
PLUGIN = "TestRunner._call_in_runner_task"

Leftover = tuple[str, int, str]


def held() -> frozenset[Leftover]:
    """Return what this process and the loop that runs now (if any) hold."""
    return frozenset([*tasks(), *descriptors(), *threads()])


def told(left: frozenset[Leftover]) -> str:
    """Say what is left, a line for each.

    >>> told(frozenset({("descriptor", 7, "7 -> socket:[42]")}))
    'left behind by this test:\\n  descriptor 7 -> socket:[42]'
    """
    lines = [f"  {kind} {name}" for kind, _, name in sorted(left)]
    return "\n".join(["left behind by this test:", *lines])


def tasks() -> Iterator[Leftover]:
    """Yield the tasks of the loop that runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if trio.lowlevel.in_trio_run():
            yield from trio_tasks(trio.lowlevel.current_root_task())
    else:
        for task in asyncio.all_tasks():
            name = f"{task.get_name()} {task.get_coro()!r}"
            if PLUGIN not in name:
                yield "task", id(task), name


def trio_tasks(task: trio.lowlevel.Task | None) -> Iterator[Leftover]:
    """Yield a task and all that run below it."""
    if task is not None:
        yield "task", id(task), f"{task.name} {task.coro!r}"
        for nursery in task.child_nurseries:
            for child in nursery.child_tasks:
                yield from trio_tasks(child)


def descriptors() -> Iterator[Leftover]:
    """Yield the open descriptors, where the platform can list them."""
    if sys.platform != "linux":
        return
    for number in os.listdir(DESCRIPTORS):
        try:
            target = os.readlink(f"{DESCRIPTORS}/{number}")
        except OSError:  # the descriptor of the listing itself
            continue
        yield "descriptor", int(number), f"{number} -> {target}"


def threads() -> Iterator[Leftover]:
    """Yield the running threads, without the idle ones of a pool."""
    for thread in threading.enumerate():
        if not thread.name.startswith(POOLED):
            yield "thread", id(thread), thread.name
