"""The taps of a server: its connections, from the first byte to the last."""

from functools import partial
from typing import Any

from microquart.protocol import Connect, Connection, Peer, Service, connect
from microquart.protocol.pace import Pace
from microquart.server.anyio_shell import AnyioServer, AnyioShell
from microquart.server.protocols import HTTP
from microquart.server.shells import Shell, Shells
from microquart.xray.swaps import Swaps
from microquart.xray.taps.flow import tap_flow, tapped_shell
from microquart.xray.taps.h1 import TappedH1
from microquart.xray.taps.h2 import TappedH2
from microquart.xray.taps.hello import tap_handshakes
from microquart.xray.taps.line import Line
from microquart.xray.tracer import Tracer


class Lines:
    """The connections of one server, each by its peer."""

    def __init__(self, tracer: Tracer, usual: Connect) -> None:
        self.tracer = tracer
        self.usual = usual
        self._lines: dict[int, tuple[Peer, Line]] = {}

    def of(self, peer: Peer, alpn: str | None = None) -> Line:
        known = self._lines.get(id(peer))
        if known is None:
            known = peer, Line(self.tracer, peer, alpn)
            self._lines[id(peer)] = known
        return known[1]

    def forget(self, peer: Peer) -> None:
        self._lines.pop(id(peer), None)

    def connect(
        self,
        alpn: str | None,
        first: bytes,
        peer: Peer,
        service: Service,
        now: float,
    ) -> Connection | None:
        line = self.of(peer, alpn)
        if alpn not in (None, *HTTP):
            # A protocol of the user's: its bytes mean nothing here.
            return self.usual(alpn, first, peer, service, now)
        return connect(
            alpn,
            first,
            peer,
            service,
            now,
            h1=partial(TappedH1, line),
            h2=partial(TappedH2, line),
        )


class OpenShells(set[Shell]):
    """The open connections, which tells who comes and who goes."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines
        self.tapped = tapped_shell(lines)

    def add(self, shell: Any) -> None:
        super().add(shell)
        if isinstance(shell, AnyioShell):
            # It has slots: a class of its own, where others get attributes.
            shell.__class__ = self.tapped
        else:
            tap_flow(self.lines.of(shell.peer), shell)

    def discard(self, shell: Any) -> None:
        if shell not in self:
            return
        super().discard(shell)
        line = self.lines.of(shell.peer)
        if isinstance(shell.connection, TappedH1 | TappedH2):
            shell.connection.finish()
        line.tell("net.close", error=line.error)
        self.lines.forget(shell.peer)


def tap_shells(tracer: Tracer, swaps: Swaps, server: Shells) -> None:
    """Put taps into a server; connections that are open stay as they are."""
    tracer.trio = isinstance(server, AnyioServer)
    lines = Lines(tracer, server.make_connection)
    swaps.attribute(server, "make_connection", lines.connect)
    tap_handshakes(swaps, server)
    tap_sweeper(swaps, lines, server)
    before = server.open
    opened = OpenShells(lines)
    set.update(opened, before)

    def put_back() -> None:
        before.clear()
        before.update(opened)

    swaps.then(put_back)
    swaps.attribute(server, "open", opened)
    if server.watchdog is not None:
        tap_watchdog(tracer, swaps, server.watchdog)


def tap_sweeper(swaps: Swaps, lines: Lines, server: Any) -> None:
    """Tell of what ends by a clock that no connection has."""
    is_slow, is_silent = server._reads_slowly, server._silent_too_long

    def reads_slowly(shell: Any, pace: Pace, now: float) -> bool:
        since = pace.since or now
        slow: bool = is_slow(shell, pace, now)
        if slow:
            lines.of(shell.peer).fired("socket", now - since)
        return slow

    def silent_too_long(shell: Any, now: float) -> bool:
        silent: bool = is_silent(shell, now)
        if silent:
            waited = now - shell.opened_at
            lines.of(shell.peer).fired("first head", waited)
        return silent

    swaps.attribute(server, "_reads_slowly", reads_slowly)
    swaps.attribute(server, "_silent_too_long", silent_too_long)


def tap_watchdog(tracer: Tracer, swaps: Swaps, watchdog: Any) -> None:
    say = watchdog.say

    def tapped(seconds: float, place: str, so_far: bool = False) -> None:
        data = {"ms": round(seconds * 1000), "so_far": so_far}
        tracer.emit("loop.blocked", src=place.partition(" ")[0], data=data)
        say(seconds, place, so_far)

    swaps.attribute(watchdog, "say", tapped)
