"""The supervisor: it opens the sockets, and others serve on them.

Each worker is the command line of this process run anew, with the sockets and
two pipes (``leash``) inherited: it imports the application itself, and shares
nothing with its sister processes but the accept queue.  The supervisor never
imports the application, so nothing of it can take the supervisor down.

What is to be done is decided in ``crew``, or in ``reload`` for development;
here it is done, in turns: hear, reap, act.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from logging import getLogger
from pathlib import Path
from types import FrameType

from microquart.server import leash, listen, log
from microquart.server.crew import Crew, Worker
from microquart.server.process import on_terminal, pid_file
from microquart.server.reload import Rehearsal, Watcher, named, watcher
from microquart.server.settings import Settings, stopping_soon
from microquart.server.systemd import Notifier, activated

logger = getLogger("microquart.server")

_TURN = 0.2  # seconds that a turn may wait
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def is_supervisor(settings: Settings) -> bool:
    """Tell whether this process has others serve."""
    if not (settings.workers or settings.reload) or leash.Leash.inherited():
        return False
    if hasattr(sys.modules["__main__"], "__file__"):
        return True
    # A prompt, a notebook, python -c: nothing of that could be run anew.
    logger.warning("no workers, no reload: this is no program in a file")
    return False


def supervise(settings: Settings) -> int:
    """Keep workers until a signal; return the exit code of the process.

    Raises:
        BindError, ValueError: an address cannot be listened on.
        OSError: the pid file cannot be written.
    """
    log.configure(settings)
    if settings.reload:
        settings = stopping_soon(settings)
    settings = activated(settings)
    sockets = listen.open_sockets(settings)
    with pid_file(settings.pid_file):
        if not settings.reload:
            crew = Crew(settings.workers, settings)
            return Supervisor(crew, sockets, settings).run()
        with closing(watcher(settings.reload_dir)) as files:
            crew = Rehearsal(settings)
            return Supervisor(crew, sockets, settings, files).run()


class Process:
    """A worker, and the supervisor's ends of its pipes."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        orders, self._orders = os.pipe()
        self.news, news = os.pipe()
        os.set_blocking(self.news, False)
        self.silent = False  # it has closed its end
        self._heard = b""
        self._asked_where = False
        inherited = [orders, news, *(each.fileno() for each in sockets)]
        variable = " ".join(map(str, inherited))
        try:
            with _interrupts_later():
                self.popen = subprocess.Popen(
                    [sys.executable, *sys.orig_argv[1:]],
                    env={**os.environ, leash.VARIABLE: variable},
                    pass_fds=inherited,
                )
        except OSError:
            self.close()
            raise
        finally:
            os.close(orders)
            os.close(news)

    def order(self, word: bytes) -> None:
        """Say something to the worker, if it is still there."""
        with suppress(BrokenPipeError):
            os.write(self._orders, word)

    def hear(self) -> list[str]:
        """Return the lines that the worker has said."""
        with suppress(BlockingIOError):
            while data := os.read(self.news, 65536):
                self._heard += data
            self.silent = True
        *lines, self._heard = self._heard.split(b"\n")
        return [os.fsdecode(line) for line in lines]

    def kill(self) -> None:
        """End it by force; the first time it says where it stands."""
        # The worker has faulthandler on, which writes a traceback.
        number = signal.SIGKILL if self._asked_where else signal.SIGABRT
        self._asked_where = True
        self.popen.send_signal(number)

    def close(self) -> None:
        os.close(self._orders)
        os.close(self.news)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    # A new process is deaf to Ctrl-C, which the terminal sends to all of
    # them, until it has made up its mind: no traceback from its imports.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


class Supervisor:
    """Keeps a crew: starts processes, hears them, and ends them."""

    def __init__(
        self,
        crew: Crew,
        sockets: list[socket.socket],
        settings: Settings,
        watcher: Watcher | None = None,
    ) -> None:
        self._crew = crew
        self._sockets = sockets
        self._watcher = watcher
        self._processes: dict[Worker, Process] = {}
        self._notifier = Notifier()
        secure = settings.certfile is not None or settings.https
        self._urls = [listen.url(each, secure) for each in sockets]
        self._announced = False
        self._rolling = False
        self._told = False  # by a signal, to end
        self._last_call = settings.limits.stop_linger * listen.LAST_CALL
        self._on_terminal = on_terminal()
        self._looked = time.monotonic()

    def run(self) -> int:
        """Do turns until nobody is left and nobody is wanted."""
        with ExitStack() as stack:
            stack.callback(self._close_sockets)
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._signals = stack.enter_context(_signals())
            self._selector.register(self._signals, selectors.EVENT_READ)
            while not self._crew.stopping or self._processes:
                self._turn()
        return self._crew.exit_code

    def _turn(self) -> None:
        self._selector.select(_TURN)
        now = time.monotonic()
        # Who was stopped or slept himself must not blame others for it.
        late = now - self._looked - _TURN
        if late > 1:
            self._crew.excuse(late)
        self._looked = now
        for number in self._signalled():
            self._obey(number, now)
        if self._watcher and (changes := self._watcher.changes()):
            logger.info("%s changed: restarting", named(changes))
            self._crew.roll(now)
        self._hear(now)
        self._reap(now)
        self._act(now)
        self._notify()

    # -- hear --

    def _signalled(self) -> bytes:
        try:
            return self._signals.recv(1024)
        except BlockingIOError:
            return b""

    def _obey(self, number: int, now: float) -> None:
        hung_up = self._on_terminal and not on_terminal()
        if number == signal.SIGHUP and not hung_up:
            logger.info("SIGHUP: new workers take over")
            self._rolling = True
            self._notifier.reloading()
            self._crew.roll(now)
        elif number != signal.SIGCHLD:
            self._stop(number, now)

    def _stop(self, number: int, now: float) -> None:
        if self._told:
            logger.warning("stopping now")
            for process in self._processes.values():
                process.order(leash.NOW)
            self._crew.hurried(now)
            return
        logger.info("%s: stopping", signal.Signals(number).name)
        self._told = True
        self._notifier.stopping()
        # The workers have the sockets still: the last one to close them
        # takes what waits there.
        self._close_sockets()
        self._crew.stop()

    def _hear(self, now: float) -> None:
        for worker, process in self._processes.items():
            for line in process.hear():
                word, _, path = line.partition(" ")
                if word == "imported" and self._watcher:
                    self._watcher.add(Path(path))
                    logger.debug("watching %s", path)
                self._crew.heard(worker, word, now)
            if process.silent:
                self._selector_forgets(process)

    def _selector_forgets(self, process: Process) -> None:
        if process.news in self._selector.get_map():
            self._selector.unregister(process.news)

    # -- reap --

    def _reap(self, now: float) -> None:
        if os.getpid() == 1:
            # In a container the orphans of all others are ours, too.
            self._reap_orphans()
        for worker, process in list(self._processes.items()):
            code = process.popen.poll()
            if code is not None:
                del self._processes[worker]
                self._selector_forgets(process)
                process.close()
                self._crew.ended(worker, code, now)

    def _reap_orphans(self) -> None:
        ours = {each.popen.pid: each for each in self._processes.values()}
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid in ours:
                    code = os.waitstatus_to_exitcode(status)
                    ours[pid].popen.returncode = code

    # -- act --

    def _act(self, now: float) -> None:
        crew = self._crew
        for worker in crew.overdue(now):
            logger.error("worker %d %s: killed", worker.pid, worker.fault)
            self._processes[worker].kill()
            crew.killed(worker, now)
        for worker in crew.superfluous():
            process = self._processes[worker]
            process.order(leash.STOP)
            if worker.state == "starting":
                process.popen.terminate()  # it may not listen yet
            crew.told(worker, now)
        for _ in range(crew.missing(now)):
            self._start(now)

    def _start(self, now: float) -> None:
        try:
            process = Process(self._sockets)
        except OSError as error:
            self._crew.not_started(error, now)
            return
        worker = self._crew.started(process.popen.pid, now)
        self._processes[worker] = process
        self._selector.register(process.news, selectors.EVENT_READ)

    def _notify(self) -> None:
        if not self._announced and self._crew.ready:
            self._announced = True
            self._notifier.ready(self._urls)
        if self._rolling and self._crew.complete:
            self._rolling = False
            self._notifier.reloaded()
        self._notifier.beat()

    def _close_sockets(self) -> None:
        if any([listen.refuse(listener) for listener in self._sockets]):
            time.sleep(self._last_call)
        for listener in self._sockets:
            listen.close_socket(listener)
        self._sockets.clear()


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Have the numbers of signals arrive on a socket, round a block."""
    hearing, telling = socket.socketpair()
    with hearing, telling:
        hearing.setblocking(False)
        telling.setblocking(False)
        before = signal.set_wakeup_fd(telling.fileno())
        handlers = {
            number: signal.signal(number, _noted) for number in _SIGNALS
        }
        try:
            yield hearing
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number has arrived where signals are heard."""
