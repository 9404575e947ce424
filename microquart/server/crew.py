"""Who serves: the workers of one supervisor, and what is to be done next.

Plain values, no process and no clock.  The supervisor tells what happened
(``started``, ``heard``, ``ended``, ``roll``, ``stop``) and then asks who is
``overdue``, who is ``superfluous``, and how many are ``missing``.
"""

import math
from dataclasses import dataclass
from logging import getLogger
from typing import ClassVar

from microquart.server.settings import Settings

logger = getLogger("microquart.server")

OK, CANNOT_START, STARTUP_FAILED = 0, 1, 3  # exit codes of the process

PATIENCE = 2.0  # seconds at least without a beat: there is one a second
AT_ONCE = 1.0  # seconds for a worker that is told to end now, or aborted
MARGIN = 1.0  # seconds on top of all that an orderly stop may take


@dataclass(eq=False)
class Worker:
    """One process that serves, as far as is known."""

    pid: int
    generation: int
    deadline: float  # when it has to be ready, be heard of, or have ended
    state: str = "starting"

    # What a worker says, in each of its states; the rest is ignored.
    ORDER: ClassVar = {
        ("starting", "ready"): "ready",
        ("ready", "beat"): "ready",
        ("ready", "stopping"): "stopping",
    }
    # Told to stop: while it served, or before.
    LEAVING: ClassVar = {"stopping", "cancelled"}

    @property
    def fault(self) -> str:
        """What is wrong with it if it is overdue."""
        if self.state == "ready":
            return "hangs"
        return f"took too long ({self.state})"


class Crew:
    """As many workers as are wanted, all of one generation in the end."""

    def __init__(self, wanted: int, settings: Settings) -> None:
        self.wanted = wanted
        self.workers: list[Worker] = []
        self.generation = 1
        self.stopping = False
        self.exit_code = OK
        self._settings = settings
        self._newest = 1
        self._failures = 0  # in a row, before they were ready
        self._served = False  # one has been ready
        self._start_at = 0.0

    @property
    def current(self) -> list[Worker]:
        """Those who serve, or will, and are to stay."""
        return [
            worker
            for worker in self.workers
            if worker.generation == self.generation
            and worker.state not in Worker.LEAVING
        ]

    @property
    def ready(self) -> list[Worker]:
        """Those of the current generation who serve."""
        return [each for each in self.current if each.state == "ready"]

    @property
    def complete(self) -> bool:
        """Whether all who are wanted serve, and nobody else is left."""
        return len(self.ready) == len(self.workers) == self.wanted

    # -- what happened --

    def started(self, pid: int, now: float) -> Worker:
        """A process was started: it may import as long as start up."""
        deadline = now + 2 * self._settings.startup_timeout
        worker = Worker(pid, self.generation, deadline)
        self.workers.append(worker)
        return worker

    def heard(self, worker: Worker, word: str, now: float) -> None:
        """A worker has said ``ready``, ``beat`` or ``stopping``."""
        state = Worker.ORDER.get((worker.state, word))
        if state == "ready":
            worker.state = state
            worker.deadline = now + self._patience
            if word == "ready":
                logger.info("worker %d serves", worker.pid)
                self._failures = 0
                self._served = True
        elif state == "stopping":
            self.told(worker, now)

    def told(self, worker: Worker, now: float) -> None:
        """A worker was told to stop, or stops by itself."""
        if worker.state == "starting":
            worker.state = "cancelled"
            worker.deadline = now + AT_ONCE
            return
        settings = self._settings
        worker.state = "stopping"
        worker.deadline = now + MARGIN
        worker.deadline += settings.graceful_timeout + settings.cancel_timeout
        worker.deadline += settings.shutdown_timeout

    def hurried(self, now: float) -> None:
        """All were told to end now."""
        for worker in self.workers:
            worker.deadline = min(worker.deadline, now + AT_ONCE)

    def killed(self, worker: Worker, now: float) -> None:
        """An overdue worker was sent a signal that ends it, or should."""
        worker.deadline = now + AT_ONCE

    def not_started(self, error: OSError, now: float) -> None:
        """There could not be a process."""
        self._failed(f"no process ({error.strerror})", STARTUP_FAILED, now)

    def ended(self, worker: Worker, code: int, now: float) -> None:
        """A process has ended; a negative code is a signal."""
        self.workers.remove(worker)
        if worker.state in Worker.LEAVING or self.stopping:
            return
        why = f"worker {worker.pid} ended ({_reason(code)})"
        if worker.state == "ready":
            self._start_at = now + self._pause(1)
            logger.error("%s: another one starts", why)
            return
        older = [w for w in self.workers if w.generation < self.generation]
        if any(each.state == "ready" for each in older):
            self.generation = older[-1].generation
            logger.error("%s before it was ready: the old ones stay", why)
        else:
            self._failed(f"{why} before it was ready", code, now)

    def _failed(self, why: str, code: int, now: float) -> None:
        self._failures += 1
        if code == CANNOT_START and not self._served:
            self._give_up(code)  # it has said why, and would say it again
        elif self._enough and not self.ready:
            logger.error("%s: giving up", why)
            self._give_up(STARTUP_FAILED)
        else:
            pause = self._pause(self._failures)
            self._start_at = now + pause
            logger.error("%s: the next one starts in %g s", why, pause)

    @property
    def _enough(self) -> bool:
        most = self._settings.worker_failures
        return most is not None and self._failures >= most

    def _pause(self, failures: int) -> float:
        """Return the seconds before another is started."""
        first, longest = self._settings.worker_backoff or (0.0, 0.0)
        # They may fail for days: no float holds two to the power of that.
        return min(first * 2.0 ** min(failures - 1, 99), longest)

    def _give_up(self, code: int) -> None:
        self.exit_code = code
        self.stopping = True

    def roll(self, now: float) -> None:
        """Have another generation take over."""
        self._newest += 1
        self.generation = self._newest
        self._failures = 0
        self._start_at = now

    def stop(self) -> None:
        """Have all end, and nobody come after them."""
        self.stopping = True

    def excuse(self, seconds: float) -> None:
        """Give more time: the supervisor itself was held up so long."""
        for worker in self.workers:
            worker.deadline += seconds

    # -- what is to be done --

    def overdue(self, now: float) -> list[Worker]:
        """Return those whose time is over: they have to be killed."""
        return [each for each in self.workers if now >= each.deadline]

    def superfluous(self) -> list[Worker]:
        """Return those who have to be told to stop."""
        staying = [w for w in self.workers if w.state not in Worker.LEAVING]
        if not self.stopping:
            kept = self.current[-self.wanted :]
            return [w for w in staying if w not in kept and self._replaced(w)]
        # Whoever does not serve yet has the sockets open, and would be the
        # last to close them without having taken what waits there.
        starting = [w for w in staying if w.state == "starting"]
        if starting or any(w.state == "cancelled" for w in self.workers):
            return starting
        return staying

    def _replaced(self, worker: Worker) -> bool:
        # The old ones go when all the new ones are here, and not before.
        older = worker.generation < self.generation
        return not older or len(self.ready) >= self.wanted

    def missing(self, now: float) -> int:
        """Return how many have to be started."""
        if self.stopping or now < self._start_at:
            return 0
        # One goes ahead: what fails in it would fail in all.
        wanted = self.wanted if self.ready else min(1, self.wanted)
        return max(0, wanted - len(self.current))

    @property
    def _patience(self) -> float:
        timeout = self._settings.worker_timeout
        return math.inf if timeout is None else max(timeout, PATIENCE)


def _reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
