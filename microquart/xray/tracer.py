"""The tracer: every tap tells it what it saw, and it tells the sinks.

It knows what is current: which connection, request and span the code that
runs now belongs to.  That is kept in a context variable, so it follows a
request through its tasks and into the threads of plain views.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from functools import partial
from heapq import merge
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from logging import getLogger
from operator import attrgetter
from threading import RLock
from time import perf_counter_ns
from types import TracebackType
from typing import Literal, NamedTuple, Self

import anyio

from microquart.xray.record import SCHEMA, Data, Record
from microquart.xray.redaction import Redactor
from microquart.xray.tasks import Tasks

logger = getLogger("microquart.xray")

Sink = Callable[[Record], object]

MAX_REQUESTS = 512
MAX_BYTES = 32 * 1024 * 1024
# What a record takes in memory beside its octets, bytes, more or less.
_RECORD = 800
# Of the content of a message or a frame, kept in memory only.
PREVIEW = 4096


class Place(NamedTuple):
    """What the code that runs now belongs to."""

    conn: str | None = None
    req: str | None = None
    stream: int | None = None
    span: int | None = None


NOWHERE = Place()


class Ring:
    """The newest records: the oldest request goes first, and as a whole."""

    def __init__(
        self, max_requests: int = MAX_REQUESTS, max_bytes: int = MAX_BYTES
    ) -> None:
        self.max_requests = max_requests
        self.max_bytes = max_bytes
        self.size = 0  # bytes
        # Apart, so that a request that goes need not be looked for.
        self._requests: dict[str, Kept] = {}
        self._others = deque[Record]()

    @property
    def records(self) -> list[Record]:
        """All that is kept, in order."""
        kept = [each.records for each in self._requests.values()]
        return list(merge(self._others, *kept, key=attrgetter("seq")))

    def append(self, record: Record) -> None:
        size = size_of(record)
        self.size += size
        if record.req is None:
            self._others.append(record)
        else:
            kept = self._requests.get(record.req)
            if kept is None:
                kept = self._requests[record.req] = Kept()
            kept.records.append(record)
            kept.size += size
            if len(self._requests) > self.max_requests:
                self._drop_oldest()
        while self.size > self.max_bytes:
            if len(self._requests) > 1:
                self._drop_oldest()
            elif not self._drop_half():
                break

    def _drop_oldest(self) -> None:
        """Drop the oldest request, and what is older than those left."""
        oldest = next(iter(self._requests))
        self.size -= self._requests.pop(oldest).size
        first = next(iter(self._requests.values())).records[0].seq
        self._forget(first, self._others)

    def _drop_half(self) -> bool:
        """Drop what is older: the one request may last, as a WebSocket."""
        records = self.records
        first = records[len(records) // 2].seq
        self._forget(first, self._others)
        for req, kept in list(self._requests.items()):
            before = self.size
            self._forget(first, kept.records)
            kept.size -= before - self.size
            if not kept.records:
                del self._requests[req]
        return len(records) > 1

    def _forget(self, before: int, records: deque[Record]) -> None:
        while records and records[0].seq < before:
            self.size -= size_of(records.popleft())


class Kept:
    """The records of one request."""

    __slots__ = ("records", "size")

    def __init__(self) -> None:
        self.records = deque[Record]()
        self.size = 0  # bytes


class Tracer:
    """Counts, times and redacts; ``redactor`` None shows secrets too."""

    def __init__(
        self,
        redactor: Redactor | None,
        sinks: Iterable[Sink] = (),
        ring: Ring | None = None,
    ) -> None:
        self.redactor = redactor
        self.ring = ring or Ring()
        self.sinks: list[Sink] = [self.ring.append, *sinks]
        self.started = datetime.now(UTC).isoformat(timespec="milliseconds")
        # Of its own, so that two tracers do not mix.
        self.place: ContextVar[Place] = ContextVar("place", default=NOWHERE)
        self.stage: ContextVar[str] = ContextVar("stage", default="")
        # Scopes whose application call a connection has announced.
        self.calls: dict[int, Place] = {}
        self.tasks = Tasks()
        self.trio = False  # the server that it looks at is under tasks
        # Makes what is to be entered; its arguments are those of Span.
        self.span = partial(Span, self)
        self._began = perf_counter_ns()
        self._seq = count()
        self.spans = count(1)
        self._conns = count(1)
        self._reqs = count(1)
        # Plain views run in threads; and a sink may do what is traced.
        self._lock = RLock()

    @property
    def records(self) -> list[Record]:
        with self._lock:
            return self.ring.records

    def head(self) -> dict[str, object]:
        """Return what the first line of a file says."""
        return {
            "xray": SCHEMA,
            "microquart": version_of("microquart"),
            "python": sys.version.partition(" ")[0],
            "h11": version_of("h11"),
            "h2": version_of("h2"),
            "wsproto": version_of("wsproto"),
            "started": self.started,
            "redaction": self.redactor.names if self.redactor else [],
        }

    # -- names --

    def new_conn(self) -> str:
        return f"c{next(self._conns)}"

    def new_req(self) -> str:
        return f"r{next(self._reqs)}"

    # -- records --

    def emit(
        self,
        name: str,
        ph: Literal["B", "E", "I"] = "I",
        *,
        at: Place | None = None,
        dir: Literal["in", "out"] | None = None,
        bytes: tuple[int, int] | None = None,
        span: int | None = None,
        parent: int | None = None,
        src: str | None = None,
        data: Data | None = None,
        raw: "bytes | None" = None,
    ) -> None:
        """Tell all sinks; without ``at`` it belongs to the current place."""
        here = self.place.get()
        if at is None:
            at = here
        if parent is None and span is None and at.req == here.req:
            parent = here.span
        if data is None:
            data = {}
        self.tell(ph, name, at, span, parent, dir, bytes, src, data, raw)

    def tell(
        self,
        ph: Literal["B", "E", "I"],
        name: str,
        at: Place,
        span: int | None,
        parent: int | None,
        dir: Literal["in", "out"] | None,
        bytes: tuple[int, int] | None,
        src: str | None,
        data: Data,
        raw: "bytes | None",
    ) -> None:
        """Make the record, of what is known already; tell all sinks."""
        conn, req, stream, _ = at
        task = self.tasks.name()
        with self._lock:
            seq, t = next(self._seq), perf_counter_ns() - self._began
            record = Record(
                *(seq, t, ph, name, conn, stream, req, span, parent),
                *(dir, bytes, src, task, data, raw),
            )
            # What is traced must not fail for it.
            try:
                if self.redactor is not None:
                    record = self.redactor.record(record)
                for sink in self.sinks:
                    sink(record)
            except Exception:
                logger.exception("a record was lost: %s", name)


class Span:
    """Something that lasts: its two records, and what is current between.

    What is set in ``result`` before its end is said at the end.
    """

    __slots__ = (
        "_dir",
        "_ended",
        "_enter",
        "_parent",
        "_said",
        "_token",
        "name",
        "place",
        "raw",
        "result",
        "tracer",
    )

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        data: Data,
        src: str | None = None,
        dir: Literal["in", "out"] | None = None,
        at: Place | None = None,
        raw: bytes | None = None,
        enter: bool = True,
    ) -> None:
        self.tracer = tracer
        self.name = name
        self.result: dict[str, object] = {}
        self.raw: bytes | None = None  # of the result
        self._dir: Literal["in", "out"] | None = dir
        outer = tracer.place.get()
        conn, req, stream, _ = outer if at is None else at
        self.place = Place(conn, req, stream, next(tracer.spans))
        self._parent = outer.span if req == outer.req else None
        self._token: Token[Place] | None = None
        self._ended = False
        self._enter = enter
        self._said = src, data, raw

    def begin(self) -> Self:
        place, (src, data, raw) = self.place, self._said
        self.tracer.tell(
            *("B", self.name, place, place.span, self._parent, self._dir),
            *(None, src, data, raw),
        )
        if self._enter:
            self._token = self.tracer.place.set(place)
        return self

    __enter__ = begin

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._token is not None:
            try:
                self.tracer.place.reset(self._token)
            except ValueError:  # begun in another task, with its own place
                self._token = None
        place = self.place
        self.tracer.tell(
            *("E", self.name, place, place.span, self._parent, self._dir),
            *(None, None, self.result, self.raw),
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.result.update(outcome_of(error))
        self.end()


def texts(fields: Iterable[tuple[bytes, bytes]]) -> list[list[str]]:
    """Return field lines as a record has them."""
    return [[n.decode("latin-1"), v.decode("latin-1")] for n, v in fields]


def outcome_of(error: BaseException) -> dict[str, object]:
    """Say how something ended that raised."""
    if isinstance(error, Exception):
        return {"outcome": "exception", "exception": type(error).__name__}
    if isinstance(error, cancelled_class()):
        return {"outcome": "cancelled"}
    return {"outcome": "exception", "exception": type(error).__name__}


def cancelled_class() -> type[BaseException] | tuple[()]:
    try:
        return anyio.get_cancelled_exc_class()
    except anyio.NoEventLoopError:
        return ()


def version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def size_of(record: Record) -> int:
    return _RECORD if record.raw is None else _RECORD + len(record.raw)
