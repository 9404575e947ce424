"""The tracer: every tap tells it what it saw, and it tells the sinks.

It knows what is current: which connection, request and span the code that
runs now belongs to.  That is kept in a context variable, so it follows a
request through its tasks and into the threads of plain views.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from logging import getLogger
from threading import RLock
from time import perf_counter_ns
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import anyio

from microquart.xray.record import SCHEMA, Data, Record
from microquart.xray.redaction import Redactor

logger = getLogger("microquart.xray")

Sink = Callable[[Record], object]

MAX_REQUESTS = 512
MAX_BYTES = 32 * 1024 * 1024
# How many of the oldest requests go at once: each time costs a walk.
_BATCH = 32
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
        self.records: deque[Record] = deque()
        self.size = 0  # bytes
        self._requests: dict[str, int] = {}  # and where each began

    def append(self, record: Record) -> None:
        self.records.append(record)
        self.size += size_of(record)
        if record.req is not None:
            self._requests.setdefault(record.req, record.seq)
        while self.size > self.max_bytes and len(self.records) > 1:
            self._drop()
        while len(self._requests) > self.max_requests:
            self._drop()

    def _drop(self) -> None:
        """Drop the oldest requests, and what is older than those left."""
        every = list(self._requests)
        gone = set(every[: min(_BATCH, max(len(every) // 2, 1))])
        for req in gone:
            del self._requests[req]
        first = min(self._requests.values(), default=None)
        if first is None:
            first = self.records[len(self.records) // 2].seq
        self.records = deque(
            record
            for record in self.records
            if record.req not in gone
            and (record.req is not None or record.seq >= first)
        )
        self.size = sum(map(size_of, self.records))


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
        self._began = perf_counter_ns()
        self._seq = count()
        self._spans = count(1)
        self._conns = count(1)
        self._reqs = count(1)
        # Plain views run in threads; and a sink may do what is traced.
        self._lock = RLock()

    @property
    def records(self) -> list[Record]:
        with self._lock:
            return list(self.ring.records)

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

    def new_span(self) -> int:
        return next(self._spans)

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
        if parent is None and span is None and here.req == at.req:
            parent = here.span
        with self._lock:
            seq, t = next(self._seq), perf_counter_ns() - self._began
            record = Record(seq, t, ph, name, at.conn, at.stream, at.req)
            record.span, record.parent = span, parent
            record.dir, record.bytes = dir, bytes
            record.src, record.data, record.raw = src, data or {}, raw
            self._tell(record)

    def _tell(self, record: Record) -> None:
        # What is traced must not fail for it.
        try:
            if self.redactor is not None:
                record = self.redactor.record(record)
            for sink in self.sinks:
                sink(record)
        except Exception:
            logger.exception("a record was lost: %s", record.name)

    def span(self, name: str, data: Data, **options: Any) -> "Span":
        """Return what is to be entered; the options are Span's."""
        return Span(self, name, data, **options)


class Span:
    """Something that lasts: its two records, and what is current between.

    What is set in ``result`` before its end is said at the end.
    """

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
        self.place = (at or outer)._replace(span=tracer.new_span())
        self._parent = (
            outer.span if at is None or at.req == outer.req else None
        )
        self._token: Token[Place] | None = None
        self._ended = False
        self._enter = enter
        self._said = src, data, raw

    def begin(self) -> Self:
        src, data, raw = self._said
        self._emit("B", data, raw, src)
        if self._enter:
            self._token = self.tracer.place.set(self.place)
        return self

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._token is not None:
            # Begun in one task and ended in another: each has its own.
            with suppress(ValueError):
                self.tracer.place.reset(self._token)
        self._emit("E", self.result, self.raw)

    def __enter__(self) -> Self:
        return self.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.result.update(outcome_of(error))
        self.end()

    def _emit(
        self,
        ph: Literal["B", "E"],
        data: Data,
        raw: bytes | None,
        src: str | None = None,
    ) -> None:
        self.tracer.emit(
            self.name,
            ph,
            at=self.place,
            dir=self._dir,
            span=self.place.span,
            parent=self._parent,
            src=src,
            data=data,
            raw=raw,
        )


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
    return _RECORD + len(record.raw or b"")
