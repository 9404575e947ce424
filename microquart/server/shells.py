"""What the two shells share: the connections of one server, and its clock.

A shell is one network connection: it carries bytes, time and tasks to a
``protocol.Connection``.  ``Shells`` is the set of all that are open.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from logging import getLogger
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup

from microquart.asgi import ASGIApplication
from microquart.http.dates import format_date
from microquart.http.errors import ClientDisconnected
from microquart.protocol import (
    Connect,
    Connection,
    Peer,
    Service,
    Stream,
    connect,
)
from microquart.protocol.pace import Pace
from microquart.protocol.stream import READ_BY_US
from microquart.server.access import AccessLog
from microquart.server.deadline import Deadline
from microquart.server.fields import parse_fields
from microquart.server.forwarding import forwarding, trusted_proxies
from microquart.server.log import describe
from microquart.server.proxy_protocol import Header, receive_header
from microquart.server.settings import Settings
from microquart.server.watchdog import Watchdog

logger = getLogger("microquart.server")


class Call(Protocol):
    """One application call, as the log and the stop see it."""

    stream: Stream
    began: float  # monotonic seconds


class Shell(Protocol):
    """One network connection, as the server sees it."""

    connection: Connection | None  # None: too few bytes to tell which
    stalled: Pace | None  # how the peer takes what waits for it
    opened_at: float

    def settle(self) -> None:
        """Do what the connection says."""

    def taken(self) -> int:
        """Return a count that grows as the peer takes what waits for it."""
        ...

    def calls(self) -> Iterator[Call]:
        """Yield the application calls that run."""
        ...

    def cancel(self) -> None:
        """Cancel the application calls that run."""

    def abort(self) -> None:
        """Drop the socket at once."""


@dataclass
class Shells:
    """The open connections of one server, and what they share."""

    app: ASGIApplication
    settings: Settings
    service: Service
    access_log: AccessLog | None

    # A seam: every byte passes through the object that it makes.
    make_connection: Connect = connect

    def __post_init__(self) -> None:
        self.open: set[Shell] = set()
        # Those accepted that still have to shake hands, or to be announced
        # by their proxy.
        self.joining: dict[socket.socket, anyio.CancelScope] = {}
        # Each call gets a copy of this one, never of another call's.
        self.context = copy_context()
        self.stopping = False
        self.watchdog: Watchdog | None = None  # in development
        self.deadline: Deadline | None = None  # if requests have one
        self.stopped_at: float  # seconds, on the loop's clock
        self.group: TaskGroup
        self._proxies = trusted_proxies(self.settings)
        self._own_fields = parse_fields(self.settings.response_fields)
        self.renew_fields()

    def admit(
        self, peer: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        """Take a connection that was accepted."""
        self.joining[peer] = anyio.CancelScope()
        self.group.start_soon(self.join, peer, context, name="connection")

    async def join(
        self, peer: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        """Shake hands, unless a stop ends that; carry the connection."""
        raise NotImplementedError

    async def header(self, peer: socket.socket) -> Header | None:
        """Read the PROXY header, if the settings ask for one.

        Raises:
            ProtocolError, OSError: none came in time from a trusted proxy.
        """
        if not self.settings.proxy_protocol:
            return None
        try:
            with anyio.fail_after(self.settings.tls_handshake_timeout):
                return await receive_header(peer, self._proxies)
        except BaseException:
            peer.close()  # when cancelled, too: nobody else has it
            raise

    def connect(
        self, alpn: str | None, first: bytes, peer: Peer, now: float
    ) -> Connection | None:
        """Make the connection, once it is known which."""
        connection = self.make_connection(alpn, first, peer, self.service, now)
        if self.stopping and connection is not None:
            connection.shutdown()
        return connection

    def renew_fields(self) -> None:
        """Bring the date of the response fields up to now."""
        said = dict(self._own_fields)
        fields = self._own_fields.copy()
        if self.settings.date_header and b"date" not in said:
            now = format_date(time.time())
            fields.append((b"date", now.encode()))
        if self.settings.server_header and b"server" not in said:
            fields.append((b"server", b"microquart"))
        self.service.fields = fields

    def sweep(self, now: float) -> None:
        """End what has waited for too long, on every connection."""
        self.renew_fields()
        for shell in list(self.open):
            with self.guarded(shell):
                self._expire(shell, now)
        self._tell_refused()
        if self._has_lingered(now):
            for scope in self.joining.values():
                scope.cancel()

    def _tell_refused(self) -> None:
        refused = self.service.refused
        if refused:
            told = (f"{what} ({count})" for what, count in refused.items())
            logger.info("refused: %s", ", ".join(told))
            refused.clear()

    def _expire(self, shell: Shell, now: float) -> None:
        pace = shell.stalled
        if pace is not None and self._reads_slowly(shell, pace, now):
            self.service.refuse("client that did not read in time")
            shell.abort()
        elif shell.connection is not None:
            shell.connection.expire(now)
            shell.settle()
        elif self._silent_too_long(shell, now):
            shell.abort()

    def _reads_slowly(self, shell: Shell, pace: Pace, now: float) -> bool:
        limits = self.service.limits
        pace.reach(shell.taken(), now)
        return pace.is_slow(
            now, limits.write_timeout, limits.write_min_rate, limits.rate_grace
        )

    def _silent_too_long(self, shell: Shell, now: float) -> bool:
        if self._has_lingered(now):
            return True
        timeout = self.service.limits.header_timeout
        return timeout is not None and now - shell.opened_at >= timeout

    def _has_lingered(self, now: float) -> bool:
        """Whether a stop has waited for requests that were on the way."""
        wait = self.service.limits.stop_linger
        return self.stopping and now - self.stopped_at >= wait

    def shutdown(self, now: float) -> None:
        """Tell every connection that the server ends."""
        self._tell_refused()
        self.stopping = True
        self.stopped_at = now
        for shell in list(self.open):
            # Without a connection its first request is on the way still.
            if shell.connection is not None:
                with self.guarded(shell):
                    shell.connection.now = now
                    shell.connection.shutdown()
                    shell.settle()

    @contextmanager
    def guarded(self, shell: Shell) -> Iterator[None]:
        """Let what goes wrong in one connection end that one alone."""
        try:
            yield
        except Exception:
            logger.exception("a connection failed")
            shell.abort()

    @property
    def busy(self) -> bool:
        """Whether a connection is open or an application call runs."""
        return bool(self.open or self.joining)

    def cancel(self) -> None:
        """Cancel every application call."""
        for shell in list(self.open):
            shell.cancel()

    def abort(self) -> None:
        """Drop every connection."""
        for shell in list(self.open):
            shell.abort()

    def waiting_for(self, now: float) -> list[str]:
        """Return what still runs: ``GET /events (48 s)``."""
        return [
            f"{describe(call.stream)} ({now - call.began:.0f} s)"
            for shell in self.open
            for call in shell.calls()
        ]


def report(error: Exception, stream: Stream) -> None:
    """Log what an application call has raised."""
    if isinstance(error, ClientDisconnected):
        # It wrote to somebody who had left: nothing that anyone could fix.
        logger.debug("%s: the client has gone", describe(stream))
    else:
        logger.error(
            "%s: the application failed", describe(stream), exc_info=error
        )


def service_of(settings: Settings, state: dict[str, Any] | None) -> Service:
    """Return what the core has to know of the settings."""
    return Service(
        limits=replace(settings.limits),
        root_path=settings.root_path.rstrip("/"),
        state=state,
        read_by_us=READ_BY_US.union(
            name for name, _ in parse_fields(settings.response_fields)
        ),
        proxied=forwarding(settings),
        prior_knowledge=settings.h2c,
    )
