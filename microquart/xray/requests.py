"""What a trace says of one request or WebSocket."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from microquart.xray.record import Record

# What the time of a request went into, in the order of its way.
PARTS = (
    "protocol",
    "middleware",
    "route",
    "hooks",
    "view",
    "app",
    "receive",
    "send",
)
# Kinds of ``user.call`` that are not the user's functions.
NOT_CALLS = ("session",)


@dataclass(slots=True, eq=False)
class Span:
    """Something with a beginning and an end; while it lasts, no end."""

    begin: Record
    end: Record | None = None
    inner: int = 0
    """Nanoseconds that its own spans took."""

    @property
    def time(self) -> int:
        return 0 if self.end is None else self.end.t - self.begin.t


@dataclass(slots=True)
class Route:
    """Which rules were looked at, and what came of it."""

    tried: list[tuple[str, str]] = field(default_factory=list)
    """Each rule and the verdict: ``match``, ``path``, ``method`` and so on."""
    endpoint: str | None = None
    args: object = None
    status: int | None = None


class Messages(list[Record]):
    """Messages of ASGI, as records."""

    @property
    def types(self) -> list[str]:
        return [str(record.data["message"]) for record in self]


class TracedRequest:
    """The records of one request, and what they come to.

    ``records`` has those of the connection that carried its octets, too.
    """

    def __init__(self, id: str, records: list[Record]) -> None:
        self.id = id
        self.records = records

    # -- what it is --

    @cached_property
    def own(self) -> list[Record]:
        return [record for record in self.records if record.req == self.id]

    @cached_property
    def conn(self) -> str | None:
        return next((r.conn for r in self.own if r.conn), None)

    @cached_property
    def stream(self) -> int | None:
        return next((r.stream for r in self.own if r.stream), None)

    @cached_property
    def _asked(self) -> Record | None:
        """The record that says what was asked for."""
        return self._first("asgi.app") or next(
            (r for r in self.own if r.dir == "in" and "method" in r.data),
            None,
        )

    @cached_property
    def _answered(self) -> Record | None:
        return next(
            (
                record
                for record in self.own
                if record.dir == "out"
                and (status := as_int(record.data.get("status")))
                and (status >= 200 or status == 101)
            ),
            None,
        )

    @property
    def kind(self) -> str:
        return self._word("type") or "http"

    @property
    def method(self) -> str:
        """The method; of a WebSocket that word, of what is none a dash."""
        if self.kind == "websocket":
            return "WEBSOCKET"
        return self._word("method") or "-"

    @property
    def target(self) -> str:
        return self._word("target")

    @property
    def scheme(self) -> str:
        return self._word("scheme") or "http"

    @property
    def protocol(self) -> str:
        version = self._word("http_version") or self._word("version")
        return f"HTTP/{version or '?'}"

    @property
    def status(self) -> int | None:
        record = self._answered
        return None if record is None else as_int(record.data["status"])

    @property
    def headers(self) -> list[tuple[str, str]]:
        return headers_of(self._asked)

    @property
    def response_headers(self) -> list[tuple[str, str]]:
        return headers_of(self._answered)

    def length(self, way: str) -> int:
        """Return how many octets of content were received or sent."""
        messages = self.asgi(way)
        return sum(as_int(record.data.get("len")) for record in messages)

    # -- what happened --

    def calls(self, kind: str | None = None) -> list[str]:
        """Return the names of the user's functions that ran, in order."""
        return [
            str(record.data.get("qualname"))
            for record in self.own
            if record.name == "user.call"
            and record.ph == "B"
            and record.data.get("kind") not in NOT_CALLS
            and kind in (None, record.data.get("kind"))
        ]

    @property
    def route(self) -> Route:
        route = Route()
        for record in self.own:
            data = record.data
            if record.name == "route.try":
                tried = str(data.get("rule")), str(data.get("verdict"))
                route.tried.append(tried)
            elif record.name == "route.match" and record.ph == "E":
                endpoint = data.get("endpoint")
                route.endpoint = None if endpoint is None else str(endpoint)
                route.args = data.get("args")
                route.status = as_int(data.get("status")) or None
        return route

    def asgi(self, way: str, at: str | None = None) -> Messages:
        """Return the messages of ``receive`` or ``send``.

        ``at`` names a skin of middleware; without it, next to the server.
        """
        if at is None and (app := self._first("asgi.app")) is not None:
            at = str(app.data.get("at"))
        return Messages(
            record
            for record in self.own
            if record.name == f"asgi.{way}"
            and "message" in record.data
            and record.data.get("at") == at
        )

    @property
    def error(self) -> str | None:
        """The first thing that went wrong, in words."""
        spans = spans_of(self.own)
        for record in self.own:
            span = spans.get(record.span or 0)
            wrong = anomaly(record, None if span is None else span.begin)
            if wrong and record.name == "route.match":
                return wrong + self._nearest()
            if wrong and not (
                self.kind == "websocket" and is_farewell(record)
            ):
                return wrong
        return None

    def _nearest(self) -> str:
        """Say which rule came nearest, and what it lacks."""
        for record in self.own:
            if record.name == "route.try" and record.data["verdict"] != "path":
                return f"; {record.data['rule']}: {record.data['why']}"
        return ""

    # -- how long it took --

    @property
    def began(self) -> int:
        """Nanoseconds since the trace began."""
        return self.records[0].t

    @property
    def duration(self) -> float:
        """Seconds from the first record to the last."""
        return (self.records[-1].t - self.began) / 1e9

    @cached_property
    def spans(self) -> list[Span]:
        return list(spans_of(self.own).values())

    def time(self, what: str) -> float:
        """Return seconds: of a record's name, a stage, a kind or a function.

        ``time("view")``, ``time("route.match")``, ``time("load_user")``
        """
        return (
            sum(span.time for span in self.spans if what in named(span)) / 1e9
        )

    @cached_property
    def parts(self) -> dict[str, float]:
        """Where the seconds went, each counted once; PARTS are the keys."""
        parts: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        apps = [span for span in self.spans if span.begin.name == "asgi.app"]
        for span in self.spans:
            outermost = not apps or at_of(span) == at_of(apps[0])
            part = part_of(span, outermost, innermost=span in apps[-1:])
            parts[part] += max(span.time - span.inner, 0) / 1e9
        if apps:
            before = apps[0].begin.t - self.began
            end = apps[0].end or self.records[-1]
            parts["protocol"] += before / 1e9
            parts["send"] += max(self.records[-1].t - end.t, 0) / 1e9
        return parts

    def _first(self, name: str) -> Record | None:
        return next((r for r in self.own if r.name == name), None)

    def _word(self, key: str) -> str:
        record = self._asked
        word = None if record is None else record.data.get(key)
        return "" if word is None else str(word)


def requests_of(records: Sequence[Record]) -> list[TracedRequest]:
    """Return the requests, each with what carried its octets."""
    own: dict[str, list[Record]] = {}
    carried: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        if record.req is not None:
            own.setdefault(record.req, []).append(record)
        elif record.name in ("net.recv", "net.write"):
            carried.setdefault((record.conn, record.dir), []).append(record)
    return [
        TracedRequest(req, with_carriers(mine, carried))
        for req, mine in own.items()
    ]


def with_carriers(
    own: list[Record], carried: dict[tuple[object, ...], list[Record]]
) -> list[Record]:
    """Add the reads and writes that overlap with a request's octets."""
    ranges: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for record in own:
        if record.bytes is not None:
            start, length = record.bytes
            place = record.conn, record.dir
            ranges.setdefault(place, []).append((start, start + length))
    found = [
        carrier
        for place, wanted in ranges.items()
        for carrier in overlapping(carried.get(place, []), wanted)
    ]
    return sorted([*own, *found], key=lambda record: record.seq)


def overlapping(
    carriers: list[Record], ranges: list[tuple[int, int]]
) -> Iterator[Record]:
    """Yield what overlaps; both are in the order of the wire."""
    at = 0
    for record in carriers:
        start, length = record.bytes or (0, 0)
        while at < len(ranges) and ranges[at][1] <= start:
            at += 1
        if at < len(ranges) and ranges[at][0] < start + length:
            yield record


def spans_of(records: Iterable[Record]) -> dict[int, Span]:
    """Join beginnings and ends, by the number of the span."""
    spans: dict[int, Span] = {}
    for record in records:
        if record.span is None:
            continue
        if record.ph == "B":
            spans[record.span] = Span(record)
        elif record.span in spans:
            span = spans[record.span]
            span.end = record
            if (outer := spans.get(record.parent or -1)) is not None:
                outer.inner += span.time
    return spans


def named(span: Span) -> tuple[object, ...]:
    data = span.begin.data
    words = data.get("stage"), data.get("kind"), data.get("qualname")
    return span.begin.name, *words


def at_of(span: Span) -> object:
    return span.begin.data.get("at")


def part_of(span: Span, outermost: bool, innermost: bool) -> str:
    """Return the part of the way that a span's own time belongs to."""
    match span.begin.name:
        case "asgi.app":
            return "app" if innermost else "middleware"
        case "asgi.receive" | "asgi.send" as name:
            way = name.removeprefix("asgi.")
            return way if outermost else "middleware"
        case "route.match":
            return "route"
        case "user.call":
            return "view" if span.begin.data.get("kind") == "view" else "hooks"
    return "send" if span.begin.layer == "h2" else "app"


def anomaly(record: Record, begin: Record | None = None) -> str | None:
    """Say what is wrong here, if something is; ``begin`` is of its span."""
    data = record.data if begin is None else {**begin.data, **record.data}
    outcome = data.get("outcome")
    match record.name:
        case "h1.error" | "h2.error" | "ws.error":
            return f"{record.layer}: {data.get('message')}"
        case "net.close" if data.get("error"):
            return f"the connection broke: {data['error']}"
        case "route.match" if as_int(data.get("status")) >= 400:
            return f"no rule for {data.get('method')} {data.get('path')}"
        case "timer.fire":
            return f"timed out: {data.get('what')}"
        case "loop.blocked":
            place = f" in {record.src}" if record.src else ""
            return f"the loop was blocked for {data.get('ms')} ms{place}"
        case "h2.frame" if data.get("frame") == "RST_STREAM":
            who = "the client" if record.dir == "in" else "the server"
            return f"{who} reset the stream: {data.get('error_code')}"
        case "asgi.send" if as_int(data.get("status")) >= 500:
            return f"status {data['status']}"
    if outcome == "exception" and record.name in ("asgi.app", "user.call"):
        name = data.get("qualname") or data.get("at")
        place = f", {begin.src}" if begin is not None and begin.src else ""
        return f"{name} raised {data.get('exception')}{place}"
    if outcome == "cancelled":
        return "cancelled"
    return None


def is_farewell(record: Record) -> bool:
    """Tell whether a WebSocket's view ended as it waited for a message."""
    data = record.data
    return (
        data.get("outcome") == "cancelled"
        or data.get("exception") == "ClientDisconnected"
    )


def headers_of(record: Record | None) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    headers = None if record is None else record.data.get("headers")
    match headers:
        case [*found]:
            for pair in found:
                match pair:
                    case [str(name), str(value)]:
                        pairs.append((name, value))
    return pairs


def as_int(value: object) -> int:
    return value if isinstance(value, int) else 0
