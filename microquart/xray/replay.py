"""What was recorded, once more: the same bytes, another server in memory.

The recording tells after which records each read came, so that the server
reads at the same moments; what it does between is its own.  Dates are those
of the recording, and there is no clock that would end anything: what the
sweeper had ended then is ended at the same place.
"""

import asyncio
from collections import Counter
from collections.abc import (
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import anyio
import anyio.lowlevel

from microquart.asgi import ASGIApplication, FieldList
from microquart.server.shells import Shells
from microquart.xray.exports.jsonl import lengths
from microquart.xray.inprocess import (
    Ends,
    Handshake,
    Host,
    Taps,
    Wire,
    hosted,
)
from microquart.xray.record import Record
from microquart.xray.redaction import Redactor
from microquart.xray.requests import headers_of
from microquart.xray.tracer import Ring, Tracer

Kind = Literal["accept", "recv", "eof", "timer", "close"]

# Seconds to wait for a record that the recording has before a read and the
# replay has not: while the application runs, besides twice the longest that
# one took then; and otherwise.
PATIENCE, SOON = 1.0, 0.02
TURNS = 20  # of the loop, in which whatever need not wait is done

FRAME_HEAD = 9  # octets
PREFACE = 24


class CannotReplay(ValueError):
    """The recording lacks what a replay needs; the message says what."""


@dataclass(frozen=True)
class Step:
    """Something that happened to a connection from outside."""

    kind: Kind
    conn: str
    record: Record
    before: Mapping[str, int]
    """How many records of each connection came before."""
    longest: float
    """Seconds that nothing was told, at most, since the step before."""
    date: str | None
    """What the next response says."""


def steps_of(recorded: Sequence[Record]) -> list[Step]:
    """Return what happened to the connections that are there as a whole.

    Raises:
        CannotReplay: none is, or the octets were not kept.
    """
    whole = {r.conn for r in recorded if r.name == "net.accept"}
    reads = [r for r in recorded if r.name == "net.recv" and r.conn in whole]
    if not reads:
        raise CannotReplay(
            "it has no connection from its beginning: record a server, "
            "not an application alone"
        )
    if any(record.raw is None for record in reads):
        raise CannotReplay("it has no octets")
    return [*planned(recorded, whole)]


def planned(
    recorded: Sequence[Record], whole: Set[str | None]
) -> Iterator[Step]:
    """Yield what happened to these connections, and when."""
    seen = Counter[str]()
    # What was known when calls were cancelled: a loss is told after that.
    lost: dict[str, dict[str, int]] = {}
    last, longest = recorded[0].t, 0
    for record, date in zip(recorded, dates_of(recorded), strict=True):
        longest, last = max(longest, record.t - last), record.t
        conn = record.conn
        if conn is None or conn not in whole:
            continue
        kind = kind_of(record)
        if kind is not None:
            before, known = lost.pop(conn, None), dict(seen)
            if before is not None and record.data.get("error"):
                known = before
            yield Step(kind, conn, record, known, longest / 1e9, date)
            longest = 0
        elif record.data.get("outcome") == "cancelled":
            lost.setdefault(conn, dict(seen))
        seen[conn] += 1


def kind_of(record: Record) -> Kind | None:
    match record.name:
        case "net.accept":
            return "accept"
        case "net.recv":
            return "recv"
        case "timer.fire" if record.data.get("what") != "socket":
            return "timer"
        case "net.close":
            return "close"
        case "h1.event" if record.data.get("event") == "ConnectionClosed":
            return "eof"
    return None


def dates_of(recorded: Sequence[Record]) -> list[str | None]:
    """Return for each record the date of the first response after it."""
    date: str | None = None
    dates: list[str | None] = []
    for record in reversed(recorded):
        if record.dir == "out" and record.name in ("h1.event", "h2.frame"):
            date = dict(fields_of(record)).get("date", date)
        dates.append(date)
    return dates[::-1]


def fields_of(record: Record) -> Iterator[tuple[str, str]]:
    yield from headers_of(record)
    match record.data.get("hpack"):
        case [*fields]:
            for field in fields:
                match field:
                    case {"name": str(name), "value": str(value)}:
                        yield name, value


# -- playing --


def replay(
    recorded: Sequence[Record],
    head: Mapping[str, object],
    app: ASGIApplication,
    slow: bool = False,
) -> Tracer:
    """Replay a recording in a thread of its own; return who has seen it.

    Raises:
        CannotReplay: the recording lacks something.
        StartupFailed: the application could not start.
    """
    tracer = whole(redactor_of(head))
    playing = play(recorded, app, tracer, slow)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, playing).result()
    return tracer


def whole(redactor: Redactor) -> Tracer:
    """Return a tracer that drops nothing."""
    return Tracer(redactor, ring=Ring(1 << 30, 1 << 40))


def redactor_of(head: Mapping[str, object]) -> Redactor:
    match head.get("redaction"):
        case [*found]:
            names = list(map(str, found))
        case _:
            names = []
    fields = [name for name in names if not name.endswith("=")]
    keys = [name.removesuffix("=") for name in names if name.endswith("=")]
    return Redactor(fields, keys, bodies=None)


def play(
    recorded: Sequence[Record],
    app: ASGIApplication,
    tracer: Tracer,
    slow: bool = False,
) -> Coroutine[None, None, None]:
    """Return the replay, to be run on a loop; with ``slow`` each frame of
    HTTP/2 comes alone, when nothing more happens.

    Raises:
        CannotReplay: the recording lacks something.
    """
    return Player(recorded, app, tracer, slow).run(steps_of(recorded))


class Player:
    """Does to a server what was done to the one that was recorded."""

    def __init__(
        self,
        recorded: Sequence[Record],
        app: ASGIApplication,
        tracer: Tracer,
        slow: bool,
    ) -> None:
        self.recorded = recorded
        self.app = app
        self.tracer = tracer
        self.slow = slow
        self.names = {record.name for record in recorded}
        self.wires: dict[str, Wire] = {}
        self.seen = Counter[str]()  # records, by connections of the replay
        self.taps = Taps(tracer)
        self._conns: dict[str, str] = {}  # theirs, by those recorded

    async def run(self, steps: Sequence[Step]) -> None:
        self.loop = asyncio.get_running_loop()
        self.news = asyncio.Event()
        self.tracer.sinks.append(self._saw)
        try:
            async with hosted(self.app, self._made) as host:
                if not self._early:
                    self.taps.install(host.server)
                await self._play(host, steps)
                if "lifespan.shutdown" not in self.names:
                    self.taps.remove()
        finally:
            self.taps.remove()
            self.tracer.sinks.remove(self._saw)

    @property
    def _early(self) -> bool:
        """Whether the start was recorded, if that would be told."""
        return (
            "lifespan.startup" in self.names or "app.stage" not in self.names
        )

    async def _play(self, host: Host, steps: Sequence[Step]) -> None:
        for step in steps:
            await self._until(host, step)
            self._date(host.server, step.date)
            await self._take(host, step)
        await host.idle()

    def _made(self, server: Shells) -> None:
        if self._early:
            self.taps.install(server)

    # -- when --

    def _saw(self, record: Record) -> None:
        if record.conn is not None:
            self.seen[record.conn] += 1
            self.loop.call_soon_threadsafe(self.news.set)

    async def _until(self, host: Host, step: Step) -> None:
        """Wait until as much has happened as then."""
        while not self._is_ready(step):
            self.news.clear()
            patience = SOON
            if host.calls():
                patience = PATIENCE + 2 * step.longest
            with anyio.move_on_after(patience) as scope:
                await self.news.wait()
            if scope.cancelled_caught:
                await turns()
                if not self.news.is_set():
                    return  # it goes another way than then

    def _is_ready(self, step: Step) -> bool:
        return all(
            self.seen[self._conns[conn]] >= count
            for conn, count in step.before.items()
        )

    # -- what --

    def _date(self, server: Shells, date: str | None) -> None:
        if date is not None:
            service = server.service
            service.fields = dated(service.fields, date)

    async def _take(self, host: Host, step: Step) -> None:
        if step.kind == "accept":
            self._conns[step.conn] = f"c{len(self._conns) + 1}"
            self.wires[step.conn] = host.connect(
                ends_of(step.record, self.recorded)
            )
            return
        wire = self.wires[step.conn]
        match step.kind:
            case "recv" if self.slow:
                for piece in frames_of(step.record):
                    wire.feed(piece)
                    await self._still()
            case "recv":
                wire.feed(step.record.raw or b"")
            case "eof":
                wire.feed(b"")
            case "timer":
                expire(host.server, wire, step.record)
            case _ if step.record.data.get("error"):
                wire.lose(ConnectionResetError())
            case _:
                wire.feed(b"")

    async def _still(self) -> None:
        """Wait until nothing more happens."""
        count = -1
        while count != (count := self.seen.total()):
            await turns()


async def turns() -> None:
    for _ in range(TURNS):
        await anyio.lowlevel.checkpoint()


def dated(fields: FieldList, date: str) -> FieldList:
    told = date.encode("latin-1")
    return [(name, told if name == b"date" else v) for name, v in fields]


def expire(server: Shells, wire: Wire, record: Record) -> None:
    """Let as much time have passed as then."""
    connection = wire.shell.connection
    if connection is None or wire.is_closing():
        return
    match record.data.get("seconds"):
        case int() | float() as seconds:
            passed = float(seconds)
        case _:
            passed = 24 * 3600.0
    connection.expire(wire.shell.loop.time() + passed)
    wire.shell.settle()


def ends_of(accepted: Record, recorded: Sequence[Record]) -> Ends:
    """Return where a connection was between, as it was accepted."""
    data = accepted.data
    known = Ends()
    return Ends(
        pair_of(data.get("peer")) or known.client,
        pair_of(data.get("local")) or known.server,
        next(
            (
                handshake_of(record)
                for record in recorded
                if record.name == "tls.ready" and record.conn == accepted.conn
            ),
            None,
        ),
    )


def handshake_of(ready: Record) -> Handshake:
    told = {k: v for k, v in ready.data.items() if isinstance(v, str)}
    suite = told.get("cipher")
    number = None if suite is None else int(suite, 16)
    return Handshake(
        told.get("alpn"), told.get("version"), number, told.get("sni")
    )


def pair_of(address: object) -> tuple[str, int] | None:
    """Return an address of the network as sockets have it.

    >>> pair_of("127.0.0.1:80"), pair_of("/run/x.sock")
    (('127.0.0.1', 80), None)
    """
    host, colon, port = str(address).rpartition(":")
    return (host, int(port)) if colon and port.isdecimal() else None


def frames_of(record: Record) -> Iterator[bytes]:
    """Yield the octets of a read, cut where frames of HTTP/2 begin."""
    raw = record.raw or b""
    if record.bytes and record.bytes[0] == 0:
        if not raw.startswith(b"PRI * HTTP/2.0"):
            yield raw
            return
        yield raw[:PREFACE]
        raw = raw[PREFACE:]
    while raw:
        end = FRAME_HEAD + int.from_bytes(raw[:3])
        yield raw[:end]
        raw = raw[end:]


# -- what came of it --


def outputs(records: Iterable[Record]) -> dict[str | None, bytes]:
    """Return what the server has written, by connections in their order."""
    written: dict[str | None, bytes] = {}
    for record in records:
        if record.name == "net.write":
            before = written.get(record.conn, b"")
            written[record.conn] = before + (record.raw or b"")
    return written


def same_output(recorded: Sequence[Record], again: Sequence[Record]) -> bool:
    """Tell whether a replay has written the same octets, as far as the
    recording has them: bodies may have been left out."""
    known, written = outputs(recorded), outputs(again)
    if known == outputs(lengths(recorded)):
        written = outputs(lengths(again))
    return [*known.values()] == [*written.values()]
