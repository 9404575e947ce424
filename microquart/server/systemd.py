"""systemd: sockets that it has opened, and how the service tells how it is.

Both are messages in the environment (sd_listen_fds(3), sd_notify(3)), and
without them nothing here does anything.
"""

import os
import socket
import time
from dataclasses import replace
from logging import getLogger

from microquart.server.settings import Settings

logger = getLogger("microquart.server")

FIRST = 3  # the descriptor of the first socket (SD_LISTEN_FDS_START)


def activated(settings: Settings) -> Settings:
    """Return settings that listen on the sockets of systemd, if it has any.

    Its unit says where: ``bind`` is not looked at then.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return settings
    count = int(os.environ.get("LISTEN_FDS", "0"))
    # They are ours alone, not those of the programs that we start.
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    numbers = range(FIRST, FIRST + count)
    for number in numbers:
        os.set_inheritable(number, False)
    bind = tuple(f"fd://{number}" for number in numbers)
    return replace(settings, bind=bind or settings.bind)


class Notifier:
    """Tells the log, and systemd if it listens, how the service is."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._watched = "WATCHDOG_USEC" in os.environ

    # -- as an Overseer --

    def ready(self, urls: list[str]) -> None:
        logger.info("listening on %s", ", ".join(urls))
        self._say("READY=1")

    def beat(self) -> None:
        if self._watched:
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    # -- as a supervisor sees it --

    def reloading(self) -> None:
        """New workers take over."""
        now = time.monotonic_ns() // 1000
        self._say(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def reloaded(self) -> None:
        """They have."""
        self._say("READY=1")

    def _say(self, message: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):  # an abstract one (unix(7))
            address = "\0" + address[1:]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            try:
                teller.sendto(message.encode(), address)
            except OSError as error:
                logger.warning("systemd does not listen: %s", error.strerror)
                self._address = ""
