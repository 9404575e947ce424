"""One connection as the tracer knows it: its name, its bytes, its requests."""

from collections.abc import Iterable
from typing import Any, Literal

from microquart.protocol import Connection, Peer, Stream
from microquart.xray.record import Data
from microquart.xray.swaps import Swaps
from microquart.xray.taps.asgi import address
from microquart.xray.taps.hello import said
from microquart.xray.tracer import Place, Tracer

Way = Literal["in", "out"]

VERSIONS: dict[object, str] = {0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


class Bytes:
    """One direction: how much has passed, and how much is explained."""

    def __init__(self) -> None:
        self.passed = 0
        self.claimed = 0

    def claim(self, size: int) -> tuple[int, int] | None:
        """Return the range of the next so many bytes; None: of no byte."""
        if not size:
            return None
        start = self.claimed
        self.claimed += size
        return start, size


class Line:
    """What the taps of one connection share."""

    def __init__(self, tracer: Tracer, peer: Peer, alpn: str | None) -> None:
        self.tracer = tracer
        self.at = Place(tracer.new_conn())
        self.bytes: dict[Way, Bytes] = {"in": Bytes(), "out": Bytes()}
        self.requests: dict[Stream, Place] = {}
        self.error: str | None = None  # how it ended, if not in order
        self._paused = False
        self.tell(
            "net.accept",
            peer=address(peer.client),
            local=address(peer.server),
            tls=peer.secure,
            alpn=alpn,
        )
        if peer.secure:
            self._tell_tls(peer, alpn)

    def _tell_tls(self, peer: Peer, alpn: str | None) -> None:
        told: Data = {**(peer.tls or {})}
        version, suite = told.get("tls_version"), told.get("cipher_suite")
        self.tell(
            "tls.ready",
            version=VERSIONS.get(version),
            cipher=None if suite is None else f"{suite:#06x}",
            alpn=alpn,
            sni=said(),
            client_cert=told.get("client_cert_name"),
        )

    def tell(self, name: str, at: Place | None = None, **data: object) -> None:
        self.tracer.emit(name, at=at or self.at, data=data)

    def event(
        self, name: str, way: Way, size: int, at: Place | None, data: Data
    ) -> None:
        """Tell of an event of the protocol, and claim its bytes."""
        self.tracer.emit(
            name,
            at=at or self.at,
            dir=way,
            bytes=self.bytes[way].claim(size),
            data=data,
        )

    # -- bytes --

    def passes(self, way: Way, data: bytes) -> None:
        """Bytes have come, or leave now."""
        count = self.bytes[way]
        self.tracer.emit(
            "net.recv" if way == "in" else "net.write",
            at=self.at,
            dir=way,
            bytes=(count.passed, len(data)),
            data={"len": len(data)},
            raw=data,
        )
        count.passed += len(data)

    def leave_rest(self, layer: str) -> None:
        """At the end: claim what no event has used."""
        for way in ("in", "out"):
            count = self.bytes[way]
            if size := count.passed - count.claimed:
                data = {"event": "Rest", "len": size}
                if layer == "h2":
                    data = {"frame": "Rest", "len": size}
                name = "h2.frame" if layer == "h2" else "h1.event"
                self.event(name, way, size, None, data)

    # -- streams --

    def opens(self, stream: Stream, at: Place) -> None:
        """A stream belongs to a request; its application call will too."""
        self.requests[stream] = at
        self.tracer.calls[id(stream.scope)] = at

    def place_of(self, stream: Stream) -> Place:
        return self.requests.get(stream, self.at)

    def spawned(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            at = self.place_of(stream)
            self.tell("task.spawn", at, task=f"call {at.req}", by=self.at.conn)

    def released(self, stream: Stream) -> None:
        at = self.requests.pop(stream, self.at)
        self.tracer.calls.pop(id(stream.scope), None)
        outcome = "gone" if stream.gone else "done"
        self.tell("task.done", at, task=f"call {at.req}", outcome=outcome)

    # -- the shell --

    def watch(self, connection: Any) -> None:
        """Tell what a shell does about a connection, whichever it is."""
        opened, woken = connection.opened, connection.woken
        release, lost = connection.release, connection.lost

        def tapped_opened() -> list[Stream]:
            streams: list[Stream] = opened()
            self.spawned(streams)
            return streams

        def tapped_woken() -> list[Stream]:
            streams: list[Stream] = woken()
            self._settled(connection)
            return streams

        def tapped_release(stream: Stream) -> None:
            release(stream)
            self.released(stream)

        def tapped_lost() -> None:
            if not connection.closed:
                self.error = "the peer has gone"
            lost()

        swaps = Swaps()
        swaps.attribute(connection, "opened", tapped_opened)
        swaps.attribute(connection, "woken", tapped_woken)
        swaps.attribute(connection, "release", tapped_release)
        swaps.attribute(connection, "lost", tapped_lost)

    def _settled(self, connection: Connection) -> None:
        """See whether the peer is to be read on."""
        if connection.paused is not self._paused:
            self._paused = connection.paused
            name = "net.pause" if self._paused else "net.resume"
            self.tracer.emit(name, at=self.at, dir="in", data={})

    # -- time --

    def waits(
        self, what: str, limit: float | None, at: Place | None = None
    ) -> None:
        """Tell that something is waited for from now on."""
        self.tell("timer.start", at, what=what, seconds=limit)

    def fired(
        self, what: str, seconds: float | None, at: Place | None = None
    ) -> None:
        """Tell that something was waited for so long, and is so no more."""
        if seconds is not None:
            seconds = round(seconds, 3)
        self.tell("timer.fire", at, what=what, seconds=seconds)


def whose(error: Exception) -> str:
    """Say whose fault an error of a library is."""
    return "ours" if "Local" in type(error).__name__ else "the peer's"
