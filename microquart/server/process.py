"""The process of a server: who may tell it to stop, and its pid file."""

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from logging import getLogger
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

from microquart.server.leash import NOW, Leash
from microquart.server.settings import Certificates

logger = getLogger("microquart.server")


class Reins:
    """Hears the signals, or in a worker what the supervisor orders.

    ``stop`` is set when the server has to stop.  Before it serves, at a
    second signal, or at the order to end now, the ``scope`` is cancelled.
    """

    def __init__(
        self, scope: anyio.CancelScope, certificates: Certificates
    ) -> None:
        self.stop = anyio.Event()
        self._scope = scope
        self._serving = False
        self._certificates = certificates

    def serving(self, urls: list[str]) -> None:
        """The server is up."""
        self._serving = True

    async def obey_signals(self, *, task_status: TaskStatus[None]) -> None:
        """Stop on SIGINT and SIGTERM; read certificates on SIGHUP."""
        terminal = on_terminal()
        with anyio.open_signal_receiver(
            signal.SIGINT, signal.SIGTERM, signal.SIGHUP
        ) as numbers:
            task_status.started()
            async for number in numbers:
                hung_up = terminal and not on_terminal()
                if number == signal.SIGHUP and not hung_up:
                    self._renew()
                elif self.stop.is_set():
                    logger.warning("stopping now")
                    self._scope.cancel()
                else:
                    logger.info("%s: stopping", signal.Signals(number).name)
                    self._stop()

    async def obey_supervisor(
        self, leash: Leash, *, task_status: TaskStatus[None]
    ) -> None:
        """Stop when the supervisor says so or is no more, or on SIGTERM."""
        async with anyio.create_task_group() as group:
            await group.start(self._obey_sigterm)
            task_status.started()
            while (order := await leash.order()) != NOW:
                self._stop()
                if not order:
                    return  # nobody is there who would say more
            self._scope.cancel()

    async def _obey_sigterm(self, *, task_status: TaskStatus[None]) -> None:
        # Whoever ends a service may signal all its processes (systemd does):
        # the supervisor's order must not count as a second signal then.
        with anyio.open_signal_receiver(signal.SIGTERM) as numbers:
            task_status.started()
            async for _ in numbers:
                self._stop()

    def _stop(self) -> None:
        self.stop.set()
        if not self._serving:
            self._scope.cancel()

    def _renew(self) -> None:
        try:
            self._certificates.renew()
        except OSError as error:
            logger.error("SIGHUP: the certificates stay: %s", error)
        else:
            logger.info("SIGHUP: certificates are read anew")


def on_terminal() -> bool:
    """Tell whether there is a terminal: SIGHUP may mean that it has gone."""
    return os.isatty(0)


def serve_as_worker() -> None:
    """Leave Ctrl-C and a terminal's end to the supervisor, who hears them.

    SIGABRT, its last word to a worker that hangs, shows where that stands.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    faulthandler.enable()


@contextmanager
def pid_file(path: Path | None) -> Iterator[None]:
    """Keep the number of this process in a file, round a block.

    Raises:
        OSError: it cannot be written.
    """
    if path is None:
        yield
        return
    path = path.absolute()
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        # Another server may have taken the file over meanwhile.
        if path.exists() and path.read_text() == f"{os.getpid()}\n":
            path.unlink()
