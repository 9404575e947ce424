"""Development: a worker that is replaced when a file has changed.

Files are looked at by ``watchfiles`` if it is installed, else their times are
compared.  A worker that cannot start has said why; the next change is waited
for then.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator
from logging import getLogger
from pathlib import Path
from typing import Protocol

from microquart.server.crew import Crew, Worker
from microquart.server.settings import Settings

logger = getLogger("microquart.server")

# Folders in which nobody writes code, and that may be large.
IGNORED = {"__pycache__", "node_modules", "site-packages", "venv"}

INTERVAL = 0.2  # seconds between two looks
SHARE = 10  # a look may take a tenth of the time


class Watcher(Protocol):
    """Sees which files have changed."""

    def add(self, path: Path) -> None:
        """Look at a file outside of the folders too."""

    def changes(self) -> list[Path]:
        """Return what has changed since the last call; never waits."""
        ...

    def close(self) -> None:
        """Let go of what the kernel keeps for it."""


def watcher(folders: Iterable[Path]) -> Watcher:
    """Return the best watcher there is, of the Python files in folders."""
    folders = [folder.resolve() for folder in folders] or [Path.cwd()]
    try:
        return Notified(folders)
    except ImportError:
        return Polled(folders)


class Polled:
    """Compares the times of files."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._files: set[Path] = set()
        self._times = self._look()
        self._next = 0.0

    def add(self, path: Path) -> None:
        if path not in self._files and path not in self._times:
            self._files.add(path)
            self._times |= _times([path])

    def changes(self) -> list[Path]:
        began = time.monotonic()
        if began < self._next:
            return []
        before, self._times = self._times, self._look()
        took = time.monotonic() - began
        self._next = began + max(INTERVAL, SHARE * took)
        changed = dict(before.items() ^ self._times.items())
        return sorted(changed)

    def close(self) -> None:
        return

    def _look(self) -> dict[Path, int]:
        times = _times(self._files)
        for folder in self._folders:
            times |= _times(_python_files(folder))
        return times


class Notified:
    """Is told by the kernel, through watchfiles.

    Raises:
        ImportError: watchfiles is not installed.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        import watchfiles

        self._folders = list(folders)
        self._files = Polled([])
        self._changes = watchfiles.watch(
            *self._folders,
            watch_filter=lambda _, path: self._is_watched(Path(path)),
            debounce=100,  # milliseconds, as all of these
            step=10,
            rust_timeout=1,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        next(self._changes)  # from now on it watches

    def add(self, path: Path) -> None:
        # These are few, and to watch one folder more is to begin anew.
        if not any(folder in path.parents for folder in self._folders):
            self._files.add(path)

    def changes(self) -> list[Path]:
        seen = {Path(path) for _, path in next(self._changes)}
        return [*sorted(seen), *self._files.changes()]

    def close(self) -> None:
        self._changes.close()

    def _is_watched(self, path: Path) -> bool:
        return any(
            folder in path.parents and is_watched(path.relative_to(folder))
            for folder in self._folders
        )


def is_watched(path: Path) -> bool:
    """Tell whether a file in a folder is code that somebody writes.

    >>> is_watched(Path("shop/views.py")), is_watched(Path("venv/x.py"))
    (True, False)
    """
    return path.suffix == ".py" and not any(
        part in IGNORED or part.startswith(".") for part in path.parts
    )


def _python_files(folder: Path) -> Iterator[Path]:
    for inner, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in IGNORED and not name.startswith(".")
        ]
        yield from (Path(inner, name) for name in files if name[-3:] == ".py")


def _times(paths: Iterable[Path]) -> dict[Path, int]:
    times = {}
    for path in paths:
        try:
            times[path] = path.stat().st_mtime_ns
        except OSError:  # it has just gone
            continue
    return times


class Rehearsal(Crew):
    """One worker, replaced when a file has changed, and not before.

    The new one starts when the old one has ended: in development both might
    want the same port, file or lock.  The sockets stay open meanwhile, so
    that a request between the two waits instead of failing.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(1, settings)
        self._resting = False

    def started(self, pid: int, now: float) -> Worker:
        worker = super().started(pid, now)
        worker.deadline = math.inf  # it may stand in a debugger
        return worker

    def roll(self, now: float) -> None:
        super().roll(now)
        self._resting = False

    def ended(self, worker: Worker, code: int, now: float) -> None:
        self.workers.remove(worker)
        if worker.state not in Worker.LEAVING and not self.stopping:
            self._resting = True
            logger.info("waiting for a change")

    def _replaced(self, worker: Worker) -> bool:
        return True

    def missing(self, now: float) -> int:
        return int(not (self.stopping or self._resting or self.workers))

    @property
    def _patience(self) -> float:
        return math.inf


def named(paths: list[Path]) -> str:
    """Return files in few words: ``shop/views.py and 2 more``."""
    here = Path.cwd()
    first = paths[0]
    shown = first.relative_to(here) if here in first.parents else first
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{shown}{more}"
