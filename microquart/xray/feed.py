"""What the live page is told: every record, by a queue that has a bound.

The application's side only appends: no page, however slow, costs it more.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from microquart.xray.exports import jsonl
from microquart.xray.record import Record
from microquart.xray.tracer import Tracer

# Records that may wait for one page; the oldest go first.
WAITING = 20_000
# Of one read or write, octets that the page is shown.
SHOWN = 16 * 1024
# Characters of one message to the page, more or less.
MESSAGE = 128 * 1024


class Viewer:
    """One open page: what it has not been told yet."""

    def __init__(self, limit: int) -> None:
        self.first: Sequence[Record] = ()
        self.waiting: deque[Record] = deque(maxlen=limit)
        self.last = -1  # the number of the last one seen
        self.dropped = 0  # in all
        self._said = 0

    def append(self, record: Record) -> None:
        if len(self.waiting) == self.waiting.maxlen:
            self.dropped += 1
        self.waiting.append(record)

    def messages(self) -> Iterator[str]:
        """Yield what waits, some lines each; then how many were dropped."""
        yield from joined(map(line, self._records()))
        if self.dropped != self._said:
            self._said = self.dropped
            yield jsonl.dumped({"dropped": self._said})

    def _records(self) -> Iterator[Record]:
        first, self.first = self.first, ()
        yield from first
        # No more than wait now: what is traced may be faster than a page.
        for _ in range(len(self.waiting)):
            record = self.waiting.popleft()
            if record.seq > self.last:
                yield record


class Feed:
    """A sink that tells every open page."""

    def __init__(self, tracer: Tracer, limit: int = WAITING) -> None:
        self.tracer = tracer
        self.limit = limit
        self.viewers: list[Viewer] = []

    def __call__(self, record: Record) -> None:
        for viewer in self.viewers:
            viewer.append(record)

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """Tell one page more, first what is kept, while the block lasts."""
        viewer = Viewer(self.limit)
        # In this order nothing is missed; what comes twice is told once.
        self.viewers = [*self.viewers, viewer]
        viewer.first = self.tracer.records
        viewer.last = max((each.seq for each in viewer.first), default=-1)
        try:
            yield viewer
        finally:
            self.viewers = [
                each for each in self.viewers if each is not viewer
            ]


def line(record: Record) -> str:
    if record.raw is not None and len(record.raw) > SHOWN:
        record = replace(record, raw=record.raw[:SHOWN])
    return jsonl.line(record)


def joined(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines, as many at once as make a message."""
    some, size = list[str](), 0
    for each in lines:
        some.append(each)
        size += len(each)
        if size >= MESSAGE:
            yield "".join(some)
            some, size = [], 0
    if some:
        yield "".join(some)
