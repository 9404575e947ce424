"""A trace in the JSON of Chrome's traces, which Perfetto reads."""

from collections.abc import Iterator, Sequence

from microquart.xray.record import Record
from microquart.xray.requests import requests_of, spans_of

PROCESS = 1


def timeline(records: Sequence[Record]) -> dict[str, object]:
    """Return the trace as JSON's types: a track for each connection."""
    conns = dict.fromkeys(record.conn for record in records)
    tracks = {conn: number for number, conn in enumerate(conns, start=1)}
    events = [
        *(track(conn, tracks[conn]) for conn in tracks),
        *moments(records, tracks),
        *flows(records, tracks),
    ]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def track(conn: str | None, number: int) -> dict[str, object]:
    return {
        "ph": "M",
        "name": "thread_name",
        "pid": PROCESS,
        "tid": number,
        "args": {"name": conn or "no connection"},
    }


def moments(
    records: Sequence[Record], tracks: dict[str | None, int]
) -> Iterator[dict[str, object]]:
    """Yield instants, and beginnings with their ends; one has to be made up
    for what has not ended, and an end without a beginning is left out."""
    open_spans = dict[int, Record]()
    known = spans_of(records)
    for record in records:
        if record.ph == "I" or record.span is None:
            yield event("n", record, record, tracks)
        elif record.ph == "B":
            open_spans[record.span] = record
            yield event("b", record, record, tracks)
        elif open_spans.pop(record.span, None) is not None:
            yield event("e", record, known[record.span].begin, tracks)
    for begin in reversed(open_spans.values()):
        yield {**event("e", begin, begin, tracks), "ts": records[-1].t / 1000}


def event(
    ph: str, record: Record, begin: Record, tracks: dict[str | None, int]
) -> dict[str, object]:
    """Return an event; an end has the name and the track of its beginning."""
    data = begin.data
    word = data.get("qualname") or data.get("stage") or data.get("message")
    return {
        "ph": ph,
        "cat": "xray",  # only events of one category nest in one another
        "name": f"{begin.name} {word}" if word else begin.name,
        "id": begin.req or begin.conn or "none",
        "pid": PROCESS,
        "tid": tracks[begin.conn],
        "ts": record.t / 1000,  # microseconds
        "args": {**record.data, "seq": record.seq},
    }


def flows(
    records: Sequence[Record], tracks: dict[str | None, int]
) -> Iterator[dict[str, object]]:
    """Yield an arrow for each request: from its octets to the application."""
    for request in requests_of(records):
        called = [r for r in request.own if r.name == "asgi.app"]
        first = request.own[0]
        if called and first is not called[0]:
            for ph, record in (("s", first), ("f", called[0])):
                arrow = event(ph, record, record, tracks)
                yield {**arrow, "name": "call", "bp": "e"}
