"""A trace as lines of text, for a terminal.

Level 0 tells a line for each request and what first went wrong; level 1 what
the application did, 2 also the messages and events between the layers, and 3
also frames, fields of HPACK, and octets.

What a client sent is shown with its control characters escaped: nothing that
is traced can speak to the terminal.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TextIO

from microquart.xray.record import Record
from microquart.xray.requests import TracedRequest, anomaly, requests_of
from microquart.xray.sentences import details, sentence, strings

# From which level the records of a layer are told, or of a name.
LEVELS = {
    "user": 1,
    "route": 1,
    "loop": 1,
    "lifespan": 1,
    "asgi.app": 1,
    "asgi": 2,
    "app": 2,
    "ctx": 2,
    "task": 2,
    "h1": 2,
    "h2.event": 2,
    "h2.stream": 2,
    "ws.event": 2,
    "ws.state": 2,
    "tls": 2,
    "net.accept": 2,
    "net.close": 2,
}
ALL = 3

COLOURS = {
    "net": 34,
    "tls": 34,
    "h1": 36,
    "h2": 36,
    "ws": 36,
    "asgi": 35,
    "ctx": 90,
    "app": 33,
    "route": 33,
    "user": 32,
}
RED = 31

ARROWS = {"in": "<", "out": ">", None: " "}
# Of a request that goes on for long, so many records are kept for its line.
KEPT = 2000


class Console:
    """A sink that tells the story as it happens."""

    def __init__(
        self,
        write: Callable[[str], object],
        level: int = 0,
        colour: bool = False,
        width: int | None = None,
        only: Iterable[str] = (),
    ) -> None:
        self.write = write
        self.level = level
        self.only = frozenset(only)
        self.teller = Teller(colour, width, is_brief(level, self.only))
        # Which requests have a line of level 0; None: all.
        self.wants: Callable[[TracedRequest], bool] | None = None
        self.open: dict[str, Pending] = {}
        self.done: dict[str, None] = {}

    @classmethod
    def on(
        cls, stream: TextIO, level: int = 0, only: Iterable[str] = ()
    ) -> "Console":
        """Return a console that suits a stream: its width, NO_COLOR."""
        tty = stream.isatty()
        width = shutil.get_terminal_size().columns if tty else None
        colour = tty and not os.environ.get("NO_COLOR")
        return cls(stream.write, level, colour, width, only)

    def __call__(self, record: Record) -> None:
        if self.level:
            if wanted(record, self.level, self.only):
                self._say(self.teller.lines(record))
            elif record.ph == "E":
                self.teller.forget(record)
            return
        self._note(record)
        if record.req is None and (wrong := anomaly(record)):
            self._say([self.teller.wrong(f"{record.conn or '-'} {wrong}")])

    def close(self) -> None:
        """Tell of what has not ended."""
        for req in [*self.open]:
            self._finish(req)

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line + "\n")

    def _note(self, record: Record) -> None:
        """Keep a record; tell of the requests that it completes."""
        if record.req in self.done:
            return
        if record.req is not None:
            pending = self.open.setdefault(record.req, Pending(record.conn))
            pending.add(record)
            if pending.ended and pending.conn is None:
                self._finish(record.req)
        if record.conn is not None:
            for req, pending in [*self.open.items()]:
                if pending.conn == record.conn and pending.over(record):
                    self._finish(req)

    def _finish(self, req: str) -> None:
        self.done[req] = None
        if len(self.done) > KEPT:
            del self.done[next(iter(self.done))]
        pending = self.open.pop(req)
        records = [*pending.records, *pending.write]
        records.sort(key=lambda record: record.seq)
        request = TracedRequest(req, records)
        if self.wants is None or self.wants(request):
            self._say(self.teller.summary(request))


class Pending:
    """A request that has not been told: the last octets may be to come."""

    def __init__(self, conn: str | None) -> None:
        self.conn = conn
        self.records: list[Record] = []
        self.write: list[Record] = []  # the last to the socket
        self.ended = False
        self.said = False  # all of the response, but to the socket
        self.sent = False

    def add(self, record: Record) -> None:
        if len(self.records) < KEPT or record.ph != "I":
            self.records.append(record)
        self.ended = self.ended or is_end(record)
        self.said = self.said or is_last(record)

    def over(self, record: Record) -> bool:
        """Tell whether this record of its connection completes it."""
        if record.name == "net.close":
            return True
        if record.name == "net.write" and not self.sent:
            self.write = [replace(record, raw=None)]
            self.sent = self.said
        return self.ended and self.sent


def is_end(record: Record) -> bool:
    """Tell whether the outermost application has returned, or none was."""
    if record.name in ("h1.error", "h2.error"):
        return True
    is_app = record.name == "asgi.app" and record.ph == "E"
    return is_app and record.data.get("at") == "server"


def is_last(record: Record) -> bool:
    """Tell whether this is the last that a response says."""
    data = record.data
    match record.name, record.dir:
        case "h1.event", "out":
            return data.get("event") == "EndOfMessage"
        case "h2.frame", "out":
            flags = strings(data.get("flags"))
            return "END_STREAM" in flags or data.get("frame") == "RST_STREAM"
    return False


def wanted(record: Record, level: int, only: frozenset[str]) -> bool:
    if only:
        return record.name in only or record.layer in only
    named = LEVELS.get(record.name, LEVELS.get(record.layer, ALL))
    if record.name == "asgi.send" and "status" in record.data:
        named = 1
    return named <= level or anomaly(record) is not None


def told(
    records: Sequence[Record],
    level: int = 1,
    colour: bool = False,
    width: int | None = None,
    only: Iterable[str] = (),
) -> str:
    """Return the text of a trace that is complete.

    What begins and ends with nothing to tell between is one line.
    """
    names = frozenset(only)
    teller = Teller(colour, width, is_brief(level, names))
    if level == 0:
        lines = [
            line
            for request in requests_of(records)
            for line in teller.summary(request)
        ]
    else:
        kept = [record for record in records if wanted(record, level, names)]
        lines = [
            line for record in folded(kept) for line in teller.lines(record)
        ]
    return "\n".join(lines)


def is_brief(level: int, only: frozenset[str]) -> bool:
    """Tell whether of sends the beginning is told alone."""
    return level == 1 and not only


def folded(records: Sequence[Record]) -> Iterator[Record]:
    """Join a beginning and the end that follows it at once."""
    skip = False
    for at, record in enumerate(records):
        after = records[at + 1] if at + 1 < len(records) else None
        if skip:
            skip = False
        elif (
            after is not None
            and record.ph == "B"
            and after.ph == "E"
            and after.span == record.span
        ):
            skip = True
            yield joined(record, after)
        else:
            yield record


def joined(begin: Record, end: Record) -> Record:
    data = {**begin.data, **end.data, "ns": end.t - begin.t}
    return replace(begin, ph="I", dir=begin.dir or end.dir, data=data)


class Teller:
    """Says records as lines, each after the one before."""

    def __init__(
        self,
        colour: bool = False,
        width: int | None = None,
        brief: bool = False,
    ) -> None:
        self.colour = colour
        self.width = width
        self.brief = brief
        self.last: int | None = None
        self.begun: dict[int, Record] = {}
        self.depth: dict[int | None, int] = {}

    def lines(self, record: Record) -> Iterator[str]:
        depth = self._depth(record)
        begin = self.begun.get(record.span or 0)
        words = sentence(record)
        took = record.data.get("ns")
        if record.ph == "B":
            if not (self.brief and record.name == "asgi.send"):
                words += " {"
        elif record.ph == "E" and begin is not None:
            words = f"}} {sentence(record, begin)}".rstrip()
            took = record.t - self.begun.pop(begin.span or 0).t
        if isinstance(took, int):
            words += f"  {span_of_time(took)}"
        if record.src is not None:
            words += f"  {record.src}"
        stream = record.conn or "", record.req or ""
        text = "{:9.3f} {:>8} {:<4}{:<4} {:>6} {} {}{}".format(
            record.t / 1e6,
            self._gap(record),
            *stream,
            record.layer,
            ARROWS[record.dir],
            "  " * depth,
            words,
        )
        code = RED if anomaly(record, begin) else COLOURS.get(record.layer)
        yield self._shown(text, code)
        for detail in details(record):
            yield self._shown(" " * 30 + "  " * depth + detail, 90)

    def summary(self, request: TracedRequest) -> Iterator[str]:
        """Yield a line for a request, and one for what first went wrong."""
        stream = f" s{request.stream}" if request.stream else ""
        parts = " ▏".join(
            f"{name} {short(seconds)}"
            for name, seconds in request.parts.items()
            if seconds >= 5e-6
        )
        status = request.status or "---"
        line = (
            f"{request.id} {request.method} {request.target}  "
            f"{request.protocol}{stream}  {status}  "
            f"{request.length('send')} B  {request.duration * 1e3:.2f} ms"
            f" │ {parts}"
        )
        wrong = request.error
        yield self._shown(line, RED if wrong else None)
        if wrong:
            yield self.wrong(wrong)

    def wrong(self, words: str) -> str:
        return self._shown(f"   ! {words}", RED)

    def _gap(self, record: Record) -> str:
        last, self.last = self.last, record.t
        return "" if last is None else "+" + span_of_time(record.t - last)

    def _depth(self, record: Record) -> int:
        outer = self.depth.get(record.parent, 0)
        if record.span is None:
            return outer
        if record.ph == "B":
            self.begun[record.span] = record
            self.depth[record.span] = outer + 1
        elif record.ph == "E":
            self.depth.pop(record.span, None)
        return outer

    def forget(self, end: Record) -> None:
        """Something has ended, and is not told of."""
        self.begun.pop(end.span or 0, None)
        self.depth.pop(end.span, None)

    def _shown(self, text: str, code: int | None) -> str:
        text = "".join(c if c.isprintable() else escaped(c) for c in text)
        if self.width is not None and len(text) > self.width:
            text = text[: self.width - 1] + "…"
        if self.colour and code is not None:
            return f"\x1b[{code}m{text}\x1b[0m"
        return text


def escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def span_of_time(ns: int) -> str:
    """Return a time that is short to read.

    >>> span_of_time(900), span_of_time(143_200), span_of_time(12_345_678)
    ('1µs', '143µs', '12.3ms')
    """
    if ns < 10_000_000:
        return f"{ns / 1e3:.0f}µs"
    return f"{ns / 1e6:.1f}ms" if ns < 10**9 else f"{ns / 1e9:.2f}s"


def short(seconds: float) -> str:
    """Return milliseconds, without a zero before the point."""
    return f"{seconds * 1e3:.2f}".removeprefix("0")
