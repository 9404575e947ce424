"""The taps of a server: its connections, from the first byte to the last."""

from functools import partial
from typing import Any

from microquart.protocol import Connect, Connection, Peer, Service, connect
from microquart.server.protocols import HTTP
from microquart.server.shells import Shell, Shells
from microquart.xray.swaps import Swaps
from microquart.xray.taps.h1 import TappedH1
from microquart.xray.taps.h2 import TappedH2
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

    def add(self, shell: Any) -> None:
        super().add(shell)
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


def tap_flow(line: Line, shell: Any) -> None:
    """Tell when a transport takes no more, and when it does again.

    In the shell for tasks nothing pauses: its writer waits.
    """
    if not hasattr(shell, "pause_writing"):
        return
    pause, resume = shell.pause_writing, shell.resume_writing

    def tell(name: str) -> None:
        left = shell._transport.get_write_buffer_size()
        data = {"write_buffer": left}
        line.tracer.emit(name, at=line.at, dir="out", data=data)

    def pausing() -> None:
        pause()
        tell("net.pause")

    def resuming() -> None:
        tell("net.resume")
        resume()

    swaps = Swaps()
    swaps.attribute(shell, "pause_writing", pausing)
    swaps.attribute(shell, "resume_writing", resuming)


def tap_shells(tracer: Tracer, swaps: Swaps, server: Shells) -> None:
    """Put taps into a server; connections that are open stay as they are."""
    lines = Lines(tracer, server.make_connection)
    swaps.attribute(server, "make_connection", lines.connect)
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


def tap_watchdog(tracer: Tracer, swaps: Swaps, watchdog: Any) -> None:
    say = watchdog.say

    def tapped(seconds: float, place: str, so_far: bool = False) -> None:
        data = {"ms": round(seconds * 1000), "so_far": so_far}
        tracer.emit("loop.blocked", src=place.partition(" ")[0], data=data)
        say(seconds, place, so_far)

    swaps.attribute(watchdog, "say", tapped)
